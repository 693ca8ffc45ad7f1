//! The files of a folder, by its ignore rules.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use super::Error;
use super::reading::{Found, Listing};

/// A folder of documents.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Names that are not Unicode, and what they are really called.
    odd: BTreeMap<String, PathBuf>,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), odd: BTreeMap::new() }
    }

    /// Lists the folder: hidden files too, ignored ones not, links never. What is left out is counted by reason; so
    /// is a folder that cannot be entered.
    pub(super) fn list(&mut self) -> Listing {
        list(&self.root, &mut self.odd)
    }

    pub(super) fn read(&self, found: &Found) -> Result<Vec<u8>, Error> {
        let path = match self.odd.get(&found.name) {
            Some(path) => path.clone(),
            None => self.root.join(&found.name),
        };
        Ok(crate::fs::read(&path)?)
    }
}

fn list(root: &Path, odd: &mut BTreeMap<String, PathBuf>) -> Listing {
    let mut listing = Listing::default();
    let kept: BTreeSet<PathBuf> =
        walk(root, true).filter_map(Result::ok).map(DirEntry::into_path).collect();
    for entry in walk(root, false) {
        let Ok(entry) = entry else {
            skip(&mut listing, "could not be listed");
            continue;
        };
        let Some(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            continue;
        }
        listing.files += 1;
        if kind.is_symlink() {
            skip(&mut listing, "symbolic links");
        } else if !kind.is_file() {
            skip(&mut listing, "not a regular file");
        } else if !kept.contains(entry.path()) {
            skip(&mut listing, "ignored by .gitignore");
        } else {
            match found(root, &entry, odd) {
                Some(found) => listing.found.push(found),
                None => skip(&mut listing, "could not be listed"),
            }
        }
    }
    listing.found.sort_by(|a, b| a.name.cmp(&b.name));
    listing
}

fn skip(listing: &mut Listing, reason: &str) {
    *listing.skipped.entry(reason.to_owned()).or_default() += 1;
}

fn walk(root: &Path, rules: bool) -> impl Iterator<Item = Result<DirEntry, ignore::Error>> {
    WalkBuilder::new(root)
        .hidden(false)
        .parents(false)
        .ignore(false)
        .git_global(false)
        .git_exclude(rules)
        .git_ignore(rules)
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry| entry.file_name() != ".git" && !is_our_data(entry.path()))
        .build()
}

/// Our own data folder inside a corpus would make every reading differ from the last.
fn is_our_data(path: &Path) -> bool {
    path.is_dir() && path.join("index").join("manifest").exists() && path.join("key").exists()
}

fn found(root: &Path, entry: &DirEntry, odd: &mut BTreeMap<String, PathBuf>) -> Option<Found> {
    let metadata = entry.metadata().ok()?;
    let below = entry.path().strip_prefix(root).ok()?;
    let name = match (below.as_os_str().is_empty(), below.to_str()) {
        // The corpus is a single file.
        (true, _) => root.file_name()?.to_string_lossy().into_owned(),
        (false, Some(name)) => name.to_owned(),
        (false, None) => below.to_string_lossy().into_owned(),
    };
    if root.join(&name) != entry.path() {
        odd.insert(name.clone(), entry.path().to_owned());
    }
    Some(Found {
        name,
        version: format!("{} {}.{:09}", metadata.len(), metadata.mtime(), metadata.mtime_nsec()),
        bytes: metadata.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::write_new;

    #[test]
    fn hidden_files_count_ignored_ones_and_links_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("src/.git")).unwrap();
        std::fs::create_dir_all(root.join("build")).unwrap();
        for (name, text) in [
            ("src/a.rs", "a"),
            (".env", "b"),
            ("build/out.rs", "c"),
            (".gitignore", "/build/\n"),
            ("src/.git/x", "d"),
        ] {
            write_new(&root.join(name), text.as_bytes(), 0o600).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
        let listing = Folder::new(root).list();
        let names: Vec<&str> = listing.found.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, [".env", ".gitignore", "src/a.rs"]);
        assert_eq!(listing.skipped["symbolic links"], 1);
        assert_eq!(listing.skipped["ignored by .gitignore"], 1);
        assert_eq!(listing.files, 5);
    }
}
