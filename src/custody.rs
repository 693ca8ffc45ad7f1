//! The chain of custody: a hash-chained line for everything done to incidents, evidence and settings.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::incident::Actor;

/// What was done; becomes a line when it is appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What, as a verb in the past: `incident.opened`, `evidence.stored`, `incident.dismissed`.
    pub what: &'static str,
    /// To what: `INC-1`, `EV-7`, `settings`.
    pub subject: String,
    /// More facts. No leaked text, no secret.
    pub detail: serde_json::Value,
}

/// One line of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// 1, 2, 3 …
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What.
    pub what: String,
    /// To what.
    pub subject: String,
    /// More facts.
    pub detail: serde_json::Value,
    /// The hash of the line before; zeros for the first.
    pub previous: String,
    /// The hash of this line: SHA-256 over the canonical JSON of all other fields.
    pub hash: String,
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the chain of custody is broken at line {number}: {why}")]
pub struct Broken {
    /// The first line that is wrong.
    pub number: u64,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Makes the line that follows `last`.
pub fn append(last: Option<&Line>, deed: Deed) -> Line {
    let _ = (last, deed);
    todo!()
}

/// Checks a chain from its first line; gives the number of lines.
pub fn verify<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Result<u64, Broken> {
    let _ = lines.into_iter();
    todo!()
}
