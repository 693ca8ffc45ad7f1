//! What is typed -> what is needed: `leakwarden.toml` and the lists beside it, checked as a whole.
//!
//! Owns the names of settings, their defaults and bounds, and where files are. One invariant: a [`Config`] exists
//! only if nothing is wrong in any file, and what is wrong is told all at once. Builds nothing and reads no secret
//! by itself: it knows neither the stores nor the daemon.

mod check;
mod data;
mod example;
mod find;
mod heartbeat;
mod http;
mod log;
mod raw;
mod show;
mod sources;
mod trial;
mod validate;

use std::io;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::settings::{File, Problem, Problems};
use crate::watchlist::Base;
use crate::watchlist::allowed::Allowed;
use crate::watchlist::corpora::Corpora;
use crate::{detect, fs, notify, source};

pub use crate::respond::severity::SeverityRules;
pub use data::DataDir;
pub use example::{EXAMPLES, Example};
pub use find::{FILE_NAME, Surroundings};
pub use heartbeat::{Error as HeartbeatError, Heartbeat};
pub use http::Http;
pub use log::{Format, Level, Log};
pub use show::{Shown, show};
pub use trial::trial;

/// A larger file of settings is a mistake.
const MAX_FILE: u64 = 16 << 20;

/// Everything that is configured, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from; none if there is none.
    pub file: Option<PathBuf>,
    /// The folder that relative paths begin at.
    pub base: PathBuf,
    /// The name of this installation, as people see it.
    pub instance: String,
    /// The data folder.
    pub data: DataDir,
    /// The key file.
    pub key_file: PathBuf,
    /// The wall clock that people mean.
    pub time_zone: TimeZone,
    /// The folder with templates that replace built-in ones, if there is one.
    pub templates: Option<PathBuf>,
    /// Logs.
    pub log: Log,
    /// The way out.
    pub http: Http,
    /// Recognition.
    pub policy: detect::Policy,
    /// How much is done at once.
    pub daemon: Daemon,
    /// What is called while all is well.
    pub heartbeat: Option<Heartbeat>,
    /// How bad a find is.
    pub severity: SeverityRules,
    /// Who hears of it; never empty.
    pub routes: Vec<notify::Route>,
    /// Where to look.
    pub sources: Vec<source::Definition>,
    /// What to look for.
    pub corpora: Corpora,
    /// Where it may be.
    pub allowed: Allowed,
    /// The files as typed, for [`show()`].
    files: Files,
}

/// How much is done at once, and so how much memory is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Daemon {
    /// Documents in one batch, and so in one transaction.
    pub batch_items: usize,
    /// Bytes of documents after which a batch is closed.
    pub batch_bytes: u64,
    /// Batches that wait between two stages.
    pub queue: usize,
    /// Items that one source fetches at the same time.
    pub fetchers: usize,
    /// Batches that are inspected at the same time.
    pub inspectors: usize,
    /// How long a shutdown waits for what has begun.
    pub grace: std::time::Duration,
}

/// The files of a configuration that are there.
#[derive(Debug, Clone, Default)]
struct Files {
    main: Option<File>,
    sources: Option<File>,
    corpora: Option<File>,
    allowed: Option<File>,
}

/// Reads the configuration, or the defaults if there is none.
pub fn load(surroundings: &Surroundings) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let file = surroundings.file(&|path| path.exists());
    let base = match file.as_deref().and_then(Path::parent) {
        Some(folder) => surroundings.working_dir.join(folder).components().collect(),
        None => surroundings.working_dir.clone(),
    };
    let mut files = Files::default();
    if let Some(path) = &file {
        let lists = base.join("watchlists");
        let mut read = |path: PathBuf, must_exist| read(path, must_exist, &mut problems);
        files = Files {
            main: read(path.clone(), true),
            sources: read(lists.join("sources.toml"), false),
            corpora: read(lists.join("corpora.toml"), false),
            allowed: read(lists.join("allowed.toml"), false),
        };
    }
    let base = Base { folder: base, home: surroundings.home.clone() };
    let config = validate::config(file, files, &base, surroundings, &mut problems);
    problems.or(config)
}

fn read(path: PathBuf, must_exist: bool, problems: &mut Problems) -> Option<File> {
    let mut refuse = |path: &Path, what: &str| {
        problems.push(Problem { file: path.to_owned(), line: None, what: what.to_owned() });
    };
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() > MAX_FILE => {
            refuse(&path, "the file is larger than 16 MiB: is it the right one?");
            return None;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => return None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            refuse(&path, "there is no such file; `leakwarden init` writes one");
            return None;
        }
        Ok(_) | Err(_) => {}
    }
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            refuse(&path, &format!("it cannot be read: {}", error.source));
            return None;
        }
    };
    let Ok(text) = String::from_utf8(bytes) else {
        refuse(&path, "it is not text in UTF-8");
        return None;
    };
    Some(File::new(path, text))
}

#[cfg(test)]
mod tests;
