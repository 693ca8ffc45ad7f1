//! The collectors of all sources: started, nudged, replaced on reload, stopped first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::collect::{Collector, Nudge};
use crate::model::ids::SourceName;

/// Reaches running collectors by name.
#[derive(Debug, Clone, Default)]
pub struct Nudges(Arc<Mutex<BTreeMap<SourceName, mpsc::Sender<Nudge>>>>);

impl Nudges {
    /// The sources that can be nudged.
    pub fn sources(&self) -> Vec<SourceName> {
        self.lock().keys().cloned().collect()
    }

    /// Asks for a pass now; false if there is no such source. A source in the middle of a pass makes another one
    /// after it.
    pub fn nudge(&self, source: &SourceName) -> bool {
        match self.lock().get(source) {
            // A full channel means that a nudge is waiting already.
            Some(sender) => {
                !matches!(sender.try_send(Nudge), Err(mpsc::error::TrySendError::Closed(_)))
            }
            None => false,
        }
    }

    /// Replaces all collectors that can be nudged; one that is switched off cannot.
    fn open(&self, collectors: &[Collector]) -> Vec<Ready> {
        let mut senders = BTreeMap::new();
        let ready = collectors
            .iter()
            .map(|collector| {
                let (sender, receiver) = mpsc::channel(1);
                if collector.definition.disabled.is_none() {
                    senders.insert(collector.definition.name.clone(), sender);
                }
                (collector.clone(), receiver)
            })
            .collect();
        *self.lock() = senders;
        ready
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<SourceName, mpsc::Sender<Nudge>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A collector, and where it hears that it is nudged.
type Ready = (Collector, mpsc::Receiver<Nudge>);

/// Runs all collectors until `stop`; starts them anew whenever `collectors` changes. Dropping one in the middle of a
/// pass loses nothing: the pass is made again from the cursor in the record. They can be nudged from the call on, so
/// that a command which reaches a daemon that has just begun knows its sources.
pub fn forever(
    mut collectors: watch::Receiver<Vec<Collector>>,
    nudges: Nudges,
    stop: CancellationToken,
) -> impl Future<Output = anyhow::Result<()>> {
    let mut ready = nudges.open(&collectors.borrow_and_update());
    async move {
        loop {
            let mut running = JoinSet::new();
            for (collector, receiver) in ready {
                running.spawn(collector.forever(receiver));
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = collectors.changed() => if changed.is_err() { return Ok(()) },
                failure = first_failure(&mut running) => return failure,
            }
            ready = nudges.open(&collectors.borrow_and_update());
        }
    }
}

/// One pass over each, side by side.
pub async fn once(collectors: Vec<Collector>, stop: CancellationToken) -> anyhow::Result<()> {
    let mut running = JoinSet::new();
    for collector in collectors {
        running.spawn(async move { collector.pass_and_record().await });
    }
    let all = async {
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        Ok(())
    };
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        done = all => done,
    }
}

async fn first_failure(running: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    // No source at all is not a failure: the daemon serves the socket and delivers what is queued.
    std::future::pending().await
}
