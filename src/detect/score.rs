//! What evidence means: how seldom an unrelated document shares so much.
//!
//! Evidence is counted in rare characters shared. Between unrelated documents what is shared is not
//! random letters but idiom: the way everybody writes a certain thing. How long such passages get was
//! fitted to 8,700 files of public Rust code against fourteen other projects, with what was plainly a
//! copy put aside by hand: of documents of 2,000 characters one in 180 shares a passage of more than [`FIRST_RUN`] rare
//! characters, half as many do with every [`HALVING`] further ones, and a document twice as long does
//! 1.35 times as often. As in BLAST's statistics (Karlin, Altschul 1990), the surprise in bits is then
//! linear in the evidence less the logarithm of what was searched. How large the corpus is does not
//! enter: more documents hold more idiom, but also show by their number what is one.

/// The score from which a text is a leak: one unrelated document in a thousand, written in the same
/// language for the same purpose, shares so much (10 bits), before a baseline takes idiom off.
pub(super) const LEAK: f64 = 0.5;
/// The score from which a text is possibly a leak: one such document in 250 (8 bits give 8/18; three digits of it can be
/// written in a configuration).
pub(super) const POSSIBLE: f64 = 0.444;

/// Rare characters at the head of a chain that idiom explains.
pub(super) const FIRST_RUN: f64 = 48.0;
/// Rare characters that make a passage half as likely by chance.
const HALVING: f64 = 23.0;
/// The same below [`FIRST_RUN`], where most of what unrelated documents share ends.
const HALVING_BELOW: f64 = 8.0;
/// The surprise of any chain at all in a candidate of [`USUAL_LENGTH`]: one document in 180.
const ANY_CHAIN: f64 = 7.5;
/// Normalised characters of a candidate.
const USUAL_LENGTH: f64 = 2_000.0;
/// Bits that a candidate of double length takes off.
const DOUBLE_LENGTH: f64 = 0.43;
/// The surprise at which the score is one half.
const HALF: f64 = 10.0;

/// The rare characters that a further run of a chain must bring to be worth linking over a gap: few
/// behind a changed word, as many as at a chain's head where as much differs as is alike.
pub(super) fn link(gap: u32) -> f64 {
    (8.0 + f64::from(gap) / 4.0).min(FIRST_RUN)
}

/// The score of evidence found in a candidate of so many normalised characters.
pub(super) fn score(evidence: f64, candidate: u32) -> f64 {
    let length = f64::from(candidate.max(1)) / USUAL_LENGTH;
    let surprise = if evidence < 0.0 { evidence / HALVING_BELOW } else { evidence / HALVING };
    let bits = ANY_CHAIN + surprise - DOUBLE_LENGTH * length.log2();
    let bits = bits.max(0.0);
    bits / (bits + HALF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Policy;
    use crate::model::finding::Verdict;

    #[test]
    fn the_score_rises_with_the_evidence_and_never_reaches_one() {
        let mut before = 0.0;
        for evidence in [1, 10, 100, 1_000, 100_000, 10_000_000] {
            let score = score(f64::from(evidence), 5_000);
            assert!(before < score && score < 1.0, "{evidence} {score}");
            before = score;
        }
    }

    #[test]
    fn as_much_is_more_surprising_in_a_small_candidate() {
        assert!(score(100.0, 300) > score(100.0, 30_000));
        assert!(score(0.0, u32::MAX) >= 0.0 && score(0.0, 0) < 1.0);
    }

    #[test]
    fn verdicts_stand_where_they_are_documented() {
        let policy = Policy::default();
        for (rare_characters, candidate, verdict) in [
            (60.0, 20_000, Verdict::Clean),   // an idiom in a file
            (60.0, 2_000, Verdict::Possible), // a long one in a short file
            (180.0, 200, Verdict::Leak),      // ten lines pasted alone
            (200.0, 20_000, Verdict::Leak),   // ten lines in a large paste
            (5_000.0, 10_000, Verdict::Leak), // a file
        ] {
            let score = score(rare_characters - FIRST_RUN, candidate);
            assert_eq!(policy.verdict(score), verdict, "{rare_characters} of {candidate}: {score}");
        }
    }
}
