//! Messages about incidents and sources, and the attempts to deliver them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::finding::Verdict;
use super::ids::{
    ContentHash, CorpusName, DeliveryId, EvidenceId, IncidentId, RouteName, SourceName,
};
use super::incident::{Severity, State};

/// Whom a route reaches: each gets other words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Analysts: technical.
    Security,
    /// Lawyers: plain words, no code.
    Legal,
    /// Whoever runs the program: sources, deliveries, disks.
    Operations,
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Security => "security",
            Self::Legal => "legal",
            Self::Operations => "operations",
        })
    }
}

/// What a notice is about; one kind a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// Leaks, told at once.
    Leak,
    /// What may be ours, collected.
    Digest,
    /// A source that fails or recovered.
    Source,
    /// A test, asked for by a person.
    Test,
}

/// Something to be told, waiting to be put into a message. Queued in the transaction that
/// records what it tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// The route.
    pub route: RouteName,
    /// The kind of message.
    pub kind: NoticeKind,
    /// What to tell.
    pub about: About,
    /// When it was queued.
    pub queued: Timestamp,
    /// Not before this time: so that a burst becomes one message, and a digest waits for its hour.
    pub not_before: Timestamp,
}

/// What one entry of a message tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// An incident was opened, grew or became worse.
    Incident(IncidentId),
    /// A source has been failing.
    SourceFailing {
        /// The source.
        source: SourceName,
        /// Why, in words for a person.
        reason: String,
    },
    /// A source works again.
    SourceRecovered {
        /// The source.
        source: SourceName,
    },
    /// Nothing: a test.
    Test,
}

/// One message and the attempts to deliver it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its number; the message id and the idempotency key derive from it.
    pub id: DeliveryId,
    /// The route.
    pub route: RouteName,
    /// The kind of message.
    pub kind: NoticeKind,
    /// What it tells, oldest first.
    pub about: Vec<About>,
    /// When the oldest entry was queued.
    pub queued: Timestamp,
    /// When the message was put together.
    pub formed: Timestamp,
    /// How it went so far.
    pub state: DeliveryState,
    /// The attempts made.
    pub attempts: u32,
    /// The last failure, in words for a person.
    pub last_error: Option<String>,
    /// Recipients (as the notifier names them) that have it already, so that a retry reaches only the rest.
    pub reached: Vec<String>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// To be tried at this time.
    Due {
        /// The next attempt.
        at: Timestamp,
    },
    /// Accepted by the other side.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// Given up: a person must look.
    Dead {
        /// When.
        at: Timestamp,
    },
}

/// A message as templates see it: facts only, no excerpt, no worker's name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// The delivery it belongs to.
    pub id: DeliveryId,
    /// The route.
    pub route: RouteName,
    /// Whom it reaches.
    pub audience: Audience,
    /// What kind of message.
    pub kind: NoticeKind,
    /// When the oldest entry was queued.
    pub queued: Timestamp,
    /// When it is sent.
    pub sent: Timestamp,
    /// Minutes of delay worth mentioning, if the way was blocked.
    pub delayed_minutes: Option<i64>,
    /// What blocked the way, in words for a person: the last failure of the delivery.
    pub delayed_because: Option<String>,
    /// Incidents, worst first.
    pub incidents: Vec<IncidentBrief>,
    /// Incidents left out for length.
    pub omitted: usize,
    /// Sources that fail or recovered.
    pub sources: Vec<SourceBrief>,
}

/// An incident in a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentBrief {
    /// Its number.
    pub id: IncidentId,
    /// Where it stands.
    pub state: State,
    /// How bad it is.
    pub severity: Severity,
    /// Its verdict.
    pub verdict: Verdict,
    /// The corpora it concerns.
    pub corpora: Vec<CorpusName>,
    /// When it was opened.
    pub opened: Timestamp,
    /// Where it was found, newest last.
    pub places: Vec<PlaceBrief>,
    /// Places left out for length.
    pub more_places: usize,
}

/// One place in a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceBrief {
    /// Where, not clickable (`hxxps://`). Hostile text.
    pub place: String,
    /// The source that found it.
    pub source: SourceName,
    /// When we first saw it.
    pub first_seen: Timestamp,
    /// The best score, 0 to 1.
    pub score: f64,
    /// The greatest share of the candidate that is ours, 0 to 1.
    pub candidate_coverage: f64,
    /// Lines of the candidate that are ours.
    pub matched_lines: u32,
    /// Our documents found there, best first, a few.
    pub documents: Vec<String>,
    /// Our documents left out for length.
    pub more_documents: usize,
    /// The evidence: number and BLAKE3.
    pub evidence: Vec<(EvidenceId, ContentHash)>,
}

/// A source in a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceBrief {
    /// The source.
    pub source: SourceName,
    /// Why it fails; none if it works again.
    pub failing: Option<String>,
}
