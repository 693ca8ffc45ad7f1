//! A section that is being written: buffered, at its place in the file, checksummed as it goes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::format::Extent;
use super::seal::Seal;

/// One section of a segment. Several are written side by side into one file.
#[derive(Debug)]
pub(super) struct Stream {
    start: u64,
    flushed: u64,
    buffer: Vec<u8>,
    checksum: blake3::Hasher,
}

impl Stream {
    const BUFFER: usize = 128 << 10;

    /// Begins a section at an offset of the file.
    pub(super) fn at(start: u64, seal: &Seal) -> Self {
        Self { start, flushed: 0, buffer: Vec::new(), checksum: seal.checksum() }
    }

    /// How many bytes have been written.
    pub(super) fn len(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    pub(super) fn write(&mut self, file: &File, bytes: &[u8]) -> io::Result<()> {
        self.write_with(file, |buffer| buffer.extend_from_slice(bytes))
    }

    /// Lets bytes be appended to the buffer itself.
    pub(super) fn write_with(
        &mut self,
        file: &File,
        append: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<()> {
        append(&mut self.buffer);
        if self.buffer.len() >= Self::BUFFER { self.flush(file) } else { Ok(()) }
    }

    fn flush(&mut self, file: &File) -> io::Result<()> {
        file.write_all_at(&self.buffer, self.start + self.flushed)?;
        self.checksum.update(&self.buffer);
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Ends the section: where it stands and its checksum.
    pub(super) fn finish(mut self, file: &File) -> io::Result<Extent> {
        self.flush(file)?;
        let checksum = *self.checksum.finalize().as_bytes();
        Ok(Extent { offset: self.start, length: self.flushed, checksum })
    }
}
