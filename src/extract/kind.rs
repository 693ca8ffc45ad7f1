//! What bytes are, judged by the bytes themselves: names and media types are claims of strangers.

use super::encoding;
use super::unreadable::Unreadable;
use crate::unpack::tar;

/// How many bytes from the start are looked at. An ISO image shows itself at 32 KiB.
pub(super) const HEAD_BYTES: usize = 64 << 10;

/// What to do with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gzip,
    Zip,
    Tar,
    Text,
    Unreadable(Unreadable),
}

/// Judges by the first bytes.
pub(super) fn of(head: &[u8]) -> Kind {
    if head.starts_with(b"\x1f\x8b") {
        return Kind::Gzip;
    }
    if [&b"PK\x03\x04"[..], b"PK\x05\x06", b"PK\x07\x08PK\x03\x04"]
        .iter()
        .any(|magic| head.starts_with(magic))
    {
        return Kind::Zip;
    }
    if tar::is_tar(head) {
        return Kind::Tar;
    }
    if let Some(reason) = first_match(head, CERTAIN).or_else(|| inside(head)) {
        return Kind::Unreadable(reason);
    }
    if encoding::looks_like_text(head) {
        return Kind::Text;
    }
    Kind::Unreadable(first_match(head, BINARY).unwrap_or(Unreadable::Binary))
}

fn first_match(head: &[u8], table: &[(usize, &[u8], Unreadable)]) -> Option<Unreadable> {
    table
        .iter()
        .find(|(at, magic, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)))
        .map(|(_, _, reason)| *reason)
}

/// Formats whose mark may stand a little further in.
fn inside(head: &[u8]) -> Option<Unreadable> {
    let start = head.get(..1024).unwrap_or(head);
    if start.windows(5).any(|bytes| bytes == b"%PDF-") && !starts_like_prose(start) {
        return Some(Unreadable::Pdf);
    }
    // Java classes and universal Mach-O programs share their first four bytes; what follows is a
    // version of at least 45 in one, a handful of processors in the other.
    let version =
        head.strip_prefix(b"\xca\xfe\xba\xbe").and_then(|rest| rest.first_chunk::<4>())?;
    Some(if u32::from_be_bytes(*version) < 45 {
        Unreadable::Executable
    } else {
        Unreadable::Bytecode
    })
}

/// A text about PDF may name the mark; a PDF begins with it, but for some bytes of a bad download.
fn starts_like_prose(start: &[u8]) -> bool {
    !start.starts_with(b"%PDF-")
        && encoding::looks_like_text(start)
        && !start.windows(6).any(|bytes| bytes == b"\n%PDF-")
}

/// Marks that no text has.
const CERTAIN: &[(usize, &[u8], Unreadable)] = &[
    (0, b"%PDF-", Unreadable::Pdf),
    (0, b"# v2 git bundle\n", Unreadable::Git),
    (0, b"# v3 git bundle\n", Unreadable::Git),
    (0, b"\xfd7zXZ\0", Unreadable::Xz),
    (0, b"\x28\xb5\x2f\xfd", Unreadable::Zstd),
    (0, b"7z\xbc\xaf\x27\x1c", Unreadable::SevenZip),
    (0, b"Rar!\x1a\x07", Unreadable::Rar),
    (0, b"\x04\x22\x4d\x18", Unreadable::Compression),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Unreadable::Ole),
    (0, b"\x89PNG\r\n\x1a\n", Unreadable::Image),
    (0, b"\xff\xd8\xff", Unreadable::Image),
    (0, b"\x7fELF", Unreadable::Executable),
    (0, b"\0asm", Unreadable::Bytecode),
    (0, b"dex\n03", Unreadable::Bytecode),
    (0, b"SQLite format 3\0", Unreadable::Database),
    (0, b"\x1a\x45\xdf\xa3", Unreadable::Media),
    (0, b"age-encryption.org/v1\n", Unreadable::Encrypted),
    (0, b"-----BEGIN PGP MESSAGE-----", Unreadable::Encrypted),
    (0, b"Salted__", Unreadable::Encrypted),
    (257, b"ustar", Unreadable::Damaged),
];

