//! What the daemon tells those who watch it work: `scan`, `demo`, the log. Losing an event loses nothing else: how the
//! last pass over each source ended can be asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::model::finding::Verdict;
use crate::model::ids::{DeliveryId, IncidentId, RouteName, SourceName};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A pass over a source began.
    PassStarted {
        /// The source.
        source: SourceName,
    },
    /// A document was looked at.
    Inspected {
        /// The source.
        source: SourceName,
        /// Where the document stands. Hostile text.
        place: String,
        /// What was found.
        verdict: Verdict,
        /// How sure.
        score: f64,
    },
    /// Incidents were opened or grew; on disk when this is told.
    Recorded {
        /// The source.
        source: SourceName,
        /// Opened.
        opened: Vec<IncidentId>,
        /// Joined by a finding at another place.
        joined: Vec<IncidentId>,
    },
    /// A pass is complete and everything in it is on disk.
    PassEnded {
        /// The source.
        source: SourceName,
        /// What came of it.
        report: PassReport,
    },
    /// A pass failed; what was fetched before is on disk.
    PassFailed {
        /// The source.
        source: SourceName,
        /// What came of it until then.
        report: PassReport,
        /// Why, in words for a person.
        reason: String,
        /// When it is tried again, if that is known.
        again: Option<Timestamp>,
    },
    /// A message was delivered.
    Delivered {
        /// The delivery.
        delivery: DeliveryId,
        /// The route.
        route: RouteName,
        /// What it told about.
        incidents: Vec<IncidentId>,
    },
    /// A message was not delivered, or not to everybody.
    DeliveryFailed {
        /// The delivery.
        delivery: DeliveryId,
        /// The route.
        route: RouteName,
        /// Why, in words for a person.
        reason: String,
        /// When it is tried again; never, if none.
        again: Option<Timestamp>,
    },
}

/// What came of one pass over a source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PassReport {
    /// Documents looked at.
    pub looked_at: u64,
    /// Of these, leaks.
    pub leaks: u64,
    /// Of these, possible leaks.
    pub possible: u64,
    /// Of these, unreadable as a whole.
    pub unreadable: u64,
    /// Of these, cut off at the cap.
    pub cut: u64,
    /// Items that could not be looked at.
    pub missed: u64,
    /// Findings that were known already.
    pub known: u64,
    /// Findings at places where they may be.
    pub allowed: u64,
    /// What the source said it could not see.
    pub gaps: Vec<String>,
    /// Why the pass did not come to its end, in words for a person.
    pub failed: Option<String>,
    /// Incidents that were opened.
    pub opened: Vec<IncidentId>,
    /// Incidents that grew.
    pub joined: Vec<IncidentId>,
}

impl PassReport {
    /// Whether everything listed was looked at.
    pub fn is_complete(&self) -> bool {
        self.failed.is_none() && self.unreadable == 0 && self.missed == 0 && self.gaps.is_empty()
    }
}

/// Tells events to whoever listens, and knows how passes ended. Cheap to clone; never waits.
#[derive(Debug, Clone)]
pub struct Observer {
    events: broadcast::Sender<Event>,
    passes: Arc<Mutex<Passes>>,
}

#[derive(Debug, Default)]
struct Passes {
    begun: u64,
    /// The last pass over each source that ended, and what came of it.
    ended: BTreeMap<SourceName, (u64, PassReport)>,
}

impl Default for Observer {
    fn default() -> Self {
        Self { events: broadcast::channel(1024).0, passes: Arc::default() }
    }
}

impl Observer {
    /// Tells an event.
    pub fn tell(&self, event: Event) {
        // Nobody listening is the usual case.
        drop(self.events.send(event));
    }

    /// Listens from now on. Whoever is slow loses events.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// A pass begins; gives its number.
    pub fn pass_begins(&self, source: SourceName) -> u64 {
        let number = {
            let mut passes = self.passes();
            passes.begun += 1;
            passes.begun
        };
        self.tell(Event::PassStarted { source });
        number
    }

    /// A pass ended, and everything that came of it is on disk.
    pub fn pass_ends(
        &self,
        number: u64,
        source: SourceName,
        report: PassReport,
        again: Option<Timestamp>,
    ) {
        self.passes().ended.insert(source.clone(), (number, report.clone()));
        self.tell(match report.failed.clone() {
            None => Event::PassEnded { source, report },
            Some(reason) => Event::PassFailed { source, report, reason, again },
        });
    }

    /// How many passes have begun.
    pub fn begun(&self) -> u64 {
        self.passes().begun
    }

    /// What came of the last pass over a source, if that began after so many others.
    pub fn ended_after(&self, begun: u64, source: &SourceName) -> Option<PassReport> {
        let passes = self.passes();
        passes
            .ended
            .get(source)
            .filter(|(number, _)| *number > begun)
            .map(|(_, report)| report.clone())
    }

    /// Waits until a pass has ended, so that everything that came of it is on disk.
    pub async fn pass_ended(&self, number: u64, source: &SourceName) {
        /// Whoever is slow loses events: then the end is noticed at the next look.
        const LOOK: Duration = Duration::from_secs(1);
        let mut events = self.listen();
        while self.ended_after(number - 1, source).is_none() {
            drop(tokio::time::timeout(LOOK, events.recv()).await);
        }
    }

    fn passes(&self) -> MutexGuard<'_, Passes> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pass_that_began_later_answers_a_wish() {
        let observer = Observer::default();
        let pastes: SourceName = "pastes".parse().unwrap();
        let before = observer.pass_begins(pastes.clone());
        let asked = observer.begun();
        let after = observer.pass_begins(pastes.clone());
        observer.pass_ends(before, pastes.clone(), PassReport::default(), None);
        assert_eq!(observer.ended_after(asked, &pastes), None);
        let failed = PassReport { failed: Some("down".to_owned()), ..PassReport::default() };
        observer.pass_ends(after, pastes.clone(), failed.clone(), None);
        assert_eq!(observer.ended_after(asked, &pastes), Some(failed));
    }
}
