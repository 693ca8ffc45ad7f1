//! Where a corpus is read from: a folder, a git repository on this machine, or the address of one.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::reading::{Found, Listing};
use super::{Error, folder, repository};
use crate::fs;

/// Where a corpus is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A folder or a repository on this machine.
    Path(PathBuf),
    /// The address of a repository.
    Address(String),
}

impl Origin {
    /// What a person typed: paths are made absolute, so that a refresh finds them from anywhere.
    pub fn typed(text: &str) -> Result<Self, Error> {
        match text.parse() {
            Ok(Self::Path(path)) => {
                let absolute = std::fs::canonicalize(&path)
                    .map_err(|_| Error::NotThere { origin: path.display().to_string() })?;
                Ok(Self::Path(absolute))
            }
            Ok(address) => Ok(address),
            Err(never) => match never {},
        }
    }
}

impl FromStr for Origin {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if is_address(text) {
            Self::Address(text.to_owned())
        } else {
            Self::Path(PathBuf::from(text))
        })
    }
}

/// `https://…`, or git's short form of ssh, `user@host:path`.
fn is_address(text: &str) -> bool {
    let short_ssh = || {
        let (before, _) = text.split_once(':')?;
        let (user, host) = before.split_once('@')?;
        Some(!user.is_empty() && !host.is_empty() && !before.contains('/'))
    };
    text.contains("://") || short_ssh().unwrap_or(false)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Address(address) => f.write_str(address),
        }
    }
}

/// An origin that is open for reading.
pub(super) enum Opened {
    Folder(folder::Folder),
    Repository(Box<repository::Opened>),
}

impl Opened {
    /// The commit that is read, of a repository.
    pub(super) fn commit(&self) -> Option<&str> {
        match self {
            Self::Folder(_) => None,
            Self::Repository(repository) => Some(repository.commit()),
        }
    }

    pub(super) fn list(&mut self) -> Result<Listing, Error> {
        match self {
            Self::Folder(folder) => Ok(folder.list()),
            Self::Repository(repository) => repository.list(),
        }
    }

    pub(super) fn read(&mut self, found: &Found) -> Result<Vec<u8>, Error> {
        match self {
            Self::Folder(folder) => folder.read(found),
            Self::Repository(repository) => repository.read(found),
        }
    }
}

/// Opens an origin; a repository elsewhere is cloned into `scratch`, and the clone goes with the returned value.
pub(super) fn open(origin: &Origin, scratch: &Path) -> Result<Opened, Error> {
    match origin {
        Origin::Path(path) if !path.exists() => {
            Err(Error::NotThere { origin: path.display().to_string() })
        }
        Origin::Path(path) if crate::git::is_repository(path) => {
            Ok(Opened::Repository(Box::new(repository::Opened::local(path)?)))
        }
        Origin::Path(path) => Ok(Opened::Folder(folder::Folder::new(path))),
        Origin::Address(address) => {
            Ok(Opened::Repository(Box::new(repository::Opened::cloned(address, scratch)?)))
        }
    }
}

/// Removes what a killed reading left in the scratch folder. The caller holds the writer's lock, so nobody uses it.
pub(super) fn sweep(scratch: &Path) -> Result<(), Error> {
    if scratch.exists() {
        std::fs::remove_dir_all(scratch)
            .map_err(fs::Error::new("remove the left-over clone in", scratch))?;
    }
    Ok(fs::create_private_dir(scratch)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_paths() {
        for address in
            ["https://git.example/a.git", "ssh://git@git.example/a", "git@git.example:team/a.git"]
        {
            assert!(is_address(address), "{address}");
        }
        for path in ["/srv/git/a.git", "src", "./a@b/c:d", "C:x", "a:b"] {
            assert!(!is_address(path), "{path}");
        }
    }
}
