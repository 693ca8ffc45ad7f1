//! The text view of a match: shared stretches of characters.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::chain::{Chain, chains};
use super::imports::Imports;
use super::rarity::{PLACES, Rarity};
use super::runs::{Repeat, Run, Runs, STRETCH};
use super::score;
use crate::fingerprint::TextPrints;
use crate::index::{DocumentEntry, DocumentNumber, Role, Snapshot};
use crate::model::finding::{Kind, Lines, Match, Passages};

/// Matches that are listed.
const LISTED: usize = 100;
/// How often a passage may recur in a candidate and still be followed.
const REPEATS: u32 = 16;
/// Samples that are looked up together.
const BATCH: usize = 4096;

/// What one text shares with our documents.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Best first, at most [`LISTED`].
    pub(super) matches: Vec<Match>,
    /// How many more there were.
    pub(super) more: u32,
    /// What was left out.
    pub(super) warning: Option<String>,
}

/// Our documents that a text shares something with.
pub(super) fn matches(snapshot: &Snapshot, prints: &TextPrints, text: &str) -> Found {
    let (runs, overflowed) = runs(snapshot, prints, text);
    let wholes = identical(snapshot, prints);
    let mut sums: Vec<Sum<'_>> = runs
        .chunk_by(|one, other| one.document == other.document)
        .filter_map(|runs| Sum::of(runs, wholes.contains(&runs[0].document)))
        .collect();
    if prints.prints.is_empty() {
        sums.extend(wholes.iter().map(|document| Sum::of_short(*document, prints.length)));
    }
    let copies = copies(&sums, &wholes);
    sums.extend(copies);
    sums.sort_by(|a, b| b.evidence.total_cmp(&a.evidence).then(a.document.cmp(&b.document)));
    let more = u32::try_from(sums.len().saturating_sub(LISTED)).unwrap_or(u32::MAX);
    // Equal sums are put in order by name, so those at the edge of the list must all be read.
    let edge = sums.get(LISTED - 1).map_or(f64::NEG_INFINITY, |sum| sum.evidence);
    let mut matches: Vec<Match> = sums
        .iter()
        .take_while(|sum| sum.evidence >= edge)
        .take(4 * LISTED)
        .map(|sum| sum.describe(&snapshot.document(sum.document), prints))
        .collect();
    matches.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then(a.kind.cmp(&b.kind))
            .then(b.document_coverage.total_cmp(&a.document_coverage))
            .then_with(|| (&a.corpus, &a.document).cmp(&(&b.corpus, &b.document)))
    });
    matches.truncate(LISTED);
    let warning = overflowed.then(|| {
        "made of very many pieces of our documents; only the first of them were followed".to_owned()
    });
    Found { matches, more, warning }
}

/// The runs that a text shares with our documents, by document.
fn runs(snapshot: &Snapshot, prints: &TextPrints, text: &str) -> (Vec<Run>, bool) {
    // Most texts share nothing; only the others are read for imports.
    let imports = LazyCell::new(|| Imports::of(text));
    let mut rarity = Rarity::new(snapshot);
    let mut met: HashMap<u64, u32> = HashMap::new();
    let mut runs = Runs::default();
    for batch in prints.prints.chunks(BATCH) {
        let values: Vec<u64> = batch.iter().map(|print| print.value).collect();
        snapshot.postings(&values, PLACES, &mut |at, places, total| {
            let met = met.entry(values[at]).or_insert(0);
            *met += 1;
            if *met > REPEATS {
                return;
            }
            let repeat = if *met == 1 { Repeat::First } else { Repeat::Again };
            let Some(mut worth) = rarity.worth(places, total) else { return };
            let print = &batch[at];
            if imports.contain(print.lines.first, print.lines.last) {
                worth = 0.0;
            }
            for place in places {
                runs.add(print, place, worth, repeat);
            }
        });
    }
    runs.finish()
}

/// Our documents that are the same text but for white space and punctuation; none if a baseline has it.
fn identical(snapshot: &Snapshot, prints: &TextPrints) -> Vec<DocumentNumber> {
    let documents = prints.whole.map_or_else(Vec::new, |whole| snapshot.whole(whole));
    if documents.iter().any(|document| snapshot.role(*document) == Role::Baseline) {
        return Vec::new();
    }
    documents
}

