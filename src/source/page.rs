//! A listing in HTML: its items by CSS selectors, the raw text of each by a pattern of its address.
//!
//! Owns the settings, the paging and the pass over several pages; `parse` is the pure part. The
//! invariant: a page that loads and shows nothing that we understand is an error, never "no news".

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use url::Url;

use super::window::{NO_OVERLAP, Window};
use super::{
    Context, Error, PAGE_ITEMS, Source, blocking, check_url, cursor, html, is_web, position,
};
use crate::http;
use crate::model::batch::{Cursor, Page, Validator};
use crate::model::document::{Document, Item};
use crate::model::ids::SourceName;

mod parse;

use parse::{Css, Pattern, Rows, parse};

/// A listing larger than this is refused.
const MAX_LISTING: u64 = 16 << 20;

/// The table `[source.NAME.from.page]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The listing, newest first.
    pub url: Url,
    /// What is one item.
    pub item: Css,
    /// What in an item links to it; else the item itself or the first link in it.
    pub link: Option<Css>,
    /// The attribute that holds the address.
    #[serde(default = "href")]
    pub attribute: String,
    /// What in an item is its title; else the text of the link.
    pub title: Option<Css>,
    /// What in an item is its author.
    pub author: Option<Css>,
    /// What in an item is its date: in an attribute `datetime`, or as text in a form of ISO 8601 or
    /// RFC 2822.
    pub date: Option<Css>,
    /// What in the link's address is the id: the first group, or all that matches; else all of it.
    pub id: Option<Pattern>,
    /// The address of the raw text, with `{id}` or `{url}` in it; else the link.
    pub raw_url: Option<String>,
    /// What links to the next page.
    pub next: Option<Css>,
    /// How many pages one look goes through at most.
    #[serde(default = "five")]
    pub max_pages: u32,
    /// Whether a listing without items is in order.
    #[serde(default)]
    pub may_be_empty: bool,
}

fn href() -> String {
    "href".to_owned()
}

fn five() -> u32 {
    5
}

/// A listing in HTML as a source.
pub struct Listing {
    name: SourceName,
    settings: Arc<Settings>,
    context: Context,
    /// The page as last read: a shortcut for the further slices of a long one.
    last: Mutex<Option<(Url, Arc<Rows>)>>,
}

/// How far we have come.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    /// The newest items when the listing was last read to the end of a pass.
    known: Window,
    /// The pass that is under way.
    pass: Option<Pass>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pass {
    /// The page to read next.
    url: Url,
    /// Pages read to their end.
    pages: u32,
    /// The last item listed of a page that is longer than one slice.
    after: Option<String>,
    /// The items of the pages read to their end.
    seen: Window,
    /// Whether anything was known already.
    overlaps: bool,
    /// What the server gave with the first page; gone once anything of the pass could not be seen.
    #[serde(default)]
    validator: Option<Validator>,
}

/// A page as it was read.
struct Loaded {
    rows: Arc<Rows>,
    validator: Option<Validator>,
}

impl Listing {
    pub(super) fn new(
        name: SourceName,
        settings: Settings,
        context: Context,
    ) -> Result<Self, Error> {
        check_url(&name, "url", &settings.url)?;
        let refused = |why: &str| Err(Error::Refused(format!("source `{name}`: {why}")));
        if let Some(pattern) = &settings.raw_url {
            if !pattern.contains("{id}") && !pattern.contains("{url}") {
                return refused("`raw_url` needs `{id}` or `{url}` where the item's own part goes");
            }
            if parse::raw_address(pattern, "x", &settings.url).is_none() {
                return refused(
                    "`raw_url` must make an address that begins with http:// or https://",
                );
            }
        }
        if settings.max_pages == 0 {
            return refused("`max_pages` must be at least 1");
        }
        Ok(Self { name, settings: Arc::new(settings), context, last: Mutex::new(None) })
    }

    /// Reads a page; `None` if it has not changed.
    async fn load(&self, url: &Url, validator: Option<Validator>) -> Result<Option<Loaded>, Error> {
        let request = http::Request {
            validator,
            max_body: Some(MAX_LISTING),
            ..http::Request::get(url.clone())
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
                "only a part of the listing arrived: it broke off, or is larger than {MAX_LISTING} bytes"
            )));
        }
        let base = Url::parse(&response.exchange.final_url).unwrap_or(url.clone());
        let settings = Arc::clone(&self.settings);
        let rows = blocking(move || {
            let bytes = crate::fs::body_bytes(&response.body)
                .map_err(|error| Error::Unavailable(error.to_string()))?;
            parse(&html::decode(&bytes, response.media_type.as_deref()), &base, &settings)
        })
        .await?;
        let rows = Arc::new(rows);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((url.clone(), Arc::clone(&rows)));
        Ok(Some(Loaded { rows, validator: response.validator }))
    }

    /// The page that the pass has come to; `None` if it has not changed since `validator`.
    async fn page(
        &self,
        pass: &Pass,
        validator: Option<Validator>,
    ) -> Result<Option<Loaded>, Error> {
        if let Some(after) = &pass.after {
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((url, rows)) = last
                && url == pass.url
                && rows.position(after).is_some()
            {
                return Ok(Some(Loaded { rows, validator: None }));
            }
        }
        self.load(&pass.url, validator).await
    }
}

