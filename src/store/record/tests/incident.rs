//! Findings that become incidents, and what people do with them.

use super::*;

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
