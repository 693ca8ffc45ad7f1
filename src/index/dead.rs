//! Which documents of a segment are dead: removed or replaced since it was written.

use super::codec::Broken;

/// A set of a segment's documents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Dead {
    words: Vec<u64>,
    count: u32,
}

impl Dead {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn contains(&self, document: u32) -> bool {
        self.words.get(document as usize / 64).is_some_and(|word| word >> (document % 64) & 1 == 1)
    }

    /// Adds a document; says whether it was alive.
    pub(super) fn insert(&mut self, document: u32) -> bool {
        let at = document as usize / 64;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let fresh = !self.contains(document);
        self.words[at] |= 1 << (document % 64);
        self.count += u32::from(fresh);
        fresh
    }

    /// As it is stored: the steps from one dead document to the next.
    pub(super) fn to_steps(&self) -> Vec<u32> {
        let mut steps = Vec::with_capacity(self.count as usize);
        let mut before = 0;
        for (document, _) in
            (0u32..).zip(0..self.words.len() * 64).filter(|(d, _)| self.contains(*d))
        {
            steps.push(document - before);
            before = document;
        }
        steps
    }

    /// Reads what is stored of a segment of so many documents.
    pub(super) fn from_steps(steps: &[u32], documents: u32) -> Result<Self, Broken> {
        let mut dead = Self::default();
        let mut document = 0u32;
        for step in steps {
            document = document.checked_add(*step).filter(|&at| at < documents).ok_or(Broken)?;
            if !dead.insert(document) {
                return Err(Broken);
            }
        }
        Ok(dead)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_reads_back_as_stored(documents in proptest::collection::btree_set(0..500u32, 0..100)) {
            let mut dead = Dead::default();
            for &document in &documents {
                prop_assert!(dead.insert(document));
                prop_assert!(!dead.insert(document));
            }
            let held: BTreeSet<u32> = (0..600).filter(|&document| dead.contains(document)).collect();
            prop_assert_eq!(&held, &documents);
            prop_assert_eq!(dead.is_empty(), documents.is_empty());
            let steps = dead.to_steps();
            prop_assert_eq!(Dead::from_steps(&steps, 500), Ok(dead));
            if let Some(last) = documents.last() {
                prop_assert_eq!(Dead::from_steps(&steps, *last), Err(Broken));
            }
        }
    }
}