/// The documents that are identical to one that evidence speaks for, but stand in so many places that
/// not all were looked at.
fn copies<'runs>(sums: &[Sum<'runs>], wholes: &[DocumentNumber]) -> Vec<Sum<'runs>> {
    let Some(original) = sums.iter().find(|sum| sum.is_identical) else { return Vec::new() };
    let known: HashSet<DocumentNumber> = sums.iter().map(|sum| sum.document).collect();
    let others = wholes.iter().filter(|document| !known.contains(document));
    others.map(|document| Sum { document: *document, ..original.clone() }).collect()
}

/// What speaks for one of our documents.
#[derive(Debug, Clone)]
struct Sum<'runs> {
    document: DocumentNumber,
    evidence: f64,
    is_identical: bool,
    runs: &'runs [Run],
    chains: Rc<[Chain]>,
}

impl<'runs> Sum<'runs> {
    fn of(runs: &'runs [Run], is_identical: bool) -> Option<Self> {
        let document = runs.first()?.document;
        let chains: Rc<[Chain]> = chains(runs).into();
        let evidence = chains.iter().map(|chain| chain.evidence).sum();
        let is_rare = runs.iter().any(|run| run.evidence > 0.0);
        is_rare.then_some(Self { document, evidence, is_identical, runs, chains })
    }

    /// A text too short to be sampled, which is ours as a whole.
    fn of_short(document: DocumentNumber, length: u32) -> Self {
        let evidence = f64::from(length) - score::FIRST_RUN;
        Self { document, evidence, is_identical: true, runs: &[], chains: Rc::default() }
    }

    /// The runs that speak for it, in order of their place in the candidate.
    fn members(&self) -> Vec<&Run> {
        let mut members: Vec<usize> =
            self.chains.iter().flat_map(|chain| chain.runs.iter().copied()).collect();
        members.sort_unstable();
        members.into_iter().map(|at| &self.runs[at]).collect()
    }

    fn describe(&self, entry: &DocumentEntry, prints: &TextPrints) -> Match {
        let kind = if self.is_identical { Kind::Exact } else { Kind::Text };
        let described = Match {
            corpus: entry.corpus.clone(),
            document: entry.name.clone(),
            kind,
            views: vec![kind],
            score: score::score(self.evidence, prints.length),
            candidate_lines: vec![Lines { first: 1, last: prints.lines.max(1) }],
            document_lines: vec![Lines { first: 1, last: entry.lines.max(1) }],
            matched_lines: prints.lines,
            candidate_coverage: 1.0,
            document_coverage: 1.0,
            passages: Passages::new(prints.whole.into_iter().collect()),
        };
        let members = self.members();
        if members.is_empty() {
            return described;
        }
        let passages = passages(&members, prints);
        if self.is_identical {
            return Match { passages, ..described };
        }
        let candidate_lines = merged(members.iter().map(|run| run.candidate_lines).collect());
        let candidate = members.iter().map(|run| (run.candidate, run.candidate_end())).collect();
        let ours = members.iter().map(|run| (run.ours, run.ours_end())).collect();
        Match {
            matched_lines: candidate_lines.iter().map(|lines| lines.last - lines.first + 1).sum(),
            candidate_lines,
            document_lines: merged(members.iter().map(|run| run.document_lines).collect()),
            candidate_coverage: share(candidate, prints.length),
            document_coverage: share(ours, entry.length),
            passages,
            ..described
        }
    }
}

/// The samples of the candidate that lie in runs.
fn passages(members: &[&Run], prints: &TextPrints) -> Passages {
    let mut values = Vec::new();
    for run in members {
        let from = prints.prints.partition_point(|print| print.position < run.candidate);
        let inside = prints.prints[from..]
            .iter()
            .take_while(|print| print.position.saturating_add(STRETCH) <= run.candidate_end());
        values.extend(inside.map(|print| print.value));
    }
    Passages::new(values)
}

/// Runs of lines in order, those that touch or overlap made one.
fn merged(mut lines: Vec<Lines>) -> Vec<Lines> {
    lines.sort_by_key(|lines| (lines.first, lines.last));
    let mut merged: Vec<Lines> = Vec::new();
    for next in lines {
        match merged.last_mut() {
            Some(last) if next.first <= last.last.saturating_add(1) => {
                last.last = last.last.max(next.last);
            }
            _ => merged.push(next),
        }
    }
    merged
}

/// The share of a length that spans cover together.
fn share(mut spans: Vec<(u32, u32)>, length: u32) -> f64 {
    spans.sort_unstable();
    let (mut covered, mut reached) = (0, 0);
    for (from, to) in spans {
        covered += to.saturating_sub(from.max(reached));
        reached = reached.max(to);
    }
    (f64::from(covered) / f64::from(length.max(1))).min(1.0)
}
