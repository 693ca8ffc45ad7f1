//! `corpora.toml`: bodies of work by path, address or pattern, for a company with six hundred repositories.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::{Base, List, Sensitivity, pattern};
use crate::git::Address;
use crate::model::ids::CorpusName;
use crate::schedule::Schedule;
use crate::settings::{File, Problem, Problems};

/// The list, checked. Patterns are not resolved yet: what they name changes.
#[derive(Debug, Clone, Default)]
pub struct Corpora {
    entries: Vec<Entry>,
}

/// A corpus or baseline that a list names.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its name.
    pub name: CorpusName,
    /// The folder or repository address: what `corpus add` takes.
    pub origin: String,
    /// Whether it is text that is never a leak.
    pub is_baseline: bool,
    /// How bad it is if it is seen outside.
    pub sensitivity: Sensitivity,
    /// Sensitivity, owner and copyright holder as the index keeps them.
    pub attributes: BTreeMap<String, String>,
    /// When it is read again; none if only by hand.
    pub refresh: Option<Schedule>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// Where it stands, for problems that show later.
    place: Problem,
    name: Option<String>,
    origins: Vec<Origin>,
    is_baseline: bool,
    sensitivity: Sensitivity,
    attributes: BTreeMap<String, String>,
    refresh: Option<Schedule>,
}

#[derive(Debug, Clone)]
enum Origin {
    Path(PathBuf),
    Address(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawFile {
    defaults: RawDefaults,
    corpus: Vec<Spanned<RawEntry>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawDefaults {
    refresh: Option<Spanned<String>>,
    sensitivity: Option<Sensitivity>,
    owner: Option<String>,
    copyright_holder: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawEntry {
    name: Option<Spanned<String>>,
    path: Option<Spanned<String>>,
    paths: Vec<Spanned<String>>,
    url: Option<Spanned<String>>,
    urls: Vec<Spanned<String>>,
    baseline: bool,
    refresh: Option<Spanned<String>>,
    sensitivity: Option<Sensitivity>,
    owner: Option<String>,
    copyright_holder: Option<String>,
}

impl Corpora {
    /// Reads and checks the list. Schedules without a zone of their own are in `zone`.
    pub fn load(file: &File, base: &Base, zone: &TimeZone, problems: &mut Problems) -> Self {
        let Some(raw) = file.parse::<RawFile>(problems) else { return Self::default() };
        let mut check = Check { file, base, zone, problems };
        let default_refresh = check.schedule(raw.defaults.refresh.as_ref());
        let entries: Vec<Entry> = raw
            .corpus
            .into_iter()
            .map(|entry| check.entry(entry, &raw.defaults, default_refresh.clone()))
            .collect();
        check.names(&entries);
        Self { entries }
    }

    /// How many entries the list has; a pattern is one.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the list has no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The corpora that the list names at this moment, in its order. Folders are listed with `list`.
    ///
    /// A pattern that cannot be resolved is a problem, and so is one name for two origins; the rest is given
    /// all the same, so that one unreachable file server does not stop the refresh of everything else.
    pub fn resolve(&self, list: List<'_>) -> (Vec<Listed>, Problems) {
        let mut problems = Problems::default();
        let mut found: Vec<Listed> = Vec::new();
        let mut origins: BTreeMap<CorpusName, String> = BTreeMap::new();
        for entry in &self.entries {
            let listed = entry.resolve(list).unwrap_or_else(|why| {
                problems.push(entry.place.saying(why));
                Vec::new()
            });
            for corpus in listed {
                match origins.get(&corpus.name) {
                    Some(origin) if *origin == corpus.origin => {}
                    Some(origin) => {
                        let what = format!(
                            "`{}` and `{origin}` would both be called `{}`; give one of them a name of its own",
                            corpus.origin, corpus.name
                        );
                        problems.push(entry.place.saying(what));
                    }
                    None => {
                        origins.insert(corpus.name.clone(), corpus.origin.clone());
                        found.push(corpus);
                    }
                }
            }
        }
        (found, problems)
    }
}

impl Entry {
    fn resolve(&self, list: List<'_>) -> Result<Vec<Listed>, String> {
        let mut listed = Vec::new();
        for origin in &self.origins {
            match origin {
                Origin::Path(path) => {
                    for path in pattern::paths(path, list)? {
                        listed.push(self.listed(path.to_string_lossy().into_owned())?);
                    }
                }
                Origin::Address(address) => {
                    for address in pattern::braces(address)? {
                        check_address(&address)?;
                        listed.push(self.listed(address)?);
                    }
                }
            }
        }
        Ok(listed)
    }

    fn listed(&self, origin: String) -> Result<Listed, String> {
        Ok(Listed {
            name: name_of(self.name.as_deref(), &origin)?,
            origin,
            is_baseline: self.is_baseline,
            sensitivity: self.sensitivity,
            attributes: self.attributes.clone(),
            refresh: self.refresh.clone(),
        })
    }
}

/// Checks entries one by one and collects what is wrong.
struct Check<'a> {
    file: &'a File,
    base: &'a Base,
    zone: &'a TimeZone,
    problems: &'a mut Problems,
}

impl Check<'_> {
    fn tell(&mut self, at: &Range<usize>, what: impl Into<String>) {
        self.problems.push(self.file.problem(at, what));
    }

    fn schedule(&mut self, typed: Option<&Spanned<String>>) -> Option<Schedule> {
        let typed = typed?;
        Schedule::parse(typed.get_ref(), self.zone.clone())
            .map_err(|error| self.tell(&typed.span(), format!("refresh: {error}")))
            .ok()
    }

    fn entry(
        &mut self,
        raw: Spanned<RawEntry>,
        defaults: &RawDefaults,
        default_refresh: Option<Schedule>,
    ) -> Entry {
        let at = raw.span();
        let raw = raw.into_inner();
        let refresh = match &raw.refresh {
            Some(_) => self.schedule(raw.refresh.as_ref()),
            None => default_refresh,
        };
        let origins = self.origins(&raw, &at);
        self.template(raw.name.as_ref(), &origins);
        let sensitivity = raw.sensitivity.or(defaults.sensitivity).unwrap_or_default();
        let attributes = [
            ("sensitivity", Some(sensitivity.to_string())),
            ("owner", raw.owner.or_else(|| defaults.owner.clone())),
            (
                "copyright_holder",
                raw.copyright_holder.or_else(|| defaults.copyright_holder.clone()),
            ),
        ];
        Entry {
            place: self.file.problem(&at, ""),
            name: raw.name.map(Spanned::into_inner),
            origins,
            is_baseline: raw.baseline,
            sensitivity,
            attributes: attributes
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)))
                .collect(),
            refresh,
        }
    }

    fn origins(&mut self, raw: &RawEntry, at: &Range<usize>) -> Vec<Origin> {
        let mut origins: Vec<Origin> = raw
            .path
            .iter()
            .chain(&raw.paths)
            .map(|path| Origin::Path(self.base.path(path.get_ref())))
            .collect();
        for address in raw.url.iter().chain(&raw.urls) {
            let checked = pattern::braces(address.get_ref())
                .and_then(|all| all.iter().try_for_each(|address| check_address(address)));
            if let Err(why) = checked {
                self.tell(&address.span(), why);
            }
            origins.push(Origin::Address(address.get_ref().clone()));
        }
        if origins.is_empty() {
            self.tell(at, "corpus: one of `path`, `paths`, `url` and `urls` must say where it is");
        }
        origins
    }

    fn template(&mut self, name: Option<&Spanned<String>>, origins: &[Origin]) {
        let Some(name) = name else { return };
        let is_many = origins.len() > 1
            || origins.iter().any(|origin| match origin {
                Origin::Path(path) => pattern::is_many(&path.to_string_lossy()),
                Origin::Address(address) => pattern::is_many(address),
            });
        if is_many && !name.get_ref().contains("{name}") {
            let what = format!(
                "name: `{}` would be the name of several corpora; put `{{name}}` into it",
                name.get_ref()
            );
            self.tell(&name.span(), what);
        } else if let Err(why) = name_of(Some(name.get_ref()), "/folder/sample") {
            self.tell(&name.span(), format!("name: {why}"));
        }
    }

    /// One plain name for two entries; what patterns name is only known when they are resolved.
    fn names(&mut self, entries: &[Entry]) {
        let mut seen = BTreeSet::new();
        for entry in entries {
            let plain = entry.name.as_ref().filter(|name| !name.contains('{'));
            if let Some(name) = plain.filter(|name| !seen.insert(name.as_str())) {
                let what = format!("corpus: the name `{name}` is given twice");
                self.problems.push(entry.place.saying(what));
            }
        }
    }
}

