//! What most commands begin with: the configuration, the key, the index.

use std::path::PathBuf;

use super::args::Global;
use super::configured;
use crate::config::Config;
use crate::corpus;
use crate::detect::Detector;
use crate::fingerprint::Fingerprinter;
use crate::fs;
use crate::http;
use crate::index::{Index, Role};
use crate::keys::Keys;

/// The configuration and what lies in the data folder, without the record and the cache: those belong to the daemon.
pub(super) struct Workplace {
    /// The configuration in force.
    pub(super) config: Config,
    /// The keys.
    pub(super) keys: Keys,
    /// The index.
    pub(super) index: Index,
}

impl Workplace {
    /// Reads the configuration, makes the data folder and the key file where there are none yet, opens the index.
    pub(super) fn open(global: &Global) -> anyhow::Result<Self> {
        Self::of(configured(global)?)
    }

    /// The same for a configuration that is at hand.
    pub(super) fn of(config: Config) -> anyhow::Result<Self> {
        config.data.create()?;
        let keys = config.data.keys(&config.key_file)?;
        let index = Index::open(&config.data.index(), &keys)?;
        Ok(Self { config, keys, index })
    }

    pub(super) fn fingerprinter(&self) -> Fingerprinter {
        Fingerprinter::new(&self.keys)
    }

    /// Recognises what the index holds now.
    pub(super) fn detector(&self) -> anyhow::Result<Detector> {
        let snapshot = self.index.snapshot()?;
        anyhow::ensure!(
            snapshot.corpora().iter().any(|entry| entry.role == Role::Corpus),
            "there is no corpus yet, so nothing could be recognised; add one with `leakwarden corpus add NAME PATH`"
        );
        Ok(Detector::new(snapshot, self.fingerprinter(), self.config.policy.clone()))
    }

    /// Reads corpora.
    pub(super) fn reader(&self) -> corpus::Reader {
        corpus::Reader {
            fingerprinter: self.fingerprinter(),
            limits: self.config.policy.limits.clone(),
            scratch: self.config.data.clones(),
        }
    }

    /// A folder for bodies that do not fit into memory.
    pub(super) fn spool(&self) -> Result<PathBuf, fs::Error> {
        let dir = self.config.data.spool();
        fs::create_private_dir(&dir)?;
        Ok(dir)
    }

    /// Fetches one address, by all the rules of the daemon.
    pub(super) fn fetch(
        &self,
        request: http::Request,
    ) -> anyhow::Result<Result<http::Response, http::Error>> {
        self.spool()?;
        let client = http::Client::new(self.config.http.settings(&self.config.base)?)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(client.send(request)))
    }
}
