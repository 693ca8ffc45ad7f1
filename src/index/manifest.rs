//! The one file that says what the index is: corpora, segments, dead documents. Swapped as a whole.
//!
//! An open header, so that another format, another key and damage are told apart and a new generation is
//! noticed by reading 80 bytes; then everything else, encrypted and authenticated together with the header.

use std::fs::File;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use super::codec::{Broken, array_at, u64_at};
use super::folder::Folder;
use super::format::{PREAMBLE, SegmentId, check_preamble, preamble};
use super::seal::{CHECKSUM, Seal, random};
use super::{CorpusEntry, Error};
use crate::fs;

/// Bytes of the header.
const HEADER: usize = 80;
/// Bytes of a key's id.
const KEY_ID: usize = 16;
const MAGIC: [u8; 8] = *b"LW-INDEX";

/// The header as it stands in the file. No two manifests share one: it holds a random number.
pub(super) type Stamp = [u8; HEADER];

/// A corpus under its number, by which documents refer to it. Numbers are never used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NumberedCorpus {
    pub(super) number: u32,
    pub(super) entry: CorpusEntry,
}

/// A segment that belongs to the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentEntry {
    pub(super) id: SegmentId,
    /// Its header's checksum, which vouches for the whole file.
    pub(super) checksum: [u8; CHECKSUM],
    /// The steps from one dead document to the next.
    pub(super) dead: Vec<u32>,
}

/// One generation of the index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) generation: u64,
    pub(super) next_corpus: u32,
    pub(super) corpora: Vec<NumberedCorpus>,
    pub(super) segments: Vec<SegmentEntry>,
}

impl Manifest {
    /// Reads the header only; none if there is no manifest.
    pub(super) fn stamp(folder: &Folder) -> Result<Option<Stamp>, Error> {
        let path = folder.manifest();
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(fs::Error::new("open", &path))?,
        };
        let mut stamp = [0; HEADER];
        match file.read_exact(&mut stamp) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(folder.damaged(&path, "it is cut off"))
            }
            read => {
                read.map_err(fs::Error::new("read", &path))?;
                Ok(Some(stamp))
            }
        }
    }

    /// Reads and checks the manifest; none if there is none.
    pub(super) fn read(folder: &Folder) -> Result<Option<(Self, Stamp)>, Error> {
        let path = folder.manifest();
        let bytes = match fs::read(&path) {
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        Self::parse(folder, &bytes).map(Some)
    }

    /// Checks the bytes of a manifest.
    pub(super) fn parse(folder: &Folder, bytes: &[u8]) -> Result<(Self, Stamp), Error> {
        let path = folder.manifest();
        check_preamble(bytes, MAGIC).map_err(|fault| folder.fault(&path, fault))?;
        let (stamp, sealed) = bytes
            .split_first_chunk::<HEADER>()
            .ok_or_else(|| folder.damaged(&path, "it is cut off"))?;
        if header_check(stamp) != stamp[HEADER - 8..] {
            return Err(folder.damaged(&path, "its header is not as it was written"));
        }
        same_key(stamp, folder)?;
        let manifest = Self::open(stamp, sealed, &folder.seal)
            .map_err(|Broken| folder.damaged(&path, "its content is not as it was written"))?;
        Ok((manifest, *stamp))
    }

    /// Fails if the header says that another key is the right one. What it does not say, because it is damaged or
    /// not there, is no failure here.
    pub(super) fn check_key(folder: &Folder) -> Result<(), Error> {
        match Self::stamp(folder) {
            Ok(Some(stamp)) if header_check(&stamp) == stamp[HEADER - 8..] => {
                same_key(&stamp, folder)
            }
            Ok(_) | Err(Error::Damaged { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn open(stamp: &Stamp, sealed: &[u8], seal: &Seal) -> Result<Self, Broken> {
        let plain = seal.decrypt(stamp, sealed)?;
        let (manifest, _padding) = postcard::take_from_bytes::<Self>(&plain).map_err(|_| Broken)?;
        if manifest.generation == u64_at(stamp, 32)? { Ok(manifest) } else { Err(Broken) }
    }

    /// Puts this manifest in place of the one before, durably.
    pub(super) fn write(&self, folder: &Folder) -> Result<Stamp, Error> {
        let path = folder.manifest();
        let (stamp, sealed) =
            self.seal(&folder.seal).map_err(fs::Error::new("encrypt what goes into", &path))?;
        fs::write_atomic(&path, &[stamp.as_slice(), &sealed].concat(), 0o600)?;
        Ok(stamp)
    }

    fn seal(&self, seal: &Seal) -> io::Result<(Stamp, Vec<u8>)> {
        let mut stamp = [0; HEADER];
        stamp[..PREAMBLE].copy_from_slice(&preamble(MAGIC));
        stamp[PREAMBLE..PREAMBLE + KEY_ID].copy_from_slice(seal.key_id().as_bytes());
        stamp[32..40].copy_from_slice(&self.generation.to_le_bytes());
        stamp[40..72].copy_from_slice(&random::<32>()?);
        let check = header_check(&stamp);
        stamp[72..].copy_from_slice(&check);
        let plain = postcard::to_stdvec(self).map_err(io::Error::other)?;
        Ok((stamp, seal.encrypt(&stamp, plain)?))
    }
}

fn same_key(stamp: &Stamp, folder: &Folder) -> Result<(), Error> {
    let key_id = &stamp[PREAMBLE..PREAMBLE + KEY_ID];
    if key_id == folder.seal.key_id().as_bytes() {
        return Ok(());
    }
    Err(Error::Key {
        dir: folder.path().to_owned(),
        found: String::from_utf8_lossy(key_id).into_owned(),
        given: folder.seal.key_id().to_owned(),
    })
}

/// Anybody can make it: it tells damage from another key. Forgery is told by the encryption.
fn header_check(stamp: &Stamp) -> [u8; 8] {
    array_at(blake3::hash(&stamp[..HEADER - 8]).as_bytes(), 0).unwrap_or_default()
}
