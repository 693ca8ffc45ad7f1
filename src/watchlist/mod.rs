//! Corpora and allowed places as lists in files: loading and checking.
//!
//! One invariant: what is loaded was checked as a whole; a list with a problem gives none of its entries. Pure
//! but for the folders that a pattern names, which the caller lists. Knows neither the index nor the configuration.

pub mod allowed;
pub mod corpora;
mod pattern;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How bad it is if a corpus is seen outside, worst last.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    /// It is published anyway.
    Public,
    /// Not meant for others.
    #[default]
    Internal,
    /// Harmful in the hands of others.
    Confidential,
    /// What the company lives on.
    Secret,
}

impl Sensitivity {
    /// Every one, the least first.
    pub const ALL: [Self; 4] = [Self::Public, Self::Internal, Self::Confidential, Self::Secret];

    /// The name of the attribute of a corpus that holds it.
    pub const ATTRIBUTE: &str = "sensitivity";

    /// What the attributes of a corpus say; internal if they say nothing.
    pub fn of(attributes: &BTreeMap<String, String>) -> Self {
        attributes.get(Self::ATTRIBUTE).and_then(|text| text.parse().ok()).unwrap_or_default()
    }
}

impl fmt::Display for Sensitivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Secret => "secret",
        })
    }
}

impl FromStr for Sensitivity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|known| known.to_string() == text).ok_or_else(|| {
            format!(
                "`{}` is not a sensitivity (known: public, internal, confidential, secret)",
                text.escape_debug()
            )
        })
    }
}

/// What a path in a list is relative to.
#[derive(Debug, Clone)]
pub struct Base {
    /// The folder of the configuration file.
    pub folder: PathBuf,
    /// The user's home, which `~/` stands for; none if it is not known.
    pub home: Option<PathBuf>,
}

impl Base {
    /// The path meant.
    pub fn path(&self, typed: &str) -> PathBuf {
        match (typed.strip_prefix("~/"), &self.home) {
            (Some(below), Some(home)) => home.join(below),
            _ if typed == "~" => self.home.clone().unwrap_or_else(|| PathBuf::from("~")),
            _ => self.folder.join(typed).components().collect(),
        }
    }
}

/// Lists the entries of a folder by their names: what a pattern is compared with.
pub type List<'a> = &'a dyn Fn(&Path) -> std::io::Result<Vec<String>>;
