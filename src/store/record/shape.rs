//! What goes into the record and comes out of it, where [`crate::model`] has no noun for it already.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::batch::{Cursor, Missed};
use crate::model::document::EvidenceRef;
use crate::model::finding::{Finding, Passages};
use crate::model::ids::{CorpusName, EvidenceId, FindingId, IncidentId, RouteName, SourceName};
use crate::model::incident::{Actor, Severity, State};
use crate::model::notice::{NoticeKind, Outgoing};

/// Who does something, and when: what every event and every line of custody begins with.
#[derive(Debug, Clone, Copy)]
pub struct Hand<'a> {
    /// Who.
    pub by: &'a Actor,
    /// When.
    pub at: Timestamp,
}

/// A finding on its way into the record, its evidence already stored.
#[derive(Debug, Clone)]
pub struct NewFinding {
    /// What was found.
    pub finding: Finding,
    /// Its evidence.
    pub evidence: EvidenceRef,
}

/// What a batch becomes: all of it or nothing.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The source.
    pub source: SourceName,
    /// What was found.
    pub findings: Vec<NewFinding>,
    /// How many documents were looked at.
    pub looked_at: u64,
    /// How many of these could not be read: unknown, not clean.
    pub unreadable: u64,
    /// What was missed: kept, and retried if that can help.
    pub missed: Vec<Missed>,
    /// Evidence of documents that were not findings but were cut off at the cap, and the warning.
    pub cut: Vec<(EvidenceRef, String)>,
    /// Items missed before that were dealt with now, by id.
    pub recovered: Vec<String>,
    /// The cursor that it earns, unless the page goes on.
    pub cursor: Option<Cursor>,
    /// What the source could not see.
    pub gap: Option<String>,
    /// Whether it ends a complete pass.
    pub last: bool,
    /// When.
    pub at: Timestamp,
}

/// What the decision about a finding may look at, inside the transaction.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The incident.
    pub id: IncidentId,
    /// Where it stands.
    pub state: State,
    /// How bad it is.
    pub severity: Severity,
    /// The corpora it concerns.
    pub corpora: Vec<CorpusName>,
    /// Its leaked content.
    pub passages: Passages,
}

/// What becomes of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It opens an incident.
    Open {
        /// How bad it is.
        severity: Severity,
        /// What to tell, about the incident that is being opened.
        tell: Vec<Outlet>,
    },
    /// It joins one; a dismissed one stays silent.
    Join {
        /// Which.
        incident: IncidentId,
        /// How bad it is now; never lower than before.
        severity: Severity,
        /// What to tell.
        tell: Vec<Outlet>,
    },
    /// It stands at a place where it may stand: recorded, told to nobody.
    Allowed {
        /// The entry of `allowed.toml`.
        place: String,
    },
}

/// A route to tell about an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlet {
    /// The route.
    pub route: RouteName,
    /// The kind of message.
    pub kind: NoticeKind,
    /// Not before.
    pub not_before: Timestamp,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// Incidents that were opened.
    pub opened: Vec<IncidentId>,
    /// Incidents that were joined by a finding at a new place; one entry a finding.
    pub joined: Vec<IncidentId>,
    /// Findings that were known already.
    pub known: u32,
    /// Findings at allowed places.
    pub allowed: u32,
}

/// How a source has been doing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceStatus {
    /// When the last pass ended, well or not.
    pub last_attempt: Option<Timestamp>,
    /// The last complete pass.
    pub last_success: Option<Timestamp>,
    /// When it last gave something new.
    pub last_new: Option<Timestamp>,
    /// Passes that failed since the last success.
    pub failures: u32,
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
    /// Why the last attempt failed, in words for a person.
    pub last_error: Option<String>,
    /// Whether its failing was told to somebody.
    pub told: bool,
    /// Not to be tried before this time.
    pub not_before: Option<Timestamp>,
    /// Documents looked at, all time.
    pub looked_at: u64,
    /// Of these, how many could not be read.
    #[serde(default)]
    pub unreadable: u64,
    /// Findings, all time.
    pub findings: u64,
    /// Items missed and waiting for another attempt.
    pub missed: u64,
    /// Items set aside for good.
    pub set_aside: u64,
    /// What it could not see, newest last, the last 100.
    pub gaps: Vec<(Timestamp, String)>,
}

/// A pass over a source that failed.
#[derive(Debug, Clone)]
pub struct Failure<'a> {
    /// When.
    pub at: Timestamp,
    /// Why, in words for a person; no fetched text.
    pub error: &'a str,
    /// Not to be tried before this time.
    pub not_before: Option<Timestamp>,
    /// It is told when the source has failed so many times in a row, and was not told yet.
    pub tell_after: u32,
    /// What is queued then.
    pub tell: Vec<Outgoing>,
}

/// A row of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRow {
    /// Its number.
    pub id: EvidenceId,
    /// Where it is kept and what its digests are.
    pub evidence: EvidenceRef,
    /// The finding it belongs to; none for a document that was only cut off.
    pub finding: Option<FindingId>,
    /// When it was stored.
    pub stored: Timestamp,
    /// Why it was kept without a finding, in words for a person.
    pub warning: Option<String>,
}

/// How one attempt at a delivery went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Everybody has it.
    Delivered,
    /// Not yet; `reached` have it already.
    Retry {
        /// Recipients that have it now.
        reached: Vec<String>,
        /// Why not all, in words for a person.
        error: String,
        /// When to try again.
        at: Timestamp,
    },
    /// It will never work: a dead letter.
    GiveUp {
        /// Recipients that have it now.
        reached: Vec<String>,
        /// Why, in words for a person.
        error: String,
    },
}

/// Which incidents to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IncidentQuery {
    /// Only these states; all if empty.
    pub states: Vec<State>,
    /// Only of this corpus.
    pub corpus: Option<CorpusName>,
    /// At most so many, newest first.
    pub limit: Option<usize>,
}
