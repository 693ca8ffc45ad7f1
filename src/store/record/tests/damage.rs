//! Files that were altered, disks that are full, other processes and newer programs: an error, never a panic or a lie.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A record closed in good order, and its content.
fn closed(path: &Path) -> String {
    let record = Record::open(path).unwrap();
    for i in 0..4_u64 {
        let second = i64::try_from(i).unwrap();
        let findings = vec![found(&i.to_string(), i * 300..i * 300 + 256, &i.to_string())];
        record.commit(batch(findings, second), &mut usual).unwrap();
    }
    dumped(&record)
}

/// Opens a file that may be damaged and uses it: it gives what was recorded, or says that it is damaged.
fn open_says_so_or_is_right(path: &Path, content: &str, what: &str) -> bool {
    let record = match Record::open(path) {
        Ok(record) => record,
        Err(Error::Damaged { .. }) => return true,
        Err(other) => panic!("{what}: {other}"),
    };
    let mut out = Vec::new();
    let read = record.dump(&mut out);
    match read.and_then(|()| record.commit(batch(vec![found("n", 0..9, "n")], 9), &mut usual)) {
        Ok(_) => assert_eq!(String::from_utf8(out).unwrap(), content, "{what}"),
        Err(Error::Damaged { .. }) => return true,
        Err(other) => panic!("{what}: {other}"),
    }
    false
}

#[test]
fn flipped_bytes_are_noticed_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("record");
    let content = closed(&path);
    let closed_well = fs::read(&path).unwrap();
    flip_all_over(dir.path(), &closed_well, &content);
    // What a kill leaves: it was never closed, so opening it repairs it. The last commit must not be given up.
    let record = Record::open(&path).unwrap();
    record.commit(batch(vec![found("last", 7_000..7_100, "last")], 9), &mut usual).unwrap();
    let content = dumped(&record);
    let killed = fs::read(&path).unwrap();
    flip_all_over(dir.path(), &killed, &content);
}

fn flip_all_over(dir: &Path, good: &[u8], content: &str) {
    let step = good.len() / 300;
    let places = (0..400).step_by(3).chain((400..good.len()).step_by(step));
    let mut noticed = 0;
    for place in places {
        let mut bad = good.to_vec();
        bad[place] ^= 0x55;
        let path = dir.join("bad");
        fs::write_atomic(&path, &bad, 0o600).unwrap();
        let what = format!("byte {place} of {}", good.len());
        noticed += u32::from(open_says_so_or_is_right(&path, content, &what));
    }
    assert!(noticed > 20, "only {noticed} were noticed");
}

#[test]
fn a_truncated_or_foreign_file_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("record");
    let content = closed(&path);
    let good = fs::read(&path).unwrap();
    let mut files: Vec<Vec<u8>> =
        (0..24).map(|part| good[..good.len() * part / 24].to_vec()).collect();
    files.extend([good[..1].to_vec(), b"not a database".repeat(1000), vec![0; 1 << 16]]);
    for (i, bytes) in files.iter().enumerate() {
        let path = dir.path().join("bad");
        fs::write_atomic(&path, bytes, 0o600).unwrap();
        let damaged = open_says_so_or_is_right(&path, &content, &format!("file {i}"));
        assert!(damaged, "file {i}, {} of {} bytes", bytes.len(), good.len());
    }
}

#[test]
fn a_row_that_is_not_what_the_schema_says_is_damage() {
    let record = Record::in_memory().unwrap();
    record.commit(batch(vec![found("a", 0..100, "a")], 0), &mut usual).unwrap();
    record
        .write(|tx| {
            let rows = redb::TableDefinition::<u64, &[u8]>::new("incidents");
            tx.open_table(rows)?.insert(1, b"{\"id\":\"INC-1\"}".as_slice())?;
            Ok(())
        })
        .unwrap();
    let error = record.incident(IncidentId(1)).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[test]
fn a_panic_of_the_store_is_an_error_and_undoes_the_transaction() {
    let record = Record::in_memory().unwrap();
    let before = dumped(&record);
    let work = |tx: &WriteTransaction| -> Result<(), Fault> {
        setting::SETTINGS.put(tx, "half", &"done".to_owned())?;
        panic!("a page is not where it should be")
    };
    let error = record.write(work).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }));
    assert!(error.to_string().contains("a page is not where it should be"), "{error}");
    assert_eq!(dumped(&record), before);
    record.put_setting("a", "b").unwrap();
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("record");
    drop(closed(&path));
    let record = Record::open(&path).unwrap();
    record.write(|tx| META.put(tx, "schema", &7)).unwrap();
    drop(record);
    for _ in 0..2 {
        let error = Record::open(&path).unwrap_err();
        assert!(matches!(error, Error::Schema { found: 7, known: SCHEMA, .. }), "{error}");
    }
}

#[test]
fn a_record_in_use_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("record");
    let held = Record::open(&path).unwrap();
    let error = Record::open(&path).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    assert!(error.to_string().contains("through its socket"));
    drop(held);
    Record::open(&path).unwrap();
}

#[test]
fn a_record_is_readable_by_its_owner_only_and_leaves_nothing_beside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("record");
    drop(closed(&path));
    let mode = std::fs::metadata(&path).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let missing = Record::open(&dir.path().join("no/such/folder/record")).unwrap_err();
    assert!(missing.to_string().contains("the data folder is missing"), "{missing}");
}

/// A disk that is full from some moment on.
#[derive(Debug)]
struct Disk {
    memory: InMemoryBackend,
    full: Arc<AtomicBool>,
    error: io::ErrorKind,
}

impl Disk {
    fn admit(&self) -> io::Result<()> {
        if self.full.load(Ordering::Relaxed) { Err(self.error.into()) } else { Ok(()) }
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.admit()?;
        self.memory.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.admit()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.admit()?;
        self.memory.write(offset, data)
    }
}

#[test]
fn a_full_or_read_only_disk_is_an_error_that_says_what_to_do() {
    let cases = [
        (io::ErrorKind::StorageFull, "the disk is full: free some space"),
        (io::ErrorKind::ReadOnlyFilesystem, "remount it"),
        (io::ErrorKind::PermissionDenied, "run as the owner"),
    ];
    for (kind, advice) in cases {
        let full = Arc::new(AtomicBool::new(false));
        let disk = Disk { memory: InMemoryBackend::new(), full: Arc::clone(&full), error: kind };
        let record = Record::start("/data/record", |b| b.create_with_backend(disk)).unwrap();
        record.commit(batch(vec![found("a", 0..100, "a")], 0), &mut usual).unwrap();
        full.store(true, Ordering::Relaxed);
        let error = record.commit(batch(vec![found("b", 200..300, "b")], 1), &mut usual);
        let text = error.as_ref().unwrap_err().to_string();
        assert!(matches!(error, Err(Error::Write { .. })), "{text}");
        assert!(text.contains(advice) && text.contains("/data/record"), "{text}");
        let again = record.put_setting("a", "b").unwrap_err();
        assert!(matches!(again, Error::Write { .. }), "{again}");
    }
}
