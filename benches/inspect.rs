//! How fast documents are inspected against an index of a million fingerprints, against BLAKE3 on the same
//! bytes in the same run.
//!
//! Both go document by document on one thread. Corpus and candidates are sources found on this machine, no
//! file in both; some candidates share passages with the corpus, as in life. `cargo bench --bench inspect`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

mod support;

use std::collections::BTreeMap;

use jiff::Timestamp;
use leakwarden::detect::{Detector, Policy};
use leakwarden::fingerprint::Fingerprinter;
use leakwarden::index::{CorpusEntry, Index, IndexedDocument, Role, Snapshot};
use leakwarden::keys::Keys;
use leakwarden::model::document::{Body, Document, Item, Provenance};
use leakwarden::model::finding::Verdict;

/// Fingerprints of the index.
const PRINTS: usize = 1_000_000;
/// Bytes to inspect.
const CANDIDATES: usize = 8 * 1024 * 1024;

fn main() {
    let mut texts = support::texts(48 * 1024 * 1024);
    let keys = Keys::from_bytes([1; 32]);
    let fingerprinter = Fingerprinter::new(&keys);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let index = Index::open(folder.path(), &keys).expect("an empty index opens");

    let (mut documents, mut bytes) = (Vec::new(), 0);
    while let Some(text) = texts.pop().filter(|_| bytes < CANDIDATES) {
        bytes += text.len();
        documents.push(document(text));
    }
    let (snapshot, prints) = fill(&index, &fingerprinter, &texts);
    let detector = Detector::new(snapshot, fingerprinter, Policy::default());

    let hashing = support::fastest(&documents, |document| {
        if let Body::Memory(bytes) = &document.body {
            std::hint::black_box(blake3::hash(bytes));
        }
    });
    let inspecting = support::fastest(&documents, |document| {
        std::hint::black_box(detector.inspect(document));
    });
    let verdicts = documents.iter().map(|document| detector.inspect(document).verdict());
    let leaks = verdicts.filter(|verdict| *verdict == Verdict::Leak).count();
    support::report("inspect", bytes, documents.len(), inspecting, hashing);
    println!("  against {prints} fingerprints; {leaks} documents share much with them");
}

/// Indexes texts until there are enough fingerprints.
fn fill(index: &Index, fingerprinter: &Fingerprinter, texts: &[String]) -> (Snapshot, usize) {
    let corpus = "sources".parse().expect("a name");
    let mut writer = index.writer().expect("nobody else writes");
    writer.put_corpus(CorpusEntry {
        name: "sources".parse().expect("a name"),
        role: Role::Corpus,
        origin: String::new(),
        attributes: BTreeMap::new(),
        added: Timestamp::UNIX_EPOCH,
        refreshed: None,
        commit: None,
        skipped: BTreeMap::new(),
    });
    let mut count = 0;
    for (number, text) in texts.iter().enumerate() {
        if count >= PRINTS {
            break;
        }
        let prints = fingerprinter.text(text);
        count += prints.prints.len();
        let document = IndexedDocument {
            name: number.to_string(),
            version: String::new(),
            bytes: text.len() as u64,
            prints,
        };
        writer.put_document(&corpus, document).expect("the index is writable");
    }
    writer.commit().expect("the index is writable");
    (index.snapshot().expect("the index is readable"), count)
}

fn document(text: String) -> Document {
    Document {
        source: "bench".parse().expect("a name"),
        item: Item {
            id: String::new(),
            version: String::new(),
            place: String::new(),
            title: None,
            author: None,
            published: None,
            handle: serde_json::Value::Null,
        },
        body: Body::Memory(text.into_bytes().into()),
        media_type: None,
        truncated: false,
        provenance: Provenance::File { modified: None, read: Timestamp::UNIX_EPOCH },
    }
}
