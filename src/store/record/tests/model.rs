//! Random sequences of commits and deeds against a model that looks at everything, reopening the file after each.

use std::ops::Range;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// Findings, each at an item with a content and bytes.
    Commit(Vec<(u8, u8, u8)>),
    Act(u8, Action),
    Deliver(i64),
    Attempt(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let found = (0_u8..3, 0_u8..7, 0_u8..3);
    let action = proptest::sample::select(Action::ALL.to_vec());
    prop_oneof![
        3 => prop::collection::vec(found, 0..5).prop_map(Step::Commit),
        2 => (1_u8..6, action).prop_map(|(id, action)| Step::Act(id, action)),
        1 => (0_i64..200).prop_map(Step::Deliver),
        1 => any::<bool>().prop_map(Step::Attempt),
    ]
}

/// Contents of which some overlap a little, some much, some not at all; one is nearly another, one only joins after another.
fn content(number: u8) -> Range<u64> {
    [0..100, 3..103, 80..180, 1000..1200, 1150..1350, 5000..5004, 130..180][usize::from(number)]
        .clone()
}

#[derive(Debug, Default)]
struct Model {
    incidents: Vec<(State, Passages, Vec<u64>)>,
    /// Item, content, incident, bytes kept.
    findings: Vec<(u8, Passages, usize, Vec<u8>)>,
    queued: usize,
}

impl Model {
    fn commit(&mut self, found: &[(u8, u8, u8)]) {
        for &(item, number, bytes) in found {
            let content = passages(content(number));
            let alike = |a: &Passages, b: &Passages| a.contained_in(b).min(b.contained_in(a));
            let known = |f: &&mut (u8, Passages, usize, Vec<u8>)| {
                f.0 == item && alike(&f.1, &content) >= 0.9
            };
            if let Some(known) = self.findings.iter_mut().rev().find(known) {
                if !known.3.contains(&bytes) {
                    known.3.push(bytes);
                }
                continue;
            }
            self.findings.push((item, content.clone(), 0, vec![bytes]));
            let number = self.findings.len();
            let overlap = |p: &Passages| p.contained_in(&content).max(content.contained_in(p));
            let mut best: Option<(f64, usize)> = None;
            for (i, incident) in self.incidents.iter().enumerate() {
                let overlap = overlap(&incident.1);
                if overlap > 0.1 && best.is_none_or(|best| overlap > best.0) {
                    best = Some((overlap, i));
                }
            }
            let incident = best.map_or(self.incidents.len(), |best| best.1);
            if incident == self.incidents.len() {
                self.incidents.push((State::New, content.clone(), Vec::new()));
            }
            let (state, passages, findings) = &mut self.incidents[incident];
            *passages = passages.union(&content);
            findings.push(number as u64);
            self.queued += usize::from(*state != State::Dismissed);
            self.findings[number - 1].2 = incident;
        }
    }

    fn act(&mut self, id: u8, action: Action) -> bool {
        let Some(incident) = self.incidents.get_mut(usize::from(id) - 1) else { return false };
        match incident.0.apply(action) {
            Ok(to) => incident.0 = to,
            Err(_) => return false,
        }
        true
    }
}

fn compare(record: &Record, model: &Model) {
    let mut incidents = record.incidents(&IncidentQuery::default()).unwrap();
    incidents.reverse();
    assert_eq!(incidents.len(), model.incidents.len());
    for (incident, (state, passages, findings)) in incidents.iter().zip(&model.incidents) {
        assert_eq!(incident.state, *state);
        assert_eq!(incident.passages, *passages);
        let numbers: Vec<u64> = incident.findings.iter().map(|id| id.0).collect();
        assert_eq!(numbers, *findings);
        for finding in record.findings(incident.id).unwrap() {
            let expected = &model.findings[usize::try_from(finding.id.0).unwrap() - 1];
            assert_eq!(finding.finding.passages, expected.1);
            assert_eq!(finding.evidence.len(), expected.3.len());
            for id in finding.evidence {
                assert_eq!(record.evidence(id).unwrap().finding, Some(finding.id));
            }
        }
    }
    let lines = record.custody().unwrap();
    assert_eq!(custody::verify(&lines).unwrap(), lines.len() as u64);
}

/// Applies a step to both; deliveries take entries out of the outbox, whatever they become.
fn apply(record: &Record, model: &mut Model, step: &Step, now: i64) {
    match step {
        Step::Commit(findings) => {
            model.commit(findings);
            let findings = findings
                .iter()
                .map(|&(item, number, bytes)| {
                    found(&item.to_string(), content(number), &bytes.to_string())
                })
                .collect();
            record.commit(batch(findings, now), &mut usual).unwrap();
        }
        Step::Act(id, action) => {
            let reason = Some("because".to_owned());
            let done = record.act(IncidentId(u64::from(*id)), *action, reason, hand(&ann(), now));
            assert_eq!(done.is_ok(), model.act(*id, *action));
        }
        Step::Deliver(second) => {
            record.form_deliveries(at(*second)).unwrap();
            model.queued = 0;
        }
        Step::Attempt(works) => {
            for delivery in record.due_deliveries(Timestamp::MAX).unwrap() {
                let failed = Attempt::GiveUp { reached: Vec::new(), error: "no".to_owned() };
                let attempt = if *works { Attempt::Delivered } else { failed };
                record.record_attempt(delivery.id, attempt, at(now)).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_record_does_what_a_model_that_looks_at_everything_does(
        steps in prop::collection::vec(step(), 1..14)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let mut record = Record::open(&path).unwrap();
        let mut model = Model::default();
        for (now, step) in steps.iter().enumerate() {
            apply(&record, &mut model, step, i64::try_from(now).unwrap());
            compare(&record, &model);
            let before = dumped(&record);
            prop_assert_eq!(before.matches("\"table\":\"outbox\"").count(), model.queued);
            drop(record);
            record = Record::open(&path).unwrap();
            prop_assert_eq!(dumped(&record), before);
        }
        let copy = Record::in_memory().unwrap();
        copy.load(&mut dumped(&record).as_bytes()).unwrap();
        compare(&copy, &model);
    }
}
