//! Backups: one file of named entries, encrypted, written and read in pieces.
//!
//! Owns the container; what goes into it is the business of whoever makes backups. Invariant: a [`Reader`] exists only for a
//! file of which every byte was verified, so that nothing is restored from half a backup.
//!
//! ```text
//! header    8 bytes  "LWBACKUP"
//!           2 bytes  format 0x0001, big-endian
//!          16 bytes  the key's id, hex: tells which key file opens it, and nothing about the key
//! then a sealed stream (see `seal`) under the subkey for backups, its context the header; in it
//! entry     1 byte   1, the length of its name as u16 big-endian, its name
//!           blocks   each its length as u32 big-endian, not 0, and so many bytes; then the length 0
//! end       1 byte   0, the number of entries as u64 big-endian; nothing follows
//! ```

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::fs::{self, Draft};
use crate::keys::{Keys, Purpose};
use crate::seal::{Opener, Sealer};

const MAGIC: &[u8; 8] = b"LWBACKUP";
const FORMAT: u16 = 1;
const KEY_ID: usize = 16;
const HEADER: usize = MAGIC.len() + 2 + KEY_ID;
const LONGEST_NAME: usize = 1024;

/// Why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// Something stands there already.
    #[error("`{}` exists already: give another name, a backup never replaces a file", .0.display())]
    Exists(PathBuf),
    /// It is something else.
    #[error("`{}` is not a backup made by leakwarden", .0.display())]
    Foreign(PathBuf),
    /// A newer program made it.
    #[error(
        "the backup `{}` has format {found}, this program knows {FORMAT}; use the newer program that made it",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u16,
    },
    /// Another key made it.
    #[error(
        "the backup `{}` was made with the key {theirs}, the key file here is {ours}; put the key file of that time in place",
        path.display()
    )]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// The id of the key that made it.
        theirs: String,
        /// The id of the key at hand.
        ours: String,
    },
    /// It was changed or cut off.
    #[error("the backup `{}` is damaged ({why}); nothing was restored from it: use another", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// An entry's name is not one that can be restored, or stands there twice.
    #[error("`{0}` cannot be the name of an entry in a backup")]
    Name(String),
    /// The program forgot to finish an entry.
    #[error("the backup `{}` was given up: an entry was not completed", .0.display())]
    Unfinished(PathBuf),
}

/// Writes a backup. Nothing stands at its path before [`Writer::finish`].
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    out: Sealer<Draft>,
    names: BTreeSet<String>,
    entry_open: bool,
}

impl Writer {
    /// Begins a backup that will stand at `path`, readable by its owner only.
    pub fn create(path: &Path, keys: &Keys) -> Result<Self, Error> {
        if path.exists() {
            return Err(Error::Exists(path.to_owned()));
        }
        let header = header(keys);
        let mut draft = Draft::new(path, 0o600)?;
        let out = draft
            .write_all(&header)
            .and_then(|()| Sealer::new(draft, &keys.subkey(Purpose::Backup), &header))
            .map_err(fs::Error::new("write", path))?;
        let names = BTreeSet::new();
        Ok(Self { path: path.to_owned(), out, names, entry_open: false })
    }

    /// Begins an entry: write to it, then finish it. Names are relative paths with `/`.
    pub fn entry(&mut self, name: &str) -> Result<Entry<'_>, Error> {
        if self.entry_open {
            return Err(Error::Unfinished(self.path.clone()));
        }
        if !is_safe(name) || !self.names.insert(name.to_owned()) {
            return Err(Error::Name(name.escape_debug().collect()));
        }
        let length = u16::try_from(name.len()).expect("safe names are short");
        self.out
            .write_all(&[1])
            .and_then(|()| self.out.write_all(&length.to_be_bytes()))
            .and_then(|()| self.out.write_all(name.as_bytes()))
            .map_err(fs::Error::new("write", &self.path))?;
        self.entry_open = true;
        Ok(Entry { writer: self })
    }

    /// Completes the backup and puts it in its place; durable when it returns.
    pub fn finish(mut self) -> Result<(), Error> {
        if self.entry_open {
            return Err(Error::Unfinished(self.path));
        }
        let entries = self.names.len() as u64;
        let draft = self
            .out
            .write_all(&[0])
            .and_then(|()| self.out.write_all(&entries.to_be_bytes()))
            .and_then(|()| self.out.finish())
            .map_err(fs::Error::new("write", &self.path))?;
        if draft.place()? { Ok(()) } else { Err(Error::Exists(self.path)) }
    }
}

/// An entry being written. Dropped without [`Entry::finish`], it spoils the backup.
#[derive(Debug)]
pub struct Entry<'a> {
    writer: &'a mut Writer,
}

impl Entry<'_> {
    /// Ends the entry.
    pub fn finish(self) -> Result<(), Error> {
        let failed = fs::Error::new("write", &self.writer.path);
        self.writer.out.write_all(&0_u32.to_be_bytes()).map_err(failed)?;
        self.writer.entry_open = false;
        Ok(())
    }
}

