//! A drop folder: whatever somebody or something puts there.
//!
//! The invariant: a page never leads out of the folder, neither by a link nor by a
//! folder that was exchanged for one while we looked. Every poll lists the whole folder, in the
//! order of its paths; the caller knows by id and version what it has dealt with.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use jiff::Timestamp;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};

use super::{Context, Error, PAGE_ITEMS, Source, blocking, cursor, position};
use crate::model::batch::{Cursor, Page};
use crate::model::document::{Document, Item, Provenance};
use crate::model::ids::SourceName;

mod walk;

use walk::{Found, Walk, decode};

/// The table `[source.NAME.from.directory]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The folder.
    pub path: PathBuf,
    /// Whether folders below it are looked at too.
    #[serde(default = "yes")]
    pub recursive: bool,
    /// Files and folders to leave out: patterns as in a `.gitignore`.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// A file that was changed less than this ago may still be being written.
    #[serde(
        default = "two_seconds",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub settle: Duration,
}

fn yes() -> bool {
    true
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

/// A drop folder as a source.
pub struct Directory {
    name: SourceName,
    settings: Arc<Settings>,
    ignored: Arc<Gitignore>,
    context: Context,
    /// The walk that was stopped at the end of the last page: a shortcut that saves reading the
    /// folders again up to there.
    stopped: Mutex<Option<Walk>>,
}

/// How far a pass has come.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    /// The id of the last file listed; none at the beginning of a pass.
    after: Option<String>,
}

impl Directory {
    pub(super) fn new(
        name: SourceName,
        settings: Settings,
        context: Context,
    ) -> Result<Self, Error> {
        let mut builder = GitignoreBuilder::new("");
        for pattern in &settings.ignore {
            builder.add_line(None, pattern).map_err(|error| {
                Error::Refused(format!(
                    "source `{name}`: `ignore` has a pattern that is none: {error}"
                ))
            })?;
        }
        let ignored = builder
            .build()
            .map_err(|error| Error::Refused(format!("source `{name}`: `ignore`: {error}")))?;
        Ok(Self {
            name,
            settings: Arc::new(settings),
            ignored: Arc::new(ignored),
            context,
            stopped: Mutex::new(None),
        })
    }

    /// The walk that goes on after this file.
    fn walk_after(&self, after: Option<&str>) -> Walk {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner).take();
        match stopped {
            Some(walk) if after.is_some() && walk.last.as_deref() == after => walk,
            _ => {
                Walk::new(Arc::clone(&self.settings), Arc::clone(&self.ignored), after.map(decode))
            }
        }
    }
}

#[async_trait]
impl Source for Directory {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn poll(&self, from: Option<&Cursor>) -> Result<Page, Error> {
        let after = position::<Position>(from).after;
        let mut walk = self.walk_after(after.as_deref());
        let (mut walk, mut files) = blocking(move || {
            let files = walk.page()?;
            Ok((walk, files))
        })
        .await?;
        let more = files.len() == PAGE_ITEMS;
        let mut problems = std::mem::take(&mut walk.unreadable);
        let fresh = unsettled(&files, self.settings.settle, (self.context.now)());
        if fresh > 0 {
            tokio::time::sleep(self.settings.settle).await;
            let root = self.settings.path.clone();
            let (settled, writing) = blocking(move || Ok(still_the_same(&root, files))).await?;
            files = settled;
            if writing > 0 {
                problems
                    .push(format!("{writing} files are being written and wait for the next look"));
            }
        }
        let next = Position { after: walk.last.clone().filter(|_| more) };
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = more.then_some(walk);
        Ok(Page {
            items: files.into_iter().map(|file| file.into_item(&self.settings.path)).collect(),
            next: cursor(&next),
            more,
            gap: (!problems.is_empty()).then(|| problems.join("; ")),
            validators: Vec::new(),
        })
    }

    async fn fetch(&self, item: &Item) -> Result<Document, Error> {
        let (root, context) = (self.settings.path.clone(), self.context.clone());
        let (source, item) = (self.name.clone(), item.clone());
        blocking(move || read(&root, source, item, &context)).await
    }

    fn explain(&self) -> String {
        let below = if self.settings.recursive { " and below it" } else { "" };
        format!(
            "Looks at every file in {}{below}, hidden ones too, whenever its size or time changes.\n\
             A file that is being written waits until it has rested for {:?}.\n\
             Needs permission to read the folder and its files.\n\
             Does not see what links lead to, and what `ignore` names.",
            self.settings.path.display(),
            self.settings.settle,
        )
    }
}

/// How many of these files changed too lately. A time in the future says nothing and does not count.
fn unsettled(files: &[Found], settle: Duration, now: Timestamp) -> usize {
    let now = now.as_nanosecond();
    let settle = i128::try_from(settle.as_nanos()).unwrap_or(i128::MAX);
    files.iter().filter(|file| (0..settle).contains(&(now - file.modified_ns))).count()
}

/// Parts the files that did not change while we waited from those that did; counts the latter.
fn still_the_same(root: &Path, files: Vec<Found>) -> (Vec<Found>, usize) {
    let listed = files.len();
    let same: Vec<Found> = files
        .into_iter()
        .filter(|file| match std::fs::symlink_metadata(root.join(decode(&file.id))) {
            Ok(metadata) => {
                let now = Found::new(String::new(), &metadata);
                (now.size, now.modified_ns) == (file.size, file.modified_ns)
            }
            // Fetching it will tell what is wrong.
            Err(_) => true,
        })
        .collect();
    let writing = listed - same.len();
    (same, writing)
}

/// Opens a file below the folder without following a link anywhere on the way.
fn open_below(root: &Path, path: &Path) -> io::Result<File> {
    let mut folder: std::os::fd::OwnedFd = File::open(root)?.into();
    let mut components = path.components().peekable();
    while let Some(component) = components.next() {
        let Component::Normal(name) = component else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let kind = match components.peek() {
            Some(_) => OFlag::O_DIRECTORY,
            // A pipe that was put in the file's place must not hold us up.
            None => OFlag::O_NONBLOCK,
        };
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | kind;
        folder = openat(&folder, name, flags, Mode::empty())?;
    }
    let file = File::from(folder);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

fn read(root: &Path, source: SourceName, item: Item, context: &Context) -> Result<Document, Error> {
    let failed = |error: io::Error| {
        let what = format!("`{}` cannot be read: {error}", item.place.escape_debug());
        match error.kind() {
            io::ErrorKind::NotFound => Error::Gone(what),
            io::ErrorKind::PermissionDenied => Error::Refused(what),
            _ => Error::Unavailable(what),
        }
    };
    let file = open_below(root, &decode(&item.id)).map_err(failed)?;
    let modified = Found::new(String::new(), &file.metadata().map_err(failed)?).modified_ns;
    let mut spool = context.spool()?;
    let mut file = file.take(context.max_body.saturating_add(1));
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        let wanted = usize::try_from(context.max_body - spool.len()).unwrap_or(usize::MAX);
        spool
            .write(&buffer[..read.min(wanted)])
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        if read == 0 || read > wanted {
            break;
        }
    }
    let truncated = file.limit() == 0;
    Ok(Document {
        source,
        item,
        body: spool.finish(),
        media_type: None,
        truncated,
        provenance: Provenance::File {
            modified: Timestamp::from_nanosecond(modified).ok(),
            read: (context.now)(),
        },
    })
}

#[cfg(test)]
mod tests;
