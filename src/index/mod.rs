//! Fingerprints on disk: immutable segments, one manifest swapped atomically, memory-mapped.
//!
//! A *segment* holds documents and the sorted values that stand in them; it never changes. The *manifest* names
//! the segments of one *generation*, their dead documents, and the corpora. A commit writes new segments, then
//! swaps the manifest: whoever looks sees the old generation or the new one, whatever happens in between. A
//! [`Snapshot`] is one generation; the one [`Writer`] makes the next.
//!
//! The invariant: no answer rests on bytes that were not verified, and no byte in the folder tells, without the
//! key, what a text says or what a document is called. The module knows nothing of how values are made.
//!
//! | file | what it owns |
//! |---|---|
//! | `format`, `codec`, `stream` | layout of the files, numbers as bytes, sections being written |
//! | `seal`, `names` | encryption, checksums, name keys |
//! | `filter`, `bucket` | values: surely not; and where |
//! | `segment`, `segment_writer`, `pending`, `merge`, `dead` | one segment: reading, writing, from memory, from others, what is gone |
//! | `manifest`, `live`, `folder` | one generation, on disk and opened; where it is |
//! | `snapshot`, `writer`, `copy` | what others use |
//!
//! `docs/index-format.md` describes the files byte by byte.

mod bucket;
mod codec;
mod copy;
mod dead;
mod filter;
mod folder;
mod format;
mod live;
mod manifest;
mod merge;
mod names;
mod pending;
mod seal;
mod segment;
mod segment_writer;
mod snapshot;
mod stream;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fingerprint::TextPrints;
use crate::keys::Keys;
use crate::model::finding::Lines;
use crate::model::ids::CorpusName;

pub use copy::IndexFile;
use folder::Folder;
use live::Generation;
use manifest::Manifest;
pub use snapshot::Snapshot;
pub use writer::Writer;

/// What a named body of text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Our own work.
    Corpus,
    /// Text that is never a leak.
    Baseline,
}

/// What the manifest keeps of one corpus or baseline. Its origin and attributes are encrypted on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusEntry {
    /// Its name.
    pub name: CorpusName,
    /// What it is for.
    pub role: Role,
    /// The folder or repository address it was read from.
    pub origin: String,
    /// Owner, sensitivity, copyright holder and so on, as configured.
    pub attributes: BTreeMap<String, String>,
    /// When it was added.
    pub added: Timestamp,
    /// When it was last read completely; none while the first reading is not finished.
    pub refreshed: Option<Timestamp>,
    /// The commit that was read, of a git repository.
    pub commit: Option<String>,
    /// Files that were looked at and left out, by reason.
    pub skipped: BTreeMap<String, u64>,
}

/// One document to be indexed.
#[derive(Debug, Clone)]
pub struct IndexedDocument {
    /// Its path within the corpus.
    pub name: String,
    /// What tells that it has not changed: a git blob id, or size and time. Encrypted on disk.
    pub version: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its fingerprints.
    pub prints: TextPrints,
}

/// A document's number within a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentNumber(pub u32);

/// One place where a value stands in the indexed documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The document.
    pub document: DocumentNumber,
    /// Where the stretch begins, in normalised characters.
    pub position: u32,
    /// The lines it stands on.
    pub lines: Lines,
}

/// What a snapshot knows of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentEntry {
    /// The corpus or baseline.
    pub corpus: CorpusName,
    /// What that is for.
    pub role: Role,
    /// Its path within the corpus.
    pub name: String,
    /// Its version, as given.
    pub version: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its length in normalised characters.
    pub length: u32,
    /// How many lines it has.
    pub lines: u32,
    /// How many samples were stored.
    pub prints: u32,
    /// The keyed value of its whole normalised text.
    pub whole: Option<u64>,
}

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] crate::fs::Error),
    /// A file is damaged.
    #[error("the index file `{}` is damaged ({what}); remove the folder `{}` and add the corpora again, or restore a backup", path.display(), dir.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The index folder.
        dir: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Made by another version.
    #[error("the index in `{}` has format {found}, this program reads {known}; use the program that made it, or add the corpora again", dir.display())]
    Format {
        /// The index folder.
        dir: PathBuf,
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Made with another key.
    #[error("the index in `{}` was made with another key (its id is {found}, the key file has {given}); put the right key file back", dir.display())]
    Key {
        /// The index folder.
        dir: PathBuf,
        /// The id of the key it was made with.
        found: String,
        /// The id of the key that was given.
        given: String,
    },
    /// Documents were put before their corpus was.
    #[error("there is no corpus `{corpus}` in the index; add it first")]
    UnknownCorpus {
        /// The corpus that was named.
        corpus: CorpusName,
    },
    /// Somebody else is writing.
    #[error("another command is changing the corpora in `{}`; wait for it to end and try again", dir.display())]
    Locked {
        /// The index folder.
        dir: PathBuf,
    },
}

/// The index in a folder, which belongs to it alone. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Index {
    folder: Arc<Folder>,
    current: Arc<Mutex<Arc<Generation>>>,
}

impl Index {
    /// Opens the index; where there is none yet, it is empty, and the first writer makes it. Checks the manifest,
    /// the key and every byte of every segment.
    pub fn open(dir: &Path, keys: &Keys) -> Result<Self, Error> {
        let folder = Arc::new(Folder::new(dir, keys));
        let generation = Arc::new(Generation::read(&folder, None)?);
        Ok(Self { folder, current: Arc::new(Mutex::new(generation)) })
    }

    /// Fails if the index in a folder was made with another key; reads 80 bytes and opens nothing. For whoever is about to
    /// open other things with this key, which cannot tell.
    pub fn check_key(dir: &Path, keys: &Keys) -> Result<(), Error> {
        Manifest::check_key(&Folder::new(dir, keys))
    }

    /// The state at this moment; later commits do not disturb it. Reads 80 bytes if nothing has changed, else the
    /// manifest and the segments that are new, which are verified; also what another process committed.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let current = Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner));
        if Manifest::stamp(&self.folder)? == current.stamp {
            return Ok(Snapshot { generation: current });
        }
        // Without the mutex: verifying runs on rayon's threads, which may take up work that asks for a snapshot.
        let generation = Arc::new(Generation::read(&self.folder, Some(&current))?);
        self.publish(Arc::clone(&generation));
        Ok(Snapshot { generation })
    }

    /// Takes the writer's lock; a folder that is not there is made.
    pub fn writer(&self) -> Result<Writer, Error> {
        Writer::new(self)
    }

    /// Spares the next snapshot the opening of what is open already.
    fn publish(&self, generation: Arc<Generation>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = generation;
    }
}

#[cfg(test)]
mod tests;
