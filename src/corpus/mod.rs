//! Reads folders and git repositories, fingerprints what is in them and fills the index.
//!
//! Opens neither the record nor the cache: corpora live in the index's manifest under its own lock, so that they can
//! be changed beside a running daemon. Reading commits now and then: an interrupted reading goes on where it stopped,
//! because a document whose version is in the index is not read again.

mod folder;
mod origin;
mod reading;
mod repository;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::extract::Limits;
use crate::fingerprint::Fingerprinter;
use crate::index::{self, CorpusEntry, Index, Role, Writer};
use crate::model::ids::CorpusName;
use crate::watchlist::corpora::Listed;

pub use origin::Origin;
use reading::{Found, Listing};

/// What a corpus is read with.
#[derive(Clone)]
pub struct Reader {
    /// Makes the fingerprints.
    pub fingerprinter: Fingerprinter,
    /// Bounds the reading of one file.
    pub limits: Limits,
    /// Where a clone lives while it is read: a folder inside the data folder.
    pub scratch: std::path::PathBuf,
}

/// A corpus or baseline to be read.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name.
    pub name: CorpusName,
    /// What it is for.
    pub role: Role,
    /// Where it is read from.
    pub origin: Origin,
    /// Owner, sensitivity, copyright holder and so on.
    pub attributes: BTreeMap<String, String>,
}

impl Wanted {
    /// An entry of the list of corpora.
    pub fn listed(listed: Listed) -> Self {
        let role = if listed.is_baseline { Role::Baseline } else { Role::Corpus };
        let origin = listed.origin.parse().unwrap_or_else(|never| match never {});
        Self { name: listed.name, role, origin, attributes: listed.attributes }
    }
}

/// How far a reading has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Files dealt with.
    pub done: u64,
    /// Files there are.
    pub total: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// What a reading came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Files there were, before any rule.
    pub files: u64,
    /// Documents that are new.
    pub added: u64,
    /// Documents that had changed.
    pub changed: u64,
    /// Documents that had not.
    pub unchanged: u64,
    /// Documents that are gone.
    pub removed: u64,
    /// Files left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Bytes read.
    pub bytes: u64,
    /// The generation of the index that holds it.
    pub generation: u64,
}

impl Outcome {
    /// Documents of it that are in the index now.
    pub fn documents(&self) -> u64 {
        self.added + self.changed + self.unchanged
    }
}

/// Why a corpus could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The index refused.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// A file or folder could not be read.
    #[error(transparent)]
    File(#[from] crate::fs::Error),
    /// Git failed.
    #[error("cannot read the repository `{origin}`")]
    Git {
        /// The repository, without credentials.
        origin: String,
        /// Why.
        #[source]
        source: crate::git::Error,
    },
    /// It is not there.
    #[error("`{origin}` is not there; give a folder, a git repository or the address of one")]
    NotThere {
        /// What was given.
        origin: String,
    },
    /// Everything was left out.
    #[error(
        "nothing of `{origin}` was left to index: {files} files, {skipped}; nothing was changed"
    )]
    NothingLeft {
        /// The folder or repository.
        origin: String,
        /// Files there were.
        files: u64,
        /// The reasons, counted.
        skipped: String,
    },
    /// There is one of that name with another origin or role.
    #[error(
        "there is a {role} `{name}` already, read from `{origin}`; refresh it, remove it first, or choose another name"
    )]
    Taken {
        /// The name.
        name: CorpusName,
        /// "corpus" or "baseline".
        role: &'static str,
        /// Where that one is read from.
        origin: String,
    },
    /// There is none of that name.
    #[error("there is no corpus or baseline `{name}` ({known})")]
    Unknown {
        /// The name.
        name: CorpusName,
        /// The names there are.
        known: String,
    },
}

/// "corpus" or "baseline".
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Corpus => "corpus",
        Role::Baseline => "baseline",
    }
}

/// Reads a corpus that is new, goes on with one whose reading was interrupted, or reads again what has changed.
/// Nothing else in the index is touched. `progress` is told now and then.
pub fn read(
    index: &Index,
    reader: &Reader,
    wanted: &Wanted,
    now: Timestamp,
    progress: &dyn Fn(Progress),
) -> Result<Outcome, Error> {
    let mut writer = index.writer()?;
    origin::sweep(&reader.scratch)?;
    let known = index.snapshot()?.corpora().into_iter().find(|entry| entry.name == wanted.name);
    refuse_taken(wanted, known.as_ref())?;
    let mut opened = origin::open(&wanted.origin, &reader.scratch)?;
    if let Some(entry) = unchanged_commit(known.as_ref(), opened.commit(), wanted) {
        let versions = writer.versions(&wanted.name)?;
        let generation = index.snapshot()?.generation();
        return Ok(Outcome {
            files: versions.len() as u64,
            unchanged: versions.len() as u64,
            skipped: entry.skipped.clone(),
            generation,
            ..Outcome::default()
        });
    }
    let listing = opened.list()?;
    let first = known.is_none();
    let mut entry = CorpusEntry {
        name: wanted.name.clone(),
        role: wanted.role,
        origin: wanted.origin.to_string(),
        attributes: wanted.attributes.clone(),
        added: known.as_ref().map_or(now, |entry| entry.added),
        refreshed: known.as_ref().and_then(|entry| entry.refreshed),
        commit: None,
        skipped: BTreeMap::new(),
    };
    let mut outcome =
        fill(&mut writer, reader, &entry, listing, &mut |found| opened.read(found), progress)?;
    if outcome.documents() == 0 {
        if first {
            withdraw(&mut writer, &wanted.name)?;
        }
        return Err(Error::NothingLeft {
            origin: wanted.origin.to_string(),
            files: outcome.files,
            skipped: counted(&outcome.skipped),
        });
    }
    entry.refreshed = Some(now);
    entry.commit = opened.commit().map(ToOwned::to_owned);
    entry.skipped = outcome.skipped.clone();
    writer.put_corpus(entry);
    outcome.generation = writer.commit()?;
    Ok(outcome)
}

