//! Zip by its directory, which stands at the end.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use super::{Claims, FLAG_DESCRIPTOR, Fields, visit_file, wide, zip64};
use crate::unpack::{Budget, Contents, Member, Trouble, read_full};

const ENTRY: [u8; 4] = *b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: u64 = 22;
const COMMENT_BYTES: u64 = 65_535;
const END64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR64: [u8; 4] = *b"PK\x06\x07";
const LOCATOR64_BYTES: u64 = 20;
const LOCAL_BYTES: usize = 30;

/// Where a directory stands and what it says.
#[derive(Debug, Clone, Copy)]
pub struct Directory {
    /// Where its first entry is.
    start: u64,
    /// Where its last entry ends.
    end: u64,
    /// How many entries it should have.
    entries: u64,
    /// What to add to the positions it names: the length of what was put before the archive.
    pub prefix: u64,
}

/// Looks for a directory at the end of a file. None means that there is none, or that it is broken.
pub fn find(file: &mut (impl Read + Seek)) -> Option<Directory> {
    let length = file.seek(SeekFrom::End(0)).ok()?;
    let tail_start = length.saturating_sub(END_BYTES + COMMENT_BYTES + LOCATOR64_BYTES);
    let mut tail = vec![0; usize::try_from(length - tail_start).ok()?];
    file.seek(SeekFrom::Start(tail_start)).ok()?;
    let (filled, _) = read_full(file, &mut tail);
    tail.truncate(filled);
    // The last record that leads to a directory: comments may contain the signature too.
    let mut at = tail.len();
    while let Some(found) =
        tail.get(..at).and_then(|before| before.windows(4).rposition(|bytes| bytes == END))
    {
        let directory = read_end(file, &tail, found, tail_start);
        if directory.is_some() {
            return directory;
        }
        at = found + 3;
    }
    None
}

fn read_end(
    file: &mut (impl Read + Seek),
    tail: &[u8],
    at: usize,
    tail_start: u64,
) -> Option<Directory> {
    let mut fields = Fields(tail.get(at + 4..)?);
    fields.skip(6)?;
    let entries = u64::from(fields.u16()?);
    let (size, offset) = (u64::from(fields.u32()?), u64::from(fields.u32()?));
    let end = tail_start + at as u64;
    let narrow = directory(file, end, entries, (size, offset));
    let locator = at.checked_sub(usize::try_from(LOCATOR64_BYTES).ok()?);
    let has_locator =
        locator.and_then(|locator| tail.get(locator..)?.first_chunk()) == Some(&LOCATOR64);
    if has_locator { read_end64(file, end - LOCATOR64_BYTES).or(narrow) } else { narrow }
}

/// The 64-bit record, which stands right before its locator; where the locator says it stands is not trusted.
fn read_end64(file: &mut (impl Read + Seek), locator: u64) -> Option<Directory> {
    const BYTES: usize = 56;
    let end = locator.checked_sub(BYTES as u64)?;
    let mut record = [0; BYTES];
    file.seek(SeekFrom::Start(end)).ok()?;
    file.read_exact(&mut record).ok()?;
    let mut fields = Fields(&record);
    (fields.take()? == END64).then_some(())?;
    fields.skip(28)?;
    let entries = fields.u64()?;
    let place = (fields.u64()?, fields.u64()?);
    directory(file, end, entries, place)
}

/// A directory of this size that ends at `end`, if an entry stands at its start.
fn directory(
    file: &mut (impl Read + Seek),
    end: u64,
    entries: u64,
    (size, offset): (u64, u64),
) -> Option<Directory> {
    let start = end.checked_sub(size)?;
    let prefix = start.checked_sub(offset)?;
    if entries > 0 {
        let mut signature = [0; 4];
        file.seek(SeekFrom::Start(start)).ok()?;
        file.read_exact(&mut signature).ok()?;
        (signature == ENTRY).then_some(())?;
    } else if end > 0 {
        // An archive of nothing is the record alone; anywhere else it is a coincidence.
        return None;
    }
    Some(Directory { start, end, entries, prefix })
}

