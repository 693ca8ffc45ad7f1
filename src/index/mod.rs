//! Fingerprints on disk: immutable segments, one manifest swapped atomically, memory-mapped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fingerprint::TextPrints;
use crate::keys::Keys;
use crate::model::finding::Lines;
use crate::model::ids::CorpusName;

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
    /// Somebody else is writing.
    #[error("another command is changing the corpora in `{}`; wait for it to end and try again", dir.display())]
    Locked {
        /// The index folder.
        dir: PathBuf,
    },
}

/// The index in a folder.
#[derive(Debug)]
pub struct Index {}

impl Index {
    /// Opens the index, or makes an empty one. Checks the manifest, the key and every segment's checksum.
    pub fn open(dir: &Path, keys: &Keys) -> Result<Self, Error> {
        let _ = (dir, keys);
        todo!()
    }

    /// The state at this moment; later commits do not disturb it. Cheap if nothing has changed.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        todo!()
    }

    /// Takes the writer's lock.
    pub fn writer(&self) -> Result<Writer, Error> {
        todo!()
    }
}

/// Changes the index. Nothing is visible before [`Writer::commit`]; dropping it changes nothing.
#[derive(Debug)]
pub struct Writer {}

impl Writer {
    /// Adds a corpus or replaces what is known of it; its documents stay.
    pub fn put_corpus(&mut self, entry: CorpusEntry) {
        let _ = entry;
        todo!()
    }
    /// Adds a document, or replaces the one of that name.
    pub fn put_document(
        &mut self,
        corpus: &CorpusName,
        document: IndexedDocument,
    ) -> Result<(), Error> {
        let _ = (corpus, document);
        todo!()
    }
    /// Removes a document if it is there.
    pub fn remove_document(&mut self, corpus: &CorpusName, name: &str) {
        let _ = (corpus, name);
        todo!()
    }
    /// Removes a corpus and its documents.
    pub fn remove_corpus(&mut self, corpus: &CorpusName) {
        let _ = corpus;
        todo!()
    }
    /// The versions of a corpus' documents by name, changes of this writer included: for a refresh.
    pub fn versions(&self, corpus: &CorpusName) -> Result<BTreeMap<String, String>, Error> {
        let _ = corpus;
        todo!()
    }
    /// Makes the changes visible and durable, merges segments when there are many. The writer can go on
    /// (a long reading commits now and then, so that it can be resumed).
    pub fn commit(&mut self) -> Result<u64, Error> {
        todo!()
    }
}

/// The index at one moment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Snapshot {}

impl Snapshot {
    /// Rises with every commit.
    pub fn generation(&self) -> u64 {
        todo!()
    }
    /// The corpora and baselines.
    pub fn corpora(&self) -> Vec<CorpusEntry> {
        todo!()
    }
    /// How many live documents and samples a corpus has, and its skipped files.
    pub fn counts(&self, corpus: &CorpusName) -> (u64, u64) {
        let _ = corpus;
        todo!()
    }
    /// How many documents of all corpora (not baselines) there are.
    pub fn documents(&self) -> u64 {
        todo!()
    }
    /// For each value, every place where it stands in live documents, at most `cap` of them; the count of all.
    /// Values are looked up in one batch so that the disk's and the caches' latencies overlap.
    pub fn postings(
        &self,
        values: &[u64],
        cap: usize,
        found: &mut dyn FnMut(usize, &[Posting], u32),
    ) {
        let _ = (values, cap, found);
        todo!()
    }
    /// The live documents whose whole normalised text has this value.
    pub fn whole(&self, value: u64) -> Vec<DocumentNumber> {
        let _ = value;
        todo!()
    }
    /// A document.
    pub fn document(&self, number: DocumentNumber) -> DocumentEntry {
        let _ = number;
        todo!()
    }
    /// What a document is for, without decrypting its name.
    pub fn role(&self, number: DocumentNumber) -> Role {
        let _ = number;
        todo!()
    }
}
