//! What the record promises, tried from outside.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::custody;
use crate::model::batch::{Cursor, Missed};
use crate::model::document::{EvidenceRef, Item};
use crate::model::finding::{Finding, FoundMatch, Kind, Match, Passages, Verdict};
use crate::model::ids::{ContentHash, IncidentId, SourceName};
use crate::model::incident::{Action, Actor, Happened, Severity, State};
use crate::model::notice::{About, DeliveryState, NoticeKind, Outgoing};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn pastes() -> SourceName {
    "pastes".parse().unwrap()
}

fn ann() -> Actor {
    Actor::User { uid: 1000, name: "ann".to_owned() }
}

fn passages(values: std::ops::Range<u64>) -> Passages {
    Passages::new(values.collect())
}

/// A finding at `item` with the given content, fetched as the bytes `bytes`.
fn found(item: &str, content: std::ops::Range<u64>, bytes: &str) -> NewFinding {
    let found = Match {
        corpus: "billing".parse().unwrap(),
        document: "src/invoice.py".to_owned(),
        kind: Kind::Text,
        views: vec![Kind::Text],
        score: 0.97,
        candidate_lines: vec![(3, 41).into()],
        document_lines: vec![(120, 158).into()],
        matched_lines: 39,
        candidate_coverage: 0.81,
        document_coverage: 0.12,
        passages: Passages::default(),
    };
    NewFinding {
        finding: Finding {
            place: format!("https://paste.example/{item}"),
            item: item.to_owned(),
            title: None,
            published: None,
            verdict: Verdict::Leak,
            score: 0.97,
            matches: vec![FoundMatch { member: String::new(), found }],
            passages: passages(content),
            warnings: Vec::new(),
        },
        evidence: evidence(bytes),
    }
}

fn evidence(bytes: &str) -> EvidenceRef {
    let blake3 = ContentHash::of(bytes.as_bytes());
    let sha256 = "00".repeat(32);
    EvidenceRef { object: ContentHash::of(&blake3.0), blake3, sha256, bytes: bytes.len() as u64 }
}

fn batch(findings: Vec<NewFinding>, second: i64) -> Commit {
    Commit {
        source: pastes(),
        looked_at: findings.len() as u64,
        unreadable: 0,
        findings,
        missed: Vec::new(),
        cut: Vec::new(),
        recovered: Vec::new(),
        cursor: None,
        gap: None,
        last: false,
        at: at(second),
    }
}

fn item(id: &str, version: &str) -> Item {
    Item {
        id: id.to_owned(),
        version: version.to_owned(),
        place: format!("https://paste.example/{id}"),
        title: None,
        author: None,
        published: None,
        handle: serde_json::Value::Null,
    }
}

fn missed(id: &str, version: &str, retry: bool) -> Missed {
    Missed { item: item(id, version), reason: "it timed out".to_owned(), retry }
}

fn outlet(second: i64) -> Outlet {
    let route = "security".parse().unwrap();
    Outlet { route, kind: NoticeKind::Leak, not_before: at(second) }
}

/// Joins the closest candidate, else opens; tells about both at once.
fn usual(_: &NewFinding, candidates: &[Candidate]) -> Decision {
    match candidates.first() {
        Some(best) => {
            Decision::Join { incident: best.id, severity: best.severity, tell: vec![outlet(0)] }
        }
        None => Decision::Open { severity: Severity::High, tell: vec![outlet(0)] },
    }
}

fn dumped(record: &Record) -> String {
    let mut out = Vec::new();
    record.dump(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn what_was_done(record: &Record) -> Vec<String> {
    let lines = record.custody().unwrap();
    custody::verify(&lines).unwrap();
    lines.into_iter().map(|line| format!("{} {}", line.what, line.subject)).collect()
}

#[test]
fn a_find_becomes_an_incident_with_evidence_history_notice_cursor_and_custody() {
    let record = Record::in_memory().unwrap();
    let mut commit = batch(vec![found("a", 0..100, "bytes")], 5);
    commit.cursor = Some(Cursor(serde_json::json!({ "page": 3 })));
    commit.last = true;
    let committed = record.commit(commit, &mut usual).unwrap();
    assert_eq!(committed.opened, [IncidentId(1)]);

    let incident = record.incident(IncidentId(1)).unwrap();
    assert_eq!((incident.state, incident.severity), (State::New, Severity::High));
    assert_eq!(incident.history.len(), 1);
    let findings = record.findings(incident.id).unwrap();
    assert_eq!(findings[0].evidence.len(), 1);
    let row = record.evidence(findings[0].evidence[0]).unwrap();
    assert_eq!(row.evidence, evidence("bytes"));
    assert_eq!(record.cursor(&pastes()).unwrap().unwrap().0["page"], 3);
    let status = record.source_status(&pastes()).unwrap();
    assert_eq!((status.looked_at, status.findings), (1, 1));
    assert_eq!(status.last_success, Some(at(5)));
    assert_eq!(record.next_delivery().unwrap(), Some(at(0)));
    assert_eq!(what_was_done(&record), ["evidence.stored EV-1", "incident.opened INC-1"]);
}
