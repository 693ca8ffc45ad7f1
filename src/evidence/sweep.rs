//! Removes files that nothing refers to: evidence is written before the incident that points to it, so a crash in between
//! leaves some behind.

use std::collections::HashSet;
use std::fs::DirEntry;
use std::io;
use std::path::Path;
use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};

use super::object::{Kind, Name};
use super::{Error, EvidenceStore};
use crate::fs::{self, Draft};
use crate::model::document::EvidenceRef;

/// What is younger may belong to a commit under way.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl EvidenceStore {
    /// Removes bodies and manifests that are older than an hour and that none of `referred` needs, and drafts that a crash
    /// left. `referred` must be all that the record knows. If that is nothing at all, nothing is removed: a store beside an empty
    /// record is more likely somebody's mistake than full of orphans.
    pub fn sweep(&self, referred: &[EvidenceRef], now: Timestamp) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        if referred.is_empty() {
            return Ok(swept);
        }
        let needed: HashSet<Name> = referred
            .iter()
            .flat_map(|evidence| {
                [
                    self.name(Kind::Body, &evidence.blake3),
                    self.name(Kind::Manifest, &evidence.object),
                ]
            })
            .collect();
        self.each_file(|path, name| {
            let draft = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(Draft::PREFIX.as_bytes()));
            // What is neither ours nor a draft is left alone.
            let orphan = name.map_or(draft, |name| !needed.contains(&name));
            if orphan {
                self.remove_if_old(path, now, &mut swept)?;
            }
            Ok(())
        })?;
        Ok(swept)
    }

    fn remove_if_old(&self, path: &Path, now: Timestamp, swept: &mut Swept) -> Result<(), Error> {
        let _gate = self.shared.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = match std::fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(fs::Error::new("read", path)(error).into()),
        };
        let modified = metadata.modified().map_err(fs::Error::new("read", path))?;
        let age = Timestamp::try_from(modified).map(|modified| now.duration_since(modified));
        if age.is_ok_and(|age| age > GRACE) {
            std::fs::remove_file(path).map_err(fs::Error::new("remove", path))?;
            swept.files += 1;
            swept.bytes += metadata.len();
        }
        Ok(())
    }

    /// Shows every file of the store with its name, if it has one of ours.
    pub(super) fn each_file(
        &self,
        mut look: impl FnMut(&Path, Option<Name>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for kind in Kind::ALL {
            for shard in list(&self.shared.dir.join(kind.folder()))? {
                if !shard.path().is_dir() {
                    continue;
                }
                for file in list(&shard.path())? {
                    let path = file.path();
                    let relative = path.strip_prefix(&self.shared.dir).ok();
                    let name = relative.and_then(Path::to_str).and_then(Name::parse);
                    look(&path, name)?;
                }
            }
        }
        Ok(())
    }
}

fn list(dir: &Path) -> Result<Vec<DirEntry>, Error> {
    let entries = std::fs::read_dir(dir).and_then(Iterator::collect);
    entries.map_err(fs::Error::new("list", dir)).map_err(Error::from)
}
