//! Folds text to the symbols that are compared, and remembers on which line each stands.
//!
//! Kept are letters and digits of every script, without case, width, ligature or accent (compatibility
//! decomposition, then case folding, character by character); everything else goes: white space,
//! punctuation, zero-width and direction marks, soft hyphens. Nothing depends on the neighbours of a
//! character, so a passage folds alike wherever it stands.
//!
//! A symbol is one byte. An ASCII letter or digit stands for itself. A letter of another alphabet
//! becomes one symbol made of its low seven bits, which tells the letters of one script apart. Scripts
//! that say more with a character get more symbols for it: three for an ideograph, two for a kana or
//! another syllable sign (Hangul falls into its letters). So one length of stretch suits them all.

use std::sync::LazyLock;

use unicode_normalization::char::decompose_compatible;

/// Where a line begins: the position of its first symbol, and its number (1-based). Lines without
/// symbols have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineStart {
    pub(super) position: u32,
    pub(super) line: u32,
}

/// The table's mark for a line feed; symbols of ASCII are smaller, 0 means that a byte is dropped.
const LINE_FEED: u8 = 0x80;
/// The table's mark for a byte of a longer character.
const BEYOND_ASCII: u8 = 0xff;

const ASCII: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "counts to 255")]
        let this = byte as u8;
        table[byte] = match this {
            b'a'..=b'z' | b'0'..=b'9' => this,
            b'A'..=b'Z' => this.to_ascii_lowercase(),
            b'\n' => LINE_FEED,
            0x80.. => BEYOND_ASCII,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// The symbols of one character: at most eighteen letters come of one (U+FDFA).
#[derive(Debug, Clone, Copy, Default)]
struct Folded {
    symbols: [u8; Self::MOST],
    len: u8,
}

impl Folded {
    const MOST: usize = 31;

    fn of(original: char) -> Self {
        let mut folded = Self::default();
        decompose_compatible(original, |part| {
            for upper in part.to_uppercase() {
                upper.to_lowercase().for_each(|letter| folded.push_letter(letter));
            }
        });
        folded
    }

    fn push_letter(&mut self, letter: char) {
        if !letter.is_alphanumeric() {
            return;
        }
        let code = u32::from(letter);
        match code {
            0..0x80 => self.push(code, 0x00),
            0x3040..=0x30ff | 0x31f0..=0x31ff | 0xa000..=0xa4cf => {
                self.push(code >> 7, 0x80);
                self.push(code, 0x80);
            }
            0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff => {
                self.push(code >> 14, 0x80);
                self.push(code >> 7, 0x80);
                self.push(code, 0x80);
            }
            _ => self.push(code, 0x80),
        }
    }

    fn push(&mut self, code: u32, mark: u8) {
        if let Some(slot) = self.symbols.get_mut(usize::from(self.len)) {
            *slot = (code & 0x7f) as u8 | mark;
            self.len += 1;
        }
    }

    fn symbols(&self) -> &[u8] {
        &self.symbols[..usize::from(self.len)]
    }
}

/// The characters of two bytes (accented Latin, Greek, Cyrillic, Hebrew, Arabic), folded in advance:
/// the full way is too slow to walk for every letter of a text.
static TWO_BYTES: LazyLock<Vec<Folded>> = LazyLock::new(|| {
    (0x80..0x800)
        .map(|code| char::from_u32(code).map_or_else(Folded::default, Folded::of))
        .collect()
});

/// Walks through a text once.
#[derive(Debug)]
pub(super) struct Normaliser<'text> {
    rest: &'text str,
    /// The number of symbols so far.
    position: u32,
    line: u32,
    /// Whether the current line's start was reported.
    started: bool,
    ends_in_line: bool,
}

impl<'text> Normaliser<'text> {
    pub(super) fn new(text: &'text str) -> Self {
        Self { rest: text, position: 0, line: 1, started: false, ends_in_line: false }
    }

    /// How many symbols were made.
    pub(super) fn position(&self) -> u32 {
        self.position
    }

    /// How many lines were begun.
    pub(super) fn lines(&self) -> u32 {
        if self.ends_in_line { self.line } else { self.line - 1 }
    }

    /// Writes symbols to `symbols` from `filled` on until it is full or the text ends, and appends
    /// the starts of lines. Returns how many it holds now. `symbols` must have room for one character.
    pub(super) fn fill(
        &mut self,
        symbols: &mut [u8],
        filled: usize,
        starts: &mut Vec<LineStart>,
    ) -> usize {
        let mut used = filled;
        while !self.rest.is_empty() && used + Folded::MOST <= symbols.len() {
            let taken = self.ascii(&mut symbols[used..], starts);
            used += taken;
            used += self.one_beyond_ascii(&mut symbols[used..], starts);
        }
        used
    }

