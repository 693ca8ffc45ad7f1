//! The cache: marks of items seen and HTTP validators, in sled. Thrown away and rebuilt if it does not open.
//!
//! Losing it costs a second look at everything, never a find; so whatever is wrong with it is mended by forgetting.
//! Invariants: at most [`CAPACITY`] marks and validators live in it, the oldest go first; what it says was put in under this
//! very key. It names nothing: every key is a keyed hash. `docs/record.md` describes the rows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sled::Batch;
use zeroize::Zeroizing;

use crate::fs::{self, Lock};
use crate::keys::{Keys, Purpose};
use crate::model::batch::{Seen, Validator};
use crate::model::ids::SourceName;

/// Marks and validators that live in it at most: sled takes memory by what it holds.
pub const CAPACITY: u64 = 500_000;
/// sled's own default is 1 GiB.
const CACHE_BYTES: u64 = 64 << 20;
/// At most so many keys are forgotten at once.
const GENERATION: usize = 1_000;

const MARK: u8 = b's';
const VALIDATOR: u8 = b'v';
const ORDER: u8 = b'o';
/// The kind, and 16 bytes of a keyed hash.
const KEY: usize = 17;
const CHECKSUM: usize = 8;

/// The cache. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    hasher: Hasher,
    capacity: u64,
    /// None only while it is being thrown away, or if that failed.
    rows: Mutex<Option<Rows>>,
    _lock: Lock,
}

/// Something went wrong that rebuilding did not mend.
#[derive(Debug, thiserror::Error)]
#[error(
    "the cache in `{path}` cannot be used: {why}; stop leakwarden, remove that folder and start again: nothing is lost but time"
)]
pub struct Error {
    /// The folder.
    pub path: String,
    /// Why.
    pub why: String,
}

