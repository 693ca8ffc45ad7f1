//! Places to look: one file a kind. A source has no memory: what it must remember is in its cursor.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::http;
use crate::model::batch::{Cursor, Page, Validator};
use crate::model::document::{Document, Item};
use crate::model::ids::SourceName;
use crate::schedule::Schedule;

/// A place to look.
#[async_trait]
pub trait Source: Send + Sync {
    /// Its name in `sources.toml`.
    fn name(&self) -> &SourceName;
    /// Lists what appeared after `cursor`.
    async fn poll(&self, cursor: Option<&Cursor>) -> Result<Page, Error>;
    /// Fetches one item.
    async fn fetch(&self, item: &Item) -> Result<Document, Error>;
    /// What it does and needs, for `source explain`: a few lines for a person.
    fn explain(&self) -> String;
}

/// Why a source gave nothing: one variant a reaction.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wait until then.
    #[error("asked to wait until {until}")]
    RateLimited {
        /// When to come back.
        until: Timestamp,
    },
    /// Try again at the next turn.
    #[error("{0}")]
    Unavailable(String),
    /// The item is not there any more.
    #[error("{0}")]
    Gone(String),
    /// Credentials, terms or configuration are wrong: a person must act.
    #[error("{0}")]
    Refused(String),
    /// It answered something that this source does not understand: the site may have changed.
    #[error("{0}")]
    Malformed(String),
}

/// What a source is built from beside its own table.
#[derive(Clone)]
pub struct Context {
    /// The way out.
    pub http: http::Client,
    /// Where mirrors and spools live: the data folder.
    pub data_dir: PathBuf,
    /// Validators known for an address.
    pub validator: Arc<dyn Fn(&str) -> Option<Validator> + Send + Sync>,
    /// The clock.
    pub now: fn() -> Timestamp,
}

/// One source as configured and checked.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Its name.
    pub name: SourceName,
    /// When it is looked at.
    pub schedule: Schedule,
    /// At most this much later, at random.
    pub jitter: Duration,
    /// Switched off, with the reason.
    pub disabled: Option<String>,
    /// What it looks at.
    pub kind: Kind,
}

/// The kinds of source. A new one is a variant here, an arm in [`Definition::build`] and a file.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    // Directory(directory::Settings), Feed(feed::Settings), Page(page::Settings), Git(git::Settings)
}

impl Definition {
    /// Builds the source.
    pub fn build(&self, context: &Context) -> Result<Arc<dyn Source>, Error> {
        let _ = context;
        todo!()
    }
}
