//! Which incidents may hold the same content as a finding, without looking at all of them.
//!
//! Every value of an incident's sketch stands in an index. A finding's values vote for the incidents that hold them; the
//! best few are compared in full. Bounded: a value that stands in very many incidents counts only for the newest.

use std::collections::{BTreeMap, BTreeSet};

use redb::{ReadableTable, WriteTransaction};

use super::error::Fault;
use super::incident::INCIDENTS;
use super::shape::Candidate;
use super::table::{Index, Transaction};
use crate::model::finding::{Finding, Passages};
use crate::model::ids::{CorpusName, IncidentId};

/// (passage value, incident): which incidents hold a stretch of leaked content.
pub(super) const INCIDENTS_BY_PASSAGE: Index<(u64, u64)> = Index::new("incidents-by-passage");

/// At most so many incidents are voted for by one value.
const PER_VALUE: usize = 64;
/// At most so many incidents are compared in full.
const COMPARED: usize = 32;
/// Content is shared when more than this part of one is in the other.
const SHARED: f64 = 0.1;

/// The corpora that a finding concerns.
pub(super) fn corpora(finding: &Finding) -> BTreeSet<CorpusName> {
    finding.matches.iter().map(|found| found.found.corpus.clone()).collect()
}

/// Incidents that share a corpus and content with a finding, the closest first, whatever their state.
pub(super) fn candidates(
    tx: &impl Transaction,
    finding: &Finding,
) -> Result<Vec<Candidate>, Fault> {
    let corpora = corpora(finding);
    let mut found: Vec<(f64, Candidate)> = Vec::new();
    for id in elect(tx, &finding.passages)? {
        let Some(row) = INCIDENTS.get(tx, id)? else { continue };
        let overlap = row
            .passages
            .contained_in(&finding.passages)
            .max(finding.passages.contained_in(&row.passages));
        if overlap > SHARED && row.corpora.iter().any(|corpus| corpora.contains(corpus)) {
            let candidate = Candidate {
                id: row.id,
                state: row.state,
                severity: row.severity,
                corpora: row.corpora,
                passages: row.passages,
            };
            found.push((overlap, candidate));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.id.cmp(&b.1.id)));
    Ok(found.into_iter().map(|(_, candidate)| candidate).collect())
}

/// The incidents with the most votes.
fn elect(tx: &impl Transaction, passages: &Passages) -> Result<Vec<u64>, Fault> {
    let index = tx.table(INCIDENTS_BY_PASSAGE)?;
    let mut votes: BTreeMap<u64, u32> = BTreeMap::new();
    for &value in passages.values() {
        for key in index.range((value, 0)..=(value, u64::MAX))?.rev().take(PER_VALUE) {
            *votes.entry(key?.0.value().1).or_default() += 1;
        }
    }
    let mut elected: Vec<(u32, u64)> = votes.into_iter().map(|(id, votes)| (votes, id)).collect();
    elected.sort_unstable_by(|a, b| b.cmp(a));
    elected.truncate(COMPARED);
    Ok(elected.into_iter().map(|(_, id)| id).collect())
}

/// Brings the index from an incident's old sketch to its new one.
pub(super) fn reindex(
    tx: &WriteTransaction,
    id: IncidentId,
    before: &Passages,
    after: &Passages,
) -> Result<(), Fault> {
    if before == after {
        return Ok(());
    }
    let mut index = tx.open_table(INCIDENTS_BY_PASSAGE)?;
    for value in before.values() {
        if after.values().binary_search(value).is_err() {
            index.remove((*value, id.0))?;
        }
    }
    for value in after.values() {
        if before.values().binary_search(value).is_err() {
            index.insert((*value, id.0), ())?;
        }
    }
    Ok(())
}
