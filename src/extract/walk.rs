//! The way through containers in containers, down to texts.
//!
//! Recursion is bounded by the depth limit, memory by one text and [`HELD_BYTES`] of archives, everything by
//! the budget.

use std::io::{Cursor, Read, Seek};

use super::kind::{self, HEAD_BYTES, Kind};
use super::office::Package;
use super::stream::Peeked;
use super::unreadable::Unreadable;
use super::{Limits, Piece, encoding, gutter, html, name, office};
use crate::unpack::{Budget, Contents, Member, Trouble, gzip, tar, zip};

/// Bytes of archives in archives that are kept to read their directories, over all layers. Larger ones are
/// read as a stream.
const HELD_BYTES: usize = 32 << 20;
/// Whatever the limits say: the stack is finite.
const MAX_DEPTH: u32 = 64;

/// One way through one document.
pub(super) struct Walk<'a> {
    limits: &'a Limits,
    budget: &'a Budget,
    /// Whether the document was cut before it came here.
    truncated: bool,
    /// Bytes of archives that are held now.
    held: usize,
    sink: &'a mut dyn FnMut(Piece),
}

/// Where in the document something is.
#[derive(Clone, Copy)]
struct Place<'a> {
    member: &'a str,
    /// Layers above it, compression included.
    depth: u32,
    media_type: Option<&'a str>,
    /// Whether it is a part of an office package.
    office_part: bool,
}

/// Whether all of something was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Whole,
    Partial,
}

