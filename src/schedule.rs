//! When to do something again: cron expressions with standard meaning, on the local wall clock.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A cron expression of five fields (or six, with seconds first) in a time zone.
#[derive(Debug, Clone)]
pub struct Schedule {
    _expression: String,
}

/// An expression or zone that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

impl Schedule {
    /// Reads an expression.
    pub fn parse(expression: &str, zone: TimeZone) -> Result<Self, Error> {
        let _ = (expression, zone);
        todo!()
    }

    /// The first time strictly after `after`; none if there never is one.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let _ = after;
        todo!()
    }

    /// The last time at or before `now` and after `since`: a run that was missed while nothing ran.
    pub fn missed(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let _ = (since, now);
        todo!()
    }
}
