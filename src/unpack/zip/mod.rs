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

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};
    use std::time::Duration;

    use ::zip::ZipWriter;
    use ::zip::write::SimpleFileOptions;

    use super::*;

    type Found = Vec<(String, Vec<u8>)>;

    fn collect(
        run: impl FnOnce(&Budget, &mut dyn FnMut(Member<'_>)) -> Result<(), Trouble>,
    ) -> Found {
        let budget = Budget::new(1 << 30, 100, Duration::from_mins(1));
        let mut found = Vec::new();
        run(&budget, &mut |member| {
            let mut bytes = Vec::new();
            if let Contents::File(data) = member.contents {
                data.read_to_end(&mut bytes).unwrap();
            }
            found.push((String::from_utf8(member.name.to_vec()).unwrap(), bytes));
        })
        .unwrap();
        found
    }

    fn by_directory(bytes: &[u8]) -> Found {
        let mut file = Cursor::new(bytes);
        let directory = find(&mut file).unwrap();
        collect(|budget, visit| members(&mut file, &directory, budget, visit))
    }

    fn by_headers(bytes: &[u8]) -> Found {
        collect(|budget, visit| salvage(&mut &bytes[..], budget, visit))
    }

    fn write<W: Write + io::Seek>(mut writer: ZipWriter<W>) -> ZipWriter<W> {
        let stored =
            SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
        let inner = b"PK\x03\x04 as a nested archive has it".to_vec();
        for (name, options, data) in [
            ("deflated", SimpleFileOptions::default(), b"one ".repeat(1000)),
            ("large", SimpleFileOptions::default().large_file(true), b"two".to_vec()),
            ("stored", stored, inner),
            ("ultra", SimpleFileOptions::default(), b"three".to_vec()),
        ] {
            writer.start_file(name, options).unwrap();
            writer.write_all(&data).unwrap();
        }
        writer
    }

    #[test]
    fn both_ways_through_an_archive_find_the_same() {
        let bytes = write(ZipWriter::new(Cursor::new(Vec::new()))).finish().unwrap().into_inner();
        let found = by_directory(&bytes);
        assert_eq!(
            found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["deflated", "large", "stored", "ultra"]
        );
        assert_eq!(found[0].1, b"one ".repeat(1000));
        assert_eq!(by_headers(&bytes), found);
    }

    #[test]
    fn what_is_stored_in_a_file_that_nobody_read_is_no_member() {
        let inner = write(ZipWriter::new(Cursor::new(Vec::new()))).finish().unwrap().into_inner();
        let stored =
            SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, data) in [("inner.zip", &inner[..]), ("last", b"x")] {
            writer.start_file(name, stored).unwrap();
            writer.write_all(data).unwrap();
        }
        let bytes = writer.finish().unwrap().into_inner();
        let budget = Budget::new(1 << 30, 100, Duration::from_mins(1));
        let mut names = Vec::new();
        let result =
            salvage(&mut &bytes[..], &budget, &mut |member| names.push(member.name.to_vec()));
        assert_eq!((result, names), (Ok(()), vec![b"inner.zip".to_vec(), b"last".to_vec()]));
    }

    #[test]
    fn sizes_that_come_after_the_data_are_no_hindrance() {
        let mut writer = ZipWriter::new_stream(Vec::new());
        for name in ["a", "b"] {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(&name.repeat(5000).into_bytes()).unwrap();
        }
        let bytes = writer.finish().unwrap().into_inner();
        let found = by_directory(&bytes);
        assert_eq!(found[1], ("b".to_owned(), b"b".repeat(5000)));
        assert_eq!(by_headers(&bytes), found);
    }

    #[test]
    fn links_and_folders_are_no_files_and_comments_no_directories() {
        let mut writer = write(ZipWriter::new(Cursor::new(Vec::new())));
        writer.add_directory("folder/", SimpleFileOptions::default()).unwrap();
        writer.add_symlink("link", "/etc/hostname", SimpleFileOptions::default()).unwrap();
        writer.set_comment("PK\u{5}\u{6} and twenty more bytes of no use").unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        assert_eq!(by_directory(&bytes).len(), 4);
        let behind = [&b"a program"[..], &bytes].concat();
        assert_eq!(find(&mut Cursor::new(&behind)).unwrap().prefix, 9);
        assert_eq!(by_directory(&behind), by_directory(&bytes));
    }

    #[test]
    fn names_that_repeat_hide_nothing() {
        let mut bytes =
            write(ZipWriter::new(Cursor::new(Vec::new()))).finish().unwrap().into_inner();
        let names: Vec<usize> =
            (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"large")).collect();
        for at in names {
            bytes[at..at + 5].copy_from_slice(b"ultra");
        }
        let twins: Found =
            by_directory(&bytes).into_iter().filter(|(name, _)| name == "ultra").collect();
        assert_eq!(
            twins,
            [("ultra".to_owned(), b"two".to_vec()), ("ultra".to_owned(), b"three".to_vec())]
        );
    }
}
