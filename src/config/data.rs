//! The data folder: which file is where, and the key that goes with it.

use std::path::{Path, PathBuf};

use crate::fs;
use crate::keys::{self, Keys};

/// The folder for everything that the program keeps, readable by its owner only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The folder at a path; it need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder if it is not there.
    pub fn create(&self) -> Result<(), fs::Error> {
        fs::create_private_dir(&self.0)
    }

    /// The fingerprints of the corpora.
    pub fn index(&self) -> PathBuf {
        self.0.join("index")
    }

    /// What must not be lost.
    pub fn record(&self) -> PathBuf {
        self.0.join("record.redb")
    }

    /// What can be rebuilt.
    pub fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// Bytes as they were received.
    pub fn evidence(&self) -> PathBuf {
        self.0.join("evidence")
    }

    /// Large bodies while they are fetched: files without names.
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// Clones of repositories while they are read; empty otherwise.
    pub fn clones(&self) -> PathBuf {
        self.0.join("clones")
    }

    /// Mails of the route that is there without configuration.
    pub fn outbox(&self) -> PathBuf {
        self.0.join("outbox")
    }

    /// Where commands talk to a running daemon.
    pub fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }

    /// There only while a backup is being restored, or after that was interrupted.
    pub fn restoring(&self) -> PathBuf {
        self.0.join("restoring")
    }

    /// The configuration as it was when the backup was made that this folder was restored from.
    pub fn restored_configuration(&self) -> PathBuf {
        self.0.join("restored-configuration")
    }

    /// Held by the one daemon or command that has the stores open.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The key, unless it is configured elsewhere.
    pub fn key_file(&self) -> PathBuf {
        self.0.join("key")
    }

    /// The keys of this folder: from the key file, or new ones if nothing was made with any yet.
    ///
    /// A key file that is missing although there is data is an error: a new key could read none of it.
    pub fn keys(&self, key_file: &Path) -> Result<Keys, keys::Error> {
        match Keys::read(key_file) {
            Err(keys::Error::Missing { path }) if self.is_in_use() => {
                Err(keys::Error::Missing { path })
            }
            Err(keys::Error::Missing { .. }) => self.make_keys(key_file),
            other => other,
        }
    }

    fn make_keys(&self, key_file: &Path) -> Result<Keys, keys::Error> {
        self.create()?;
        let folder = key_file.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.map_or(Ok(()), fs::create_private_dir)?;
        match Keys::create(key_file) {
            // Another command was faster.
            Err(keys::Error::File(error))
                if error.source.kind() == std::io::ErrorKind::AlreadyExists =>
            {
                Keys::read(key_file)
            }
            other => other,
        }
    }

    /// Whether there is something here that was made with a key.
    pub fn is_in_use(&self) -> bool {
        // In doubt there is: what cannot be looked at may well hold something.
        let holds_something = |folder: &Path| match std::fs::read_dir(folder) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        };
        self.record().try_exists().unwrap_or(true)
            || holds_something(&self.index())
            || holds_something(&self.evidence())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_on_first_need_and_read_from_then_on() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(dir.path().join("data"));
        let made = data.keys(&data.key_file()).unwrap();
        assert_eq!(data.keys(&data.key_file()).unwrap().fingerprint(), made.fingerprint());
        let permissions = std::fs::metadata(data.path()).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o700);
        let elsewhere = dir.path().join("safe/place/key");
        assert_ne!(data.keys(&elsewhere).unwrap().fingerprint(), made.fingerprint());
    }

    #[test]
    fn a_lost_key_is_never_replaced_by_a_new_one() {
        for kept in ["record.redb", "index/manifest", "evidence/00/x"] {
            let dir = tempfile::tempdir().unwrap();
            let data = DataDir::new(dir.path().to_owned());
            let path = dir.path().join(kept);
            fs::create_private_dir(path.parent().unwrap()).unwrap();
            fs::write_new(&path, b"x", 0o600).unwrap();
            let error = data.keys(&data.key_file()).unwrap_err();
            assert!(matches!(error, keys::Error::Missing { .. }), "{kept}");
            assert!(!data.key_file().exists(), "{kept}");
        }
    }
}
