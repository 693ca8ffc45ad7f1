//! Git through the git program: mirrors of repositories elsewhere, and reading of local ones.
//!
//! Owns how the program is started. The invariant: it sees nothing of this machine's or a user's
//! configuration, asks nobody anything, runs nothing that a repository brings along, and connects
//! only through [`crate::http::gateway`]; [`clone_own`] alone works for the user instead. Secrets travel in its environment, never in its arguments
//! or in a file. This module does not know what a repository is looked at for.

mod blobs;
mod listing;
mod mirror;
mod own;
mod program;
mod remote;
mod repository;
#[cfg(test)]
pub(crate) mod stand;
mod version;

use jiff::Timestamp;

pub use blobs::{Blob, Blobs};
pub use listing::{Listed, Listing};
pub use mirror::{Mirror, Refs};
pub use own::clone_own;
pub use program::TUNNEL_PROXY;
pub use remote::{Access, Address, Credential};
pub use repository::{File, FileKind, Repository, is_repository};
pub use version::{OLDEST, version};

/// Why git gave nothing: one variant a reaction.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no git program.
    #[error("the git program cannot be started: {0}; install git, or put it on the PATH")]
    NoProgram(String),
    /// Wait until then.
    #[error("`{host}` asks to wait until {until}")]
    RateLimited {
        /// The host.
        host: String,
        /// When it may be asked again.
        until: Timestamp,
    },
    /// Try again later.
    #[error("{0}")]
    Unavailable(String),
    /// Trying again will not help: a person must act.
    #[error("{0}")]
    Refused(String),
    /// A local repository or mirror is none, or is damaged.
    #[error("{0}")]
    Damaged(String),
    /// A file could not be written or read.
    #[error(transparent)]
    File(#[from] crate::fs::Error),
}