/// What is known of a container while its members are read.
#[derive(Default)]
struct Tally {
    members: u64,
    partial: u64,
    package: Package,
    /// What is wrong with the container itself. Not empty means that it was not read whole.
    warnings: Vec<String>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        limits: &'a Limits,
        budget: &'a Budget,
        truncated: bool,
        sink: &'a mut dyn FnMut(Piece),
    ) -> Self {
        Self { limits, budget, truncated, held: 0, sink }
    }

    /// The document itself.
    pub(super) fn document<F: Read + Seek>(&mut self, media_type: Option<&str>, file: &mut F) {
        self.file(Place { member: "", depth: 0, media_type, office_part: false }, file);
    }

    /// Something whose end can be looked at before its start: only there do zip archives tell what they hold.
    fn file<F: Read + Seek>(&mut self, place: Place<'_>, file: &mut F) -> Outcome {
        let kind = kind::of(Peeked::new(file).look(HEAD_BYTES));
        // Whatever stands before an archive (a program that unpacks it, a script) hides it from its first bytes.
        let may_hide_zip = matches!(
            kind,
            Kind::Zip | Kind::Text | Kind::Unreadable(Unreadable::Executable | Unreadable::Binary)
        );
        if may_hide_zip && let Some(directory) = zip::find(file) {
            return self.zip(place, file, &directory);
        }
        if file.rewind().is_err() {
            return self.unreadable(place, Unreadable::Damaged, Vec::new());
        }
        self.of_kind(place, kind, Peeked::new(file))
    }

    /// Something that can be read only once.
    fn stream(&mut self, place: Place<'_>, reader: &mut dyn Read) -> Outcome {
        let mut peeked = Peeked::new(reader);
        let kind = kind::of(peeked.look(HEAD_BYTES));
        if let (true, Some(trouble)) = (peeked.look(1).is_empty(), peeked.trouble()) {
            return self.unreadable(place, reason(trouble), vec![trouble.to_string()]);
        }
        if !matches!(kind, Kind::Zip | Kind::Unreadable(Unreadable::Executable)) {
            return self.of_kind(place, kind, peeked);
        }
        let room = HELD_BYTES - self.held;
        let seen = peeked.look(room).len();
        if seen == room || peeked.trouble().is_some() {
            return self.of_kind(place, kind, peeked);
        }
        let (bytes, _) = peeked.read_to(room as u64);
        self.held += bytes.len();
        let outcome = self.file(place, &mut Cursor::new(&bytes[..]));
        self.held -= bytes.len();
        outcome
    }

    fn of_kind(&mut self, place: Place<'_>, kind: Kind, mut bytes: Peeked<'_>) -> Outcome {
        match kind {
            Kind::Text => self.text(place, &mut bytes),
            Kind::Unreadable(reason) => self.unreadable(place, reason, Vec::new()),
            _ if place.depth >= self.limits.depth.min(MAX_DEPTH) => {
                self.unreadable(place, Unreadable::TooDeep, Vec::new())
            }
            Kind::Gzip => {
                let inner = Place { depth: place.depth + 1, media_type: None, ..place };
                self.stream(inner, &mut gzip::reader(&mut bytes, self.budget))
            }
            Kind::Tar => self.container(place, Tally::default(), |budget, visit| {
                tar::members(&mut bytes, budget, visit)
            }),
            Kind::Zip => {
                let mut tally = Tally::default();
                tally.warnings.push(
                    "the archive's directory was not read: its files were searched for".to_owned(),
                );
                self.container(place, tally, |budget, visit| {
                    zip::salvage(&mut bytes, budget, visit)
                })
            }
        }
    }

    fn zip<F: Read + Seek>(
        &mut self,
        place: Place<'_>,
        file: &mut F,
        directory: &zip::Directory,
    ) -> Outcome {
        if place.depth >= self.limits.depth.min(MAX_DEPTH) {
            return self.unreadable(place, Unreadable::TooDeep, Vec::new());
        }
        let mut tally = Tally::default();
        if directory.prefix > 0 {
            tally
                .warnings
                .push(format!("{} bytes before the archive were not read", directory.prefix));
        }
        self.container(place, tally, |budget, visit| zip::members(file, directory, budget, visit))
    }

    /// Reads the members that `open` gives, then says of the container what its members do not.
    fn container(
        &mut self,
        place: Place<'_>,
        mut tally: Tally,
        open: impl FnOnce(&Budget, &mut dyn FnMut(Member<'_>)) -> Result<(), Trouble>,
    ) -> Outcome {
        let budget = self.budget;
        let result = open(budget, &mut |member| {
            tally.members += 1;
            let office_part = tally.package.note(member.name);
            if self.member(place, member, office_part) == Outcome::Partial {
                tally.partial += 1;
            }
        });
        self.finish(place, tally, result.err())
    }

    fn member(&mut self, container: Place<'_>, member: Member<'_>, office_part: bool) -> Outcome {
        let path = name::below(container.member, &name::shown(member.name));
        let depth = container.depth + 1;
        let place = Place { member: &path, depth, media_type: None, office_part };
        match member.contents {
            Contents::File(data) => self.stream(place, data),
            Contents::Encrypted => self.unreadable(place, Unreadable::Encrypted, Vec::new()),
            Contents::Unsupported => self.unreadable(place, Unreadable::Packing, Vec::new()),
            Contents::Damaged => self.unreadable(place, Unreadable::Damaged, Vec::new()),
        }
    }

    fn finish(&mut self, place: Place<'_>, mut tally: Tally, trouble: Option<Trouble>) -> Outcome {
        if self.truncated && place.member.is_empty() {
            tally.warnings.push(TRUNCATED.to_owned());
        }
        if tally.partial > 0 {
            tally.warnings.push(format!(
                "{} of {} members were not read whole",
                tally.partial, tally.members
            ));
        }
        if let Some(trouble) = trouble {
            tally.warnings.push(not_looked_at(trouble));
            return self.unreadable(place, reason(trouble), tally.warnings);
        }
        if let Some(kind) = tally.package.kind() {
            tally.warnings.push("its parts were searched one by one".to_owned());
            return self.unreadable(place, kind, tally.warnings);
        }
        if !tally.warnings.is_empty() {
            return self.unreadable(place, Unreadable::Partly, tally.warnings);
        }
        if tally.members == 0 {
            tally.warnings.push("nothing is in this archive".to_owned());
            self.send(place, Ok(String::new()), tally.warnings, Outcome::Whole);
        }
        Outcome::Whole
    }

    fn text(&mut self, place: Place<'_>, bytes: &mut Peeked<'_>) -> Outcome {
        let cap = self.limits.text_bytes;
        let (mut raw, trouble) = bytes.read_to(cap.saturating_add(1));
        let cap = usize::try_from(cap).unwrap_or(usize::MAX);
        let mut warnings = Vec::new();
        let mut outcome = Outcome::Whole;
        let mut is_cut = raw.len() > cap;
        raw.truncate(cap);
        if let Some(trouble) = trouble {
            warnings.push(not_looked_at(trouble));
            if trouble != Trouble::Trailing {
                outcome = Outcome::Partial;
            }
        }
        if self.truncated && place.member.is_empty() {
            warnings.push(TRUNCATED.to_owned());
            outcome = Outcome::Partial;
        }
        let declared = place.media_type.and_then(encoding::declared_charset);
        let decoded = encoding::decode(raw, declared);
        let mut text = match decoded.text {
            text if place.office_part => office::text(&text),
            text if html::is_html(&text, place.media_type) => html::text(&text),
            text => text,
        };
        // Some letters take more bytes than they did before.
        is_cut |= text.len() > cap;
        text.truncate(text.floor_char_boundary(cap));
        if is_cut {
            warnings.push(format!("cut after {cap} bytes: the rest was not looked at"));
            outcome = Outcome::Partial;
        }
        let text = gutter::strip(text);
        warnings.extend(decoded.warning);
        if let Some(unread) = not_undone(&text) {
            warnings.push(unread.to_owned());
            outcome = Outcome::Partial;
        }
        self.send(place, Ok(text), warnings, outcome);
        outcome
    }

    fn unreadable(
        &mut self,
        place: Place<'_>,
        reason: Unreadable,
        warnings: Vec<String>,
    ) -> Outcome {
        self.send(place, Err(reason), warnings, Outcome::Partial);
        Outcome::Partial
    }

    fn send(
        &mut self,
        place: Place<'_>,
        text: Result<String, Unreadable>,
        warnings: Vec<String>,
        outcome: Outcome,
    ) {
        let complete = outcome == Outcome::Whole;
        (self.sink)(Piece { member: place.member.to_owned(), text, warnings, complete });
    }
}

const TRUNCATED: &str = "the document was cut when it was fetched: the rest was never read";

/// Formats that are text, but keep other texts in a form that nothing here undoes yet.
fn not_undone(text: &str) -> Option<&'static str> {
    if text.starts_with("{\\rtf") {
        return Some("the markup of RTF is not undone yet");
    }
    let head =
        text.get(..text.floor_char_boundary(HEAD_BYTES)).unwrap_or(text).to_ascii_lowercase();
    let is_mail = ["from ", "from:", "return-path:", "received:", "mime-version:", "delivered-to:"]
        .iter()
        .any(|field| head.starts_with(field));
    (is_mail && head.contains("\ncontent-transfer-encoding: base64"))
        .then_some("the encoded parts of a mail are not read yet")
}

