//! What a message may say: the facts of a notice, bounded, made safe to show and cut to its audience.
//!
//! Templates and webhooks see this and nothing else, so what an audience must not read cannot be put
//! into its message by a template. Hostile text has been made harmless here, once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::text;
use crate::model::finding::{Verdict, two_digits};
use crate::model::ids::{
    ContentHash, CorpusName, DeliveryId, EvidenceId, IncidentId, RouteName, SourceName,
};
use crate::model::incident::{Severity, State};
use crate::model::notice::{Audience, IncidentBrief, Notice, NoticeKind, PlaceBrief, SourceBrief};

/// The version of this shape, for those who read it from a webhook.
pub(super) const VERSION: u32 = 1;
const MAX_INCIDENTS: usize = 25;
const MAX_SOURCES: usize = 50;
const MAX_PLACES: usize = 10;
const MAX_DOCUMENTS: usize = 5;
const MAX_EVIDENCE: usize = 5;
const MAX_CORPORA: usize = 8;
const MAX_TEXT: usize = 300;

/// The facts of one message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// [`VERSION`].
    pub version: u32,
    /// What kind of message.
    pub event: NoticeKind,
    /// The delivery.
    pub id: DeliveryId,
    /// The same for every repeat of this message, and for no other: see [`idempotency_key`].
    pub idempotency_key: String,
    /// The route.
    pub route: RouteName,
    /// Whom it reaches.
    pub audience: Audience,
    /// When the oldest entry was queued.
    pub queued: Timestamp,
    /// When it is sent.
    pub sent: Timestamp,
    /// Minutes of delay worth mentioning.
    pub delayed_minutes: Option<i64>,
    /// Why it is late, where that is known.
    pub delayed_because: Option<String>,
    /// The worst severity; null without an incident.
    pub severity: Option<Severity>,
    /// All corpora concerned, by name, a few.
    pub corpora: Vec<CorpusName>,
    /// Corpora left out for length.
    pub more_corpora: usize,
    /// Incidents, worst first.
    pub incidents: Vec<IncidentFacts>,
    /// Incidents left out for length.
    pub omitted: usize,
    /// Sources that fail or recovered.
    pub sources: Vec<SourceFacts>,
    /// Sources left out for length.
    pub omitted_sources: usize,
}

/// An incident in a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentFacts {
    /// Its number.
    pub id: IncidentId,
    /// Where it stands.
    pub state: State,
    /// How bad it is.
    pub severity: Severity,
    /// Its verdict.
    pub verdict: Verdict,
    /// The corpora it concerns, a few.
    pub corpora: Vec<CorpusName>,
    /// Corpora left out for length.
    pub more_corpora: usize,
    /// When it was opened.
    pub opened: Timestamp,
    /// The earliest time at which something of it was seen.
    pub first_seen: Timestamp,
    /// Where it was found, newest last.
    pub places: Vec<PlaceFacts>,
    /// Places left out for length.
    pub more_places: usize,
}

/// One place in a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceFacts {
    /// Where, not clickable. For lawyers the host alone, since an address may name a person; null if it has none.
    pub place: Option<String>,
    /// The source that found it.
    pub source: SourceName,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// The best score, 0 to 1, two digits.
    pub score: f64,
    /// The share of what was found that is ours, 0 to 1, two digits.
    pub candidate_coverage: f64,
    /// Lines that are ours.
    pub matched_lines: u32,
    /// Our documents, best first, a few; none for lawyers.
    pub documents: Vec<String>,
    /// Our documents left out.
    pub more_documents: usize,
    /// The evidence, newest last, a few.
    pub evidence: Vec<EvidenceFacts>,
    /// Evidence left out for length.
    pub more_evidence: usize,
}

/// A piece of evidence in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EvidenceFacts {
    /// Its number.
    pub id: EvidenceId,
    /// The BLAKE3 digest of the bytes.
    pub blake3: ContentHash,
}

/// A source in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceFacts {
    /// The source.
    pub source: SourceName,
    /// Why it fails; null if it works again.
    pub failing: Option<String>,
}

/// What tells a receiver that two deliveries are the same message: `D-7.<installation>`.
pub(super) fn idempotency_key(id: DeliveryId, installation: &str) -> String {
    format!("{id}.{installation}")
}

