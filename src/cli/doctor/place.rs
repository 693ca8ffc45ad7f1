//! The data folder, the key, the clock and the index.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use nix::sys::statvfs::statvfs;

use super::Findings;
use crate::cli::{Exit, clock};
use crate::config::Config;
use crate::index::{CorpusEntry, Index, Role};
use crate::keys::{self, Keys};

/// With less free space there may be no room for what one pass fetches.
const ENOUGH_BYTES: u64 = 1 << 30;
/// With less there is none for a single commit.
const LEAST_BYTES: u64 = 64 << 20;
/// A corpus that was read longer ago is told about.
const OLD: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The program was not there before: 2026-01-01.
const EARLIEST: i64 = 1_767_225_600;

pub(super) fn look(config: &Config, findings: &mut Findings) {
    folder(config, findings);
    let keys = key(config, findings);
    let corpora = match keys {
        Some(keys) => index(config, &keys, findings),
        None => Vec::new(),
    };
    now(&corpora, findings);
}

fn folder(config: &Config, findings: &mut Findings) {
    const WHAT: &str = "data folder";
    let path = config.data.path();
    let shown = path.display();
    if config.data.restoring().exists() {
        let found = format!("a restore into `{shown}` was interrupted");
        findings.wrong(
            WHAT,
            Exit::Storage,
            found,
            "run `leakwarden restore FILE` again: it begins anew",
        );
    }
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            findings.ok(
                WHAT,
                format!("`{shown}` is not there yet: the first command that needs it makes it"),
            );
            return;
        }
        Err(error) => {
            findings.failed(WHAT, Exit::Storage, crate::fs::Error::new("read", path)(error));
            return;
        }
        Ok(metadata) => metadata,
    };
    let mode = metadata.mode() & 0o777;
    let owner = nix::unistd::geteuid().as_raw();
    if mode & 0o077 != 0 {
        let found = format!("`{shown}` is open to others (mode {mode:o})");
        findings.wrong(WHAT, Exit::Storage, found, format!("run `chmod 700 {shown}`"));
    } else if metadata.uid() != owner && owner != 0 {
        let found = format!("`{shown}` belongs to user {}, not to you", metadata.uid());
        findings.wrong(WHAT, Exit::Storage, found, "run leakwarden as that user");
    } else {
        findings.ok(WHAT, format!("`{shown}`, private"));
    }
    space(path, findings);
}

fn space(path: &Path, findings: &mut Findings) {
    const WHAT: &str = "free space";
    let stat = match statvfs(path) {
        Ok(stat) => stat,
        Err(error) => {
            let error = std::io::Error::from(error);
            findings.failed(
                WHAT,
                Exit::Storage,
                crate::fs::Error::new("look at the disk of", path)(error),
            );
            return;
        }
    };
    #[expect(clippy::useless_conversion, reason = "they are narrower on other systems")]
    let free = u64::from(stat.blocks_available()).saturating_mul(u64::from(stat.fragment_size()));
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let shown =
        format!("{:.1} GiB on the disk of the data folder", free as f64 / f64::from(1 << 30));
    if free < LEAST_BYTES {
        findings.wrong(WHAT, Exit::Storage, shown, "free some space: nothing more can be recorded");
    } else if free < ENOUGH_BYTES {
        findings.advise(WHAT, shown, "free some space: evidence and large documents need room");
    } else {
        findings.ok(WHAT, shown);
    }
}

/// The keys, if they can be used.
fn key(config: &Config, findings: &mut Findings) -> Option<Keys> {
    const WHAT: &str = "key file";
    let path = &config.key_file;
    let keys = match Keys::read(path) {
        Err(keys::Error::Missing { .. }) if !config.data.is_in_use() => {
            findings.ok(
                WHAT,
                format!(
                    "`{}` is not there yet: the first command that needs it makes it",
                    path.display()
                ),
            );
            no_corpus(findings);
            return None;
        }
        Err(error) => {
            findings.failed(WHAT, Exit::Storage, error);
            return None;
        }
        Ok(keys) => keys,
    };
    let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let found = format!("`{}`, private, key id {}", path.display(), keys.fingerprint());
    if path.starts_with(config.data.path()) {
        let remedy = "whoever copies the data folder has the key too: move it and set `key_file`; keep a copy apart from both";
        findings.advise(WHAT, format!("{found}; it is in the data folder"), remedy);
    } else if device(path) == device(config.data.path()) {
        let remedy = "whoever takes the disk has both: another disk or a mounted secret is better; keep a copy apart from both";
        findings.advise(WHAT, format!("{found}; it is on the disk of the data folder"), remedy);
    } else {
        findings.ok(WHAT, found);
    }
    Some(keys)
}

fn no_corpus(findings: &mut Findings) {
    let remedy = "add one with `leakwarden corpus add NAME PATH`";
    findings.wrong("corpora", Exit::Partial, "there is none, so nothing can be recognised", remedy);
}

fn index(config: &Config, keys: &Keys, findings: &mut Findings) -> Vec<CorpusEntry> {
    const WHAT: &str = "corpora";
    let opened = Index::open(&config.data.index(), keys).and_then(|index| index.snapshot());
    let snapshot = match opened {
        Ok(snapshot) => snapshot,
        Err(error) => {
            findings.failed("index", Exit::Storage, error);
            return Vec::new();
        }
    };
    let corpora = snapshot.corpora();
    if !corpora.iter().any(|entry| entry.role == Role::Corpus) {
        no_corpus(findings);
        return corpora;
    }
    for entry in &corpora {
        let name = &entry.name;
        let (documents, _) = snapshot.counts(name);
        let remedy = format!("run `leakwarden corpus refresh {name}`");
        match entry.refreshed {
            None => {
                let found =
                    format!("`{name}` was never read to its end ({documents} documents so far)");
                findings.wrong(
                    WHAT,
                    Exit::Partial,
                    found,
                    format!("{remedy}: it goes on where it stopped"),
                );
            }
            Some(_) if documents == 0 => {
                findings.wrong(WHAT, Exit::Partial, format!("`{name}` holds no document"), remedy);
            }
            Some(read) if clock::now().duration_since(read) > OLD => {
                findings.advise(
                    WHAT,
                    format!("`{name}`: {documents} documents, read {read:.0}"),
                    remedy,
                );
            }
            Some(read) => {
                findings.ok(WHAT, format!("`{name}`: {documents} documents, read {read:.0}"));
            }
        }
    }
    corpora
}

/// A clock that is wrong makes wrong evidence.
fn now(corpora: &[CorpusEntry], findings: &mut Findings) {
    let now = clock::now();
    let newest = corpora.iter().filter_map(|entry| entry.refreshed).max();
    let earliest = Timestamp::from_second(EARLIEST).unwrap_or(Timestamp::UNIX_EPOCH);
    let found = format!("{now:.0}");
    if now < newest.unwrap_or(earliest).max(earliest) {
        let remedy = "set the clock: the times in evidence and incidents come from it";
        findings.wrong("clock", Exit::Partial, format!("{found}, which is in the past"), remedy);
    } else {
        findings.ok("clock", found);
    }
}
