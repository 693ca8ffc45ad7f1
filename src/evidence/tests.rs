//! What the store promises, tried on its files.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;

use super::*;
use crate::fs::Spool;
use crate::model::document::Body;

const LINE: &[u8] = b"def total(invoice): return sum(position.net for position in invoice)\n";

fn keys() -> Keys {
    Keys::from_bytes([3; 32])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn document(body: Body, read: i64) -> Document {
    Document {
        source: "pastes".parse().unwrap(),
        item: Item {
            id: "a".to_owned(),
            version: "1".to_owned(),
            place: "https://paste.example/a".to_owned(),
            title: Some("a title that nobody may read".to_owned()),
            author: None,
            published: None,
            handle: serde_json::Value::Null,
        },
        body,
        media_type: Some("text/plain".to_owned()),
        truncated: false,
        provenance: Provenance::File { modified: None, read: at(read) },
    }
}

fn memory(bytes: &[u8]) -> Body {
    Body::Memory(Bytes::copy_from_slice(bytes))
}

/// All files below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Replaces a read-only file.
fn overwrite(path: &Path, bytes: &[u8]) {
    fs::write_atomic(path, bytes, 0o400).unwrap();
}

#[test]
fn what_is_put_in_comes_out_with_how_it_was_obtained() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path(), &keys()).unwrap();
    for bytes in [b"".to_vec(), LINE.to_vec(), LINE.repeat(5_000)] {
        let document = document(memory(&bytes), 1);
        let evidence = store.put(&document).unwrap();
        assert_eq!(evidence.blake3, ContentHash::of(&bytes));
        assert_eq!(evidence.bytes, bytes.len() as u64);
        assert_eq!(store.body(&evidence.object).unwrap(), bytes);
        let manifest = store.manifest(&evidence.object).unwrap();
        assert_eq!(manifest.provenance, document.provenance);
        assert_eq!(manifest.item, document.item);
        assert_eq!(manifest.sha256, evidence.sha256);
        store.verify(&evidence).unwrap();
        let mut copied = Vec::new();
        assert_eq!(store.copy_body(&evidence.object, &mut copied).unwrap(), evidence.bytes);
        assert_eq!(copied, bytes);
    }
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(store.put(&document(memory(b""), 9)).unwrap().sha256, empty);
}

#[test]
fn the_same_twice_is_one_and_the_same_bytes_again_are_kept_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path(), &keys()).unwrap();
    let one = store.put(&document(memory(LINE), 1)).unwrap();
    let before: Vec<_> = files(dir.path()).iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(store.put(&document(memory(LINE), 1)).unwrap(), one);
    let after: Vec<_> = files(dir.path()).iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(before, after, "nothing is written twice");
    let later = store.put(&document(memory(LINE), 2)).unwrap();
    assert_eq!(later.blake3, one.blake3);
    assert_ne!(later.object, one.object);
    assert_eq!(files(dir.path()).len(), 3, "one body, two manifests");
}

#[test]
fn files_are_sealed_named_by_nothing_and_readable_by_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path(), &keys()).unwrap();
    let body = LINE.repeat(10);
    let evidence = store.put(&document(memory(&body), 1)).unwrap();
    let told = [
        LINE[4..20].to_vec(),
        b"nobody may read".to_vec(),
        b"paste.example".to_vec(),
        evidence.blake3.to_string().into_bytes(),
        evidence.blake3.0.to_vec(),
    ];
    for path in files(dir.path()) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o400);
        let mode = std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let mut content = fs::read(&path).unwrap();
        content.extend(path.to_string_lossy().bytes());
        for told in &told {
            assert!(!content.windows(told.len()).any(|window| window == told));
        }
    }
    let other = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(other.path(), &Keys::from_bytes([4; 32])).unwrap();
    store.put(&document(memory(&body), 1)).unwrap();
    let names = |dir: &Path| -> Vec<PathBuf> {
        files(dir).iter().map(|path| path.strip_prefix(dir).unwrap().to_owned()).collect()
    };
    assert_ne!(names(dir.path()), names(other.path()), "names depend on the key");
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_and_mended_when_the_bytes_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path(), &keys()).unwrap();
    let body = LINE.repeat(2_000);
    let evidence = store.put(&document(memory(&body), 1)).unwrap();
    for path in files(dir.path()) {
        let good = fs::read(&path).unwrap();
        let step = good.len() / 20;
        let places = (0..30).chain((30..good.len()).step_by(step)).chain([good.len() - 1]);
        for place in places {
            let mut bad = good.clone();
            bad[place] ^= 0x10;
            overwrite(&path, &bad);
            let error = store.body(&evidence.object).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "byte {place}: {error}");
        }
        overwrite(&path, &good[..good.len() / 2]);
        assert!(matches!(store.verify(&evidence), Err(Error::Damaged { .. })));
        assert_eq!(store.put(&document(memory(&body), 1)).unwrap(), evidence);
        store.verify(&evidence).unwrap();
    }
}

