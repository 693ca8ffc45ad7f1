//! The files of the store: their names, how they are written once, read and copied.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use super::{Digests, Error, EvidenceStore};
use crate::fs::{self, Draft};
use crate::model::ids::ContentHash;
use crate::seal::{Opener, Sealer};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Body,
    Manifest,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Body, Self::Manifest];

    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Body => "bodies",
            Self::Manifest => "manifests",
        }
    }
}

/// The name of a file within the store: `bodies/` or `manifests/`, two hex digits, `/`, 62 more. Also what it is sealed for, so that
/// no file can stand in for another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Name(String);

impl Name {
    /// Takes a name from elsewhere, if it is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = Kind::ALL.iter().find_map(|kind| text.strip_prefix(kind.folder()))?;
        let hex = |part: &str, length: usize| {
            part.len() == length
                && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let (shard, file) = rest.strip_prefix('/')?.split_once('/')?;
        (hex(shard, 2) && hex(file, 62)).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl EvidenceStore {
    /// The names of all files, sorted: for a backup.
    pub fn objects(&self) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        self.each_file(|_, name| {
            names.extend(name.map(|name| name.as_str().to_owned()));
            Ok(())
        })?;
        names.sort_unstable();
        Ok(names)
    }

    /// Copies a file out as it is, still sealed. `name` is one of [`Self::objects`].
    pub fn export_object(&self, name: &str, out: &mut dyn Write) -> Result<u64, Error> {
        let name = Name::parse(name).ok_or_else(|| self.no_such(name))?;
        let mut file = self.open_file(&name)?;
        let path = self.path(&name);
        io::copy(&mut file, out).map_err(fs::Error::new("copy", &path)).map_err(Error::from)
    }

    /// Takes a file that was copied out, once it is verified to be what its name says.
    pub fn import_object(&self, name: &str, input: &mut dyn Read) -> Result<(), Error> {
        let name = Name::parse(name).ok_or_else(|| self.no_such(name))?;
        let path = self.path(&name);
        let mut draft = draft(&path)?;
        io::copy(input, &mut draft).map_err(fs::Error::new("write", &path))?;
        let written = File::open(draft.draft_path()).map_err(fs::Error::new("read", &path))?;
        self.check(&name, written)?;
        draft.replace()?;
        Ok(())
    }

    pub(super) fn name(&self, kind: Kind, hash: &ContentHash) -> Name {
        let mut hasher = blake3::Hasher::new_keyed(&self.shared.names);
        hasher.update(kind.folder().as_bytes()).update(&hash.0);
        let hex = hasher.finalize().to_hex();
        let (shard, file) = hex.split_at(2);
        Name(format!("{}/{shard}/{file}", kind.folder()))
    }

    pub(super) fn path(&self, name: &Name) -> PathBuf {
        self.shared.dir.join(&name.0)
    }

    /// Writes a file unless it is there, whole and true. One that is damaged is replaced: its true bytes are at hand.
    pub(super) fn keep(&self, name: &Name, bytes: &mut dyn Read) -> Result<(), Error> {
        if self.want(name)? && self.open_file(name).and_then(|file| self.check(name, file)).is_ok()
        {
            return Ok(());
        }
        let path = self.path(name);
        let failed = |error| Error::from(fs::Error::new("write", &path)(error));
        let draft = draft(&path)?;
        let context = name.as_str().as_bytes();
        let mut sealer = Sealer::new(draft, &self.shared.key, context).map_err(failed)?;
        io::copy(bytes, &mut sealer).map_err(failed)?;
        sealer.finish().map_err(failed)?.replace()?;
        Ok(())
    }

    /// Whether a file is there; if so, it counts as new, so that the sweep leaves it to whoever is about to refer to it.
    fn want(&self, name: &Name) -> Result<bool, Error> {
        let path = self.path(name);
        let _gate = self.shared.gate.lock().unwrap_or_else(PoisonError::into_inner);
        match File::open(&path) {
            Ok(file) => {
                let now = TimeSpec::UTIME_NOW;
                futimens(&file, &now, &now)
                    .map_err(|error| fs::Error::new("touch", &path)(error.into()))?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(fs::Error::new("read", &path)(error).into()),
        }
    }

    /// Reads a file to its end, copying what it holds to `out`.
    pub(super) fn read(&self, name: &Name, out: &mut dyn Write) -> Result<Digests, Error> {
        self.unseal(name, self.open_file(name)?, out)
    }

    fn open_file(&self, name: &Name) -> Result<File, Error> {
        let path = self.path(name);
        File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Missing { path },
            _ => fs::Error::new("read", &path)(error).into(),
        })
    }

    fn unseal(&self, name: &Name, file: File, out: &mut dyn Write) -> Result<Digests, Error> {
        let digests = Opener::new(file, &self.shared.key, name.as_str().as_bytes())
            .and_then(|opener| Digests::of(opener, out));
        digests.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => self.damaged(name, &error.to_string()),
            _ => fs::Error::new("read", &self.path(name))(error).into(),
        })
    }

    /// Checks that a file holds what its name says.
    fn check(&self, name: &Name, file: File) -> Result<(), Error> {
        let digests = self.unseal(name, file, &mut io::sink())?;
        let kind = if name.as_str().starts_with(Kind::Body.folder()) {
            Kind::Body
        } else {
            Kind::Manifest
        };
        if self.name(kind, &digests.blake3) == *name {
            Ok(())
        } else {
            Err(self.damaged(name, "its digest is another"))
        }
    }

    pub(super) fn damaged(&self, name: &Name, what: &str) -> Error {
        Error::Damaged { path: self.path(name), what: what.to_owned() }
    }

    fn no_such(&self, name: &str) -> Error {
        let name: String = name.escape_debug().take(200).collect();
        Error::Missing { path: self.shared.dir.join(name) }
    }
}

fn draft(path: &Path) -> Result<Draft, Error> {
    let folder = path.parent().expect("names have a folder");
    if !folder.exists() {
        fs::create_private_dir(folder)?;
        fs::sync_dir(folder.parent().expect("a shard is in a folder"))?;
    }
    Ok(Draft::new(path, 0o400)?)
}