#[async_trait]
impl Source for Listing {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn poll(&self, from: Option<&Cursor>) -> Result<Page, Error> {
        let Position { known, pass } = position(from);
        let is_first = pass.is_none();
        let mut pass = pass.unwrap_or_else(|| Pass {
            url: self.settings.url.clone(),
            pages: 0,
            after: None,
            seen: Window::default(),
            overlaps: false,
            validator: None,
        });
        // In the middle of a pass "not modified" would hide the rest of it, and where nothing is known all of it.
        let validator = if is_first && !known.is_empty() {
            (self.context.validator)(self.settings.url.as_str())
        } else {
            None
        };
        match self.page(&pass, validator).await {
            Ok(Some(Loaded { rows, validator })) => {
                if is_first {
                    pass.validator = validator;
                }
                Ok(step(&self.settings, known, pass, &rows))
            }
            Ok(None) => Ok(Page {
                items: Vec::new(),
                next: cursor(&Position { known, pass: None }),
                more: false,
                gap: None,
                validators: Vec::new(),
            }),
            Err(error @ Error::RateLimited { .. }) => Err(error),
            Err(error) if is_first => Err(error),
            // The next look begins at the first page again. What is known stays as it was before
            // this pass, so that it pages down to here again.
            Err(error) => Ok(Page {
                items: Vec::new(),
                next: cursor(&Position { known, pass: None }),
                more: false,
                gap: Some(format!("page {} of the listing was not seen: {error}", pass.pages + 1)),
                validators: Vec::new(),
            }),
        }
    }

    async fn fetch(&self, item: &Item) -> Result<Document, Error> {
        let url = item.handle.get("url").and_then(|url| url.as_str());
        let url = url.and_then(|url| Url::parse(url).ok()).filter(is_web);
        let url = url.ok_or_else(|| Error::Malformed("the item has no web address".to_owned()))?;
        self.context.document(&self.name, item, http::Request::get(url)).await
    }

    fn explain(&self) -> String {
        let fetched = self.settings.raw_url.as_deref().unwrap_or("what it links to");
        let pages = match &self.settings.next {
            Some(_) => {
                format!(
                    "Goes through at most {} pages, while they bring something new.",
                    self.settings.max_pages
                )
            }
            None => "Reads its first page only: `next` is not set.".to_owned(),
        };
        format!(
            "Reads the listing {}, and fetches each item from {fetched}.\n{pages}\n\
             Needs no account. `source test` shows whether the selectors fit.\n\
             Does not see what a page adds by script, nor items that came and went between two looks.\n\
             When nothing is listed any more that was listed before, it says so.",
            self.settings.url,
        )
    }
}

/// One slice of one page, and where to go on.
fn step(settings: &Settings, known: Window, mut pass: Pass, rows: &Rows) -> Page {
    let start = pass.after.as_ref().and_then(|after| rows.position(after)).map_or(0, |at| at + 1);
    let end = rows.list.len().min(start + PAGE_ITEMS);
    let mut page = Page {
        items: rows.list[start..end].iter().map(parse::Row::item).collect(),
        next: Cursor(serde_json::Value::Null),
        more: true,
        gap: None,
        validators: Vec::new(),
    };
    if end < rows.list.len() {
        pass.after = rows.list.get(end - 1).map(|row| row.mark.clone());
        page.next = cursor(&Position { known, pass: Some(pass) });
        return page;
    }
    page.gap = rows.unusable();
    if page.gap.is_some() {
        pass.validator = None;
    }
    let is_new = pass.finish(&known, rows);
    let next = rows.next.clone().filter(|_| is_new && pass.pages < settings.max_pages);
    let position = if let Some(url) = next {
        Position { known, pass: Some(Pass { url, ..pass }) }
    } else {
        page.more = false;
        if !known.is_empty() && !pass.overlaps {
            page.gap = Some(NO_OVERLAP.to_owned());
            pass.validator = None;
        }
        // Only now has everything been listed that the first page leads to.
        page.validators.extend(pass.validator.take());
        Position { known: pass.seen, pass: None }
    };
    page.next = cursor(&position);
    page
}

impl Pass {
    /// Takes note of a page that was listed to its end; tells whether anything on it was new.
    fn finish(&mut self, known: &Window, rows: &Rows) -> bool {
        let marks: Vec<&str> = rows.list.iter().map(|row| row.mark.as_str()).collect();
        let (known, seen) = (known.marks(), self.seen.marks());
        let is_new = marks.iter().any(|mark| !known.contains(mark) && !seen.contains(mark));
        self.overlaps |= marks.iter().any(|mark| known.contains(mark));
        self.pages += 1;
        self.after = None;
        self.seen.extend(marks.into_iter());
        is_new
    }
}

#[cfg(test)]
mod tests;
