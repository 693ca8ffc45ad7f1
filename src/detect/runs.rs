//! Puts shared stretches together to runs: passages that both sides share without a break.

use std::collections::HashMap;

use crate::fingerprint::{Fingerprinter, Print};
use crate::index::{DocumentNumber, Posting};
use crate::model::finding::Lines;

/// Runs that are followed in one text. Only a text made of very many pieces of ours has more.
const MOST: usize = 500_000;
/// Characters of a sample.
#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
pub(super) const STRETCH: u32 = Fingerprinter::STRETCH as u32;
#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const WINDOW: u32 = Fingerprinter::WINDOW as u32;

/// A passage that both sides share: verified from the first sample's beginning to the last one's end,
/// since neighbouring samples touch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    /// Our document.
    pub(super) document: DocumentNumber,
    /// Where it begins in the candidate, in normalised characters.
    pub(super) candidate: u32,
    /// Where it begins in our document.
    pub(super) ours: u32,
    /// How long it is.
    pub(super) length: u32,
    /// The lines it stands on in the candidate.
    pub(super) candidate_lines: Lines,
    /// The lines it stands on in our document.
    pub(super) document_lines: Lines,
    /// Its rare characters: each counted by its worth.
    pub(super) evidence: f64,
}

impl Run {
    /// The position after it in the candidate.
    pub(super) fn candidate_end(&self) -> u32 {
        self.candidate.saturating_add(self.length)
    }

    /// The position after it in our document.
    pub(super) fn ours_end(&self) -> u32 {
        self.ours.saturating_add(self.length)
    }
}

/// Collects runs from samples in order of their position in the candidate.
#[derive(Debug, Default)]
pub(super) struct Runs {
    all: Vec<Run>,
    /// The newest run of each document and diagonal.
    newest: HashMap<(DocumentNumber, i64), usize>,
    overflowed: bool,
}

impl Runs {
    /// Adds one place where a sample of the candidate stands in our documents. A character that was
    /// seen before in the candidate adds no evidence.
    pub(super) fn add(&mut self, print: &Print, place: &Posting, worth: f64, is_repeat: Repeat) {
        let diagonal = i64::from(place.position) - i64::from(print.position);
        let end = print.position.saturating_add(STRETCH);
        let worth = if is_repeat == Repeat::Again { 0.0 } else { worth };
        if let Some(at) = self.newest.get(&(place.document, diagonal)) {
            let run = &mut self.all[*at];
            let last = run.candidate_end() - STRETCH;
            if print.position <= last.saturating_add(WINDOW) {
                run.evidence += f64::from(end.saturating_sub(run.candidate_end())) * worth;
                run.length = end - run.candidate;
                run.candidate_lines.last = print.lines.last;
                run.document_lines.last = place.lines.last;
                return;
            }
        }
        if self.all.len() >= MOST {
            self.overflowed = true;
            return;
        }
        self.newest.insert((place.document, diagonal), self.all.len());
        self.all.push(Run {
            document: place.document,
            candidate: print.position,
            ours: place.position,
            length: STRETCH,
            candidate_lines: print.lines,
            document_lines: place.lines,
            evidence: f64::from(STRETCH) * worth,
        });
    }

    /// The runs, by document and then by their place in the candidate; and whether some were left out.
    pub(super) fn finish(self) -> (Vec<Run>, bool) {
        let mut runs = self.all;
        runs.sort_by_key(|run| (run.document, run.candidate, run.ours));
        (runs, self.overflowed)
    }
}

/// Whether a value was met before in the same text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It was not.
    First,
    /// It was.
    Again,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(position: u32) -> Print {
        Print { value: 0, position, lines: Lines { first: position / 10, last: position / 10 + 2 } }
    }

    fn place(document: u32, position: u32) -> Posting {
        let lines = Lines { first: position / 10, last: position / 10 + 2 };
        Posting { document: DocumentNumber(document), position, lines }
    }

    fn runs(samples: &[(u32, u32, u32)]) -> Vec<(u32, u32, u32, u32, f64)> {
        let mut runs = Runs::default();
        for (position, document, ours) in samples {
            runs.add(&print(*position), &place(*document, *ours), 0.5, Repeat::First);
        }
        let (runs, _) = runs.finish();
        runs.iter()
            .map(|run| (run.document.0, run.candidate, run.ours, run.length, run.evidence))
            .collect()
    }

    #[test]
    fn samples_that_touch_on_one_diagonal_are_one_run() {
        assert_eq!(runs(&[(10, 1, 110), (20, 1, 120), (44, 1, 144)]), [(1, 10, 110, 58, 29.0)]);
    }

    #[test]
    fn a_shift_a_gap_or_another_document_begins_a_new_run() {
        assert_eq!(runs(&[(10, 1, 110), (20, 1, 121)]).len(), 2);
        assert_eq!(runs(&[(10, 1, 110), (35, 1, 135)]).len(), 2);
        assert_eq!(runs(&[(10, 1, 110), (20, 2, 120)]).len(), 2);
    }

    #[test]
    fn what_the_candidate_repeats_is_evidence_once() {
        let mut runs = Runs::default();
        runs.add(&print(10), &place(1, 110), 1.0, Repeat::First);
        runs.add(&print(500), &place(1, 110), 1.0, Repeat::Again);
        let (runs, overflowed) = runs.finish();
        assert!((runs.iter().map(|run| run.evidence).sum::<f64>() - 24.0).abs() < 1e-9);
        assert_eq!(runs.len(), 2, "both places are told");
        assert!(!overflowed);
    }
}