#[test]
fn another_key_or_a_missing_file_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path(), &keys()).unwrap();
    let evidence = store.put(&document(memory(LINE), 1)).unwrap();
    let foreign = EvidenceStore::open(dir.path(), &Keys::from_bytes([4; 32])).unwrap();
    let error = foreign.body(&evidence.object).unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "names are keyed too: {error}");

    let [body, manifest] = <[PathBuf; 2]>::try_from(files(dir.path())).unwrap();
    // A file under another's name is refused although it is whole.
    let sealed = fs::read(&manifest).unwrap();
    overwrite(&body, &sealed);
    assert!(matches!(store.body(&evidence.object), Err(Error::Damaged { .. })));
    std::fs::remove_file(&body).unwrap();
    let error = store.body(&evidence.object).unwrap_err();
    assert!(error.to_string().ends_with("is missing; restore it from a backup"), "{error}");
    let mut wrong = evidence;
    wrong.bytes += 1;
    assert!(store.verify(&wrong).is_err());
}

/// The peak of this process's resident memory, in bytes.
fn peak_memory() -> u64 {
    let status = fs::read(Path::new("/proc/self/status")).unwrap();
    let status = String::from_utf8(status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_large_spooled_body_is_never_in_memory() {
    const NAME: &str = "evidence::tests::a_large_spooled_body_is_never_in_memory";
    const ALONE: &str = "LEAKWARDEN_TEST_ALONE";
    const SIZE: usize = 12 << 20;
    if std::env::var_os(ALONE).is_none() {
        // Memory is the process's, so this test runs in one of its own.
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let output = alone.args(["--exact", NAME]).env(ALONE, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(&dir.path().join("evidence"), &keys()).unwrap();
    let mut spool = Spool::new(dir.path());
    let piece = vec![0x5a; 1 << 20];
    for _ in 0..SIZE >> 20 {
        spool.write(&piece).unwrap();
    }
    let body = spool.finish();
    // Once with little, so that the pages of the program itself are not counted.
    let small = store.put(&document(memory(LINE), 2)).unwrap();
    store.copy_body(&small.object, &mut io::sink()).unwrap();
    let before = peak_memory();
    let evidence = store.put(&document(body, 1)).unwrap();
    store.copy_body(&evidence.object, &mut io::sink()).unwrap();
    let grown = peak_memory().saturating_sub(before);
    assert_eq!(evidence.bytes, SIZE as u64);
    assert!(grown < SIZE as u64 / 4, "memory grew by {grown} bytes");
}

#[test]
fn a_sweep_removes_old_orphans_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path(), &keys()).unwrap();
    let kept = store.put(&document(memory(LINE), 1)).unwrap();
    store.put(&document(memory(LINE), 2)).unwrap(); // the same body, a manifest nobody refers to
    store.put(&document(memory(b"orphan"), 3)).unwrap();
    let shard = files(dir.path())[0].parent().unwrap().to_owned();
    File::create(shard.join(".new-torn")).unwrap().write_all(b"torn").unwrap();
    File::create(shard.join("README")).unwrap();

    let modified = std::fs::metadata(&files(dir.path())[0]).unwrap().modified().unwrap();
    let written = Timestamp::try_from(modified).unwrap();
    let later = |minutes: i64| written + jiff::SignedDuration::from_mins(minutes);
    let referred = [kept.clone()];
    assert_eq!(store.sweep(&referred, later(30)).unwrap(), Swept::default(), "too young");
    assert_eq!(store.sweep(&[], later(90)).unwrap(), Swept::default(), "the record is empty");
    assert_eq!(store.sweep(&referred, later(90)).unwrap().files, 4);
    store.verify(&kept).unwrap();
    assert_eq!(files(dir.path()).len(), 3, "body, manifest, and what is not ours");
}

#[test]
fn an_orphan_that_is_put_again_is_young_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path(), &keys()).unwrap();
    let other = store.put(&document(memory(b"other"), 1)).unwrap();
    let evidence = store.put(&document(memory(LINE), 1)).unwrap();
    let mut now = Timestamp::MIN;
    for path in files(dir.path()) {
        let file = File::open(path).unwrap();
        let written = file.metadata().unwrap().modified().unwrap();
        now = now.max(Timestamp::try_from(written).unwrap());
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    store.put(&document(memory(LINE), 1)).unwrap();
    assert_eq!(store.sweep(&[other], now).unwrap(), Swept::default());
    store.verify(&evidence).unwrap();
}

#[test]
fn files_travel_sealed_and_are_checked_on_arrival() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(&dir.path().join("a"), &keys()).unwrap();
    let evidence = store.put(&document(memory(&LINE.repeat(3_000)), 1)).unwrap();
    let copy = EvidenceStore::open(&dir.path().join("b"), &keys()).unwrap();
    let names = store.objects().unwrap();
    assert_eq!(names.len(), 2);
    for name in &names {
        let mut sealed = Vec::new();
        store.export_object(name, &mut sealed).unwrap();
        let cut = &sealed[..sealed.len() - 1];
        assert!(matches!(copy.import_object(name, &mut { cut }), Err(Error::Damaged { .. })));
        copy.import_object(name, &mut sealed.as_slice()).unwrap();
    }
    copy.verify(&evidence).unwrap();
    for name in ["../a", "bodies/../../x", "bodies/aa", "manifests/zz/00", "/etc/passwd"] {
        assert!(matches!(copy.import_object(name, &mut io::empty()), Err(Error::Missing { .. })));
    }
    assert_eq!(files(&dir.path().join("b")).len(), 2);
}
