//! Bytes to characters. Invalid bytes are replaced, never a reason to give up.
//!
//! UTF-8 that is valid is UTF-8, whatever was declared: servers declare what they were installed with.

use std::string::FromUtf8Error;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

/// How much of the start the guesses rest on.
const SAMPLE_BYTES: usize = 16 << 10;
/// How much the guess of a legacy encoding rests on, from its first byte that is not ASCII.
const DETECTOR_BYTES: usize = 256 << 10;
/// Within this many bytes HTML and XML name their encoding.
const DECLARATION_BYTES: usize = 2 << 10;
/// UTF-16 never has so many letters of ASCII in a row, whatever its language.
const ASCII_RUN: usize = 64;

/// A text, and what a reader of it should know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) warning: Option<String>,
}

/// Whether the first bytes of something are those of a text.
pub(super) fn looks_like_text(head: &[u8]) -> bool {
    if Wide::guess(head).is_some() {
        return true;
    }
    // Random bytes have one control character in ten; a text may have a few that got there by accident.
    let weight: usize = head
        .iter()
        .map(|byte| match byte {
            0 => 2,
            b'\t' | b'\n' | b'\r' | 0x08 | 0x0c | 0x1b => 0,
            1..0x20 | 0x7f => 1,
            _ => 0,
        })
        .sum();
    weight * 32 <= head.len() + 32
}

/// Decodes a text whose encoding may have been declared. Every line break becomes a line feed.
pub(super) fn decode(bytes: Vec<u8>, declared: Option<&str>) -> Decoded {
    let sample = bytes.get(..SAMPLE_BYTES).unwrap_or(&bytes);
    let mut decoded = match Wide::guess(sample) {
        Some(wide) => wide.decode(&bytes),
        None => decode_narrow(bytes, declared),
    };
    decoded.text = unify_line_breaks(decoded.text);
    decoded
}

/// The encoding that a media type declares.
pub(super) fn declared_charset(media_type: &str) -> Option<&str> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })
}

/// CR LF and a lone CR are line breaks like LF, as in an editor: lines must be counted alike everywhere.
fn unify_line_breaks(text: String) -> String {
    if !text.contains('\r') {
        return text;
    }
    let mut bytes = text.into_bytes();
    let (mut from, mut to) = (0, 0);
    while let Some(&byte) = bytes.get(from) {
        from += 1;
        if byte == b'\r' && bytes.get(from) == Some(&b'\n') {
            continue;
        }
        bytes[to] = if byte == b'\r' { b'\n' } else { byte };
        to += 1;
    }
    bytes.truncate(to);
    String::from_utf8(bytes)
        .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
}

/// Encodings of two or four bytes a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wide {
    Utf16Le,
    Utf16Be,
    Utf32Le,
    Utf32Be,
}

impl Wide {
    /// By a byte order mark, or by where the zeros are. A mark alone is not believed.
    fn guess(head: &[u8]) -> Option<Self> {
        let sample = head.get(..SAMPLE_BYTES).unwrap_or(head);
        let marked = [
            (&b"\xff\xfe\0\0"[..], Self::Utf32Le),
            (b"\0\0\xfe\xff", Self::Utf32Be),
            (b"\xff\xfe", Self::Utf16Le),
            (b"\xfe\xff", Self::Utf16Be),
        ];
        let marked =
            marked.into_iter().find(|(mark, wide)| sample.starts_with(mark) && wide.fits(sample));
        marked.map(|(_, wide)| wide).or_else(|| Self::by_zeros(sample))
    }

    fn by_zeros(sample: &[u8]) -> Option<Self> {
        let mut zeros = [0_usize; 4];
        for (position, _) in sample.iter().enumerate().filter(|(_, byte)| **byte == 0) {
            zeros[position % 4] += 1;
        }
        let quarter = sample.len() / 4;
        let (many, few) =
            (|count| quarter > 0 && count * 10 >= quarter * 4, |count| count * 50 <= quarter + 50);
        let wide = match zeros.map(|count| (many(count), few(count))) {
            [(_, true), (true, _), (true, _), (true, _)] => Self::Utf32Le,
            [(true, _), (true, _), (true, _), (_, true)] => Self::Utf32Be,
            [(_, true), (true, _), (_, true), (true, _)] => Self::Utf16Le,
            [(true, _), (_, true), (true, _), (_, true)] => Self::Utf16Be,
            _ => return None,
        };
        wide.fits(sample).then_some(wide)
    }

