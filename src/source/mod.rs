//! Places to look: one file a kind. A source has no memory: what it must remember is in its cursor.
//!
//! The invariant: losing a source at any point, between two polls or in the middle of one, loses
//! nothing. Some keep the last listing they read as a shortcut; every path works without it.
//! A source knows neither the store nor who calls it: they meet in [`Page`] and [`Document`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::model::batch::{Cursor, Page, Validator};
use crate::model::document::{Document, Item, Provenance};
use crate::model::ids::SourceName;
use crate::schedule::Schedule;
use crate::{fs, http};

pub mod directory;
pub mod feed;
pub mod git;
mod html;
pub mod page;
#[cfg(test)]
mod stand;
mod window;

/// At most this many items are listed in one page.
pub const PAGE_ITEMS: usize = 500;

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

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::RateLimited { until, .. } => Self::RateLimited { until },
            http::Error::Gone { .. } => Self::Gone(error.to_string()),
            http::Error::Refused { .. }
            | http::Error::Forbidden { .. }
            | http::Error::Misconfigured { .. } => Self::Refused(error.to_string()),
            http::Error::Malformed { .. } => Self::Malformed(error.to_string()),
            http::Error::Unavailable { .. } | http::Error::Spool(_) => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}

impl Error {
    /// What it means when it is the listing that failed: one that is not there is a wrong address.
    fn of_listing(self) -> Self {
        match self {
            Self::Gone(why) => Self::Refused(format!("{why}; check `url`")),
            other => other,
        }
    }
}

/// Tells the validator that is known for an address.
pub type Validators = Arc<dyn Fn(&str) -> Option<Validator> + Send + Sync>;

/// What a source is built from beside its own table.
#[derive(Clone)]
pub struct Context {
    /// The way out.
    pub http: http::Client,
    /// Where mirrors and spools live: the data folder.
    pub data_dir: PathBuf,
    /// Bytes of one document, where `http` does not count them itself.
    pub max_body: u64,
    /// Validators known for an address.
    pub validator: Validators,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl Context {
    /// An empty spool for one body.
    fn spool(&self) -> Result<fs::Spool, Error> {
        let dir = self.data_dir.join("spool");
        fs::create_private_dir(&dir).map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(fs::Spool::new(&dir))
    }

    /// Fetches the document behind an address.
    async fn document(
        &self,
        source: &SourceName,
        item: &Item,
        request: http::Request,
    ) -> Result<Document, Error> {
        let response = self.http.send(request).await?;
        Ok(Document {
            source: source.clone(),
            item: item.clone(),
            body: response.body,
            media_type: response.media_type,
            truncated: response.truncated,
            provenance: Provenance::Http(Box::new(response.exchange)),
        })
    }
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

/// The kinds of source. A new one is a variant here with its two arms below, and a file.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A drop folder.
    Directory(directory::Settings),
    /// RSS, Atom or JSON Feed.
    Feed(feed::Settings),
    /// A listing in HTML.
    Page(Box<page::Settings>),
    /// A git repository.
    Git(git::Settings),
}

impl Definition {
    /// Builds the source. [`Error::Refused`] says what is wrong with its table.
    pub fn build(&self, context: &Context) -> Result<Arc<dyn Source>, Error> {
        self.kind.build(self.name.clone(), context.clone())
    }

    /// What it looks at, in one line for `source list`.
    pub fn describe(&self) -> String {
        self.kind.describe()
    }
}

impl Kind {
    fn build(&self, name: SourceName, context: Context) -> Result<Arc<dyn Source>, Error> {
        Ok(match self.clone() {
            Self::Directory(settings) => {
                Arc::new(directory::Directory::new(name, settings, context)?)
            }
            Self::Feed(settings) => Arc::new(feed::Feed::new(name, settings, context)?),
            Self::Page(settings) => Arc::new(page::Listing::new(name, *settings, context)?),
            Self::Git(settings) => Arc::new(git::Repository::new(name, settings, context)?),
        })
    }

    fn describe(&self) -> String {
        match self {
            Self::Directory(settings) => format!("directory {}", settings.path.display()),
            Self::Feed(settings) => format!("feed {}", settings.url),
            Self::Page(settings) => format!("page {}", settings.url),
            Self::Git(settings) => format!("git {}", settings.url),
        }
    }
}

/// The position that a cursor holds. One that this version cannot read starts over: what was seen
/// is looked at a second time, nothing is left out.
fn position<T: serde::de::DeserializeOwned + Default>(cursor: Option<&Cursor>) -> T {
    cursor.and_then(|cursor| T::deserialize(&cursor.0).ok()).unwrap_or_default()
}

/// The cursor that holds a position.
fn cursor<T: serde::Serialize>(position: &T) -> Cursor {
    // Positions are plain structs of strings and numbers, which always have a JSON form.
    Cursor(serde_json::to_value(position).unwrap_or_default())
}

/// Runs work that blocks or takes long outside the asynchronous threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(Error::Malformed("reading what it answered failed unexpectedly".to_owned())),
    }
}

