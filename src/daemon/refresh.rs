//! Corpora read again when their schedule says so. One that cannot be read is left alone for a while, and told of once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::plant::Base;
use crate::config::Config;
use crate::corpus::{self, Outcome, Reader, Wanted};
use crate::model::ids::CorpusName;
use crate::watchlist::corpora::{Listed, list_folder};

/// A corpus that could not be read is tried again after this time.
const AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// Keeps the corpora of the list up to date.
pub struct Refresher {
    base: Base,
    memory: Mutex<Memory>,
}

/// What was tried, so that trouble is neither repeated every few seconds nor told as often.
#[derive(Default)]
struct Memory {
    failed: BTreeMap<CorpusName, Timestamp>,
    problems: Vec<String>,
}

impl Refresher {
    /// Nothing tried yet.
    pub fn new(base: Base) -> Self {
        Self { base, memory: Mutex::default() }
    }

    /// Reads the corpora whose turn it is, one after the other. One that fails does not stop the rest.
    pub fn refresh_due(&self, config: &Config) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (listed, problems) = config.corpora.resolve(&list_folder);
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        if memory.problems != problems {
            for problem in &problems {
                tracing::warn!(problem, "an entry of the list of corpora cannot be followed");
            }
            memory.problems = problems;
        }
        let known = match self.base.index.snapshot() {
            Ok(snapshot) => snapshot.corpora(),
            Err(error) => {
                tracing::error!(%error, "the corpora cannot be refreshed");
                return;
            }
        };
        let now = (self.base.now)();
        for corpus in listed {
            let read = known.iter().find(|entry| entry.name == corpus.name);
            let last = read.and_then(|entry| entry.refreshed);
            if !is_due(&corpus, last, memory.failed.get(&corpus.name).copied(), now) {
                continue;
            }
            let name = corpus.name.clone();
            match self.read(config, corpus, now) {
                Ok(outcome) => {
                    memory.failed.remove(&name);
                    tracing::info!(corpus = %name, added = outcome.added, changed = outcome.changed, removed = outcome.removed, "corpus read");
                }
                Err(error) => {
                    memory.failed.insert(name.clone(), (self.base.now)());
                    tracing::error!(corpus = %name, error = format!("{:#}", anyhow::Error::from(error)), "a corpus could not be read; what is known of it stays in use");
                }
            }
        }
    }

    fn read(
        &self,
        config: &Config,
        corpus: Listed,
        now: Timestamp,
    ) -> Result<Outcome, corpus::Error> {
        let reader = Reader {
            fingerprinter: self.base.fingerprinter.clone(),
            limits: config.policy.limits.clone(),
            scratch: config.data.clones(),
        };
        corpus::read(&self.base.index, &reader, &Wanted::listed(corpus), now, &|_| {})
    }
}

/// Whether a corpus is to be read now: last read and last failed at these times.
fn is_due(
    corpus: &Listed,
    read: Option<Timestamp>,
    failed: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let waits = failed.is_some_and(|at| now.duration_since(at) < AGAIN);
    let turn = match (read, &corpus.refresh) {
        (None, _) => true,
        (Some(last), Some(schedule)) => schedule.missed(last, now).is_some(),
        (Some(_), None) => false,
    };
    turn && !waits
}
