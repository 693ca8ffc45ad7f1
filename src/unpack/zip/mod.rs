//! Zip: the files in it, by its directory or, where that is missing or hides something, by the headers
//! that stand before each file.
//!
//! Read here and not through a crate for three reasons: a crate keeps all names in memory (a few
//! hundred bytes for each 50 of an archive made of names), hides members whose names repeat, and cannot
//! stream an archive whose directory was lost. Formats: PKWARE's APPNOTE 6.3, stored and deflated files.

mod directory;
mod local;

use std::io::{self, BufRead, Read};
use std::rc::Rc;

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

pub use directory::{Directory, find, members};
pub use local::salvage;

use super::budget::Counted;
use super::{Budget, Contents, Member, Metered, Trouble};

/// Says that a file is encrypted.
const FLAG_ENCRYPTED: u16 = 1;
/// Says that sizes and checksum follow the data.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// What a header says about a file.
#[derive(Debug, Clone, Copy)]
struct Claims {
    flags: u16,
    method: u16,
    /// Bytes of the packed data, if known.
    packed: Option<u64>,
    /// The checksum of the unpacked data, if known.
    crc: Option<u32>,
    /// Bytes of the unpacked data, if known. Never used to reserve memory.
    unpacked: Option<u64>,
    /// Whether the two headers of the file contradict each other.
    contradicted: bool,
}

/// Hands a file to `visit`, and tells how many packed bytes were used. `data` stands at its first byte.
fn visit_file(
    name: &[u8],
    claims: Claims,
    data: &mut dyn BufRead,
    budget: &Budget,
    visit: &mut dyn FnMut(Member<'_>),
) -> u64 {
    let counted = Counted::new(data);
    let packed = counted.count();
    let limited = counted.take(claims.packed.unwrap_or(u64::MAX));
    let unpacked: Box<dyn Read + '_> = match claims.method {
        _ if claims.flags & FLAG_ENCRYPTED != 0 => {
            visit(Member { name, contents: Contents::Encrypted });
            return 0;
        }
        STORED if claims.packed.is_some() => Box::new(limited),
        DEFLATED => Box::new(DeflateDecoder::new(limited)),
        _ => {
            visit(Member { name, contents: Contents::Unsupported });
            return 0;
        }
    };
    let metered = Metered::new(unpacked, budget, Rc::clone(&packed));
    let mut checked = Checked { inner: metered, claims, crc: Crc::new() };
    visit(Member { name, contents: Contents::File(&mut checked) });
    packed.get()
}

/// Compares size and checksum at the end.
struct Checked<R> {
    inner: R,
    claims: Claims,
    crc: Crc,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) {
            self.crc.update(read);
        } else if !buffer.is_empty() {
            let crc_differs = self.claims.crc.is_some_and(|crc| crc != self.crc.sum());
            // The counter wraps at 4 GiB, so only the low half of the size is compared.
            let size_differs = self
                .claims
                .unpacked
                .is_some_and(|size| size & u64::from(u32::MAX) != u64::from(self.crc.amount()));
            if crc_differs || size_differs || self.claims.contradicted {
                return Err(Trouble::Damaged.into());
            }
        }
        Ok(count)
    }
}

/// Reads little-endian fields one after the other; what is not there reads as nothing.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn skip(&mut self, count: usize) -> Option<&'a [u8]> {
        let (skipped, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(skipped)
    }
}

/// The values of the ZIP64 extra field, in its order: of each size that reads as all ones.
fn zip64(extra: &[u8]) -> Fields<'_> {
    let mut fields = Fields(extra);
    while let (Some(kind), Some(size)) = (fields.u16(), fields.u16()) {
        let Some(content) = fields.skip(usize::from(size)) else { break };
        if kind == 1 {
            return Fields(content);
        }
    }
    Fields(&[])
}

/// A 32-bit size, or its 64-bit value from the extra field.
fn wide(narrow: u32, extra: &mut Fields<'_>) -> Option<u64> {
    if narrow == u32::MAX { extra.u64() } else { Some(u64::from(narrow)) }
}
