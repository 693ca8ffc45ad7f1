//! The record, in redb: incidents, findings, cursors, misses, the outbox, deliveries, custody, evidence rows.
//!
//! Every call that changes something is one transaction, durable when it returns, and writes its own line of
//! custody in that transaction. Calls block: on the runtime, call them through `spawn_blocking`.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::custody::{Deed, Line};
use crate::http::Pause;
use crate::model::batch::{Cursor, Missed};
use crate::model::document::EvidenceRef;
use crate::model::finding::{Finding, Passages};
use crate::model::ids::{CorpusName, DeliveryId, EvidenceId, FindingId, IncidentId, SourceName};
use crate::model::incident::{
    Action, Actor, IllegalTransition, Incident, RecordedFinding, Severity, State,
};
use crate::model::notice::{Delivery, Outgoing};

/// The record. Cheap to clone; one process at a time.
#[derive(Debug, Clone)]
pub struct Record {}

/// Why the record refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it open.
    #[error(
        "the record `{path}` is in use by another leakwarden process; commands reach a running daemon through its socket"
    )]
    InUse {
        /// The file.
        path: String,
    },
    /// It is damaged.
    #[error(
        "the record `{path}` is damaged ({why}); keep a copy of it for inspection, then run `leakwarden restore` with your newest backup"
    )]
    Damaged {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// It was made by a newer program.
    #[error(
        "the record `{path}` has schema {found}, this program knows {known}; use the newer program that wrote it"
    )]
    Schema {
        /// The file.
        path: String,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Writing failed: a full or read-only disk, most likely.
    #[error("cannot write the record `{path}`: {why}; nothing recorded so far is lost")]
    Write {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// No such thing.
    #[error("there is no {0}")]
    Unknown(String),
    /// The incident's state does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
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
    pub route: crate::model::ids::RouteName,
    /// The kind of message.
    pub kind: crate::model::notice::NoticeKind,
    /// Not before.
    pub not_before: Timestamp,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// Incidents that were opened.
    pub opened: Vec<IncidentId>,
    /// Incidents that were joined by a finding at a new place.
    pub joined: Vec<IncidentId>,
    /// Findings that were known already.
    pub known: u32,
    /// Findings at allowed places.
    pub allowed: u32,
}

/// How a source has been doing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceStatus {
    /// The last attempt.
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
    /// Findings, all time.
    pub findings: u64,
    /// Items missed and waiting for another attempt.
    pub missed: u64,
    /// Items set aside for good.
    pub set_aside: u64,
    /// What it could not see, newest last, the last 100.
    pub gaps: Vec<(Timestamp, String)>,
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

impl Record {
    /// Opens the record, or makes an empty one. Cache of 32 MiB.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let _ = path;
        todo!()
    }
    /// A record that is gone with the value: for tests and dry runs.
    pub fn in_memory() -> Result<Self, Error> {
        todo!()
    }

    /// The cursor of a source.
    pub fn cursor(&self, source: &SourceName) -> Result<Option<Cursor>, Error> {
        let _ = source;
        todo!()
    }
    /// How a source has been doing.
    pub fn source_status(&self, source: &SourceName) -> Result<SourceStatus, Error> {
        let _ = source;
        todo!()
    }
    /// Records the work of a batch. `decide` is called inside the transaction, once for each finding that is not
    /// known at its place already, with the incidents whose content may be the same.
    ///
    /// The same content (passages contained in each other by 0.9 and more) at the same place and source is the same
    /// finding: its `last_seen` moves, and evidence is added when the bytes differ.
    pub fn commit(
        &self,
        commit: Commit,
        decide: &mut dyn FnMut(&NewFinding, &[Candidate]) -> Decision,
    ) -> Result<Committed, Error> {
        let _ = (commit, decide);
        todo!()
    }
    /// Records that a pass over a source failed. `tell` is queued if the source's failing was not told yet and
    /// it has failed `tell_after` times in a row.
    pub fn source_failed(
        &self,
        source: &SourceName,
        error: &str,
        not_before: Option<Timestamp>,
        at: Timestamp,
        tell_after: u32,
        tell: Vec<Outgoing>,
    ) -> Result<(), Error> {
        let _ = (source, error, not_before, at, tell_after, tell);
        todo!()
    }
    /// Records that a source works again; queues `tell` if its failing had been told.
    pub fn source_recovered(
        &self,
        source: &SourceName,
        at: Timestamp,
        tell: Vec<Outgoing>,
    ) -> Result<(), Error> {
        let _ = (source, at, tell);
        todo!()
    }
    /// Items missed by a source that are due for another attempt, oldest first. Delays double from a minute to a
    /// day; after 12 attempts an item is set aside.
    pub fn due_misses(
        &self,
        source: &SourceName,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Missed>, Error> {
        let _ = (source, now, limit);
        todo!()
    }
    /// Items set aside for good: of one source, or of all.
    pub fn set_aside(
        &self,
        source: Option<&SourceName>,
    ) -> Result<Vec<(SourceName, Missed, Timestamp)>, Error> {
        let _ = source;
        todo!()
    }

    /// Incidents, newest first.
    pub fn incidents(&self, query: &IncidentQuery) -> Result<Vec<Incident>, Error> {
        let _ = query;
        todo!()
    }
    /// One incident.
    pub fn incident(&self, id: IncidentId) -> Result<Incident, Error> {
        let _ = id;
        todo!()
    }
    /// The findings of an incident, oldest first.
    pub fn findings(&self, id: IncidentId) -> Result<Vec<RecordedFinding>, Error> {
        let _ = id;
        todo!()
    }
    /// Changes an incident's state.
    pub fn act(
        &self,
        id: IncidentId,
        action: Action,
        reason: Option<String>,
        by: &Actor,
        at: Timestamp,
    ) -> Result<Incident, Error> {
        let _ = (id, action, reason, by, at);
        todo!()
    }
    /// Writes a note.
    pub fn note(
        &self,
        id: IncidentId,
        text: String,
        by: &Actor,
        at: Timestamp,
    ) -> Result<Incident, Error> {
        let _ = (id, text, by, at);
        todo!()
    }
    /// Gives an incident to somebody.
    pub fn assign(
        &self,
        id: IncidentId,
        to: String,
        by: &Actor,
        at: Timestamp,
    ) -> Result<Incident, Error> {
        let _ = (id, to, by, at);
        todo!()
    }

    /// Rows of evidence by number.
    pub fn evidence(&self, id: EvidenceId) -> Result<EvidenceRow, Error> {
        let _ = id;
        todo!()
    }
    /// All rows of evidence, oldest first.
    pub fn all_evidence(&self) -> Result<Vec<EvidenceRow>, Error> {
        todo!()
    }

    /// Queues something to be told.
    pub fn queue(&self, outgoing: Vec<Outgoing>) -> Result<(), Error> {
        let _ = outgoing;
        todo!()
    }
    /// Puts entries whose time has come into messages, one a route and kind, so that a burst is one message; one
    /// transaction.
    pub fn form_deliveries(&self, now: Timestamp) -> Result<Vec<DeliveryId>, Error> {
        let _ = now;
        todo!()
    }
    /// Deliveries to be attempted now, oldest first.
    pub fn due_deliveries(&self, now: Timestamp) -> Result<Vec<Delivery>, Error> {
        let _ = now;
        todo!()
    }
    /// When the next entry or delivery falls due; none if nothing waits.
    pub fn next_delivery(&self) -> Result<Option<Timestamp>, Error> {
        todo!()
    }
    /// Records how an attempt went.
    pub fn record_attempt(
        &self,
        id: DeliveryId,
        attempt: Attempt,
        at: Timestamp,
    ) -> Result<Delivery, Error> {
        let _ = (id, attempt, at);
        todo!()
    }
    /// Deliveries that were given up, newest first.
    pub fn dead_letters(&self) -> Result<Vec<Delivery>, Error> {
        todo!()
    }
    /// Every delivery that tells about an incident, oldest first.
    pub fn deliveries_about(&self, id: IncidentId) -> Result<Vec<Delivery>, Error> {
        let _ = id;
        todo!()
    }

    /// Keeps hosts' wishes to be left alone.
    pub fn put_pauses(&self, pauses: &[Pause]) -> Result<(), Error> {
        let _ = pauses;
        todo!()
    }
    /// Hosts' wishes to be left alone.
    pub fn pauses(&self) -> Result<Vec<Pause>, Error> {
        todo!()
    }
    /// A small value kept by name: the time of the last complete cycle, the last run of a schedule.
    pub fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        let _ = name;
        todo!()
    }
    /// Keeps a small value by name.
    pub fn put_setting(&self, name: &str, value: &str) -> Result<(), Error> {
        let _ = (name, value);
        todo!()
    }

    /// Adds a line to the chain of custody for something done outside the record (settings, evidence opened).
    pub fn testify(&self, deed: Deed) -> Result<Line, Error> {
        let _ = deed;
        todo!()
    }
    /// The whole chain, oldest first.
    pub fn custody(&self) -> Result<Vec<Line>, Error> {
        todo!()
    }

    /// Every table as JSON lines, for a backup: one consistent snapshot.
    pub fn dump(&self, out: &mut dyn std::io::Write) -> Result<(), Error> {
        let _ = out;
        todo!()
    }
    /// Fills an empty record from a dump.
    pub fn load(&self, lines: &mut dyn std::io::BufRead) -> Result<(), Error> {
        let _ = lines;
        todo!()
    }
}
