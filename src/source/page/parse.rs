//! From the text of a listing to its rows. Pure.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use regex::{Regex, RegexBuilder};
use scraper::{ElementRef, Selector};
use serde::Deserialize;
use url::Url;

use super::super::window::mark;
use super::super::{Error, clip, html, is_web};
use super::Settings;
use crate::model::document::Item;

/// A CSS selector, checked when the configuration is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Css(Selector);

impl TryFrom<String> for Css {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Selector::parse(&text)
            .map(Self)
            .map_err(|error| format!("`{text}` is not a CSS selector: {error}"))
    }
}

/// A regular expression, checked when the configuration is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let pattern = RegexBuilder::new(&text).size_limit(1 << 20).build();
        pattern.map(Self).map_err(|error| format!("`{text}` is not a regular expression: {error}"))
    }
}

/// What a listing shows.
#[derive(Debug)]
pub(super) struct Rows {
    /// In the order of the page.
    pub(super) list: Vec<Row>,
    /// How many items had no link or id.
    without_link: usize,
    /// The next page.
    pub(super) next: Option<Url>,
}

/// One item of a listing.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) mark: String,
    id: String,
    link: Url,
    fetch: Url,
    title: Option<String>,
    author: Option<String>,
    published: Option<Timestamp>,
}

impl Rows {
    pub(super) fn position(&self, mark: &str) -> Option<usize> {
        self.list.iter().position(|row| row.mark == mark)
    }

    /// What to say about items that could not be used.
    pub(super) fn unusable(&self) -> Option<String> {
        (self.without_link > 0).then(|| {
            format!(
                "{} of {} items of the listing have no usable link or id; narrow `item`, or correct `link` and `id`",
                self.without_link,
                self.without_link + self.list.len(),
            )
        })
    }
}

impl Row {
    pub(super) fn item(&self) -> Item {
        Item {
            id: self.id.clone(),
            version: self.published.map(|at| at.to_string()).unwrap_or_default(),
            place: self.link.to_string(),
            title: self.title.clone(),
            author: self.author.clone(),
            published: self.published,
            handle: serde_json::json!({ "url": self.fetch.as_str() }),
        }
    }
}

/// Reads a listing. Zero items are [`Error::Malformed`] unless the settings say that there may be none.
pub(super) fn parse(text: &str, base: &Url, settings: &Settings) -> Result<Rows, Error> {
    let page = html::parse(text).map_err(|html::TooDeep| {
        Error::Malformed(format!("the page at `{base}` is nested too deeply to be read"))
    })?;
    let mut ids = HashSet::new();
    let (mut rows, mut items) = (Vec::new(), 0);
    let mut without_link = 0;
    for element in page.select(&settings.item.0) {
        items += 1;
        match row(element, base, settings) {
            // Pinned items are listed twice.
            Some(row) => {
                if ids.insert(row.id.clone()) {
                    rows.push(row);
                }
            }
            None => without_link += 1,
        }
    }
    if rows.is_empty() && !(settings.may_be_empty && items == 0) {
        let what = if items == 0 {
            "nothing on it matches `item`; if that can be, set `may_be_empty = true`"
        } else {
            "no item has a usable link or id"
        };
        return Err(Error::Malformed(format!(
            "the page at `{base}` loaded, but {what}: the site may have changed"
        )));
    }
    let next = settings.next.as_ref().and_then(|next| {
        page.select(&next.0).find_map(|element| join(base, element.attr("href")?))
    });
    Ok(Rows { list: rows, without_link, next })
}

fn row(element: ElementRef<'_>, base: &Url, settings: &Settings) -> Option<Row> {
    let attribute = settings.attribute.as_str();
    let anchor = match &settings.link {
        Some(link) => element.select(&link.0).next()?,
        None => element.descendent_elements().find(|below| below.attr(attribute).is_some())?,
    };
    let link = join(base, anchor.attr(attribute)?)?;
    let id = match &settings.id {
        Some(Pattern(pattern)) => {
            let found = pattern.captures(link.as_str())?;
            found.get(1).or_else(|| found.get(0))?.as_str().to_owned()
        }
        None => link.as_str().to_owned(),
    };
    let id: String = id.chars().take(1000).collect();
    let fetch = match &settings.raw_url {
        Some(pattern) => raw_address(pattern, &id, &link)?,
        None => link.clone(),
    };
    let first = |selector: &Option<Css>| {
        let selector = selector.as_ref()?;
        element.select(&selector.0).next()
    };
    let text = |element: ElementRef<'_>| clip(&element.text().take(100).collect::<String>());
    Some(Row {
        mark: mark(&id),
        title: first(&settings.title).or(settings.title.is_none().then_some(anchor)).and_then(text),
        author: first(&settings.author).and_then(text),
        published: first(&settings.date).and_then(date),
        id,
        link,
        fetch,
    })
}

fn join(base: &Url, href: &str) -> Option<Url> {
    let mut url = base.join(href.trim()).ok().filter(is_web)?;
    url.set_fragment(None);
    Some(url)
}

/// The address of the raw text. The id is hostile: in it, only what is harmless in a path stands for itself.
pub(super) fn raw_address(pattern: &str, id: &str, link: &Url) -> Option<Url> {
    let mut encoded = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(percent(byte));
        }
    }
    // An id of dots would be read as "the folder above".
    if encoded.bytes().all(|byte| byte == b'.') {
        return None;
    }
    let address = pattern.replace("{id}", &encoded).replace("{url}", link.as_str());
    Url::parse(&address).ok().filter(is_web)
}

fn percent(byte: u8) -> [char; 3] {
    let digit =
        |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0').to_ascii_uppercase();
    ['%', digit(byte >> 4), digit(byte & 15)]
}

/// The date of an element; none if it is written in a way that could be misread, such as "yesterday".
fn date(element: ElementRef<'_>) -> Option<Timestamp> {
    let text = match element.attr("datetime") {
        Some(text) => text.to_owned(),
        None => clip(&element.text().take(20).collect::<String>())?,
    };
    let text = text.trim();
    let utc = |local: DateTime| TimeZone::UTC.to_timestamp(local).ok();
    text.parse()
        .ok()
        .or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()))
        .or_else(|| text.parse().ok().and_then(utc))
}
