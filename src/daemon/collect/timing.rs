//! When a source is looked at next.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::source::Definition;
use crate::store::record::SourceStatus;

/// A failing source is tried again after this time, doubled with every failure, if its schedule would wait longer.
const FIRST_RETRY: Duration = Duration::from_secs(30);
/// And never more rarely than this.
const LAST_RETRY: Duration = Duration::from_secs(3600);

/// The time of the next pass: at once for a source never looked at or one whose turn was missed while nothing ran;
/// sooner than scheduled while it fails; never before the time it asked for; none if it is switched off or its
/// schedule has no more times.
pub fn next_pass(
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
        Some(_) => definition.schedule.next(now).map(|at| at + jitter(definition, at)),
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

/// The same for one source and time, so that asking twice does not move the pass; spread evenly otherwise.
fn jitter(definition: &Definition, at: Timestamp) -> SignedDuration {
    let most = u64::try_from(definition.jitter.as_millis()).unwrap_or(u64::MAX);
    if most == 0 {
        return SignedDuration::ZERO;
    }
    let hash = blake3::hash(format!("{} {}", definition.name, at.as_millisecond()).as_bytes());
    let mut eight = [0; 8];
    eight.copy_from_slice(&hash.as_bytes()[..8]);
    let offset = u64::from_le_bytes(eight) % most.saturating_add(1);
    SignedDuration::from_millis(i64::try_from(offset).unwrap_or(0))
}
