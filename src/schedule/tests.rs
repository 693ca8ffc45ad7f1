//! Expressions, clock changes and the table of cases.

use jiff::Timestamp;
use jiff::ToSpan as _;
use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// Instants in local notation with their offset, so that a table shows what the clock on the wall showed.
fn local(instant: Timestamp, zone: &TimeZone) -> String {
    let offset = zone.to_offset(instant);
    format!("{} {offset}", zone.to_datetime(instant))
}

fn times(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let mut at: Timestamp = after.parse().unwrap();
    let mut found = Vec::new();
    while found.len() < count {
        let Some(next) = schedule.next(at) else { break };
        found.push(local(next, schedule.zone()));
        at = next;
    }
    found
}

#[test]
fn clocks_that_change_are_followed() {
    #[rustfmt::skip]
    let table: &[(&str, &str, &str, &str, &[&str])] = &[
        ("an ordinary day", "30 2 * * *", "Europe/Berlin", "2026-01-10T00:00:00Z",
            &["2026-01-10T02:30:00 +01", "2026-01-11T02:30:00 +01"]),
        ("a gap moves a time to just after it, once", "30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z",
            &["2026-03-28T02:30:00 +01", "2026-03-29T03:00:00 +02", "2026-03-30T02:30:00 +02"]),
        ("a gap swallows what it holds into one", "*/20 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z",
            &["2026-03-29T03:00:00 +02", "2026-03-29T03:20:00 +02", "2026-03-29T03:40:00 +02", "2026-03-30T02:00:00 +02"]),
        ("a fold happens once, the first time", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
            &["2026-10-25T02:30:00 +02", "2026-10-26T02:30:00 +01"]),
        ("half hours over a fold stay in order", "*/30 * * * *", "Europe/Berlin", "2026-10-24T23:29:00Z",
            &["2026-10-25T01:30:00 +02", "2026-10-25T02:00:00 +02", "2026-10-25T02:30:00 +02", "2026-10-25T03:00:00 +01"]),
        ("half hours over a gap stay in order", "*/30 * * * *", "Europe/Berlin", "2026-03-29T00:29:00Z",
            &["2026-03-29T01:30:00 +01", "2026-03-29T03:00:00 +02", "2026-03-29T03:30:00 +02"]),
        ("a midnight that does not exist", "0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z",
            &["2026-09-06T01:00:00 -03", "2026-09-07T00:00:00 -03"]),
        ("a midnight that comes twice", "30 23 * * *", "America/Santiago", "2026-04-04T12:00:00Z",
            &["2026-04-04T23:30:00 -03", "2026-04-05T23:30:00 -04"]),
        ("a gap of half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z",
            &["2026-10-04T02:30:00 +11", "2026-10-05T02:15:00 +11"]),
        ("a fold of half an hour", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z",
            &["2026-04-05T01:45:00 +11", "2026-04-06T01:45:00 +10:30"]),
        ("a whole day that was skipped", "0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z",
            &["2011-12-29T12:00:00 -10", "2011-12-31T00:00:00 +14", "2011-12-31T12:00:00 +14"]),
        ("the leap day", "0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z",
            &["2028-02-29T00:00:00 +00", "2032-02-29T00:00:00 +00"]),
        ("the 31st, where there is one", "0 0 31 * *", "UTC", "2026-03-31T00:00:00Z",
            &["2026-05-31T00:00:00 +00", "2026-07-31T00:00:00 +00"]),
        ("day of month or weekday", "0 0 13 * fri", "UTC", "2026-11-01T00:00:00Z",
            &["2026-11-06T00:00:00 +00", "2026-11-13T00:00:00 +00", "2026-11-20T00:00:00 +00", "2026-11-27T00:00:00 +00",
              "2026-12-04T00:00:00 +00", "2026-12-11T00:00:00 +00", "2026-12-13T00:00:00 +00"]),
        ("weekdays are counted as everywhere", "0 9 * * 1", "UTC", "2026-11-23T00:00:00Z",
            &["2026-11-23T09:00:00 +00", "2026-11-30T09:00:00 +00"]),
        ("seconds first", "*/20 * * * * *", "UTC", "2026-11-23T10:00:05.5Z",
            &["2026-11-23T10:00:20 +00", "2026-11-23T10:00:40 +00", "2026-11-23T10:01:00 +00"]),
        ("a name for it", "@hourly", "UTC", "2026-11-23T10:00:00Z",
            &["2026-11-23T11:00:00 +00"]),
        ("a time of day in another zone", "0 9 * * *", "Asia/Kolkata", "2026-11-23T00:00:00Z",
            &["2026-11-23T09:00:00 +05:30"]),
        ("nothing is computed after 2100", "0 0 1 1 *", "UTC", "2099-06-01T00:00:00Z",
            &["2100-01-01T00:00:00 +00"]),
    ];
    for (what, expression, name, after, expected) in table {
        let schedule = Schedule::parse(expression, zone(name)).unwrap();
        let found =
            times(&schedule, after, expected.len() + usize::from(after.starts_with("2099")));
        assert_eq!(&found, expected, "{what}");
    }
}

