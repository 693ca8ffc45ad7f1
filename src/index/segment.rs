//! Reads one segment, mapped into memory.
//!
//! A segment is verified as a whole, every byte of it, when this process first opens it; afterwards its
//! pages are trusted. So no answer ever rests on unverified bytes, and a new generation costs the reading of
//! its new segments only. What then still fails to decode is a bug, or a file that somebody overwrote.

use std::fs::File;
use std::path::PathBuf;

use memmap2::Mmap;

use super::Error;
use super::bucket::{Bucket, Buckets, List};
use super::codec::{Broken, array_at, u32_at, u64_at};
use super::filter::Filter;
use super::folder::Folder;
use super::format::{Fault, HEADER, Header, Record, SECTIONS, Section, SegmentId};
use super::names::{self, Named};
use super::seal::{CHECKSUM, Seal};
use crate::fs;

/// Bytes of a name key with its document.
const NAME_KEY: usize = 20;
/// Bytes of a whole text's value with its document.
const WHOLE: usize = 12;

/// A verified segment.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    map: Mmap,
    header: Header,
    checksum: [u8; CHECKSUM],
    buckets: Buckets,
}

impl Segment {
    /// Maps and verifies a segment.
    pub(super) fn open(folder: &Folder, id: SegmentId) -> Result<Self, Error> {
        let path = folder.segment(id);
        let map = map(&path)?;
        let (header, checksum) =
            Header::decode(&map, &folder.seal).map_err(|fault| folder.fault(&path, fault))?;
        verify(&header, &map, &folder.seal).map_err(|fault| folder.fault(&path, fault))?;
        let buckets = Buckets::from_bits(header.bucket_bits)
            .map_err(|Broken| folder.damaged(&path, "its header does not fit it"))?;
        Ok(Self { path, map, header, checksum, buckets })
    }

    /// Waits until the file is on the disk.
    pub(super) fn sync(&self) -> Result<(), Error> {
        File::open(&self.path)
            .and_then(|file| file.sync_all())
            .map_err(|error| fs::Error::new("flush", &self.path)(error).into())
    }

    pub(super) fn id(&self) -> SegmentId {
        self.header.id
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The checksum that vouches for every byte of the file.
    pub(super) fn checksum(&self) -> [u8; CHECKSUM] {
        self.checksum
    }

    /// How many documents there are, dead ones included.
    pub(super) fn documents(&self) -> u32 {
        self.header.documents
    }

    /// How many distinct values there are, those of dead documents included.
    pub(super) fn values(&self) -> u64 {
        self.header.values
    }

    fn section(&self, section: Section) -> Result<&[u8], Broken> {
        self.map.get(self.header.sections[section as usize].range()?).ok_or(Broken)
    }

    pub(super) fn filter(&self) -> Result<Filter<'_>, Broken> {
        Filter::new(self.section(Section::Filter)?)
    }

