//! Streams as extraction needs them: bodies that may be on disk, and a look ahead.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use crate::unpack::{Trouble, read_full};

/// A spooled body. Its file handle is shared, so it is read by position.
pub(super) struct Spool<'a> {
    file: &'a File,
    length: u64,
    at: u64,
}

impl<'a> Spool<'a> {
    pub(super) fn new(file: &'a File, length: u64) -> Self {
        Self { file, length, at: 0 }
    }
}

impl Read for Spool<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Spool<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// A stream whose first bytes can be looked at before it is read.
pub(super) struct Peeked<'a> {
    ahead: Vec<u8>,
    given: usize,
    /// What ended the look ahead, and comes again when the reading gets there.
    trouble: Option<Trouble>,
    rest: &'a mut dyn Read,
}

impl<'a> Peeked<'a> {
    pub(super) fn new(rest: &'a mut dyn Read) -> Self {
        Self { ahead: Vec::new(), given: 0, trouble: None, rest }
    }

    /// Looks further ahead, to `length` bytes; fewer come back only where the stream ends.
    pub(super) fn look(&mut self, length: usize) -> &[u8] {
        // Grown step by step: how much there will be is not known, and not to be believed.
        const STEP: usize = 64 << 10;
        while self.ahead.len() < length && self.trouble.is_none() {
            let start = self.ahead.len();
            let wanted = STEP.min(length - start);
            self.ahead.resize(start + wanted, 0);
            let (count, trouble) = read_full(self.rest, &mut self.ahead[start..]);
            self.ahead.truncate(start + count);
            self.trouble = trouble;
            if count < wanted {
                break;
            }
        }
        &self.ahead
    }

    /// What ended the look ahead.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    /// Reads the rest up to `cap` bytes; with what ended it early.
    pub(super) fn read_to(&mut self, cap: u64) -> (Vec<u8>, Option<Trouble>) {
        // What was seen so far is moved, not copied: it may be all there is.
        let mut bytes = std::mem::take(&mut self.ahead);
        bytes.drain(..std::mem::take(&mut self.given));
        bytes.truncate(usize::try_from(cap).unwrap_or(usize::MAX));
        let left = cap - bytes.len() as u64;
        let result = self.take(left).read_to_end(&mut bytes);
        (bytes, result.err().as_ref().map(Trouble::from))
    }
}

impl Read for Peeked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(mut ahead) = self.ahead.get(self.given..).filter(|ahead| !ahead.is_empty()) {
            let count = ahead.read(buffer)?;
            self.given += count;
            if self.given == self.ahead.len() {
                self.ahead = Vec::new();
                self.given = 0;
            }
            return Ok(count);
        }
        if let Some(trouble) = self.trouble {
            return Err(trouble.into());
        }
        self.rest.read(buffer)
    }
}