/// What is kept of a validator; its address is only in the key.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Cache {
    /// Opens the cache; removes torn snapshots first; starts anew if it does not open.
    pub fn open(dir: &Path, keys: &Keys) -> Result<Self, Error> {
        Self::open_with(dir, keys, CAPACITY)
    }

    fn open_with(dir: &Path, keys: &Keys, capacity: u64) -> Result<Self, Error> {
        let failed = |why: String| Error { path: dir.display().to_string(), why };
        fs::create_private_dir(dir).map_err(|error| failed(error.to_string()))?;
        // Beside the folder, not in it: throwing the folder away must not let go of the lock.
        let mut lock = dir.as_os_str().to_owned();
        lock.push(".lock");
        let lock =
            Lock::try_acquire(Path::new(&lock)).map_err(|error| failed(error.to_string()))?;
        let lock = lock.ok_or_else(|| failed("another leakwarden process uses it".to_owned()))?;
        let hasher = Hasher(keys.subkey(Purpose::Cache));
        let rows = match Rows::open(dir, &hasher) {
            Ok(rows) => rows,
            Err(why) => {
                tracing::warn!(cache.path = %dir.display(), %why, "cache thrown away and begun anew");
                begin_anew(dir, &hasher).map_err(failed)?
            }
        };
        let rows = Mutex::new(Some(rows));
        let shared = Shared { dir: dir.to_owned(), hasher, capacity, rows, _lock: lock };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Which of these were dealt with already, in order. What cannot be read was not.
    pub fn seen(&self, source: &SourceName, marks: &[Seen]) -> Vec<bool> {
        let rows = self.rows();
        marks
            .iter()
            .map(|mark| self.get(rows.as_ref(), &self.mark_key(source, mark)).is_some())
            .collect()
    }

    /// The validator kept for an address.
    pub fn validator(&self, url: &str) -> Option<Validator> {
        let rows = self.rows();
        let payload = self.get(rows.as_ref(), &self.validator_key(url))?;
        let Kept { etag, last_modified } = postcard::from_bytes(&payload).ok()?;
        Some(Validator { url: url.to_owned(), etag, last_modified })
    }

    /// Keeps the marks and validators of a batch that was committed.
    pub fn remember(
        &self,
        source: &SourceName,
        seen: &[Seen],
        validators: &[Validator],
    ) -> Result<(), Error> {
        let mut entries: Vec<([u8; KEY], Vec<u8>)> =
            seen.iter().map(|mark| (self.mark_key(source, mark), Vec::new())).collect();
        for Validator { url, etag, last_modified } in validators {
            let kept = Kept { etag: etag.clone(), last_modified: last_modified.clone() };
            let payload = postcard::to_stdvec(&kept).map_err(|error| self.failed(&error))?;
            entries.push((self.validator_key(url), payload));
        }
        let mut rows = self.rows();
        let stored = match rows.as_mut() {
            Some(rows) => rows.store(&self.shared.hasher, &entries, self.shared.capacity),
            None => Err("it was thrown away and could not be begun anew".to_owned()),
        };
        match stored {
            Ok(()) => Ok(()),
            Err(why) => {
                tracing::warn!(cache.path = %self.shared.dir.display(), %why, "cache thrown away and begun anew");
                self.forget(&mut rows)
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&self) -> Result<(), Error> {
        self.forget(&mut self.rows())
    }

    fn forget(&self, rows: &mut Option<Rows>) -> Result<(), Error> {
        // sled may panic while it closes what is damaged.
        let closed = catch_unwind(AssertUnwindSafe(|| drop(rows.take())));
        if closed.is_err() {
            tracing::warn!("cache did not close in good order");
        }
        let begun = begin_anew(&self.shared.dir, &self.shared.hasher);
        *rows = Some(begun.map_err(|why| self.failed(&why))?);
        Ok(())
    }

    fn get(&self, rows: Option<&Rows>, key: &[u8; KEY]) -> Option<Vec<u8>> {
        let row = guarded(|| rows?.db.get(key).ok()?).ok()??;
        self.shared.hasher.check(key, &row).map(<[u8]>::to_vec)
    }

    fn rows(&self) -> MutexGuard<'_, Option<Rows>> {
        self.shared.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark_key(&self, source: &SourceName, mark: &Seen) -> [u8; KEY] {
        self.shared.hasher.key(MARK, &[source.as_str(), &mark.id, &mark.version])
    }

    fn validator_key(&self, url: &str) -> [u8; KEY] {
        self.shared.hasher.key(VALIDATOR, &[url])
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> Error {
        Error { path: self.shared.dir.display().to_string(), why: why.to_string() }
    }
}

/// Keyed hashes: of names, so that the cache tells none, and of rows, since sled does not notice every flipped byte.
struct Hasher(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher([redacted])")
    }
}

impl Hasher {
    fn key(&self, kind: u8, parts: &[&str]) -> [u8; KEY] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&[kind]);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let mut key = [kind; KEY];
        hasher.finalize_xof().fill(&mut key[1..]);
        key
    }

    fn checksum(&self, key: &[u8], payload: &[u8]) -> [u8; CHECKSUM] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"row").update(&(key.len() as u64).to_le_bytes()).update(key).update(payload);
        let mut checksum = [0; CHECKSUM];
        hasher.finalize_xof().fill(&mut checksum);
        checksum
    }

    fn row(&self, key: &[u8], payload: &[u8]) -> Vec<u8> {
        [self.checksum(key, payload).as_slice(), payload].concat()
    }

    /// The payload of a row that is whole.
    fn check<'a>(&self, key: &[u8], row: &'a [u8]) -> Option<&'a [u8]> {
        let (checksum, payload) = row.split_at_checked(CHECKSUM)?;
        (checksum == self.checksum(key, payload)).then_some(payload)
    }
}

/// The rows, and what is known about them without looking.
#[derive(Debug)]
struct Rows {
    db: sled::Db,
    /// Marks and validators in it.
    live: u64,
    /// The number of the next generation.
    next: u64,
}

