//! What the index as a whole promises: answers, here; what damage and crashes leave, in `durability`.

mod durability;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

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
    let mut documents = BTreeMap::new();
    let mut last = None;
    snapshot.postings(values, cap, &mut |index, postings, total| {
        assert!(last < Some(index), "values are answered once and in order");
        last = Some(index);
        assert_eq!(postings.len(), cap.min(total as usize));
        let order: Vec<_> = postings.iter().map(|p| (p.document, p.position)).collect();
        assert!(order.is_sorted());
        let named = |posting: &Posting| {
            let number = posting.document;
            let document = documents.entry(number).or_insert_with(|| snapshot.document(number));
            assert_eq!(document.role, snapshot.role(number));
            assert_eq!(document.whole, snapshot.whole_of(number));
            let name = document.name.clone();
            (document.corpus.to_string(), name, posting.position, posting.lines)
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

/// What an index must answer: the simplest thing that could.
#[derive(Debug, Clone, Default)]
struct Model {
    corpora: BTreeMap<String, Role>,
    documents: BTreeMap<(String, String), (String, Vec<u64>)>,
}

impl Model {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::PutCorpus(name, role) => {
                self.corpora.insert(NAMES[*name].to_owned(), *role);
            }
            Change::Put(corpus, name, version, values) => {
                let corpus = NAMES[*corpus].to_owned();
                if self.corpora.contains_key(&corpus) {
                    let key = (corpus, format!("file-{name}"));
                    self.documents.insert(key, (version.to_string(), values.clone()));
                }
            }
            Change::Remove(corpus, name) => {
                self.documents.remove(&(NAMES[*corpus].to_owned(), format!("file-{name}")));
            }
            Change::RemoveCorpus(name) => {
                self.corpora.remove(NAMES[*name]);
                self.documents.retain(|(corpus, _), _| corpus != NAMES[*name]);
            }
            Change::Commit | Change::Flush | Change::Restart | Change::Abandon => {}
        }
    }

    fn places(&self) -> Places {
        let mut places = Places::new();
        for ((corpus, name), (version, values)) in &self.documents {
            for print in document(name, version, values).prints.prints {
                let place = (corpus.clone(), name.clone(), print.position, print.lines);
                places.entry(print.value).or_default().push(place);
            }
        }
        for held in places.values_mut() {
            held.sort();
        }
        places
    }

    fn versions(&self, corpus: &str) -> BTreeMap<String, String> {
        let held = self.documents.iter().filter(|((of, _), _)| of == corpus);
        held.map(|((_, name), (version, _))| (name.clone(), version.clone())).collect()
    }

    fn check(&self, snapshot: &Snapshot) {
        let values = all_values();
        assert_eq!(places(snapshot, &values, usize::MAX), self.places());
        let capped = places(snapshot, &values, 2);
        assert_eq!(capped.keys().collect::<Vec<_>>(), self.places().keys().collect::<Vec<_>>());
        let roles: BTreeMap<String, Role> =
            snapshot.corpora().into_iter().map(|c| (c.name.to_string(), c.role)).collect();
        assert_eq!(roles, self.corpora);
        let of_corpora = |(of, _): &&(String, String)| self.corpora[of] == Role::Corpus;
        let documents = self.documents.keys().filter(of_corpora).count() as u64;
        assert_eq!(snapshot.documents(), documents);
        for name in NAMES {
            let held = || self.documents.iter().filter(|((of, _), _)| of == name);
            let prints: usize = held().map(|(_, (_, values))| values.len()).sum();
            assert_eq!(snapshot.counts(&corpus(name)), (held().count() as u64, prints as u64));
        }
        for ((of, name), (version, values)) in &self.documents {
            let given = document(name, version, values);
            let Some(whole) = given.prints.whole else { continue };
            let entries = snapshot.whole(whole).into_iter().map(|number| snapshot.document(number));
            let expected = DocumentEntry {
                corpus: corpus(of),
                role: self.corpora[of],
                name: name.clone(),
                version: version.clone(),
                bytes: given.bytes,
                length: given.prints.length,
                lines: given.prints.lines,
                prints: u32::try_from(values.len()).unwrap(),
                whole: Some(whole),
            };
            assert!(entries.into_iter().any(|entry| entry == expected), "{expected:?}");
        }
    }
}

const NAMES: [&str; 3] = ["billing", "oss", "payroll"];

/// Values of the model tests: some share a bucket, some stand at the ends of the range.
fn all_values() -> Vec<u64> {
    let spread = (0..40u64).map(|i| i.wrapping_mul(0x1357_9bdf_0246_8ace));
    spread.chain([0, 1, 2, u64::MAX - 1, u64::MAX]).collect::<BTreeSet<_>>().into_iter().collect()
}

#[derive(Debug, Clone)]
enum Change {
    PutCorpus(usize, Role),
    Put(usize, u8, u8, Vec<u64>),
    Remove(usize, u8),
    RemoveCorpus(usize),
    /// What waits becomes a segment, as if memory had run out.
    Flush,
    Commit,
    /// Commit, then go on with an index opened anew.
    Restart,
    /// Drop the writer: nothing since the last commit may remain.
    Abandon,
}

fn change() -> impl Strategy<Value = Change> {
    let value = proptest::sample::select(all_values());
    let values = proptest::collection::vec(value, 0..12);
    let role = prop_oneof![Just(Role::Corpus), Just(Role::Baseline)];
    prop_oneof![
        2 => (0..3usize, role).prop_map(|(corpus, role)| Change::PutCorpus(corpus, role)),
        12 => (0..3usize, 0..8u8, any::<u8>(), values)
            .prop_map(|(corpus, name, version, values)| Change::Put(corpus, name, version, values)),
        3 => (0..3usize, 0..8u8).prop_map(|(corpus, name)| Change::Remove(corpus, name)),
        1 => (0..3usize).prop_map(Change::RemoveCorpus),
        2 => Just(Change::Flush),
        3 => Just(Change::Commit),
        1 => Just(Change::Restart),
        1 => Just(Change::Abandon),
    ]
}

fn apply(writer: &mut Writer, change: &Change) {
    match change {
        Change::PutCorpus(name, role) => writer.put_corpus(entry(NAMES[*name], *role)),
        Change::Put(of, name, version, values) => {
            let document = document(&format!("file-{name}"), &version.to_string(), values);
            let known = writer.put_document(&corpus(NAMES[*of]), document);
            assert!(matches!(known, Ok(()) | Err(Error::UnknownCorpus { .. })));
        }
        Change::Remove(of, name) => {
            writer.remove_document(&corpus(NAMES[*of]), &format!("file-{name}"));
        }
        Change::RemoveCorpus(name) => writer.remove_corpus(&corpus(NAMES[*name])),
        Change::Flush => writer.flush().unwrap(),
        Change::Commit | Change::Restart => {
            writer.commit().unwrap();
        }
        Change::Abandon => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_index_answers_as_the_simplest_model_does(
        changes in proptest::collection::vec(change(), 1..60),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut index = Index::open(dir.path(), &keys()).unwrap();
        let mut writer = index.writer().unwrap();
        let (mut committed, mut model) = (Model::default(), Model::default());
        let mut old = None;
        for change in &changes {
            apply(&mut writer, change);
            model.apply(change);
            if matches!(change, Change::Restart | Change::Abandon) {
                drop(writer);
                index = Index::open(dir.path(), &keys()).unwrap();
                writer = index.writer().unwrap();
            }
            match change {
                Change::Commit | Change::Restart => {
                    committed = model.clone();
                    old = Some((index.snapshot().unwrap(), committed.clone()));
                }
                Change::Abandon => model = committed.clone(),
                _ => {}
            }
            for name in NAMES {
                prop_assert_eq!(writer.versions(&corpus(name)).unwrap(), model.versions(name));
            }
        }
        committed.check(&index.snapshot().unwrap());
        writer.commit().unwrap();
        model.check(&index.snapshot().unwrap());
        model.check(&Index::open(dir.path(), &keys()).unwrap().snapshot().unwrap());
        if let Some((snapshot, model)) = old {
            model.check(&snapshot);
        }
        let segments = index.snapshot().unwrap().generation.segments.len();
        prop_assert_eq!(index.folder.segments().unwrap().len(), segments, "nothing is left over");
    }
}

#[test]
fn there_is_one_writer_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), &keys()).unwrap();
    let writer = index.writer().unwrap();
    assert!(matches!(index.writer(), Err(Error::Locked { .. })));
    let other = Index::open(dir.path(), &keys()).unwrap();
    assert!(matches!(other.writer(), Err(Error::Locked { .. })));
    drop(writer);
    other.writer().unwrap();
}