/// Reads a corpus again that is in the index.
pub fn refresh(
    index: &Index,
    reader: &Reader,
    name: &CorpusName,
    now: Timestamp,
    progress: &dyn Fn(Progress),
) -> Result<Outcome, Error> {
    let entry = find(index, name)?;
    let wanted = Wanted {
        name: entry.name,
        role: entry.role,
        origin: entry.origin.parse().unwrap_or_else(|never| match never {}),
        attributes: entry.attributes,
    };
    read(index, reader, &wanted, now, progress)
}

/// Removes a corpus or baseline from the index; gives the generation without it.
pub fn remove(index: &Index, name: &CorpusName) -> Result<u64, Error> {
    find(index, name)?;
    let mut writer = index.writer()?;
    writer.remove_corpus(name);
    Ok(writer.commit()?)
}

/// The entry of a corpus or baseline.
pub fn find(index: &Index, name: &CorpusName) -> Result<CorpusEntry, Error> {
    let entries = index.snapshot()?.corpora();
    let known = match entries.len() {
        0 => "there are none yet: add one with `leakwarden corpus add`".to_owned(),
        _ => format!(
            "there are: {}",
            entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ")
        ),
    };
    entries
        .into_iter()
        .find(|entry| entry.name == *name)
        .ok_or_else(|| Error::Unknown { name: name.clone(), known })
}

fn refuse_taken(wanted: &Wanted, known: Option<&CorpusEntry>) -> Result<(), Error> {
    match known {
        Some(entry) if entry.role != wanted.role || entry.origin != wanted.origin.to_string() => {
            Err(Error::Taken {
                name: wanted.name.clone(),
                role: role_name(entry.role),
                origin: entry.origin.clone(),
            })
        }
        _ => Ok(()),
    }
}

fn unchanged_commit<'a>(
    known: Option<&'a CorpusEntry>,
    commit: Option<&str>,
    wanted: &Wanted,
) -> Option<&'a CorpusEntry> {
    known.filter(|entry| {
        entry.refreshed.is_some()
            && commit.is_some()
            && entry.commit.as_deref() == commit
            && entry.attributes == wanted.attributes
    })
}

/// An interrupted or empty first reading leaves nothing behind.
fn withdraw(writer: &mut Writer, name: &CorpusName) -> Result<(), Error> {
    writer.remove_corpus(name);
    writer.commit()?;
    Ok(())
}

/// So many files are read and fingerprinted side by side before they go to the writer.
const CHUNK: usize = 256;
/// After so many bytes read, what there is becomes durable, so that an interrupted reading can go on.
const COMMIT_EVERY: u64 = 64 << 20;

#[expect(clippy::too_many_arguments, reason = "one loop over what the caller opened")]
fn fill(
    writer: &mut Writer,
    reader: &Reader,
    entry: &CorpusEntry,
    listing: Listing,
    read: &mut dyn FnMut(&Found) -> Result<Vec<u8>, Error>,
    progress: &dyn Fn(Progress),
) -> Result<Outcome, Error> {
    writer.put_corpus(entry.clone());
    let before = writer.versions(&entry.name)?;
    let mut outcome =
        Outcome { files: listing.files, skipped: listing.skipped, ..Outcome::default() };
    let mut present = BTreeSet::new();
    let mut since_commit = 0;
    let total = listing.found.len() as u64;
    let mut done = 0;
    for chunk in listing.found.chunks(CHUNK) {
        let (same, different): (Vec<&Found>, Vec<&Found>) =
            chunk.iter().partition(|found| reading::is_known(&before, found));
        for found in same {
            outcome.unchanged += reading::keep(&before, found, &mut present);
        }
        for (found, fingerprinted) in reading::fingerprint(reader, &different, read)? {
            outcome.bytes += found.bytes;
            since_commit += found.bytes;
            for reason in fingerprinted.skipped {
                *outcome.skipped.entry(reason).or_default() += 1;
            }
            for document in fingerprinted.documents {
                let counter = if before.contains_key(&document.name) {
                    &mut outcome.changed
                } else {
                    &mut outcome.added
                };
                *counter += 1;
                present.insert(document.name.clone());
                writer.put_document(&entry.name, document)?;
            }
        }
        done += chunk.len() as u64;
        progress(Progress { done, total, bytes: outcome.bytes });
        if since_commit >= COMMIT_EVERY {
            writer.commit()?;
            since_commit = 0;
        }
    }
    for gone in before.keys().filter(|name| !present.contains(*name)) {
        writer.remove_document(&entry.name, gone);
        outcome.removed += 1;
    }
    Ok(outcome)
}

/// "12 binary data, 3 empty", the most frequent first.
pub fn counted(skipped: &BTreeMap<String, u64>) -> String {
    let mut rows: Vec<(&String, &u64)> = skipped.iter().collect();
    rows.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let words: Vec<String> =
        rows.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    if words.is_empty() { "none skipped".to_owned() } else { words.join(", ") }
}
