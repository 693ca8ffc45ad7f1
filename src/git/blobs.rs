//! Reading blobs, many through one process.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};

use super::Error;
use super::program::{Git, Reaped, cannot_start};
use crate::fs::Spool;
use crate::model::document::Body;

/// A `git cat-file --batch` that answers one question after the other. It ends when dropped.
#[derive(Debug)]
pub struct Blobs {
    _child: Reaped,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Whether an answer was left unread, so that the next one cannot be found.
    is_torn: bool,
}

/// A blob as it was read.
#[derive(Debug)]
pub struct Blob {
    /// Its bytes, up to the cap.
    pub body: Body,
    /// Whether the cap cut it off.
    pub truncated: bool,
}

impl Blobs {
    pub(super) fn open(git_dir: &Path) -> Result<Self, Error> {
        let mut command = Git::new(git_dir).args(["cat-file", "--batch"]).into_command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = Reaped(command.spawn().map_err(cannot_start)?);
        match (child.0.stdin.take(), child.0.stdout.take()) {
            (Some(questions), Some(answers)) => Ok(Self {
                _child: child,
                questions,
                answers: BufReader::new(answers),
                is_torn: false,
            }),
            _ => Err(broken()),
        }
    }

    /// Whether another blob can be read; not after one that was cut off.
    pub fn is_usable(&self) -> bool {
        !self.is_torn
    }

    /// Reads a blob into a spool, at most `most` bytes of it; `None` if there is no blob of that id.
    pub fn read(&mut self, id: &str, most: u64, mut spool: Spool) -> Result<Option<Blob>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        if std::mem::replace(&mut self.is_torn, true) {
            return Err(broken());
        }
        self.questions.write_all(format!("{id}\n").as_bytes()).map_err(|_| broken())?;
        let mut header = String::new();
        (&mut self.answers).take(1000).read_line(&mut header).map_err(|_| broken())?;
        let size = match header.trim_end().split(' ').collect::<Vec<_>>()[..] {
            [_, "missing"] => {
                self.is_torn = false;
                return Ok(None);
            }
            [_, "blob", size] => size.parse::<u64>().map_err(|_| broken())?,
            _ => return Err(broken()),
        };
        let kept = size.min(most);
        let mut buffer = vec![0; 64 * 1024];
        while spool.len() < kept {
            let room = usize::try_from(kept - spool.len()).unwrap_or(usize::MAX).min(buffer.len());
            let read = self.answers.read(&mut buffer[..room]).map_err(|_| broken())?;
            if read == 0 {
                return Err(broken());
            }
            spool.write(&buffer[..read])?;
        }
        if kept == size {
            self.answers.read_exact(&mut [0]).map_err(|_| broken())?;
            self.is_torn = false;
        }
        Ok(Some(Blob { body: spool.finish(), truncated: kept < size }))
    }
}

fn broken() -> Error {
    Error::Damaged(
        "git stopped while it was reading blobs; its repository may be damaged".to_owned(),
    )
}

/// Whether a text is the id of an object, and so one line that git cannot take for anything else.
pub(super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