impl Write for Entry<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let block = bytes.get(..1 << 16).unwrap_or(bytes);
        let length = u32::try_from(block.len()).expect("a block is at most 64 KiB");
        if length > 0 {
            self.writer.out.write_all(&length.to_be_bytes())?;
            self.writer.out.write_all(block)?;
        }
        Ok(block.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A backup that was verified from the first byte to the last.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    key: Key,
    names: Vec<String>,
}

struct Key(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key([redacted])")
    }
}

impl Reader {
    /// Opens a backup and verifies all of it.
    pub fn open(path: &Path, keys: &Keys) -> Result<Self, Error> {
        let (mut file, found) = begin(path)?;
        check_header(path, &found, &header(keys))?;
        let key = Key(keys.subkey(Purpose::Backup));
        let mut names = Vec::new();
        let mut seen = BTreeSet::new();
        let opened = Opener::new(&mut file, &key.0, &found);
        opened
            .and_then(|stream| {
                walk(stream, &mut |name, content| {
                    if !seen.insert(name.to_owned()) {
                        return Err(broken("a name stands there twice"));
                    }
                    names.push(name.to_owned());
                    io::copy(content, &mut io::sink()).map(drop)
                })
            })
            .map_err(|error| failed(path, error))?;
        Ok(Self { path: path.to_owned(), key, names })
    }

    /// The names of the entries, in the order in which they were written.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Shows every entry with its bytes, in order, until `take` fails. What it leaves unread is skipped.
    pub fn each<E: From<Error>>(
        &self,
        take: &mut dyn FnMut(&str, &mut dyn Read) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut file, header) = begin(&self.path)?;
        let mut refused = None;
        let walked = Opener::new(&mut file, &self.key.0, &header).and_then(|stream| {
            walk(stream, &mut |name, content| {
                take(name, content).map_err(|error| {
                    refused = Some(error);
                    io::Error::other("the entry was refused")
                })
            })
        });
        match (refused, walked) {
            (Some(error), _) => Err(error),
            (None, walked) => Ok(walked.map_err(|error| failed(&self.path, error))?),
        }
    }
}

/// Whether a name can be restored below any folder, and nowhere else.
fn is_safe(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && !name.contains(|c: char| c.is_control() || c == '\\')
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn header(keys: &Keys) -> Vec<u8> {
    [MAGIC.as_slice(), &FORMAT.to_be_bytes(), keys.fingerprint().as_bytes()].concat()
}

/// Opens a file and reads its header.
fn begin(path: &Path) -> Result<(File, Vec<u8>), Error> {
    let mut file = File::open(path).map_err(fs::Error::new("read", path))?;
    let mut header = Vec::with_capacity(HEADER);
    Read::by_ref(&mut file)
        .take(HEADER as u64)
        .read_to_end(&mut header)
        .map_err(fs::Error::new("read", path))?;
    Ok((file, header))
}

fn check_header(path: &Path, found: &[u8], ours: &[u8]) -> Result<(), Error> {
    let rest = found.strip_prefix(MAGIC).ok_or_else(|| Error::Foreign(path.to_owned()))?;
    let cut_off = || Error::Damaged { path: path.to_owned(), why: "it is cut off".to_owned() };
    let (format, key) = rest.split_first_chunk().ok_or_else(cut_off)?;
    let format = u16::from_be_bytes(*format);
    if format > FORMAT {
        return Err(Error::Newer { path: path.to_owned(), found: format });
    }
    if found.len() < HEADER {
        return Err(cut_off());
    }
    if found == ours {
        return Ok(());
    }
    let text = |id: &[u8]| id.escape_ascii().to_string();
    let ours = text(&ours[HEADER - KEY_ID..]);
    Err(Error::OtherKey { path: path.to_owned(), theirs: text(key), ours })
}

/// Reads the entries to the end of the stream.
fn walk(
    mut stream: impl Read,
    look: &mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut entries = 0_u64;
    while let [1] = read_array(&mut stream)? {
        let length = u16::from_be_bytes(read_array(&mut stream)?);
        let mut name = vec![0; usize::from(length)];
        stream.read_exact(&mut name)?;
        let name = String::from_utf8(name).ok().filter(|name| is_safe(name));
        let name = name.ok_or_else(|| broken("an entry has an impossible name"))?;
        let mut content = Content { stream: &mut stream, left: 0, ended: false };
        look(&name, &mut content)?;
        io::copy(&mut content, &mut io::sink())?;
        entries += 1;
    }
    if u64::from_be_bytes(read_array(&mut stream)?) != entries {
        return Err(broken("entries are missing"));
    }
    match stream.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(broken("something follows its end")),
    }
}

fn read_array<const N: usize>(stream: &mut impl Read) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    stream.read_exact(&mut array)?;
    Ok(array)
}

