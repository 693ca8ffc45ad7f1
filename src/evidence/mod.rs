//! Bytes kept as they were received: write-once, encrypted, with the record of how.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::keys::Keys;
use crate::model::document::{Document, EvidenceRef, Item, Provenance};
use crate::model::ids::{ContentHash, SourceName};

/// What is kept beside the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of this manifest.
    pub schema: u32,
    /// The BLAKE3 digest of the bytes.
    pub blake3: ContentHash,
    /// Their SHA-256, hex.
    pub sha256: String,
    /// How many bytes.
    pub bytes: u64,
    /// Whether the cap cut them off.
    pub truncated: bool,
    /// The declared media type.
    pub media_type: Option<String>,
    /// The source.
    pub source: SourceName,
    /// The item as listed.
    pub item: Item,
    /// How they were obtained.
    pub provenance: Provenance,
    /// The program's version.
    pub program: String,
}

/// Why evidence cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] crate::fs::Error),
    /// It does not decrypt, or its digest is another.
    #[error("the evidence file `{}` is damaged or was made with another key: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It is not there.
    #[error("the evidence file `{}` is missing; restore it from a backup", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
}

/// The store, a folder.
#[derive(Debug, Clone)]
pub struct EvidenceStore {}

impl EvidenceStore {
    /// Opens the store, or makes an empty one.
    pub fn open(dir: &Path, keys: &Keys) -> Result<Self, Error> {
        let _ = (dir, keys);
        todo!()
    }
    /// Keeps a document: durable when it returns. The same twice is one. Reads a spooled body in pieces.
    pub fn put(&self, document: &Document) -> Result<EvidenceRef, Error> {
        let _ = document;
        todo!()
    }
    /// The manifest.
    pub fn manifest(&self, object: &ContentHash) -> Result<Manifest, Error> {
        let _ = object;
        todo!()
    }
    /// The bytes, verified before they are handed over.
    pub fn body(&self, object: &ContentHash) -> Result<Bytes, Error> {
        let _ = object;
        todo!()
    }
}
