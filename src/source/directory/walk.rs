//! Walking through the folder, page by page, in the order of the paths.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::gitignore::Gitignore;
use jiff::Timestamp;

use super::super::{Error, PAGE_ITEMS, clip};
use super::Settings;
use crate::model::document::Item;

/// A file that was listed.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) size: u64,
    pub(super) modified_ns: i128,
}

impl Found {
    pub(super) fn new(id: String, metadata: &Metadata) -> Self {
        let modified_ns =
            i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        Self { id, size: metadata.len(), modified_ns }
    }

    pub(super) fn into_item(self, root: &Path) -> Item {
        let path = decode(&self.id);
        Item {
            version: format!("{}-{}", self.size, self.modified_ns),
            place: root.join(&path).to_string_lossy().into_owned(),
            title: path.file_name().and_then(|name| clip(&name.to_string_lossy())),
            author: None,
            published: Timestamp::from_nanosecond(self.modified_ns).ok(),
            handle: serde_json::Value::Null,
            id: self.id,
        }
    }
}

/// A walk through the folder in the order of the paths, which can be stopped and gone on with.
pub(super) struct Walk {
    settings: Arc<Settings>,
    ignored: Arc<Gitignore>,
    /// The folders we are in, outermost first, with the names still to come, last name first.
    open: Option<Vec<(PathBuf, Vec<Name>)>>,
    /// Where to begin.
    after: Option<PathBuf>,
    /// The id of the last file listed.
    pub(super) last: Option<String>,
    /// Folders that could not be read.
    pub(super) unreadable: Vec<String>,
}

struct Name {
    name: OsString,
    is_folder: bool,
}

impl Walk {
    pub(super) fn new(
        settings: Arc<Settings>,
        ignored: Arc<Gitignore>,
        after: Option<PathBuf>,
    ) -> Self {
        Self { settings, ignored, open: None, after, last: None, unreadable: Vec::new() }
    }

    /// The next page of files.
    pub(super) fn page(&mut self) -> Result<Vec<Found>, Error> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => {
                vec![(PathBuf::new(), self.names(Path::new("")).map_err(|e| self.refused(&e))?)]
            }
        };
        let mut files = Vec::new();
        while files.len() < PAGE_ITEMS {
            let Some((folder, names)) = open.last_mut() else { break };
            let Some(Name { name, is_folder }) = names.pop() else {
                open.pop();
                continue;
            };
            let path = folder.join(name);
            if self.ignored.matched(&path, is_folder).is_ignore() {
                continue;
            }
            if is_folder {
                match self.names(&path) {
                    Ok(names) => open.push((path, names)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => self.unreadable.push(format!(
                        "the folder `{}` cannot be read: {error}",
                        path.display().to_string().escape_debug()
                    )),
                }
            } else {
                files.extend(self.found(&path));
            }
        }
        self.open = Some(open);
        Ok(files)
    }

    fn found(&mut self, path: &Path) -> Option<Found> {
        let id = encode(path);
        let found = match std::fs::symlink_metadata(self.settings.path.join(path)) {
            Ok(metadata) => Found::new(id.clone(), &metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            // Listed all the same, so that fetching it says why it cannot be read.
            Err(_) => Found { id: id.clone(), size: 0, modified_ns: 0 },
        };
        self.last = Some(id);
        Some(found)
    }

    /// The files and folders in a folder that come after the beginning, last name first.
    fn names(&self, folder: &Path) -> io::Result<Vec<Name>> {
        let floor = self.after.as_deref().and_then(|after| {
            let mut rest = after.strip_prefix(folder).ok()?.components();
            let first = rest.next()?.as_os_str().to_owned();
            Some((first, rest.next().is_some()))
        });
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.settings.path.join(folder))? {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), entry.file_type()?);
            let is_folder = kind.is_dir();
            if !(kind.is_file() || is_folder && self.settings.recursive) {
                continue;
            }
            let is_done = match &floor {
                Some((floor, true)) => name < *floor,
                Some((floor, false)) => name <= *floor,
                None => false,
            };
            if !is_done {
                names.push(Name { name, is_folder });
            }
        }
        names.sort_unstable_by(|a, b| b.name.cmp(&a.name));
        Ok(names)
    }

    fn refused(&self, error: &io::Error) -> Error {
        let what = format!("the folder `{}` cannot be read: {error}", self.settings.path.display());
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => Error::Refused(what),
            _ => Error::Unavailable(what),
        }
    }
}

/// Marks an id that holds the bytes of a path in hex.
const HEX: &str = "hex:";

/// A path as an id: itself if it is text, else its bytes.
pub(super) fn encode(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.starts_with(HEX) => text.to_owned(),
        _ => path
            .as_os_str()
            .as_bytes()
            .iter()
            .fold(HEX.to_owned(), |id, byte| format!("{id}{byte:02x}")),
    }
}

pub(super) fn decode(id: &str) -> PathBuf {
    let Some(hex) = id.strip_prefix(HEX) else { return PathBuf::from(id) };
    let digits: Vec<u8> =
        hex.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    let bytes = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    PathBuf::from(OsString::from_vec(bytes))
}