/// The bytes of one entry.
struct Content<'a, R: Read> {
    stream: &'a mut R,
    /// What is left of the block.
    left: u32,
    ended: bool,
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.ended {
            self.left = u32::from_be_bytes(read_array(self.stream)?);
            self.ended = self.left == 0;
        }
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let read = self.stream.by_ref().take(u64::from(self.left)).read(buffer)?;
        if read == 0 {
            return Err(broken("an entry is cut off"));
        }
        self.left -= u32::try_from(read).expect("no more was asked for");
        Ok(read)
    }
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn failed(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            Error::Damaged { path: path.to_owned(), why: error.to_string() }
        }
        _ => fs::Error::new("read", path)(error).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::from_bytes([9; 32])
    }

    /// Names and contents of different sizes.
    fn entries() -> Vec<(String, Vec<u8>)> {
        [
            ("record.jsonl", 0),
            ("evidence/bodies/aa/b", 1),
            ("c", 70_000),
            ("watchlists/ü.toml", 300_000),
        ]
        .map(|(name, size)| (name.to_owned(), b"line of ours\n".repeat(size / 13 + size % 13)))
        .to_vec()
    }

    fn write(path: &Path) -> Result<(), Error> {
        let mut writer = Writer::create(path, &keys())?;
        for (name, content) in entries() {
            let mut entry = writer.entry(&name)?;
            entry.write_all(&content).unwrap();
            entry.finish()?;
        }
        writer.finish()
    }

    fn read_all(path: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let mut found = Vec::new();
        Reader::open(path, &keys())?.each(&mut |name, content| -> Result<(), Error> {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).unwrap();
            found.push((name.to_owned(), bytes));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn what_was_put_in_comes_out_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup");
        write(&path).unwrap();
        assert_eq!(read_all(&path).unwrap(), entries());
        let names: Vec<String> = entries().into_iter().map(|entry| entry.0).collect();
        assert_eq!(Reader::open(&path, &keys()).unwrap().names(), names);
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"line" || window == b"reco"));
        assert!(matches!(write(&path), Err(Error::Exists(_))));
        assert_eq!(fs::read(&path).unwrap(), bytes, "a backup never replaces a file");
    }

    #[test]
    fn what_is_left_unread_is_skipped_and_a_refusal_ends_the_reading() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup");
        write(&path).unwrap();
        let reader = Reader::open(&path, &keys()).unwrap();
        let mut shown = Vec::new();
        let result = reader.each(&mut |name, content| -> Result<(), Error> {
            content.read_exact(&mut [0; 1]).ok();
            shown.push(name.to_owned());
            if shown.len() == 3 { Err(Error::Name("enough".to_owned())) } else { Ok(()) }
        });
        assert!(matches!(result, Err(Error::Name(name)) if name == "enough"));
        assert_eq!(shown, reader.names()[..3]);
    }

    #[test]
    fn a_backup_that_was_changed_or_cut_off_is_refused_before_anything_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup");
        write(&path).unwrap();
        let good = fs::read(&path).unwrap();
        let mut wrong: Vec<Vec<u8>> = Vec::new();
        for place in (0..90).chain((90..good.len()).step_by(9_973)).chain([good.len() - 1]) {
            wrong.push(good[..place].to_vec());
            let mut bad = good.clone();
            bad[place] ^= 1;
            wrong.push(bad);
        }
        wrong.push([good.as_slice(), b"x"].concat());
        for bytes in wrong {
            fs::write_atomic(&path, &bytes, 0o600).unwrap();
            assert!(Reader::open(&path, &keys()).is_err(), "{} bytes", bytes.len());
        }
        fs::write_atomic(&path, &good, 0o600).unwrap();
        let reader = Reader::open(&path, &keys()).unwrap();
        assert_eq!(reader.names().len(), 4);
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup");
        write(&path).unwrap();
        let other = Reader::open(&path, &Keys::from_bytes([1; 32])).unwrap_err().to_string();
        assert!(other.contains(&keys().fingerprint()), "{other}");
        assert!(other.ends_with("put the key file of that time in place"), "{other}");
        let mut newer = fs::read(&path).unwrap();
        newer[9] = 2;
        let change = dir.path().join("changed");
        fs::write_atomic(&change, &newer, 0o600).unwrap();
        assert!(matches!(Reader::open(&change, &keys()), Err(Error::Newer { found: 2, .. })));
        fs::write_atomic(&change, b"PK\x03\x04 something else", 0o600).unwrap();
        assert!(matches!(Reader::open(&change, &keys()), Err(Error::Foreign(_))));
        assert!(matches!(Reader::open(&dir.path().join("no"), &keys()), Err(Error::File(_))));
    }

    #[test]
    fn names_stay_below_the_folder_they_are_restored_to() {
        for bad in ["", "/etc", "a//b", "a/", "../a", "a/../b", ".", "a/.", "a\\b", "a\0", "a\n"] {
            assert!(!is_safe(bad), "{bad:?}");
        }
        assert!(
            is_safe("evidence/bodies/0a/ff.x") && is_safe("..a") && !is_safe(&"a".repeat(1025))
        );
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(&dir.path().join("backup"), &keys()).unwrap();
        assert!(matches!(writer.entry("../a"), Err(Error::Name(_))));
        writer.entry("a").unwrap().finish().unwrap();
        assert!(matches!(writer.entry("a"), Err(Error::Name(_))), "twice");
        writer.entry("b").unwrap().write_all(b"half").unwrap();
        assert!(matches!(writer.finish(), Err(Error::Unfinished(_))));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing half is left");
    }
}
