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

#[test]
fn the_same_content_at_the_same_place_is_the_same_finding() {
    let record = Record::in_memory().unwrap();
    record.commit(batch(vec![found("a", 0..100, "one")], 0), &mut usual).unwrap();
    let mut never = |_: &NewFinding, _: &[Candidate]| -> Decision { panic!("it is known") };
    let again = record.commit(batch(vec![found("a", 2..102, "one")], 60), &mut never).unwrap();
    assert_eq!(again, Committed { known: 1, ..Committed::default() });
    let finding = &record.findings(IncidentId(1)).unwrap()[0];
    assert_eq!((finding.first_seen, finding.last_seen), (at(0), at(60)));
    assert_eq!(finding.evidence.len(), 1, "the bytes are the same");
    assert_eq!(what_was_done(&record).len(), 2, "nothing was done");

    record.commit(batch(vec![found("a", 0..100, "two")], 120), &mut never).unwrap();
    assert_eq!(record.findings(IncidentId(1)).unwrap()[0].evidence.len(), 2);
    assert_eq!(record.all_evidence().unwrap().len(), 2);
}

#[test]
fn other_content_at_the_same_place_is_another_finding() {
    let record = Record::in_memory().unwrap();
    record.commit(batch(vec![found("a", 0..100, "one")], 0), &mut usual).unwrap();
    let more = record.commit(batch(vec![found("a", 0..200, "two")], 60), &mut usual).unwrap();
    assert_eq!(more.joined, [IncidentId(1)], "it overlaps, so it joins");
    let other = record.commit(batch(vec![found("a", 900..999, "six")], 60), &mut usual).unwrap();
    assert_eq!(other.opened, [IncidentId(2)]);
    let incident = record.incident(IncidentId(1)).unwrap();
    assert_eq!(incident.passages, passages(0..200));
    assert_eq!(incident.findings.len(), 2);
}

#[test]
fn history_speaks_of_a_finding_seen_again_once_a_day_at_most() {
    let day = 24 * 60 * 60;
    let record = Record::in_memory().unwrap();
    for (i, second) in [0, 60, day - 1, day, day + 60, 3 * day].into_iter().enumerate() {
        let bytes = format!("version {i}");
        record.commit(batch(vec![found("a", 0..100, &bytes)], second), &mut usual).unwrap();
    }
    // Unchanged, but after an absence.
    record.commit(batch(vec![found("a", 0..100, "version 5")], 9 * day), &mut usual).unwrap();
    let incident = record.incident(IncidentId(1)).unwrap();
    let seen = incident.history.iter().filter(|e| matches!(e.what, Happened::SeenAgain { .. }));
    let times: Vec<_> = seen.map(|event| event.at).collect();
    assert_eq!(times, [at(day), at(3 * day), at(9 * day)]);
}

#[test]
fn a_page_that_changes_with_every_look_does_not_fill_the_disk() {
    let record = Record::in_memory().unwrap();
    let hour = 60 * 60;
    for i in 0..24 * 10 {
        let finding = found("a", 0..100, &format!("version {i}"));
        record.commit(batch(vec![finding], i * hour), &mut usual).unwrap();
    }
    let kept = record.all_evidence().unwrap().len();
    assert!((24..=24 + 10).contains(&kept), "{kept} versions");
    custody::verify(&record.custody().unwrap()).unwrap();
}

#[test]
fn a_finding_without_a_sketch_is_known_again_too() {
    let record = Record::in_memory().unwrap();
    record.commit(batch(vec![found("a", 0..0, "one")], 0), &mut usual).unwrap();
    let again = record.commit(batch(vec![found("a", 0..0, "one")], 1), &mut usual).unwrap();
    assert_eq!(again.known, 1);
}

