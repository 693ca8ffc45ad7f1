//! The text view: characters, folded, white space and punctuation gone.
//!
//! Survives reformatting, quoting, line wrapping; does not survive renaming. See [`Fingerprinter`] for
//! its lengths and what they guarantee.

use siphasher::sip::SipHasher24;

use super::normalise::{LineStart, Normaliser};
use super::{Fingerprinter, Print, TextPrints, winnow};
use crate::model::finding::Lines;

/// Symbols that are folded at once.
const BUFFER: usize = 64 * 1024;
/// What neighbouring blocks share, so that no window falls between them.
const OVERLAP: usize = Fingerprinter::GUARANTEE - 1;
/// No text is followed beyond this; extraction stops far earlier.
const LONGEST: u32 = u32::MAX / 2;
/// What the stretch at a position adds to it to reach its last symbol.
#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const TO_LAST: u32 = Fingerprinter::STRETCH as u32 - 1;

/// Makes the text view of one text.
pub(super) struct View<'key> {
    fingerprinter: &'key Fingerprinter,
    values: SipHasher24,
    whole: blake3::Hasher,
    prints: Vec<Print>,
    starts: LineCursor,
}

impl<'key> View<'key> {
    pub(super) fn new(fingerprinter: &'key Fingerprinter) -> Self {
        Self {
            fingerprinter,
            values: SipHasher24::new_with_key(&fingerprinter.stretch_key),
            whole: blake3::Hasher::new_keyed(&fingerprinter.whole_key),
            prints: Vec::new(),
            starts: LineCursor::default(),
        }
    }

    pub(super) fn prints(mut self, text: &str) -> TextPrints {
        let mut normaliser = Normaliser::new(text);
        // A small text needs a small buffer; one more character's worth tells that it has ended.
        let mut symbols = vec![0; BUFFER.min(text.len().saturating_mul(6) + 64)];
        let mut scratch = winnow::Scratch::new();
        let mut kept = 0;
        loop {
            let before = normaliser.position();
            let filled = normaliser.fill(&mut symbols, kept, &mut self.starts.starts);
            if normaliser.position() == before || before >= LONGEST {
                break;
            }
            self.whole.update(&symbols[kept..filled]);
            self.sample(&symbols[..filled], normaliser.position(), &mut scratch);
            let from = filled - filled.min(OVERLAP);
            symbols.copy_within(from..filled, 0);
            kept = filled - from;
        }
        let length = normaliser.position();
        // A text without a complete window is still at the front of the buffer.
        let short = (Fingerprinter::STRETCH..Fingerprinter::GUARANTEE).contains(&(length as usize));
        let telling = !self.prints.is_empty() || short && winnow::tell(&symbols[..kept]);
        let whole = telling.then(|| self.whole_value());
        self.prints.shrink_to_fit();
        TextPrints { prints: self.prints, length, lines: normaliser.lines(), whole }
    }

    /// Samples what `symbols` holds; `end` is the position after its last symbol.
    fn sample(&mut self, symbols: &[u8], end: u32, scratch: &mut winnow::Scratch) {
        let base = end - u32::try_from(symbols.len()).unwrap_or(end);
        let mut block = 0;
        while block + OVERLAP < symbols.len() {
            let part = &symbols[block..symbols.len().min(block + winnow::BLOCK)];
            self.fingerprinter.order.choose(part, scratch, |at| {
                let position = base + u32::try_from(block + at).unwrap_or(u32::MAX);
                if self.prints.last().is_some_and(|last| last.position >= position) {
                    return; // the block before chose it too
                }
                let value = self.values.hash(&part[at..at + Fingerprinter::STRETCH]);
                let lines = self.starts.lines(position);
                self.prints.push(Print { value, position, lines });
            });
            block += winnow::BLOCK - OVERLAP;
        }
        self.starts.forget();
    }

    fn whole_value(&self) -> u64 {
        let mut value = [0; 8];
        self.whole.finalize_xof().fill(&mut value);
        u64::from_le_bytes(value)
    }
}

/// Finds the lines of ascending positions.
#[derive(Debug, Default)]
struct LineCursor {
    starts: Vec<LineStart>,
    at: usize,
}

impl LineCursor {
    /// The lines of the stretch at a position, which is not before the last one asked for.
    fn lines(&mut self, position: u32) -> Lines {
        let after = |start: Option<&LineStart>, position: u32| {
            start.is_some_and(|start| start.position <= position)
        };
        while after(self.starts.get(self.at + 1), position) {
            self.at += 1;
        }
        let end = position + TO_LAST;
        let mut last = self.at;
        while after(self.starts.get(last + 1), end) {
            last += 1;
        }
        let line = |at: usize| self.starts.get(at).map_or(1, |start| start.line);
        Lines { first: line(self.at), last: line(last) }
    }

