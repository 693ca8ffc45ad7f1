//! Gzip: all members of a stream as one, as `gzip -d` gives them.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::budget::Counted;
use super::{Budget, Metered, Trouble};

/// Unpacks a gzip stream, spending the budget.
pub fn reader<'a>(packed: &'a mut dyn Read, budget: &'a Budget) -> Metered<'a, impl Read + 'a> {
    let counted = Counted::new(packed);
    let count = counted.count();
    let unpacked = Gunzip {
        member: Some(GzDecoder::new(BufReader::new(counted))),
        finished: 0,
        produced: false,
    };
    Metered::new(unpacked, budget, count)
}

/// `MultiGzDecoder` takes trailing garbage for a broken member; this tells the two apart.
struct Gunzip<R> {
    /// The member being read; none after the last.
    member: Option<GzDecoder<R>>,
    /// Members that were read to their end.
    finished: u64,
    /// Whether the present member gave anything yet.
    produced: bool,
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            match member.read(buffer) {
                Ok(0) => self.next_member()?,
                Ok(count) => {
                    self.produced = true;
                    return Ok(count);
                }
                // It looked like one more member, but was none.
                Err(_) if self.finished > 0 && !self.produced => {
                    self.member = None;
                    return Err(Trouble::Trailing.into());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(0)
    }
}

impl<R: BufRead> Gunzip<R> {
    fn next_member(&mut self) -> io::Result<()> {
        self.finished += 1;
        self.produced = false;
        let Some(mut rest) = self.member.take().map(GzDecoder::into_inner) else { return Ok(()) };
        // Tapes and some tools pad with zeros, which is no garbage.
        loop {
            let ahead = rest.fill_buf()?;
            match ahead.iter().position(|byte| *byte != 0) {
                None if ahead.is_empty() => return Ok(()),
                None => {
                    let padding = ahead.len();
                    rest.consume(padding);
                }
                Some(padding) => {
                    rest.consume(padding);
                    break;
                }
            }
        }
        if rest.fill_buf()?.first() != Some(&0x1f) {
            return Err(Trouble::Trailing.into());
        }
        self.member = Some(GzDecoder::new(rest));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::unpack::Stop;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(mut packed: &[u8], bytes: u64) -> (Vec<u8>, Option<Trouble>) {
        let budget = Budget::new(bytes, 1, Duration::from_mins(1));
        let mut unpacked = Vec::new();
        let error = reader(&mut packed, &budget).read_to_end(&mut unpacked).err();
        (unpacked, error.as_ref().map(Trouble::from))
    }

    #[test]
    fn all_members_are_read_and_what_follows_is_told_apart() {
        let two = [gzip(b"first "), gzip(b"second")].concat();
        let cases: [(&str, Vec<u8>, Option<Trouble>); 6] = [
            ("clean", two.clone(), None),
            ("padded", [&two[..], &[0; 700]].concat(), None),
            ("padded between", [gzip(b"first "), vec![0; 9], gzip(b"second")].concat(), None),
            ("garbage", [&two[..], b"\0\x01garbage"].concat(), Some(Trouble::Trailing)),
            ("garbage like a member", [&two[..], b"\x1fgarbage"].concat(), Some(Trouble::Trailing)),
            ("empty third", [two.clone(), gzip(b"")].concat(), None),
        ];
        for (name, packed, trouble) in cases {
            assert_eq!(unpack(&packed, 1 << 20), (b"first second".to_vec(), trouble), "{name}");
        }
    }

    #[test]
    fn what_was_unpacked_before_the_damage_is_kept() {
        let text: Vec<u8> =
            (0..20_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
        let packed = gzip(&text);
        let (unpacked, trouble) = unpack(&packed[..packed.len() / 2], 1 << 20);
        assert_eq!(trouble, Some(Trouble::Damaged));
        assert!(unpacked.len() > 1000 && text.starts_with(&unpacked));
    }

    #[test]
    fn the_budget_ends_it() {
        let (_, trouble) = unpack(&gzip(&b"a".repeat(100_000)), 50_000);
        assert_eq!(trouble, Some(Trouble::Stopped(Stop::Bytes)));
    }
}
