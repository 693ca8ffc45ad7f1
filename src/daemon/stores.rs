//! The stores of a data folder, held by one process at a time.

use std::path::{Path, PathBuf};

use crate::evidence::EvidenceStore;
use crate::fs::{self, Lock};
use crate::keys::Keys;
use crate::store::cache::Cache;
use crate::store::record::Record;

/// The open stores. While this lives, no other process can open them.
pub struct Stores {
    /// What must not be lost.
    pub record: Record,
    /// What can be rebuilt.
    pub cache: Cache,
    /// Bytes as received.
    pub evidence: EvidenceStore,
    _lock: Lock,
}

/// The data folder is in use.
#[derive(Debug, thiserror::Error)]
#[error(
    "another leakwarden process works in `{}`: a daemon, or a command that is not finished; commands reach a running \
     daemon by themselves, and a second daemon needs a data folder of its own (--data-dir)", data_dir.display()
)]
pub struct InUse {
    /// The data folder.
    pub data_dir: PathBuf,
}

impl Stores {
    /// Takes the lock and opens the stores.
    pub fn open(data_dir: &Path, keys: &Keys) -> anyhow::Result<Self> {
        fs::create_private_dir(data_dir)?;
        let lock = Lock::try_acquire(&data_dir.join("lock"))?
            .ok_or_else(|| InUse { data_dir: data_dir.to_owned() })?;
        let record = Record::open(&crate::service::record_path(data_dir))?;
        let cache = Cache::open(&data_dir.join("cache"), keys)?;
        let evidence = EvidenceStore::open(&data_dir.join("evidence"), keys)?;
        Ok(Self { record, cache, evidence, _lock: lock })
    }
}
