//! When to do something again: cron expressions with standard meaning, on the local wall clock.
//!
//! An expression is evaluated on the wall clock as if that had no changes, and only then mapped to
//! instants. One invariant: that mapping never runs backwards, so the times of a schedule strictly
//! increase. A wall time that a change skips happens once, at the moment of the change; a wall time
//! that a change repeats happens once, the first time. Knows nothing of what is done at those times,
//! and never reads a clock.

mod expression;

use std::time::Duration;

use chrono::{DateTime as FakeDateTime, Utc as FakeUtc};
use jiff::Timestamp;
use jiff::civil::DateTime as WallTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// A cron expression of five fields (or six, with seconds first) in a time zone.
///
/// Times beyond the year 2100 are not computed.
#[derive(Debug, Clone)]
pub struct Schedule {
    expression: String,
    zone: TimeZone,
    /// One, or two when a day must satisfy either of two fields; a time of any of them counts.
    alternatives: Vec<cron::Schedule>,
}

/// An expression that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither five nor six fields.
    #[error(
        "`{given}` has {count} field{}, a schedule has five (minute hour day month weekday), or six with seconds first",
        if *.count == 1 { "" } else { "s" }
    )]
    Count {
        /// The expression.
        given: String,
        /// How many fields it has.
        count: usize,
    },
    /// An `@` name that is not one of ours.
    #[error(
        "`{given}` is not a schedule (known: @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually)"
    )]
    Macro {
        /// What was given.
        given: String,
    },
    /// A part of a field that is not understood.
    #[error("`{part}` is not a {field}: {why}")]
    Field {
        /// Which field: "minute", "weekday".
        field: &'static str,
        /// The part of it that is wrong.
        part: String,
        /// What is wrong with it, and what to write.
        why: String,
    },
    /// A date that no calendar has.
    #[error("`{given}` never comes: there is no such date")]
    Never {
        /// The expression.
        given: String,
    },
}

impl Schedule {
    /// Reads an expression.
    pub fn parse(expression: &str, zone: TimeZone) -> Result<Self, Error> {
        let alternatives = expression::rewrite(expression)?
            .iter()
            .map(|rewritten| rewritten.parse())
            .collect::<Result<Vec<cron::Schedule>, _>>()
            .expect("lists of numbers within their ranges are understood by `cron`");
        let schedule = Self { expression: expression.trim().to_owned(), zone, alternatives };
        if schedule.wall_times_after(FakeDateTime::UNIX_EPOCH).next().is_none() {
            return Err(Error::Never { given: schedule.expression });
        }
        Ok(schedule)
    }

    /// The expression as typed.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The zone whose wall clock counts.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first time strictly after `after`; none if there never is one.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let from = to_fake(self.zone.to_datetime(after))?;
        // More than one step only in the second pass of a repeated hour, whose wall times are over.
        self.wall_times_after(from)
            .filter_map(|wall| self.instant(wall))
            .find(|instant| *instant > after)
    }

    /// The last time at or before `now` and after `since`: a run that was missed while nothing ran.
    pub fn missed(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let wall = self.zone.to_datetime(now);
        // In the second pass of a repeated hour, times later on the clock have already happened.
        let latest = match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Fold { before, .. } => before.to_datetime(now),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => wall,
        };
        self.wall_times_up_to(to_fake(latest)?)
            .filter_map(|wall| self.instant(wall))
            .find(|instant| *instant <= now)
            .filter(|instant| *instant > since)
    }

    /// Wall times strictly after one, in order.
    fn wall_times_after(
        &self,
        from: FakeDateTime<FakeUtc>,
    ) -> impl Iterator<Item = FakeDateTime<FakeUtc>> {
        std::iter::successors(self.first_after(from), |last| self.first_after(*last))
    }

    fn first_after(&self, from: FakeDateTime<FakeUtc>) -> Option<FakeDateTime<FakeUtc>> {
        self.alternatives.iter().filter_map(|cron| cron.after(&from).next()).min()
    }

    /// Wall times at or before one, backwards.
    fn wall_times_up_to(
        &self,
        to: FakeDateTime<FakeUtc>,
    ) -> impl Iterator<Item = FakeDateTime<FakeUtc>> {
        let second = chrono::TimeDelta::seconds(1);
        std::iter::successors(self.last_before(to + second), |last| self.last_before(*last))
    }

    fn last_before(&self, to: FakeDateTime<FakeUtc>) -> Option<FakeDateTime<FakeUtc>> {
        self.alternatives.iter().filter_map(|cron| cron.after(&to).next_back()).max()
    }

    /// When a wall time happens; none outside the years that `jiff` knows.
    fn instant(&self, wall: FakeDateTime<FakeUtc>) -> Option<Timestamp> {
        let wall = Timestamp::from_second(wall.timestamp()).ok()?;
        let ambiguous = self.zone.to_ambiguous_timestamp(TimeZone::UTC.to_datetime(wall));
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.compatible().ok()
            }
            AmbiguousOffset::Gap { after, .. } => {
                let before_the_change = ambiguous.earlier().ok()?;
                self.zone
                    .following(before_the_change)
                    .find(|transition| transition.offset() == after)
                    .map(|transition| transition.timestamp())
            }
        }
    }
}

/// A delay below `most` that depends on nothing but a name and a time: the same again after a restart,
/// and different for each name, so that sources of one schedule do not all begin in the same second.
pub fn jitter(name: &str, at: Timestamp, most: Duration) -> Duration {
    let mut hasher = blake3::Hasher::new_derive_key("leakwarden 2026-11 schedule jitter v1");
    hasher.update(&at.as_nanosecond().to_le_bytes()).update(name.as_bytes());
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(u64::from_le_bytes(bytes).checked_rem(millis).unwrap_or(0))
}

/// A wall time in whole seconds as `cron` wants it: dressed up as UTC, which has no changes.
fn to_fake(wall: WallTime) -> Option<FakeDateTime<FakeUtc>> {
    let instant = TimeZone::UTC.to_timestamp(wall).ok()?;
    // Rounds down, so that a time within this second is still to come.
    let seconds = instant.as_nanosecond().div_euclid(1_000_000_000);
    FakeDateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

#[cfg(test)]
mod tests;
