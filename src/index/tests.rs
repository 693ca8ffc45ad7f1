//! What the index as a whole promises.

use std::collections::BTreeMap;
use std::fs as stdfs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::*;
use crate::fingerprint::Print;

fn keys() -> Keys {
    Keys::from_bytes([42; 32])
}

fn corpus(name: &str) -> CorpusName {
    name.parse().unwrap()
}

fn entry(name: &str, role: Role) -> CorpusEntry {
    CorpusEntry {
        name: corpus(name),
        role,
        origin: "/home/origin-of-the-work".to_owned(),
        attributes: BTreeMap::from([("owner".to_owned(), "attribute-owner".to_owned())]),
        added: Timestamp::UNIX_EPOCH,
        refreshed: None,
        commit: None,
        skipped: BTreeMap::new(),
    }
}

/// A document whose prints are given as values; their places follow from their order.
fn document(name: &str, version: &str, values: &[u64]) -> IndexedDocument {
    let print = |(at, &value): (u32, &u64)| Print {
        value,
        position: at * 17,
        lines: Lines { first: 1 + at / 2, last: 2 + at / 2 },
    };
    IndexedDocument {
        name: name.to_owned(),
        version: version.to_owned(),
        bytes: values.len() as u64 * 30,
        prints: TextPrints {
            prints: (0..).zip(values).map(print).collect(),
            length: 17 * u32::try_from(values.len()).unwrap(),
            lines: 1 + u32::try_from(values.len()).unwrap() / 2,
            whole: (!values.is_empty())
                .then(|| values.iter().fold(0, |sum: u64, value| sum.wrapping_add(*value))),
        },
    }
}

/// What stands where: by value, the corpus, name, position and lines.
type Places = BTreeMap<u64, Vec<(String, String, u32, Lines)>>;

/// Everything that the snapshot answers about these values.
fn places(snapshot: &Snapshot, values: &[u64], cap: usize) -> Places {
    let mut places = Places::new();
    let mut last = None;
    snapshot.postings(values, cap, &mut |index, postings, total| {
        assert!(last < Some(index), "values are answered once and in order");
        last = Some(index);
        assert_eq!(postings.len(), cap.min(total as usize));
        let order: Vec<_> = postings.iter().map(|p| (p.document, p.position)).collect();
        assert!(order.is_sorted());
        let named = |posting: &Posting| {
            let document = snapshot.document(posting.document);
            assert_eq!(document.role, snapshot.role(posting.document));
            assert_eq!(document.whole, snapshot.whole_of(posting.document));
            (document.corpus.to_string(), document.name, posting.position, posting.lines)
        };
        let mut held: Vec<_> = postings.iter().map(named).collect();
        held.sort();
        places.insert(values[index], held);
    });
    places
}

#[test]
fn what_was_put_is_found_after_the_commit_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(&dir.path().join("index"), &keys()).unwrap();
    let before = index.snapshot().unwrap();
    assert_eq!((before.generation(), before.documents()), (0, 0));
    let mut writer = index.writer().unwrap();
    writer.put_corpus(entry("billing", Role::Corpus));
    writer.put_corpus(entry("oss", Role::Baseline));
    writer.put_document(&corpus("billing"), document("a.rs", "1", &[1, 2, 2, u64::MAX])).unwrap();
    writer.put_document(&corpus("oss"), document("b.rs", "1", &[2, 0])).unwrap();
    assert_eq!(index.snapshot().unwrap().generation(), 0);
    assert_eq!(writer.commit().unwrap(), 1);
    assert_eq!(writer.commit().unwrap(), 1, "nothing changed");

    let snapshot = index.snapshot().unwrap();
    assert_eq!(before.generation(), 0, "a snapshot stays what it was");
    assert_eq!(snapshot.generation(), 1);
    assert_eq!(snapshot.documents(), 1);
    assert_eq!(snapshot.counts(&corpus("billing")), (1, 4));
    assert_eq!(snapshot.counts(&corpus("oss")), (1, 2));
    assert_eq!(snapshot.counts(&corpus("unknown")), (0, 0));
    assert_eq!(snapshot.corpora(), [entry("billing", Role::Corpus), entry("oss", Role::Baseline)]);
    let found = places(&snapshot, &[0, 1, 2, 3, u64::MAX], 10);
    let lines = |first, last| Lines { first, last };
    let billing = |position, lines| ("billing".to_owned(), "a.rs".to_owned(), position, lines);
    let oss = |position, lines| ("oss".to_owned(), "b.rs".to_owned(), position, lines);
    let expected = Places::from([
        (0, vec![oss(17, lines(1, 2))]),
        (1, vec![billing(0, lines(1, 2))]),
        (2, vec![billing(17, lines(1, 2)), billing(34, lines(2, 3)), oss(0, lines(1, 2))]),
        (u64::MAX, vec![billing(51, lines(2, 3))]),
    ]);
    assert_eq!(found, expected);
    assert_eq!(snapshot.whole(4).len(), 1);
    assert_eq!(snapshot.whole(7), []);
}
