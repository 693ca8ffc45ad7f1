//! Sealed streams: bytes of any length, encrypted and authenticated in pieces, never whole in memory.
//!
//! Owns the format; knows neither where the bytes are kept nor whose key it is. Invariant: an [`Opener`] hands out only bytes
//! that a [`Sealer`] with the same key and context took in, in the same order, and its end of file means that all were there.
//!
//! The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance, 2015) over XChaCha20-Poly1305:
//!
//! ```text
//! header   8 bytes  "LWSEAL", format 0x0001 big-endian
//!         19 bytes  random
//! pieces   each up to 65,536 bytes, then its tag of 16 bytes; all full but the last, which may be empty
//! nonce    the 19 random bytes, the number of the piece from 0 as u32 big-endian, 1 for the last piece or 0
//! AAD      the header, then the context: what the stream is, agreed by both sides and not written
//! ```

use std::io::{self, Read, Write};

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

/// Plaintext bytes in a full piece.
pub const PIECE: usize = 1 << 16;

const MAGIC: [u8; 8] = *b"LWSEAL\x00\x01";
const RANDOM: usize = 19;
const TAG: usize = 16;

/// What both sides need to seal or open the next piece.
struct Pieces {
    cipher: XChaCha20Poly1305,
    random: [u8; RANDOM],
    associated: Vec<u8>,
    number: u32,
}

impl Pieces {
    fn new(key: &[u8; 32], random: [u8; RANDOM], context: &[u8]) -> Self {
        let associated = [MAGIC.as_slice(), &random, context].concat();
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*key)), random, associated, number: 0 }
    }

    fn next_nonce(&mut self, last: Last) -> io::Result<XNonce> {
        let mut nonce = [0; RANDOM + 5];
        nonce[..RANDOM].copy_from_slice(&self.random);
        nonce[RANDOM..RANDOM + 4].copy_from_slice(&self.number.to_be_bytes());
        nonce[RANDOM + 4] = u8::from(last == Last::Yes);
        let too_long = || io::Error::other("too long to be sealed: 256 TiB is the end");
        self.number = self.number.checked_add(1).ok_or_else(too_long)?;
        Ok(nonce.into())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

/// Seals what is written to it. Call [`Sealer::finish`]: without it, the stream does not open.
pub struct Sealer<W: Write> {
    out: W,
    pieces: Pieces,
    buffer: Vec<u8>,
}

impl<W: Write> std::fmt::Debug for Sealer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("piece", &self.pieces.number).finish_non_exhaustive()
    }
}

impl<W: Write> Sealer<W> {
    /// Begins a stream; `context` says what it is, so that it opens as nothing else.
    pub fn new(mut out: W, key: &[u8; 32], context: &[u8]) -> io::Result<Self> {
        let mut random = [0; RANDOM];
        getrandom::fill(&mut random)
            .map_err(|_| io::Error::other("the system gave no random bytes"))?;
        out.write_all(&MAGIC)?;
        out.write_all(&random)?;
        let buffer = Vec::with_capacity(PIECE + TAG);
        Ok(Self { out, pieces: Pieces::new(key, random, context), buffer })
    }

    /// Seals the last piece and gives the output back.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(Last::Yes)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn seal(&mut self, last: Last) -> io::Result<()> {
        let nonce = self.pieces.next_nonce(last)?;
        self.pieces
            .cipher
            .encrypt_in_place(&nonce, &self.pieces.associated, &mut self.buffer)
            .map_err(|_| io::Error::other("cannot seal a piece"))?;
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece waits until there is more: it may be the last.
        if self.buffer.len() == PIECE && !bytes.is_empty() {
            self.seal(Last::No)?;
        }
        let taken = bytes.len().min(PIECE - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Opens a sealed stream. What it gives is authentic; it fails with `InvalidData` on anything else.
pub struct Opener<R: Read> {
    input: R,
    pieces: Pieces,
    /// The next piece, still sealed: whether it is the last shows only in whether one follows.
    ahead: Vec<u8>,
    open: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> std::fmt::Debug for Opener<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("piece", &self.pieces.number).finish_non_exhaustive()
    }
}

impl<R: Read> Opener<R> {
    /// Begins to read a stream that was sealed with this key and context.
    pub fn new(mut input: R, key: &[u8; 32], context: &[u8]) -> io::Result<Self> {
        let mut header = Vec::with_capacity(MAGIC.len() + RANDOM);
        input.by_ref().take((MAGIC.len() + RANDOM) as u64).read_to_end(&mut header)?;
        let random = header.strip_prefix(&MAGIC).and_then(|random| random.try_into().ok());
        let random = random.ok_or_else(|| broken("it does not begin as a sealed stream does"))?;
        let mut opener = Self {
            input,
            pieces: Pieces::new(key, random, context),
            ahead: Vec::new(),
            open: Vec::new(),
            given: 0,
            ended: false,
        };
        opener.look_ahead()?;
        Ok(opener)
    }

