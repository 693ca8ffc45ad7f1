//! What recognition says: verdicts, matches, findings.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::CorpusName;

/// Is it ours?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing of ours was found.
    Clean,
    /// It could not be read: unknown, not clean.
    Unreadable,
    /// Some of it may be ours; a person should look.
    Possible,
    /// It is ours.
    Leak,
}

/// The view that saw a match best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The whole document, byte for byte or but for white space and punctuation.
    Exact,
    /// Stretches of the text.
    Text,
}

/// A score or share as people see it: two digits, rounded down, since 0.999 must not read as a certainty.
pub fn two_digits(value: f64) -> f64 {
    if value.is_finite() { (value.clamp(0.0, 1.0) * 100.0 + 1e-9).floor() / 100.0 } else { 0.0 }
}

/// A run of lines, 1-based and inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(u32, u32)", into = "(u32, u32)")]
pub struct Lines {
    /// The first line.
    pub first: u32,
    /// The last line.
    pub last: u32,
}

impl From<(u32, u32)> for Lines {
    fn from((first, last): (u32, u32)) -> Self {
        Self { first, last }
    }
}

impl From<Lines> for (u32, u32) {
    fn from(lines: Lines) -> Self {
        (lines.first, lines.last)
    }
}

/// One document of ours found in one text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// The corpus it belongs to.
    pub corpus: CorpusName,
    /// Our document's path within the corpus.
    pub document: String,
    /// The view that saw it best.
    pub kind: Kind,
    /// All views that saw it.
    pub views: Vec<Kind>,
    /// 0 to 1: rises with the belief that the candidate derives from our document.
    pub score: f64,
    /// Where in the candidate.
    pub candidate_lines: Vec<Lines>,
    /// Where in our document.
    pub document_lines: Vec<Lines>,
    /// How many lines of the candidate match.
    pub matched_lines: u32,
    /// The share of the candidate that matches, 0 to 1.
    pub candidate_coverage: f64,
    /// The share of our document that was found, 0 to 1.
    pub document_coverage: f64,
    /// What was shared, as keyed values: tells the same content again, not what it says.
    #[serde(skip)]
    pub passages: Passages,
}

/// A bounded sketch of shared content: the smallest of the keyed fingerprints that matched
/// (bottom-k, Broder 1997), so that the same leaked content is known again wherever it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Passages(Vec<u64>);

impl Passages {
    /// How many values a sketch holds at most.
    pub const CAPACITY: usize = 256;

    /// Makes a sketch of any number of values.
    pub fn new(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        values.dedup();
        values.truncate(Self::CAPACITY);
        Self(values)
    }

    /// The values, ascending.
    pub fn values(&self) -> &[u64] {
        &self.0
    }

    /// The sketch of both contents together.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied().collect())
    }

    /// An estimate of the share of this content that is in `other`, 0 to 1; exact while neither
    /// sketch is full. An empty content is in nothing.
    pub fn contained_in(&self, other: &Self) -> f64 {
        // A full sketch says nothing about values beyond its largest.
        let horizon = |sketch: &Self| {
            if sketch.0.len() < Self::CAPACITY { u64::MAX } else { sketch.0[Self::CAPACITY - 1] }
        };
        let horizon = horizon(self).min(horizon(other));
        let (mut comparable, mut shared) = (0_u32, 0_u32);
        for value in self.0.iter().take_while(|value| **value <= horizon) {
            comparable += 1;
            shared += u32::from(other.0.binary_search(value).is_ok());
        }
        if comparable == 0 { 0.0 } else { f64::from(shared) / f64::from(comparable) }
    }
}

/// What was found in one text of a document (the document itself, or a member of an archive).
#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    /// The member's path below the document, such as `src/a.py`, with `!/` between nested
    /// containers; empty for the document itself.
    pub member: String,
    /// The verdict on this text alone.
    pub verdict: Verdict,
    /// The best match's score; 0 without one.
    pub score: f64,
    /// What could not be read or was cut, in words for a person.
    pub warnings: Vec<String>,
    /// Best first, at most 100.
    pub matches: Vec<Match>,
    /// How many more matches there were.
    pub more_matches: u32,
}

/// What recognition says of one document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inspection {
    /// One entry a text, in the order of the container.
    pub texts: Vec<Inspected>,
}

impl Inspection {
    /// The loudest verdict of all texts: leak, possible, unreadable, clean.
    pub fn verdict(&self) -> Verdict {
        self.texts.iter().map(|text| text.verdict).max().unwrap_or(Verdict::Clean)
    }

    /// The best score of all texts.
    pub fn score(&self) -> f64 {
        self.texts.iter().map(|text| text.score).fold(0.0, f64::max)
    }
}

/// All matches in one fetched document at one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Where: [`super::document::Item::place`]. Hostile text.
    pub place: String,
    /// The source's id of the item.
    pub item: String,
    /// What the source calls it. Hostile text.
    pub title: Option<String>,
    /// When the source says it appeared.
    pub published: Option<Timestamp>,
    /// `leak` or `possible`.
    pub verdict: Verdict,
    /// The best score.
    pub score: f64,
    /// Every match, with the member it was found in; best first, at most 100.
    pub matches: Vec<FoundMatch>,
    /// The leaked content: all matches together.
    pub passages: Passages,
    /// What could not be read.
    pub warnings: Vec<String>,
}

/// A match and the member of the document that it was found in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundMatch {
    /// [`Inspected::member`].
    pub member: String,
    /// The match; its passages are kept with the finding.
    pub found: Match,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_verdict_wins() {
        assert!(Verdict::Leak > Verdict::Possible);
        assert!(Verdict::Possible > Verdict::Unreadable);
        assert!(Verdict::Unreadable > Verdict::Clean);
    }

    #[test]
    fn a_part_is_contained_in_the_whole_but_not_the_reverse() {
        let whole = Passages::new((0..100).collect());
        let part = Passages::new((0..10).collect());
        assert!((part.contained_in(&whole) - 1.0).abs() < 1e-9);
        assert!((whole.contained_in(&part) - 0.1).abs() < 1e-9);
        assert!(Passages::default().contained_in(&whole).abs() < 1e-9);
    }

    #[test]
    fn a_full_sketch_is_compared_only_below_its_horizon() {
        let large = Passages::new((0..10_000).collect());
        let tail = Passages::new((5_000..5_010).collect());
        assert!(tail.contained_in(&large).abs() < 1e-9, "unknown counts as not contained");
        assert!((large.contained_in(&large) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_share_is_rounded_down_and_never_nonsense() {
        for (value, expected) in [(0.999, 0.99), (0.29, 0.29), (1.0, 1.0), (-1.0, 0.0), (2.0, 1.0)]
        {
            assert!((two_digits(value) - expected).abs() < 1e-12, "{value}");
        }
        assert!(two_digits(f64::NAN).abs() < f64::EPSILON);
    }
}
