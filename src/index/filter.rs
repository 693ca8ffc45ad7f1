//! The Bloom filter in front of a segment: one cache line a question, and it may only say "surely not".
//!
//! A block is 64 bytes, eight words; a value sets one bit in every word of its block, at 12 bits a value
//! (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom Filters", 2007). Blocks are chosen by
//! the value's high bits, so that values which arrive in order fill the blocks in order, and a filter of any
//! size is written in one pass with one block in memory. Values are keyed, hence uniform: no hash is needed.

use super::codec::Broken;

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;
/// Bits of the filter for each value.
const BITS_A_VALUE: u64 = 12;
const WORDS: usize = 8;

/// How many blocks a filter for so many values has.
pub(super) fn blocks(values: u64) -> u64 {
    (values.saturating_mul(BITS_A_VALUE)).div_ceil(8 * BLOCK as u64).max(1)
}

/// The block of a value: monotone in the value.
fn block_of(value: u64, blocks: u64) -> u64 {
    ((u128::from(value) * u128::from(blocks)) >> 64) as u64
}

/// The bit of a value in each word. The multiplication spreads all bits of the value over the high ones, which
/// the choice of the block has not used up.
fn bits_of(value: u64) -> [u64; WORDS] {
    let mixed = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    std::array::from_fn(|word| 1 << ((mixed >> (16 + 6 * word)) & 63))
}

/// Collects values in ascending order and gives out finished blocks.
#[derive(Debug)]
pub(super) struct Builder {
    blocks: u64,
    at: u64,
    words: [u64; WORDS],
}

impl Builder {
    pub(super) fn new(blocks: u64) -> Self {
        Self { blocks, at: 0, words: [0; WORDS] }
    }

    /// Adds a value that is not less than the one before; appends the blocks that are finished by it.
    pub(super) fn add(&mut self, value: u64, out: &mut Vec<u8>) {
        let block = block_of(value, self.blocks);
        debug_assert!(self.at <= block, "values come in order");
        while self.at < block {
            self.close_block(out);
        }
        for (word, bit) in self.words.iter_mut().zip(bits_of(value)) {
            *word |= bit;
        }
    }

    /// Appends the remaining blocks.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        while self.at < self.blocks {
            self.close_block(out);
        }
    }

    fn close_block(&mut self, out: &mut Vec<u8>) {
        for word in self.words {
            out.extend_from_slice(&word.to_le_bytes());
        }
        self.words = [0; WORDS];
        self.at += 1;
    }
}

/// A filter as it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter<'a> {
    blocks: &'a [[u8; BLOCK]],
}

impl<'a> Filter<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Broken> {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        if blocks.is_empty() || !rest.is_empty() {
            return Err(Broken);
        }
        Ok(Self { blocks })
    }

    /// Sets `bit` in the mask of every value that may be in the segment. Without a branch, so that the
    /// processor fetches the blocks of many values at a time.
    pub(super) fn probe(&self, values: &[u64], bit: u64, masks: &mut [u64]) {
        let blocks = self.blocks.len() as u64;
        for (&value, mask) in values.iter().zip(masks) {
            #[expect(clippy::cast_possible_truncation, reason = "less than the length of a slice")]
            let block = &self.blocks[block_of(value, blocks) as usize];
            let bits = bits_of(value);
            let mut missing = 0;
            for (bytes, bit) in block.as_chunks::<8>().0.iter().zip(bits) {
                missing |= bit & !u64::from_le_bytes(*bytes);
            }
            *mask |= bit * u64::from(missing == 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn build(values: &[u64], room: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut builder = Builder::new(blocks(room));
        for &value in values {
            builder.add(value, &mut bytes);
        }
        builder.finish(&mut bytes);
        bytes
    }

    fn may_hold(bytes: &[u8], values: &[u64]) -> Vec<bool> {
        let mut masks = vec![0; values.len()];
        Filter::new(bytes).unwrap().probe(values, 4, &mut masks);
        masks.into_iter().map(|mask| mask == 4).collect()
    }

    proptest! {
        #[test]
        fn a_value_that_was_added_is_never_denied(
            values in proptest::collection::btree_set(any::<u64>(), 0..300), extra in 0..100u64,
        ) {
            let values: Vec<u64> = values.into_iter().chain([u64::MAX]).collect();
            let bytes = build(&values, values.len() as u64 + extra);
            prop_assert_eq!(bytes.len() as u64, 64 * blocks(values.len() as u64 + extra));
            prop_assert!(may_hold(&bytes, &values).into_iter().all(|may| may));
        }
    }

    #[test]
    fn fewer_than_one_stranger_in_a_hundred_passes() {
        let values = |salt: u64| -> Vec<u64> {
            let mut values: Vec<u64> = (0..20_000u64)
                .map(|i| {
                    let hash = blake3::hash(&(i ^ salt << 32).to_le_bytes());
                    u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap())
                })
                .collect();
            values.sort_unstable();
            values
        };
        let bytes = build(&values(1), 20_000);
        let passed = may_hold(&bytes, &values(2)).into_iter().filter(|&may| may).count();
        assert!(passed < 200, "{passed} of 20000 passed, about 84 were expected");
    }

    #[test]
    fn an_empty_filter_denies_everything_and_a_torn_one_is_refused() {
        assert_eq!(may_hold(&build(&[], 0), &[0, 1, u64::MAX]), [false; 3]);
        assert!(Filter::new(&[]).is_err());
        assert!(Filter::new(&[0; 63]).is_err());
    }
}
