//! Why the record refused or failed, and how redb's reasons become ours.

use std::io;
use std::path::Path;

use crate::model::incident::{Action, IllegalTransition};

/// Why the record refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it open.
    #[error(
        "the record `{path}` is in use by another leakwarden process; commands reach a running daemon through its socket"
    )]
    InUse {
        /// The file.
        path: String,
    },
    /// It is damaged.
    #[error(
        "the record `{path}` is damaged ({why}); keep a copy of it for inspection, then run `leakwarden restore` with your newest backup"
    )]
    Damaged {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// It was made by a newer program.
    #[error(
        "the record `{path}` has schema {found}, this program knows {known}; use the newer program that wrote it"
    )]
    Schema {
        /// The file, or the dump.
        path: String,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Writing failed: a full or read-only disk, most likely.
    #[error("cannot write the record `{path}`: {why}; nothing recorded so far is lost")]
    Write {
        /// The file.
        path: String,
        /// Why, and what to do.
        why: String,
    },
    /// It could not be copied out or filled from a copy; the record itself is as it was.
    #[error("cannot copy the record: {0}")]
    Copy(String),
    /// No such thing.
    #[error("there is no {0}")]
    Unknown(String),
    /// The incident's state does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The action needs a reason and none was given.
    #[error("to {0} an incident needs a reason: say why with --reason")]
    ReasonMissing(Action),
}

/// What can go wrong inside a transaction; becomes an [`Error`] where the path is known.
#[derive(Debug)]
pub(super) enum Fault {
    /// redb says so.
    Redb(Box<redb::Error>),
    /// A row is not what this schema says.
    Row { table: String, why: String },
    /// The file's schema is newer than ours.
    Schema { found: u32, known: u32 },
    /// Ours to say, and needs no path.
    Refused(Error),
    /// The decision about a finding panicked; the panic goes on once the transaction is undone.
    Interrupted,
}

impl Fault {
    pub(super) fn unknown(what: impl std::fmt::Display) -> Self {
        Self::Refused(Error::Unknown(what.to_string()))
    }

    pub(super) fn at(self, path: &str) -> Error {
        let path = path.to_owned();
        match self {
            Self::Redb(error) => from_redb(*error, path),
            Self::Row { table, why } => {
                Error::Damaged { path, why: format!("a row of the table `{table}`: {why}") }
            }
            Self::Schema { found, known } => Error::Schema { path, found, known },
            Self::Refused(error) => error,
            Self::Interrupted => Error::Copy("the decision was interrupted".to_owned()),
        }
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::Redb(Box::new(error.into()))
            }
        }
    )*};
}
from_redb!(
    redb::CommitError,
    redb::DatabaseError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError
);

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

fn from_redb(error: redb::Error, path: String) -> Error {
    match error {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
            Error::InUse { path }
        }
        redb::Error::Io(error) => from_io(&error, path),
        redb::Error::PreviousIo => Error::Write {
            path,
            why: "writing failed before, and nothing was written since: start leakwarden again"
                .to_owned(),
        },
        other => Error::Damaged { path, why: other.to_string() },
    }
}

fn from_io(error: &io::Error, path: String) -> Error {
    let advice = match error.kind() {
        // What the file holds is wrong, or it is shorter than it says.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            return Error::Damaged { path, why: error.to_string() };
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (the disk is full: free some space and start again)"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            " (the file system is read-only: remount it, or choose another --data-dir)"
        }
        io::ErrorKind::PermissionDenied => {
            " (run as the owner of the data folder, or choose another --data-dir)"
        }
        io::ErrorKind::NotFound => {
            " (the data folder is missing: make it, or choose another --data-dir)"
        }
        _ => "",
    };
    Error::Write { path, why: format!("{error}{advice}") }
}

/// An error of the file system met before redb has the file.
pub(super) fn from_file(error: &crate::fs::Error, path: &Path) -> Error {
    from_io(&error.source, path.display().to_string())
}
