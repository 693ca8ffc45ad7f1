//! How bad a find is: a rule about what was found and where it comes from. Pure.

use serde::Serialize;

use crate::model::finding::Verdict;
use crate::model::incident::Severity;
use crate::watchlist::Sensitivity;

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
    /// How bad a find is that concerns corpora of these sensitivities; the worst counts. A corpus without one is
    /// internal.
    pub fn severity(
        &self,
        verdict: Verdict,
        sensitivities: impl IntoIterator<Item = Sensitivity>,
    ) -> Severity {
        let worst = sensitivities.into_iter().map(|sensitivity| self.of(sensitivity)).max();
        let worst = worst.unwrap_or_else(|| self.of(Sensitivity::default()));
        if verdict == Verdict::Leak { worst } else { worst.min(self.possible_at_most) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_sensitive_corpus_decides_and_a_possibility_is_bounded() {
        let rules = SeverityRules::default();
        for (verdict, sensitivities, expected) in [
            (Verdict::Leak, &[][..], Severity::Medium),
            (Verdict::Leak, &[Sensitivity::Public], Severity::Low),
            (Verdict::Leak, &[Sensitivity::Public, Sensitivity::Secret], Severity::Critical),
            (Verdict::Possible, &[Sensitivity::Secret], Severity::Medium),
            (Verdict::Possible, &[Sensitivity::Public], Severity::Low),
        ] {
            assert_eq!(rules.severity(verdict, sensitivities.iter().copied()), expected);
        }
    }
}
