//! What the record promises, tried from outside.

use jiff::Timestamp;

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

fn hand(by: &Actor, second: i64) -> Hand<'_> {
    Hand { by, at: at(second) }
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

fn entry(route: &str, kind: NoticeKind, about: u64, not_before: i64) -> Outgoing {
    Outgoing {
        route: route.parse().unwrap(),
        kind,
        about: About::Incident(IncidentId(about)),
        queued: at(0),
        not_before: at(not_before),
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
fn what_was_missed_is_tried_again_ever_later_and_set_aside_in_the_end() {
    let record = Record::in_memory().unwrap();
    let mut second = 0;
    for attempt in 1..=12 {
        let mut commit = batch(Vec::new(), second);
        commit.missed = vec![missed("m", "1", true)];
        record.commit(commit, &mut usual).unwrap();
        let minutes = (1 << (attempt - 1)).min(24 * 60);
        let due = second + minutes * 60;
        let waiting = record.due_misses(&pastes(), at(due - 1), 9).unwrap();
        assert_eq!(waiting, [], "not before its time, attempt {attempt}");
        let waiting = record.due_misses(&pastes(), at(due), 9).unwrap();
        assert_eq!(waiting.len(), usize::from(attempt < 12), "attempt {attempt}");
        second = due;
    }
    let status = record.source_status(&pastes()).unwrap();
    assert_eq!((status.missed, status.set_aside), (0, 1));
    assert_eq!(record.set_aside(None).unwrap()[0].1.item.id, "m");

    let mut again = batch(Vec::new(), second);
    again.missed = vec![missed("m", "1", true)];
    record.commit(again, &mut usual).unwrap();
    let status = record.source_status(&pastes()).unwrap();
    assert_eq!((status.missed, status.set_aside), (0, 1), "the same version stays set aside");

    let mut newer = batch(Vec::new(), second);
    newer.missed = vec![missed("m", "2", true)];
    record.commit(newer, &mut usual).unwrap();
    let status = record.source_status(&pastes()).unwrap();
    assert_eq!((status.missed, status.set_aside), (1, 0), "a new version gets its chance");

    let mut recovered = batch(Vec::new(), second + 60);
    recovered.recovered = vec!["m".to_owned(), "never missed".to_owned()];
    record.commit(recovered, &mut usual).unwrap();
    let status = record.source_status(&pastes()).unwrap();
    assert_eq!((status.missed, status.set_aside), (0, 0));
    assert_eq!(record.due_misses(&pastes(), Timestamp::MAX, 9).unwrap(), []);
}

#[test]
fn a_poison_document_is_set_aside_not_retried_for_ever() {
    let record = Record::in_memory().unwrap();
    let mut commit = batch(Vec::new(), 0);
    commit.missed = vec![missed("poison", "1", false), missed("slow", "1", true)];
    record.commit(commit, &mut usual).unwrap();
    let mut relisted = batch(Vec::new(), 60);
    relisted.missed = vec![missed("poison", "1", true)];
    record.commit(relisted, &mut usual).unwrap();
    let due = record.due_misses(&pastes(), Timestamp::MAX, 9).unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].item.id, "slow");
    let aside = record.set_aside(Some(&pastes())).unwrap();
    assert_eq!(aside[0].1.item.id, "poison");
    assert_eq!(record.set_aside(Some(&"feeds".parse().unwrap())).unwrap(), []);
}

#[test]
fn misses_of_sources_with_similar_names_are_kept_apart() {
    let record = Record::in_memory().unwrap();
    for name in ["a", "a-b", "a.b"] {
        let mut commit = batch(Vec::new(), 0);
        commit.source = name.parse().unwrap();
        commit.missed = vec![missed("/b/x", "1", true)];
        record.commit(commit, &mut usual).unwrap();
    }
    let due = record.due_misses(&"a".parse().unwrap(), Timestamp::MAX, 9).unwrap();
    assert_eq!(due.len(), 1);
}

