//! Backups: everything that must not be lost, in one encrypted file; and back.
//!
//! Owns what is in a backup and under which names; the container is `store::archive`. Invariant: a data folder is
//! restored as a whole or not at all. The key is never in a backup: a backup without it is useless, and that is the
//! point of it.
//!
//! | entry | what it holds |
//! |---|---|
//! | `about.json` | when it was made, by which program |
//! | `configuration/…` | `leakwarden.toml` and the files in `watchlists/` |
//! | `record.jsonl` | the record, as a dump |
//! | `index/…` | the files of one generation of the index |
//! | `evidence/…` | the files of the evidence, still sealed |

mod restore;

use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::custody::Deed;
use crate::evidence::{self, EvidenceStore};
use crate::fs;
use crate::index::{self, Index};
use crate::keys::{self, Keys};
use crate::model::incident::Actor;
use crate::store::archive::{self, Writer};
use crate::store::record::{self, Record};

pub use restore::restore;

const ABOUT: &str = "about.json";
const RECORD: &str = "record.jsonl";
const CONFIGURATION: &str = "configuration/";
const INDEX: &str = "index/";
const EVIDENCE: &str = "evidence/";

/// A larger file beside the configuration is none of its parts.
const LARGEST_SETTINGS: u64 = 16 << 20;

/// What a backup is made of.
#[derive(Debug, Clone)]
pub struct Backup {
    /// What must not be lost.
    pub record: Record,
    /// Bytes as received.
    pub evidence: EvidenceStore,
    /// The fingerprints of the corpora.
    pub index: Arc<Index>,
    /// What it is encrypted with.
    pub keys: Keys,
    /// The configuration file, if there is one.
    pub configuration: Option<PathBuf>,
}

/// What went into a backup, or came out of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The program that made it.
    pub program: String,
    /// When it was made.
    pub made: Timestamp,
    /// The id of the key that opens it; tells nothing about the key.
    pub key: String,
    /// Incidents in the record.
    pub incidents: u64,
    /// Pieces of evidence in the record.
    pub evidence: u64,
    /// Corpora and baselines in the index.
    pub corpora: u64,
    /// Files of the configuration.
    pub configuration: u64,
}

/// The first entry.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    leakwarden: String,
    program: String,
    made: Timestamp,
}

/// Why nothing was backed up or restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The backup file refused or failed.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// The record refused or failed.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// Evidence refused or failed.
    #[error(transparent)]
    Evidence(#[from] evidence::Error),
    /// The index refused or failed.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// The key file refused or failed.
    #[error(transparent)]
    Key(#[from] keys::Error),
    /// There is no key to restore with.
    #[error(
        "there is no key file at `{}`: put your copy of the key there (mode 0600), the one that the backup was made with",
        .0.display()
    )]
    NoKey(PathBuf),
    /// Something is in the data folder.
    #[error(
        "`{}` is not empty (it holds {}): restore into a new folder (--data-dir DIR), or move away what is there; only \
         the key file may be there before",
        dir.display(), found.join(", ")
    )]
    NotEmpty {
        /// The data folder.
        dir: PathBuf,
        /// What is in it.
        found: Vec<String>,
    },
    /// A daemon or a command works there.
    #[error("another leakwarden process works in `{}`; stop it first", .0.display())]
    InUse(PathBuf),
    /// It is a backup, but not of this program, or not a complete one.
    #[error("the backup `{}` cannot be restored: {why}", path.display())]
    Strange {
        /// The backup.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

impl Error {
    /// Whether the stores, the key or the backup are at fault, rather than what was asked.
    pub fn is_storage(&self) -> bool {
        !matches!(self, Self::NotEmpty { .. } | Self::Archive(archive::Error::Exists(_)))
    }
}

impl Backup {
    /// Writes a backup to `to`, where nothing may stand yet. That it was begun is on record before. Blocks for long.
    pub fn write(&self, to: &Path, by: &Actor, now: Timestamp) -> Result<Contents, Error> {
        let mut writer = Writer::create(to, &self.keys)?;
        self.record.testify(Deed {
            at: now,
            by: by.clone(),
            what: "backup.begun",
            subject: "backup".to_owned(),
            detail: serde_json::Value::Null,
        })?;
        let program = env!("CARGO_PKG_VERSION").to_owned();
        let about = About { leakwarden: "backup".to_owned(), program, made: now };
        let json = serde_json::to_vec(&about).expect("strings and a time are JSON");
        add(&mut writer, ABOUT, to, &mut json.as_slice())?;
        let configuration = self.add_configuration(&mut writer, to)?;
        // The record first: evidence is written before what refers to it, so all of what this dump refers to is there.
        let mut entry = writer.entry(RECORD)?;
        let mut buffer = BufWriter::with_capacity(1 << 16, &mut entry);
        self.record.dump(&mut buffer)?;
        drop(buffer);
        entry.finish()?;
        for mut file in self.index.files()? {
            add(&mut writer, &format!("{INDEX}{}", file.name), to, &mut file.content)?;
        }
        for name in self.evidence.objects()? {
            let mut entry = writer.entry(&format!("{EVIDENCE}{name}"))?;
            self.evidence.export_object(&name, &mut entry)?;
            entry.finish()?;
        }
        let contents = Contents { configuration, ..self.contents(about)? };
        writer.finish()?;
        Ok(contents)
    }

    /// Adds the configuration file and the lists beside it.
    fn add_configuration(&self, writer: &mut Writer, to: &Path) -> Result<u64, Error> {
        let Some(main) = &self.configuration else { return Ok(0) };
        let mut files = vec![(main.clone(), crate::config::FILE_NAME.to_owned())];
        let lists = main.parent().unwrap_or(Path::new("")).join("watchlists");
        for entry in listed(&lists)? {
            if let Some(name) = entry.file_name().and_then(std::ffi::OsStr::to_str) {
                files.push((entry.clone(), format!("watchlists/{name}")));
            }
        }
        for (path, name) in &files {
            let content = fs::read(path)?;
            add(writer, &format!("{CONFIGURATION}{name}"), to, &mut content.as_slice())?;
        }
        Ok(files.len() as u64)
    }

    fn contents(&self, about: About) -> Result<Contents, Error> {
        Ok(Contents {
            program: about.program,
            made: about.made,
            key: self.keys.fingerprint(),
            incidents: self.record.incidents(&record::IncidentQuery::default())?.len() as u64,
            evidence: self.record.all_evidence()?.len() as u64,
            corpora: self.index.snapshot()?.corpora().len() as u64,
            configuration: 0,
        })
    }
}

/// The plain files of a folder that can be settings, sorted; none if it is not there.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, fs::Error> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fs::Error::new("list", folder))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(fs::Error::new("list", folder))?.path();
        let metadata = std::fs::metadata(&path).map_err(fs::Error::new("read", &path))?;
        if metadata.is_file() && metadata.len() <= LARGEST_SETTINGS {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Adds one entry.
fn add(writer: &mut Writer, name: &str, to: &Path, content: &mut dyn Read) -> Result<(), Error> {
    let mut entry = writer.entry(name)?;
    io::copy(content, &mut entry)
        .and_then(|_| entry.flush())
        .map_err(fs::Error::new("write", to))?;
    Ok(entry.finish()?)
}

#[cfg(test)]
mod tests;
