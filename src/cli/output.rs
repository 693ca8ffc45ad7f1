//! The one place that prints: data to standard output, messages to standard error.
//!
//! One invariant: text from outside reaches a terminal only through [`crate::escape`]; every method here
//! escapes by itself, so a caller cannot forget. Colours obey `NO_COLOR`, `CLICOLOR_FORCE` and pipes.

mod progress;
mod table;

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::Exit;
use crate::escape::{visible, visible_json, visible_lines};

pub use progress::Progress;
pub use table::{Cell, Table, Tone};

/// The version of every JSON shape that the program prints.
pub const SCHEMA: u32 = 1;

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub struct Error(#[from] io::Error);

/// Whether an error only means that the reader of our output has seen enough.
pub fn is_closed(error: &anyhow::Error) -> bool {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Error>())
        .is_some_and(|Error(cause)| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints help, version or what is wrong with the command line.
pub(super) fn show_usage(usage: &clap::Error) -> Exit {
    // Nothing is left to be done if even this cannot be written.
    drop(usage.print());
    if usage.use_stderr() { Exit::Usage } else { Exit::Clean }
}

type Stream = Mutex<Box<dyn Write + Send>>;

/// Where a command prints. Shared by reference between the parts of a command.
pub struct Output {
    data: Stream,
    messages: Stream,
    /// How wide a table may become; none where lines are not wrapped, as in a pipe.
    width: Option<u16>,
    quiet: bool,
}

impl Output {
    /// The terminal, pipe or file that the program was started with. `quiet` holds back notes.
    pub fn terminal(quiet: bool) -> Self {
        let width = io::stdout()
            .is_terminal()
            .then(|| comfy_table::Table::new().width().unwrap_or(80).max(40));
        Self {
            width,
            quiet,
            ..Self::over(
                Box::new(anstream::AutoStream::auto(io::stdout())),
                Box::new(anstream::AutoStream::auto(io::stderr())),
            )
        }
    }

    /// Any two streams, of unlimited width. They decide about colours.
    fn over(data: Box<dyn Write + Send>, messages: Box<dyn Write + Send>) -> Self {
        Self { data: Mutex::new(data), messages: Mutex::new(messages), width: None, quiet: false }
    }

    /// Whether somebody watches: progress is shown only then.
    pub fn is_interactive(&self) -> bool {
        self.width.is_some() && !self.quiet && io::stderr().is_terminal()
    }

    /// Shows how far long work has come, if somebody watches. `total` is none while it is not known.
    pub fn progress(&self, what: &str, total: Option<u64>) -> Progress {
        if self.is_interactive() { Progress::shown(what, total) } else { Progress::hidden() }
    }

    /// Prints a line of data. Line breaks within it are escaped.
    pub fn line(&self, text: &str) -> Result<(), Error> {
        self.write(&visible(text))
    }

    /// Prints a line of data in a colour.
    pub fn line_in(&self, tone: Tone, text: &str) -> Result<(), Error> {
        self.write(&tone.paint(&visible(text)))
    }

    /// Prints text of several lines as data.
    pub fn text(&self, text: &str) -> Result<(), Error> {
        self.write(visible_lines(text).trim_end_matches('\n'))
    }

    /// Prints a table, or nothing if it has no rows.
    pub fn table(&self, table: &Table) -> Result<(), Error> {
        if table.is_empty() { Ok(()) } else { self.write(&table.render(self.width)) }
    }

    /// Prints a value as one JSON document, `"schema"` first. The value must be an object.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(&Versioned { schema: SCHEMA, value });
        self.write(&visible_json(&json.map_err(io::Error::from)?))
    }

    /// Prints a value as one line of JSON, `"schema"` first. The value must be an object.
    pub fn json_line(&self, value: &impl Serialize) -> Result<(), Error> {
        let json = serde_json::to_string(&Versioned { schema: SCHEMA, value });
        self.write(&visible_json(&json.map_err(io::Error::from)?))
    }

    /// Prints bytes as they are: for what a person asked to have byte for byte, and for our own scripts.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut stream = lock(&self.data);
        stream.write_all(bytes)?;
        Ok(stream.flush()?)
    }

    /// Tells the user something that is not data, unless they asked for quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.message(&visible_lines(text));
        }
    }

    /// Warns the user. Not held back by `--quiet`: what went wrong is never shown as nothing.
    pub fn warning(&self, text: &str) {
        self.message(&format!("{} {}", Tone::Warn.paint("warning:"), visible_lines(text)));
    }

    /// Tells why the command ends. Every cause stands on the same line.
    pub fn error(&self, error: &anyhow::Error) {
        let text = format!("{error:#}");
        self.message(&format!("{} {}", Tone::Bad.paint("error:"), visible_lines(&text)));
    }

    fn message(&self, text: &str) {
        // A message that nobody can read stops no work.
        drop(writeln!(lock(&self.messages), "{text}"));
    }

    fn write(&self, text: &str) -> Result<(), Error> {
        let mut stream = lock(&self.data);
        writeln!(stream, "{text}")?;
        Ok(stream.flush()?)
    }
}

fn lock(stream: &Stream) -> std::sync::MutexGuard<'_, Box<dyn Write + Send>> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Serialize)]
struct Versioned<'a, T> {
    schema: u32,
    #[serde(flatten)]
    value: &'a T,
}

#[cfg(test)]
pub(super) mod tests;
