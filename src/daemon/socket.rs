//! The socket in the data folder: commands talk to a running daemon through it, because the stores admit one
//! process. One call a connection: a line of JSON in, lines of JSON out, the last one the answer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::{Event, PassReport};
use crate::fs;
use crate::model::ids::{RouteName, SourceName};
use crate::model::notice::Delivery;
use crate::service;
use crate::service::backup::Contents;

/// A call may be so long; a note of a person fits many times.
pub const CALL_BYTES: u64 = 1 << 20;

/// What a command wants of the daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Something with what is recorded.
    Do(service::Request),
    /// A pass over these sources now, or over all.
    Scan(Vec<SourceName>),
    /// A test message.
    NotifyTest(RouteName),
    /// A backup to this absolute path, as the daemon's user.
    Backup(PathBuf),
    /// The configuration read again.
    Reload,
    /// How it is.
    Status,
}

/// A line of the daemon's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Something happened on the way; more lines follow.
    Event(Event),
    /// Done.
    Done(Box<service::Response>),
    /// The passes are over: what came of each.
    Scanned(Vec<(SourceName, PassReport)>),
    /// The test message and how it went.
    Tested(Box<Delivery>),
    /// The backup stands in its place.
    BackedUp(Contents),
    /// The configuration was read again.
    Reloaded,
    /// How it is.
    Status(Status),
    /// It was refused or failed, in words for a person.
    Failed {
        /// The words.
        message: String,
        /// Whether the stores or keys are at fault, rather than what was asked.
        storage: bool,
    },
}

/// How the daemon is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Since when it runs.
    pub started: jiff::Timestamp,
    /// The generation of the index that it uses.
    pub generation: u64,
    /// The sources that it looks at.
    pub sources: Vec<SourceName>,
}

/// Binds the socket, readable by its owner only. The caller holds the data folder's lock, so a socket that is there
/// is a dead daemon's.
pub fn bind(path: &Path) -> Result<tokio::net::UnixListener, fs::Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(fs::Error::new("remove the old socket", path)(error));
        }
        _ => {}
    }
    let listener =
        tokio::net::UnixListener::bind(path).map_err(fs::Error::new("listen on", path))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(fs::Error::new("set the mode of", path))?;
    Ok(listener)
}

/// Whether a daemon answers behind a socket. That something listens is not enough: a program that a daemon was just about
/// to start when it was killed holds the socket for a moment.
pub fn answers(path: &Path) -> bool {
    const PATIENCE: Duration = Duration::from_secs(5);
    matches!(call_within(PATIENCE, path, &Call::Status, &mut |_| {}), Ok(Some(_)))
}

/// Why a call to a daemon failed on the way.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection broke.
    #[error("the connection to the daemon broke; see its log, then try again")]
    Broken(#[source] std::io::Error),
    /// It said something that this program does not understand.
    #[error(
        "the daemon answered something that this program does not understand: is it another version? restart it"
    )]
    Garbled(#[source] serde_json::Error),
    /// It ended without an answer.
    #[error("the daemon ended before it answered; see its log")]
    Ended,
}

/// Calls the daemon behind a socket and hands events over as they come. None if no daemon is there.
pub fn call(
    path: &Path,
    call: &Call,
    on_event: &mut dyn FnMut(Event),
) -> Result<Option<Answer>, Error> {
    // A pass may take long, but a daemon that is alive sends a blank line now and then.
    call_within(Duration::from_mins(2), path, call, on_event)
}

fn call_within(
    silence: Duration,
    path: &Path,
    call: &Call,
    on_event: &mut dyn FnMut(Event),
) -> Result<Option<Answer>, Error> {
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(path) else {
        return Ok(None);
    };
    stream.set_read_timeout(Some(silence)).map_err(Error::Broken)?;
    let mut line = serde_json::to_vec(call).map_err(Error::Garbled)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(Error::Broken)?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(Error::Broken)?;
        if line.is_empty() {
            continue;
        }
        match serde_json::from_str(&line).map_err(Error::Garbled)? {
            Answer::Event(event) => on_event(event),
            answer => return Ok(Some(answer)),
        }
    }
    Err(Error::Ended)
}
