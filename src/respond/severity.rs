//! How bad a finding is: a rule about what was found and how sensitive the corpora are that it comes from.

use serde::Serialize;

use crate::model::finding::{Finding, Verdict};
use crate::model::ids::CorpusName;
use crate::model::incident::Severity;
use crate::watchlist::Sensitivity;

/// So many of our documents in one place are a haul, not an excerpt.
const HAUL: usize = 10;

/// What each sensitivity means, and how loud a mere possibility may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SeverityRules {
    /// Of what is published anyway.
    pub public: Severity,
    /// Of what is not meant for others.
    pub internal: Severity,
    /// Of what is harmful in the hands of others.
    pub confidential: Severity,
    /// Of what the company lives on.
    pub secret: Severity,
    /// A find that is only possibly ours is at most so bad.
    pub possible_at_most: Severity,
}

impl Default for SeverityRules {
    fn default() -> Self {
        Self {
            public: Severity::Low,
            internal: Severity::Medium,
            confidential: Severity::High,
            secret: Severity::Critical,
            possible_at_most: Severity::Medium,
        }
    }
}

impl SeverityRules {
    /// How bad a finding is: as bad as the most sensitive corpus it touches makes it, one step worse when it holds ten
    /// of our documents or more, and bounded while it is only possibly ours.
    pub fn severity(&self, finding: &Finding, of: &dyn Fn(&CorpusName) -> Sensitivity) -> Severity {
        let worst = finding.matches.iter().map(|found| self.of(of(&found.found.corpus))).max();
        let worst = worst.unwrap_or_else(|| self.of(Sensitivity::default()));
        match finding.verdict {
            Verdict::Leak if finding.matches.len() >= HAUL => worse(worst),
            Verdict::Leak => worst,
            _ => worst.min(self.possible_at_most),
        }
    }

    fn of(self, sensitivity: Sensitivity) -> Severity {
        match sensitivity {
            Sensitivity::Public => self.public,
            Sensitivity::Internal => self.internal,
            Sensitivity::Confidential => self.confidential,
            Sensitivity::Secret => self.secret,
        }
    }
}

fn worse(severity: Severity) -> Severity {
    match severity {
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::{FoundMatch, Kind, Match, Passages};

    fn finding(verdict: Verdict, corpora: &[&str]) -> Finding {
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
            passages: Passages::default(),
            warnings: vec![],
        }
    }

    fn severity(verdict: Verdict, corpora: &[&str]) -> Severity {
        let of = |name: &CorpusName| name.as_str().parse().unwrap_or_default();
        SeverityRules::default().severity(&finding(verdict, corpora), &of)
    }

    #[test]
    fn the_most_sensitive_corpus_decides_and_a_possibility_is_bounded() {
        assert_eq!(severity(Verdict::Leak, &["unlabelled"]), Severity::Medium);
        assert_eq!(severity(Verdict::Leak, &["public"]), Severity::Low);
        assert_eq!(severity(Verdict::Leak, &["public", "secret"]), Severity::Critical);
        assert_eq!(severity(Verdict::Possible, &["secret"]), Severity::Medium);
        assert_eq!(severity(Verdict::Possible, &["public"]), Severity::Low);
    }

    #[test]
    fn a_haul_is_one_step_worse_than_an_excerpt() {
        assert_eq!(severity(Verdict::Leak, &["confidential"; 9]), Severity::High);
        assert_eq!(severity(Verdict::Leak, &["confidential"; 10]), Severity::Critical);
    }
}
