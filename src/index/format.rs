//! What the files of the index look like: names, headers, tables. `docs/index-format.md` describes it for people.
//!
//! Every file begins with sixteen bytes that keep their meaning in every future format: eight that say what
//! the file is, the number of the format, and a check of these twelve. So another version is told from damage.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::codec::{Broken, array_at, u32_at, u64_at};
use super::seal::{CHECKSUM, Seal, random};

/// The format of the manifest and of the segments.
pub(super) const FORMAT: u32 = 1;
/// The manifest's name in the folder.
pub(super) const MANIFEST: &str = "manifest";
/// The writer's lock.
pub(super) const LOCK: &str = "lock";
/// How the names of segments end.
pub(super) const SEGMENT_SUFFIX: &str = ".segment";
/// Bytes of a preamble.
pub(super) const PREAMBLE: usize = 16;
/// Bytes of a segment's header.
pub(super) const HEADER: usize = 512;

/// Why a file is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not what a writer left.
    Damaged(&'static str),
    /// Of this format, which is not ours.
    Format(u32),
}

/// What stands at the beginning of every file.
pub(super) fn preamble(magic: [u8; 8]) -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    bytes[..8].copy_from_slice(&magic);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    let check = blake3::hash(&bytes[..12]);
    bytes[12..].copy_from_slice(&check.as_bytes()[..4]);
    bytes
}

/// Checks the beginning of a file.
pub(super) fn check_preamble(bytes: &[u8], magic: [u8; 8]) -> Result<(), Fault> {
    let given: [u8; PREAMBLE] =
        array_at(bytes, 0).map_err(|Broken| Fault::Damaged("it is cut off"))?;
    if given[..8] != magic || given[12..] != blake3::hash(&given[..12]).as_bytes()[..4] {
        return Err(Fault::Damaged("its beginning is not that of an index file"));
    }
    match u32_at(&given, 8) {
        Ok(FORMAT) => Ok(()),
        Ok(other) => Err(Fault::Format(other)),
        Err(Broken) => Err(Fault::Damaged("it is cut off")),
    }
}

/// A segment's name: random, so that no two segments ever share one, not even after a backup was restored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct SegmentId(pub(super) [u8; 16]);

impl SegmentId {
    pub(super) fn random() -> std::io::Result<Self> {
        random().map(Self)
    }

    pub(super) fn file_name(self) -> String {
        format!("{:032x}{SEGMENT_SUFFIX}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file_name())
    }
}

/// The parts of a segment, in the order in which they stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// The Bloom filter.
    Filter,
    /// Where each bucket begins, and where the last one ends.
    Directory,
    /// A record for each document.
    Documents,
    /// Names and versions, encrypted in blocks.
    Names,
    /// Where each block of names begins, and where the last one ends.
    NameOffsets,
    /// Name keys with their documents, sorted.
    NameKeys,
    /// Values of whole texts with their documents, sorted.
    Wholes,
    /// The values and their postings.
    Buckets,
}

/// How many sections there are.
pub(super) const SECTIONS: usize = 8;

/// Where a section stands, and its keyed checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) checksum: [u8; CHECKSUM],
}

impl Extent {
    /// As a range of a mapped file.
    pub(super) fn range(&self) -> Result<Range<usize>, Broken> {
        let end = self.offset.checked_add(self.length).ok_or(Broken)?;
        let bound = |bound: u64| usize::try_from(bound).map_err(|_| Broken);
        Ok(bound(self.offset)?..bound(end)?)
    }
}

/// The header of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: SegmentId,
    /// How many documents there are, dead ones included.
    pub(super) documents: u32,
    /// How many high bits of a value choose its bucket.
    pub(super) bucket_bits: u32,
    /// How many distinct values there are.
    pub(super) values: u64,
    /// How many postings there are.
    pub(super) postings: u64,
    pub(super) sections: [Extent; SECTIONS],
}

impl Header {
    const MAGIC: [u8; 8] = *b"LW-PRINT";
    const TABLE: usize = 64;
    const EXTENT: usize = 16 + CHECKSUM;
    const END: usize = HEADER - CHECKSUM;

