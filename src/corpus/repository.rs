//! The files of a repository's HEAD.

use std::path::Path;

use super::Error;
use super::reading::{Found, Listing};
use crate::fs::{self, Spool};
use crate::git::{self, Blobs, FileKind, Repository};

/// A repository that is open at one commit.
pub(super) struct Opened {
    origin: String,
    repository: Repository,
    commit: String,
    blobs: Blobs,
    /// The clone, removed when the reading ends: no plaintext of a corpus stays behind.
    _clone: Option<tempfile::TempDir>,
}

impl Opened {
    /// A repository on this machine: only what is committed counts.
    pub(super) fn local(path: &Path) -> Result<Self, Error> {
        Self::at_head(&path.display().to_string(), path, None)
    }

    /// A repository elsewhere, cloned for the time of the reading.
    pub(super) fn cloned(address: &str, scratch: &Path) -> Result<Self, Error> {
        let clone = tempfile::Builder::new()
            .prefix("clone-")
            .tempdir_in(scratch)
            .map_err(fs::Error::new("create a folder in", scratch))?;
        let path = clone.path().to_owned();
        git::clone_own(address, &path).map_err(failed(address))?;
        Self::at_head(address, &path, Some(clone))
    }

    fn at_head(origin: &str, path: &Path, clone: Option<tempfile::TempDir>) -> Result<Self, Error> {
        let failed = |error| failed(origin)(error);
        let repository = Repository::open(path).map_err(failed)?;
        let commit = repository.head().map_err(failed)?;
        let commit = commit.ok_or_else(|| {
            failed(git::Error::Refused("it has no commit yet: HEAD points to nothing".to_owned()))
        })?;
        let blobs = repository.blobs().map_err(failed)?;
        Ok(Self { origin: origin.to_owned(), repository, commit, blobs, _clone: clone })
    }

    pub(super) fn commit(&self) -> &str {
        &self.commit
    }

    pub(super) fn list(&self) -> Result<Listing, Error> {
        let files = self.repository.files(&self.commit).map_err(failed(&self.origin))?;
        let mut listing = Listing { files: files.len() as u64, ..Listing::default() };
        for file in files {
            if file.kind == FileKind::Link {
                *listing.skipped.entry("symbolic links".to_owned()).or_default() += 1;
                continue;
            }
            let name = file.path.to_string_lossy().into_owned();
            listing.found.push(Found { name, version: file.blob, bytes: file.size });
        }
        listing.found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listing)
    }

    /// The bytes of a file: its version is the id of its blob.
    pub(super) fn read(&mut self, found: &Found) -> Result<Vec<u8>, Error> {
        let spool = Spool::new(&std::env::temp_dir());
        let blob =
            self.blobs.read(&found.version, found.bytes, spool).map_err(failed(&self.origin))?;
        let blob = blob.ok_or_else(|| {
            failed(&self.origin)(git::Error::Damaged(format!(
                "the blob {} is missing",
                found.version
            )))
        })?;
        let path = Path::new(&found.name);
        Ok(fs::body_bytes(&blob.body).map_err(fs::Error::new("read", path))?.to_vec())
    }
}

fn failed(origin: &str) -> impl Fn(git::Error) -> Error {
    move |source| Error::Git { origin: origin.to_owned(), source }
}