#[test]
fn candidates_share_a_corpus_and_content_and_come_closest_first() {
    let record = Record::in_memory().unwrap();
    let mut open = |_: &NewFinding, _: &[Candidate]| Decision::Open {
        severity: Severity::Low,
        tell: Vec::new(),
    };
    let mut foreign = found("x", 0..100, "x");
    foreign.finding.matches[0].found.corpus = "other".parse().unwrap();
    let findings = vec![
        found("a", 0..100, "a"),     // INC-1: half of it
        found("b", 50..150, "b"),    // INC-2: all of it
        found("c", 149..249, "c"),   // INC-3: a hundredth: too little
        found("d", 500..600, "d"),   // INC-4: nothing
        foreign,                     // INC-5: another corpus
        found("e", 1000..1256, "e"), // INC-6: nothing, a full sketch
    ];
    record.commit(batch(findings, 0), &mut open).unwrap();
    record
        .act(IncidentId(2), Action::Dismiss, Some("a test file".to_owned()), hand(&ann(), 1))
        .unwrap();
    let mut offered = Vec::new();
    let mut look = |_: &NewFinding, candidates: &[Candidate]| {
        offered.extend(candidates.iter().map(|candidate| (candidate.id.0, candidate.state)));
        Decision::Join { incident: IncidentId(2), severity: Severity::Low, tell: vec![outlet(0)] }
    };
    record.commit(batch(vec![found("f", 50..150, "f")], 2), &mut look).unwrap();
    assert_eq!(offered, [(2, State::Dismissed), (1, State::New)]);
    assert_eq!(record.next_delivery().unwrap(), None, "a dismissed incident stays silent");
    assert_eq!(record.findings(IncidentId(2)).unwrap().len(), 2, "but it is recorded");
}

#[test]
fn what_joined_an_incident_is_found_again_by_the_next() {
    let record = Record::in_memory().unwrap();
    for (item, content) in [("a", 0..100), ("b", 80..180), ("c", 150..180)] {
        record.commit(batch(vec![found(item, content, item)], 0), &mut usual).unwrap();
    }
    assert_eq!(record.incident(IncidentId(1)).unwrap().findings.len(), 3);
}

#[test]
fn joining_widens_an_incident_and_never_lowers_its_severity() {
    let record = Record::in_memory().unwrap();
    let mut severities = [Severity::Medium, Severity::Critical, Severity::Low].into_iter();
    let mut decide = |_: &NewFinding, candidates: &[Candidate]| {
        let severity = severities.next().unwrap();
        match candidates.first() {
            Some(best) => Decision::Join { incident: best.id, severity, tell: Vec::new() },
            None => Decision::Open { severity, tell: Vec::new() },
        }
    };
    let mut first = found("a", 0..100, "a");
    first.finding.verdict = Verdict::Possible;
    let mut second = found("b", 50..120, "b");
    let mut another = second.finding.matches[0].clone();
    another.found.corpus = "atlas".parse().unwrap();
    second.finding.matches.push(another);
    let findings = vec![first, second, found("c", 60..130, "c")];
    record.commit(batch(findings, 7), &mut decide).unwrap();
    let incident = record.incident(IncidentId(1)).unwrap();
    assert_eq!(incident.severity, Severity::Critical);
    assert_eq!(incident.verdict, Verdict::Leak);
    assert_eq!(incident.passages, passages(0..130));
    let corpora: Vec<_> = incident.corpora.iter().map(ToString::to_string).collect();
    assert_eq!(corpora, ["atlas", "billing"]);
    let escalated = Happened::Escalated { from: Severity::Medium, to: Severity::Critical };
    assert_eq!(incident.history.iter().filter(|event| event.what == escalated).count(), 1);
    assert!(what_was_done(&record).contains(&"incident.escalated INC-1".to_owned()));
}

#[test]
fn what_is_allowed_is_recorded_in_silence_until_permission_ends() {
    let record = Record::in_memory().unwrap();
    let mut allow =
        |_: &NewFinding, _: &[Candidate]| Decision::Allowed { place: "ours".to_owned() };
    let one = record.commit(batch(vec![found("a", 0..100, "a")], 0), &mut allow).unwrap();
    let two = record.commit(batch(vec![found("a", 0..100, "a")], 1), &mut allow).unwrap();
    assert_eq!((one.allowed, two.allowed, two.known), (1, 0, 1));
    assert_eq!(record.incidents(&IncidentQuery::default()).unwrap(), []);
    assert_eq!(record.next_delivery().unwrap(), None);

    let ended = record.commit(batch(vec![found("a", 0..100, "a")], 2), &mut usual).unwrap();
    assert_eq!(ended.opened, [IncidentId(1)]);
    let findings = record.findings(IncidentId(1)).unwrap();
    assert_eq!((findings.len(), &findings[0].allowed), (1, &None));
    assert_eq!(findings[0].first_seen, at(0));
    assert_eq!(record.all_evidence().unwrap().len(), 1);
}

