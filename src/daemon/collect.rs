//! One source, looked at by its schedule: polls, fetches, and sends batches down the pipeline.
//!
//! There is no shutdown code here: a collector may be dropped at any `.await`, because a source has no memory and
//! nothing counts before its batch is committed.

mod batching;
mod pass;
mod timing;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::event::Observer;
use crate::model::batch::{Batch, PassFailure};
use crate::model::ids::RouteName;
use crate::model::notice::{About, NoticeKind, Outgoing};
use crate::source::{Definition, Error, Source};
use crate::store::cache::Cache;
use crate::store::record::{Failure, Record};

pub use batching::Bounds;
use batching::Filling;
use pass::Trouble;

/// A pass that was asked for instead of waiting for the schedule.
#[derive(Debug)]
pub struct Nudge;

/// Everything one collector needs.
#[derive(Clone)]
pub struct Collector {
    /// What is looked at, and when.
    pub definition: Definition,
    /// The source built from it.
    pub source: Arc<dyn Source>,
    /// Cursors, misses and how the source has been doing.
    pub record: Record,
    /// Items seen before.
    pub cache: Cache,
    /// Down the pipeline.
    pub batches: mpsc::Sender<Batch>,
    /// How large a batch may be.
    pub bounds: Bounds,
    /// Whoever watches.
    pub observer: Observer,
    /// Routes that hear about failing sources.
    pub operations: Vec<RouteName>,
    /// So many failures in a row are told.
    pub tell_after: u32,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl Collector {
    /// Looks at the source by its schedule, and whenever nudged, for ever. A source never overlaps itself: there is
    /// one loop.
    pub async fn forever(self, mut nudges: mpsc::Receiver<Nudge>) -> anyhow::Result<()> {
        let mut status = self.status().await?;
        loop {
            let now = (self.now)();
            let due = timing::next_pass(&self.definition, &status, now);
            tokio::select! {
                () = sleep_until(due, self.now) => {}
                Some(Nudge) = nudges.recv() => {}
            }
            let number = self.pass_and_record().await?;
            // The next pass begins where this one ended in the record, or it would look at the same items again.
            self.observer.pass_ended(number, &self.definition.name).await;
            status = self.status().await?;
            status.last_attempt = Some((self.now)());
        }
    }

    /// One pass, its failure recorded; gives its number. Only trouble with the record itself is an error.
    pub async fn pass_and_record(&self) -> anyhow::Result<u64> {
        let name = &self.definition.name;
        let number = self.observer.pass_begins(name.clone());
        tracing::debug!(source.id = %name, "looking");
        let outcome = match self.pass(number).await {
            Ok(()) => {
                self.recovered().await?;
                return Ok(number);
            }
            Err(Trouble::Source(error)) => {
                let failure = self.failed(&error).await?;
                // Behind everything that was fetched before: whoever waits for the pass hears of that too.
                self.send(Filling::end_of_failure(name, number, failure)).await
            }
            Err(trouble) => Err(trouble),
        };
        match outcome {
            Err(Trouble::Record(error)) => Err(error),
            // The stage that closed its input says itself why, and has the word to stop given.
            Err(Trouble::Closed) => std::future::pending().await,
            Ok(()) | Err(Trouble::Source(_)) => Ok(number),
        }
    }

    async fn status(&self) -> anyhow::Result<crate::store::record::SourceStatus> {
        let (record, name) = (self.record.clone(), self.definition.name.clone());
        Ok(tokio::task::spawn_blocking(move || record.source_status(&name)).await??)
    }

    async fn recovered(&self) -> anyhow::Result<()> {
        let at = (self.now)();
        let tell = self
            .tell_operations(&About::SourceRecovered { source: self.definition.name.clone() }, at);
        let (record, name) = (self.record.clone(), self.definition.name.clone());
        Ok(tokio::task::spawn_blocking(move || record.source_recovered(&name, tell)).await??)
    }

    async fn failed(&self, error: &Error) -> anyhow::Result<PassFailure> {
        let at = (self.now)();
        let name = self.definition.name.clone();
        let reason = error.to_string();
        tracing::warn!(source.id = %name, reason, "a source failed");
        let not_before = match error {
            Error::RateLimited { until } => Some(*until),
            _ => None,
        };
        let about = About::SourceFailing { source: name.clone(), reason: reason.clone() };
        let tell = self.tell_operations(&about, at);
        let (record, of, text, tell_after) =
            (self.record.clone(), name.clone(), reason.clone(), self.tell_after);
        tokio::task::spawn_blocking(move || {
            record.source_failed(&of, Failure { at, error: &text, not_before, tell_after, tell })
        })
        .await??;
        let again = timing::next_pass(&self.definition, &self.status().await?, at);
        Ok(PassFailure { reason, again })
    }

    fn tell_operations(&self, about: &About, at: Timestamp) -> Vec<Outgoing> {
        let entry = |route: &RouteName| Outgoing {
            route: route.clone(),
            kind: NoticeKind::Source,
            about: about.clone(),
            queued: at,
            not_before: at,
        };
        self.operations.iter().map(entry).collect()
    }
}

/// A sleep is cut into steps, so that a clock that was set back or a machine that slept does not delay a pass for ever.
const STEP: Duration = Duration::from_mins(1);

async fn sleep_until(due: Option<Timestamp>, now: fn() -> Timestamp) {
    let Some(due) = due else { return std::future::pending().await };
    loop {
        let left = Duration::try_from(due - now()).unwrap_or(Duration::ZERO);
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(STEP)).await;
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is outside of the daemon: it has its own clock and tasks"
)]
mod tests;