#[test]
fn a_failing_source_is_told_once_and_its_recovery_once() {
    let record = Record::in_memory().unwrap();
    let tell = |about| Outgoing {
        route: "operations".parse().unwrap(),
        kind: NoticeKind::Source,
        about,
        queued: at(0),
        not_before: at(0),
    };
    let failing = tell(About::SourceFailing { source: pastes(), reason: "it is down".to_owned() });
    let works = tell(About::SourceRecovered { source: pastes() });
    let queued = || dumped(&record).matches("\"table\":\"outbox\"").count();
    record.source_recovered(&pastes(), vec![works.clone()]).unwrap();
    assert_eq!(queued(), 0, "nobody was told that it failed");
    for second in 1..6 {
        let failure = Failure {
            at: at(second),
            error: "it is down",
            not_before: Some(at(second + 100)),
            tell_after: 3,
            tell: vec![failing.clone()],
        };
        record.source_failed(&pastes(), failure).unwrap();
        assert_eq!(queued(), usize::from(second >= 3));
    }
    let status = record.source_status(&pastes()).unwrap();
    assert_eq!((status.failures, status.failing_since, status.told), (5, Some(at(1)), true));
    assert_eq!(status.not_before, Some(at(105)));
    let mut pass = batch(Vec::new(), 7);
    pass.last = true;
    pass.gap = Some("the listing goes back one hour only".to_owned());
    record.commit(pass, &mut usual).unwrap();
    record.source_recovered(&pastes(), vec![works.clone()]).unwrap();
    record.source_recovered(&pastes(), vec![works]).unwrap();
    assert_eq!(queued(), 2);
    let status = record.source_status(&pastes()).unwrap();
    assert_eq!((status.failures, status.failing_since, status.last_error), (0, None, None));
    assert_eq!(status.gaps.len(), 1);
}

#[test]
fn documents_that_were_cut_off_keep_their_evidence_once() {
    let record = Record::in_memory().unwrap();
    for second in 0..3 {
        let mut commit = batch(Vec::new(), second);
        commit.cut = vec![(evidence("large"), "cut off at 64 MiB".to_owned())];
        record.commit(commit, &mut usual).unwrap();
    }
    let rows = record.all_evidence().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].finding, rows[0].warning.as_deref()), (None, Some("cut off at 64 MiB")));
}

#[test]
fn small_values_and_pauses_are_kept_and_replaced() {
    let record = Record::in_memory().unwrap();
    assert_eq!(record.setting("cycle").unwrap(), None);
    record.put_setting("cycle", "1").unwrap();
    record.put_setting("cycle", "2").unwrap();
    assert_eq!(record.setting("cycle").unwrap().as_deref(), Some("2"));
    let pause = |host: &str| crate::http::Pause { host: host.to_owned(), until: at(9) };
    record.put_pauses(&[pause("a:443"), pause("b:443")]).unwrap();
    record.put_pauses(&[pause("b:443"), pause("c:443")]).unwrap();
    assert_eq!(record.pauses().unwrap(), [pause("b:443"), pause("c:443")]);
    let deed = custody::Deed {
        at: at(0),
        by: ann(),
        what: "settings.changed",
        subject: "settings".to_owned(),
        detail: serde_json::Value::Null,
    };
    assert_eq!(record.testify(deed).unwrap().number, 1);
}

#[test]
fn two_thousand_findings_are_one_commit_of_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let record = Record::open(&dir.path().join("record")).unwrap();
    let findings: Vec<NewFinding> = (0..2_000_u64)
        .map(|i| {
            // Every other one is the same content.
            let from = if i % 2 == 0 { 0 } else { i * 300 };
            found(&i.to_string(), from..from + 256, &i.to_string())
        })
        .collect();
    let started = std::time::Instant::now();
    let committed = record.commit(batch(findings, 0), &mut usual).unwrap();
    assert_eq!((committed.opened.len(), committed.joined.len()), (1_001, 999));
    assert!(started.elapsed() < std::time::Duration::from_mins(1), "{:?}", started.elapsed());
}

mod copy;
mod damage;
mod incident;
mod model;
mod outbox;
