//! All blobs that some refs reach and others do not, each once, kept in a file.
//!
//! A history can hold millions of blobs, so the list is neither held in memory nor made twice. The
//! file: the listing's key, then one line a blob (id, size, newest commit that has it, path), then
//! `end`. A file without its end, or with another key, counts as none and is written anew.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};

use super::blobs::is_id;
use super::program::{Git, Reaped, cannot_start, complaint};
use super::{Error, Refs};
use crate::fs;

/// A list of blobs in a file.
#[derive(Debug, Clone)]
pub struct Listing {
    file: PathBuf,
    key: String,
}

/// One blob of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub blob: String,
    /// Its size in bytes.
    pub size: u64,
    /// The newest commit that has it; none if a tag points to the blob itself.
    pub commit: Option<String>,
    /// Its path in that commit. Hostile text; what is no text in it was replaced.
    pub path: String,
}

/// Lines longer than this are cut: paths can have any length.
const MAX_LINE: u64 = 16 * 1024;

impl Listing {
    /// The listing of these refs, if it was written to this file before.
    pub fn of(new: &Refs, old: &Refs, file: &Path) -> Self {
        Self { file: file.to_owned(), key: key(new, old) }
    }

    /// At most `most` blobs from an offset on (0 at the beginning), the offset after them, and
    /// whether that is the end. `None` if the file is not there, or not whole.
    pub fn page(&self, from: u64, most: usize) -> Result<Option<(Vec<Listed>, u64, bool)>, Error> {
        let failed = |error| fs::Error::new("read", &self.file)(error);
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error).into()),
        };
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        let first = read_line(&mut file, &mut line).map_err(failed)?;
        if line != self.key.as_bytes() {
            return Ok(None);
        }
        let mut at = from.max(first);
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        let mut listed = Vec::new();
        while listed.len() < most {
            let length = read_line(&mut file, &mut line).map_err(failed)?;
            if line == b"end" {
                return Ok(Some((listed, at, true)));
            }
            let Some(blob) = parse(&line) else { return Ok(None) };
            listed.push(blob);
            at += length;
        }
        Ok(Some((listed, at, false)))
    }
}

/// Reads a line without its end; gives its length with it.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<u64> {
    line.clear();
    let length = file.take(MAX_LINE).read_until(b'\n', line)?;
    line.pop_if(|last| *last == b'\n');
    Ok(length as u64)
}

fn parse(line: &[u8]) -> Option<Listed> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.splitn(4, ' ');
    let (blob, size, commit, path) = (words.next()?, words.next()?, words.next()?, words.next()?);
    Some(Listed {
        blob: blob.to_owned(),
        size: size.parse().ok()?,
        commit: is_id(commit).then(|| commit.to_owned()),
        path: path.to_owned(),
    })
}

fn key(new: &Refs, old: &Refs) -> String {
    let mut hasher = blake3::Hasher::new();
    for refs in [new, old] {
        for id in refs.values() {
            hasher.update(id.as_bytes());
        }
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex().to_string()
}

/// Asks git for the list and writes it to the file.
pub(super) fn write(git_dir: &Path, new: &Refs, old: &Refs, file: &Path) -> Result<Listing, Error> {
    let listing = Listing { file: file.to_owned(), key: key(new, old) };
    let failed = |error| fs::Error::new("write", file)(error);
    let mut out = BufWriter::new(File::create(file).map_err(failed)?);
    writeln!(out, "{}", listing.key).map_err(failed)?;
    let mut git = Pipeline::start(git_dir, new, old)?;
    let mut commit = String::from("-");
    let mut line = Vec::new();
    let mut answers = BufReader::new(git.answers.take().ok_or_else(lost)?);
    while answers.read_until(b'\n', &mut line).map_err(|_| lost())? > 0 {
        line.pop_if(|last| *last == b'\n');
        line.truncate(usize::try_from(MAX_LINE / 2).unwrap_or(usize::MAX));
        let mut words = line.splitn(4, |&byte| byte == b' ');
        let mut word = || words.next().unwrap_or_default();
        let (id, kind, size, path) = (word(), word(), word(), word());
        match kind {
            b"commit" => commit = String::from_utf8_lossy(id).into_owned(),
            b"blob" => {
                // A blob that a tag points to has no path; the commit before it in the list is not its own.
                let commit = if path.is_empty() { "-" } else { commit.as_str() };
                let parts = [id, size, commit.as_bytes(), path].join(&b' ');
                out.write_all(&parts).and_then(|()| out.write_all(b"\n")).map_err(failed)?;
            }
            b"tree" | b"tag" => {}
            _ if id.starts_with(b"-") => {}
            _ => return Err(Error::Damaged("git lists an object that is missing".to_owned())),
        }
        line.clear();
    }
    git.finish()?;
    out.write_all(b"end\n").and_then(|()| out.flush()).map_err(failed)?;
    Ok(listing)
}

fn lost() -> Error {
    Error::Damaged("git stopped while it was listing blobs".to_owned())
}

/// `rev-list`, which names objects, into `cat-file`, which tells what they are.
struct Pipeline {
    list: Reaped,
    sort: Reaped,
    complaints: File,
    answers: Option<ChildStdout>,
}

impl Pipeline {
    fn start(git_dir: &Path, new: &Refs, old: &Refs) -> Result<Self, Error> {
        let complaints = tempfile::tempfile().map_err(|_| lost())?;
        let list = Git::new(git_dir)
            // Aggressive: what a commit had that was overwritten since is not new. It also names commits
            // at the edge, which are passed over below. What was examined may be gone from a mirror
            // that was built anew: missing ids are ignored.
            .args([
                "rev-list",
                "--objects-edge-aggressive",
                "--in-commit-order",
                "--ignore-missing",
                "--stdin",
            ])
            .into_command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints.try_clone().map_err(|_| lost())?)
            .spawn()
            .map_err(cannot_start)?;
        let mut list = Reaped(list);
        let names = list.0.stdout.take().ok_or_else(lost)?;
        let sort = Git::new(git_dir)
            .args([
                "cat-file",
                "--batch-check=%(objectname) %(objecttype) %(objectsize) %(rest)",
                "--buffer",
            ])
            .into_command()
            .stdin(names)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(cannot_start)?;
        let mut sort = Reaped(sort);
        let answers = sort.0.stdout.take();
        // It reads all of this before it names the first object, so that neither waits for the other.
        let mut refs = BufWriter::new(list.0.stdin.take().ok_or_else(lost)?);
        let ids = |refs: &Refs| refs.values().filter(|id| is_id(id)).cloned().collect::<Vec<_>>();
        let wanted = ids(new).into_iter().chain(["--not".to_owned()]).chain(ids(old));
        for word in wanted {
            writeln!(refs, "{word}").map_err(|_| lost())?;
        }
        refs.flush().map_err(|_| lost())?;
        drop(refs);
        Ok(Self { list, sort, complaints, answers })
    }

    fn finish(mut self) -> Result<(), Error> {
        let listed = self.list.0.wait().map_err(|_| lost())?;
        let sorted = self.sort.0.wait().map_err(|_| lost())?;
        if listed.success() && sorted.success() {
            return Ok(());
        }
        let mut said = Vec::new();
        // Without them the message is only shorter.
        self.complaints
            .rewind()
            .and_then(|()| self.complaints.take(16 * 1024).read_to_end(&mut said))
            .ok();
        Err(Error::Damaged(complaint(&said, &[])))
    }
}
