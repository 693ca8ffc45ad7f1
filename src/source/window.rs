//! What a listing needs that shows only its newest entries and has no cursor of its own.
//!
//! Owns two questions: where does the next slice of a long listing begin, and does the listing
//! still overlap what was listed before? It does not know what an entry is.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// Marks kept of one listing. More than any listing known shows at once, at 20 bytes each.
const KEPT: usize = 1000;

/// A short stand-in for an id: ids are hostile and of any length, cursors are kept for ever.
pub(super) fn mark(id: &str) -> String {
    blake3::hash(id.as_bytes()).to_hex().chars().take(16).collect()
}

/// The newest entries of a listing as it was last seen completely.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Window(Vec<String>);

impl Window {
    /// Whether nothing was ever listed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds entries, newest first; the oldest beyond the bound are dropped.
    pub(super) fn extend<'a>(&mut self, newest_first: impl Iterator<Item = &'a str>) {
        let room = KEPT.saturating_sub(self.0.len());
        self.0.extend(newest_first.take(room).map(str::to_owned));
    }

    /// The entries, to look for others among them.
    pub(super) fn marks(&self) -> HashSet<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

/// The words for a listing that shares nothing with what it showed at the last look.
pub(super) const NO_OVERLAP: &str = "nothing that was listed at the last look is listed any more: entries in between were not seen; look more often";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_bounded_and_keeps_the_newest() {
        let marks: Vec<String> = (0..2 * KEPT).map(|n| mark(&n.to_string())).collect();
        let mut window = Window::default();
        window.extend(marks.iter().map(String::as_str));
        assert_eq!(window.0.len(), KEPT);
        assert!(marks[..KEPT].iter().all(|mark| window.marks().contains(mark.as_str())));
        assert!(!window.marks().contains(marks[KEPT].as_str()));
    }

    #[test]
    fn marks_tell_apart_what_a_cut_title_would_not() {
        let long = "x".repeat(500);
        assert_ne!(mark(&format!("{long}a")), mark(&format!("{long}b")));
        assert_eq!(mark("a").len(), 16);
    }
}
