//! How bad a finding is.

use crate::model::finding::{Finding, Verdict};
use crate::model::ids::CorpusName;
use crate::model::incident::Severity;

/// So many of our documents in one place are a haul, not an excerpt.
const HAUL: usize = 10;

/// The severity of a finding: that of the most sensitive corpus it touches, one step worse when it holds ten of our
/// documents or more. What is only possibly ours is low until a person has looked.
pub fn severity(finding: &Finding, of_corpus: &dyn Fn(&CorpusName) -> Severity) -> Severity {
    if finding.verdict < Verdict::Leak {
        return Severity::Low;
    }
    let worst = finding
        .matches
        .iter()
        .map(|found| of_corpus(&found.found.corpus))
        .max()
        .unwrap_or(Severity::Medium);
    if finding.matches.len() >= HAUL { worse(worst) } else { worst }
}

fn worse(severity: Severity) -> Severity {
    match severity {
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::finding::{FoundMatch, Kind, Match, Passages};

    pub(crate) fn finding(
        verdict: Verdict,
        corpora: &[&str],
        values: std::ops::Range<u64>,
    ) -> Finding {
        let matches = corpora
            .iter()
            .map(|corpus| FoundMatch {
                member: String::new(),
                found: Match {
                    corpus: corpus.parse().unwrap(),
                    document: "src/a.rs".to_owned(),
                    kind: Kind::Text,
                    views: vec![Kind::Text],
                    score: 0.9,
                    candidate_lines: vec![],
                    document_lines: vec![],
                    matched_lines: 10,
                    candidate_coverage: 0.5,
                    document_coverage: 0.5,
                    passages: Passages::default(),
                },
            })
            .collect();
        Finding {
            place: "https://paste.example/1".to_owned(),
            item: "1".to_owned(),
            title: None,
            published: None,
            verdict,
            score: 0.9,
            matches,
            passages: Passages::new(values.collect()),
            warnings: vec![],
        }
    }

    #[test]
    fn the_most_sensitive_corpus_decides() {
        let of_corpus = |name: &CorpusName| {
            if name.as_str() == "crown" { Severity::Critical } else { Severity::Medium }
        };
        assert_eq!(
            severity(&finding(Verdict::Leak, &["site"], 0..9), &of_corpus),
            Severity::Medium
        );
        assert_eq!(
            severity(&finding(Verdict::Leak, &["site", "crown"], 0..9), &of_corpus),
            Severity::Critical
        );
        assert_eq!(
            severity(&finding(Verdict::Possible, &["crown"], 0..9), &of_corpus),
            Severity::Low
        );
    }

    #[test]
    fn a_haul_is_one_step_worse_than_an_excerpt() {
        let of_corpus = |_: &CorpusName| Severity::High;
        assert_eq!(severity(&finding(Verdict::Leak, &["a"; 9], 0..9), &of_corpus), Severity::High);
        assert_eq!(
            severity(&finding(Verdict::Leak, &["a"; 10], 0..9), &of_corpus),
            Severity::Critical
        );
    }
}
