//! The commit of a batch: findings, evidence, misses, notices, custody and cursor in one transaction.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use jiff::SignedDuration;
use redb::{ReadableTable, WriteTransaction};
use serde_json::json;

use super::Record;
use super::candidate;
use super::error::{Error, Fault};
use super::evidence;
use super::incident::{self, FINDINGS_BY_PLACE, FindingRow, IncidentRow};
use super::ledger::Hand;
use super::outbox;
use super::shape::{Candidate, Commit, Committed, Decision, NewFinding};
use super::source;
use super::table::next_number;
use crate::model::finding::{Finding, Passages};
use crate::model::ids::{FindingId, IncidentId, SourceName};
use crate::model::incident::{Actor, Happened, RecordedFinding, Severity, State};

/// Content is the same when this part of each is in the other.
const SAME: f64 = 0.9;
/// At most so many findings at one place are compared, the newest.
const COMPARED_AT_PLACE: usize = 64;
/// A finding keeps every version of its document up to so many, and then one a day: a page that changes with every
/// look must not fill the disk.
const VERSIONS_KEPT: usize = 24;
/// The history speaks of a finding seen again at most this often.
const QUIET: SignedDuration = SignedDuration::from_hours(24);

/// What is asked about a finding that is not known at its place.
type Decide<'a> = dyn FnMut(&NewFinding, &[Candidate]) -> Result<Decision, Fault> + 'a;

impl Record {
    /// Records the work of a batch. `decide` is called inside the transaction, once for each finding that is not
    /// known at its place already, with the incidents whose content may be the same. If it panics, nothing of the batch is
    /// recorded and the panic goes on.
    ///
    /// The same content (passages contained in each other by 0.9 and more) at the same place and source is the same
    /// finding: its `last_seen` moves, and evidence is added when the bytes differ. One that was allowed is decided again,
    /// since permission may have ended.
    pub fn commit(
        &self,
        commit: Commit,
        decide: &mut dyn FnMut(&NewFinding, &[Candidate]) -> Decision,
    ) -> Result<Committed, Error> {
        let mut panic = None;
        // Caught here, not around the transaction: redb cannot undo a transaction while it unwinds.
        let mut decide = |found: &NewFinding, candidates: &[Candidate]| {
            catch_unwind(AssertUnwindSafe(|| decide(found, candidates))).map_err(|payload| {
                panic = Some(payload);
                Fault::Interrupted
            })
        };
        let result = self.write(|tx| record(tx, &commit, &mut decide));
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
        result
    }
}

fn record(
    tx: &WriteTransaction,
    commit: &Commit,
    decide: &mut Decide<'_>,
) -> Result<Committed, Fault> {
    let hand = Hand { by: &Actor::Program, at: commit.at };
    let mut committed = Committed::default();
    for found in &commit.findings {
        match known(tx, &commit.source, found)? {
            Some(row) if row.recorded.incident.is_some() => {
                see_again(tx, hand, row, found)?;
                committed.known += 1;
            }
            row => settle(tx, (hand, &commit.source), row, found, (decide, &mut committed))?,
        }
    }
    for (evidence, warning) in &commit.cut {
        if !evidence::holds(tx, None, &evidence.blake3)? {
            evidence::add(tx, hand, None, (evidence, Some(warning)))?;
        }
    }
    source::worked(tx, commit, &committed)?;
    Ok(committed)
}

