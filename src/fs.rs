//! Files that survive a crash: atomic writes, lock files, spools.
//!
//! The one place that renames. Errors carry the path and what to do about it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::model::document::Body;

/// Something went wrong with a file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{}`{}", path.display(), advice(source))]
pub struct Error {
    /// What was being done, as a verb: "read", "write", "lock".
    pub doing: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

impl Error {
    /// For `map_err`: names the deed and the path.
    pub fn new(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { doing, path, source }
    }
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (the disk is full: free some space and start again; nothing recorded so far is lost)"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            " (the file system is read-only: remount it, or choose another --data-dir)"
        }
        io::ErrorKind::PermissionDenied => {
            " (permission denied: run as the owner of the data folder, or choose another --data-dir)"
        }
        _ => "",
    }
}

/// Creates a folder and its parents, readable by its owner only.
pub fn create_private_dir(dir: &Path) -> Result<(), Error> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(Error::new("create the folder", dir))
}

/// Makes a rename or a new file in a folder durable.
pub fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|file| file.sync_all()).map_err(Error::new("flush the folder", dir))
}

/// Replaces a file as a whole: after a crash there is the old content or the new, never a part.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let mut draft = Draft::new(path, mode)?;
    draft.write_all(bytes).map_err(Error::new("write", path))?;
    draft.replace()
}

/// A file in the making: under another name until it is complete, gone if it is dropped before.
///
/// A crash leaves it behind, under a name that begins with [`Draft::PREFIX`].
#[derive(Debug)]
pub struct Draft {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl Draft {
    /// How the names of drafts begin.
    pub const PREFIX: &str = ".new-";

    /// Begins the file that will stand at `path`.
    pub fn new(path: &Path, mode: u32) -> Result<Self, Error> {
        let file = tempfile::Builder::new()
            .prefix(Self::PREFIX)
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
            .tempfile_in(folder_of(path))
            .map_err(Error::new("write", path))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Where it stands for now, for those who must open it by name.
    pub fn draft_path(&self) -> &Path {
        self.file.path()
    }

    /// Puts it in its place, instead of what stands there; durable when it returns.
    pub fn replace(self) -> Result<(), Error> {
        self.file.as_file().sync_all().map_err(Error::new("write", &self.path))?;
        self.file
            .persist(&self.path)
            .map_err(|error| Error::new("write", &self.path)(error.error))?;
        sync_dir(folder_of(&self.path))
    }

    /// Puts it in its place unless something stands there already; durable when it returns. Says whether it did.
    pub fn place(self) -> Result<bool, Error> {
        self.file.as_file().sync_all().map_err(Error::new("write", &self.path))?;
        match self.file.persist_noclobber(&self.path) {
            Ok(_) => sync_dir(folder_of(&self.path)).map(|()| true),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Error::new("write", &self.path)(error.error)),
        }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file that must not be there yet: after a crash there is the whole file or none. Durable
/// when it returns. If the file is there already, the source's kind is `AlreadyExists`.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let mut draft = Draft::new(path, mode)?;
    draft.write_all(bytes).map_err(Error::new("write", path))?;
    if draft.place()? {
        return Ok(());
    }
    Err(Error::new("create", path)(io::ErrorKind::AlreadyExists.into()))
}

/// Gives a file or folder another name on the same disk; durable when it returns. Nothing may stand there but an
/// empty folder.
#[expect(clippy::disallowed_methods, reason = "this is where things are renamed")]
pub fn move_into_place(from: &Path, to: &Path) -> Result<(), Error> {
    std::fs::rename(from, to).map_err(Error::new("put in its place", to))?;
    sync_dir(folder_of(to))
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::new("read", path))
}

/// An exclusive lock held by this process for as long as the value lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or `None` if another process holds it. The file stays; only the lock counts.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>, Error> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(Error::new("open the lock", path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(Error::new("lock", path)(error)),
        }
    }
}

