//! How sources do: cursors, failures, and items that could not be looked at.
//!
//! An item missed is tried again after a minute, then two, four … up to a day; after twelve attempts, or at once if trying
//! again cannot help, it is set aside and shown. A version of an item that was set aside stays so, however often it is listed.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use redb::{ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::Record;
use super::error::{Error, Fault};
use super::incident::place_key;
use super::outbox;
use super::shape::{Commit, Committed, Failure, SourceStatus};
use super::table::{Index, Named, Rows, Transaction, enter, strike};
use crate::model::batch::{Cursor, Missed};
use crate::model::ids::SourceName;
use crate::model::notice::Outgoing;

/// By source.
pub(super) static CURSORS: Named<Cursor> = Rows::new("cursors");
/// By source.
pub(super) static SOURCES: Named<SourceStatus> = Rows::new("sources");
/// Items waiting for another attempt, by `source/item`.
pub(super) static MISSES: Named<MissRow> = Rows::new("misses");
/// Items set aside for good, by `source/item`.
pub(super) static SET_ASIDE: Named<MissRow> = Rows::new("set-aside");
/// (source, due in nanoseconds since 1970, item).
pub(super) const MISSES_BY_TIME: Index<(&str, i128, &str)> = Index::new("misses-by-time");

/// Attempts before an item is set aside.
const ATTEMPTS: u32 = 12;
const FIRST_DELAY: SignedDuration = SignedDuration::from_mins(1);
const LONGEST_DELAY: SignedDuration = SignedDuration::from_hours(24);
/// What a source could not see is kept so many times.
const GAPS: usize = 100;

/// An item that could not be looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MissRow {
    pub(super) source: SourceName,
    pub(super) missed: Missed,
    pub(super) attempts: u32,
    /// The last attempt.
    pub(super) last: Timestamp,
    /// The next one, while it waits.
    pub(super) next: Timestamp,
}

impl Record {
    /// The cursor of a source.
    pub fn cursor(&self, source: &SourceName) -> Result<Option<Cursor>, Error> {
        self.read(|tx| CURSORS.get(tx, source.as_str()))
    }

    /// How a source has been doing.
    pub fn source_status(&self, source: &SourceName) -> Result<SourceStatus, Error> {
        self.read(|tx| Ok(SOURCES.get(tx, source.as_str())?.unwrap_or_default()))
    }

    /// Records that a pass over a source failed.
    pub fn source_failed(&self, source: &SourceName, failure: Failure<'_>) -> Result<(), Error> {
        self.write(|tx| {
            let mut status = SOURCES.get(tx, source.as_str())?.unwrap_or_default();
            status.last_attempt = Some(failure.at);
            status.failures = status.failures.saturating_add(1);
            status.failing_since.get_or_insert(failure.at);
            status.last_error = Some(failure.error.to_owned());
            status.not_before = failure.not_before;
            if !status.told && status.failures >= failure.tell_after {
                status.told = true;
                outbox::queue(tx, failure.tell)?;
            }
            SOURCES.put(tx, source.as_str(), &status)
        })
    }

    /// Records that a source works again; queues `tell` if its failing had been told. Its pass counts when its last batch
    /// is committed.
    pub fn source_recovered(&self, source: &SourceName, tell: Vec<Outgoing>) -> Result<(), Error> {
        self.write(|tx| {
            let mut status = SOURCES.get(tx, source.as_str())?.unwrap_or_default();
            if std::mem::take(&mut status.told) {
                outbox::queue(tx, tell)?;
            }
            status.recover();
            SOURCES.put(tx, source.as_str(), &status)
        })
    }

