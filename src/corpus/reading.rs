//! Files to documents of the index.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{Error, Reader};
use crate::index::IndexedDocument;
use crate::model::document::{Body, Document, Item, Provenance};
use crate::model::ids::SourceName;

/// A file that is to be indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its path within the corpus, `/` between folders.
    pub name: String,
    /// Tells that it has not changed.
    pub version: String,
    /// Its size.
    pub bytes: u64,
}

/// The files of a corpus.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Those to be read, by name.
    pub found: Vec<Found>,
    /// All there were.
    pub files: u64,
    /// Left out already, by reason.
    pub skipped: BTreeMap<String, u64>,
}

/// What one file became.
#[derive(Debug, Default)]
pub(super) struct Fingerprinted {
    /// Its documents: one, or one a member of an archive.
    pub documents: Vec<IndexedDocument>,
    /// Why it, or members of it, were left out.
    pub skipped: Vec<String>,
}

/// Between an archive and its members.
const MEMBER: &str = "!/";

/// Whether the index has this file, or the members of it, in this version.
pub(super) fn is_known(before: &BTreeMap<String, String>, found: &Found) -> bool {
    documents_of(before, found).any(|(_, version)| *version == found.version)
}

/// Marks what the index has of a file as present; gives how many documents that are.
pub(super) fn keep(
    before: &BTreeMap<String, String>,
    found: &Found,
    present: &mut BTreeSet<String>,
) -> u64 {
    let mut kept = 0;
    for (name, _) in documents_of(before, found) {
        present.insert(name.clone());
        kept += 1;
    }
    kept
}

fn documents_of<'a>(
    before: &'a BTreeMap<String, String>,
    found: &'a Found,
) -> impl Iterator<Item = (&'a String, &'a String)> {
    let members = format!("{}{MEMBER}", found.name);
    let is_member = {
        let members = members.clone();
        move |name: &String| name.starts_with(&members)
    };
    before
        .get_key_value(&found.name)
        .into_iter()
        .chain(before.range(members..).take_while(move |(name, _)| is_member(name)))
}

/// Reads files one after the other, fingerprints them side by side, and gives them back in their order.
pub(super) fn fingerprint<'a>(
    reader: &Reader,
    files: &[&'a Found],
    read: &mut dyn FnMut(&Found) -> Result<Vec<u8>, Error>,
) -> Result<Vec<(&'a Found, Fingerprinted)>, Error> {
    /// Bytes read before they are fingerprinted, so that memory stays bounded.
    const AT_ONCE: u64 = 64 << 20;
    let mut all = Vec::with_capacity(files.len());
    let mut pending: Vec<(&Found, Vec<u8>)> = Vec::new();
    let mut bytes = 0;
    for (at, found) in files.iter().enumerate() {
        if found.bytes > reader.limits.text_bytes {
            let skipped = vec!["too large".to_owned()];
            all.push((*found, Fingerprinted { documents: Vec::new(), skipped }));
        } else {
            pending.push((found, read(found)?));
            bytes += found.bytes;
        }
        if bytes >= AT_ONCE || at + 1 == files.len() {
            bytes = 0;
            all.par_extend(std::mem::take(&mut pending).into_par_iter().map(|(found, bytes)| {
                let fingerprinted = one(reader, found, bytes);
                (found, fingerprinted)
            }));
        }
    }
    Ok(all)
}

fn one(reader: &Reader, found: &Found, bytes: Vec<u8>) -> Fingerprinted {
    let document = as_document(found, bytes);
    let mut result = Fingerprinted::default();
    crate::extract::extract(&document, &reader.limits, &mut |piece| {
        let text = match piece.text {
            Ok(text) => text,
            Err(reason) => {
                result.skipped.push(reason.to_string());
                return;
            }
        };
        let prints = reader.fingerprinter.text(&text);
        if prints.prints.is_empty() && prints.whole.is_none() {
            result.skipped.push(
                if text.trim().is_empty() { "empty" } else { "too short to recognise" }.to_owned(),
            );
            return;
        }
        let name = if piece.member.is_empty() {
            found.name.clone()
        } else {
            format!("{}{MEMBER}{}", found.name, piece.member)
        };
        let version = found.version.clone();
        result.documents.push(IndexedDocument { name, version, bytes: text.len() as u64, prints });
    });
    result
}

/// The file as extraction wants it: corpora and finds go through the same reading, so that both sides agree.
fn as_document(found: &Found, bytes: Vec<u8>) -> Document {
    let item = Item {
        id: found.name.clone(),
        version: found.version.clone(),
        place: found.name.clone(),
        title: None,
        author: None,
        published: None,
        handle: serde_json::Value::Null,
    };
    let source: SourceName =
        "corpus".parse().unwrap_or_else(|_| unreachable!("`corpus` is a name"));
    let provenance = Provenance::File { modified: None, read: jiff::Timestamp::UNIX_EPOCH };
    Document {
        source,
        item,
        body: Body::Memory(bytes.into()),
        media_type: None,
        truncated: false,
        provenance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, version: &str) -> Found {
        Found { name: name.to_owned(), version: version.to_owned(), bytes: 1 }
    }

    #[test]
    fn a_file_is_known_by_its_own_name_or_by_its_members() {
        let before = BTreeMap::from(
            [("a.rs", "1"), ("b.zip!/x", "1"), ("b.zip!/y", "1"), ("b.zip2", "1")]
                .map(|(name, version)| (name.to_owned(), version.to_owned())),
        );
        assert!(is_known(&before, &found("a.rs", "1")));
        assert!(!is_known(&before, &found("a.rs", "2")), "it has changed");
        assert!(is_known(&before, &found("b.zip", "1")));
        assert!(!is_known(&before, &found("b", "1")), "a prefix is not a member");
        let mut present = BTreeSet::new();
        assert_eq!(keep(&before, &found("b.zip", "1"), &mut present), 2);
    }
}
