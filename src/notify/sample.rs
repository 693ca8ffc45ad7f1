//! Invented notices: what a test message shows, and what templates are checked against.

use jiff::{SignedDuration, Timestamp};

use crate::model::finding::Verdict;
use crate::model::ids::{
    ContentHash, CorpusName, DeliveryId, EvidenceId, IncidentId, RouteName, SourceName,
};
use crate::model::incident::{Severity, State};
use crate::model::notice::{Audience, IncidentBrief, Notice, NoticeKind, PlaceBrief, SourceBrief};

/// Every audience and kind of message that exists.
pub(super) const ALL: [(Audience, NoticeKind); 8] = [
    (Audience::Security, NoticeKind::Leak),
    (Audience::Security, NoticeKind::Digest),
    (Audience::Security, NoticeKind::Test),
    (Audience::Legal, NoticeKind::Leak),
    (Audience::Legal, NoticeKind::Digest),
    (Audience::Legal, NoticeKind::Test),
    (Audience::Operations, NoticeKind::Source),
    (Audience::Operations, NoticeKind::Test),
];

/// 2026-03-23T10:11:12Z.
const SENT: i64 = 1_774_260_672;

fn minutes_before(minutes: i64) -> Timestamp {
    let sent = Timestamp::from_second(SENT).unwrap_or_default();
    sent.checked_sub(SignedDuration::from_mins(minutes)).unwrap_or(sent)
}

fn corpus(name: &str) -> CorpusName {
    name.parse().expect("a literal that is a name")
}

fn source(name: &str) -> SourceName {
    name.parse().expect("a literal that is a name")
}

/// An invented notice, as full as real ones get.
pub(super) fn notice(audience: Audience, kind: NoticeKind) -> Notice {
    let about_sources = kind == NoticeKind::Source || audience == Audience::Operations;
    Notice {
        id: DeliveryId(7),
        route: RouteName::try_from(audience.to_string()).expect("an audience is a name"),
        audience,
        kind,
        queued: minutes_before(1),
        sent: minutes_before(0),
        delayed_minutes: None,
        delayed_because: None,
        incidents: if about_sources { Vec::new() } else { incidents(kind) },
        omitted: 0,
        sources: if about_sources { sources() } else { Vec::new() },
    }
}

fn incidents(kind: NoticeKind) -> Vec<IncidentBrief> {
    let leak = kind != NoticeKind::Digest;
    let first = IncidentBrief {
        id: IncidentId(1),
        state: State::New,
        severity: if leak { Severity::High } else { Severity::Low },
        verdict: if leak { Verdict::Leak } else { Verdict::Possible },
        corpora: vec![corpus("billing")],
        opened: minutes_before(1),
        places: vec![
            place("https://paste.example/raw/8fK2", "pastes", 39, 7),
            place("https://forge.example/a/b @1f2e3d4c src/x.py", "forge", 412, 8),
        ],
        more_places: 3,
    };
    let second = IncidentBrief {
        id: IncidentId(2),
        state: State::Acknowledged,
        severity: if leak { Severity::Medium } else { Severity::Low },
        corpora: vec![corpus("ledger"), corpus("billing")],
        opened: minutes_before(60 * 26),
        places: vec![PlaceBrief {
            first_seen: minutes_before(60 * 26),
            ..place("/srv/drop/sample.zip", "drop", 12, 3)
        }],
        more_places: 0,
        ..first
    };
    vec![first, second]
}

fn place(place: &str, from: &str, matched_lines: u32, evidence: u64) -> PlaceBrief {
    PlaceBrief {
        place: place.to_owned(),
        source: source(from),
        first_seen: minutes_before(2),
        score: 0.974,
        candidate_coverage: 0.81,
        matched_lines,
        documents: vec!["src/invoice.py".to_owned(), "src/tax.py".to_owned()],
        more_documents: 3,
        evidence: vec![(EvidenceId(evidence), ContentHash::of(place.as_bytes()))],
    }
}

fn sources() -> Vec<SourceBrief> {
    vec![
        SourceBrief {
            source: source("pastes"),
            failing: Some(
                "`paste.example` refuses (status 403); check its credentials and terms".to_owned(),
            ),
        },
        SourceBrief { source: source("forge"), failing: None },
    ]
}
