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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::index::{CorpusEntry, Index, IndexedDocument, Role};
    use crate::keys::Keys;
    use crate::model::document::{Body, Item, Provenance};
    use crate::model::finding::{Kind, Lines, Match};

    /// A program that nobody else wrote: functions of six lines, each different.
    fn program(seed: u64, functions: u64) -> String {
        let word = |n: u64| -> String {
            let digest = blake3::hash(&(seed * 1_000_003 + n).to_le_bytes());
            digest.as_bytes()[..6].iter().map(|byte| char::from(b'a' + byte % 26)).collect()
        };
        let function = |n: u64| {
            let [a, b, c, d] = [0, 1, 2, 3].map(|part| word(n * 4 + part));
            [
                format!("fn {a}_{b}({c}: &Ledger) -> Amount {{\n"),
                format!("    let {d} = {c}.entries({n}).filter({b});\n"),
                format!("    if {d}.is_empty() {{\n"),
                format!("        return Amount::{a}({c}.{d}());\n    }}\n"),
                format!("    {d}.sum_of({a}, {c})\n}}\n\n"),
            ]
            .concat()
        };
        (0..functions).map(function).collect::<Vec<String>>().concat()
    }

    fn document(bytes: impl Into<Vec<u8>>) -> Document {
        Document {
            source: "drop".parse().unwrap(),
            item: Item {
                id: "1".to_owned(),
                version: String::new(),
                place: "/drop/1".to_owned(),
                title: None,
                author: None,
                published: None,
                handle: serde_json::Value::Null,
            },
            body: Body::Memory(bytes.into().into()),
            media_type: None,
            truncated: false,
            provenance: Provenance::File { modified: None, read: Timestamp::UNIX_EPOCH },
        }
    }

    /// A detector over documents of the corpus `billing`, and of a baseline.
    fn detector(corpus: &[(&str, &str)], baseline: &[&str]) -> Detector {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::from_bytes([3; 32]);
        let fingerprinter = Fingerprinter::new(&keys);
        let index = Index::open(dir.path(), &keys).unwrap();
        let mut writer = index.writer().unwrap();
        for (name, role) in [("billing", Role::Corpus), ("public", Role::Baseline)] {
            writer.put_corpus(CorpusEntry {
                name: name.parse().unwrap(),
                role,
                origin: String::new(),
                attributes: std::collections::BTreeMap::new(),
                added: Timestamp::UNIX_EPOCH,
                refreshed: None,
                commit: None,
                skipped: std::collections::BTreeMap::new(),
            });
        }
        let mut put = |corpus: &str, name: &str, text: &str| {
            let prints = fingerprinter.text(text);
            let document = IndexedDocument {
                name: name.to_owned(),
                version: String::new(),
                bytes: text.len() as u64,
                prints,
            };
            writer.put_document(&corpus.parse().unwrap(), document).unwrap();
        };
        for (name, text) in corpus {
            put("billing", name, text);
        }
        for (number, text) in baseline.iter().enumerate() {
            put("public", &number.to_string(), text);
        }
        writer.commit().unwrap();
        Detector::new(index.snapshot().unwrap(), fingerprinter, Policy::default())
    }

    fn inspect(detector: &Detector, text: &str) -> Inspected {
        detector.inspect(&document(text)).texts.remove(0)
    }

    fn lines(found: &Match) -> ((u32, u32), (u32, u32)) {
        let span = |lines: &[Lines]| (lines[0].first, lines[lines.len() - 1].last);
        (span(&found.candidate_lines), span(&found.document_lines))
    }

    #[test]
    fn a_copy_is_exact_however_it_is_laid_out() {
        let text = program(1, 20);
        let detector = detector(&[("src/sum.rs", &text), ("src/other.rs", &program(2, 20))], &[]);
        let squeezed = text.replace('\n', "\r\n\t").to_uppercase();
        for candidate in [&text, &squeezed] {
            let found = inspect(&detector, candidate);
            assert_eq!(found.verdict, Verdict::Leak);
            assert_eq!(found.matches.len(), 1);
            let best = &found.matches[0];
            assert_eq!((best.document.as_str(), best.kind), ("src/sum.rs", Kind::Exact));
            assert!((best.candidate_coverage - 1.0).abs() < 1e-9);
            assert!(!best.passages.values().is_empty());
        }
    }

    #[test]
    fn ten_lines_in_a_large_paste_are_a_leak_with_the_right_lines() {
        let ours = program(1, 40);
        let snippet: Vec<&str> = ours.lines().skip(80).take(10).collect();
        let mut paste: Vec<String> = program(9, 100).lines().map(str::to_owned).collect();
        paste.splice(300..300, snippet.iter().map(|line| format!("    {line}")));
        let found = inspect(&detector(&[("src/sum.rs", &ours)], &[]), &paste.join("\n"));
        assert_eq!(found.verdict, Verdict::Leak);
        let best = &found.matches[0];
        assert_eq!(best.kind, Kind::Text);
        let ((from, to), (ours_from, ours_to)) = lines(best);
        assert!((301..=303).contains(&from) && (308..=310).contains(&to), "{from} {to}");
        assert_eq!(
            (from - 300, to - 300),
            (ours_from - 80, ours_to - 80),
            "the same lines on both sides"
        );
        assert!(best.candidate_coverage < 0.05 && best.document_coverage < 0.1);
    }

    #[test]
    fn small_changes_do_not_break_a_match_apart() {
        let ours = program(1, 30);
        let changed: Vec<String> = (0..)
            .zip(ours.lines())
            .map(
                |(n, line)| if n % 7 == 3 { format!("{line} // was {n}") } else { line.to_owned() },
            )
            .collect();
        let found = inspect(&detector(&[("src/sum.rs", &ours)], &[]), &changed.join("\n"));
        assert_eq!(found.verdict, Verdict::Leak);
        assert!(found.matches[0].candidate_coverage > 0.6, "{:?}", found.matches[0]);
    }

    #[test]
    fn what_a_baseline_has_is_nothing_alone_and_nothing_in_company() {
        let public = program(5, 10);
        let ours = format!("{public}{}", program(1, 10));
        let detector = detector(&[("src/vendored.rs", &public), ("src/sum.rs", &ours)], &[&public]);
        let found = inspect(&detector, &public);
        assert_eq!((found.verdict, found.matches.len()), (Verdict::Clean, 0));
        let found = inspect(&detector, &ours);
        assert_eq!(found.matches.len(), 1);
        assert_eq!(found.matches[0].document, "src/sum.rs");
    }

    #[test]
    fn what_stands_in_many_of_our_documents_raises_no_alarm() {
        let header = program(5, 3);
        let texts: Vec<(String, String)> = (0..40)
            .map(|n| (format!("src/{n}.rs"), format!("{header}{}", program(100 + n, 4))))
            .collect();
        let texts: Vec<(&str, &str)> =
            texts.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
        let found = inspect(&detector(&texts, &[]), &format!("{header}{}", program(7, 30)));
        assert_eq!(found.verdict, Verdict::Clean, "{:?}", found.matches.first());
    }

    #[test]
    fn copies_of_one_content_are_counted_once_and_listed_in_order_of_their_names() {
        let text = program(1, 20);
        let names: Vec<String> = (0..130).map(|n| format!("vendor/{n:03}/sum.rs")).collect();
        let texts: Vec<(&str, &str)> =
            names.iter().rev().map(|name| (name.as_str(), text.as_str())).collect();
        let detector = detector(&texts, &[]);
        let found = inspect(&detector, &program(1, 20));
        assert_eq!(found.verdict, Verdict::Leak);
        assert_eq!((found.matches.len(), found.more_matches), (100, 30));
        let listed: Vec<&str> = found.matches.iter().map(|found| found.document.as_str()).collect();
        assert_eq!(listed, names[..100].iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found, inspect(&detector, &text), "the same again");
    }

    #[test]
    fn the_document_that_shares_more_comes_first() {
        let (first, second) = (program(1, 12), program(2, 30));
        let detector = detector(&[("a.rs", &first), ("b.rs", &second)], &[]);
        let found =
            inspect(&detector, &format!("{}{second}", &first.lines().take(40).collect::<String>()));
        let order: Vec<&str> = found.matches.iter().map(|found| found.document.as_str()).collect();
        assert_eq!(order, ["b.rs", "a.rs"]);
        assert!(found.matches[0].score > found.matches[1].score && found.matches[1].score > 0.5);
    }

    #[test]
    fn a_text_too_short_to_be_sampled_is_known_as_a_whole() {
        let detector = detector(&[("conf/limit", "ceiling_of_monthly_wages = 48_150")], &[]);
        let found = inspect(&detector, "CEILING OF MONTHLY WAGES: 48,150");
        assert_eq!(found.matches[0].kind, Kind::Exact);
        assert!(
            found.score > 0.0 && found.verdict < Verdict::Leak,
            "too short to be sure: {}",
            found.score
        );
    }

    #[test]
    fn unrelated_text_imports_and_nothing_are_clean() {
        let imports = "use crate::ledger::{Amount, Entry, Ledger};\nuse crate::tariff::surcharge::Surcharge;\n\
                       use crate::tariff::rebate::Rebate;\nuse crate::period::{Month, Quarter, Year};\n";
        let ours = format!("{imports}\n{}", program(1, 20));
        let detector = detector(&[("src/sum.rs", &ours)], &[]);
        for candidate in [program(3, 50), format!("{imports}\n{}", program(4, 10)), "\n".to_owned()]
        {
            let found = inspect(&detector, &candidate);
            assert_eq!(found.verdict, Verdict::Clean, "{candidate}");
            assert!(found.warnings.is_empty());
        }
    }

    #[test]
    fn a_passage_repeated_without_end_counts_once() {
        let ours = program(1, 20);
        let line = ours.lines().nth(1).unwrap();
        let detector = detector(&[("src/sum.rs", &ours)], &[]);
        let once = inspect(&detector, &format!("{line}\n{}", program(3, 700)));
        let often = inspect(&detector, &format!("{line}\n").repeat(3_000));
        assert!((once.score - often.score).abs() < 0.05, "{} {}", once.score, often.score);
    }

    #[test]
    fn what_cannot_be_read_is_not_clean() {
        let detector = detector(&[("src/sum.rs", &program(1, 20))], &[]);
        let found = detector.inspect(&document([0_u8, 159, 146, 150].repeat(500)));
        assert_eq!(found.verdict(), Verdict::Unreadable);
        assert!(!found.texts[0].warnings.is_empty());
        let cut = Document { truncated: true, ..document(program(3, 10)) };
        assert_eq!(detector.inspect(&cut).verdict(), Verdict::Unreadable);
    }
}
