//! Restoring: everything is put together and verified in a folder of its own, then moved into its place.
//!
//! That folder is [`DataDir::restoring`]. It is there exactly as long as a restore is under way or was interrupted, and
//! while it is there nothing else opens the stores; the next restore removes what the interrupted one had moved.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::{ABOUT, About, Backup, CONFIGURATION, Contents, EVIDENCE, Error, INDEX, RECORD};
use crate::config::DataDir;
use crate::custody::Deed;
use crate::evidence::EvidenceStore;
use crate::fs;
use crate::index::Index;
use crate::keys::{self, Keys};
use crate::model::incident::Actor;
use crate::service::Service;
use crate::store::archive::Reader;
use crate::store::record::Record;

/// Fills an empty data folder from a backup: all of it, verified, or nothing. The configuration is put beside, into
/// [`DataDir::restored_configuration`]: what is in force is never replaced.
pub fn restore(
    from: &Path,
    key_file: &Path,
    data: &DataDir,
    by: &Actor,
    now: Timestamp,
) -> Result<Contents, Error> {
    let keys = match Keys::read(key_file) {
        Err(keys::Error::Missing { path }) => return Err(Error::NoKey(path)),
        read => read?,
    };
    data.create()?;
    let in_use = || Error::InUse(data.path().to_owned());
    let _lock = fs::Lock::try_acquire(&data.lock())?.ok_or_else(in_use)?;
    remove_interrupted(data)?;
    refuse_unless_empty(data, key_file)?;
    let reader = Reader::open(from, &keys)?;
    let staging = data.restoring();
    fs::create_private_dir(&staging)?;
    fs::sync_dir(data.path())?;
    let staged = Staged { from, keys: &keys, data: DataDir::new(staging.clone()) };
    let contents = staged.fill(&reader, by, now).inspect_err(|_| {
        // Nothing was moved yet: without the folder it is as if nothing had been tried.
        drop(std::fs::remove_dir_all(&staging));
    })?;
    for (from, to) in moves(&staged.data, data) {
        if from.exists() {
            fs::move_into_place(&from, &to)?;
        }
    }
    remove(&staging)?;
    fs::sync_dir(data.path())?;
    Ok(contents)
}

/// What is moved, in this order.
fn moves(from: &DataDir, to: &DataDir) -> [(PathBuf, PathBuf); 4] {
    [
        (from.restored_configuration(), to.restored_configuration()),
        (from.index(), to.index()),
        (from.evidence(), to.evidence()),
        (from.record(), to.record()),
    ]
}

/// A restore begins in an empty folder, so what stands beside an interrupted one is its own.
fn remove_interrupted(data: &DataDir) -> Result<(), Error> {
    let staging = data.restoring();
    if !staging.exists() {
        return Ok(());
    }
    for (_, moved) in moves(&DataDir::new(staging.clone()), data) {
        remove(&moved)?;
    }
    remove(&staging)
}

fn remove(path: &Path) -> Result<(), Error> {
    let removed = match path.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    };
    removed.map_err(fs::Error::new("remove", path)).map_err(Error::from)
}

fn refuse_unless_empty(data: &DataDir, key_file: &Path) -> Result<(), Error> {
    let failed = || fs::Error::new("list", data.path());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data.path()).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        let is_expected = path == key_file
            || path == data.lock()
            || path == data.socket()
            || is_empty_folder(&path);
        if !is_expected {
            found.push(format!("`{}`", path.file_name().unwrap_or_default().display()));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    found.sort();
    Err(Error::NotEmpty { dir: data.path().to_owned(), found })
}

fn is_empty_folder(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// What is being put together.
struct Staged<'a> {
    from: &'a Path,
    keys: &'a Keys,
    data: DataDir,
}

impl Staged<'_> {
    /// Writes everything, opens it again, and verifies it.
    fn fill(&self, reader: &Reader, by: &Actor, now: Timestamp) -> Result<Contents, Error> {
        let record = Record::open(&self.data.record())?;
        let evidence = EvidenceStore::open(&self.data.evidence(), self.keys)?;
        let (mut about, mut has_record, mut configuration) = (None, false, 0);
        reader.each(&mut |name, content| -> Result<(), Error> {
            if name == ABOUT {
                about = Some(self.about(content)?);
            } else if name == RECORD {
                has_record = true;
                record.load(&mut BufReader::new(content))?;
            } else if let Some(name) = name.strip_prefix(EVIDENCE) {
                evidence.import_object(name, content)?;
            } else if let Some(name) = name.strip_prefix(INDEX) {
                write(&self.data.index().join(name), content)?;
            } else if let Some(name) = name.strip_prefix(CONFIGURATION) {
                configuration += 1;
                write(&self.data.restored_configuration().join(name), content)?;
            } else {
                let why = format!("it holds `{name}`, which this program does not know; use the program that made it");
                return Err(self.strange(&why));
            }
            Ok(())
        })?;
        let about = about.filter(|_| has_record);
        let about = about.ok_or_else(|| self.strange("it does not hold a record"))?;
        let index = Arc::new(Index::open(&self.data.index(), self.keys)?);
        self.verify(&record, &evidence)?;
        record.testify(Deed {
            at: now,
            by: by.clone(),
            what: "backup.restored",
            subject: "backup".to_owned(),
            detail: serde_json::json!({ "made": about.made.to_string() }),
        })?;
        let keys = self.keys.clone();
        let restored = Backup { record, evidence, index, keys, configuration: None };
        Ok(Contents { configuration, ..restored.contents(about)? })
    }

    fn about(&self, content: &mut dyn Read) -> Result<About, Error> {
        let about: Option<About> = serde_json::from_reader(content.take(1 << 16)).ok();
        about
            .filter(|about| about.leakwarden == "backup")
            .ok_or_else(|| self.strange("it does not say what it is"))
    }

    fn verify(&self, record: &Record, evidence: &EvidenceStore) -> Result<(), Error> {
        let service = Service::new(record.clone(), evidence.clone());
        let verification = match service.verify() {
            Ok(verification) => verification,
            Err(crate::service::Error::Record(error)) => return Err(error.into()),
            Err(crate::service::Error::Evidence(error)) => return Err(error.into()),
        };
        if let Some(why) = verification.broken {
            return Err(self.strange(&why));
        }
        match verification.damaged.first() {
            None => Ok(()),
            Some((id, why)) => Err(self.strange(&format!("{id} does not verify: {why}"))),
        }
    }

    fn strange(&self, why: &str) -> Error {
        Error::Strange { path: self.from.to_owned(), why: why.to_owned() }
    }
}

/// Writes one file, durably; its folder is made. Names in a backup stay below the folder they are restored to.
fn write(path: &Path, content: &mut dyn Read) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        fs::create_private_dir(folder)?;
    }
    let mut draft = fs::Draft::new(path, 0o600)?;
    std::io::copy(content, &mut draft).map_err(fs::Error::new("write", path))?;
    Ok(draft.replace()?)
}
