//! `allowed.toml`: places where our content may be, so that it is published there and not leaked.
//!
//! One invariant: in doubt a place is not covered. A wrong "covered" is a leak that nobody hears of; a wrong
//! "not covered" is one alarm too many.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;
use url::{Host, Url};

use super::pattern;
use crate::model::ids::CorpusName;
use crate::settings::{File, Problems};

/// The list, checked.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    places: Vec<Place>,
    /// Names of corpora, with `*`.
    corpora: Vec<String>,
    from: Option<Timestamp>,
    /// The first instant at which it is no longer allowed.
    until: Option<Timestamp>,
}

/// A place and everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Web {
        /// One of these; both if the list gives none.
        schemes: &'static [&'static str],
        host: HostPattern,
        port: Option<u16>,
        /// Segments of the path, with `*` within a segment.
        path: Vec<String>,
    },
    /// Components of an absolute path on this machine.
    Folder(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Is(Host),
    /// Any host below this domain, at any depth; not the domain itself.
    Below(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawFile {
    allowed: Vec<Spanned<RawEntry>>,
}

/// What must be there is checked later, so that everything else that is wrong is told as well.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawEntry {
    name: Option<Spanned<String>>,
    places: Option<Vec<Spanned<String>>>,
    corpora: Option<Vec<Spanned<String>>>,
    from: Option<Spanned<toml::value::Datetime>>,
    until: Option<Spanned<toml::value::Datetime>>,
    reason: Option<Spanned<String>>,
    approved_by: Option<Spanned<String>>,
}

impl Allowed {
    /// Reads and checks the list. Days begin and end in `zone`; the last day still counts.
    pub fn load(file: &File, zone: &TimeZone, problems: &mut Problems) -> Self {
        let Some(raw) = file.parse::<RawFile>(problems) else { return Self::default() };
        let mut check = Check { file, zone, problems };
        let entries: Vec<Entry> =
            raw.allowed.into_iter().map(|entry| check.entry(&entry)).collect();
        Self { entries }
    }

    /// How many entries the list has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the list has no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry that allows this corpus at this place at this time, by its name; none if it is a leak.
    ///
    /// `place` must be where the bytes came from, not where somebody says that they belong: with redirects, ask
    /// for every address. It is a web address, an absolute path, or either followed by ` @commit path`.
    pub fn covers(&self, place: &str, corpus: &CorpusName, at: Timestamp) -> Option<&str> {
        let place = Location::read(place)?;
        self.entries
            .iter()
            .find(|entry| {
                entry.from.is_none_or(|from| from <= at)
                    && entry.until.is_none_or(|until| at < until)
                    && entry.corpora.iter().any(|name| pattern::matches(name, corpus.as_str()))
                    && entry.places.iter().any(|allowed| allowed.covers(&place))
            })
            .map(|entry| entry.name.as_str())
    }
}

/// A place as found: hostile text, understood completely or not at all.
#[derive(Debug)]
enum Location {
    Web(Url),
    Folder(Vec<String>),
}

impl Location {
    fn read(place: &str) -> Option<Self> {
        let place = without_commit(place)?;
        if let Some(path) = place.strip_prefix('/') {
            return folder(path).map(Self::Folder);
        }
        if place.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return None;
        }
        let url = Url::parse(place).ok()?;
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none();
        // What servers decode in their own ways could climb out of the folder that was allowed.
        let path = url.path().to_ascii_lowercase();
        let is_clear = !["%2f", "%5c", "%2e", "%25", "%00"].iter().any(|code| path.contains(code));
        (is_plain && is_clear).then_some(Self::Web(url))
    }
}

/// `repository @commit path` without what follows the repository.
fn without_commit(place: &str) -> Option<&str> {
    let Some((repository, rest)) = place.split_once(" @") else { return Some(place) };
    let commit = rest.split(' ').next().unwrap_or(rest);
    let is_commit =
        (7..=64).contains(&commit.len()) && commit.bytes().all(|b| b.is_ascii_hexdigit());
    is_commit.then_some(repository)
}

/// The components of an absolute path without its first `/`; none if it climbs.
fn folder(path: &str) -> Option<Vec<String>> {
    path.split('/')
        .filter(|component| !component.is_empty() && *component != ".")
        .map(|component| (component != "..").then(|| component.to_owned()))
        .collect()
}

fn segments(url: &Url) -> impl Iterator<Item = &str> {
    url.path().strip_prefix('/').unwrap_or_default().split('/')
}

impl Place {
    fn read(typed: &str) -> Result<Self, String> {
        let refused = |why: &str| Err(format!("`{}` {why}", crate::escape::visible(typed)));
        if let Some(path) = typed.strip_prefix('/') {
            return match folder(path) {
                Some(components) if !components.is_empty() => Ok(Self::Folder(components)),
                _ => refused("is not a place: name a folder without `..`"),
            };
        }
        let (schemes, rest): (&'static [&'static str], &str) = match typed.split_once("://") {
            Some(("https", rest)) => (&["https"], rest),
            Some(("http", rest)) => (&["http"], rest),
            Some(_) => return refused("is not a place: use https, http or a folder"),
            None => (&["https", "http"], typed),
        };
        let (below, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        // Stars are not allowed in a host but mean something in a path, where the parser leaves them alone.
        let Ok(url) = Url::parse(&format!("{}://{rest}", schemes[0])) else {
            return refused("is not a place: write it as `https://host/path`");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refused("is not a place: there is a user in it");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refused("is not a place: leave out what begins with `?` or `#`");
        }
        let host = match (below, url.host()) {
            (_, None) => return refused("is not a place: there is no host in it"),
            (_, Some(Host::Domain(host))) if host.contains('*') => {
                return refused(
                    "is not a place: a star for a host can only be at its beginning, as `*.example.com`",
                );
            }
            (true, Some(Host::Domain(host))) if host.contains('.') => {
                HostPattern::Below(host.to_owned())
            }
            (true, Some(_)) => {
                return refused("is not a place: `*.` needs a domain such as `example.com`");
            }
            (false, Some(host)) => HostPattern::Is(host.to_owned()),
        };
        let mut path: Vec<String> = segments(&url).map(str::to_owned).collect();
        // `https://host/acme/` and `https://host/acme` allow the same.
        path.pop_if(|last| last.is_empty());
        Ok(Self::Web { schemes, host, port: url.port(), path })
    }

