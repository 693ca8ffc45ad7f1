//! Zip by the header before each file: for archives whose directory is missing, and for those that are
//! too large to be kept while something else is read.

use std::io::{self, BufRead, BufReader, Read};

use super::{Claims, FLAG_DESCRIPTOR, Fields, visit_file, wide, zip64};
use crate::unpack::{Budget, Member, Trouble};

/// The signature of a file's own header.
pub(super) const HEADER: [u8; 4] = *b"PK\x03\x04";
const FIXED_BYTES: usize = 26;

/// Calls `visit` for each file whose header is found, in the order of the stream. Whether one was
/// missed cannot be known, so the archive counts as damaged; `Ok` means that its end was reached.
pub fn salvage(
    packed: &mut dyn Read,
    budget: &Budget,
    visit: &mut dyn FnMut(Member<'_>),
) -> Result<(), Trouble> {
    let mut stream = BufReader::new(packed);
    while seek_header(&mut stream, budget)? {
        budget.take_member()?;
        let Some((name, claims)) = read_header(&mut stream)? else { continue };
        if !name.ends_with(b"/") {
            let used = visit_file(&name, claims, &mut stream, budget, visit);
            skip(&mut stream, claims.packed.unwrap_or(0).saturating_sub(used), budget)?;
        }
        if let Some(stop) = budget.stopped() {
            return Err(Trouble::Stopped(stop));
        }
    }
    Ok(())
}

/// Passes over data that was not read, so that an archive stored in it is not taken for this one.
fn skip(stream: &mut impl BufRead, mut count: u64, budget: &Budget) -> Result<(), Trouble> {
    while count > 0 {
        budget.take_bytes(0)?;
        let ahead = stream.fill_buf().map_err(|error| Trouble::from(&error))?.len();
        if ahead == 0 {
            return Ok(());
        }
        let step = usize::try_from(count).map_or(ahead, |count| count.min(ahead));
        stream.consume(step);
        count -= step as u64;
    }
    Ok(())
}

/// Goes to the next header and past its signature. What lies between (descriptors, data that was not
/// read to its end, garbage) is passed over.
fn seek_header(stream: &mut impl BufRead, budget: &Budget) -> Result<bool, Trouble> {
    let mut matched = 0;
    loop {
        budget.take_bytes(0)?;
        let ahead = match stream.fill_buf() {
            Ok(ahead) => ahead,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Trouble::from(&error)),
        };
        if ahead.is_empty() {
            return Ok(false);
        }
        let mut used = 0;
        for byte in ahead {
            used += 1;
            // All four bytes differ, so after a mismatch only a first byte can begin anew.
            matched = if *byte == HEADER[matched] {
                matched + 1
            } else {
                usize::from(*byte == HEADER[0])
            };
            if matched == HEADER.len() {
                break;
            }
        }
        stream.consume(used);
        if matched == HEADER.len() {
            return Ok(true);
        }
    }
}

/// The name and claims of a header whose signature was read; nothing if it is cut short.
fn read_header(stream: &mut impl Read) -> Result<Option<(Vec<u8>, Claims)>, Trouble> {
    let mut fixed = [0; FIXED_BYTES];
    if !filled(stream, &mut fixed)? {
        return Ok(None);
    }
    let Some((header, lengths)) = Header::parse(&mut Fields(&fixed)) else { return Ok(None) };
    let [mut name, mut extra] = lengths.map(|length| vec![0; usize::from(length)]);
    if !filled(stream, &mut name)? || !filled(stream, &mut extra)? {
        return Ok(None);
    }
    Ok(Some((name, header.claims(&extra))))
}

/// The fixed fields of a header.
struct Header {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    unpacked: u32,
}

impl Header {
    /// With the lengths of the name and the extra fields.
    fn parse(fields: &mut Fields<'_>) -> Option<(Self, [u16; 2])> {
        fields.skip(2)?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.skip(4)?;
        let (crc, packed, unpacked) = (fields.u32()?, fields.u32()?, fields.u32()?);
        Some((Self { flags, method, crc, packed, unpacked }, [fields.u16()?, fields.u16()?]))
    }

    fn claims(&self, extra: &[u8]) -> Claims {
        let (flags, method) = (self.flags, self.method);
        if flags & FLAG_DESCRIPTOR != 0 && self.packed == 0 {
            return Claims {
                flags,
                method,
                packed: None,
                crc: None,
                unpacked: None,
                contradicted: false,
            };
        }
        let mut extra = zip64(extra);
        let unpacked = wide(self.unpacked, &mut extra);
        let packed = wide(self.packed, &mut extra);
        Claims { flags, method, packed, crc: Some(self.crc), unpacked, contradicted: false }
    }
}

fn filled(stream: &mut impl Read, buffer: &mut [u8]) -> Result<bool, Trouble> {
    match stream.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(Trouble::from(&error)),
    }
}
