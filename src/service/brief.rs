//! What a message tells, read from the record at the moment it is sent.

use jiff::Timestamp;

use crate::model::ids::IncidentId;
use crate::model::incident::RecordedFinding;
use crate::model::notice::{
    About, Audience, Delivery, IncidentBrief, Notice, PlaceBrief, SourceBrief,
};
use crate::store::record::{Error, Record};

/// A message names so many incidents, places and documents at most; the rest is counted.
const INCIDENTS: usize = 20;
const PLACES: usize = 10;
const DOCUMENTS: usize = 5;
/// A delay shorter than this is not worth a word.
const WORTH_MENTIONING_MINUTES: i64 = 10;

/// The facts of a delivery's message.
pub fn notice(
    record: &Record,
    delivery: &Delivery,
    audience: Audience,
    sent: Timestamp,
) -> Result<Notice, Error> {
    let mut incidents = Vec::new();
    let mut sources = Vec::new();
    for about in &delivery.about {
        match about {
            About::Incident(id) => incidents.push(incident(record, *id)?),
            About::SourceFailing { source, reason } => {
                sources.push(SourceBrief { source: source.clone(), failing: Some(reason.clone()) });
            }
            About::SourceRecovered { source } => {
                sources.push(SourceBrief { source: source.clone(), failing: None });
            }
            About::Test => {}
        }
    }
    // Worst first, then the oldest.
    incidents.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.id.cmp(&b.id)));
    let omitted = incidents.len().saturating_sub(INCIDENTS);
    incidents.truncate(INCIDENTS);
    let delay = sent.duration_since(delivery.formed).as_mins();
    Ok(Notice {
        id: delivery.id,
        route: delivery.route.clone(),
        audience,
        kind: delivery.kind,
        queued: delivery.queued,
        sent,
        delayed_minutes: (delay >= WORTH_MENTIONING_MINUTES).then_some(delay),
        delayed_because: delivery.last_error.clone().filter(|_| delay >= WORTH_MENTIONING_MINUTES),
        incidents,
        omitted,
        sources,
    })
}

fn incident(record: &Record, id: IncidentId) -> Result<IncidentBrief, Error> {
    let incident = record.incident(id)?;
    let findings = record.findings(id)?;
    let more_places = findings.len().saturating_sub(PLACES);
    let places = findings
        .iter()
        .skip(more_places)
        .map(|finding| place(record, finding))
        .collect::<Result<_, _>>()?;
    Ok(IncidentBrief {
        id,
        state: incident.state,
        severity: incident.severity,
        verdict: incident.verdict,
        corpora: incident.corpora,
        opened: incident.opened,
        places,
        more_places,
    })
}

fn place(record: &Record, recorded: &RecordedFinding) -> Result<PlaceBrief, Error> {
    let finding = &recorded.finding;
    let mut documents: Vec<String> = Vec::new();
    for found in &finding.matches {
        let name = format!("{}: {}", found.found.corpus, found.found.document);
        if !documents.contains(&name) {
            documents.push(name);
        }
    }
    let more_documents = documents.len().saturating_sub(DOCUMENTS);
    documents.truncate(DOCUMENTS);
    let evidence = recorded
        .evidence
        .iter()
        .map(|id| Ok((*id, record.evidence(*id)?.evidence.blake3)))
        .collect::<Result<_, Error>>()?;
    Ok(PlaceBrief {
        place: crate::notify::defang(&finding.place),
        source: recorded.source.clone(),
        first_seen: recorded.first_seen,
        score: finding.score,
        candidate_coverage: finding
            .matches
            .iter()
            .map(|found| found.found.candidate_coverage)
            .fold(0.0, f64::max),
        matched_lines: finding
            .matches
            .iter()
            .map(|found| found.found.matched_lines)
            .max()
            .unwrap_or(0),
        documents,
        more_documents,
        evidence,
    })
}
