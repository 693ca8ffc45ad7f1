//! What a shared stretch is worth: much if it is rare among our own documents, nothing if it is public.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::index::{DocumentNumber, Posting, Role, Snapshot};

/// Places of a value that are looked at. A value in more places than that is worth next to nothing
/// unless they are all copies of few contents, which a sample of this size tells.
pub(super) const PLACES: usize = 64;
/// The number of distinct contents at which a stretch is worth half.
const HALF_WORTH: f64 = 5.0;
/// What is worth less is left out.
const LEAST_WORTH: f64 = 0.01;

/// Judges values against one snapshot.
#[derive(Debug)]
pub(super) struct Rarity<'index> {
    snapshot: &'index Snapshot,
    /// What tells a document's content from others'; none of a baseline's.
    contents: HashMap<DocumentNumber, Option<u64>>,
    distinct: Vec<u64>,
}

impl<'index> Rarity<'index> {
    pub(super) fn new(snapshot: &'index Snapshot) -> Self {
        Self { snapshot, contents: HashMap::new(), distinct: Vec::new() }
    }

    /// The worth of a value, 0 to 1, from its first places and the count of all; none if it is worth
    /// nothing.
    pub(super) fn worth(&mut self, places: &[Posting], total: u32) -> Option<f64> {
        self.distinct.clear();
        for place in places {
            match self.content(place.document) {
                Some(content) => self.distinct.push(content),
                None => return None,
            }
        }
        self.distinct.sort_unstable();
        self.distinct.dedup();
        let count = |of: usize| f64::from(u32::try_from(of).unwrap_or(u32::MAX));
        // Of the places beyond those seen, as large a share is assumed to be in other contents.
        let seen = count(places.len().max(1)) / f64::from(total.max(1));
        let others = count(self.distinct.len().saturating_sub(1)) / seen;
        let worth = 1.0 / (1.0 + (others / (HALF_WORTH - 1.0)).powi(2));
        (worth >= LEAST_WORTH).then_some(worth)
    }

    fn content(&mut self, number: DocumentNumber) -> Option<u64> {
        match self.contents.entry(number) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => *unknown.insert(match self.snapshot.role(number) {
                Role::Baseline => None,
                Role::Corpus => {
                    Some(self.snapshot.whole_of(number).unwrap_or_else(|| u64::from(number.0)))
                }
            }),
        }
    }
}