/// Marks that a text could begin with by chance: asked only of what is no text.
const BINARY: &[(usize, &[u8], Unreadable)] = &[
    (0, b"BZh", Unreadable::Bzip2),
    (0, b"\x5d\0\0", Unreadable::Xz),
    (0, b"LZIP", Unreadable::Xz),
    (0, b"\x1f\x9d", Unreadable::Compression),
    (0, b"\x1f\xa0", Unreadable::Compression),
    (0, b"\xff\x06\0\0sNaPpY", Unreadable::Compression),
    (0, b"MSCF", Unreadable::Archive),
    (0, b"\x60\xea", Unreadable::Archive),
    (0, b"!<arch>\n", Unreadable::Archive),
    (0, b"0707", Unreadable::Archive),
    (0, b"\xed\xab\xee\xdb", Unreadable::Archive),
    (0x8001, b"CD001", Unreadable::Archive),
    (0, b"hsqs", Unreadable::Archive),
    (0, b"PACK\0\0\0", Unreadable::Git),
    (0, b"GIF8", Unreadable::Image),
    (0, b"BM", Unreadable::Image),
    (0, b"II*\0", Unreadable::Image),
    (0, b"MM\0*", Unreadable::Image),
    (0, b"\0\0\x01\0", Unreadable::Image),
    (0, b"8BPS", Unreadable::Image),
    (8, b"WEBP", Unreadable::Image),
    (4, b"ftypavif", Unreadable::Image),
    (4, b"ftyphei", Unreadable::Image),
    (4, b"ftyp", Unreadable::Media),
    (0, b"RIFF", Unreadable::Media),
    (0, b"OggS", Unreadable::Media),
    (0, b"fLaC", Unreadable::Media),
    (0, b"ID3", Unreadable::Media),
    (0, b"\xff\xfb", Unreadable::Media),
    (0, b"FLV\x01", Unreadable::Media),
    (0, b"wOFF", Unreadable::Font),
    (0, b"wOF2", Unreadable::Font),
    (0, b"OTTO", Unreadable::Font),
    (0, b"ttcf", Unreadable::Font),
    (0, b"\0\x01\0\0\0", Unreadable::Font),
    (0, b"MZ", Unreadable::Executable),
    (0, b"\xfe\xed\xfa", Unreadable::Executable),
    (0, b"\xce\xfa\xed\xfe", Unreadable::Executable),
    (0, b"\xcf\xfa\xed\xfe", Unreadable::Executable),
    (2, b"\x0d\x0a\0\0", Unreadable::Bytecode),
    (0, b"PAR1", Unreadable::Database),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_known_by_what_they_are() {
        let noise = [7_u8, 0, 1, 2, 3, 0, 0, 0xff, 0x80, 14, 15, 16];
        let cases: [(&[u8], Kind); 17] = [
            (b"", Kind::Text),
            (b"int main(void) { return 0; }\n", Kind::Text),
            (b"\x1f\x8b\x08", Kind::Gzip),
            (b"PK\x03\x04rest", Kind::Zip),
            (b"PK is a man of few words", Kind::Text),
            (b"%PDF-1.7\n%text all along\n", Kind::Unreadable(Unreadable::Pdf)),
            (b"A file that begins with %PDF- is a PDF.\n", Kind::Text),
            (b"BZh is how bzip2 begins, MZ a program", Kind::Text),
            (b"BZh91AY&SY\0\0\0\x01\x02", Kind::Unreadable(Unreadable::Bzip2)),
            (b"\xfd7zXZ\0\0", Kind::Unreadable(Unreadable::Xz)),
            (b"7z\xbc\xaf\x27\x1c\0", Kind::Unreadable(Unreadable::SevenZip)),
            (b"\x28\xb5\x2f\xfd\0", Kind::Unreadable(Unreadable::Zstd)),
            (b"\x89PNG\r\n\x1a\n", Kind::Unreadable(Unreadable::Image)),
            (b"\xca\xfe\xba\xbe\0\0\0\x34", Kind::Unreadable(Unreadable::Bytecode)),
            (b"\xca\xfe\xba\xbe\0\0\0\x02", Kind::Unreadable(Unreadable::Executable)),
            (b"MZ\x90\0\x03\0\0\0\x04\0\0\0", Kind::Unreadable(Unreadable::Executable)),
            (&noise, Kind::Unreadable(Unreadable::Binary)),
        ];
        for (head, kind) in cases {
            assert_eq!(of(head), kind, "{}", head.escape_ascii());
        }
    }
}