    fn look_ahead(&mut self) -> io::Result<()> {
        self.ahead.clear();
        self.input.by_ref().take((PIECE + TAG) as u64).read_to_end(&mut self.ahead)?;
        Ok(())
    }

    fn open_next(&mut self) -> io::Result<()> {
        std::mem::swap(&mut self.open, &mut self.ahead);
        self.given = 0;
        self.look_ahead()?;
        let last = if self.ahead.is_empty() { Last::Yes } else { Last::No };
        let nonce = self.pieces.next_nonce(last)?;
        let opened =
            self.pieces.cipher.decrypt_in_place(&nonce, &self.pieces.associated, &mut self.open);
        if opened.is_err() {
            // Nothing of what failed may be given out, now or later.
            self.open.clear();
            return Err(broken("it was changed or cut off, or another key sealed it"));
        }
        self.ended = last == Last::Yes;
        Ok(())
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.open.len() && !self.ended {
            self.open_next()?;
        }
        let read = (&self.open[self.given..]).read(buffer)?;
        self.given += read;
        Ok(read)
    }
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const FULL: usize = PIECE + TAG;

    fn plain(length: usize) -> Vec<u8> {
        (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect()
    }

    fn sealed(bytes: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), &KEY, b"test").unwrap();
        for part in bytes.chunks(10_007) {
            sealer.write_all(part).unwrap();
        }
        sealer.finish().unwrap()
    }

    fn opened(bytes: &[u8], key: &[u8; 32], context: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Opener::new(bytes, key, context)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn what_was_sealed_opens_whatever_its_length() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 5] {
            let bytes = plain(length);
            let sealed = sealed(&bytes);
            assert_eq!(opened(&sealed, &KEY, b"test").unwrap(), bytes, "{length}");
            let pieces = length.div_ceil(PIECE).max(1);
            assert_eq!(sealed.len(), MAGIC.len() + RANDOM + length + pieces * TAG);
        }
    }

    #[test]
    fn nothing_of_the_plaintext_shows_and_no_two_are_alike() {
        let bytes = b"a line that nobody may read".repeat(50);
        let (one, two) = (sealed(&bytes), sealed(&bytes));
        assert_ne!(one, two);
        assert!(!one.windows(8).any(|window| bytes.windows(8).any(|plain| plain == window)));
    }

    #[test]
    fn a_change_anywhere_another_key_or_another_context_is_refused() {
        let good = sealed(&plain(2 * PIECE + 100));
        for place in (0..60).chain((60..good.len()).step_by(997)).chain([good.len() - 1]) {
            for bit in [0, 7] {
                let mut bad = good.clone();
                bad[place] ^= 1 << bit;
                let error = opened(&bad, &KEY, b"test").unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidData, "byte {place}");
            }
        }
        assert!(opened(&good, &[8; 32], b"test").is_err());
        assert!(opened(&good, &KEY, b"tesu").is_err());
    }

    #[test]
    fn pieces_cannot_be_cut_off_added_or_moved() {
        let header = MAGIC.len() + RANDOM;
        let good = sealed(&plain(3 * PIECE));
        for length in 0..header + 40 {
            assert!(opened(&good[..length], &KEY, b"test").is_err(), "{length} bytes");
        }
        for pieces in 0..3 {
            let cut = &good[..header + pieces * FULL];
            assert!(opened(cut, &KEY, b"test").is_err(), "{pieces} pieces");
        }
        assert!(opened(&[good.as_slice(), b"x"].concat(), &KEY, b"test").is_err());
        let mut swapped = good.clone();
        swapped[header..header + 2 * FULL].rotate_left(FULL);
        assert!(opened(&swapped, &KEY, b"test").is_err());
        let doubled = [&good[..header + FULL], &good[header..]].concat();
        assert!(opened(&doubled, &KEY, b"test").is_err());
    }

    #[test]
    fn what_failed_to_open_is_never_given_out() {
        let mut bad = sealed(&plain(100));
        let last = bad.len() - 1;
        bad[last] ^= 1;
        let mut opener = Opener::new(bad.as_slice(), &KEY, b"test").unwrap();
        let mut buffer = [0; 200];
        for _ in 0..3 {
            assert!(opener.read(&mut buffer).is_err());
        }
        assert_eq!(buffer, [0; 200]);
    }

    #[test]
    fn the_format_never_changes() {
        // Sealed once, with the random bytes 0 to 18, by this format.
        let random: [u8; RANDOM] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let mut pieces = Pieces::new(&KEY, random, b"test");
        let mut piece = b"leak".to_vec();
        let nonce = pieces.next_nonce(Last::Yes).unwrap();
        pieces.cipher.encrypt_in_place(&nonce, &pieces.associated, &mut piece).unwrap();
        let expected =
            "[3b, f, 67, d7, 37, 85, 2f, 1, 1d, b6, 56, 6a, 72, d4, c8, f4, 17, 37, cc, 33]";
        assert_eq!(format!("{piece:x?}"), expected);
    }
}