/// Calls `visit` for each file that the directory names, in its order. One entry is in memory at a time.
pub fn members(
    file: &mut (impl Read + Seek),
    directory: &Directory,
    budget: &Budget,
    visit: &mut dyn FnMut(Member<'_>),
) -> Result<(), Trouble> {
    let mut file = BufReader::new(file);
    let mut at = directory.start;
    let mut seen = 0_u64;
    while at < directory.end {
        budget.take_member()?;
        let Some(mut entry) = Entry::read(&mut file, at) else { return Err(Trouble::Damaged) };
        at += entry.bytes;
        seen += 1;
        if !entry.is_file() {
            continue;
        }
        let local = entry.local.saturating_add(directory.prefix);
        if seek_to_data(&mut file, local, &mut entry.claims).is_some() {
            visit_file(&entry.name, entry.claims, &mut file, budget, visit);
        } else {
            visit(Member { name: &entry.name, contents: Contents::Damaged });
        }
        if let Some(stop) = budget.stopped() {
            return Err(Trouble::Stopped(stop));
        }
    }
    // Without the 64-bit record the count is of 16 bits.
    if seen == directory.entries || seen % 65_536 == directory.entries {
        Ok(())
    } else {
        Err(Trouble::Damaged)
    }
}

/// One entry of the directory.
struct Entry {
    name: Vec<u8>,
    claims: Claims,
    /// Where the file's own header stands, before `prefix` is added.
    local: u64,
    made_by: u16,
    attributes: u32,
    /// The length of this entry.
    bytes: u64,
}

impl Entry {
    fn read(file: &mut BufReader<impl Read + Seek>, at: u64) -> Option<Self> {
        seek(file, at)?;
        let mut fixed = [0; ENTRY_BYTES];
        file.read_exact(&mut fixed).ok()?;
        let mut fields = Fields(&fixed);
        (fields.take()? == ENTRY).then_some(())?;
        let made_by = fields.u16()?;
        fields.skip(2)?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.skip(4)?;
        let crc = fields.u32()?;
        let (packed, unpacked) = (fields.u32()?, fields.u32()?);
        let lengths = [fields.u16()?, fields.u16()?, fields.u16()?].map(usize::from);
        fields.skip(4)?;
        let (attributes, local) = (fields.u32()?, fields.u32()?);
        let mut name = vec![0; lengths[0]];
        file.read_exact(&mut name).ok()?;
        let mut extra = vec![0; lengths[1]];
        file.read_exact(&mut extra).ok()?;
        let mut extra = zip64(&extra);
        let unpacked = wide(unpacked, &mut extra);
        let packed = wide(packed, &mut extra)?;
        let local = wide(local, &mut extra)?;
        let claims = Claims {
            flags,
            method,
            packed: Some(packed),
            crc: Some(crc),
            unpacked,
            contradicted: false,
        };
        let bytes = (ENTRY_BYTES + lengths.iter().sum::<usize>()) as u64;
        Some(Self { name, claims, local, made_by, attributes, bytes })
    }

    /// Not a folder and not a link: the target of a link is no content.
    fn is_file(&self) -> bool {
        const UNIX: u16 = 3;
        const KIND: u32 = 0o170_000;
        const LINK: u32 = 0o120_000;
        let is_link = self.made_by >> 8 == UNIX && (self.attributes >> 16) & KIND == LINK;
        let is_folder = self.name.ends_with(b"/") && self.claims.packed.unwrap_or(0) <= 2;
        !is_link && !is_folder
    }
}

/// Goes to the data behind a file's own header, and compares what that claims.
fn seek_to_data(
    file: &mut BufReader<impl Read + Seek>,
    local: u64,
    claims: &mut Claims,
) -> Option<()> {
    seek(file, local)?;
    let mut header = [0; LOCAL_BYTES];
    file.read_exact(&mut header).ok()?;
    let mut fields = Fields(&header);
    (fields.take()? == super::local::HEADER).then_some(())?;
    fields.skip(2)?;
    let flags = fields.u16()?;
    fields.skip(6)?;
    let crc = fields.u32()?;
    fields.skip(8)?;
    let lengths = u64::from(fields.u16()?) + u64::from(fields.u16()?);
    seek(file, local + LOCAL_BYTES as u64 + lengths)?;
    file.fill_buf().ok()?;
    // A writer that did not know the checksum yet left a zero.
    claims.contradicted = flags & FLAG_DESCRIPTOR == 0 && crc != 0 && Some(crc) != claims.crc;
    Some(())
}

/// Stays within the buffer where it can: most members are small and follow one another.
fn seek(file: &mut BufReader<impl Read + Seek>, to: u64) -> Option<()> {
    let at = file.stream_position().ok()?;
    file.seek_relative(i64::try_from(i128::from(to) - i128::from(at)).ok()?).ok()
}
