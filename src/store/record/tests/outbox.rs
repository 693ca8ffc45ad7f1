//! Notices: queued, batched, tried and given up.

use super::*;

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