#[test]
fn a_decision_that_fails_leaves_nothing() {
    let record = Record::in_memory().unwrap();
    record.commit(batch(vec![found("a", 0..100, "a")], 0), &mut usual).unwrap();
    let before = dumped(&record);
    let mut commit = batch(vec![found("b", 200..300, "b"), found("c", 400..500, "c")], 1);
    commit.cursor = Some(Cursor(serde_json::json!(9)));
    commit.missed = vec![missed("m", "1", true)];

    let mut calls = 0;
    let mut panics = |_: &NewFinding, _: &[Candidate]| {
        calls += 1;
        assert!(calls < 2, "the second decision breaks");
        Decision::Open { severity: Severity::Low, tell: vec![outlet(0)] }
    };
    let result = catch_unwind(AssertUnwindSafe(|| record.commit(commit.clone(), &mut panics)));
    assert!(result.is_err(), "the panic goes on");
    assert_eq!(dumped(&record), before);

    let mut wrong = |_: &NewFinding, _: &[Candidate]| Decision::Join {
        incident: IncidentId(77),
        severity: Severity::Low,
        tell: Vec::new(),
    };
    let error = record.commit(commit.clone(), &mut wrong).unwrap_err();
    assert_eq!(error.to_string(), "there is no INC-77");
    assert_eq!(dumped(&record), before);

    record.commit(commit, &mut usual).unwrap();
    assert_eq!(record.incidents(&IncidentQuery::default()).unwrap().len(), 3, "it still works");
}

#[test]
fn people_change_an_incident_only_as_its_state_allows_and_with_a_reason() {
    let record = Record::in_memory().unwrap();
    record.commit(batch(vec![found("a", 0..100, "a")], 0), &mut usual).unwrap();
    let id = IncidentId(1);
    let act = |action, reason: Option<&str>| {
        record.act(id, action, reason.map(str::to_owned), hand(&ann(), 9))
    };
    assert!(matches!(act(Action::Reopen, Some("x")), Err(Error::Illegal(_))));
    for reason in [None, Some(""), Some(" \n")] {
        let error = act(Action::Dismiss, reason).unwrap_err().to_string();
        assert_eq!(error, "to dismiss an incident needs a reason: say why with --reason");
    }
    act(Action::Acknowledge, None).unwrap();
    record.note(id, "secret stretch".to_owned(), hand(&ann(), 10)).unwrap();
    record.assign(id, "bob".to_owned(), hand(&ann(), 11)).unwrap();
    let incident = act(Action::Dismiss, Some(" our own mirror ")).unwrap();
    assert_eq!(incident, record.incident(id).unwrap());
    assert_eq!((incident.state, incident.owner.as_deref()), (State::Dismissed, Some("bob")));
    let last = incident.history.last().unwrap();
    let reason = Some("our own mirror".to_owned());
    let (from, to) = (State::Acknowledged, State::Dismissed);
    assert_eq!(last.what, Happened::Changed { action: Action::Dismiss, from, to, reason });
    assert_eq!(last.by, ann());
    let done = what_was_done(&record);
    let expected = ["acknowledged", "noted", "assigned", "dismissed"];
    assert_eq!(done[2..], expected.map(|what| format!("incident.{what} INC-1")));
    let chain = serde_json::to_string(&record.custody().unwrap()).unwrap();
    assert!(!chain.contains("secret stretch"), "a note may quote anything");
    assert!(matches!(
        record.act(IncidentId(9), Action::Confirm, None, hand(&ann(), 1)),
        Err(Error::Unknown(what)) if what == "INC-9"
    ));
}