/// The name of a corpus: from a template in which `{name}` is the last part of its origin and `{parent}` the
/// one before, or that last part alone. What a name may not hold becomes `-`.
fn name_of(template: Option<&str>, origin: &str) -> Result<CorpusName, String> {
    let mut parts = origin
        .trim_end_matches('/')
        .rsplit(['/', ':'])
        .filter(|part| !part.is_empty() && *part != ".git")
        .map(fit);
    let last = parts.next().unwrap_or_default();
    let parent = parts.next().unwrap_or_default();
    let name = template.unwrap_or("{name}").replace("{name}", &last).replace("{parent}", &parent);
    name.parse().map_err(|error: crate::model::ids::ParseError| error.to_string())
}

fn fit(part: &str) -> String {
    let lower = part.strip_suffix(".git").unwrap_or(part).to_lowercase();
    let fitting: String = lower
        .chars()
        .map(|c| {
            let is_allowed = c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
            if is_allowed { c } else { '-' }
        })
        .collect();
    fitting.trim_start_matches(['.', '_', '-']).to_owned()
}

/// Addresses of other machines; the password of one is not repeated.
fn check_address(address: &str) -> Result<(), String> {
    let has_login = Url::parse(address).is_ok_and(|url| {
        url.password().is_some() || (url.scheme() != "ssh" && !url.username().is_empty())
    });
    if has_login {
        return Err(
            "an address with a login in it: use a credential helper of git, or ssh".to_owned()
        );
    }
    match Address::try_from(address.to_owned())? {
        Address::Web(_) | Address::Ssh(_) => Ok(()),
        Address::Path(path) => Err(format!("`{}` is a path: write it as `path`", path.display())),
    }
}

/// Lists a folder on this machine; links to folders count, other entries too.
pub fn list_folder(folder: &Path) -> std::io::Result<Vec<String>> {
    std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

#[cfg(test)]
mod tests;
