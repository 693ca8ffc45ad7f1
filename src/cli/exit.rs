//! Exit codes: what a script learns of a run.

use std::process::ExitCode;

use super::output;
use super::reach::Failed;
use crate::daemon::stores::{HalfRestored, InUse};
use crate::service::backup;
use crate::{evidence, fs, index, keys, store};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: nothing found, or all well.
    Clean,
    /// 1: at least one `leak` or `possible`, or a verification failed.
    Found,
    /// 2: the command line or the configuration is wrong.
    Usage,
    /// 3: something could not be looked at, and nothing was found in the rest.
    Partial,
    /// 4: a store or the key cannot be used.
    Storage,
}

impl Exit {
    /// The code an error leads to: what cannot be stored, written or decrypted is 4, whatever else stops a
    /// command is 2.
    pub fn of(error: &anyhow::Error) -> Self {
        let is_storage = error.chain().any(|cause| {
            cause.is::<output::Error>()
                || cause.is::<fs::Error>()
                || cause.is::<keys::Error>()
                || cause.is::<index::Error>()
                || cause.is::<evidence::Error>()
                || cause.is::<store::record::Error>()
                || cause.is::<store::cache::Error>()
                || cause.is::<InUse>()
                || cause.is::<HalfRestored>()
                || cause.downcast_ref::<backup::Error>().is_some_and(backup::Error::is_storage)
                || cause.downcast_ref::<Failed>().is_some_and(|failed| failed.storage)
        });
        if is_storage { Self::Storage } else { Self::Usage }
    }

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Found => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Storage => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_storage_error_is_known_through_its_context() {
        let missing = keys::Error::Missing { path: PathBuf::from("key") };
        let error = Err::<(), _>(missing).context("cannot start").unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Storage);
        assert_eq!(Exit::of(&anyhow::anyhow!("no such route")), Exit::Usage);
    }
}
