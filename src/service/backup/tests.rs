//! Backups and restores over whole data folders, refusals included.

use std::path::Path;

use crate::config::DataDir;
use crate::index::{CorpusEntry, Role};
use crate::model::document::{Body, Document, Item, Provenance};
use crate::store::record::Commit;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// A data folder in which there is something of everything, and a configuration beside it.
fn furnished(dir: &Path) -> (DataDir, Backup) {
    let data = DataDir::new(dir.join("data"));
    let keys = data.keys(&data.key_file()).unwrap();
    let record = Record::open(&data.record()).unwrap();
    let evidence = EvidenceStore::open(&data.evidence(), &keys).unwrap();
    let index = Arc::new(Index::open(&data.index(), &keys).unwrap());
    let kept = evidence.put(&document(b"def total(invoice): return 42\n")).unwrap();
    let commit = Commit {
        source: "pastes".parse().unwrap(),
        findings: Vec::new(),
        looked_at: 1,
        unreadable: 0,
        missed: Vec::new(),
        cut: vec![(kept, "cut off".to_owned())],
        recovered: Vec::new(),
        cursor: None,
        gap: None,
        last: true,
        at: at(1),
    };
    record.commit(commit, &mut |_, _| unreachable!("no finding is to be decided")).unwrap();
    let mut writer = index.writer().unwrap();
    writer.put_corpus(corpus("billing"));
    writer.commit().unwrap();
    fs::create_private_dir(&dir.join("watchlists")).unwrap();
    for (name, text) in [("leakwarden.toml", ""), ("watchlists/allowed.toml", "# none\n")] {
        fs::write_atomic(&dir.join(name), text.as_bytes(), 0o644).unwrap();
    }
    let configuration = Some(dir.join("leakwarden.toml"));
    (data, Backup { record, evidence, index, keys, configuration })
}

fn document(bytes: &'static [u8]) -> Document {
    Document {
        source: "pastes".parse().unwrap(),
        item: Item {
            id: "a".to_owned(),
            version: "1".to_owned(),
            place: "https://paste.example/a".to_owned(),
            title: None,
            author: None,
            published: None,
            handle: serde_json::Value::Null,
        },
        body: Body::Memory(bytes::Bytes::from_static(bytes)),
        media_type: None,
        truncated: true,
        provenance: Provenance::File { modified: None, read: at(0) },
    }
}

fn corpus(name: &str) -> CorpusEntry {
    CorpusEntry {
        name: name.parse().unwrap(),
        role: Role::Corpus,
        origin: "/srv/billing".to_owned(),
        attributes: std::collections::BTreeMap::new(),
        added: at(0),
        refreshed: Some(at(0)),
        commit: None,
        skipped: std::collections::BTreeMap::new(),
    }
}

/// An empty data folder that holds nothing but the key of another.
fn beside(dir: &Path, data: &DataDir) -> DataDir {
    let fresh = DataDir::new(dir.to_owned());
    fresh.create().unwrap();
    let key = fs::read(&data.key_file()).unwrap();
    fs::write_new(&fresh.key_file(), &key, 0o600).unwrap();
    fresh
}

fn back(from: &Path, to: &DataDir) -> Result<Contents, Error> {
    restore(from, &to.key_file(), to, &Actor::Program, at(9))
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_backed_up_is_restored_and_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup) = furnished(dir.path());
    let file = dir.path().join("backup");
    let written = backup.write(&file, &Actor::Program, at(5)).unwrap();
    assert_eq!((written.evidence, written.corpora, written.configuration), (1, 1, 2));

    let fresh = beside(&dir.path().join("fresh"), &data);
    let restored = back(&file, &fresh).unwrap();
    assert_eq!(restored, written);
    assert_eq!(
        names(fresh.path()),
        ["evidence", "index", "key", "lock", "record.redb", "restored-configuration"]
    );
    assert_eq!(
        fs::read(&fresh.restored_configuration().join("watchlists/allowed.toml")).unwrap(),
        b"# none\n"
    );
    let record = Record::open(&fresh.record()).unwrap();
    let evidence = EvidenceStore::open(&fresh.evidence(), &backup.keys).unwrap();
    let kept = record.all_evidence().unwrap();
    assert_eq!(kept, backup.record.all_evidence().unwrap());
    evidence.verify(&kept[0].evidence).unwrap();
    let deeds: Vec<String> = record.custody().unwrap().into_iter().map(|line| line.what).collect();
    assert_eq!(deeds, ["evidence.stored", "backup.begun", "backup.restored"]);
    let index = Index::open(&fresh.index(), &backup.keys).unwrap();
    assert_eq!(index.snapshot().unwrap().corpora(), [corpus("billing")]);
    drop(record);
    assert!(matches!(back(&file, &fresh), Err(Error::NotEmpty { .. })), "not over anything");
}