impl Facts {
    /// What `notice` may say to its audience.
    pub fn of(notice: &Notice, installation: &str) -> Self {
        let all_corpora: BTreeSet<&CorpusName> =
            notice.incidents.iter().flat_map(|incident| &incident.corpora).collect();
        let (corpora, more_corpora) = first_few(all_corpora.into_iter().cloned(), MAX_CORPORA);
        let brief = |incident| IncidentFacts::of(incident, notice.audience);
        let (incidents, cut) = first_few(notice.incidents.iter().map(brief), MAX_INCIDENTS);
        let (sources, omitted_sources) =
            first_few(notice.sources.iter().map(SourceFacts::of), MAX_SOURCES);
        Self {
            version: VERSION,
            event: notice.kind,
            id: notice.id,
            idempotency_key: idempotency_key(notice.id, installation),
            route: notice.route.clone(),
            audience: notice.audience,
            queued: notice.queued,
            sent: notice.sent,
            delayed_minutes: notice.delayed_minutes,
            delayed_because: notice.delayed_because.as_deref().map(sentence),
            severity: notice.incidents.iter().map(|incident| incident.severity).max(),
            corpora,
            more_corpora,
            incidents,
            omitted: notice.omitted + cut,
            sources,
            omitted_sources,
        }
    }
}

impl IncidentFacts {
    fn of(incident: &IncidentBrief, audience: Audience) -> Self {
        let (corpora, more_corpora) = first_few(incident.corpora.iter().cloned(), MAX_CORPORA);
        let seen = incident.places.iter().map(|place| place.first_seen).min();
        let skipped = incident.places.len().saturating_sub(MAX_PLACES);
        let newest = incident.places.iter().skip(skipped);
        Self {
            id: incident.id,
            state: incident.state,
            severity: incident.severity,
            verdict: incident.verdict,
            corpora,
            more_corpora,
            opened: incident.opened,
            first_seen: seen.unwrap_or(incident.opened).min(incident.opened),
            places: newest.map(|place| PlaceFacts::of(place, audience)).collect(),
            more_places: incident.more_places + skipped,
        }
    }
}

impl PlaceFacts {
    fn of(place: &PlaceBrief, audience: Audience) -> Self {
        let legal = audience == Audience::Legal;
        let where_found = if legal {
            text::host(&place.place).as_deref().map(shown)
        } else {
            Some(text::defang(&shown(&place.place)))
        };
        let names = if legal { 0 } else { MAX_DOCUMENTS };
        let (documents, cut) = first_few(place.documents.iter().map(|name| sentence(name)), names);
        let skipped = place.evidence.len().saturating_sub(MAX_EVIDENCE);
        let newest = place.evidence.iter().skip(skipped);
        Self {
            place: where_found,
            source: place.source.clone(),
            first_seen: place.first_seen,
            score: two_digits(place.score),
            candidate_coverage: two_digits(place.candidate_coverage),
            matched_lines: place.matched_lines,
            documents,
            more_documents: place.more_documents + cut,
            evidence: newest.map(|&(id, blake3)| EvidenceFacts { id, blake3 }).collect(),
            more_evidence: skipped,
        }
    }
}

impl SourceFacts {
    fn of(source: &SourceBrief) -> Self {
        Self { source: source.source.clone(), failing: source.failing.as_deref().map(sentence) }
    }
}

fn sentence(text: &str) -> String {
    text::unlink(&shown(text))
}

fn shown(text: &str) -> String {
    text::one_line(text, MAX_TEXT)
}

fn first_few<T>(mut all: impl Iterator<Item = T>, most: usize) -> (Vec<T>, usize) {
    let few: Vec<T> = all.by_ref().take(most).collect();
    (few, all.count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::sample;

    #[test]
    fn lawyers_see_hosts_and_counts_never_addresses_or_names() {
        let mut notice = sample::notice(Audience::Legal, NoticeKind::Leak);
        notice.incidents[0].places[0].place = "https://forge.example/jane-doe/x".to_owned();
        notice.incidents[0].places[1].place = "/srv/drop/jane-doe.zip".to_owned();
        let facts = Facts::of(&notice, "i1");
        let places = &facts.incidents[0].places;
        assert_eq!(places[0].place.as_deref(), Some("forge[.]example"));
        assert_eq!(places[1].place, None);
        assert!(places.iter().all(|place| place.documents.is_empty() && place.more_documents > 0));
        assert!(!format!("{facts:?}").contains("jane"));
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let mut notice = sample::notice(Audience::Security, NoticeKind::Leak);
        let mut incident = notice.incidents[0].clone();
        let place = incident.places[0].clone();
        incident.places = vec![place; 13];
        incident.more_places = 2;
        incident.places[12].place = "newest".to_owned();
        notice.incidents = vec![incident; 30];
        notice.omitted = 4;
        let facts = Facts::of(&notice, "i1");
        assert_eq!((facts.incidents.len(), facts.omitted), (MAX_INCIDENTS, 9));
        let incident = &facts.incidents[0];
        assert_eq!((incident.places.len(), incident.more_places), (MAX_PLACES, 5));
        assert_eq!(incident.places[9].place.as_deref(), Some("newest"));
    }
}