    fn bucket(&self, bucket: u64) -> Result<Bucket<'_>, Broken> {
        let at = usize::try_from(bucket * 8).map_err(|_| Broken)?;
        let directory = self.section(Section::Directory)?;
        let bound = |at| usize::try_from(u64_at(directory, at)?).map_err(|_| Broken);
        let range = bound(at)?..bound(at + 8)?;
        Bucket::new(self.buckets, self.section(Section::Buckets)?.get(range).ok_or(Broken)?)
    }

    /// The bucket in which a value stands, if it stands anywhere.
    pub(super) fn bucket_of(&self, value: u64) -> Result<Bucket<'_>, Broken> {
        self.bucket(self.buckets.of(value))
    }

    /// The postings of a value in its bucket, dead documents included.
    pub(super) fn find<'a>(
        &'a self,
        bucket: &Bucket<'a>,
        value: u64,
    ) -> Result<Option<List<'a>>, Broken> {
        bucket.find(self.buckets, value)
    }

    /// All values in order, with their postings.
    pub(super) fn lists(&self) -> Result<Lists<'_>, Broken> {
        Ok(Lists { segment: self, at: 0, bucket: self.bucket(0)? })
    }

    pub(super) fn record(&self, document: u32) -> Result<Record, Broken> {
        let records = self.section(Section::Documents)?.as_chunks::<{ Record::BYTES }>().0;
        Record::decode(records.get(document as usize).ok_or(Broken)?)
    }

    /// The names of the documents of one block.
    pub(super) fn names(&self, seal: &Seal, block: u32) -> Result<Vec<Named>, Broken> {
        let offsets = self.section(Section::NameOffsets)?;
        let bound = |at| usize::try_from(u64_at(offsets, at)?).map_err(|_| Broken);
        let at = block as usize * 8;
        let sealed = self.section(Section::Names)?.get(bound(at)?..bound(at + 8)?).ok_or(Broken)?;
        names::decrypt(seal, self.id(), block, sealed)
    }

    /// The name and version of one document.
    pub(super) fn name(&self, seal: &Seal, document: u32) -> Result<Named, Broken> {
        let block = self.names(seal, document / names::IN_BLOCK)?;
        block.into_iter().nth((document % names::IN_BLOCK) as usize).ok_or(Broken)
    }

    /// Name keys with their documents, by key.
    pub(super) fn name_keys(&self) -> Result<Vec<u128>, Broken> {
        let mut keys = vec![0; self.documents() as usize];
        for entry in self.section(Section::NameKeys)?.as_chunks::<NAME_KEY>().0 {
            let document = u32_at(entry, 16)? as usize;
            *keys.get_mut(document).ok_or(Broken)? = u128::from_le_bytes(array_at(entry, 0)?);
        }
        Ok(keys)
    }

    /// The documents of this name key; dead ones may be among them.
    pub(super) fn documents_named(&self, key: u128) -> Result<Vec<u32>, Broken> {
        let entries = self.section(Section::NameKeys)?.as_chunks::<NAME_KEY>().0;
        let key_of = |entry: &[u8; NAME_KEY]| array_at(entry, 0).map_or(0, u128::from_le_bytes);
        let from = entries.partition_point(|entry| key_of(entry) < key);
        let equal = entries[from..].iter().take_while(|entry| key_of(entry) == key);
        equal.map(|entry| u32_at(entry, 16)).collect()
    }

    /// The documents whose whole text has this value; dead ones may be among them.
    pub(super) fn documents_of_whole(&self, whole: u64) -> Result<Vec<u32>, Broken> {
        let entries = self.section(Section::Wholes)?.as_chunks::<WHOLE>().0;
        let whole_of = |entry: &[u8; WHOLE]| u64_at(entry, 0).unwrap_or(0);
        let from = entries.partition_point(|entry| whole_of(entry) < whole);
        let equal = entries[from..].iter().take_while(|entry| whole_of(entry) == whole);
        equal.map(|entry| u32_at(entry, 8)).collect()
    }
}

/// The values of a segment in order.
#[derive(Debug)]
pub(super) struct Lists<'a> {
    segment: &'a Segment,
    at: u64,
    bucket: Bucket<'a>,
}

impl<'a> Lists<'a> {
    pub(super) fn next(&mut self) -> Result<Option<(u64, List<'a>)>, Broken> {
        let buckets = self.segment.buckets;
        loop {
            if let Some((remainder, list)) = self.bucket.next()? {
                return Ok(Some((buckets.value(self.at, remainder), list)));
            }
            if self.at + 1 == buckets.count() {
                return Ok(None);
            }
            self.at += 1;
            self.bucket = self.segment.bucket(self.at)?;
        }
    }
}

#[expect(
    unsafe_code,
    reason = "segments are mapped, not loaded: the index may be larger than memory"
)]
fn map(path: &PathBuf) -> Result<Mmap, Error> {
    let file = File::open(path).map_err(fs::Error::new("open", path))?;
    // SAFETY: The bytes must not change while they are mapped. A segment is written once, under a random name
    // that is never used again, in a folder that only its owner can enter; it is complete before a manifest
    // names it, nothing in this program opens it for writing afterwards, and removing it leaves the mapping whole.
    unsafe { Mmap::map(&file) }.map_err(|error| fs::Error::new("map", path)(error).into())
}

/// Checks that the sections cover the file without a gap, have the lengths the counts say, and are unchanged.
fn verify(header: &Header, file: &[u8], seal: &Seal) -> Result<(), Fault> {
    let shape = Fault::Damaged("its length is not what its header says");
    let documents = header.documents as usize;
    let mut end = HEADER;
    for index in 0..SECTIONS {
        let range = header.sections[index].range().map_err(|Broken| shape)?;
        if range.start != end {
            return Err(shape);
        }
        end = range.end;
    }
    let length = |section: Section| header.sections[section as usize].length;
    let blocks = documents.div_ceil(names::IN_BLOCK as usize);
    let expected = [
        (Section::Documents, documents * Record::BYTES),
        (Section::NameOffsets, (blocks + 1) * 8),
        (Section::NameKeys, documents * NAME_KEY),
    ];
    if end != file.len() || expected.iter().any(|&(section, bytes)| length(section) != bytes as u64)
    {
        return Err(shape);
    }
    for extent in &header.sections {
        let bytes = extent.range().ok().and_then(|range| file.get(range)).ok_or(shape)?;
        if seal.checksum().update_rayon(bytes).finalize() != extent.checksum {
            return Err(Fault::Damaged("the checksum of its content is wrong"));
        }
    }
    Ok(())
}
