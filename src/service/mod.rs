//! One request and one response for every action a person can take on what is recorded.
//!
//! The command line, the socket and later the web hand their requests to [`Service::handle`]; there is no second way
//! to change an incident. The actor comes from the caller's system user, never from the request.

pub mod backup;
mod brief;

use base64::Engine as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::custody::{Broken, Deed};
use crate::evidence::{EvidenceStore, Manifest};
use crate::model::batch::Missed;
use crate::model::ids::{EvidenceId, IncidentId, SourceName};
use crate::model::incident::{Action, Actor, Incident, RecordedFinding};
use crate::model::notice::Delivery;
use crate::store::record::{self, EvidenceRow, Hand, IncidentQuery, Record, SourceStatus};

pub use brief::notice;

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// A list of incidents.
    Incidents(IncidentQuery),
    /// Everything about one incident.
    Incident(IncidentId),
    /// A change of its state.
    Act {
        /// Which.
        id: IncidentId,
        /// What to do.
        action: Action,
        /// Why.
        reason: Option<String>,
    },
    /// A note.
    Note {
        /// On which.
        id: IncidentId,
        /// The note.
        text: String,
    },
    /// Somebody to own it.
    Assign {
        /// Which.
        id: IncidentId,
        /// The login name.
        to: String,
    },
    /// How these sources have been doing.
    Sources(Vec<SourceName>),
    /// Items set aside for good: of one source, or of all.
    SetAside(Option<SourceName>),
    /// All pieces of evidence.
    EvidenceList,
    /// What is kept of one piece.
    EvidenceShow(EvidenceId),
    /// The bytes of one piece; the opening is recorded.
    EvidenceOpen(EvidenceId),
    /// Everything checked: the chain of custody and every piece of evidence.
    EvidenceVerify,
    /// Messages that were given up.
    DeadLetters,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// Incidents, newest first.
    Incidents(Vec<Incident>),
    /// One incident.
    Incident(Box<Detail>),
    /// The incident as it is after the change.
    Changed(Box<Incident>),
    /// How sources have been doing.
    Sources(Vec<(SourceName, SourceStatus)>),
    /// Items set aside: source, item, since when.
    SetAside(Vec<(SourceName, Missed, Timestamp)>),
    /// Pieces of evidence.
    EvidenceList(Vec<EvidenceRow>),
    /// One piece.
    Evidence {
        /// Its row.
        row: EvidenceRow,
        /// What is kept beside the bytes.
        manifest: Box<Manifest>,
        /// The bytes in base64, if they were asked for.
        body: Option<String>,
    },
    /// What verification found.
    Verified(Verification),
    /// Messages that were given up, newest first.
    DeadLetters(Vec<Delivery>),
}

/// Everything about one incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// The incident.
    pub incident: Incident,
    /// Its findings, oldest first.
    pub findings: Vec<RecordedFinding>,
    /// Its evidence, oldest first.
    pub evidence: Vec<EvidenceRow>,
    /// The messages about it, oldest first.
    pub deliveries: Vec<Delivery>,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Lines of the chain of custody that hold.
    pub lines: u64,
    /// Where the chain is broken, in words.
    pub broken: Option<String>,
    /// Pieces of evidence that are as they were received.
    pub intact: u64,
    /// Pieces that are not, and why.
    pub damaged: Vec<(EvidenceId, String)>,
}

impl Verification {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.broken.is_none() && self.damaged.is_empty()
    }
}

/// Why a request was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The record refused or failed.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// Evidence could not be read.
    #[error(transparent)]
    Evidence(#[from] crate::evidence::Error),
}

/// Carries out requests.
#[derive(Debug, Clone)]
pub struct Service {
    record: Record,
    evidence: EvidenceStore,
}

impl Service {
    /// A service over open stores.
    pub fn new(record: Record, evidence: EvidenceStore) -> Self {
        Self { record, evidence }
    }

    /// Carries out one request. Blocks on the disk.
    pub fn handle(&self, request: Request, by: &Actor, now: Timestamp) -> Result<Response, Error> {
        let record = &self.record;
        let hand = Hand { by, at: now };
        Ok(match request {
            Request::Incidents(query) => Response::Incidents(record.incidents(&query)?),
            Request::Incident(id) => Response::Incident(Box::new(self.detail(id)?)),
            Request::Act { id, action, reason } => changed(record.act(id, action, reason, hand)?),
            Request::Note { id, text } => changed(record.note(id, text, hand)?),
            Request::Assign { id, to } => changed(record.assign(id, to, hand)?),
            Request::Sources(names) => Response::Sources(
                names
                    .into_iter()
                    .map(|name| Ok((name.clone(), record.source_status(&name)?)))
                    .collect::<Result<_, record::Error>>()?,
            ),
            Request::SetAside(source) => Response::SetAside(record.set_aside(source.as_ref())?),
            Request::EvidenceList => Response::EvidenceList(record.all_evidence()?),
            Request::EvidenceShow(id) => self.evidence(id, None)?,
            Request::EvidenceOpen(id) => self.evidence(id, Some((by, now)))?,
            Request::EvidenceVerify => Response::Verified(self.verify()?),
            Request::DeadLetters => Response::DeadLetters(record.dead_letters()?),
        })
    }

    fn detail(&self, id: IncidentId) -> Result<Detail, Error> {
        let incident = self.record.incident(id)?;
        let findings = self.record.findings(id)?;
        let evidence = findings
            .iter()
            .flat_map(|finding| &finding.evidence)
            .map(|id| self.record.evidence(*id))
            .collect::<Result<_, _>>()?;
        let deliveries = self.record.deliveries_about(id)?;
        Ok(Detail { incident, findings, evidence, deliveries })
    }

    /// The opening is on record before the bytes are handed over.
    fn evidence(
        &self,
        id: EvidenceId,
        opened: Option<(&Actor, Timestamp)>,
    ) -> Result<Response, Error> {
        let row = self.record.evidence(id)?;
        let manifest = Box::new(self.evidence.manifest(&row.evidence.object)?);
        let body = match opened {
            None => None,
            Some((by, at)) => {
                let body = self.evidence.body(&row.evidence.object)?;
                self.record.testify(Deed {
                    at,
                    by: by.clone(),
                    what: "evidence.opened",
                    subject: id.to_string(),
                    detail: serde_json::Value::Null,
                })?;
                Some(base64::engine::general_purpose::STANDARD.encode(&body))
            }
        };
        Ok(Response::Evidence { row, manifest, body })
    }

    fn verify(&self) -> Result<Verification, Error> {
        let chain = self.record.custody()?;
        let (lines, broken) = match crate::custody::verify(&chain) {
            Ok(lines) => (lines, None),
            Err(broken @ Broken { number, .. }) => {
                (number.saturating_sub(1), Some(broken.to_string()))
            }
        };
        let mut verification = Verification { lines, broken, intact: 0, damaged: Vec::new() };
        for row in self.record.all_evidence()? {
            match self.evidence.verify(&row.evidence) {
                Ok(()) => verification.intact += 1,
                Err(error) => verification.damaged.push((row.id, error.to_string())),
            }
        }
        Ok(verification)
    }
}

fn changed(incident: Incident) -> Response {
    Response::Changed(Box::new(incident))
}

impl Error {
    /// Whether the stores are at fault, rather than what was asked.
    pub fn is_storage(&self) -> bool {
        !matches!(
            self,
            Self::Record(
                record::Error::Unknown(_)
                    | record::Error::Illegal(_)
                    | record::Error::ReasonMissing(_)
            )
        )
    }
}
