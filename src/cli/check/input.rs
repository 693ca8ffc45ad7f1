//! What was typed, as documents in the order given.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;

use super::super::workplace::Workplace;
use crate::fs::Spool;
use crate::http::Request;
use crate::model::document::{Body, Document, Item, Provenance};
use crate::model::ids::SourceName;

/// Something to be checked.
pub(super) struct Input {
    /// The argument as typed, and the path below it.
    pub(super) shown: String,
    /// Its size, as far as it is known.
    pub(super) bytes: u64,
    work: Work,
}

/// Where the bytes are.
pub(super) enum Work {
    /// A file.
    Path(PathBuf),
    /// Read or fetched already.
    Ready(Box<Document>),
    /// It cannot be read, and why.
    Unreadable(String),
}

/// A file is read up to this many bytes; what extraction takes of it is bounded further.
const FILE_BYTES: u64 = 4 << 30;

/// All files of folders, hidden and ignored ones too, sorted; links are never followed. Standard input and links are
/// read here, so that what fails at once fails before the long work.
pub(super) fn expand(typed: &[String], workplace: &Workplace) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for argument in typed {
        if argument == "-" {
            let (body, truncated) = super::standard_input(&workplace.spool()?, FILE_BYTES)?;
            inputs.push(ready(argument, document(argument, body, truncated, None)));
        } else if argument.starts_with("http://") || argument.starts_with("https://") {
            inputs.push(fetched(argument, workplace)?);
        } else {
            below(argument, &mut inputs)?;
        }
    }
    Ok(inputs)
}

fn ready(shown: &str, document: Document) -> Input {
    Input {
        shown: shown.to_owned(),
        bytes: document.body.len(),
        work: Work::Ready(Box::new(document)),
    }
}

fn fetched(argument: &str, workplace: &Workplace) -> anyhow::Result<Input> {
    let url = argument.parse().with_context(|| format!("`{argument}` is not a web address"))?;
    let response = match workplace.fetch(Request::get(url))? {
        Ok(response) => response,
        Err(error) => {
            let work = Work::Unreadable(error.to_string());
            return Ok(Input { shown: argument.to_owned(), bytes: 0, work });
        }
    };
    let mut fetched = document(argument, response.body, response.truncated, response.media_type);
    fetched.provenance = Provenance::Http(Box::new(response.exchange));
    Ok(ready(argument, fetched))
}

fn below(argument: &str, inputs: &mut Vec<Input>) -> anyhow::Result<()> {
    let path = Path::new(argument);
    let metadata = std::fs::metadata(path).map_err(crate::fs::Error::new("read", path));
    // A wrong argument is the user's error, not a file that could not be read.
    let metadata = metadata.map_err(|error| anyhow::anyhow!("{error}: {}", error.source))?;
    if !metadata.is_dir() {
        inputs.push(file(argument.to_owned(), path.to_owned(), metadata.size()));
        return Ok(());
    }
    let root = argument.trim_end_matches('/');
    let walk = ignore::WalkBuilder::new(path)
        .standard_filters(false)
        .follow_links(false)
        .sort_by_file_name(Ord::cmp)
        .build();
    let before = inputs.len();
    for entry in walk {
        match entry {
            Ok(entry) => inputs.extend(walked(root, path, &entry)),
            Err(error) => {
                let shown = error_path(&error)
                    .map_or_else(|| argument.to_owned(), |at| at.display().to_string());
                inputs.push(Input {
                    shown,
                    bytes: 0,
                    work: Work::Unreadable(format!("could not be listed: {error}")),
                });
            }
        }
    }
    if inputs.len() == before {
        // Nothing was looked at, which is not the same as nothing found.
        let work = Work::Unreadable("there is no file in it".to_owned());
        inputs.push(Input { shown: argument.to_owned(), bytes: 0, work });
    }
    Ok(())
}

fn walked(root: &str, path: &Path, entry: &ignore::DirEntry) -> Option<Input> {
    let kind = entry.file_type()?;
    if kind.is_dir() || kind.is_symlink() {
        return None;
    }
    let name = entry.path().strip_prefix(path).ok()?.to_string_lossy();
    let shown = format!("{root}/{name}");
    if !kind.is_file() {
        let work = Work::Unreadable("not a regular file".to_owned());
        return Some(Input { shown, bytes: 0, work });
    }
    let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
    Some(file(shown, entry.path().to_owned(), bytes))
}

fn file(shown: String, path: PathBuf, bytes: u64) -> Input {
    // A large file is read by position, not held.
    let held = if bytes > Spool::IN_MEMORY as u64 { Spool::IN_MEMORY as u64 } else { bytes };
    Input { shown, bytes: held, work: Work::Path(path) }
}

fn error_path(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            error_path(err)
        }
        _ => None,
    }
}

impl Input {
    /// The document, or why there is none.
    pub(super) fn open(self) -> Result<Document, String> {
        match self.work {
            Work::Ready(document) => Ok(*document),
            Work::Unreadable(why) => Err(why),
            Work::Path(path) => {
                let (body, truncated) = file_body(&path)
                    .map_err(|error| format!("{}", std::io::Error::from(error.kind())))?;
                Ok(document(&self.shown, body, truncated, None))
            }
        }
    }
}

fn file_body(path: &Path) -> std::io::Result<(Body, bool)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        // A pipe or device: what comes, up to the cap.
        let mut collected = Spool::new(&std::env::temp_dir());
        let truncated = copy(&mut file, &mut collected, FILE_BYTES)?;
        return Ok((collected.finish(), truncated));
    }
    let len = metadata.len();
    if len > Spool::IN_MEMORY as u64 {
        return Ok((
            Body::Spooled { file: Arc::new(file), len: len.min(FILE_BYTES) },
            len > FILE_BYTES,
        ));
    }
    let mut bytes = Vec::new();
    file.take(Spool::IN_MEMORY as u64).read_to_end(&mut bytes)?;
    Ok((Body::Memory(bytes.into()), false))
}

/// Collects up to `cap` bytes; true if there was more.
pub(super) fn copy(from: &mut dyn Read, to: &mut Spool, cap: u64) -> std::io::Result<bool> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(false);
        }
        let room = usize::try_from(cap - to.len()).unwrap_or(usize::MAX);
        to.write(&buffer[..read.min(room)]).map_err(|error| error.source)?;
        if read > room {
            return Ok(true);
        }
    }
}

fn document(shown: &str, body: Body, truncated: bool, media_type: Option<String>) -> Document {
    let item = Item {
        id: shown.to_owned(),
        version: String::new(),
        place: shown.to_owned(),
        title: None,
        author: None,
        published: None,
        handle: serde_json::Value::Null,
    };
    let source: SourceName = "check".parse().unwrap_or_else(|_| unreachable!("`check` is a name"));
    let provenance = Provenance::File { modified: None, read: Timestamp::UNIX_EPOCH };
    Document { source, item, body, media_type, truncated, provenance }
}
