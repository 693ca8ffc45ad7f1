//! The key file, and the subkeys derived from it.
//!
//! One file of 32 random bytes, written as hex, mode 0600. Every use gets a subkey of its own
//! through BLAKE3's key derivation, so that a value made for one purpose says nothing in another.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::fs;

/// What a subkey is for. The context strings are part of every on-disk format: never change one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The stored value of a stretch of text.
    Fingerprint,
    /// The order by which stretches are sampled.
    Sampling,
    /// Names of documents in the index.
    Names,
    /// Evidence at rest.
    Evidence,
    /// Backups.
    Backup,
    /// Checksums and keys of the cache.
    Cache,
}

impl Purpose {
    fn context(self) -> &'static str {
        match self {
            Self::Fingerprint => "leakwarden 2026-11 fingerprint values v1",
            Self::Sampling => "leakwarden 2026-11 fingerprint sampling v1",
            Self::Names => "leakwarden 2026-11 index names v1",
            Self::Evidence => "leakwarden 2026-11 evidence at rest v1",
            Self::Backup => "leakwarden 2026-11 backups v1",
            Self::Cache => "leakwarden 2026-11 cache v1",
        }
    }
}

/// The key file is missing, foreign or broken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// It is not there, although data made with it is.
    #[error(
        "the key file `{}` is missing, but the data folder was made with one; put the original back (a new key \
         could read neither the index nor the evidence)", path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// It is not 64 hex digits.
    #[error("the key file `{}` is damaged: it must hold 64 hex digits; restore it from your copy", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Others can read it.
    #[error(
        "the key file `{}` can be read by others (mode {mode:o}); run `chmod 600 {}`, and rekey if somebody may have copied it",
        path.display(), path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a new key")]
    Random,
}

/// The master key. Never printed, wiped when dropped.
#[derive(Clone)]
pub struct Keys {
    master: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys([redacted])")
    }
}

impl Keys {
    /// Keys from given bytes: for tests and `demo`.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { master: Zeroizing::new(bytes) }
    }

    /// Reads the key file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = match fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Missing { path: path.to_owned() });
            }
            Err(error) => return Err(error.into()),
        };
        let mode =
            std::fs::metadata(path).map_err(fs::Error::new("read", path))?.permissions().mode()
                & 0o777;
        if mode & 0o077 != 0 {
            return Err(Error::Exposed { path: path.to_owned(), mode });
        }
        let hash = std::str::from_utf8(&text)
            .ok()
            .and_then(|text| blake3::Hash::from_hex(text.trim()).ok())
            .ok_or_else(|| Error::Damaged { path: path.to_owned() })?;
        Ok(Self::from_bytes(*hash.as_bytes()))
    }

    /// Makes a new key file; fails if there is one.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| Error::Random)?;
        let hex = Zeroizing::new(format!("{}\n", blake3::Hash::from_bytes(*bytes).to_hex()));
        fs::write_new(path, hex.as_bytes(), 0o600)?;
        Ok(Self::from_bytes(*bytes))
    }

    /// The subkey for one purpose.
    pub fn subkey(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(purpose.context(), self.master.as_ref()))
    }

    /// Sixteen hex digits that tell whether data was made with this key, and nothing else about it.
    pub fn fingerprint(&self) -> String {
        let id = blake3::derive_key("leakwarden 2026-11 key id v1", self.master.as_ref());
        blake3::Hash::from_bytes(id).to_hex().chars().take(16).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_reads_back_and_stays_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let made = Keys::create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Keys::read(&path).unwrap().fingerprint(), made.fingerprint());
        assert!(Keys::create(&path).is_err(), "a key is never overwritten");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(matches!(Keys::read(&path), Err(Error::Exposed { mode: 0o644, .. })));
    }

    #[test]
    fn of_two_commands_in_the_same_instant_one_makes_the_key_and_none_sees_half_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let start = std::sync::Barrier::new(8);
        let make = || {
            start.wait();
            let made = Keys::create(&path).is_ok();
            (made, Keys::read(&path).unwrap().fingerprint())
        };
        let seen: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(seen.iter().filter(|(made, _)| *made).count(), 1);
        assert!(seen.iter().all(|(_, key)| *key == seen[0].1));
    }

    #[test]
    fn a_missing_or_damaged_key_file_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        assert!(matches!(Keys::read(&path), Err(Error::Missing { .. })));
        fs::write_new(&path, b"not hex", 0o600).unwrap();
        assert!(matches!(Keys::read(&path), Err(Error::Damaged { .. })));
    }

    #[test]
    fn every_purpose_has_its_own_key() {
        let keys = Keys::from_bytes([7; 32]);
        let all = [
            Purpose::Fingerprint,
            Purpose::Sampling,
            Purpose::Names,
            Purpose::Evidence,
            Purpose::Backup,
            Purpose::Cache,
        ];
        for (i, a) in all.iter().enumerate() {
            for b in &all[i + 1..] {
                assert_ne!(keys.subkey(*a), keys.subkey(*b));
            }
        }
    }
}