/// Only these addresses are followed, whatever a site writes.
fn is_web(url: &url::Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

/// Refuses a configured address that is none, or that carries a credential.
fn check_url(name: &SourceName, key: &str, url: &url::Url) -> Result<(), Error> {
    if !is_web(url) {
        return Err(Error::Refused(format!(
            "source `{name}`: `{key}` must begin with http:// or https://"
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Refused(format!(
            "source `{name}`: `{key}` carries a user or password; they would show up in logs"
        )));
    }
    Ok(())
}

/// Hostile text made fit to be kept as a title or a name: one line, no control characters, bounded.
fn clip(text: &str) -> Option<String> {
    const MOST: usize = 300;
    let mut clipped = String::new();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        if !clipped.is_empty() {
            clipped.push(' ');
        }
        clipped.extend(word.chars().take(MOST));
        if clipped.chars().count() >= MOST {
            clipped = clipped.chars().take(MOST).collect();
            break;
        }
    }
    (!clipped.is_empty()).then_some(clipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_none_becomes_the_right_reaction() {
        let errors = || {
            let host = || "h".to_owned();
            let why = || "reset".to_owned();
            [
                http::Error::RateLimited { host: host(), until: Timestamp::UNIX_EPOCH },
                http::Error::Unavailable { host: host(), why: why() },
                http::Error::Gone { host: host(), status: 404 },
                http::Error::Refused { host: host(), status: 403 },
                http::Error::Forbidden { what: host() },
                http::Error::Malformed { host: host(), why: why() },
            ]
        };
        let of_item = ["RateLimited", "Unavailable", "Gone", "Refused", "Refused", "Malformed"];
        let of_listing =
            ["RateLimited", "Unavailable", "Refused", "Refused", "Refused", "Malformed"];
        for (error, name) in errors().into_iter().zip(of_item) {
            assert!(format!("{:?}", Error::from(error)).starts_with(name), "{name}");
        }
        for (error, name) in errors().into_iter().zip(of_listing) {
            assert!(format!("{:?}", Error::from(error).of_listing()).starts_with(name), "{name}");
        }
    }

    /// What `source explain` says, or why the source is refused, for a table as it is typed.
    fn explained(table: &str) -> String {
        #[derive(serde::Deserialize)]
        struct Typed {
            from: Kind,
        }
        let dir = tempfile::tempdir().unwrap();
        let kind = match toml::from_str::<Typed>(table) {
            Ok(typed) => typed.from,
            Err(error) => return format!("{table}\n{error}"),
        };
        let context = stand::context(dir.path());
        match kind.build("leaks".parse().unwrap(), context) {
            Ok(source) => format!("{}\n{}\n", kind.describe(), source.explain()),
            Err(error) => format!("{table}\nrefused: {error}\n"),
        }
    }

    #[test]
    fn every_kind_says_what_it_looks_at_and_what_it_cannot_see() {
        let tables = [
            "[from.directory]\npath = '/srv/drop'",
            "[from.directory]\npath = '/srv/drop'\nrecursive = false\nsettle = '1m'",
            "[from.feed]\nurl = 'https://a.example/feed'",
            "[from.feed]\nurl = 'https://a.example/feed'\nfollow = false",
            "[from.page]\nurl = 'https://a.example/'\nitem = 'li'",
            "[from.page]\nurl = 'https://a.example/'\nitem = 'li'\nraw_url = 'https://a.example/raw/{id}'\nnext = 'a.next'",
            "[from.git]\nurl = 'https://a.example/x.git'",
            "[from.git]\nurl = 'https://a.example/x.git'\ntoken = { env = 'X' }",
            "[from.git]\nurl = 'git@a.example:x.git'",
            "[from.git]\nurl = 'git@a.example:x.git'\nssh_key = '/etc/key'",
            "[from.git]\nurl = '/srv/x.git'",
        ];
        insta::assert_snapshot!(tables.map(explained).join("\n"));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_the_remedy() {
        let tables = [
            "[from.gopher]\nurl = 'x'",
            "[from.directory]\npath = '/srv/drop'\nignore = ['[z-a]']",
            "[from.directory]\npath = '/srv/drop'\nsettle = 'soon'",
            "[from.feed]\nurl = 'file:///etc/passwd'",
            "[from.feed]\nurl = 'https://me:secret@a.example/'",
            "[from.feed]\nurl = 'a.example'",
            "[from.page]\nurl = 'https://a.example/'\nitem = 'li['",
            "[from.page]\nurl = 'https://a.example/'\nitem = 'li'\nraw_url = 'https://a.example/raw'",
            "[from.page]\nurl = 'https://a.example/'\nitem = 'li'\nraw_url = 'raw/{id}'",
            "[from.page]\nurl = 'https://a.example/'\nitem = 'li'\nmax_pages = 0",
            "[from.git]\nurl = 'ext::sh -c id'",
            "[from.git]\nurl = 'https://me:secret@a.example/x.git'",
            "[from.git]\nurl = '/srv/x.git'\ntoken = { env = 'X' }",
            "[from.git]\nurl = 'https://a.example/x.git'\nssh_key = '/etc/key'",
            "[from.git]\nurl = 'https://a.example/x.git'\ntoken = 'secret'",
        ];
        insta::assert_snapshot!(tables.map(explained).join("\n"));
    }

    #[test]
    fn kept_text_is_one_bounded_line() {
        assert_eq!(clip(" a\r\nBcc: b\u{1b}[31m\tc "), Some("a Bcc: b [31m c".to_owned()));
        assert_eq!(clip(" \n "), None);
        assert_eq!(clip(&"é".repeat(1000)).map(|text| text.chars().count()), Some(300));
        assert_eq!(clip(&"e ".repeat(1000)).map(|text| text.chars().count()), Some(300));
    }
}
