//! Incidents: findings that belong together, and the states they go through.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::finding::{Passages, Verdict};
use super::ids::{CorpusName, EvidenceId, FindingId, IncidentId, SourceName};

/// How bad it is, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// For the digest.
    Low,
    /// For today.
    Medium,
    /// For now.
    High,
    /// For whoever is asleep.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nobody has looked yet.
    New,
    /// Somebody has taken it.
    Acknowledged,
    /// A person says that it is ours and should not be there.
    Confirmed,
    /// A person says that it is not, or does not matter; its content stays quiet.
    Dismissed,
    /// It is no longer reachable, or its harm is bounded.
    Contained,
    /// Done.
    Closed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::Confirmed => "confirmed",
            Self::Dismissed => "dismissed",
            Self::Contained => "contained",
            Self::Closed => "closed",
        })
    }
}

/// What a person can do to an incident's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Take it.
    Acknowledge,
    /// Say that it is real.
    Confirm,
    /// Say that it is not, or does not matter.
    Dismiss,
    /// Say that its harm is bounded.
    Contain,
    /// Finish it.
    Close,
    /// Take it up again.
    Reopen,
}

impl Action {
    /// Every action, in the order of an incident's life.
    pub const ALL: [Self; 6] =
        [Self::Acknowledge, Self::Confirm, Self::Dismiss, Self::Contain, Self::Close, Self::Reopen];
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Acknowledge => "ack",
            Self::Confirm => "confirm",
            Self::Dismiss => "dismiss",
            Self::Contain => "contain",
            Self::Close => "close",
            Self::Reopen => "reopen",
        })
    }
}

/// An action that the state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {action} an incident that is {from} (possible: {})", possible(*.from))]
pub struct IllegalTransition {
    /// Where the incident stands.
    pub from: State,
    /// What was asked.
    pub action: Action,
}

fn possible(from: State) -> String {
    let allowed: Vec<String> = Action::ALL
        .iter()
        .filter(|action| from.apply(**action).is_ok())
        .map(ToString::to_string)
        .collect();
    allowed.join(", ")
}

impl State {
    /// The state after an action; the whole transition table.
    pub fn apply(self, action: Action) -> Result<Self, IllegalTransition> {
        match (self, action) {
            (Self::New, Action::Acknowledge)
            | (Self::Dismissed | Self::Contained | Self::Closed, Action::Reopen) => {
                Ok(Self::Acknowledged)
            }
            (Self::New | Self::Acknowledged, Action::Confirm) => Ok(Self::Confirmed),
            (Self::New | Self::Acknowledged | Self::Confirmed, Action::Dismiss) => {
                Ok(Self::Dismissed)
            }
            (Self::Confirmed, Action::Contain) => Ok(Self::Contained),
            (Self::Confirmed | Self::Contained, Action::Close) => Ok(Self::Closed),
            (from, action) => Err(IllegalTransition { from, action }),
        }
    }

    /// Whether somebody still has to do something.
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::Acknowledged | Self::Confirmed | Self::Contained)
    }
}

/// Who did something: the system user at the other end of the socket, or the program itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// The program, on its own.
    Program,
    /// A user of this machine.
    User {
        /// The user id.
        uid: u32,
        /// The login name, as the machine has it.
        name: String,
    },
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => f.pad("leakwarden"),
            Self::User { name, .. } => f.pad(name),
        }
    }
}

/// One thing that happened to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What.
    pub what: Happened,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// It was opened by a finding.
    Opened {
        /// The finding.
        finding: FindingId,
    },
    /// A finding at another place joined.
    Joined {
        /// The finding.
        finding: FindingId,
    },
    /// The same content was seen at the same place again, changed or after an absence.
    SeenAgain {
        /// The finding.
        finding: FindingId,
    },
    /// Its severity rose.
    Escalated {
        /// From.
        from: Severity,
        /// To.
        to: Severity,
    },
    /// A person changed its state.
    Changed {
        /// The action.
        action: Action,
        /// From.
        from: State,
        /// To.
        to: State,
        /// The reason, if one was given.
        reason: Option<String>,
    },
    /// A person wrote something down.
    Noted {
        /// The note.
        text: String,
    },
    /// A person gave it to somebody.
    Assigned {
        /// The login name.
        to: String,
    },
}

/// Findings that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// Where it stands.
    pub state: State,
    /// How bad it is.
    pub severity: Severity,
    /// The loudest verdict of its findings.
    pub verdict: Verdict,
    /// The corpora it concerns.
    pub corpora: Vec<CorpusName>,
    /// Its findings, oldest first.
    pub findings: Vec<FindingId>,
    /// The leaked content of all findings together.
    pub passages: Passages,
    /// Who has it.
    pub owner: Option<String>,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it last changed.
    pub changed: Timestamp,
    /// Everything that happened, oldest first.
    pub history: Vec<Event>,
}

/// A finding as the record keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedFinding {
    /// Its number.
    pub id: FindingId,
    /// The incident it belongs to; none if it was published with permission.
    pub incident: Option<IncidentId>,
    /// The allowed place that it was found at, if any.
    pub allowed: Option<String>,
    /// The source that found it.
    pub source: SourceName,
    /// What was found.
    pub finding: super::finding::Finding,
    /// Its evidence, oldest first: one for each version of the document.
    pub evidence: Vec<EvidenceId>,
    /// When it was first seen by us.
    pub first_seen: Timestamp,
    /// When it was last seen by us.
    pub last_seen: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_table_is_what_the_documentation_says() {
        use Action as A;
        use State as S;
        let all = [S::New, S::Acknowledged, S::Confirmed, S::Dismissed, S::Contained, S::Closed];
        let allowed = [
            (S::New, A::Acknowledge, S::Acknowledged),
            (S::New, A::Confirm, S::Confirmed),
            (S::New, A::Dismiss, S::Dismissed),
            (S::Acknowledged, A::Confirm, S::Confirmed),
            (S::Acknowledged, A::Dismiss, S::Dismissed),
            (S::Confirmed, A::Dismiss, S::Dismissed),
            (S::Confirmed, A::Contain, S::Contained),
            (S::Confirmed, A::Close, S::Closed),
            (S::Contained, A::Close, S::Closed),
            (S::Dismissed, A::Reopen, S::Acknowledged),
            (S::Contained, A::Reopen, S::Acknowledged),
            (S::Closed, A::Reopen, S::Acknowledged),
        ];
        for from in all {
            for action in A::ALL {
                let expected =
                    allowed.iter().find(|row| row.0 == from && row.1 == action).map(|row| row.2);
                assert_eq!(from.apply(action).ok(), expected, "{from} {action}");
            }
        }
    }

    #[test]
    fn a_refusal_says_what_is_possible() {
        let error = State::Closed.apply(Action::Acknowledge).unwrap_err();
        assert_eq!(error.to_string(), "cannot ack an incident that is closed (possible: reopen)");
    }
}