/// Opens sled. We hold our own lock beside the folder, so whoever still holds sled's is this process, closing what it had
/// open before: worth a moment's wait, and no reason to throw anything away.
#[expect(
    clippy::disallowed_methods,
    reason = "opening blocks anyway; it is called where blocking is allowed"
)]
fn open_patiently(dir: &Path) -> Result<sled::Db, String> {
    const MOMENT: Duration = Duration::from_millis(50);
    const MOMENTS: u32 = 100;
    let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES);
    let mut waited = 0;
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if is_locked(&error) && waited < MOMENTS => {
                waited += 1;
                std::thread::sleep(MOMENT);
            }
            opened => return opened.map_err(|error| error.to_string()),
        }
    }
}

fn is_locked(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock
        || error.to_string().contains("could not acquire lock")
}

impl Rows {
    fn open(dir: &Path, hasher: &Hasher) -> Result<Self, String> {
        remove_torn_snapshots(dir).map_err(|error| error.to_string())?;
        guarded(|| {
            let db = open_patiently(dir)?;
            let mut rows = Self { db, live: 0, next: 0 };
            rows.count(hasher)?;
            Ok(rows)
        })?
    }

    /// Counts what lives, generation by generation. One that is not whole would keep its keys for ever.
    fn count(&mut self, hasher: &Hasher) -> Result<(), String> {
        for row in self.db.scan_prefix([ORDER]) {
            let (key, row) = row.map_err(|error| error.to_string())?;
            let keys = generation(hasher, &key, &row)?;
            self.live += (keys.len() / KEY) as u64;
            let number = key.get(1..).and_then(|number| number.try_into().ok());
            let number = number.map(u64::from_be_bytes).ok_or("a generation has no number")?;
            self.next = self.next.max(number + 1);
        }
        Ok(())
    }

    /// Stores entries; the oldest go when there are too many. Each step is one atomic batch of sled.
    fn store(
        &mut self,
        hasher: &Hasher,
        entries: &[([u8; KEY], Vec<u8>)],
        capacity: u64,
    ) -> Result<(), String> {
        guarded(AssertUnwindSafe(|| {
            for part in entries.chunks(GENERATION) {
                self.store_part(hasher, part)?;
                while self.live > capacity {
                    self.forget_oldest(hasher)?;
                }
            }
            Ok(())
        }))?
    }

    fn store_part(
        &mut self,
        hasher: &Hasher,
        entries: &[([u8; KEY], Vec<u8>)],
    ) -> Result<(), String> {
        let mut batch = Batch::default();
        let mut fresh: Vec<[u8; KEY]> = Vec::new();
        for (key, payload) in entries {
            // What is there already keeps its place in the order.
            if !self.db.contains_key(key).map_err(|error| error.to_string())? {
                fresh.push(*key);
            }
            batch.insert(key, hasher.row(key, payload));
        }
        fresh.sort_unstable();
        fresh.dedup();
        if !fresh.is_empty() {
            let order = order_key(self.next);
            batch.insert(&order, hasher.row(&order, &fresh.concat()));
        }
        self.db.apply_batch(batch).map_err(|error| error.to_string())?;
        self.next += u64::from(!fresh.is_empty());
        self.live += fresh.len() as u64;
        Ok(())
    }

    fn forget_oldest(&mut self, hasher: &Hasher) -> Result<(), String> {
        let oldest = self.db.scan_prefix([ORDER]).next().ok_or("its order is lost")?;
        let (order, row) = oldest.map_err(|error| error.to_string())?;
        let keys = generation(hasher, &order, &row)?;
        let mut batch = Batch::default();
        for key in keys.chunks_exact(KEY) {
            batch.remove(key);
        }
        batch.remove(order);
        self.db.apply_batch(batch).map_err(|error| error.to_string())?;
        self.live = self.live.saturating_sub((keys.len() / KEY) as u64);
        Ok(())
    }
}

