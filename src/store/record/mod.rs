//! The record, in redb: incidents, findings, cursors, misses, the outbox, deliveries, custody, evidence rows.
//!
//! Every call that changes something is one transaction, durable when it returns. What is done to incidents, evidence and
//! notices writes its line of custody in that transaction. Calls block: on the runtime, call them through `spawn_blocking`.
//! Knows neither where evidence is kept nor why a decision falls as it does. `docs/record.md` describes the tables.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, ReadTransaction, ReadableDatabase, WriteTransaction};

mod candidate;
mod commit;
mod dump;
mod error;
mod evidence;
mod incident;
mod ledger;
mod outbox;
mod setting;
mod shape;
mod source;
mod table;

// One noun a reader looks for: the record and all its shapes, whatever file they stand in.
pub use error::Error;
pub use shape::{
    Attempt, Candidate, Commit, Committed, Decision, EvidenceRow, Failure, Hand, IncidentQuery,
    NewFinding, Outlet, SourceStatus,
};

use error::Fault;
use table::{Named, Rows};

use crate::fs;

/// The schema of the tables that this program writes.
pub const SCHEMA: u32 = 1;

/// redb's own default is 1 GiB.
const CACHE_BYTES: usize = 32 << 20;

/// `schema`: the number that [`SCHEMA`] was when the record was made or last migrated.
static META: Named<u32> = Rows::new("meta");

/// The record. Cheap to clone; one process at a time.
#[derive(Debug, Clone)]
pub struct Record {
    path: Arc<str>,
    database: Arc<Database>,
}

impl Record {
    /// Opens the record, or makes an empty one. Cache of 32 MiB. Reads the whole file and checks every page of it, so that
    /// damage is met here and not in the middle of something.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            Self::make(path)?;
        }
        Self::start(&path.display().to_string(), |builder| builder.open(path))
    }

    /// Makes an empty record, whole or not at all: a crash on the way must not leave one that looks damaged.
    fn make(path: &Path) -> Result<(), Error> {
        let failed = |error: fs::Error| error::from_file(&error, path);
        let draft = fs::Draft::new(path, 0o600).map_err(failed)?;
        let at = draft.draft_path().to_owned();
        drop(Self::start(&path.display().to_string(), |builder| builder.create(at))?);
        draft.place().map_err(failed)?;
        Ok(())
    }

    /// A record that is gone with the value: for tests and dry runs.
    pub fn in_memory() -> Result<Self, Error> {
        Self::start("(in memory)", |builder| builder.create_with_backend(InMemoryBackend::new()))
    }

    fn start(
        path: &str,
        open: impl FnOnce(&Builder) -> Result<Database, redb::DatabaseError>,
    ) -> Result<Self, Error> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        let database = guarded(path, || Ok(open(&builder)?))?;
        let record = Self { path: path.into(), database: Arc::new(database) };
        record.write(|tx| {
            dump::create_tables(tx)?;
            match META.get(tx, "schema")? {
                None => META.put(tx, "schema", &SCHEMA),
                Some(found) if found > SCHEMA => Err(Fault::Schema { found, known: SCHEMA }),
                Some(_) => Ok(()),
            }
        })?;
        Ok(record)
    }

    fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> Result<T, Fault>) -> Result<T, Error> {
        guarded(&self.path, || work(&self.database.begin_read()?))
    }

    /// Does `work` in one transaction: all of it, durable, or nothing.
    fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        guarded(&self.path, || {
            let mut tx = self.database.begin_write()?;
            // A commit that was once durable must never be given up for an older one, not even when its pages rot.
            tx.set_two_phase_commit(true);
            let result = work(&tx)?;
            tx.commit()?;
            Ok(result)
        })
    }
}

/// redb may panic on a damaged file: that is an error like any other.
fn guarded<T>(path: &str, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|fault| fault.at(path)),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            let why = format!("its own checks failed: {}", text.unwrap_or("no reason given"));
            Err(Error::Damaged { path: path.to_owned(), why })
        }
    }
}

#[cfg(test)]
mod tests;
