//! Bytes kept as they were received: write-once, encrypted, with the record of how.
//!
//! Owns the folder and its format; knows nothing of findings or incidents. Invariant: whatever it hands out is, digest by
//! digest, what was put in. `docs/record.md` describes the format: bodies are kept once however often they are fetched,
//! manifests once a fetch; both are sealed, and named by a keyed hash of what they hold, so that the folder names nothing.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::fs::{self, BodyReader};
use crate::keys::{Keys, Purpose};
use crate::model::document::{Document, EvidenceRef, Item, Provenance};
use crate::model::ids::{ContentHash, SourceName};

mod object;
mod sweep;

pub use sweep::Swept;

use object::Kind;

/// The format of manifests.
const SCHEMA: u32 = 1;
/// A manifest is far smaller; more is not one of ours.
const LARGEST_MANIFEST: u64 = 64 << 20;

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
    File(#[from] fs::Error),
    /// It does not decrypt, or its digest is another.
    #[error("the evidence file `{}` is damaged or was made with another key: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It is not there.
    #[error("the evidence file `{}` is missing; restore it from a backup", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
}

/// The store, a folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EvidenceStore {
    shared: Arc<Shared>,
}

struct Shared {
    dir: PathBuf,
    /// Seals the files.
    key: Zeroizing<[u8; 32]>,
    /// Names them.
    names: Zeroizing<[u8; 32]>,
    /// Held while a file is found to be there and marked as wanted, and while the sweep removes one.
    gate: Mutex<()>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvidenceStore").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl EvidenceStore {
    /// Opens the store, or makes an empty one.
    pub fn open(dir: &Path, keys: &Keys) -> Result<Self, Error> {
        fs::create_private_dir(dir)?;
        for kind in Kind::ALL {
            fs::create_private_dir(&dir.join(kind.folder()))?;
        }
        fs::sync_dir(dir)?;
        let key = keys.subkey(Purpose::Evidence);
        let names = blake3::derive_key("leakwarden 2026-11 evidence file names v1", key.as_ref());
        let shared =
            Shared { dir: dir.to_owned(), key, names: Zeroizing::new(names), gate: Mutex::new(()) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Keeps a document: durable when it returns. The same twice is one. Reads a spooled body in pieces.
    pub fn put(&self, document: &Document) -> Result<EvidenceRef, Error> {
        let body = Digests::of(BodyReader::new(&document.body), &mut io::sink())
            .map_err(fs::Error::new("read a fetched body into", &self.shared.dir))?;
        let manifest = Manifest {
            schema: SCHEMA,
            blake3: body.blake3,
            sha256: body.sha256.clone(),
            bytes: body.bytes,
            truncated: document.truncated,
            media_type: document.media_type.clone(),
            source: document.source.clone(),
            item: document.item.clone(),
            provenance: document.provenance.clone(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let manifest = serde_json::to_vec(&manifest).expect("a manifest has string keys only");
        let object = ContentHash::of(&manifest);
        self.keep(&self.name(Kind::Body, &body.blake3), &mut BodyReader::new(&document.body))?;
        self.keep(&self.name(Kind::Manifest, &object), &mut manifest.as_slice())?;
        Ok(EvidenceRef { object, blake3: body.blake3, sha256: body.sha256, bytes: body.bytes })
    }

    /// The manifest.
    pub fn manifest(&self, object: &ContentHash) -> Result<Manifest, Error> {
        let name = self.name(Kind::Manifest, object);
        let mut json = Vec::new();
        let digests = self.read(&name, &mut Capped { out: &mut json, left: LARGEST_MANIFEST })?;
        if digests.blake3 != *object {
            return Err(self.damaged(&name, "its digest is another"));
        }
        let manifest: Manifest = serde_json::from_slice(&json)
            .map_err(|_| self.damaged(&name, "it is not a manifest"))?;
        if manifest.schema > SCHEMA {
            return Err(self.damaged(&name, "a newer program wrote it"));
        }
        Ok(manifest)
    }

    /// The bytes, verified before they are handed over. All in memory: for large ones there is [`Self::copy_body`].
    pub fn body(&self, object: &ContentHash) -> Result<Bytes, Error> {
        let manifest = self.manifest(object)?;
        let mut bytes = Vec::with_capacity(usize::try_from(manifest.bytes).unwrap_or(0));
        self.read_body(&manifest, &mut bytes)?;
        Ok(bytes.into())
    }

    /// Writes the bytes to `out`, in pieces, after all of them were verified.
    pub fn copy_body(&self, object: &ContentHash, out: &mut dyn Write) -> Result<u64, Error> {
        let manifest = self.manifest(object)?;
        self.read_body(&manifest, &mut io::sink())?;
        self.read_body(&manifest, out)?;
        Ok(manifest.bytes)
    }

    /// Checks body and manifest against all their digests.
    pub fn verify(&self, evidence: &EvidenceRef) -> Result<(), Error> {
        let manifest = self.manifest(&evidence.object)?;
        let same = manifest.blake3 == evidence.blake3
            && manifest.sha256 == evidence.sha256
            && manifest.bytes == evidence.bytes;
        if !same {
            let name = self.name(Kind::Manifest, &evidence.object);
            return Err(self.damaged(&name, "it tells of other bytes than the record does"));
        }
        self.read_body(&manifest, &mut io::sink())
    }

    fn read_body(&self, manifest: &Manifest, out: &mut dyn Write) -> Result<(), Error> {
        let name = self.name(Kind::Body, &manifest.blake3);
        let digests = self.read(&name, out)?;
        let same = digests.blake3 == manifest.blake3
            && digests.sha256 == manifest.sha256
            && digests.bytes == manifest.bytes;
        if same { Ok(()) } else { Err(self.damaged(&name, "its digests are others")) }
    }
}

/// Takes at most so many bytes.
struct Capped<'a> {
    out: &'a mut Vec<u8>,
    left: u64,
}

impl Write for Capped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let too_large = || io::Error::new(io::ErrorKind::InvalidData, "it is too large");
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(too_large)?;
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Both digests of bytes, and how many there are.
#[derive(Debug)]
struct Digests {
    blake3: ContentHash,
    sha256: String,
    bytes: u64,
}

impl Digests {
    /// Reads to the end, copying to `out`, in pieces.
    fn of(mut input: impl Read, out: &mut dyn Write) -> io::Result<Self> {
        let (mut blake3, mut sha256, mut bytes) = (blake3::Hasher::new(), Sha256::new(), 0);
        let mut piece = vec![0; 1 << 16];
        loop {
            let read = match input.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            blake3.update(&piece[..read]);
            sha256.update(&piece[..read]);
            out.write_all(&piece[..read])?;
            bytes += read as u64;
        }
        // 32 bytes as 64 hex digits, in the way of BLAKE3's own.
        let sha256 = blake3::Hash::from_bytes(sha256.finalize().into()).to_hex().to_string();
        Ok(Self { blake3: ContentHash(*blake3.finalize().as_bytes()), sha256, bytes })
    }
}

#[cfg(test)]
mod tests;
