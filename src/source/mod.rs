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

impl Error {
    /// What failed while an item was fetched.
    fn of_item(error: http::Error) -> Self {
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

    /// What failed while a listing was fetched: one that is not there is a wrong address.
    fn of_listing(error: http::Error) -> Self {
        match Self::of_item(error) {
            Self::Gone(why) => Self::Refused(format!("{why}; check `url`")),
            other => other,
        }
    }
}

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
    pub validator: Arc<dyn Fn(&str) -> Option<Validator> + Send + Sync>,
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
        let response = self.http.send(request).await.map_err(Error::of_item)?;
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

/// The kinds of source. A new one is a variant here, an arm in [`Definition::build`] and
/// [`Definition::describe`], and a file.
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
        let (name, context) = (self.name.clone(), context.clone());
        Ok(match &self.kind {
            Kind::Directory(settings) => {
                Arc::new(directory::Directory::new(name, settings.clone(), context)?)
            }
            Kind::Feed(settings) => Arc::new(feed::Feed::new(name, settings.clone(), context)?),
            Kind::Page(settings) => Arc::new(page::Listing::new(name, settings.clone(), context)?),
            Kind::Git(settings) => Arc::new(git::Repository::new(name, settings.clone(), context)?),
        })
    }

    /// What it looks at, in one line for `source list`.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Directory(settings) => format!("directory {}", settings.path.display()),
            Kind::Feed(settings) => format!("feed {}", settings.url),
            Kind::Page(settings) => format!("page {}", settings.url),
            Kind::Git(settings) => format!("git {}", settings.url),
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
        let host = "h".to_owned();
        let until = Timestamp::UNIX_EPOCH;
        let cases = [
            (http::Error::RateLimited { host: host.clone(), until }, "RateLimited", "RateLimited"),
            (
                http::Error::Unavailable { host: host.clone(), why: "reset".to_owned() },
                "Unavailable",
                "Unavailable",
            ),
            (http::Error::Gone { host: host.clone(), status: 404 }, "Gone", "Refused"),
            (http::Error::Refused { host: host.clone(), status: 403 }, "Refused", "Refused"),
            (http::Error::Forbidden { what: host.clone() }, "Refused", "Refused"),
            (http::Error::Malformed { host, why: "x".to_owned() }, "Malformed", "Malformed"),
        ];
        for (error, of_item, of_listing) in cases {
            let again = match &error {
                http::Error::RateLimited { host, until } => {
                    http::Error::RateLimited { host: host.clone(), until: *until }
                }
                http::Error::Unavailable { host, why } => {
                    http::Error::Unavailable { host: host.clone(), why: why.clone() }
                }
                http::Error::Gone { host, status } => {
                    http::Error::Gone { host: host.clone(), status: *status }
                }
                http::Error::Refused { host, status } => {
                    http::Error::Refused { host: host.clone(), status: *status }
                }
                http::Error::Malformed { host, why } => {
                    http::Error::Malformed { host: host.clone(), why: why.clone() }
                }
                other => http::Error::Forbidden { what: other.to_string() },
            };
            assert!(format!("{:?}", Error::of_item(error)).starts_with(of_item));
            assert!(format!("{:?}", Error::of_listing(again)).starts_with(of_listing));
        }
    }

    #[test]
    fn kept_text_is_one_bounded_line() {
        assert_eq!(clip(" a\r\nBcc: b\u{1b}[31m\tc "), Some("a Bcc: b [31m c".to_owned()));
        assert_eq!(clip(" \n "), None);
        assert_eq!(clip(&"é".repeat(1000)).map(|text| text.chars().count()), Some(300));
        assert_eq!(clip(&"e ".repeat(1000)).map(|text| text.chars().count()), Some(300));
    }
}
