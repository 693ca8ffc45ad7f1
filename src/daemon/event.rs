//! What the daemon tells those who watch it work: `scan`, `demo`, the log. Losing an event loses nothing else.

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
    /// A pass failed; what was fetched before is on its way to disk.
    PassFailed {
        /// The source.
        source: SourceName,
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
    /// Incidents that were opened.
    pub opened: Vec<IncidentId>,
    /// Incidents that grew.
    pub joined: Vec<IncidentId>,
}

impl PassReport {
    /// Whether everything listed was looked at.
    pub fn is_complete(&self) -> bool {
        self.unreadable == 0 && self.missed == 0 && self.gaps.is_empty()
    }
}

/// Tells events to whoever listens. Cheap to clone; never waits.
#[derive(Debug, Clone)]
pub struct Observer(broadcast::Sender<Event>);

impl Default for Observer {
    fn default() -> Self {
        Self(broadcast::channel(1024).0)
    }
}

impl Observer {
    /// Tells an event.
    pub fn tell(&self, event: Event) {
        // Nobody listening is the usual case.
        drop(self.0.send(event));
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
