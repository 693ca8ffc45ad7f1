//! Text to fingerprints: normalisation, k-grams, winnowing, keying.

use crate::keys::Keys;
use crate::model::finding::Lines;

/// One sampled stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    /// The keyed value of the stretch.
    pub value: u64,
    /// Where it begins, in normalised characters.
    pub position: u32,
    /// The lines of the text that it stands on.
    pub lines: Lines,
}

/// The text view of one text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextPrints {
    /// The samples, in order of position.
    pub prints: Vec<Print>,
    /// The length of the text in normalised characters.
    pub length: u32,
    /// How many lines the text has.
    pub lines: u32,
    /// The keyed value of the whole normalised text; none if the text is too short to be sampled.
    pub whole: Option<u64>,
}

/// Makes fingerprints under one key.
#[derive(Debug, Clone)]
pub struct Fingerprinter {}

impl Fingerprinter {
    /// Characters of a stretch (k).
    pub const STRETCH: usize = 0; // the engine's author decides
    /// Stretches of a window, one of which is kept (w).
    pub const WINDOW: usize = 0;

    /// Derives what it needs from the keys.
    pub fn new(keys: &Keys) -> Self {
        let _ = keys;
        todo!()
    }

    /// The text view of a text.
    pub fn text(&self, text: &str) -> TextPrints {
        let _ = text;
        todo!()
    }
}