#[test]
fn a_backup_that_was_changed_or_cut_off_leaves_the_folder_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup) = furnished(dir.path());
    let file = dir.path().join("backup");
    backup.write(&file, &Actor::Program, at(5)).unwrap();
    let good = fs::read(&file).unwrap();
    let fresh = beside(&dir.path().join("fresh"), &data);
    for place in (0..good.len()).step_by(good.len() / 40) {
        let mut flipped = good.clone();
        flipped[place] ^= 4;
        for bad in [&flipped, &good[..place]] {
            fs::write_atomic(&file, bad, 0o600).unwrap();
            back(&file, &fresh).unwrap_err();
            assert_eq!(names(fresh.path()), ["key", "lock"], "at {place}");
        }
    }
}

#[test]
fn a_backup_of_another_key_or_of_something_else_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup) = furnished(dir.path());
    let file = dir.path().join("backup");
    backup.write(&file, &Actor::Program, at(5)).unwrap();
    let other = DataDir::new(dir.path().join("other"));
    let refusal = back(&file, &other).unwrap_err();
    assert!(refusal.to_string().contains("put your copy of the key there"), "{refusal}");
    other.keys(&other.key_file()).unwrap();
    let refusal = back(&file, &other).unwrap_err();
    assert!(refusal.to_string().ends_with("put the key file of that time in place"), "{refusal}");

    let fresh = beside(&dir.path().join("fresh"), &data);
    let strange = dir.path().join("strange");
    let mut writer = Writer::create(&strange, &backup.keys).unwrap();
    add(&mut writer, "about.json", &strange, &mut &b"{}"[..]).unwrap();
    writer.finish().unwrap();
    assert!(matches!(back(&strange, &fresh), Err(Error::Strange { .. })));
    let lock = fs::Lock::try_acquire(&fresh.lock()).unwrap();
    assert!(matches!(back(&file, &fresh), Err(Error::InUse(_))));
    drop(lock);
    assert_eq!(names(fresh.path()), ["key", "lock"]);
}

#[test]
fn a_restore_that_was_interrupted_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup) = furnished(dir.path());
    let file = dir.path().join("backup");
    let written = backup.write(&file, &Actor::Program, at(5)).unwrap();
    let fresh = beside(&dir.path().join("fresh"), &data);
    // Killed after the index was moved.
    fs::create_private_dir(&fresh.restoring()).unwrap();
    fs::create_private_dir(&fresh.index()).unwrap();
    fs::write_new(&fresh.index().join("manifest"), b"half", 0o600).unwrap();
    fs::write_new(&fresh.restoring().join("record.redb"), b"half", 0o600).unwrap();
    assert_eq!(back(&file, &fresh).unwrap(), written);
    assert!(!fresh.restoring().exists());
}

#[test]
fn a_copy_of_the_index_belongs_together_while_another_process_commits() {
    let dir = tempfile::tempdir().unwrap();
    let (_, backup) = furnished(dir.path());
    let files = backup.index.files().unwrap();
    let mut writer = backup.index.writer().unwrap();
    writer.put_corpus(corpus("shop"));
    writer.remove_corpus(&"billing".parse().unwrap());
    writer.commit().unwrap();
    let copy = dir.path().join("copy");
    fs::create_private_dir(&copy).unwrap();
    for mut file in files {
        let mut bytes = Vec::new();
        file.content.read_to_end(&mut bytes).unwrap();
        fs::write_new(&copy.join(file.name), &bytes, 0o600).unwrap();
    }
    let copied = Index::open(&copy, &backup.keys).unwrap();
    assert_eq!(copied.snapshot().unwrap().corpora(), [corpus("billing")]);
}
