//! How much is logged, and in which form.

use serde::{Deserialize, Serialize};

/// The least important message that is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Failures.
    Error,
    /// What a person should look at.
    Warn,
    /// What is done.
    #[default]
    Info,
    /// How it is done.
    Debug,
    /// Everything.
    Trace,
}

/// The form of logs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is configured about logs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Log {
    /// The least important message that is logged.
    pub level: Level,
    /// The form.
    pub format: Format,
}