    /// Whether bytes make sense in this encoding.
    fn fits(self, sample: &[u8]) -> bool {
        let narrow = sample.chunk_by(|before, after| printable(*before) && printable(*after));
        if narrow.map(<[u8]>::len).max().unwrap_or(0) >= ASCII_RUN {
            return false;
        }
        let (mut all, mut odd) = (0_usize, 0_usize);
        let whole = sample.len() - sample.len() % 4;
        for letter in self.letters(sample.get(..whole).unwrap_or_default()) {
            all += 1;
            let is_control = letter.is_control() && !letter.is_whitespace();
            odd += usize::from(is_control || letter == char::REPLACEMENT_CHARACTER);
        }
        odd * 20 <= all
    }

    fn letters(self, bytes: &[u8]) -> Box<dyn Iterator<Item = char> + '_> {
        let pairs = bytes.as_chunks::<2>().0.iter();
        let fours = bytes.as_chunks::<4>().0.iter();
        let replace = char::REPLACEMENT_CHARACTER;
        match self {
            Self::Utf16Le => Box::new(
                char::decode_utf16(pairs.map(|pair| u16::from_le_bytes(*pair)))
                    .map(move |letter| letter.unwrap_or(replace)),
            ),
            Self::Utf16Be => Box::new(
                char::decode_utf16(pairs.map(|pair| u16::from_be_bytes(*pair)))
                    .map(move |letter| letter.unwrap_or(replace)),
            ),
            Self::Utf32Le => Box::new(
                fours.map(move |four| char::from_u32(u32::from_le_bytes(*four)).unwrap_or(replace)),
            ),
            Self::Utf32Be => Box::new(
                fours.map(move |four| char::from_u32(u32::from_be_bytes(*four)).unwrap_or(replace)),
            ),
        }
    }

    fn decode(self, bytes: &[u8]) -> Decoded {
        let (text, replaced) = match self {
            Self::Utf16Le => UTF_16LE.decode_with_bom_removal(bytes),
            Self::Utf16Be => UTF_16BE.decode_with_bom_removal(bytes),
            Self::Utf32Le | Self::Utf32Be => {
                let text: String =
                    self.letters(bytes).skip_while(|letter| *letter == '\u{feff}').collect();
                let replaced = text.contains(char::REPLACEMENT_CHARACTER);
                (text.into(), replaced)
            }
        };
        let name = if matches!(self, Self::Utf16Le | Self::Utf16Be) { "UTF-16" } else { "UTF-32" };
        Decoded { text: text.into_owned(), warning: replaced.then(|| replaced_warning(name)) }
    }
}

fn printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

fn replaced_warning(encoding: &str) -> String {
    format!("bytes that are no {encoding} were replaced")
}

/// Encodings that are ASCII where they can be.
fn decode_narrow(mut bytes: Vec<u8>, declared: Option<&str>) -> Decoded {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    let declared = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => {
            let text = legacy_japanese(text.as_bytes()).unwrap_or(text);
            return Decoded { text, warning: None };
        }
        Err(error) => without_broken_end(error),
    };
    let encoding = if mostly_utf8(&bytes) {
        UTF_8
    } else {
        let named = declared.or_else(|| declared_inside(&bytes));
        named
            .filter(|encoding| {
                *encoding != UTF_8 && encoding.is_single_byte() || is_east_asian(encoding)
            })
            .unwrap_or_else(|| detect(&bytes))
    };
    let (text, replaced) = encoding.decode_without_bom_handling(&bytes);
    Decoded {
        text: text.into_owned(),
        warning: replaced.then(|| replaced_warning(encoding.name())),
    }
}

