//! Exit codes: what a script learns of a run.

use std::process::ExitCode;

use super::{output, reach};
use crate::daemon::stores::{HalfRestored, InUse};
use crate::service::backup;
use crate::{corpus, evidence, fs, index, keys, service, store};

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
        if error.chain().any(is_storage) { Self::Storage } else { Self::Usage }
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

/// Whether this is what went wrong with a store or a key. An error that passes another one on as its own stands for it
/// in the chain, and is asked.
fn is_storage(cause: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<service::Error>() {
        return error.is_storage();
    }
    if let Some(failed) = cause.downcast_ref::<reach::Failed>() {
        return failed.storage;
    }
    let index = match cause.downcast_ref::<corpus::Error>() {
        Some(corpus::Error::Index(error)) => Some(error),
        _ => cause.downcast_ref::<index::Error>(),
    };
    if let Some(error) = index {
        let is_asked_wrongly =
            matches!(error, index::Error::UnknownCorpus { .. } | index::Error::Locked { .. });
        return !is_asked_wrongly;
    }
    if let Some(error) = cause.downcast_ref::<backup::Error>() {
        return error.is_storage();
    }
    cause.is::<output::Error>()
        || cause.is::<InUse>()
        || cause.is::<HalfRestored>()
        || cause.is::<fs::Error>()
        || cause.is::<keys::Error>()
        || cause.is::<evidence::Error>()
        || cause.is::<store::record::Error>()
        || cause.is::<store::cache::Error>()
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_storage_error_is_known_through_its_context() {
        let missing = keys::Error::Missing { path: PathBuf::from("key") };
        let error = Err::<(), _>(missing).context("cannot start").unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Storage);
        assert_eq!(Exit::of(&anyhow::anyhow!("no such route")), Exit::Usage);
    }

    #[test]
    fn a_storage_error_is_known_when_another_passes_it_on() {
        let full = || index::Error::File(fs::Error::new("write", Path::new("x"))(full_disk()));
        let unknown = || index::Error::UnknownCorpus { corpus: "billing".parse().unwrap() };
        let record = |what: &str| store::record::Error::Unknown(what.to_owned());
        let failed = |storage| reach::Failed { message: "no".to_owned(), storage };
        for (error, exit) in [
            (full().into(), Exit::Storage),
            (corpus::Error::Index(full()).into(), Exit::Storage),
            (corpus::Error::Index(unknown()).into(), Exit::Usage),
            (service::Error::Record(record("INC-7")).into(), Exit::Usage),
            (failed(true).into(), Exit::Storage),
            (failed(false).into(), Exit::Usage),
        ] {
            assert_eq!(Exit::of(&error), exit, "{error}");
        }
    }

    fn full_disk() -> std::io::Error {
        std::io::ErrorKind::StorageFull.into()
    }
}
