//! The detector in use: made anew when the corpora change or the configuration is reloaded.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::rules::{Rules, sensitivities};
use crate::detect::{Detector, Policy};
use crate::fingerprint::Fingerprinter;
use crate::index::{Error, Index};

/// How often the index is looked at for a new generation: a look is one `stat`.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Makes detectors from the index.
#[derive(Clone)]
pub struct Recognition {
    /// The index.
    pub index: Arc<Index>,
    /// The fingerprinter under the installation's key.
    pub fingerprinter: Fingerprinter,
    /// Thresholds and bounds; replaced when the configuration is reloaded.
    pub policy: watch::Receiver<Policy>,
    /// What is decided about findings: how sensitive each corpus is stands in the index too.
    pub rules: watch::Sender<Arc<Rules>>,
}

impl Recognition {
    /// The detector of this moment, and the generation that it sees. The rules know its corpora before it can find any.
    pub fn detector(&self) -> Result<(Arc<Detector>, u64), Error> {
        let snapshot = self.index.snapshot()?;
        let generation = snapshot.generation();
        let sensitivities = sensitivities(&snapshot);
        self.rules.send_if_modified(|rules| {
            let differ = rules.sensitivities != sensitivities;
            if differ {
                Arc::make_mut(rules).sensitivities = sensitivities;
            }
            differ
        });
        let policy = self.policy.borrow().clone();
        Ok((Arc::new(Detector::new(snapshot, self.fingerprinter.clone(), policy)), generation))
    }

    /// Keeps the detector in use up to date until `stop`. A damaged new generation leaves the old one in use.
    pub async fn follow(
        mut self,
        mut generation: u64,
        detector: watch::Sender<Arc<Detector>>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        loop {
            let reloaded = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK_EVERY) => false,
                Ok(()) = self.policy.changed() => true,
            };
            let this = self.clone();
            match tokio::task::spawn_blocking(move || this.detector()).await? {
                Ok((_, newest)) if newest == generation && !reloaded => {}
                Ok((newer, newest)) => {
                    tracing::info!(
                        generation = newest,
                        "the corpora have changed; the new generation is in use"
                    );
                    generation = newest;
                    detector.send_replace(newer);
                }
                Err(error) => {
                    tracing::error!(%error, "the newest generation of the index cannot be used; the last good one stays in use");
                }
            }
        }
    }
}
