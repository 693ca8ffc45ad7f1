//! What a finding means: how bad it is, which incident it belongs to, and who is told. Pure.
//!
//! Called inside the transaction that records the finding; it knows no clock, no store and no network.

pub mod grouping;
pub mod severity;
