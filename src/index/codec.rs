//! Numbers as bytes. Every reading is total: what does not decode is [`Broken`], never a panic.

/// The bytes are not what a writer of this format leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// Appends a number in base 128, low digits first, the high bit saying that more follows.
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

/// Reads numbers one after another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Takes the next `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(Broken)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn varint(&mut self) -> Result<u64, Broken> {
        let (&first, rest) = self.bytes.split_first().ok_or(Broken)?;
        if first < 0x80 {
            self.bytes = rest;
            return Ok(u64::from(first));
        }
        let (word, ends) = self.word();
        if ends == 0 {
            return self.long_varint();
        }
        let length = ends.trailing_zeros() / 8 + 1;
        self.bytes = &self.bytes[length as usize..];
        Ok(join_sevens(word & (u64::MAX >> (64 - 8 * length))))
    }

    /// The next eight bytes, and a bit at the top of each that ends a varint. Fewer bytes than eight end nothing,
    /// so that they are read one by one.
    fn word(&self) -> (u64, u64) {
        let word = self.bytes.first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
        (word, !word & 0x8080_8080_8080_8080)
    }

    fn long_varint(&mut self) -> Result<u64, Broken> {
        let mut number = 0;
        for (at, &byte) in self.bytes.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.bytes = &self.bytes[at + 1..];
                return Ok(number);
            }
        }
        Err(Broken)
    }

    /// Moves behind the next four varints; most often they stand in eight bytes.
    pub(super) fn skip_four(&mut self) -> Result<(), Broken> {
        let (_, mut ends) = self.word();
        for _ in 0..3 {
            ends &= ends.wrapping_sub(1);
        }
        if ends != 0 {
            self.bytes = &self.bytes[ends.trailing_zeros() as usize / 8 + 1..];
            return Ok(());
        }
        for _ in 0..4 {
            self.varint()?;
        }
        Ok(())
    }

    /// The next byte, which stays.
    pub(super) fn peek(&self) -> Result<u8, Broken> {
        self.bytes.first().copied().ok_or(Broken)
    }

    /// A number that must fit 32 bits.
    pub(super) fn varint32(&mut self) -> Result<u32, Broken> {
        u32::try_from(self.varint()?).map_err(|_| Broken)
    }

    /// A number that must be a length or index of something in memory.
    pub(super) fn length(&mut self) -> Result<usize, Broken> {
        usize::try_from(self.varint()?).map_err(|_| Broken)
    }
}

/// Closes the gaps that the high bits of eight bytes leave.
fn join_sevens(word: u64) -> u64 {
    let sevens = word & 0x7f7f_7f7f_7f7f_7f7f;
    let pairs = (sevens & 0x007f_007f_007f_007f) | (sevens & 0x7f00_7f00_7f00_7f00) >> 1;
    let fours = (pairs & 0x0000_3fff_0000_3fff) | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    (fours & 0x0000_0000_0fff_ffff) | (fours & 0x0fff_ffff_0000_0000) >> 4
}

/// The `N` bytes at an offset.
pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Broken> {
    let end = at.checked_add(N).ok_or(Broken)?;
    bytes.get(at..end).and_then(|bytes| bytes.try_into().ok()).ok_or(Broken)
}

/// The little-endian number at an offset.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Broken> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

/// The little-endian number at an offset.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Result<u64, Broken> {
    array_at(bytes, at).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back_as_written(numbers in proptest::collection::vec(any::<u64>(), 0..50), shift in 0..64u32) {
            let numbers: Vec<u64> = numbers.into_iter().map(|number| number >> shift).collect();
            let mut bytes = Vec::new();
            for &number in &numbers {
                put_varint(&mut bytes, number);
            }
            let mut cursor = Cursor::new(&bytes);
            for number in numbers {
                prop_assert_eq!(cursor.varint(), Ok(number));
            }
            prop_assert!(cursor.is_at_end());
        }

        #[test]
        fn skipping_four_is_reading_four(numbers in proptest::collection::vec(any::<u64>(), 4..9), shift in 0..64u32) {
            let mut bytes = Vec::new();
            for &number in &numbers {
                put_varint(&mut bytes, number >> shift);
            }
            let mut cursor = Cursor::new(&bytes);
            prop_assert_eq!(cursor.skip_four(), Ok(()));
            for number in &numbers[4..] {
                prop_assert_eq!(cursor.varint(), Ok(number >> shift));
            }
            prop_assert_eq!(cursor.skip_four(), Err(Broken));
        }

        #[test]
        fn arbitrary_bytes_end_or_break(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            let mut cursor = Cursor::new(&bytes);
            while cursor.varint().is_ok() {}
            prop_assert_eq!(Cursor::new(&[]).varint(), Err(Broken));
        }
    }
}
