//! Incidents, their histories and their findings: reading them, and what people do to them.

use std::ops::ControlFlow;

use jiff::Timestamp;
use redb::WriteTransaction;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Record;
use super::candidate;
use super::error::{Error, Fault};
use super::shape::{Hand, IncidentQuery};
use super::table::{Index, Numbered, Rows, Transaction, enter, next_number, numbers_under};
use crate::model::finding::{Finding, Passages, Verdict};
use crate::model::ids::{ContentHash, CorpusName, FindingId, IncidentId, SourceName};
use crate::model::incident::{Action, Event, Happened, Incident, RecordedFinding, Severity, State};

/// By number.
pub(super) static INCIDENTS: Numbered<IncidentRow> = Rows::new("incidents");
/// The histories of all incidents, in the order in which things happened.
pub(super) static EVENTS: Numbered<EventRow> = Rows::new("events");
/// By number.
pub(super) static FINDINGS: Numbered<FindingRow> = Rows::new("findings");
/// (incident, event).
pub(super) const EVENTS_BY_INCIDENT: Index<(u64, u64)> = Index::new("events-by-incident");
/// (incident, finding).
pub(super) const FINDINGS_BY_INCIDENT: Index<(u64, u64)> = Index::new("findings-by-incident");
/// (`source/item`, finding).
pub(super) const FINDINGS_BY_PLACE: Index<(&str, u64)> = Index::new("findings-by-place");

/// An incident without what grows with every finding, so that the ten-thousandth costs no more than the first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct IncidentRow {
    pub(super) id: IncidentId,
    pub(super) state: State,
    pub(super) severity: Severity,
    pub(super) verdict: Verdict,
    pub(super) corpora: Vec<CorpusName>,
    pub(super) passages: Passages,
    pub(super) owner: Option<String>,
    pub(super) opened: Timestamp,
    pub(super) changed: Timestamp,
}

impl IncidentRow {
    /// Takes in what a finding adds.
    pub(super) fn absorb(&mut self, found: &Finding) {
        let mut corpora = candidate::corpora(found);
        corpora.extend(self.corpora.drain(..));
        self.corpora = corpora.into_iter().collect();
        self.passages = self.passages.union(&found.passages);
        self.verdict = self.verdict.max(found.verdict);
    }
}

/// One thing that happened to an incident.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EventRow {
    pub(super) number: u64,
    pub(super) incident: IncidentId,
    pub(super) event: Event,
}

/// A finding, and when its incident's history last spoke of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FindingRow {
    pub(super) recorded: RecordedFinding,
    pub(super) told: Timestamp,
}