/// ISO-2022-JP is ASCII throughout, but for what its escapes mean.
fn legacy_japanese(bytes: &[u8]) -> Option<String> {
    let escaped = bytes.windows(2).any(|pair| pair == b"\x1b$");
    if !escaped || detect(bytes) != ISO_2022_JP {
        return None;
    }
    let (text, replaced) = ISO_2022_JP.decode_without_bom_handling(bytes);
    (!replaced).then(|| text.into_owned())
}

fn is_east_asian(encoding: &'static Encoding) -> bool {
    ["Shift_JIS", "EUC-JP", "EUC-KR", "GBK", "gb18030", "Big5"].contains(&encoding.name())
}

/// Drops a character of UTF-8 that was cut at the end, so that the cut does not make it another encoding.
fn without_broken_end(error: FromUtf8Error) -> Vec<u8> {
    let (valid, unfinished) =
        (error.utf8_error().valid_up_to(), error.utf8_error().error_len().is_none());
    let mut bytes = error.into_bytes();
    if unfinished && bytes.get(..valid).is_some_and(|before| !before.is_ascii()) {
        bytes.truncate(valid);
    }
    bytes
}

/// Whether this is UTF-8 with some damage: legacy text hardly ever makes a valid sequence.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().bytes().filter(|byte| *byte >= 0xc0).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    valid > 2 * invalid || invalid == 0
}

/// The encoding that HTML or XML declares near its start.
fn declared_inside(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..DECLARATION_BYTES).unwrap_or(bytes).to_ascii_lowercase();
    let start = head.trim_ascii_start();
    if !start.starts_with(b"<") {
        return None;
    }
    [&b"charset="[..], b"encoding="].iter().find_map(|key| {
        let at = start.windows(key.len()).position(|bytes| bytes == *key)?;
        let value = start.get(at + key.len()..)?;
        let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
        let end =
            value.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"-_:".contains(byte));
        Encoding::for_label(value.get(..end.unwrap_or(value.len()))?)
    })
}

fn detect(bytes: &[u8]) -> &'static Encoding {
    let first = bytes.iter().position(|byte| !byte.is_ascii() || *byte == 0x1b).unwrap_or(0);
    // Some of what stands before, since the guess looks at the neighbours of a letter.
    let sample = bytes.get(first.saturating_sub(64)..).unwrap_or(bytes);
    let sample = sample.get(..DETECTOR_BYTES).unwrap_or(sample);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(sample, true);
    detector.guess(None, Utf8Detection::Deny)
}

#[cfg(test)]
mod tests {
    use encoding_rs::{EUC_KR, GBK, KOI8_R, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

    use super::*;

    fn text(bytes: &[u8]) -> String {
        decode(bytes.to_vec(), None).text
    }

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    fn utf32(text: &str, unit: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|letter| unit(u32::from(letter))).collect()
    }

    #[test]
    fn every_unicode_encoding_gives_the_same_text() {
        let original = "let größe = 3; // naïve \u{1f600}\nreturn größe * total;\n";
        let mark = "\u{feff}";
        let marked = format!("{mark}{original}");
        let cases = [
            ("utf-8", original.as_bytes().to_vec()),
            ("utf-8 with mark", marked.as_bytes().to_vec()),
            ("utf-16le", utf16(original, u16::to_le_bytes)),
            ("utf-16be", utf16(original, u16::to_be_bytes)),
            ("utf-16le with mark", utf16(&marked, u16::to_le_bytes)),
            ("utf-16be with mark", utf16(&marked, u16::to_be_bytes)),
            ("utf-32le with mark", utf32(&marked, u32::to_le_bytes)),
            ("utf-32be with mark", utf32(&marked, u32::to_be_bytes)),
            ("utf-32le", utf32(original, u32::to_le_bytes)),
        ];
        for (name, bytes) in cases {
            assert!(looks_like_text(&bytes), "{name}");
            assert_eq!(
                decode(bytes, None),
                Decoded { text: original.to_owned(), warning: None },
                "{name}"
            );
        }
    }

