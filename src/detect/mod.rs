//! Is it ours? A pure function of a document and an index.
//!
//! Owns the way from a document's texts to verdicts. Its one invariant: the same document, index, key
//! and policy give the same answer, whatever was inspected before. It knows no clock, no network, no
//! store; only the bound on the time of extraction makes an exception.
//!
//! One file a view ([`text`]) finds what is shared; [`rarity`] says what a shared stretch is worth,
//! [`imports`] tells lines that
//! say nothing, [`runs`] and [`chain`] put stretches together, [`score`] turns their worth into belief.

mod chain;
mod imports;
mod rarity;
mod runs;
mod score;
mod text;

use std::time::Duration;

use crate::extract::{self, Limits, Piece};
use crate::fingerprint::Fingerprinter;
use crate::index::Snapshot;
use crate::model::document::Document;
use crate::model::finding::{Inspected, Inspection, Verdict};
use text::Found;

/// What recognition is asked to do.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Bounds of extraction.
    pub limits: Limits,
    /// The score at and above which a text is a leak.
    pub leak: f64,
    /// The score at and above which a text is possibly one.
    pub possible: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            limits: Limits {
                total_bytes: 256 << 20,
                text_bytes: 64 << 20,
                depth: 10,
                members: 20_000,
                time: Duration::from_secs(8),
            },
            leak: score::LEAK,
            possible: score::POSSIBLE,
        }
    }
}

impl Policy {
    /// What a score means.
    fn verdict(&self, score: f64) -> Verdict {
        if score >= self.leak {
            Verdict::Leak
        } else if score >= self.possible {
            Verdict::Possible
        } else {
            Verdict::Clean
        }
    }
}

/// Recognises copies. Immutable; replaced whole when the corpora or settings change.
#[derive(Debug, Clone)]
pub struct Detector {
    snapshot: Snapshot,
    fingerprinter: Fingerprinter,
    policy: Policy,
}

impl Detector {
    /// Puts a detector together.
    pub fn new(snapshot: Snapshot, fingerprinter: Fingerprinter, policy: Policy) -> Self {
        Self { snapshot, fingerprinter, policy }
    }

    /// judge(fingerprints(extract(document))): no clock, no network, no store. One text is in memory at
    /// a time; of a text that is clean little more than its name is kept.
    pub fn inspect(&self, document: &Document) -> Inspection {
        let mut inspection = Inspection::default();
        extract::extract(document, &self.policy.limits, &mut |piece| {
            inspection.texts.push(self.inspect_piece(piece));
        });
        inspection
    }

    fn inspect_piece(&self, piece: Piece) -> Inspected {
        let Piece { member, text, mut warnings, complete } = piece;
        let found = match text {
            Ok(text) => text::matches(&self.snapshot, &self.fingerprinter.text(&text), &text),
            Err(reason) => {
                warnings.insert(0, reason.to_string());
                Found::default()
            }
        };
        warnings.extend(found.warning);
        let score = found.matches.first().map_or(0.0, |best| best.score);
        let verdict = match self.policy.verdict(score) {
            // What was not looked at is not clean.
            Verdict::Clean if !complete => Verdict::Unreadable,
            verdict => verdict,
        };
        Inspected {
            member,
            verdict,
            score,
            warnings,
            matches: found.matches,
            more_matches: found.more,
        }
    }
}