    /// Drops the lines that lie behind.
    fn forget(&mut self) {
        self.starts.drain(..self.at);
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::keys::Keys;

    fn fingerprinter() -> Fingerprinter {
        Fingerprinter::new(&Keys::from_bytes([5; 32]))
    }

    fn random_letters(seed: u64, count: usize) -> String {
        let mut bytes = vec![0; count];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes.into_iter().map(|byte| char::from(b'a' + byte % 26)).collect()
    }

    /// Whether a passage that begins at these positions gave both sides a print at the same place in it.
    fn shared(left: &TextPrints, right: &TextPrints, starts: (u32, u32)) -> bool {
        let values: HashSet<(u64, u32)> =
            left.prints.iter().map(|p| (p.value, p.position.wrapping_sub(starts.0))).collect();
        right.prints.iter().any(|p| values.contains(&(p.value, p.position.wrapping_sub(starts.1))))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn every_shared_run_of_the_guaranteed_length_gives_a_shared_print(
            before in 0..300_u32, before_other in 0..300_u32, after in 0..100_usize, seed: u64,
        ) {
            let run = random_letters(seed, Fingerprinter::GUARANTEE);
            let text = |before: u32, salt| {
                format!("{}\n{run}{}", random_letters(seed ^ salt, before as usize), random_letters(seed ^ salt ^ 1, after))
            };
            let f = fingerprinter();
            let (left, right) = (f.text(&text(before, 2)), f.text(&text(before_other, 4)));
            prop_assert!(shared(&left, &right, (before, before_other)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn the_guarantee_holds_across_blocks_and_buffers(shift in 0..5_000_u32, seed: u64) {
            let long = random_letters(seed, 3 * BUFFER);
            let shifted = format!("{} {long}", random_letters(seed ^ 1, shift as usize));
            let f = fingerprinter();
            let (left, right) = (f.text(&long), f.text(&shifted));
            let values = |prints: &TextPrints, shift: u32| -> HashSet<(u64, u32)> {
                prints.prints.iter().filter(|p| p.position >= shift)
                    .map(|p| (p.value, p.position - shift)).collect()
            };
            let (left, right) = (values(&left, 0), values(&right, shift));
            prop_assert!(left.is_subset(&right), "a sample is missing from the shifted text");
            // Each of the windows that reach into what stands before may choose one more.
            prop_assert!(right.len() - left.len() < Fingerprinter::WINDOW);
            let mut positions: Vec<u32> = left.iter().map(|(_, position)| *position).collect();
            positions.sort_unstable();
            prop_assert!(positions.windows(2).all(|two| two[1] - two[0] <= 24));
        }

        #[test]
        fn lines_are_those_of_the_stretch(lengths in prop::collection::vec(0..50_usize, 0..4_000), seed: u64) {
            let mut lines_of = Vec::new();
            let mut text = String::new();
            for (line, length) in (1..).zip(&lengths) {
                text.push_str(&random_letters(seed ^ u64::from(line), *length));
                text.push('\n');
                lines_of.extend(std::iter::repeat_n(line, *length));
            }
            let prints = fingerprinter().text(&text);
            prop_assert_eq!(prints.lines as usize, lengths.len());
            prop_assert_eq!(prints.length as usize, lines_of.len());
            for print in &prints.prints {
                let at = print.position as usize;
                let lines = Lines { first: lines_of[at], last: lines_of[at + Fingerprinter::STRETCH - 1] };
                prop_assert_eq!(print.lines, lines);
            }
        }
    }

    #[test]
    fn reformatting_changes_nothing_but_lines() {
        let f = fingerprinter();
        let text = "fn total(items: &[Item]) -> u64 { items.iter().map(|item| item.price * item.count).sum() }";
        let (plain, flowed) = (f.text(text), f.text(&text.replace(' ', "\r\n> ").to_uppercase()));
        assert!(!plain.prints.is_empty());
        assert_eq!(plain.whole, flowed.whole);
        let values = |prints: &TextPrints| -> Vec<_> {
            prints.prints.iter().map(|p| (p.value, p.position)).collect()
        };
        assert_eq!(values(&plain), values(&flowed));
    }

    #[test]
    fn another_key_gives_other_values_and_other_samples() {
        let text = random_letters(1, 5_000);
        let (one, two) = (
            fingerprinter().text(&text),
            Fingerprinter::new(&Keys::from_bytes([6; 32])).text(&text),
        );
        let of = |prints: &TextPrints| -> HashSet<u64> {
            prints.prints.iter().map(|p| p.value).collect()
        };
        assert!(of(&one).is_disjoint(&of(&two)));
        assert_ne!(one.whole, two.whole);
        let places = |prints: &TextPrints| -> HashSet<u32> {
            prints.prints.iter().map(|p| p.position).collect()
        };
        assert!(places(&one).intersection(&places(&two)).count() < one.prints.len() / 3);
    }

    #[test]
    fn ideographs_are_found_by_sixteen_of_them() {
        let ideographs = |seed: u32, count: u32| -> String {
            (0..count)
                .filter_map(|i| {
                    char::from_u32(0x4e00 + (seed + i).wrapping_mul(2_654_435_761) % 5_000)
                })
                .collect()
        };
        let run = ideographs(7, 16);
        let f = fingerprinter();
        let left = f.text(&format!("{}{run}", ideographs(1_000, 33)));
        let right = f.text(&format!("{}。{run}", ideographs(2_000, 20)));
        assert!(shared(&left, &right, (99, 60)));
    }

    #[test]
    fn short_texts_are_known_as_a_whole_and_empty_ones_not_at_all() {
        let f = fingerprinter();
        let short = f.text("const TIMEOUT_SECONDS: u64 = 1800;");
        assert!(short.prints.is_empty() && short.whole.is_some());
        assert_eq!(short.whole, f.text("const timeout_seconds:u64=1800").whole);
        for nothing in [
            "",
            "\n\n",
            "too short",
            &"0x00, ".repeat(5_000),
            &"=".repeat(100),
            "0xe3b0c442, 0x98fc1c14, 0x9afbf4c8, 0x996fb924, 0x27ae41e4, 0x649b934c,",
        ] {
            let prints = f.text(nothing);
            assert!(prints.whole.is_none() && prints.prints.is_empty(), "{nothing}");
        }
    }
}
