//! The chain of custody in the record: one line a deed, in the transaction that does it.

use redb::WriteTransaction;
use serde_json::Value;

use super::Record;
use super::error::{Error, Fault};
use super::shape::Hand;
use super::table::{Numbered, Rows};
use crate::custody::{self, Deed, Line};

/// The chain, by line number.
pub(super) static CUSTODY: Numbered<Line> = Rows::new("custody");

impl Record {
    /// Adds a line to the chain of custody for something done outside the record (settings, evidence opened).
    pub fn testify(&self, deed: Deed) -> Result<Line, Error> {
        self.write(|tx| append(tx, deed))
    }

    /// The whole chain, oldest first.
    pub fn custody(&self) -> Result<Vec<Line>, Error> {
        self.read(|tx| CUSTODY.all(tx))
    }
}

impl Hand<'_> {
    /// Writes down what was done to what.
    pub(super) fn did(
        self,
        tx: &WriteTransaction,
        what: &'static str,
        subject: impl std::fmt::Display,
        detail: Value,
    ) -> Result<(), Fault> {
        let subject = subject.to_string();
        append(tx, Deed { at: self.at, by: self.by.clone(), what, subject, detail })?;
        Ok(())
    }
}

fn append(tx: &WriteTransaction, deed: Deed) -> Result<Line, Fault> {
    let last = CUSTODY.last(tx)?;
    let line = custody::append(last.as_ref(), deed);
    CUSTODY.put(tx, line.number, &line)?;
    Ok(line)
}
