//! What damage, crashes, thieves, other keys and other versions meet.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Change, Model, all_values, apply, corpus, document, entry, keys};
use crate::index::{Error, Index, Role, format};
use crate::keys::Keys;

/// An index of two segments, one of them too large to be merged with the other, and with dead documents.
fn sample(dir: &Path) -> Model {
    let mut model = Model::default();
    let index = Index::open(dir, &keys()).unwrap();
    let mut writer = index.writer().unwrap();
    let values = all_values();
    let many: Vec<u64> = values.iter().copied().cycle().take(66_000).collect();
    let changes = [
        Change::PutCorpus(0, Role::Corpus),
        Change::PutCorpus(1, Role::Baseline),
        Change::Put(0, 0, 1, many),
        Change::Put(0, 1, 1, values[3..9].to_vec()),
        Change::Put(1, 1, 1, values[5..20].to_vec()),
        Change::Put(0, 2, 1, values[7..].to_vec()),
        Change::Commit,
        Change::Put(0, 1, 2, values[1..4].to_vec()),
        Change::Remove(1, 1),
        Change::Put(1, 2, 1, values[..11].to_vec()),
        Change::Commit,
    ];
    for change in changes {
        apply(&mut writer, &change);
        model.apply(&change);
    }
    assert_eq!(index.snapshot().unwrap().generation.segments.len(), 2);
    model
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let listing = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    listing.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn put_file(path: &Path, bytes: &[u8]) {
    crate::fs::write_atomic(path, bytes, 0o600).unwrap();
}

#[test]
fn a_damaged_file_is_named_and_never_answered_from() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let refused = |path: &Path, bytes: &[u8]| {
        put_file(path, bytes);
        let error = Index::open(dir.path(), &keys()).map(|_| ()).unwrap_err();
        let named = matches!(&error, Error::Damaged { path: named, .. } if named == path);
        assert!(named, "{error}");
    };
    for (path, bytes) in
        files(dir.path()).into_iter().filter(|(path, _)| !path.ends_with(format::LOCK))
    {
        // Every byte of what is small, and a sample of what is large.
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 700) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            refused(&path, &flipped);
            refused(&path, &bytes[..at]);
        }
        refused(&path, &[bytes.as_slice(), b"more"].concat());
        put_file(&path, &bytes);
        std::fs::remove_file(&path).unwrap();
        let error = Index::open(dir.path(), &keys()).map(|_| ()).unwrap_err();
        assert!(matches!(&error, Error::Damaged { path: named, .. } if *named == path), "{error}");
        put_file(&path, &bytes);
    }
    Index::open(dir.path(), &keys()).unwrap();
}

#[test]
fn a_segment_under_the_name_of_another_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let segments = Index::open(dir.path(), &keys()).unwrap().folder.segments().unwrap();
    put_file(&segments[0], &std::fs::read(&segments[1]).unwrap());
    let error = Index::open(dir.path(), &keys()).map(|_| ()).unwrap_err();
    assert!(matches!(&error, Error::Damaged { path, .. } if *path == segments[0]), "{error}");
}

