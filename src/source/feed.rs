//! RSS, Atom and JSON Feed: follows the entries' links, or takes what the feed itself carries.
//!
//! Owns the polling; `parse` is the pure part. The invariant: a validator is kept only when the
//! whole feed was listed, or "not modified" would hide the rest. A feed is a window on the newest entries: one that no longer overlaps what it showed last is a gap, not silence.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url::Url;

use super::window::{NO_OVERLAP, Window};
use super::{Context, Error, PAGE_ITEMS, Source, blocking, check_url, cursor, is_web, position};
use crate::http;
use crate::model::batch::{Cursor, Page, Validator};
use crate::model::document::{Body, Document, Exchange, Item, Provenance};
use crate::model::ids::SourceName;

mod parse;

use parse::{Content, Entry, parse};

/// A feed larger than this is refused: the largest in the wild are a tenth of it.
const MAX_FEED: u64 = 16 << 20;

/// The table `[source.NAME.from.feed]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The feed.
    pub url: Url,
    /// Whether what an entry links to is the document. If not, or if it links to nothing, it is
    /// what the entry carries.
    #[serde(default = "yes")]
    pub follow: bool,
}

fn yes() -> bool {
    true
}

/// A feed as a source.
pub struct Feed {
    name: SourceName,
    settings: Settings,
    context: Context,
    /// The feed as last read: a shortcut for the further slices of a long one and for the
    /// documents that it carries itself.
    last: Mutex<Option<Arc<Listing>>>,
}

/// The feed as it was read once.
struct Listing {
    /// Oldest first.
    entries: Vec<Entry>,
    exchange: Exchange,
    validator: Option<Validator>,
}

/// How far we have come.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    /// The newest entries when the feed was last read to its end.
    known: Window,
    /// The last entry listed; none when the feed was read to its end.
    after: Option<String>,
}

impl Feed {
    pub(super) fn new(
        name: SourceName,
        settings: Settings,
        context: Context,
    ) -> Result<Self, Error> {
        check_url(&name, "url", &settings.url)?;
        Ok(Self { name, settings, context, last: Mutex::new(None) })
    }

    fn last(&self) -> Option<Arc<Listing>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the feed; `None` if it has not changed.
    async fn load(&self, validator: Option<Validator>) -> Result<Option<Arc<Listing>>, Error> {
        let request = http::Request {
            validator,
            max_body: Some(MAX_FEED),
            ..http::Request::get(self.settings.url.clone())
        };
        let response = self
            .context
            .http
            .send(request)
            .await
            .map_err(|error| Error::from(error).of_listing())?;
        if response.not_modified {
            return Ok(None);
        }
        if response.truncated {
            return Err(Error::Unavailable(format!(
                "only a part of the feed arrived: it broke off, or is larger than {MAX_FEED} bytes"
            )));
        }
        let base = Url::parse(&response.exchange.final_url).unwrap_or(self.settings.url.clone());
        let (body, follow) = (response.body, self.settings.follow);
        let entries = blocking(move || {
            let bytes = crate::fs::body_bytes(&body)
                .map_err(|error| Error::Unavailable(error.to_string()))?;
            parse(&bytes, &base, follow)
        })
        .await?;
        let listing = Arc::new(Listing {
            entries,
            exchange: response.exchange,
            validator: response.validator,
        });
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&listing));
        Ok(Some(listing))
    }

    /// The listing to take the next slice of; `None` if there is nothing new.
    async fn listing(
        &self,
        begun: bool,
        position: &Position,
    ) -> Result<Option<Arc<Listing>>, Error> {
        if let Some(after) = &position.after {
            // In the middle of a feed "not modified" would hide the rest of it.
            let last =
                self.last().filter(|last| last.entries.iter().any(|entry| entry.mark == *after));
            return match last {
                Some(last) => Ok(Some(last)),
                None => self.load(None).await,
            };
        }
        // Without a cursor nothing was dealt with yet, whatever a validator says.
        let validator =
            if begun { (self.context.validator)(self.settings.url.as_str()) } else { None };
        self.load(validator).await
    }
}

#[async_trait]
impl Source for Feed {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn poll(&self, from: Option<&Cursor>) -> Result<Page, Error> {
        let position: Position = position(from);
        match self.listing(from.is_some(), &position).await? {
            Some(listing) => Ok(listing.page(position)),
            None => Ok(Page {
                items: Vec::new(),
                next: cursor(&position),
                more: false,
                gap: None,
                validators: Vec::new(),
            }),
        }
    }

    async fn fetch(&self, item: &Item) -> Result<Document, Error> {
        if let Some(link) = item.handle.get("link").and_then(|link| link.as_str()) {
            let url = Url::parse(link).ok().filter(is_web);
            let url = url
                .ok_or_else(|| Error::Malformed("the entry links to no web address".to_owned()))?;
            return self.context.document(&self.name, item, http::Request::get(url)).await;
        }
        let has_it = |listing: &Arc<Listing>| listing.own(item).is_some();
        let listing = match self.last().filter(has_it) {
            Some(listing) => listing,
            None => self.load(None).await?.ok_or_else(gone)?,
        };
        let (text, media_type) = listing.own(item).ok_or_else(gone)?;
        Ok(Document {
            source: self.name.clone(),
            item: item.clone(),
            body: Body::Memory(Bytes::from(text.to_owned())),
            media_type: Some(media_type.to_owned()),
            truncated: false,
            provenance: Provenance::Http(Box::new(listing.exchange.clone())),
        })
    }

    fn explain(&self) -> String {
        let what = if self.settings.follow {
            "Fetches what each entry links to; takes an entry without a link as it stands."
        } else {
            "Takes what each entry carries, and follows no links."
        };
        format!(
            "Reads the feed {} (RSS, Atom or JSON Feed).\n{what}\n\
             Needs no account.\n\
             Does not see entries that came and went between two looks. When nothing is listed any more\n\
             that was listed before, it says so.",
            self.settings.url,
        )
    }
}

fn gone() -> Error {
    Error::Gone("the feed does not carry this entry any more".to_owned())
}

impl Listing {
    fn own(&self, item: &Item) -> Option<(&str, &str)> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.id == item.id && entry.version == item.version)?;
        match &entry.content {
            Content::Own { text, media_type } => Some((text, media_type)),
            Content::Linked(_) => None,
        }
    }

    /// The slice after this position.
    fn page(&self, position: Position) -> Page {
        let at = |after: &String| self.entries.iter().position(|entry| entry.mark == *after);
        let resumed = position.after.as_ref().and_then(at);
        let start = resumed.map_or(0, |at| at + 1);
        let end = self.entries.len().min(start + PAGE_ITEMS);
        let more = end < self.entries.len();
        let marks = || self.entries.iter().rev().map(|entry| entry.mark.as_str());
        let known = position.known.marks();
        let is_torn =
            resumed.is_none() && !known.is_empty() && !marks().any(|mark| known.contains(mark));
        let items: Vec<Item> = self.entries[start..end].iter().map(Entry::item).collect();
        let next = if more {
            Position {
                known: position.known,
                after: self.entries.get(end - 1).map(|entry| entry.mark.clone()),
            }
        } else {
            let mut known = Window::default();
            known.extend(marks());
            Position { known, after: None }
        };
        Page {
            items,
            next: cursor(&next),
            more,
            gap: is_torn.then(|| NO_OVERLAP.to_owned()),
            validators: self.validator.clone().into_iter().filter(|_| !more).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