impl Record {
    /// Incidents, newest first.
    pub fn incidents(&self, query: &IncidentQuery) -> Result<Vec<Incident>, Error> {
        self.read(|tx| {
            let limit = query.limit.unwrap_or(usize::MAX);
            let mut incidents = Vec::new();
            INCIDENTS.visit_backwards(tx, |_, row| {
                if incidents.len() >= limit {
                    return Ok(ControlFlow::Break(()));
                }
                if matches(query, &row) {
                    incidents.push(whole(tx, row)?);
                }
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(incidents)
        })
    }

    /// One incident.
    pub fn incident(&self, id: IncidentId) -> Result<Incident, Error> {
        self.read(|tx| whole(tx, get(tx, id)?))
    }

    /// The findings of an incident, oldest first.
    pub fn findings(&self, id: IncidentId) -> Result<Vec<RecordedFinding>, Error> {
        self.read(|tx| {
            get(tx, id)?;
            let numbers = numbers_under(tx, FINDINGS_BY_INCIDENT, id.0)?;
            numbers.into_iter().map(|number| Ok(FINDINGS.require(tx, number)?.recorded)).collect()
        })
    }

    /// Changes an incident's state. To dismiss, close or reopen one needs a reason.
    pub fn act(
        &self,
        id: IncidentId,
        action: Action,
        reason: Option<String>,
        hand: Hand<'_>,
    ) -> Result<Incident, Error> {
        let reason = reason.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let needs_reason = matches!(action, Action::Dismiss | Action::Close | Action::Reopen);
        let what = match action {
            Action::Acknowledge => "incident.acknowledged",
            Action::Confirm => "incident.confirmed",
            Action::Dismiss => "incident.dismissed",
            Action::Contain => "incident.contained",
            Action::Close => "incident.closed",
            Action::Reopen => "incident.reopened",
        };
        self.write(|tx| {
            let mut row = get(tx, id)?;
            let from = row.state;
            let to = from.apply(action).map_err(Error::from)?;
            if needs_reason && reason.is_none() {
                return Err(Error::ReasonMissing(action).into());
            }
            row.state = to;
            let detail = json!({ "from": from, "to": to, "reason": reason });
            hand.did(tx, what, id, detail)?;
            happened(tx, hand, &mut row, Happened::Changed { action, from, to, reason })?;
            whole(tx, row)
        })
    }

    /// Writes a note.
    pub fn note(&self, id: IncidentId, text: String, hand: Hand<'_>) -> Result<Incident, Error> {
        self.write(|tx| {
            let mut row = get(tx, id)?;
            // The chain is shown to more people than a note, which may quote anything.
            let detail = json!({ "blake3": ContentHash::of(text.as_bytes()) });
            hand.did(tx, "incident.noted", id, detail)?;
            happened(tx, hand, &mut row, Happened::Noted { text })?;
            whole(tx, row)
        })
    }

    /// Gives an incident to somebody.
    pub fn assign(&self, id: IncidentId, to: String, hand: Hand<'_>) -> Result<Incident, Error> {
        self.write(|tx| {
            let mut row = get(tx, id)?;
            hand.did(tx, "incident.assigned", id, json!({ "to": to }))?;
            row.owner = Some(to.clone());
            happened(tx, hand, &mut row, Happened::Assigned { to })?;
            whole(tx, row)
        })
    }
}

fn matches(query: &IncidentQuery, row: &IncidentRow) -> bool {
    (query.states.is_empty() || query.states.contains(&row.state))
        && query.corpus.as_ref().is_none_or(|corpus| row.corpora.contains(corpus))
}

pub(super) fn get(tx: &impl Transaction, id: IncidentId) -> Result<IncidentRow, Fault> {
    INCIDENTS.get(tx, id.0)?.ok_or_else(|| Fault::unknown(id))
}

/// Puts an incident together with its findings and its history.
fn whole(tx: &impl Transaction, row: IncidentRow) -> Result<Incident, Fault> {
    let mut history = Vec::new();
    for number in numbers_under(tx, EVENTS_BY_INCIDENT, row.id.0)? {
        history.push(EVENTS.require(tx, number)?.event);
    }
    let findings = numbers_under(tx, FINDINGS_BY_INCIDENT, row.id.0)?;
    Ok(Incident {
        id: row.id,
        state: row.state,
        severity: row.severity,
        verdict: row.verdict,
        corpora: row.corpora,
        findings: findings.into_iter().map(FindingId).collect(),
        passages: row.passages,
        owner: row.owner,
        opened: row.opened,
        changed: row.changed,
        history,
    })
}

/// Adds to an incident's history and keeps the row.
pub(super) fn happened(
    tx: &WriteTransaction,
    hand: Hand<'_>,
    row: &mut IncidentRow,
    what: Happened,
) -> Result<(), Fault> {
    let number = next_number(tx, "event")?;
    let event = Event { at: hand.at, by: hand.by.clone(), what };
    put_event(tx, &EventRow { number, incident: row.id, event })?;
    row.changed = hand.at;
    put(tx, row)
}

/// Writes an event and what is derived from it.
pub(super) fn put_event(tx: &WriteTransaction, row: &EventRow) -> Result<(), Fault> {
    EVENTS.put(tx, row.number, row)?;
    enter(tx, EVENTS_BY_INCIDENT, (row.incident.0, row.number))
}

/// Writes an incident and what is derived from it.
pub(super) fn put(tx: &WriteTransaction, row: &IncidentRow) -> Result<(), Fault> {
    let before = INCIDENTS.get(tx, row.id.0)?.map(|before| before.passages).unwrap_or_default();
    candidate::reindex(tx, row.id, &before, &row.passages)?;
    INCIDENTS.put(tx, row.id.0, row)
}

/// Writes a finding and what is derived from it.
pub(super) fn put_finding(tx: &WriteTransaction, row: &FindingRow) -> Result<(), Fault> {
    let recorded = &row.recorded;
    FINDINGS.put(tx, recorded.id.0, row)?;
    let place = place_key(&recorded.source, &recorded.finding.item);
    enter(tx, FINDINGS_BY_PLACE, (place.as_str(), recorded.id.0))?;
    match recorded.incident {
        Some(incident) => enter(tx, FINDINGS_BY_INCIDENT, (incident.0, recorded.id.0)),
        None => Ok(()),
    }
}

/// Names an item among all sources. Unambiguous: a source's name holds no `/`.
pub(super) fn place_key(source: &SourceName, item: &str) -> String {
    format!("{source}/{item}")
}
