//! The commit of a batch: findings, evidence, misses, notices, custody and cursor in one transaction.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use jiff::SignedDuration;
use redb::{ReadableTable, WriteTransaction};
use serde_json::json;

use super::Record;
use super::candidate;
use super::error::{Error, Fault};
use super::evidence;
use super::incident::{self, FINDINGS, FINDINGS_BY_PLACE, FindingRow, IncidentRow};
use super::outbox;
use super::shape::{Candidate, Commit, Committed, Decision, Hand, NewFinding, Outlet};
use super::source;
use super::table::next_number;
use crate::model::document::EvidenceRef;
use crate::model::finding::Passages;
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
        let findings = commit.findings;
        let commit = Commit { findings: Vec::new(), ..commit };
        let mut panic = None;
        // Caught here, not around the transaction: redb cannot undo a transaction while it unwinds.
        let mut decide = |found: &NewFinding, candidates: &[Candidate]| {
            catch_unwind(AssertUnwindSafe(|| decide(found, candidates))).map_err(|payload| {
                panic = Some(payload);
                Fault::Interrupted
            })
        };
        let result = self.write(|tx| {
            let hand = Hand { by: &Actor::Program, at: commit.at };
            let committed = Committed::default();
            let mut work = Work { tx, hand, source: &commit.source, committed };
            for found in &findings {
                work.find(found, &mut decide)?;
            }
            work.keep_cut(&commit.cut)?;
            source::worked(tx, &commit, &work.committed)?;
            Ok(work.committed)
        });
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
        result
    }
}

/// The commit under way.
struct Work<'a> {
    tx: &'a WriteTransaction,
    hand: Hand<'a>,
    source: &'a SourceName,
    committed: Committed,
}