fn reason(trouble: Trouble) -> Unreadable {
    match trouble {
        Trouble::Stopped(_) => Unreadable::Limit,
        Trouble::Damaged => Unreadable::Damaged,
        Trouble::Trailing => Unreadable::Partly,
    }
}

fn not_looked_at(trouble: Trouble) -> String {
    match trouble {
        Trouble::Stopped(_) => format!("{trouble}: the rest was not looked at"),
        Trouble::Damaged => format!("{trouble}: some of it could not be read"),
        Trouble::Trailing => trouble.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;
    use std::time::Duration;

    use ::zip::ZipWriter;
    use ::zip::write::SimpleFileOptions;
    use bytes::Bytes;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;
    use crate::extract::extract;
    use crate::model::document::{Body, Document, Item, Provenance};
    use crate::model::ids::SourceName;

    const TEXT: &str =
        "fn total(lines: &[Line]) -> Money {\n    lines.iter().map(Line::amount).sum()\n}\n";

    fn document(bytes: &[u8]) -> Document {
        Document {
            source: "tests".parse::<SourceName>().unwrap(),
            item: Item {
                id: "1".to_owned(),
                version: String::new(),
                place: "somewhere".to_owned(),
                title: None,
                author: None,
                published: None,
                handle: serde_json::Value::Null,
            },
            body: Body::Memory(Bytes::copy_from_slice(bytes)),
            media_type: None,
            truncated: false,
            provenance: Provenance::File { modified: None, read: jiff::Timestamp::UNIX_EPOCH },
        }
    }

    fn pieces_of(document: &Document, limits: &Limits) -> Vec<Piece> {
        let mut pieces = Vec::new();
        extract(document, limits, &mut |piece| pieces.push(piece));
        pieces
    }

    fn pieces(bytes: &[u8]) -> Vec<Piece> {
        pieces_of(&document(bytes), &Limits::default())
    }

    fn texts(bytes: &[u8]) -> Vec<(String, String)> {
        let read = pieces(bytes).into_iter();
        read.map(|piece| (piece.member, piece.text.unwrap_or_else(|reason| format!("! {reason}"))))
            .collect()
    }

    fn expected(texts: &[(&str, &str)]) -> Vec<(String, String)> {
        texts.iter().map(|(member, text)| ((*member).to_owned(), (*text).to_owned())).collect()
    }

    fn gz(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, data) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(data).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn tarred(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = ::tar::Builder::new(Vec::new());
        for (name, data) in files {
            let mut header = ::tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            builder.append_data(&mut header, name, *data).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn text_comes_back_from_every_container() {
        let text = TEXT.as_bytes();
        let inner = zipped(&[("src/b.py", text)]);
        let cases = [
            ("plain", text.to_vec(), expected(&[("", TEXT)])),
            ("empty", Vec::new(), expected(&[("", "")])),
            ("gzip", gz(text), expected(&[("", TEXT)])),
            ("gzip in gzip", gz(&gz(text)), expected(&[("", TEXT)])),
            ("gzip of nothing", gz(b""), expected(&[("", "")])),
            ("zip", zipped(&[("a", text), ("b/c", b"x")]), expected(&[("a", TEXT), ("b/c", "x")])),
            (
                "same name twice in a tar",
                tarred(&[("a", text), ("a", b"x")]),
                expected(&[("a", TEXT), ("a", "x")]),
            ),
            ("tar.gz", gz(&tarred(&[("a", text)])), expected(&[("a", TEXT)])),
            (
                "zip in zip",
                zipped(&[("inner.zip", &inner)]),
                expected(&[("inner.zip!/src/b.py", TEXT)]),
            ),
            (
                "zip in tar.gz in zip",
                zipped(&[("t.tgz", &gz(&tarred(&[("inner.zip", &inner)])))]),
                expected(&[("t.tgz!/inner.zip!/src/b.py", TEXT)]),
            ),
            ("empty zip", zipped(&[]), expected(&[("", "")])),
            ("zip behind a program", [&b"MZ\x90\0\x03\0\0\0"[..], &inner].concat(), {
                expected(&[("src/b.py", TEXT), ("", "! something in it could not be read")])
            }),
            ("zip behind a script", [&b"#!/bin/sh\nexec unzip $0\n"[..], &inner].concat(), {
                expected(&[("src/b.py", TEXT), ("", "! something in it could not be read")])
            }),
            ("an image among texts", zipped(&[("i.png", b"\x89PNG\r\n\x1a\n\0"), ("a", text)]), {
                expected(&[
                    ("i.png", "! image"),
                    ("a", TEXT),
                    ("", "! something in it could not be read"),
                ])
            }),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(texts(&bytes), expected, "{name}");
        }
    }

    #[test]
    fn a_spooled_body_is_read_like_one_in_memory() {
        let bytes = zipped(&[("a", TEXT.as_bytes()), ("inner.zip", &zipped(&[("b", b"x")]))]);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let mut document = document(b"");
        document.body = Body::Spooled { file: Arc::new(file), len: bytes.len() as u64 };
        assert_eq!(pieces_of(&document, &Limits::default()), pieces(&bytes));
    }

    #[test]
    fn names_are_kept_but_lead_nowhere() {
        let bytes = zipped(&[("../../evil", b"x"), ("/abs", b"y"), ("..\\evil", b"z")]);
        assert_eq!(
            texts(&bytes),
            expected(&[("../../evil", "x"), ("/abs", "y"), ("..\\evil", "z")])
        );
    }

    /// Two files, the first of which is long.
    fn sample() -> Vec<u8> {
        let numbers: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
        let numbers = numbers.join("\n");
        zipped(&[("long", numbers.as_bytes()), ("a", TEXT.as_bytes())])
    }

    fn position(bytes: &[u8], signature: &[u8]) -> usize {
        bytes.windows(signature.len()).rposition(|window| window == signature).unwrap()
    }

    #[test]
    fn an_archive_without_its_directory_is_searched_for_files() {
        let mut bytes = sample();
        bytes.truncate(position(&bytes, b"PK\x05\x06"));
        let read = pieces(&bytes);
        assert_eq!(read[1].text.as_deref(), Ok(TEXT));
        assert_eq!(read[2].text, Err(Unreadable::Partly));
        bytes.truncate(bytes.len() / 2);
        let read = pieces(&bytes);
        assert!(
            read[0].text.as_ref().is_ok_and(|text| text.starts_with("0\n1\n")) && !read[0].complete
        );
        assert_eq!(read.last().map(|piece| &piece.text), Some(&Err(Unreadable::Partly)));
    }

    #[test]
    fn a_wrong_checksum_or_size_keeps_the_text_and_says_so() {
        for (signature, offset) in [(b"PK\x01\x02", 16), (b"PK\x01\x02", 24), (b"PK\x03\x04", 14)] {
            let mut bytes = sample();
            let entry = position(&bytes, signature);
            bytes[entry + offset..entry + offset + 4]
                .copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
            let read = pieces(&bytes);
            assert_eq!(read[1].text.as_deref(), Ok(TEXT));
            assert_eq!(read[1].warnings, ["the data is damaged: some of it could not be read"]);
            assert!(!read[1].complete);
            assert_eq!(read[2].text, Err(Unreadable::Partly));
        }
    }

    #[test]
    fn encrypted_members_are_said_to_be() {
        let mut bytes = sample();
        let entry = position(&bytes, b"PK\x01\x02");
        bytes[entry + 8] |= 1;
        let read = pieces(&bytes);
        assert_eq!((read[1].member.as_str(), &read[1].text), ("a", &Err(Unreadable::Encrypted)));
        assert_eq!(read[2].text, Err(Unreadable::Partly));
        assert_eq!(read[2].warnings, ["1 of 2 members were not read whole"]);
    }

    #[test]
    fn limits_are_reached_with_a_word_and_the_rest_is_read() {
        let long = vec![b'a'; 1 << 20];
        let bytes = zipped(&[("long", &long), ("after", TEXT.as_bytes())]);
        let limits = Limits { text_bytes: 1000, ..Limits::default() };
        let read = pieces_of(&document(&bytes), &limits);
        assert_eq!(read[0].text.as_ref().map(String::len), Ok(1000));
        assert_eq!(read[0].warnings, ["cut after 1000 bytes: the rest was not looked at"]);
        assert_eq!((read[1].text.as_deref(), read[1].complete), (Ok(TEXT), true));

        let latin: Vec<u8> = b"gr\xf6\xdfer ".repeat(100);
        let read = pieces_of(&document(&latin), &Limits { text_bytes: 750, ..Limits::default() });
        assert!(read[0].text.as_ref().is_ok_and(|text| (700..=750).contains(&text.len())));
        assert!(!read[0].complete, "letters that grow must not be cut in silence");

        let limits = Limits { total_bytes: 500_000, ..Limits::default() };
        let read = pieces_of(&document(&bytes), &limits);
        assert_eq!(read.len(), 2, "what was not looked at has no line of its own: {read:?}");
        assert!(!read[0].complete);
        assert_eq!(read[1].text, Err(Unreadable::Limit));

        let limits = Limits { members: 1, ..Limits::default() };
        let read = pieces_of(&document(&bytes), &limits);
        assert_eq!((read.len(), &read[1].text), (2, &Err(Unreadable::Limit)));

        let limits = Limits { time: Duration::ZERO, ..Limits::default() };
        assert_eq!(pieces_of(&document(&bytes), &limits)[0].text, Err(Unreadable::Limit));
    }

    #[test]
    fn nesting_ends_at_the_depth_limit() {
        let mut bytes = TEXT.as_bytes().to_vec();
        for _ in 0..5 {
            bytes = zipped(&[("n", &gz(&bytes))]);
        }
        let at_depth = |depth| pieces_of(&document(&bytes), &Limits { depth, ..Limits::default() });
        assert_eq!(at_depth(10)[0].text.as_deref(), Ok(TEXT));
        assert_eq!(at_depth(9)[0].text, Err(Unreadable::TooDeep));
        assert_eq!(
            at_depth(9).len(),
            6,
            "each container on the way says that something in it was not read"
        );
        for _ in 0..200 {
            bytes = zipped(&[("n", &bytes)]);
        }
        let limits = Limits { depth: u32::MAX, ..Limits::default() };
        assert_eq!(pieces_of(&document(&bytes), &limits)[0].text, Err(Unreadable::TooDeep));
    }

    #[test]
    fn a_bomb_is_cut_by_its_ratio_and_the_next_member_is_read() {
        let bytes = zipped(&[("bomb", &vec![b'a'; 40 << 20]), ("after", TEXT.as_bytes())]);
        let read = pieces(&bytes);
        assert!(read[0].warnings[0].contains("decompression bomb"), "{:?}", read[0].warnings);
        assert!(read[0].text.as_ref().is_ok_and(|text| text.len() < 17 << 20));
        assert_eq!(read[1].text.as_deref(), Ok(TEXT));
    }

    #[test]
    fn markup_is_undone_and_line_numbers_stay() {
        let escaped = TEXT.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let page = format!("<!doctype html>\r\n<title>x</title>\r\n<pre>{escaped}</pre>")
            .replace('\n', "\r\n");
        let utf16: Vec<u8> = page.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [page.into_bytes(), utf16] {
            let read = pieces(&bytes);
            let text = read[0].text.as_deref().unwrap();
            let lines = text.lines().filter(|line| !line.trim().is_empty()).map(str::trim);
            assert!(lines.eq(["x"].into_iter().chain(TEXT.lines().map(str::trim))), "{text}");
        }
    }

    #[test]
    fn what_is_not_undone_yet_is_not_called_complete() {
        let mail =
            "From: a\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\nZm4gbWFpbigpCg==\n";
        for (text, warning) in [
            (mail, "the encoded parts of a mail are not read yet"),
            ("{\\rtf1 a}", "the markup of RTF is not undone yet"),
        ] {
            let read = pieces(text.as_bytes());
            assert_eq!(
                (read[0].complete, &read[0].warnings[..]),
                (false, &[warning.to_owned()][..])
            );
        }
        let package = zipped(&[
            ("[Content_Types].xml", b"<Types/>"),
            ("word/document.xml", b"<w:t>a</w:t><w:t>b</w:t>"),
        ]);
        let read = pieces(&package);
        assert_eq!(read[1].text.as_deref(), Ok("ab"));
        assert_eq!(read[2].text, Err(Unreadable::Word));
    }

    #[test]
    fn a_document_that_was_cut_is_not_complete() {
        let mut document = document(TEXT.as_bytes());
        document.truncated = true;
        let read = pieces_of(&document, &Limits::default());
        assert_eq!((read[0].complete, read[0].warnings.len()), (false, 1));
    }

    fn damaged(original: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
        let changes = prop::collection::vec((0..original.len(), any::<u8>()), 1..12);
        (changes, 0..=original.len()).prop_map(move |(changes, length)| {
            let mut bytes = original.clone();
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            bytes.truncate(length.max(bytes.len() / 2));
            bytes
        })
    }

    fn real_containers() -> Vec<u8> {
        let inner = tarred(&[("t", TEXT.as_bytes()), ("u", b"x")]);
        zipped(&[("a", TEXT.as_bytes()), ("inner.tgz", &gz(&inner)), ("inner.tar", &inner)])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_bytes_give_a_piece_and_no_more_than_the_budget(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..2000),
                damaged(real_containers()),
                damaged(gz(&real_containers())),
                damaged(tarred(&[("z", &real_containers())])),
            ],
            media_type in prop_oneof![Just(None), Just(Some("text/html; charset=utf-16")), Just(Some(";charset="))],
        ) {
            let limits = Limits { total_bytes: 3000, members: 20, ..Limits::default() };
            let mut document = document(&bytes);
            document.media_type = media_type.map(str::to_owned);
            let read = pieces_of(&document, &limits);
            prop_assert!(!read.is_empty());
            let unpacked: usize = read.iter().filter_map(|piece| piece.text.as_ref().ok()).map(String::len).sum();
            // A byte that is no character becomes three; what was not packed is not counted.
            prop_assert!(unpacked <= 3 * (3000 + bytes.len()));
        }
    }
}