    #[test]
    fn chinese_in_utf16_with_a_mark_is_read() {
        let original = "\u{feff}我们的代码在这里，请不要分享。".repeat(200);
        let bytes = utf16(&original, u16::to_le_bytes);
        assert!(looks_like_text(&bytes));
        assert!(text(&bytes).contains("我们的代码在这里"));
    }

    #[test]
    fn legacy_encodings_are_guessed() {
        let cases = [
            (WINDOWS_1252, "Die Größe der Straße übersteigt die Länge des Fußwegs – „schön“"),
            (WINDOWS_1251, "Это исходный текст программы расчёта счетов"),
            (KOI8_R, "Это исходный текст программы расчёта счетов"),
            (SHIFT_JIS, "これは請求書を計算するプログラムのソースコードです"),
            (GBK, "这是计算发票的程序的源代码，请不要公开"),
            (EUC_KR, "이것은 청구서를 계산하는 프로그램의 소스 코드입니다"),
            (ISO_2022_JP, "plain"),
        ];
        for (encoding, original) in cases {
            let (bytes, _, _) = encoding.encode(original);
            assert_eq!(text(&bytes), original, "{}", encoding.name());
        }
        // What EUC-JP's elder looks like on the wire: the two letters of "Nihon".
        assert_eq!(text(b"\x1b$BF|K\\\x1b(B in ASCII"), "日本 in ASCII");
    }

    #[test]
    fn a_declaration_is_believed_only_where_the_bytes_leave_a_choice() {
        let polish = encoding_rs::ISO_8859_2.encode("ź").0.into_owned();
        assert_eq!(decode(polish.clone(), Some("iso-8859-2")).text, "ź");
        let page = [b"<meta charset='iso-8859-2'>", &polish[..]].concat();
        assert!(text(&page).ends_with('ź'));
        assert_eq!(decode("größe".into(), Some("iso-8859-1")).text, "größe");
        assert_eq!(decode("größe".into(), Some("no such thing")).text, "größe");
        assert_eq!(declared_charset("text/html; Charset=\"UTF-8\"; x=y"), Some("UTF-8"));
        assert_eq!(declared_charset("text/html"), None);
    }

    #[test]
    fn invalid_bytes_cost_a_warning_not_the_text() {
        let damaged =
            ["größer als ähnlich große Süßigkeiten ".as_bytes(), b"\xff\xfe", b" and the rest"]
                .concat();
        let decoded = decode(damaged, None);
        assert!(decoded.text.starts_with("größer") && decoded.text.ends_with(" and the rest"));
        assert_eq!(decoded.warning.as_deref(), Some("bytes that are no UTF-8 were replaced"));
        let lying_mark =
            [&b"\xff\xfe\xfd\x80".repeat(100)[..], &b"plain words ".repeat(20)].concat();
        assert!(looks_like_text(&lying_mark));
        assert!(text(&lying_mark).contains("plain words plain words"));
        assert_eq!(text(&"größe ä".as_bytes()[..9]), "größe ", "cut within a letter");
    }

    #[test]
    fn line_breaks_of_all_kinds_count_alike() {
        assert_eq!(text(b"a\r\nb\rc\nd\n\re\r\r\nf\r"), "a\nb\nc\nd\n\ne\n\nf\n");
        assert_eq!(text(&utf16("a\r\nb", u16::to_le_bytes)), "a\nb");
    }

    #[test]
    fn binary_data_is_no_text() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(4096)
        .collect();
        assert!(!looks_like_text(&noise) && !looks_like_text(&[0; 100]) && !looks_like_text(&[0]));
        let counts: Vec<u8> = (0..500_u16).flat_map(u16::to_le_bytes).collect();
        assert!(!looks_like_text(&counts), "small numbers are no UTF-16");
        assert!(looks_like_text(b"") && looks_like_text(b"dir\r\n\x1a"));
    }
}