/// Collects a body: in memory while it is small, then in a file without a name.
#[derive(Debug)]
pub struct Spool {
    dir: PathBuf,
    memory: Vec<u8>,
    file: Option<File>,
    len: u64,
}

impl Spool {
    /// Bodies up to this size stay in memory.
    pub const IN_MEMORY: usize = 1 << 20;

    /// An empty spool; `dir` is where a large body goes.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), memory: Vec::new(), file: None, len: 0 }
    }

    /// How much has been collected.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing has been collected.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.file.is_none() && self.memory.len() + bytes.len() > Self::IN_MEMORY {
            let mut file =
                tempfile::tempfile_in(&self.dir).map_err(Error::new("spool into", &self.dir))?;
            file.write_all(&self.memory).map_err(Error::new("spool into", &self.dir))?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(Error::new("spool into", &self.dir))?,
            None => self.memory.extend_from_slice(bytes),
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// The body collected.
    pub fn finish(self) -> Body {
        match self.file {
            Some(file) => Body::Spooled { file: Arc::new(file), len: self.len },
            None => Body::Memory(Bytes::from(self.memory)),
        }
    }
}

/// Reads a body from its beginning; the shared handle's position is not moved.
#[derive(Debug)]
pub struct BodyReader {
    body: Body,
    at: u64,
}

impl BodyReader {
    /// Begins at the first byte.
    pub fn new(body: &Body) -> Self {
        Self { body: body.clone(), at: 0 }
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &self.body {
            Body::Memory(bytes) => {
                let at = usize::try_from(self.at).unwrap_or(usize::MAX).min(bytes.len());
                (&bytes[at..]).read(buffer)?
            }
            Body::Spooled { file, .. } => file.read_at(buffer, self.at)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

/// The whole body in memory. Bodies are capped when they are fetched.
pub fn body_bytes(body: &Body) -> io::Result<Bytes> {
    if let Body::Memory(bytes) = body {
        return Ok(bytes.clone());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(body.len()).unwrap_or(0));
    BodyReader::new(body).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_gives_back_what_was_put_in_small_or_large() {
        let dir = tempfile::tempdir().unwrap();
        for size in [0, 1, Spool::IN_MEMORY, Spool::IN_MEMORY + 1, 3 * Spool::IN_MEMORY] {
            let bytes: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let mut spool = Spool::new(dir.path());
            for part in bytes.chunks(100_000) {
                spool.write(part).unwrap();
            }
            let body = spool.finish();
            assert_eq!(body.len(), size as u64);
            assert_eq!(body_bytes(&body).unwrap(), bytes);
            assert_eq!(matches!(body, Body::Spooled { .. }), size > Spool::IN_MEMORY);
        }
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            0,
            "a spool leaves no name behind"
        );
    }

    #[test]
    fn a_lock_is_held_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Lock::try_acquire(&path).unwrap();
        assert!(held.is_some());
        assert!(Lock::try_acquire(&path).unwrap().is_none());
        drop(held);
        assert!(Lock::try_acquire(&path).unwrap().is_some());
    }

    #[test]
    fn an_atomic_write_replaces_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_atomic(&path, b"old", 0o600).unwrap();
        write_atomic(&path, b"new", 0o600).unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_file_never_replaces_one_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_new(&path, b"first", 0o600).unwrap();
        let error = write_new(&path, b"second", 0o600).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_draft_is_invisible_until_it_is_put_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let draft = |text: &[u8]| {
            let mut draft = Draft::new(&path, 0o400).unwrap();
            draft.write_all(text).unwrap();
            draft
        };
        drop(draft(b"dropped"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(draft(b"first").place().unwrap());
        assert!(!draft(b"second").place().unwrap(), "something stands there");
        assert_eq!(read(&path).unwrap(), b"first");
        draft(b"third").replace().unwrap();
        assert_eq!(read(&path).unwrap(), b"third");
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&path).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o400);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
