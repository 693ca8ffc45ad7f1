//! Dumps: complete, refused when they are not.

use super::*;

fn filled() -> Record {
    let record = Record::in_memory().unwrap();
    let mut commit = batch(vec![found("a", 0..100, "a"), found("b", 300..400, "b")], 0);
    commit.cursor = Some(Cursor(serde_json::json!({ "z": 1, "a": [0.1, 1e-7] })));
    commit.missed = vec![missed("m", "1", true), missed("n", "1", false)];
    commit.cut = vec![(evidence("cut"), "cut off".to_owned())];
    record.commit(commit, &mut usual).unwrap();
    record.queue(vec![entry("legal", NoticeKind::Leak, 2, 900)]).unwrap();
    let ids = record.form_deliveries(at(0)).unwrap();
    let dead = Attempt::GiveUp { reached: vec!["a".to_owned()], error: "no".to_owned() };
    record.record_attempt(ids[0], dead, at(3)).unwrap();
    record.act(IncidentId(2), Action::Dismiss, Some("mirror".to_owned()), hand(&ann(), 4)).unwrap();
    record.put_setting("cycle", "9").unwrap();
    record.put_pauses(&[crate::http::Pause { host: "a".to_owned(), until: at(9) }]).unwrap();
    record
}

#[test]
fn a_record_filled_from_a_dump_is_the_same_and_goes_on_the_same() {
    let original = filled();
    let text = dumped(&original);
    let copy = Record::in_memory().unwrap();
    copy.load(&mut text.as_bytes()).unwrap();
    assert_eq!(dumped(&copy), text);
    for record in [&original, &copy] {
        record.commit(batch(vec![found("c", 310..400, "c")], 9), &mut usual).unwrap();
        record.commit(batch(vec![found("a", 0..100, "a")], 9), &mut usual).unwrap();
        record.form_deliveries(at(900)).unwrap();
        assert_eq!(record.dead_letters().unwrap().len(), 1);
        assert_eq!(record.due_misses(&pastes(), at(9000), 9).unwrap().len(), 1);
        assert_eq!(record.deliveries_about(IncidentId(2)).unwrap().len(), 2);
    }
    assert_eq!(dumped(&copy), dumped(&original));
}

#[test]
fn a_dump_that_was_cut_off_or_changed_is_refused_as_a_whole() {
    let text = dumped(&filled());
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let without = |i: usize| -> String {
        lines.iter().enumerate().filter(|(n, _)| *n != i).map(|(_, line)| *line).collect()
    };
    let mut wrong: Vec<String> = (0..lines.len()).map(without).collect();
    wrong.extend((0..text.len()).step_by(97).map(|cut| text.get(..cut).unwrap().to_owned()));
    wrong.push(text.replace("mirror", "mirrow"));
    wrong.push(text.replace("\"host\":\"a\"", "\"host\":\"b\""));
    wrong.push(text.replace("\"table\":\"pauses\"", "\"table\":\"causes\""));
    wrong.push(format!("{text}\n"));
    let copy = Record::in_memory().unwrap();
    let empty = dumped(&copy);
    for text in &wrong {
        let error = copy.load(&mut text.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::Copy(_)), "{error}");
        assert_eq!(dumped(&copy), empty);
    }
    let newer = text.replacen("\"schema\":1", "\"schema\":2", 1);
    let error = copy.load(&mut newer.as_bytes()).unwrap_err();
    assert!(matches!(error, Error::Schema { found: 2, known: 1, .. }));
    copy.load(&mut text.as_bytes()).unwrap();
}

#[test]
fn only_an_empty_record_is_filled() {
    let text = dumped(&filled());
    let record = Record::in_memory().unwrap();
    record.put_setting("cycle", "1").unwrap();
    let error = record.load(&mut text.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "cannot copy the record: the record to fill is not empty");
}
