//! When a source is looked at next.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::schedule;
use crate::source::Definition;
use crate::store::record::SourceStatus;

/// A failing source is tried again after this time, doubled with every failure, if its schedule would wait longer.
const FIRST_RETRY: Duration = Duration::from_secs(30);
/// And never more rarely than this.
const LAST_RETRY: Duration = Duration::from_hours(1);

/// The time of the next pass: at once for a source never looked at or one whose turn was missed while nothing ran;
/// sooner than scheduled while it fails; never before the time it asked for; none if it is switched off or its
/// schedule has no more times.
pub(super) fn next_pass(
    definition: &Definition,
    status: &SourceStatus,
    now: Timestamp,
) -> Option<Timestamp> {
    if definition.disabled.is_some() {
        return None;
    }
    let scheduled = match status.last_attempt {
        None => Some(now),
        Some(last) if definition.schedule.missed(last, now).is_some() => Some(now),
        Some(_) => spread(definition, now),
    };
    let wanted = match (scheduled, retry(status)) {
        (Some(scheduled), Some(retry)) => Some(scheduled.min(retry)),
        (scheduled, retry) => scheduled.or(retry),
    };
    wanted.map(|at| status.not_before.map_or(at, |not_before| at.max(not_before)))
}

fn retry(status: &SourceStatus) -> Option<Timestamp> {
    let last = status.last_attempt.filter(|_| status.failures > 0)?;
    let doubled = FIRST_RETRY.saturating_mul(1 << status.failures.saturating_sub(1).min(16));
    Some(
        last + SignedDuration::try_from(doubled.min(LAST_RETRY))
            .unwrap_or(SignedDuration::from_hours(1)),
    )
}

/// The next time by the schedule, spread a little so that not all sources begin at once: by the source's jitter, but
/// never by more than half of the time to the turn after it.
fn spread(definition: &Definition, now: Timestamp) -> Option<Timestamp> {
    let at = definition.schedule.next(now)?;
    let most = match definition.schedule.next(at) {
        Some(following) => definition.jitter.min(following.duration_since(at).unsigned_abs() / 2),
        None => definition.jitter,
    };
    let by = schedule::jitter(definition.name.as_str(), at, most);
    Some(at + SignedDuration::try_from(by).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::schedule::Schedule;
    use crate::source::Kind;

    fn definition(expression: &str, jitter: Duration) -> Definition {
        let kind = toml::from_str::<Kind>("[directory]\npath = \"/tmp\"").unwrap();
        let schedule = Schedule::parse(expression, TimeZone::UTC).unwrap();
        Definition { name: "drop".parse().unwrap(), schedule, jitter, disabled: None, kind }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn looked(second: i64) -> SourceStatus {
        SourceStatus { last_attempt: Some(at(second)), ..SourceStatus::default() }
    }

    const HALF_A_MINUTE: Duration = Duration::from_secs(30);

    #[test]
    fn a_new_source_and_a_missed_turn_are_looked_at_at_once_and_once() {
        let hourly = definition("0 * * * *", HALF_A_MINUTE);
        assert_eq!(next_pass(&hourly, &SourceStatus::default(), at(10)), Some(at(10)));
        assert_eq!(
            next_pass(&hourly, &looked(10), at(40_000)),
            Some(at(40_000)),
            "turns were missed"
        );
        let next = next_pass(&hourly, &looked(40_000), at(40_001)).unwrap();
        assert!((43_200..=43_230).contains(&next.as_second()), "{next}");
    }

    #[test]
    fn jitter_never_swallows_the_turns_of_a_fast_schedule() {
        let fast = definition("*/2 * * * * *", HALF_A_MINUTE);
        for second in 0..50 {
            let next = next_pass(&fast, &looked(second), at(second)).unwrap();
            assert!(next <= at(second) + SignedDuration::from_secs(3), "{next}");
        }
    }

    #[test]
    fn a_failing_source_is_tried_sooner_but_never_before_the_time_it_asked_for() {
        let daily = definition("0 0 * * *", Duration::ZERO);
        let failing = |failures| SourceStatus { failures, ..looked(100) };
        let wait =
            |failures| next_pass(&daily, &failing(failures), at(100)).unwrap().as_second() - 100;
        assert_eq!([1, 2, 3, 40].map(wait), [30, 60, 120, 3600]);
        let asked = SourceStatus { not_before: Some(at(5_000)), ..failing(1) };
        assert_eq!(next_pass(&daily, &asked, at(100)), Some(at(5_000)));
    }

    #[test]
    fn a_source_that_is_switched_off_has_no_next_pass() {
        let off = Definition {
            disabled: Some("terms changed".to_owned()),
            ..definition("* * * * *", Duration::ZERO)
        };
        assert_eq!(next_pass(&off, &SourceStatus::default(), at(0)), None);
    }
}
