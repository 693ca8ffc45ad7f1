//! The folder of an index: its paths, its keys, and errors that name a file of it.

use std::path::{Path, PathBuf};

use super::Error;
use super::format::{FORMAT, Fault, LOCK, MANIFEST, SEGMENT_SUFFIX, SegmentId};
use super::seal::Seal;
use crate::fs;
use crate::keys::Keys;

/// Where an index is, and the key it is read with.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    pub(super) seal: Seal,
}

impl Folder {
    pub(super) fn new(path: &Path, keys: &Keys) -> Self {
        Self { path: path.to_owned(), seal: Seal::new(keys) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn manifest(&self) -> PathBuf {
        self.path.join(MANIFEST)
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.path.join(LOCK)
    }

    pub(super) fn segment(&self, id: SegmentId) -> PathBuf {
        self.path.join(id.file_name())
    }

    /// The files in the folder whose names satisfy a condition. A folder that is not there has none.
    pub(super) fn files(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
        let listing = match std::fs::read_dir(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing.map_err(fs::Error::new("list", &self.path))?,
        };
        let mut files = Vec::new();
        for entry in listing {
            let entry = entry.map_err(fs::Error::new("list", &self.path))?;
            if entry.file_name().to_str().is_some_and(&wanted) {
                files.push(entry.path());
            }
        }
        Ok(files)
    }

    pub(super) fn segments(&self) -> Result<Vec<PathBuf>, Error> {
        self.files(|name| name.ends_with(SEGMENT_SUFFIX))
    }

    /// The error for a file that is not used.
    pub(super) fn fault(&self, path: &Path, fault: Fault) -> Error {
        match fault {
            Fault::Damaged(what) => self.damaged(path, what),
            Fault::Format(found) => Error::Format { dir: self.path.clone(), found, known: FORMAT },
        }
    }

    pub(super) fn damaged(&self, path: &Path, what: &'static str) -> Error {
        Error::Damaged { path: path.to_owned(), dir: self.path.clone(), what }
    }
}
