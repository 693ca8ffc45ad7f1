//! A bare copy of a repository elsewhere, brought up to date on demand.
//!
//! A cache: it can be thrown away at any time and is built anew. Nothing that was fetched once is
//! dropped from it, even when its branch is deleted or overwritten over there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::blobs::is_id;
use super::program::Git;
use super::{Access, Address, Error, Listing, Repository};
use crate::fs;

/// Refs by name, each with the id of what it points to.
pub type Refs = BTreeMap<String, String>;

/// What is fetched: every ref, but not the merges that forges make themselves for every open
/// request whenever its target moves, which would bring no news for ever.
const REFSPECS: &[&str] = &["+refs/*:refs/*", "^refs/pull/*/merge", "^refs/merge-requests/*/merge"];

fn is_wanted(name: &str) -> bool {
    let is_merge = |start: &str| name.starts_with(start) && name.ends_with("/merge");
    name.starts_with("refs/")
        && !name.ends_with("^{}")
        && !is_merge("refs/pull/")
        && !is_merge("refs/merge-requests/")
}

/// A bare copy of the repository at an address.
#[derive(Debug, Clone)]
pub struct Mirror {
    dir: PathBuf,
    address: Address,
    access: Access,
}

impl Mirror {
    /// The mirror in a folder, which need not be there yet.
    pub fn new(dir: &Path, address: Address, access: Access) -> Self {
        Self { dir: dir.to_owned(), address, access }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The refs over there, without fetching anything.
    pub async fn remote_refs(&self) -> Result<Refs, Error> {
        let git = Git::new(Path::new("/nonexistent")).args(["ls-remote", "--quiet"]);
        parse_refs(&self.access.run(git, &self.address, &[]).await?)
    }

    /// Fetches what is new over there, and gives the refs as they are then. `refs` as it was told
    /// by [`Mirror::remote_refs`].
    pub async fn fetch(&self, refs: &Refs) -> Result<Refs, Error> {
        let lock_file = self.dir.with_extension("lock");
        if let Some(parent) = self.dir.parent() {
            fs::create_private_dir(parent)?;
        }
        let Some(_lock) = fs::Lock::try_acquire(&lock_file)? else {
            return Err(Error::Unavailable(format!(
                "`{}` is being fetched by another process",
                self.address
            )));
        };
        let (this, refs) = (self.clone(), refs.clone());
        let this = aside(move || this.prepare(&refs).map(|()| this)).await?;
        let git = Git::new(&self.dir).args([
            "fetch",
            "--progress",
            "--prune",
            "--no-tags",
            "--force",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
        ]);
        let specs: Vec<String> = REFSPECS.iter().map(|&spec| spec.to_owned()).collect();
        match self.access.run(git, &self.address, &specs).await {
            Ok(_) => aside(move || this.repository()?.refs()).await,
            Err(error) => aside(move || Err(this.after(error))).await,
        }
    }

    /// Lists all blobs that `new` reaches and `old` does not in a file beside the mirror.
    pub fn list_new(&self, new: &Refs, old: &Refs) -> Result<Listing, Error> {
        let listed =
            self.repository().and_then(|mirror| mirror.list_new(new, old, &self.listing_file()));
        listed.map_err(|error| self.after(error))
    }

    /// The listing of these refs, if it was written before.
    pub fn listing(&self, new: &Refs, old: &Refs) -> Listing {
        Listing::of(new, old, &self.listing_file())
    }

    fn listing_file(&self) -> PathBuf {
        self.dir.join("listing")
    }

    /// What a failure means once it is known whether the mirror is to blame for it: then the mirror
    /// is thrown away.
    fn after(&self, error: Error) -> Error {
        if !matches!(error, Error::Damaged(_)) && !self.is_damaged() {
            return error;
        }
        match self.discard() {
            Ok(()) => Error::Unavailable(format!(
                "the mirror of `{}` was damaged and is built anew at the next look ({error})",
                self.address
            )),
            Err(error) => error,
        }
    }

    /// The mirror as a repository that can be read. [`Error::Damaged`] if it is not there.
    pub fn repository(&self) -> Result<Repository, Error> {
        Repository::open(&self.dir)
    }

    /// Makes an empty repository with the same kind of ids, unless there is one.
    fn prepare(&self, refs: &Refs) -> Result<(), Error> {
        let format = if refs.values().any(|id| id.len() == 64) { "sha256" } else { "sha1" };
        let is_there =
            self.repository().is_ok_and(|mirror| mirror.format().is_ok_and(|f| f == format));
        if is_there {
            self.sweep();
            return Ok(());
        }
        self.discard()?;
        fs::create_private_dir(&self.dir)?;
        Git::new(&self.dir)
            .args(["init", "--quiet", "--bare", "--template=", "--initial-branch=main"])
            .arg(format!("--object-format={format}"))
            .output()
            .map(drop)
    }

    /// Removes what a fetch left that was killed.
    fn sweep(&self) {
        let entries =
            std::fs::read_dir(self.dir.join("objects/pack")).into_iter().flatten().flatten();
        for entry in entries {
            if entry.file_name().to_string_lossy().starts_with("tmp_") {
                // What cannot be removed now is tried again at the next fetch.
                std::fs::remove_file(entry.path()).ok();
            }
        }
        for lock in ["packed-refs.lock", "shallow.lock", "config.lock", "gc.pid"] {
            std::fs::remove_file(self.dir.join(lock)).ok();
        }
    }

    /// Whether the refs and the commits they point to cannot be read any more.
    fn is_damaged(&self) -> bool {
        let check = Git::new(&self.dir).args(["rev-list", "--max-count=1", "--all", "--quiet"]);
        matches!(check.output(), Err(Error::Damaged(_)))
    }

    fn discard(&self) -> Result<(), Error> {
        match std::fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(fs::Error::new("remove", &self.dir)(error).into())
            }
            _ => Ok(()),
        }
    }
}

/// Runs work that blocks outside the asynchronous threads.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let lost = |_| Err(Error::Unavailable("the work on a mirror was broken off".to_owned()));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(lost)
}

/// Lines of an id, a tab and a name.
pub(super) fn parse_refs(output: &[u8]) -> Result<Refs, Error> {
    let mut refs = Refs::new();
    for line in output.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let line = String::from_utf8_lossy(line);
        let Some((id, name)) = line.split_once('\t').filter(|(id, _)| is_id(id)) else {
            let shown: String = line.escape_debug().take(80).collect();
            return Err(Error::Unavailable(format!(
                "git lists a ref in a way that is not understood: `{shown}`"
            )));
        };
        if is_wanted(name) {
            refs.insert(name.to_owned(), id.to_owned());
        }
    }
    Ok(refs)
}