#[test]
fn incidents_are_listed_newest_first_by_state_and_corpus() {
    let record = Record::in_memory().unwrap();
    let mut other = found("c", 400..500, "c");
    other.finding.matches[0].found.corpus = "atlas".parse().unwrap();
    let findings = vec![found("a", 0..100, "a"), found("b", 200..300, "b"), other];
    record.commit(batch(findings, 0), &mut usual).unwrap();
    record.act(IncidentId(1), Action::Acknowledge, None, hand(&ann(), 1)).unwrap();
    let list = |query: IncidentQuery| -> Vec<u64> {
        record.incidents(&query).unwrap().iter().map(|incident| incident.id.0).collect()
    };
    let all = IncidentQuery::default();
    assert_eq!(list(all.clone()), [3, 2, 1]);
    assert_eq!(list(IncidentQuery { limit: Some(2), ..all.clone() }), [3, 2]);
    assert_eq!(list(IncidentQuery { states: vec![State::New], ..all.clone() }), [3, 2]);
    let billing = Some("billing".parse().unwrap());
    assert_eq!(list(IncidentQuery { corpus: billing, limit: Some(1), ..all }), [2]);
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

fn entry(route: &str, kind: NoticeKind, about: u64, not_before: i64) -> Outgoing {
    Outgoing {
        route: route.parse().unwrap(),
        kind,
        about: About::Incident(IncidentId(about)),
        queued: at(0),
        not_before: at(not_before),
    }
}

#[test]
fn a_burst_becomes_one_message_a_route_and_kind() {
    use NoticeKind::{Digest, Leak};
    let record = Record::in_memory().unwrap();
    let queued = vec![
        entry("security", Leak, 1, 10),
        entry("security", Leak, 2, 40),       // rides along
        entry("security", Leak, 1, 41),       // a repeat
        entry("security", Leak, 3, 500),      // later
        entry("legal", Leak, 1, 10),          // another route
        entry("legal", Leak, 2, 30),          // rides along
        entry("security", Digest, 7, 10),     // another kind
        entry("security", Digest, 8, 90_000), // a digest takes all
        entry("operations", Leak, 1, 40),     // its group is not due
    ];
    record.queue(queued).unwrap();
    assert_eq!(record.next_delivery().unwrap(), Some(at(10)));
    assert_eq!(record.form_deliveries(at(9)).unwrap(), []);
    assert_eq!(record.form_deliveries(at(10)).unwrap().len(), 3);
    let about = |delivery: &crate::model::notice::Delivery| -> Vec<u64> {
        delivery
            .about
            .iter()
            .map(|about| match about {
                About::Incident(id) => id.0,
                _ => 0,
            })
            .collect()
    };
    let due = record.due_deliveries(at(10)).unwrap();
    let told: Vec<_> = due
        .iter()
        .map(|delivery| (delivery.route.as_str(), delivery.kind, about(delivery)))
        .collect();
    assert_eq!(
        told,
        [
            ("legal", Leak, vec![1, 2]),
            ("security", Leak, vec![1, 2]),
            ("security", Digest, vec![7, 8])
        ]
    );
    assert_eq!(record.form_deliveries(at(40)).unwrap().len(), 1);
    assert_eq!(record.form_deliveries(at(499)).unwrap(), []);
    assert_eq!(record.form_deliveries(at(500)).unwrap().len(), 1);
    assert_eq!(record.deliveries_about(IncidentId(1)).unwrap().len(), 3);
}

#[test]
fn a_delivery_is_tried_until_everybody_has_it_or_it_is_a_dead_letter() {
    let record = Record::in_memory().unwrap();
    record.queue(vec![entry("security", NoticeKind::Leak, 1, 0)]).unwrap();
    let first = record.form_deliveries(at(0)).unwrap()[0];
    let retry = |reached: &[&str], second| Attempt::Retry {
        reached: reached.iter().map(ToString::to_string).collect(),
        error: "the server is busy".to_owned(),
        at: at(second),
    };
    record.record_attempt(first, retry(&["a"], 60), at(1)).unwrap();
    let delivery = record.record_attempt(first, retry(&["a", "b"], 120), at(60)).unwrap();
    assert_eq!((delivery.attempts, delivery.reached), (2, vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(record.due_deliveries(at(119)).unwrap(), []);
    assert_eq!(record.next_delivery().unwrap(), Some(at(120)));
    assert_eq!(record.due_deliveries(at(120)).unwrap().len(), 1);
    record.record_attempt(first, Attempt::Delivered, at(121)).unwrap();
    let late = record.record_attempt(first, retry(&[], 500), at(122)).unwrap();
    assert_eq!(late.state, DeliveryState::Delivered { at: at(121) }, "delivered stays delivered");
    assert_eq!(record.next_delivery().unwrap(), None);

    record.queue(vec![entry("security", NoticeKind::Leak, 1, 0)]).unwrap();
    let second = record.form_deliveries(at(200)).unwrap()[0];
    assert!(second > first, "numbers are never given twice");
    let give_up = Attempt::GiveUp { reached: Vec::new(), error: "no such mailbox".to_owned() };
    record.record_attempt(second, give_up, at(201)).unwrap();
    assert_eq!(record.dead_letters().unwrap()[0].id, second);
    assert_eq!(record.due_deliveries(Timestamp::MAX).unwrap(), []);
    assert_eq!(what_was_done(&record), ["notice.delivered D-1", "notice.given-up D-2"]);
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
mod model;