fn order_key(number: u64) -> [u8; 9] {
    let mut key = [ORDER; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The keys of a generation, one after the other.
fn generation<'a>(hasher: &Hasher, key: &[u8], row: &'a [u8]) -> Result<&'a [u8], String> {
    let keys = hasher.check(key, row).filter(|keys| keys.len() % KEY == 0);
    keys.ok_or_else(|| "it is damaged or was made with another key".to_owned())
}

fn begin_anew(dir: &Path, hasher: &Hasher) -> Result<Rows, String> {
    std::fs::remove_dir_all(dir).map_err(|error| error.to_string())?;
    fs::create_private_dir(dir).map_err(|error| error.to_string())?;
    Rows::open(dir, hasher)
}

/// sled takes a snapshot that was torn in the making for a damaged one, and does not open for ever after.
fn remove_torn_snapshots(dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(b"snap.") && name.ends_with(b".generating") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// sled may panic on damaged files.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| "sled's own checks failed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::from_bytes([5; 32])
    }

    fn pastes() -> SourceName {
        "pastes".parse().unwrap()
    }

    fn mark(id: u64) -> Seen {
        Seen { id: format!("item {id}"), version: "1".to_owned() }
    }

    fn marks(ids: std::ops::Range<u64>) -> Vec<Seen> {
        ids.map(mark).collect()
    }

    fn validator(etag: &str) -> Validator {
        let url = "https://paste.example/list".to_owned();
        Validator { url, etag: Some(etag.to_owned()), last_modified: None }
    }

    fn count(cache: &Cache, ids: std::ops::Range<u64>) -> usize {
        cache.seen(&pastes(), &marks(ids)).into_iter().filter(|seen| *seen).count()
    }

    /// A folder with a cache that holds a hundred marks, closed.
    fn filled() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("cache"), &keys()).unwrap();
        cache.remember(&pastes(), &marks(0..100), &[validator("one")]).unwrap();
        drop(cache);
        dir
    }

    #[test]
    fn marks_and_validators_are_remembered_over_a_restart() {
        let dir = filled();
        let path = dir.path().join("cache");
        let cache = Cache::open(&path, &keys()).unwrap();
        assert_eq!(cache.seen(&pastes(), &[mark(7), mark(100), mark(99)]), [true, false, true]);
        let newer = Seen { version: "2".to_owned(), ..mark(7) };
        assert_eq!(cache.seen(&pastes(), &[newer]), [false]);
        assert_eq!(cache.seen(&"feeds".parse().unwrap(), &[mark(7)]), [false]);
        assert_eq!(cache.validator(&validator("").url), Some(validator("one")));
        assert_eq!(cache.validator("https://paste.example/"), None);
        cache.remember(&pastes(), &[], &[validator("two")]).unwrap();
        assert_eq!(cache.validator(&validator("").url), Some(validator("two")));
        cache.clear().unwrap();
        assert_eq!(count(&cache, 0..100), 0);
        cache.remember(&pastes(), &marks(0..3), &[]).unwrap();
        assert_eq!(count(&cache, 0..100), 3);
    }

    #[test]
    fn a_second_process_is_refused_and_harms_nothing() {
        let dir = filled();
        let path = dir.path().join("cache");
        let held = Cache::open(&path, &keys()).unwrap();
        let error = Cache::open(&path, &keys()).unwrap_err().to_string();
        assert!(error.contains("another leakwarden process uses it"), "{error}");
        assert_eq!(count(&held, 0..100), 100);
    }

    #[test]
    fn the_oldest_are_forgotten_first_and_never_more_than_a_generation_too_many() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache");
        let cache = Cache::open_with(&path, &keys(), 5_000).unwrap();
        for from in (0..12_000).step_by(400) {
            cache.remember(&pastes(), &marks(from..from + 400), &[]).unwrap();
            // Again: what is known already counts once.
            cache.remember(&pastes(), &marks(from..from + 400), &[]).unwrap();
        }
        assert_eq!(count(&cache, 0..7_200), 0);
        assert_eq!(count(&cache, 7_200..12_000), 4_800);
        drop(cache);
        let cache = Cache::open_with(&path, &keys(), 5_000).unwrap();
        cache.remember(&pastes(), &marks(12_000..13_500), &[]).unwrap();
        assert_eq!(count(&cache, 8_800..13_500), 4_700, "the count survives a restart");
        assert_eq!(count(&cache, 0..8_400), 0);
        assert!(cache.rows().as_ref().unwrap().db.len() < 5_020);
    }

    #[test]
    fn a_torn_snapshot_is_removed_and_costs_nothing() {
        let dir = filled();
        let path = dir.path().join("cache");
        fs::write_new(&path.join("snap.0000000000000BAD.generating"), b"torn", 0o600).unwrap();
        assert_eq!(count(&Cache::open(&path, &keys()).unwrap(), 0..100), 100);
    }

    #[test]
    fn a_cache_that_does_not_open_is_begun_anew() {
        let garbage = b"not a log of sled ".repeat(4_000);
        for file in ["db", "conf", "snap.0000000000000001"] {
            for content in [garbage.as_slice(), b""] {
                let dir = filled();
                let path = dir.path().join("cache");
                fs::write_atomic(&path.join(file), content, 0o600).unwrap();
                let cache = Cache::open(&path, &keys()).unwrap();
                cache.remember(&pastes(), &marks(0..100), &[]).unwrap();
                assert_eq!(count(&cache, 0..101), 100, "{file}");
            }
        }
    }

    #[test]
    fn flipped_bytes_never_make_an_unseen_item_seen() {
        let dir = filled();
        let good = fs::read(&dir.path().join("cache/db")).unwrap();
        let written = good.iter().rposition(|byte| *byte != 0).unwrap();
        for place in (0..written).step_by(written / 60) {
            let dir = filled();
            let path = dir.path().join("cache");
            let mut bad = good.clone();
            for byte in bad.iter_mut().skip(place).take(64) {
                *byte ^= 0x11;
            }
            fs::write_atomic(&path.join("db"), &bad, 0o600).unwrap();
            let cache = Cache::open(&path, &keys()).unwrap();
            assert_eq!(count(&cache, 100..200), 0);
            let found = cache.validator(&validator("").url);
            assert!(found.is_none_or(|found| found == validator("one")));
            cache.remember(&pastes(), &marks(0..100), &[]).unwrap();
            assert_eq!(count(&cache, 0..100), 100, "byte {place}");
        }
    }

    #[test]
    fn a_row_with_a_wrong_checksum_was_not_seen() {
        let dir = filled();
        let cache = Cache::open(&dir.path().join("cache"), &keys()).unwrap();
        let (a, b) = (cache.mark_key(&pastes(), &mark(1)), cache.mark_key(&pastes(), &mark(2)));
        {
            let rows = cache.rows();
            let db = &rows.as_ref().unwrap().db;
            let other = db.get(b).unwrap().unwrap();
            db.insert(a, other).unwrap();
        }
        assert_eq!(cache.seen(&pastes(), &marks(1..3)), [false, true]);
        cache.remember(&pastes(), &marks(1..2), &[]).unwrap();
        assert_eq!(cache.seen(&pastes(), &marks(1..3)), [true, true]);
    }

    #[test]
    fn another_key_empties_it_and_nothing_is_named() {
        let dir = filled();
        let path = dir.path().join("cache");
        for entry in std::fs::read_dir(&path).unwrap() {
            let file = entry.unwrap().path();
            if file.is_file() {
                let content = fs::read(&file).unwrap();
                for name in [b"paste".as_slice(), b"item "] {
                    assert!(!content.windows(name.len()).any(|window| window == name));
                }
            }
        }
        let cache = Cache::open(&path, &Keys::from_bytes([6; 32])).unwrap();
        assert_eq!(count(&cache, 0..100), 0);
        assert_eq!(cache.rows().as_ref().unwrap().live, 0);
    }
}