    /// Items missed by a source that are due for another attempt, oldest first. Delays double from a minute to a
    /// day; after 12 attempts an item is set aside.
    pub fn due_misses(
        &self,
        source: &SourceName,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Missed>, Error> {
        self.read(|tx| {
            let name = source.as_str();
            let index = tx.table(MISSES_BY_TIME)?;
            let due = (name, i128::MIN, "")..(name, now.as_nanosecond() + 1, "");
            let mut missed = Vec::new();
            for key in index.range(due)?.take(limit) {
                let key = key?.0;
                let item = key.value().2;
                missed.push(MISSES.require(tx, &place_key(source, item))?.missed);
            }
            Ok(missed)
        })
    }

    /// Items set aside for good, with the time: of one source, or of all.
    pub fn set_aside(
        &self,
        source: Option<&SourceName>,
    ) -> Result<Vec<(SourceName, Missed, Timestamp)>, Error> {
        self.read(|tx| {
            let rows = SET_ASIDE.all(tx)?.into_iter();
            let wanted = rows.filter(|row| source.is_none_or(|source| row.source == *source));
            Ok(wanted.map(|row| (row.source, row.missed, row.last)).collect())
        })
    }
}

impl SourceStatus {
    fn recover(&mut self) {
        self.failures = 0;
        self.failing_since = None;
        self.last_error = None;
        self.not_before = None;
    }
}

/// Records what a batch says about its source: misses, cursor, counters, what it could not see.
pub(super) fn worked(
    tx: &WriteTransaction,
    commit: &Commit,
    committed: &Committed,
) -> Result<(), Fault> {
    let source = &commit.source;
    let mut status = SOURCES.get(tx, source.as_str())?.unwrap_or_default();
    let missed_again: BTreeSet<&str> =
        commit.missed.iter().map(|missed| missed.item.id.as_str()).collect();
    for item in commit.recovered.iter().filter(|item| !missed_again.contains(item.as_str())) {
        recover_item(tx, source, item, &mut status)?;
    }
    for missed in &commit.missed {
        miss(tx, source, missed, commit.at, &mut status)?;
    }
    if let Some(cursor) = &commit.cursor {
        CURSORS.put(tx, source.as_str(), cursor)?;
    }
    status.looked_at += commit.looked_at;
    status.unreadable += commit.unreadable;
    status.findings +=
        (committed.opened.len() + committed.joined.len()) as u64 + u64::from(committed.allowed);
    if commit.looked_at > 0 {
        status.last_new = Some(commit.at);
    }
    if let Some(gap) = &commit.gap {
        status.gaps.push((commit.at, gap.clone()));
        let surplus = status.gaps.len().saturating_sub(GAPS);
        status.gaps.drain(..surplus);
    }
    if commit.last {
        // Only now: a pass that was cut short by a crash is one that was missed, and made up for at the next start.
        status.last_attempt = Some(commit.at);
        status.last_success = Some(commit.at);
        // `told` stays until the recovery is told.
        status.recover();
    }
    SOURCES.put(tx, source.as_str(), &status)
}

fn recover_item(
    tx: &WriteTransaction,
    source: &SourceName,
    item: &str,
    status: &mut SourceStatus,
) -> Result<(), Fault> {
    let key = place_key(source, item);
    if let Some(row) = MISSES.remove(tx, &key)? {
        strike(tx, MISSES_BY_TIME, (source.as_str(), row.next.as_nanosecond(), item))?;
        status.missed = status.missed.saturating_sub(1);
    }
    if SET_ASIDE.remove(tx, &key)?.is_some() {
        status.set_aside = status.set_aside.saturating_sub(1);
    }
    Ok(())
}

fn miss(
    tx: &WriteTransaction,
    source: &SourceName,
    missed: &Missed,
    at: Timestamp,
    status: &mut SourceStatus,
) -> Result<(), Fault> {
    let item = missed.item.id.as_str();
    let key = place_key(source, item);
    let aside = SET_ASIDE.get(tx, &key)?;
    let aside = aside.filter(|row| row.missed.item.version == missed.item.version);
    let hopeless = !missed.retry || aside.is_some();
    let before = MISSES.get(tx, &key)?.or(aside);
    recover_item(tx, source, item, status)?;
    let attempts = before.map_or(0, |row| row.attempts).saturating_add(1);
    let next = at.saturating_add(delay(attempts)).unwrap_or(Timestamp::MAX);
    let row = MissRow { source: source.clone(), missed: missed.clone(), attempts, last: at, next };
    if hopeless || attempts >= ATTEMPTS {
        status.set_aside += 1;
        return SET_ASIDE.put(tx, &key, &row);
    }
    status.missed += 1;
    put_miss(tx, &row)
}

/// Writes a miss and what is derived from it.
pub(super) fn put_miss(tx: &WriteTransaction, row: &MissRow) -> Result<(), Fault> {
    let item = row.missed.item.id.as_str();
    MISSES.put(tx, &place_key(&row.source, item), row)?;
    enter(tx, MISSES_BY_TIME, (row.source.as_str(), row.next.as_nanosecond(), item))
}

fn delay(attempts: u32) -> SignedDuration {
    FIRST_DELAY.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_from_a_minute_to_a_day() {
        let minutes: Vec<i64> = (1..=13).map(|n| delay(n).as_mins()).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1440, 1440]);
        assert_eq!(delay(u32::MAX), LONGEST_DELAY);
    }
}
