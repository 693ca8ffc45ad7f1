//! Values and their postings, as bytes: a bucket holds the values that share their high bits.
//!
//! ```text
//! bucket    = count, count x remainder (the low bits of a value, ascending), count x list
//! list      = document << 1, posting                             of a value that stands in one place
//!           | length << 1 | 1, length bytes: count, count x (step to its document, posting)
//! posting   = position (or the step to it, in the same document), first line, last line - first line
//! ```
//! Remainders have a fixed width in bytes, so that they are searched without decoding; all other numbers are
//! varints. Lists are skipped without decoding them, except those of one posting.

use super::codec::{Broken, Cursor, put_varint};
use super::{DocumentNumber, Posting};
use crate::model::finding::Lines;

/// Values to a bucket, at most and on average; at least half as many.
const MEAN: u64 = 32;

/// How values are spread over buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buckets {
    /// How many high bits of a value choose its bucket.
    bits: u32,
}

impl Buckets {
    /// The most high bits that are used: 2^40 values.
    const MOST_BITS: u32 = 35;

    /// For so many values.
    pub(super) fn for_values(values: u64) -> Self {
        Self { bits: values.div_ceil(MEAN).next_power_of_two().ilog2().min(Self::MOST_BITS) }
    }

    pub(super) fn from_bits(bits: u32) -> Result<Self, Broken> {
        if bits <= Self::MOST_BITS { Ok(Self { bits }) } else { Err(Broken) }
    }

    pub(super) fn bits(self) -> u32 {
        self.bits
    }

    pub(super) fn count(self) -> u64 {
        1 << self.bits
    }

    /// Which bucket a value belongs to.
    pub(super) fn of(self, value: u64) -> u64 {
        value.checked_shr(64 - self.bits).unwrap_or(0)
    }

    /// The value of a remainder in a bucket.
    pub(super) fn value(self, bucket: u64, remainder: u64) -> u64 {
        bucket.checked_shl(64 - self.bits).unwrap_or(0) | remainder
    }

    fn remainder(self, value: u64) -> u64 {
        value & (u64::MAX >> self.bits)
    }

    /// Bytes of a remainder.
    fn width(self) -> usize {
        (64 - self.bits).div_ceil(8) as usize
    }
}

/// Encodes the postings of one value, which arrive in order.
#[derive(Debug, Default)]
struct ListBuilder {
    count: u64,
    first: Option<Posting>,
    last: Option<Posting>,
    body: Vec<u8>,
}

impl ListBuilder {
    fn push(&mut self, posting: Posting) {
        let before = self.last.map_or(0, |last| last.document.0);
        let same = self.last.filter(|last| last.document == posting.document);
        put_varint(&mut self.body, u64::from(posting.document.0 - before));
        let position = posting.position - same.map_or(0, |last| last.position);
        put_place(&mut self.body, position, posting.lines);
        self.first = self.first.or(Some(posting));
        self.last = Some(posting);
        self.count += 1;
    }

    /// Appends the list and begins the next.
    fn finish(&mut self, out: &mut Vec<u8>) {
        if let (1, Some(only)) = (self.count, self.first) {
            put_varint(out, u64::from(only.document.0) << 1);
            put_place(out, only.position, only.lines);
        } else {
            let mut count = Vec::new();
            put_varint(&mut count, self.count);
            put_varint(out, ((count.len() + self.body.len()) as u64) << 1 | 1);
            out.extend_from_slice(&count);
            out.extend_from_slice(&self.body);
        }
        self.body.clear();
        (self.count, self.first, self.last) = (0, None, None);
    }
}

fn put_place(out: &mut Vec<u8>, position: u32, lines: Lines) {
    put_varint(out, u64::from(position));
    put_varint(out, u64::from(lines.first));
    put_varint(out, u64::from(lines.last.wrapping_sub(lines.first)));
}

fn read_place(cursor: &mut Cursor<'_>) -> Result<(u32, Lines), Broken> {
    let position = cursor.varint32()?;
    let first = cursor.varint32()?;
    let last = first.wrapping_add(cursor.varint32()?);
    Ok((position, Lines { first, last }))
}

/// Encodes one bucket after another; values arrive in order.
#[derive(Debug)]
pub(super) struct Builder {
    buckets: Buckets,
    count: u64,
    remainders: Vec<u8>,
    list: ListBuilder,
    lists: Vec<u8>,
}