#[test]
fn a_crash_at_any_write_leaves_the_old_generation_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = sample(dir.path());
    let old = files(dir.path());
    let old_model = model.clone();
    let index = Index::open(dir.path(), &keys()).unwrap();
    let mut writer = index.writer().unwrap();
    let changes = [
        Change::Put(0, 5, 1, all_values()),
        Change::Flush,
        Change::Put(0, 6, 1, all_values()),
        Change::Commit,
    ];
    for change in &changes {
        apply(&mut writer, change);
        model.apply(change);
    }
    drop(writer);
    let new = files(dir.path());
    let manifest = index.folder.manifest();
    let crashed = |state: &BTreeMap<PathBuf, Vec<u8>>, expected: &Model| {
        let crash = tempfile::tempdir().unwrap();
        for (path, bytes) in state {
            put_file(&crash.path().join(path.file_name().unwrap()), bytes);
        }
        let index = Index::open(crash.path(), &keys()).unwrap();
        expected.check(&index.snapshot().unwrap());
        let writer = index.writer().unwrap();
        let live = index.snapshot().unwrap().generation.segments.len();
        assert_eq!(files(crash.path()).len(), live + 2, "the next writer sweeps");
        drop(writer);
        expected.check(&index.snapshot().unwrap());
    };
    // The new segment grows, then the manifest beside its final name; the old generation still holds.
    let fresh: Vec<_> = new.iter().filter(|(path, _)| !old.contains_key(*path)).collect();
    assert_eq!(fresh.len(), 1);
    let mut state = old.clone();
    for (path, bytes) in fresh {
        for part in [0, 1, 511, 512, bytes.len() / 2, bytes.len()] {
            state.insert(path.clone(), bytes[..part].to_vec());
            crashed(&state, &old_model);
        }
    }
    for part in [0, 40, new[&manifest].len()] {
        state.insert(dir.path().join(".new-Xa1b2c"), new[&manifest][..part].to_vec());
        crashed(&state, &old_model);
    }
    // The manifest is renamed; the segments that it names no longer go one by one.
    state.remove(&dir.path().join(".new-Xa1b2c"));
    state.insert(manifest.clone(), new[&manifest].clone());
    crashed(&state, &model);
    for gone in old.keys().filter(|path| !new.contains_key(*path)) {
        state.remove(gone);
        crashed(&state, &model);
    }
    assert_eq!(state, new);
}

#[test]
fn a_crash_before_the_first_commit_leaves_an_empty_index() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), &keys()).unwrap();
    let mut writer = index.writer().unwrap();
    apply(&mut writer, &Change::PutCorpus(0, Role::Corpus));
    apply(&mut writer, &Change::Put(0, 0, 0, all_values()));
    apply(&mut writer, &Change::Flush);
    let state = files(dir.path());
    drop(writer);
    assert_eq!(
        files(dir.path()).len(),
        2,
        "an abandoned writer leaves nothing but manifest and lock"
    );
    for (path, bytes) in &state {
        put_file(path, bytes);
    }
    let index = Index::open(dir.path(), &keys()).unwrap();
    Model::default().check(&index.snapshot().unwrap());
}

#[test]
fn another_key_and_another_format_are_told_from_damage() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let other = Keys::from_bytes([43; 32]);
    match Index::open(dir.path(), &other) {
        Err(Error::Key { found, given, .. }) => {
            assert_eq!((found, given), (keys().fingerprint(), other.fingerprint()));
        }
        other => panic!("{other:?}"),
    }
    let path = dir.path().join(format::MANIFEST);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8..12].copy_from_slice(&7u32.to_le_bytes());
    let check = blake3::hash(&bytes[..12]);
    bytes[12..16].copy_from_slice(&check.as_bytes()[..4]);
    put_file(&path, &bytes);
    let error = Index::open(dir.path(), &keys()).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::Format { found: 7, known: 1, .. }), "{error}");
}

#[test]
fn the_folder_is_private_and_tells_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made/here");
    let index = Index::open(&path, &keys()).unwrap();
    let mut writer = index.writer().unwrap();
    writer.put_corpus(entry("billing", Role::Corpus));
    for n in 0..100 {
        let name = format!("src/secret-plan-{n}.rs");
        writer
            .put_document(&corpus("billing"), document(&name, "version-of-it", &[n, n + 1]))
            .unwrap();
    }
    writer.commit().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for (path, bytes) in files(&path) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        for name in
            ["secret-plan", "version-of", "billing", "origin-of", "attribute-owner", "/home"]
        {
            let told = bytes.windows(name.len()).any(|window| window == name.as_bytes());
            assert!(!told, "`{name}` stands in {}", path.display());
        }
    }
}
