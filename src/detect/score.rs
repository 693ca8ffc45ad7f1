//! What evidence means.

/// placeholder
pub(super) const FIRST_RUN: f64 = 24.0;

/// placeholder
pub(super) fn link(gap: u32) -> f64 {
    12.0 + f64::from(gap + 1).log2()
}

pub(super) const LEAK: f64 = 0.8;
pub(super) const POSSIBLE: f64 = 0.5;

/// placeholder
pub(super) fn score(evidence: f64) -> f64 {
    1.0 - (-evidence / 60.0).exp2()
}
