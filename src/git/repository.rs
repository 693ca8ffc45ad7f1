//! A repository on this machine: what is in its HEAD, and the bytes of its blobs.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::blobs::{Blobs, is_id};
use super::program::Git;
use super::{Error, Listing, Refs};

/// Whether a folder is a repository: it contains `.git`, or is a bare one.
pub fn is_repository(path: &Path) -> bool {
    path.join(".git").exists() || is_bare(path)
}

fn is_bare(path: &Path) -> bool {
    path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir()
}

/// A repository that can be read. Only what is committed counts: neither its working files, nor its
/// hooks, attributes, replacements and remotes.
#[derive(Debug, Clone)]
pub struct Repository {
    git_dir: PathBuf,
}

/// A file in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path from the root of the commit. Not always text.
    pub path: PathBuf,
    /// The id of its blob.
    pub blob: String,
    /// Its size in bytes.
    pub size: u64,
    /// What it is.
    pub kind: FileKind,
}

/// What a file in a commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file.
    Regular,
    /// A link, whose blob is the path it leads to.
    Link,
}

impl Repository {
    /// Opens a working copy or a bare repository.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let inner = path.join(".git");
        let git_dir = if inner.exists() { inner } else { path.to_owned() };
        // git changes folders on its own; a relative path would be looked for elsewhere.
        let git_dir = std::path::absolute(git_dir).map_err(crate::fs::Error::new("find", path))?;
        let repository = Self { git_dir };
        repository.git().args(["rev-parse", "--git-dir"]).output().map_err(
            |error| match error {
                Error::Damaged(why) => Error::Damaged(format!(
                    "`{}` cannot be read as a git repository: {why}",
                    path.display()
                )),
                other => other,
            },
        )?;
        Ok(repository)
    }

    fn git(&self) -> Git {
        Git::new(&self.git_dir)
    }

    /// The kind of its ids: `sha1` or `sha256`.
    pub(super) fn format(&self) -> Result<String, Error> {
        let output = self.git().args(["rev-parse", "--show-object-format"]).output()?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    }

    /// The commit that HEAD points to; `None` before the first commit.
    pub fn head(&self) -> Result<Option<String>, Error> {
        let output =
            self.git().args(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).output();
        match output {
            Ok(output) => Ok(Some(String::from_utf8_lossy(&output).trim().to_owned())),
            Err(Error::Damaged(_)) => {
                let name = self.git().args(["symbolic-ref", "HEAD"]).output()?;
                let name = String::from_utf8_lossy(&name).trim().to_owned();
                match self.git().args(["show-ref", "--verify", "--quiet", &name]).output() {
                    Ok(_) => {
                        Err(Error::Damaged(format!("`{}` holds no commit", name.escape_debug())))
                    }
                    Err(_) => Ok(None),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The files of a commit, by path; what a submodule points to is not in this repository.
    pub fn files(&self, commit: &str) -> Result<Vec<File>, Error> {
        if !is_id(commit) {
            return Err(Error::Damaged(format!(
                "`{}` is not the id of a commit",
                commit.escape_debug()
            )));
        }
        let listing =
            self.git().args(["ls-tree", "-r", "-z", "-l", "--full-tree", commit]).output()?;
        listing
            .split(|&byte| byte == 0)
            .filter(|line| !line.is_empty())
            .filter_map(|line| file(line).transpose())
            .collect()
    }

    /// Starts reading blobs.
    pub fn blobs(&self) -> Result<Blobs, Error> {
        Blobs::open(&self.git_dir)
    }

    /// All refs and what they point to.
    pub fn refs(&self) -> Result<Refs, Error> {
        let output =
            self.git().args(["for-each-ref", "--format=%(objectname)%09%(refname)"]).output()?;
        super::mirror::parse_refs(&output)
    }

    /// Writes the list of all blobs that `new` reaches and `old` does not to a file.
    pub fn list_new(&self, new: &Refs, old: &Refs, file: &Path) -> Result<Listing, Error> {
        super::listing::write(&self.git_dir, new, old, file)
    }
}

/// One line of `ls-tree -l`: mode, type, id, size, tab, path.
fn file(line: &[u8]) -> Result<Option<File>, Error> {
    let strange = || Error::Damaged("git lists a file in a way that is not understood".to_owned());
    let tab = line.iter().position(|&byte| byte == b'\t').ok_or_else(strange)?;
    let (head, path) = (&line[..tab], &line[tab + 1..]);
    let head = String::from_utf8_lossy(head);
    match head.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        [mode, "blob", blob, size] if is_id(blob) => Ok(Some(File {
            path: PathBuf::from(OsString::from_vec(path.to_vec())),
            blob: blob.to_owned(),
            size: size.parse().map_err(|_| strange())?,
            kind: if mode == "120000" { FileKind::Link } else { FileKind::Regular },
        })),
        [_, "commit", ..] => Ok(None),
        _ => Err(strange()),
    }
}

#[cfg(test)]
mod tests;
