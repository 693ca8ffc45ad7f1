//! From the bytes of a feed to its entries. Pure.

use std::collections::HashSet;

use feed_rs::model::{Entry as RawEntry, Link};
use jiff::Timestamp;
use url::Url;

use super::super::window::mark;
use super::super::{Error, clip, is_web};
use crate::model::document::Item;

/// One entry of a feed.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) mark: String,
    pub(super) version: String,
    pub(super) title: Option<String>,
    pub(super) author: Option<String>,
    pub(super) published: Option<Timestamp>,
    pub(super) updated: Option<Timestamp>,
    pub(super) content: Content,
}

/// Where the document of an entry is.
#[derive(Debug, PartialEq)]
pub(super) enum Content {
    Linked(Url),
    Own { text: String, media_type: String },
}

impl Entry {
    pub(super) fn item(&self) -> Item {
        let (place, handle) = match &self.content {
            Content::Linked(link) => {
                (link.to_string(), serde_json::json!({ "link": link.as_str() }))
            }
            Content::Own { .. } => (self.id.clone(), serde_json::Value::Null),
        };
        Item {
            id: self.id.clone(),
            version: self.version.clone(),
            place,
            title: self.title.clone(),
            author: self.author.clone(),
            published: self.published,
            handle,
        }
    }
}

/// Reads a feed into its entries, oldest first.
pub(super) fn parse(bytes: &[u8], base: &Url, follow: bool) -> Result<Vec<Entry>, Error> {
    let feed = feed_rs::parser::Builder::new()
        .base_uri(Some(base.as_str()))
        .sanitize_content(false)
        // Entries without an id get one below, from all that identifies them.
        .id_generator(|_, _, _| String::new())
        .build()
        .parse(bytes)
        .map_err(|error| {
            let why: String = error.to_string().escape_debug().take(200).collect();
            Error::Malformed(format!("what is at `{base}` is not a feed: {why}"))
        })?;
    let mut ids = HashSet::new();
    let mut entries: Vec<Entry> = Vec::with_capacity(feed.entries.len());
    for raw in &feed.entries {
        let mut entry = entry(raw, base, follow);
        if !ids.insert(entry.id.clone()) {
            // Some feeds give all entries the same id. Losing one for that would be silence.
            entry.id = format!("{}#{}", entry.id, entry.version);
            entry.mark = mark(&entry.id);
            if !ids.insert(entry.id.clone()) {
                continue;
            }
        }
        entries.push(entry);
    }
    if entries.iter().all(|entry| entry.updated.is_some()) {
        entries.reverse();
        entries.sort_by_key(|entry| entry.updated);
    } else {
        entries.reverse();
    }
    Ok(entries)
}

fn entry(raw: &RawEntry, base: &Url, follow: bool) -> Entry {
    let own = own_content(raw);
    let link =
        raw.links.iter().filter(|link| is_to_document(link)).find_map(|link| web(base, &link.href));
    // A feed may give the address as the id and nothing else.
    let link = link.or_else(|| Url::parse(&raw.id).ok().filter(is_web).filter(|_| own.is_none()));
    let published = raw.published.and_then(|at| Timestamp::from_second(at.timestamp()).ok());
    let updated =
        raw.updated.and_then(|at| Timestamp::from_second(at.timestamp()).ok()).or(published);
    let title = raw.title.as_ref().map(|title| title.content.as_str()).unwrap_or_default();
    let identity = mark(&format!("{}\n{title}", link.as_ref().map_or("", Url::as_str)));
    let content = match link {
        Some(link) if follow => Content::Linked(link),
        Some(link) if own.is_none() => Content::Own {
            text: format!("{title}\n{link}\n"),
            media_type: "text/plain; charset=utf-8".to_owned(),
        },
        _ => {
            let (text, media_type) =
                own.unwrap_or_else(|| (title.to_owned(), "text/plain".to_owned()));
            Content::Own { text, media_type: format!("{media_type}; charset=utf-8") }
        }
    };
    // A feed that changes an entry need not change its time.
    let changed = match &content {
        Content::Linked(_) => identity.clone(),
        Content::Own { text, .. } => mark(text),
    };
    let version = match updated {
        Some(updated) => format!("{updated}-{changed}"),
        None => changed,
    };
    let id = match raw.id.trim() {
        "" => identity,
        id => id.chars().take(1000).collect(),
    };
    Entry {
        mark: mark(&id),
        id,
        version,
        title: clip(title),
        author: raw.authors.iter().find_map(|author| clip(author.name.as_deref()?)),
        published: published.or(updated),
        updated,
        content,
    }
}

/// What an entry carries itself: its full text, or else its summary.
fn own_content(raw: &RawEntry) -> Option<(String, String)> {
    let full = raw.content.as_ref().and_then(|content| {
        let text = content.body.clone().filter(|text| !text.trim().is_empty())?;
        Some((text, content.content_type.to_string()))
    });
    full.or_else(|| {
        let summary = raw.summary.as_ref().filter(|summary| !summary.content.trim().is_empty())?;
        Some((summary.content.clone(), summary.content_type.to_string()))
    })
}

fn is_to_document(link: &Link) -> bool {
    matches!(link.rel.as_deref(), None | Some("alternate"))
}

fn web(base: &Url, href: &str) -> Option<Url> {
    base.join(href.trim()).ok().filter(is_web)
}