#[test]
fn a_reader_in_another_process_follows_a_busy_writer() {
    let dir = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // An index opened by itself shares nothing with the writer but the folder.
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let reader = Index::open(dir.path(), &keys()).unwrap();
                    let mut generations = BTreeSet::new();
                    while !stop.load(Ordering::Relaxed) {
                        let snapshot = reader.snapshot().unwrap();
                        // Generation n holds documents 1 to n, all with the same value.
                        let (mut held, n) = (0, snapshot.generation());
                        snapshot.postings(&[0], usize::MAX, &mut |_, postings, _| {
                            held = postings.len();
                        });
                        assert_eq!((held as u64, snapshot.documents()), (n, n));
                        generations.insert(n);
                    }
                    generations.len()
                })
            })
            .collect();
        let index = Index::open(dir.path(), &keys()).unwrap();
        let mut writer = index.writer().unwrap();
        writer.put_corpus(entry("billing", Role::Corpus));
        for n in 1..=150 {
            writer.put_document(&corpus("billing"), document(&n.to_string(), "", &[0, n])).unwrap();
            assert_eq!(writer.commit().unwrap(), n);
        }
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 1, "the reader saw generations come");
        }
    });
}

#[test]
fn memory_is_bounded_by_writing_segments_before_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), &keys()).unwrap();
    let mut writer = index.writer().unwrap();
    writer.pending_bytes = 5_000;
    writer.put_corpus(entry("billing", Role::Corpus));
    let mut model = Model::default();
    model.corpora.insert("billing".to_owned(), Role::Corpus);
    for n in 0..100u64 {
        let values: Vec<u64> =
            all_values().into_iter().filter(|value| value % 3 == n % 3).collect();
        let name = (n % 70).to_string();
        writer.put_document(&corpus("billing"), document(&name, "", &values)).unwrap();
        model.documents.insert(("billing".to_owned(), name), (String::new(), values));
        assert!(writer.pending.bytes() < 5_000);
    }
    assert!(writer.segments.len() > 2);
    assert_eq!(index.snapshot().unwrap().documents(), 0);
    writer.commit().unwrap();
    assert_eq!(writer.segments.len(), 1, "a commit merges them");
    model.check(&index.snapshot().unwrap());
}