    fn covers(&self, place: &Location) -> bool {
        match (self, place) {
            (Self::Web { schemes, host, port, path }, Location::Web(url)) => {
                schemes.contains(&url.scheme())
                    && url.host().is_some_and(|found| host.covers(&found))
                    && url.port() == *port
                    && begins_with(segments(url), path)
            }
            (Self::Folder(path), Location::Folder(found)) => {
                begins_with(found.iter().map(String::as_str), path)
            }
            (Self::Web { .. }, Location::Folder(_)) | (Self::Folder(_), Location::Web(_)) => false,
        }
    }
}

fn begins_with<'a>(mut found: impl Iterator<Item = &'a str>, allowed: &[String]) -> bool {
    allowed.iter().all(|allowed| {
        // A star stands for something.
        found.next().is_some_and(|found| !found.is_empty() && pattern::matches(allowed, found))
    })
}

impl HostPattern {
    fn covers(&self, found: &Host<&str>) -> bool {
        match (self, found) {
            (Self::Is(host), found) => host == &found.to_owned(),
            (Self::Below(domain), Host::Domain(found)) => found
                .strip_suffix(domain.as_str())
                .and_then(|labels| labels.strip_suffix('.'))
                .is_some_and(|labels| !labels.is_empty()),
            (Self::Below(_), Host::Ipv4(_) | Host::Ipv6(_)) => false,
        }
    }
}

/// Checks entries one by one and collects what is wrong.
struct Check<'a> {
    file: &'a File,
    zone: &'a TimeZone,
    problems: &'a mut Problems,
}

impl Check<'_> {
    fn tell(&mut self, at: &Range<usize>, what: impl Into<String>) {
        self.problems.push(self.file.problem(at, what));
    }

    fn entry(&mut self, entry: &Spanned<RawEntry>) -> Entry {
        let raw = entry.get_ref();
        for (key, text) in
            [("name", &raw.name), ("reason", &raw.reason), ("approved_by", &raw.approved_by)]
        {
            match text {
                Some(text) if text.get_ref().trim().is_empty() => {
                    self.tell(&text.span(), format!("{key}: it must say something"));
                }
                Some(_) => {}
                None => self.missing(entry, key),
            }
        }
        for (key, list) in [("places", &raw.places), ("corpora", &raw.corpora)] {
            match list {
                Some(list) if list.is_empty() => {
                    let all = if key == "corpora" { ", or `[\"*\"]` for all of them" } else { "" };
                    self.tell(&entry.span(), format!("{key}: name at least one{all}"));
                }
                Some(_) => {}
                None => self.missing(entry, key),
            }
        }
        let corpora = raw.corpora.as_deref().unwrap_or_default();
        let places = raw.places.iter().flatten().filter_map(|place| {
            Place::read(place.get_ref())
                .map_err(|why| self.tell(&place.span(), format!("places: {why}")))
                .ok()
        });
        let places = places.collect();
        for corpus in corpora {
            let sample = corpus.get_ref().replace(['*', '?'], "x");
            if let Err(error) = sample.parse::<CorpusName>() {
                self.tell(&corpus.span(), format!("corpora: {error}"));
            }
        }
        let from = self.day(raw.from.as_ref(), 0);
        let until = self.day(raw.until.as_ref(), 1);
        if let (Some(_), Some(_), Some(last)) = (from, until, &raw.until)
            && from >= until
        {
            self.tell(&last.span(), "until: it is before `from`");
        }
        Entry {
            name: raw.name.as_ref().map(|name| name.get_ref().clone()).unwrap_or_default(),
            places,
            corpora: corpora.iter().map(|corpus| corpus.get_ref().clone()).collect(),
            from,
            until,
        }
    }

    fn missing(&mut self, entry: &Spanned<RawEntry>, key: &str) {
        // It is not missing if it was there but wrong.
        if !self.problems.concern(&format!("allowed.{key}:")) {
            self.tell(&entry.span(), format!("allowed: the key `{key}` is missing"));
        }
    }

    /// The beginning of a day, so many days later.
    fn day(
        &mut self,
        typed: Option<&Spanned<toml::value::Datetime>>,
        days: i64,
    ) -> Option<Timestamp> {
        let typed = typed?;
        let start = typed
            .get_ref()
            .to_string()
            .parse::<Date>()
            .ok()
            .filter(|_| typed.get_ref().time.is_none())
            .and_then(|day| day.checked_add(jiff::Span::new().days(days)).ok())
            .and_then(|day| self.zone.to_timestamp(day.at(0, 0, 0, 0)).ok());
        if start.is_none() {
            self.tell(&typed.span(), "expected a day as 2026-12-31");
        }
        start
    }
}

#[cfg(test)]
mod tests;