/// The finding that this one is, if its place and content are known.
fn known(
    tx: &WriteTransaction,
    source: &SourceName,
    found: &NewFinding,
) -> Result<Option<FindingRow>, Fault> {
    let place = incident::place_key(source, &found.finding.item);
    let numbers: Vec<u64> = {
        let index = tx.open_table(FINDINGS_BY_PLACE)?;
        let at_place = index.range((place.as_str(), 0)..=(place.as_str(), u64::MAX))?;
        at_place
            .rev()
            .take(COMPARED_AT_PLACE)
            .map(|key| Ok::<_, Fault>(key?.0.value().1))
            .collect::<Result<_, _>>()?
    };
    for number in numbers {
        let row = incident::get_finding(tx, number)?;
        if same_content(&row.recorded.finding.passages, &found.finding.passages) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn same_content(a: &Passages, b: &Passages) -> bool {
    a == b || (a.contained_in(b) >= SAME && b.contained_in(a) >= SAME)
}

/// The same content at the same place: only what is new about it is recorded.
fn see_again(
    tx: &WriteTransaction,
    hand: Hand<'_>,
    mut row: FindingRow,
    found: &NewFinding,
) -> Result<(), Fault> {
    let recorded = &mut row.recorded;
    let absent = hand.at.duration_since(recorded.last_seen) >= QUIET;
    let quiet = hand.at.duration_since(row.told) >= QUIET;
    let changed = keep_version(tx, hand, recorded, found, quiet)?;
    recorded.last_seen = recorded.last_seen.max(hand.at);
    if quiet && (changed || absent) {
        row.told = hand.at;
        let finding = recorded.id;
        hand.did(tx, "finding.seen-again", finding, json!({ "changed": changed }))?;
        if let Some(id) = recorded.incident {
            let mut incident = incident::get(tx, id)?;
            incident::happened(tx, hand, &mut incident, Happened::SeenAgain { finding })?;
        }
    }
    incident::put_finding(tx, &row)
}

/// Adds evidence if the bytes are new; says whether they were.
fn keep_version(
    tx: &WriteTransaction,
    hand: Hand<'_>,
    recorded: &mut RecordedFinding,
    found: &NewFinding,
    quiet: bool,
) -> Result<bool, Fault> {
    let changed = !evidence::holds(tx, Some(recorded.id), &found.evidence.blake3)?;
    if changed && (quiet || recorded.evidence.len() < VERSIONS_KEPT) {
        let id = evidence::add(tx, hand, Some(recorded.id), (&found.evidence, None))?;
        recorded.evidence.push(id);
    }
    Ok(changed)
}

/// A finding that is new at its place, or was allowed there: decided, and recorded with what follows.
fn settle(
    tx: &WriteTransaction,
    (hand, source): (Hand<'_>, &SourceName),
    before: Option<FindingRow>,
    found: &NewFinding,
    (decide, committed): (&mut Decide<'_>, &mut Committed),
) -> Result<(), Fault> {
    let decision = decide(found, &candidate::candidates(tx, &found.finding)?)?;
    let was_known = before.is_some();
    let mut row = match before {
        Some(row) => row,
        None => first_sight(tx, hand, source, found)?,
    };
    let quiet = was_known && hand.at.duration_since(row.told) >= QUIET;
    if keep_version(tx, hand, &mut row.recorded, found, quiet)? && quiet {
        row.told = hand.at;
    }
    row.recorded.last_seen = row.recorded.last_seen.max(hand.at);
    let finding = row.recorded.id;
    match decision {
        Decision::Open { severity, tell } => {
            let id = open(tx, hand, &mut row, severity)?;
            outbox::tell(tx, hand.at, id, tell)?;
            committed.opened.push(id);
        }
        Decision::Join { incident: id, severity, tell } => {
            let state = join(tx, hand, &mut row, (id, severity))?;
            let audible = if state == State::Dismissed { Vec::new() } else { tell };
            outbox::tell(tx, hand.at, id, audible)?;
            committed.joined.push(id);
        }
        Decision::Allowed { place } if row.recorded.allowed.as_ref() == Some(&place) => {
            committed.known += 1;
        }
        Decision::Allowed { place } => {
            hand.did(tx, "finding.allowed", finding, json!({ "place": place, "source": source }))?;
            row.recorded.allowed = Some(place);
            committed.allowed += 1;
        }
    }
    incident::put_finding(tx, &row)
}

fn first_sight(
    tx: &WriteTransaction,
    hand: Hand<'_>,
    source: &SourceName,
    found: &NewFinding,
) -> Result<FindingRow, Fault> {
    let recorded = RecordedFinding {
        id: FindingId(next_number(tx, "finding")?),
        incident: None,
        allowed: None,
        source: source.clone(),
        finding: found.finding.clone(),
        evidence: Vec::new(),
        first_seen: hand.at,
        last_seen: hand.at,
    };
    Ok(FindingRow { recorded, told: hand.at })
}

fn open(
    tx: &WriteTransaction,
    hand: Hand<'_>,
    row: &mut FindingRow,
    severity: Severity,
) -> Result<IncidentId, Fault> {
    let id = IncidentId(next_number(tx, "incident")?);
    let found = &row.recorded.finding;
    let mut opened = IncidentRow {
        id,
        state: State::New,
        severity,
        verdict: found.verdict,
        corpora: candidate::corpora(found).into_iter().collect(),
        passages: found.passages.clone(),
        owner: None,
        opened: hand.at,
        changed: hand.at,
    };
    hand.did(tx, "incident.opened", id, facts(row, &opened))?;
    let finding = row.recorded.id;
    incident::happened(tx, hand, &mut opened, Happened::Opened { finding })?;
    row.recorded.incident = Some(id);
    row.recorded.allowed = None;
    Ok(id)
}

fn join(
    tx: &WriteTransaction,
    hand: Hand<'_>,
    row: &mut FindingRow,
    (id, severity): (IncidentId, Severity),
) -> Result<State, Fault> {
    let mut joined = incident::get(tx, id)?;
    let found = &row.recorded.finding;
    absorb(&mut joined, found);
    hand.did(tx, "incident.joined", id, facts(row, &joined))?;
    let finding = row.recorded.id;
    incident::happened(tx, hand, &mut joined, Happened::Joined { finding })?;
    let from = joined.severity;
    if severity > from {
        joined.severity = severity;
        hand.did(tx, "incident.escalated", id, json!({ "from": from, "to": severity }))?;
        incident::happened(tx, hand, &mut joined, Happened::Escalated { from, to: severity })?;
    }
    row.recorded.incident = Some(id);
    row.recorded.allowed = None;
    Ok(joined.state)
}

fn absorb(incident: &mut IncidentRow, found: &Finding) {
    let mut corpora = candidate::corpora(found);
    corpora.extend(incident.corpora.drain(..));
    incident.corpora = corpora.into_iter().collect();
    incident.passages = incident.passages.union(&found.passages);
    incident.verdict = incident.verdict.max(found.verdict);
}

fn facts(row: &FindingRow, incident: &IncidentRow) -> serde_json::Value {
    json!({
        "finding": row.recorded.id,
        "source": row.recorded.source,
        "verdict": row.recorded.finding.verdict,
        "severity": incident.severity,
        "corpora": incident.corpora,
        "evidence": row.recorded.evidence,
    })
}