#[test]
fn a_date_that_never_comes_is_refused_at_once() {
    for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 2 *"] {
        let error = Schedule::parse(never, TimeZone::UTC).unwrap_err();
        assert_eq!(error.to_string(), format!("`{never}` never comes: there is no such date"));
    }
    // With a weekday beside it, it does come.
    assert!(Schedule::parse("0 0 30 2 1", TimeZone::UTC).is_ok());
}

#[test]
fn a_missed_run_is_the_last_one_and_only_if_it_is_new() {
    #[rustfmt::skip]
    let table = [
        ("0 2 * * *", "UTC", "2026-11-20T02:00:00Z", "2026-11-20T02:00:00Z", None),
        ("0 2 * * *", "UTC", "2026-11-20T02:00:00Z", "2026-11-21T01:59:59Z", None),
        ("0 2 * * *", "UTC", "2026-11-20T02:00:00Z", "2026-11-21T02:00:00Z", Some("2026-11-21T02:00:00Z")),
        ("0 2 * * *", "UTC", "2026-11-20T02:00:00Z", "2026-11-23T12:00:00Z", Some("2026-11-23T02:00:00Z")),
        ("0 2 * * *", "UTC", "2026-11-23T12:00:00Z", "2026-11-20T02:00:00Z", None),
        // In the second pass of the hour, what the first pass had counts, and nothing is still to come.
        ("45 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T01:10:00Z", Some("2026-10-25T00:45:00Z")),
        ("45 2 * * *", "Europe/Berlin", "2026-10-25T00:50:00Z", "2026-10-25T01:50:00Z", None),
        ("10 3 * * *", "Europe/Berlin", "2026-10-23T12:00:00Z", "2026-10-25T01:20:00Z", Some("2026-10-24T01:10:00Z")),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", Some("2026-03-29T01:00:00Z")),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T00:59:59Z", None),
    ];
    for (expression, name, since, now, expected) in table {
        let schedule = Schedule::parse(expression, zone(name)).unwrap();
        let missed = schedule.missed(since.parse().unwrap(), now.parse().unwrap());
        assert_eq!(
            missed.map(|at| at.to_string()).as_deref(),
            expected,
            "{expression} {since} {now}"
        );
    }
}

#[test]
fn jitter_is_the_same_again_and_stays_below_its_bound() {
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let most = Duration::from_mins(1);
    assert_eq!(jitter("pastes", at, most), jitter("pastes", at, most));
    assert_ne!(jitter("pastes", at, most), jitter("forge", at, most));
    assert_eq!(jitter("pastes", at, Duration::ZERO), Duration::ZERO);
    assert!((0..200).all(|i| jitter(&i.to_string(), at, most) < most));
}