    /// The header's bytes; its own checksum is the last of them.
    pub(super) fn encode(&self, seal: &Seal) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..PREAMBLE].copy_from_slice(&preamble(Self::MAGIC));
        bytes[16..32].copy_from_slice(&self.id.0);
        bytes[32..36].copy_from_slice(&self.documents.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.bucket_bits.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.values.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.postings.to_le_bytes());
        for (index, extent) in self.sections.iter().enumerate() {
            let at = Self::TABLE + index * Self::EXTENT;
            bytes[at..at + 8].copy_from_slice(&extent.offset.to_le_bytes());
            bytes[at + 8..at + 16].copy_from_slice(&extent.length.to_le_bytes());
            bytes[at + 16..at + Self::EXTENT].copy_from_slice(&extent.checksum);
        }
        let checksum = seal.checksum().update(&bytes[..Self::END]).finalize();
        bytes[Self::END..].copy_from_slice(checksum.as_bytes());
        bytes
    }

    /// Reads a header and its checksum, which the manifest repeats.
    pub(super) fn decode(bytes: &[u8], seal: &Seal) -> Result<(Self, [u8; CHECKSUM]), Fault> {
        check_preamble(bytes, Self::MAGIC)?;
        let cut = |Broken| Fault::Damaged("it is cut off");
        let bytes: [u8; HEADER] = array_at(bytes, 0).map_err(cut)?;
        let checksum: [u8; CHECKSUM] = array_at(&bytes, Self::END).map_err(cut)?;
        if seal.checksum().update(&bytes[..Self::END]).finalize() != checksum {
            return Err(Fault::Damaged("the checksum of its header is wrong"));
        }
        Self::fields(&bytes).map(|header| (header, checksum)).map_err(cut)
    }

    fn fields(bytes: &[u8; HEADER]) -> Result<Self, Broken> {
        let mut sections = [Extent::default(); SECTIONS];
        for (index, extent) in sections.iter_mut().enumerate() {
            let at = Self::TABLE + index * Self::EXTENT;
            *extent = Extent {
                offset: u64_at(bytes, at)?,
                length: u64_at(bytes, at + 8)?,
                checksum: array_at(bytes, at + 16)?,
            };
        }
        Ok(Self {
            id: SegmentId(array_at(bytes, 16)?),
            documents: u32_at(bytes, 32)?,
            bucket_bits: u32_at(bytes, 36)?,
            values: u64_at(bytes, 40)?,
            postings: u64_at(bytes, 48)?,
            sections,
        })
    }
}

/// What a segment keeps of a document in the clear: numbers and keyed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// The corpus' number; its name is in the manifest.
    pub(super) corpus: u32,
    pub(super) length: u32,
    pub(super) lines: u32,
    pub(super) prints: u32,
    pub(super) bytes: u64,
    pub(super) whole: Option<u64>,
}

impl Record {
    /// Bytes of a record.
    pub(super) const BYTES: usize = 40;

    pub(super) fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.corpus.to_le_bytes());
        bytes[4..8].copy_from_slice(&u32::from(self.whole.is_some()).to_le_bytes());
        bytes[8..12].copy_from_slice(&self.length.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.lines.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.prints.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[32..].copy_from_slice(&self.whole.unwrap_or(0).to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Broken> {
        let whole = u64_at(bytes, 32)?;
        Ok(Self {
            corpus: u32_at(bytes, 0)?,
            length: u32_at(bytes, 8)?,
            lines: u32_at(bytes, 12)?,
            prints: u32_at(bytes, 16)?,
            bytes: u64_at(bytes, 24)?,
            whole: (u32_at(bytes, 4)? != 0).then_some(whole),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;

    #[test]
    fn a_header_reads_back_and_no_flipped_bit_passes() {
        let seal = Seal::new(&Keys::from_bytes([3; 32]));
        let extent = Extent { offset: 512, length: 64, checksum: [9; CHECKSUM] };
        let header = Header {
            id: SegmentId([5; 16]),
            documents: 7,
            bucket_bits: 2,
            values: 90,
            postings: 100,
            sections: [extent; SECTIONS],
        };
        let bytes = header.encode(&seal);
        assert_eq!(Header::decode(&bytes, &seal).unwrap().0, header);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes;
                flipped[at] ^= 1 << bit;
                let fault = Header::decode(&flipped, &seal).unwrap_err();
                assert!(matches!(fault, Fault::Damaged(_)), "byte {at}: {fault:?}");
            }
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let mut bytes = preamble(*b"whatever");
        bytes[8] = 2;
        assert!(matches!(check_preamble(&bytes, *b"whatever"), Err(Fault::Damaged(_))));
        let check = blake3::hash(&bytes[..12]);
        bytes[12..].copy_from_slice(&check.as_bytes()[..4]);
        assert_eq!(check_preamble(&bytes, *b"whatever"), Err(Fault::Format(2)));
        assert!(matches!(check_preamble(&bytes, *b"anything"), Err(Fault::Damaged(_))));
    }

    #[test]
    fn a_record_reads_back() {
        for whole in [None, Some(0), Some(u64::MAX)] {
            let record = Record { corpus: 1, length: 2, lines: 3, prints: 4, bytes: 5, whole };
            assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
    }
}
