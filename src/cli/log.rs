//! Logs on standard error, as text or JSON.
//!
//! One invariant: an event is one line, and nothing in it can be obeyed by a terminal, whatever was logged.

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::args::{Global, LogFormat};
use crate::config::{Format, Level, Log};
use crate::escape::{visible, visible_json};

/// Starts logging; only the first call counts. `RUST_LOG` overrides what is configured, `-v` and `-q` override both.
pub(super) fn start(global: &Global, configured: Log) {
    let level = match configured.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let format = match configured.format {
        Format::Text => LogFormat::Text,
        Format::Json => LogFormat::Json,
    };
    let asked = match (global.quiet, global.verbose) {
        (true, _) => Some(LevelFilter::ERROR),
        (false, 0) => None,
        (false, 1) => Some(LevelFilter::INFO),
        (false, 2) => Some(LevelFilter::DEBUG),
        (false, _) => Some(LevelFilter::TRACE),
    };
    let filter = match asked {
        // Libraries speak only when everything is wanted.
        Some(asked) if asked < LevelFilter::TRACE => {
            EnvFilter::new(format!("{},leakwarden={asked}", asked.min(LevelFilter::WARN)))
        }
        Some(asked) => EnvFilter::new(asked.to_string()),
        None => EnvFilter::try_from_default_env().unwrap_or_else(|_| {
            EnvFilter::new(format!("{},leakwarden={level}", level.min(LevelFilter::WARN)))
        }),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    let started = match global.log_format.unwrap_or(format) {
        LogFormat::Text => builder.with_writer(Lines { show: visible_line }).try_init(),
        LogFormat::Json => {
            builder.json().flatten_event(true).with_writer(Lines { show: json_line }).try_init()
        }
    };
    if let Err(error) = started {
        tracing::debug!(%error, "logging was started before");
    }
}

fn one_line(event: &[u8], show: fn(&str) -> String) -> String {
    let text = String::from_utf8_lossy(event);
    format!("{}\n", show(text.trim_end_matches('\n')))
}

fn visible_line(line: &str) -> String {
    visible(line).into_owned()
}

fn json_line(line: &str) -> String {
    visible_json(line).into_owned()
}

/// Writes every event as one escaped line.
#[derive(Clone, Copy)]
struct Lines {
    show: fn(&str) -> String,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl Write for Lines {
    /// `tracing-subscriber` hands over one whole event at a time.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = one_line(event, self.show);
        io::stderr().lock().write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_that_no_terminal_obeys() {
        let hostile = "title=\u{1b}[2J\nERROR forged\u{202e}\n";
        let text = one_line(hostile.as_bytes(), visible_line);
        assert_eq!(text, "title=\\u{1b}[2J\\nERROR forged\\u{202e}\n");
        let json = one_line("{\"title\":\"\u{202e}\u{9b}\"}\n".as_bytes(), json_line);
        assert_eq!(json, "{\"title\":\"\\u202e\\u009b\"}\n");
    }
}