    /// Takes ASCII up to the next other character, as much as has room; returns the number of symbols.
    fn ascii(&mut self, symbols: &mut [u8], starts: &mut Vec<LineStart>) -> usize {
        let bytes = self.rest.as_bytes();
        let bytes = &bytes[..bytes.len().min(symbols.len())];
        let (mut used, mut read, mut line_from) = (0, 0, 0);
        for byte in bytes {
            let symbol = ASCII[usize::from(*byte)];
            if symbol >= LINE_FEED {
                if symbol == BEYOND_ASCII {
                    break;
                }
                self.start_line(used - line_from, starts);
                (line_from, self.started, self.line) = (used, false, self.line.saturating_add(1));
            }
            symbols[used] = symbol;
            used += usize::from(symbol.wrapping_sub(1) < LINE_FEED - 1);
            read += 1;
        }
        if read > 0 {
            self.start_line(used - line_from, starts);
            self.ends_in_line = bytes[read - 1] != b'\n';
        }
        self.rest = self.rest.get(read..).unwrap_or_default();
        used
    }

    /// Counts the symbols of a line, or of a part of one, and reports where it begins.
    fn start_line(&mut self, symbols: usize, starts: &mut Vec<LineStart>) {
        if symbols > 0 {
            if !self.started {
                starts.push(LineStart { position: self.position, line: self.line });
                self.started = true;
            }
            self.position =
                self.position.saturating_add(u32::try_from(symbols).unwrap_or(u32::MAX));
        }
    }

    /// Takes one character if it is not ASCII; returns the number of symbols.
    fn one_beyond_ascii(&mut self, symbols: &mut [u8], starts: &mut Vec<LineStart>) -> usize {
        let mut chars = self.rest.chars();
        let Some(char) = chars.next().filter(|char| !char.is_ascii()) else { return 0 };
        let at = (char as usize).wrapping_sub(0x80);
        let folded = TWO_BYTES.get(at).copied().unwrap_or_else(|| Folded::of(char));
        let Some(room) = symbols.get_mut(..folded.symbols().len()) else { return 0 };
        room.copy_from_slice(folded.symbols());
        self.start_line(folded.symbols().len(), starts);
        self.rest = chars.as_str();
        self.ends_in_line = true;
        folded.symbols().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<u8> {
        let mut symbols = vec![0; text.len() * 6 + 64];
        let used = Normaliser::new(text).fill(&mut symbols, 0, &mut Vec::new());
        symbols.truncate(used);
        symbols
    }

    #[test]
    fn disguises_of_the_same_letters_fold_alike() {
        for (plain, disguised) in [
            ("let total = a + b1;", "LET  total=A\n+\tb1 ;"),
            ("office file", "o\u{fb03}ce \u{fb01}le"),
            ("password", "p\u{200b}a\u{ad}s\u{202e}s\u{feff}w\u{2060}ord"),
            ("Invoice42", "\u{ff29}\u{ff4e}\u{ff56}oice\u{ff14}\u{ff12}"),
            ("Résumé", "Re\u{301}sume\u{301}"),
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("한국어", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}\u{110b}\u{1165}"),
            ("𝐛𝐨𝐥𝐝", "bold"),
        ] {
            assert_eq!(folded(plain), folded(disguised), "{plain}");
        }
    }

    #[test]
    fn a_script_gets_symbols_for_what_its_characters_say() {
        for (text, symbols) in [
            ("abc", 3),
            ("где", 3),
            ("漢字", 6),
            ("かな", 4),
            ("ประ", 3),
            ("\u{fdfa}", 15),
            ("한", 3),
            ("→…!", 0),
        ] {
            assert_eq!(folded(text).len(), symbols, "{text}");
        }
        assert_ne!(folded("漢"), folded("字"));
        assert_ne!(folded("где"), folded("гдж"));
    }

    #[test]
    fn no_character_overflows() {
        for char in (0..=0x0010_ffff).filter_map(char::from_u32) {
            assert!(usize::from(Folded::of(char).len) < Folded::MOST, "{char:?}");
        }
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        for (text, lines, expected) in [
            ("", 0, vec![]),
            ("\n", 1, vec![]),
            ("a", 1, vec![(0, 1)]),
            ("a\n", 1, vec![(0, 1)]),
            ("a\r\n\r\nbé\r\n..\r\nc", 5, vec![(0, 1), (1, 3), (3, 5)]),
            ("é\né", 2, vec![(0, 1), (1, 2)]),
            ("…", 1, vec![]),
        ] {
            let (mut symbols, mut starts) = (vec![0; 100], Vec::new());
            let mut normaliser = Normaliser::new(text);
            let used = normaliser.fill(&mut symbols, 0, &mut starts);
            assert_eq!(normaliser.lines(), lines, "{text:?}");
            assert_eq!(normaliser.position() as usize, used, "{text:?}");
            let starts: Vec<_> = starts.iter().map(|start| (start.position, start.line)).collect();
            assert_eq!(starts, expected, "{text:?}");
        }
    }

    #[test]
    fn small_buffers_give_the_same_as_large_ones() {
        let text = "Zeile eins é\n\nzwei 漢字 und mehr\r\n".repeat(40);
        let mut all = (vec![0; 10_000], Vec::new());
        let used = Normaliser::new(&text).fill(&mut all.0, 0, &mut all.1);
        let (mut pieces, mut starts, mut buffer) = (Vec::new(), Vec::new(), [0; 37]);
        let mut normaliser = Normaliser::new(&text);
        loop {
            let used = normaliser.fill(&mut buffer, 0, &mut starts);
            if used == 0 {
                break;
            }
            pieces.extend_from_slice(&buffer[..used]);
        }
        assert_eq!(pieces, all.0[..used]);
        assert_eq!(starts, all.1);
    }
}
