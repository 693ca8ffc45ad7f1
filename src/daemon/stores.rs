//! The stores of a data folder, held by one process at a time.

use std::path::PathBuf;

use crate::config::DataDir;
use crate::evidence::EvidenceStore;
use crate::fs::Lock;
use crate::index::Index;
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

/// A restore did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error(
    "a restore into `{}` was interrupted: run `leakwarden restore FILE` again, it begins anew", data_dir.display()
)]
pub struct HalfRestored {
    /// The data folder.
    pub data_dir: PathBuf,
}

impl Stores {
    /// Takes the lock and opens the stores.
    pub fn open(data: &DataDir, keys: &Keys) -> anyhow::Result<Self> {
        data.create()?;
        let lock = Lock::try_acquire(&data.lock())?
            .ok_or_else(|| InUse { data_dir: data.path().to_owned() })?;
        if data.restoring().exists() {
            return Err(HalfRestored { data_dir: data.path().to_owned() }.into());
        }
        // With another key the cache would be taken for a damaged one and thrown away.
        Index::check_key(&data.index(), keys)?;
        let record = Record::open(&data.record())?;
        let cache = Cache::open(&data.cache(), keys)?;
        let evidence = EvidenceStore::open(&data.evidence(), keys)?;
        Ok(Self { record, cache, evidence, _lock: lock })
    }
}