impl Builder {
    pub(super) fn new(buckets: Buckets) -> Self {
        Self {
            buckets,
            count: 0,
            remainders: Vec::new(),
            list: ListBuilder::default(),
            lists: Vec::new(),
        }
    }

    /// Adds a posting of the current value.
    pub(super) fn push(&mut self, posting: Posting) {
        self.list.push(posting);
    }

    /// Ends the current value.
    pub(super) fn close_value(&mut self, value: u64) {
        let remainder = self.buckets.remainder(value).to_le_bytes();
        self.remainders.extend_from_slice(&remainder[..self.buckets.width()]);
        self.list.finish(&mut self.lists);
        self.count += 1;
    }

    /// Appends the bucket and begins the next. An empty bucket has no bytes.
    pub(super) fn close_bucket(&mut self, out: &mut Vec<u8>) {
        if self.count > 0 {
            put_varint(out, self.count);
            out.append(&mut self.remainders);
            out.append(&mut self.lists);
            self.count = 0;
        }
    }
}

/// The postings of one value.
#[derive(Debug, Clone)]
pub(super) struct List<'a> {
    count: u32,
    /// The posting of a value that stands in one place, until it is given out.
    only: Option<Posting>,
    /// How many are left in the body.
    left: u32,
    body: Cursor<'a>,
    last: Option<Posting>,
}

impl<'a> List<'a> {
    /// Reads one list and moves behind it.
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Broken> {
        let head = cursor.varint()?;
        let mut list = Self { count: 1, only: None, left: 0, body: Cursor::new(&[]), last: None };
        if head & 1 == 0 {
            let document = DocumentNumber(u32::try_from(head >> 1).map_err(|_| Broken)?);
            let (position, lines) = read_place(cursor)?;
            list.only = Some(Posting { document, position, lines });
        } else {
            let length = usize::try_from(head >> 1).map_err(|_| Broken)?;
            list.body = Cursor::new(cursor.take(length)?);
            list.count = list.body.varint32()?;
            list.left = list.count;
        }
        Ok(list)
    }

    /// Moves behind one list without reading its postings.
    fn skip(cursor: &mut Cursor<'a>) -> Result<(), Broken> {
        if cursor.peek()? & 1 == 0 {
            return cursor.skip_four();
        }
        let length = usize::try_from(cursor.varint()? >> 1).map_err(|_| Broken)?;
        cursor.take(length).map(|_| ())
    }

    /// How many postings there are in all.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn next(&mut self) -> Result<Option<Posting>, Broken> {
        if let Some(only) = self.only.take() {
            return Ok(Some(only));
        }
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let before = self.last.map_or(0, |last| last.document.0);
        let document = DocumentNumber(before.checked_add(self.body.varint32()?).ok_or(Broken)?);
        let (step, lines) = read_place(&mut self.body)?;
        let same = self.last.filter(|last| last.document == document);
        let position = same.map_or(0, |last| last.position).checked_add(step).ok_or(Broken)?;
        let posting = Posting { document, position, lines };
        self.last = Some(posting);
        Ok(Some(posting))
    }
}

/// A bucket as it is stored, read from its beginning.
#[derive(Debug, Clone)]
pub(super) struct Bucket<'a> {
    width: usize,
    count: usize,
    /// The remainders, and what follows them.
    remainders: &'a [u8],
    lists: Cursor<'a>,
    next: usize,
}

impl<'a> Bucket<'a> {
    pub(super) fn new(buckets: Buckets, bytes: &'a [u8]) -> Result<Self, Broken> {
        let width = buckets.width();
        let mut lists = Cursor::new(bytes);
        let count = if bytes.is_empty() { 0 } else { lists.length()? };
        let remainders = lists.rest();
        lists.take(count.checked_mul(width).ok_or(Broken)?)?;
        Ok(Self { width, count, remainders, lists, next: 0 })
    }

    fn remainder(&self, index: usize) -> u64 {
        let bytes = &self.remainders[index * self.width..];
        let word = bytes.first_chunk().copied().unwrap_or_else(|| {
            let mut word = [0; 8];
            word[..self.width].copy_from_slice(&bytes[..self.width]);
            word
        });
        // What follows the remainder in these eight bytes is cut off.
        u64::from_le_bytes(word) & (u64::MAX >> (64 - 8 * self.width))
    }