/// The same rules by brute force: every second of the wall clock is asked, nothing is computed ahead.
fn is_time(fields: &[Vec<i8>; 5], stars: (bool, bool), wall: WallTime) -> bool {
    let [minutes, hours, days, months, weekdays] = fields;
    let day = days.contains(&wall.day());
    let weekday = weekdays.contains(&wall.date().weekday().to_sunday_zero_offset());
    let either = if stars.0 || stars.1 { day && weekday } else { day || weekday };
    wall.second() == 0
        && minutes.contains(&wall.minute())
        && hours.contains(&wall.hour())
        && months.contains(&wall.month())
        && either
}

/// A field as text, its values, and whether it is a star.
fn field(least: i8, most: i8) -> impl Strategy<Value = (String, Vec<i8>, bool)> {
    prop_oneof![
        Just(("*".to_owned(), (least..=most).collect::<Vec<i8>>(), true)),
        (1..=most).prop_map(move |step| {
            let step_size = usize::try_from(step).unwrap();
            (format!("*/{step}"), (least..=most).step_by(step_size).collect(), true)
        }),
        prop::collection::btree_set(least..=most, 1..5).prop_map(|set| {
            let text: Vec<String> = set.iter().map(ToString::to_string).collect();
            (text.join(","), set.into_iter().collect(), false)
        }),
        (least..=most)
            .prop_flat_map(move |from| (Just(from), from..=most))
            .prop_map(|(from, to)| { (format!("{from}-{to}"), (from..=to).collect(), false) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    /// Minute by minute over several days around a clock change, against the definition.
    #[test]
    fn every_time_is_one_that_the_expression_names_and_none_is_left_out(
        (minute, hour, day) in (field(0, 59), field(0, 23), field(1, 31)),
        (month, weekday) in (field(1, 12), field(0, 6)),
        name in prop::sample::select(vec!["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "UTC"]),
        start in prop::sample::select(vec!["2026-03-27T17:11:00Z", "2026-10-23T17:11:00Z", "2026-04-03T00:00:00Z",
            "2026-09-04T12:00:00Z", "2026-10-02T09:00:00Z", "2026-12-29T00:00:00Z"]),
    ) {
        let zone = zone(name);
        let text = [minute.0, hour.0, day.0, month.0, weekday.0].join(" ");
        let stars = (day.2, weekday.2);
        let fields = [minute.1, hour.1, day.1, month.1, weekday.1];
        let Ok(schedule) = Schedule::parse(&text, zone.clone()) else { return Ok(()) };
        let start: Timestamp = start.parse().unwrap();
        let end = start + 96.hours();

        let mut expected = Vec::new();
        let mut wall = zone.to_datetime(start) - 3.hours();
        wall = wall.with().second(0).build().unwrap();
        while wall < zone.to_datetime(end) + 3.hours() {
            if is_time(&fields, stars, wall) {
                let ambiguous = zone.to_ambiguous_timestamp(wall);
                // A skipped time happens when the gap does: at the first instant whose wall time is later.
                let at = if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
                    let mut at = ambiguous.earlier().unwrap();
                    while zone.to_datetime(at) < wall { at += 1.minute(); }
                    at
                } else {
                    ambiguous.earlier().unwrap()
                };
                if at > start && at <= end { expected.push(at); }
            }
            wall += 1.minute();
        }
        expected.dedup();

        let mut found = Vec::new();
        let mut at = start;
        while let Some(next) = schedule.next(at).filter(|next| *next <= end) {
            prop_assert!(next > at);
            found.push(next);
            at = next;
        }
        prop_assert_eq!(&found, &expected, "{} in {}", text, name);
        prop_assert_eq!(schedule.missed(start, end), expected.last().copied(), "{} in {}", text, name);
        // And at an arbitrary moment in between.
        let middle = start + 47.hours() + 23.minutes();
        prop_assert_eq!(
            schedule.missed(start, middle),
            expected.iter().copied().rfind(|at| *at <= middle)
        );
        prop_assert_eq!(schedule.next(middle).filter(|next| *next <= end), expected.iter().copied().find(|at| *at > middle));
    }
}
