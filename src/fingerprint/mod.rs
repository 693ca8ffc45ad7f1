//! Text to fingerprints, under a key.
//!
//! Owns how a text is folded, which of its stretches are kept and what is stored of them. Its one
//! invariant: what is made of a text depends on the text and the key alone, so that both sides of a
//! comparison agree wherever a passage stands. It knows no index and no document.
//!
//! One file a view ([`text`]); [`normalise`] and [`winnow`] are what views are made of.

mod normalise;
mod text;
mod winnow;

use zeroize::Zeroizing;

use crate::keys::{Keys, Purpose};
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
    /// The keyed value of the whole normalised text; none if it is shorter than a stretch, or says
    /// nothing.
    pub whole: Option<u64>,
}

/// Makes fingerprints under one key. Cheap to clone.
#[derive(Clone)]
pub struct Fingerprinter {
    order: std::sync::Arc<winnow::Order>,
    stretch_key: Zeroizing<[u8; 16]>,
    whole_key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprinter([redacted])")
    }
}

impl Fingerprinter {
    /// Characters of a stretch (k). Long enough that unrelated texts seldom share one, and not
    /// shorter than a window, so that the neighbouring samples of a shared passage touch: a passage
    /// known by its samples is known character for character, with no gap that was never compared.
    pub const STRETCH: usize = 24;
    /// Stretches of a window, one of which is kept (w): 2 in 25 characters are stored.
    pub const WINDOW: usize = 24;
    /// The length from which a shared passage is certain to give a shared sample (w + k - 1): about
    /// two lines of code, 8 words, 16 ideographs. Exempt are only
    /// passages that say nothing: monotonous or hexadecimal throughout.
    pub const GUARANTEE: usize = Self::STRETCH + Self::WINDOW - 1;

    /// Derives what it needs from the keys.
    pub fn new(keys: &Keys) -> Self {
        let values = keys.subkey(Purpose::Fingerprint);
        let mut stretch_key = Zeroizing::new([0; 16]);
        stretch_key.copy_from_slice(&values[..16]);
        let whole_key = blake3::derive_key(
            "leakwarden 2026-11 fingerprint of a whole text v1",
            values.as_ref(),
        );
        Self {
            order: std::sync::Arc::new(winnow::Order::new(&keys.subkey(Purpose::Sampling))),
            stretch_key,
            whole_key: Zeroizing::new(whole_key),
        }
    }

    /// The text view of a text.
    pub fn text(&self, text: &str) -> TextPrints {
        text::View::new(self).prints(text)
    }
}