    /// The next remainder and its list.
    pub(super) fn next(&mut self) -> Result<Option<(u64, List<'a>)>, Broken> {
        if self.next == self.count {
            return if self.lists.is_at_end() { Ok(None) } else { Err(Broken) };
        }
        let remainder = self.remainder(self.next);
        self.next += 1;
        Ok(Some((remainder, List::read(&mut self.lists)?)))
    }

    /// The list of a value, if it is there. The bucket must not have been read from.
    pub(super) fn find(&self, buckets: Buckets, value: u64) -> Result<Option<List<'a>>, Broken> {
        let wanted = buckets.remainder(value);
        let Some(index) = (0..self.count).find(|&index| self.remainder(index) == wanted) else {
            return Ok(None);
        };
        let mut lists = self.lists;
        for _ in 0..index {
            List::skip(&mut lists)?;
        }
        List::read(&mut lists).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn posting() -> impl Strategy<Value = Posting> {
        let small = || prop_oneof![0..5u32, any::<u32>()];
        (small(), small(), any::<u32>(), any::<u32>()).prop_map(
            |(document, position, first, last)| Posting {
                document: DocumentNumber(document),
                position,
                lines: Lines { first, last },
            },
        )
    }

    /// Encodes bucket by bucket.
    fn encode(buckets: Buckets, values: &BTreeMap<u64, Vec<Posting>>) -> Vec<Vec<u8>> {
        let mut builder = Builder::new(buckets);
        let mut encoded = vec![Vec::new()];
        for (&value, postings) in values {
            while (encoded.len() as u64) <= buckets.of(value) {
                builder.close_bucket(encoded.last_mut().unwrap());
                encoded.push(Vec::new());
            }
            for &posting in postings {
                builder.push(posting);
            }
            builder.close_value(value);
        }
        builder.close_bucket(encoded.last_mut().unwrap());
        encoded.resize(usize::try_from(buckets.count()).unwrap(), Vec::new());
        encoded
    }

    fn decode(mut list: List<'_>) -> Vec<Posting> {
        let count = list.count() as usize;
        let mut postings = Vec::new();
        while let Some(posting) = list.next().unwrap() {
            postings.push(posting);
        }
        assert_eq!(postings.len(), count);
        postings
    }

    proptest! {
        #[test]
        fn every_value_is_found_in_its_bucket_with_its_postings(
            values in proptest::collection::btree_map(any::<u64>(), proptest::collection::vec(posting(), 1..6), 0..80),
            room in 0..5000u64,
            stranger in any::<u64>(),
        ) {
            let mut values = values;
            let order = |p: &Posting| (p.document, p.position);
            for postings in values.values_mut() {
                postings.sort_by_key(order);
            }
            let buckets = Buckets::for_values(room);
            let encoded = encode(buckets, &values);
            let mut listed = BTreeMap::new();
            for (number, bytes) in (0..).zip(&encoded) {
                let mut bucket = Bucket::new(buckets, bytes).unwrap();
                while let Some((remainder, list)) = bucket.next().unwrap() {
                    listed.insert(buckets.value(number, remainder), decode(list));
                }
            }
            prop_assert_eq!(&listed, &values);
            for value in values.keys().copied().chain([stranger, 0, u64::MAX]) {
                let bytes = &encoded[usize::try_from(buckets.of(value)).unwrap()];
                let found = Bucket::new(buckets, bytes).unwrap().find(buckets, value).unwrap();
                prop_assert_eq!(found.map(decode), values.get(&value).cloned());
            }
        }

        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), value in any::<u64>()) {
            for room in [0, 100, 1 << 30] {
                let buckets = Buckets::for_values(room);
                let Ok(mut bucket) = Bucket::new(buckets, &bytes) else { continue };
                let found = bucket.clone().find(buckets, value).ok().flatten();
                let mut next = || bucket.next().ok().flatten().map(|(_, list)| list);
                for mut list in found.into_iter().chain(std::iter::from_fn(&mut next)) {
                    while let Ok(Some(_)) = list.next() {}
                }
            }
        }
    }

    #[test]
    fn buckets_are_small_but_not_many() {
        for values in [0, 1, 32, 33, 1000, 1 << 20, 1 << 33] {
            let buckets = Buckets::for_values(values);
            assert!(values <= 32 * buckets.count(), "{values}");
            assert!(buckets.bits() == 0 || values > 16 * buckets.count(), "{values}");
            assert_eq!(Buckets::from_bits(buckets.bits()), Ok(buckets));
        }
        assert!(Buckets::from_bits(60).is_err());
    }
}
