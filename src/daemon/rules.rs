//! What is decided about a finding inside the transaction that records it: where it may be, which incident it
//! belongs to, how bad it is, who is told and when.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::index::{CorpusEntry, Snapshot};
use crate::model::finding::Finding;
use crate::model::ids::CorpusName;
use crate::model::incident::{Severity, State};
use crate::notify::Route;
use crate::respond::grouping::{Neighbour, home};
use crate::respond::severity::SeverityRules;
use crate::store::record::{Candidate, Decision, NewFinding, Outlet};
use crate::watchlist::Sensitivity;
use crate::watchlist::allowed::Allowed;

/// The rules as configured.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How bad a finding is.
    pub severity: SeverityRules,
    /// How sensitive each corpus is.
    pub sensitivities: BTreeMap<CorpusName, Sensitivity>,
    /// Places where our content may be.
    pub allowed: Allowed,
    /// Who is told.
    pub routes: Vec<Route>,
}

/// How sensitive each corpus in the index is.
pub fn sensitivities(snapshot: &Snapshot) -> BTreeMap<CorpusName, Sensitivity> {
    let of = |entry: CorpusEntry| (entry.name, Sensitivity::of(&entry.attributes));
    snapshot.corpora().into_iter().map(of).collect()
}

impl Rules {
    /// Decides about one finding.
    pub fn decide(&self, new: &NewFinding, candidates: &[Candidate], at: Timestamp) -> Decision {
        let finding = &new.finding;
        if let Some(place) = self.allowed_place(finding, at) {
            return Decision::Allowed { place };
        }
        let of = |corpus: &CorpusName| self.sensitivities.get(corpus).copied().unwrap_or_default();
        let severity = self.severity.severity(finding, &of);
        let neighbours: Vec<Neighbour<'_>> = candidates
            .iter()
            .map(|other| Neighbour { id: other.id, state: other.state, passages: &other.passages })
            .collect();
        let home = home(&finding.passages, &neighbours)
            .and_then(|id| candidates.iter().find(|candidate| candidate.id == id));
        match home {
            None => Decision::Open { severity, tell: self.outlets(finding, severity, at) },
            Some(incident) if incident.state == State::Dismissed => Decision::Join {
                incident: incident.id,
                severity: incident.severity,
                tell: Vec::new(),
            },
            Some(incident) => {
                let severity = severity.max(incident.severity);
                Decision::Join {
                    incident: incident.id,
                    severity,
                    tell: self.outlets(finding, severity, at),
                }
            }
        }
    }

    /// The allowed place that covers the finding: every corpus found must be allowed there.
    fn allowed_place(&self, finding: &Finding, at: Timestamp) -> Option<String> {
        let mut name = None;
        for found in &finding.matches {
            name = Some(self.allowed.covers(&finding.place, &found.found.corpus, at)?.to_owned());
        }
        name
    }

    /// Who is told, and not before when: each route decides for itself.
    fn outlets(&self, finding: &Finding, severity: Severity, at: Timestamp) -> Vec<Outlet> {
        let corpora: Vec<CorpusName> =
            finding.matches.iter().map(|found| found.found.corpus.clone()).collect();
        let outlet = |route: &Route| {
            let (kind, not_before) = route.outlet(severity, finding.verdict, &corpora, at)?;
            Some(Outlet { route: route.name.clone(), kind, not_before })
        };
        self.routes.iter().filter_map(outlet).collect()
    }
}
