//! Files of settings: TOML as typed, read so that one pass tells everything that is wrong with it.
//!
//! One invariant: whatever the text, reading ends in a value or in at least one problem, and every
//! problem has a line. What a value echoes is never a secret: messages name kinds, not contents. Pure:
//! the caller reads the file. Knows nothing of what the settings mean.

mod mend;
mod unit;
mod wording;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub use unit::{Period, Size};
pub use wording::nearest;

/// Something that a person must change in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; none if the file as a whole is meant.
    pub line: Option<usize>,
    /// What is wrong there, and what to write instead.
    pub what: String,
}

impl Problem {
    /// Another problem at the same place.
    #[must_use]
    pub fn saying(&self, what: impl Into<String>) -> Self {
        Self { file: self.file.clone(), line: self.line, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Everything that is wrong, in the order of files and lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// The value, if nothing is wrong.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        Err(self)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return only.fmt(f);
        }
        write!(f, "{} problems in the configuration", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}

/// A file of settings.
#[derive(Debug, Clone)]
pub struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// A file with its content.
    pub fn new(path: PathBuf, text: String) -> Self {
        Self { path, text }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the settings, and tells everything that is wrong with them.
    ///
    /// With problems there may still be a value: what was understood. It is good for finding more
    /// problems, and for nothing else.
    pub fn parse<T: DeserializeOwned>(&self, problems: &mut Problems) -> Option<T> {
        mend::parse(self, problems)
    }

    /// A problem at a place in the text.
    pub fn problem(&self, at: &Range<usize>, what: impl Into<String>) -> Problem {
        let before = self.text.as_bytes().iter().take(at.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Problem { file: self.path.clone(), line: Some(line), what: what.into() }
    }
}
