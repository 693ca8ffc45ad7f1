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
use toml::de::{DeTable, DeValue};

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

    /// Whether something was told already about a setting or what is below it.
    pub fn concern(&self, setting: &str) -> bool {
        self.0.iter().any(|problem| problem.what.starts_with(setting))
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
#[derive(Clone)]
pub struct File {
    path: PathBuf,
    text: String,
}

/// The text may hold what should not be there: it is not repeated.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("path", &self.path).finish_non_exhaustive()
    }
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

    /// A problem with a setting named as `route.security.to.mail.to[1]`; at the innermost part of it that is there.
    pub fn problem_with(&self, setting: &str, what: &str) -> Problem {
        let (document, _) = DeTable::parse_recoverable(&self.text);
        let mut at = 0..0;
        let mut value: Option<&DeValue<'_>> = None;
        for step in setting.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
            let table = value.map_or(Some(document.get_ref()), DeValue::as_table);
            let found = match (table, value.and_then(DeValue::as_array), step.parse::<usize>()) {
                (Some(table), _, _) => {
                    table.get_key_value(step).map(|(key, found)| (key.span(), found))
                }
                (None, Some(array), Ok(index)) => {
                    array.get(index).map(|found| (found.span(), found))
                }
                (None, _, _) => None,
            };
            let Some((span, found)) = found else { break };
            at = span;
            value = Some(found.get_ref());
        }
        self.problem(&at, format!("{setting}: {what}"))
    }

    /// A problem at a place in the text.
    pub fn problem(&self, at: &Range<usize>, what: impl Into<String>) -> Problem {
        let before = self.text.as_bytes().iter().take(at.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Problem { file: self.path.clone(), line: Some(line), what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_by_its_name() {
        let text = "a = 1\n[route.x]\nb = 1\n[route.x.to.mail]\nto = [\n'p',\n'q',\n]\n";
        let file = File::new("f".into(), text.to_owned());
        for (setting, line) in [
            ("a", 1),
            ("route.x", 2),
            ("route.x.b", 3),
            ("route.x.to.mail", 4),
            ("route.x.to.mail.to", 5),
            ("route.x.to.mail.to[1]", 7),
            ("route.x.to.mail.from", 4),
            ("nothing", 1),
        ] {
            let problem = file.problem_with(setting, "is wrong");
            assert_eq!(problem.to_string(), format!("f:{line}: {setting}: is wrong"));
        }
    }
}
