//! Puts the runs of one document together to chains: passages with small changes in them.

use std::collections::HashSet;

use super::runs::{Run, STRETCH};
use super::score;

/// The longest stretch of changed characters, on either side, that a chain reaches over.
const WIDEST_GAP: u32 = 600;
/// How many runs back a run looks for the one before it.
const LOOK_BACK: usize = 64;
/// By how much neighbouring runs may overlap: a change can lie within what both samples cover.
const OVERLAP: u32 = STRETCH;

/// Runs in the same order on both sides, with small gaps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chain {
    /// Its runs, by their place among those given, ascending.
    pub(super) runs: Vec<usize>,
    /// Their evidence less what chance and idiom explain.
    pub(super) evidence: f64,
}

/// The chains of one document's runs, which are in order of their place in the candidate: best first, no place
/// of the candidate in two of them. If none has more evidence than idiom explains, the best alone.
pub(super) fn chains(runs: &[Run]) -> Vec<Chain> {
    let mut best: Vec<(f64, Option<usize>)> = Vec::with_capacity(runs.len());
    for (at, run) in runs.iter().enumerate() {
        let mut own = (run.evidence - score::FIRST_RUN, None);
        for before in (at.saturating_sub(LOOK_BACK)..at).rev() {
            if let Some(gap) = gap(&runs[before], run) {
                let linked = best[before].0 + run.evidence - score::link(gap);
                if linked > own.0 {
                    own = (linked, Some(before));
                }
            }
        }
        best.push(own);
    }
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by(|a, b| best[*b].0.total_cmp(&best[*a].0).then(a.cmp(b)));
    let strong = order.partition_point(|at| best[*at].0 > 0.0);
    order.truncate(strong.max(1));
    let (mut used, mut taken, mut chains) = (HashSet::new(), Taken::default(), Vec::new());
    for end in order {
        let mut members = Vec::new();
        let mut next = Some(end);
        while let Some(at) = next.filter(|at| !used.contains(at) && !taken.overlaps(&runs[*at])) {
            members.push(at);
            next = best[at].1;
        }
        // What hangs on a part that went to a better chain has to stand alone.
        let evidence = best[end].0 - next.map_or(0.0, |at| best[at].0 + score::FIRST_RUN);
        if members.is_empty() || evidence <= 0.0 && !chains.is_empty() {
            continue;
        }
        members.reverse();
        for at in &members {
            used.insert(*at);
            taken.add(&runs[*at]);
        }
        chains.push(Chain { runs: members, evidence });
    }
    chains.sort_by(|a, b| b.evidence.total_cmp(&a.evidence).then(a.runs.cmp(&b.runs)));
    chains
}

/// How many characters lie between two runs, on the side with more; none if they are out of order or too
/// far apart.
fn gap(before: &Run, run: &Run) -> Option<u32> {
    let candidate = (run.candidate + OVERLAP).checked_sub(before.candidate_end())?;
    let ours = (run.ours + OVERLAP).checked_sub(before.ours_end())?;
    (run.candidate > before.candidate && run.ours > before.ours)
        .then(|| candidate.max(ours).saturating_sub(OVERLAP))
        .filter(|gap| *gap <= WIDEST_GAP)
}

/// The places of the candidate that belong to a chain.
#[derive(Debug, Default)]
struct Taken(std::collections::BTreeMap<u32, u32>);

impl Taken {
    /// Whether more of a run is taken than neighbours may share.
    fn overlaps(&self, run: &Run) -> bool {
        let (from, to) = (run.candidate, run.candidate_end());
        let shared = |(start, end): (&u32, &u32)| to.min(*end).saturating_sub(from.max(*start));
        self.0.range(..to).rev().take(2).any(|taken| shared(taken) > OVERLAP)
    }

    fn add(&mut self, run: &Run) {
        self.0.insert(run.candidate, run.candidate_end());
    }
}