impl Work<'_> {
    /// Records a finding: seen again, or decided.
    fn find(&mut self, found: &NewFinding, decide: &mut Decide<'_>) -> Result<(), Fault> {
        match self.known(found)? {
            Some(row) if row.recorded.incident.is_some() => {
                self.committed.known += 1;
                self.see_again(row, found)
            }
            Some(row) => self.settle(row, found, decide),
            None => {
                let recorded = RecordedFinding {
                    id: FindingId(next_number(self.tx, "finding")?),
                    incident: None,
                    allowed: None,
                    source: self.source.clone(),
                    finding: found.finding.clone(),
                    evidence: Vec::new(),
                    first_seen: self.hand.at,
                    last_seen: self.hand.at,
                };
                self.settle(FindingRow { recorded, told: self.hand.at }, found, decide)
            }
        }
    }

    /// The finding that this one is, if its place and content are known.
    fn known(&self, found: &NewFinding) -> Result<Option<FindingRow>, Fault> {
        let place = incident::place_key(self.source, &found.finding.item);
        let numbers: Vec<u64> = {
            let index = self.tx.open_table(FINDINGS_BY_PLACE)?;
            let at_place = index.range((place.as_str(), 0)..=(place.as_str(), u64::MAX))?;
            let newest = at_place.rev().take(COMPARED_AT_PLACE);
            newest.map(|key| Ok(key?.0.value().1)).collect::<Result<_, Fault>>()?
        };
        for number in numbers {
            let row = FINDINGS.require(self.tx, number)?;
            if same_content(&row.recorded.finding.passages, &found.finding.passages) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The same content at the same place: only what is new about it is recorded.
    fn see_again(&self, mut row: FindingRow, found: &NewFinding) -> Result<(), Fault> {
        let absent = self.hand.at.duration_since(row.recorded.last_seen) >= QUIET;
        let quiet = self.is_quiet(&row);
        let changed = self.keep_version(&mut row, found)?;
        row.recorded.last_seen = row.recorded.last_seen.max(self.hand.at);
        if quiet && (changed || absent) {
            row.told = self.hand.at;
            let finding = row.recorded.id;
            let detail = json!({ "changed": changed });
            self.hand.did(self.tx, "finding.seen-again", finding, detail)?;
            if let Some(id) = row.recorded.incident {
                let mut seen = incident::get(self.tx, id)?;
                let what = Happened::SeenAgain { finding };
                incident::happened(self.tx, self.hand, &mut seen, what)?;
            }
        }
        incident::put_finding(self.tx, &row)
    }

    /// A finding that is new at its place, or was allowed there: decided, and recorded with what follows.
    fn settle(
        &mut self,
        mut row: FindingRow,
        found: &NewFinding,
        decide: &mut Decide<'_>,
    ) -> Result<(), Fault> {
        let decision = decide(found, &candidate::candidates(self.tx, &found.finding)?)?;
        let quiet = self.is_quiet(&row);
        if self.keep_version(&mut row, found)? && quiet {
            row.told = self.hand.at;
        }
        row.recorded.last_seen = row.recorded.last_seen.max(self.hand.at);
        match decision {
            Decision::Open { severity, tell } => self.open(&mut row, severity, tell)?,
            Decision::Join { incident, severity, tell } => {
                let state = self.join(&mut row, incident, severity)?;
                if state != State::Dismissed {
                    outbox::tell(self.tx, self.hand.at, incident, tell)?;
                }
            }
            Decision::Allowed { place } if row.recorded.allowed.as_ref() == Some(&place) => {
                self.committed.known += 1;
            }
            Decision::Allowed { place } => {
                let detail = json!({ "place": place, "source": self.source });
                self.hand.did(self.tx, "finding.allowed", row.recorded.id, detail)?;
                row.recorded.allowed = Some(place);
                self.committed.allowed += 1;
            }
        }
        incident::put_finding(self.tx, &row)
    }

    fn open(
        &mut self,
        row: &mut FindingRow,
        severity: Severity,
        tell: Vec<Outlet>,
    ) -> Result<(), Fault> {
        let id = IncidentId(next_number(self.tx, "incident")?);
        let found = &row.recorded.finding;
        let mut opened = IncidentRow {
            id,
            state: State::New,
            severity,
            verdict: found.verdict,
            corpora: candidate::corpora(found).into_iter().collect(),
            passages: found.passages.clone(),
            owner: None,
            opened: self.hand.at,
            changed: self.hand.at,
        };
        self.hand.did(self.tx, "incident.opened", id, facts(row, &opened))?;
        let what = Happened::Opened { finding: row.recorded.id };
        incident::happened(self.tx, self.hand, &mut opened, what)?;
        row.recorded.incident = Some(id);
        row.recorded.allowed = None;
        self.committed.opened.push(id);
        outbox::tell(self.tx, self.hand.at, id, tell)
    }

    /// Gives the state of the incident that was joined.
    fn join(
        &mut self,
        row: &mut FindingRow,
        id: IncidentId,
        severity: Severity,
    ) -> Result<State, Fault> {
        let mut joined = incident::get(self.tx, id)?;
        joined.absorb(&row.recorded.finding);
        self.hand.did(self.tx, "incident.joined", id, facts(row, &joined))?;
        let what = Happened::Joined { finding: row.recorded.id };
        incident::happened(self.tx, self.hand, &mut joined, what)?;
        let from = joined.severity;
        if severity > from {
            joined.severity = severity;
            let detail = json!({ "from": from, "to": severity });
            self.hand.did(self.tx, "incident.escalated", id, detail)?;
            let what = Happened::Escalated { from, to: severity };
            incident::happened(self.tx, self.hand, &mut joined, what)?;
        }
        row.recorded.incident = Some(id);
        row.recorded.allowed = None;
        self.committed.joined.push(id);
        Ok(joined.state)
    }

    /// Adds evidence if the bytes are new; says whether they were.
    fn keep_version(&self, row: &mut FindingRow, found: &NewFinding) -> Result<bool, Fault> {
        let quiet = self.is_quiet(row);
        let recorded = &mut row.recorded;
        let changed = !evidence::holds(self.tx, Some(recorded.id), &found.evidence.blake3)?;
        if changed && (quiet || recorded.evidence.len() < VERSIONS_KEPT) {
            let finding = Some(recorded.id);
            let id = evidence::add(self.tx, self.hand, finding, &found.evidence, None)?;
            recorded.evidence.push(id);
        }
        Ok(changed)
    }

    /// Whether it is long ago that the record last spoke of a finding.
    fn is_quiet(&self, row: &FindingRow) -> bool {
        self.hand.at.duration_since(row.told) >= QUIET
    }

    fn keep_cut(&self, cut: &[(EvidenceRef, String)]) -> Result<(), Fault> {
        for (evidence, warning) in cut {
            if !evidence::holds(self.tx, None, &evidence.blake3)? {
                evidence::add(self.tx, self.hand, None, evidence, Some(warning))?;
            }
        }
        Ok(())
    }
}

fn same_content(a: &Passages, b: &Passages) -> bool {
    a == b || (a.contained_in(b) >= SAME && b.contained_in(a) >= SAME)
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
