//! Capped decompression and archives, in memory only.
//!
//! Everything here is a stream over hostile bytes: it hands out what it can, spends one shared
//! [`Budget`], and says in a [`Trouble`] why it could not go on. Its invariant: the memory it takes does
//! not grow with what a header claims. It knows nothing of texts, places or disks.

pub mod budget;
pub mod gzip;
pub mod tar;
pub mod zip;

use std::error::Error;
use std::fmt;
use std::io::{self, Read};

pub use budget::{Budget, Metered, Stop};

/// Why a stream ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A limit was reached; the rest was not looked at.
    Stopped(Stop),
    /// The bytes contradict their format, or could not be read.
    Damaged,
    /// All of it was read, but bytes that do not belong to it follow.
    Trailing,
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(stop) => write!(formatter, "{stop}"),
            Self::Damaged => formatter.write_str("the data is damaged"),
            Self::Trailing => {
                formatter.write_str("bytes after the end of the compressed data were not read")
            }
        }
    }
}

impl Error for Trouble {}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> Self {
        Self::other(trouble)
    }
}

impl From<&io::Error> for Trouble {
    /// Finds the trouble below whatever wrapped it on its way up; any other error is damage.
    fn from(error: &io::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
        while let Some(inner) = cause {
            if let Some(trouble) = inner.downcast_ref::<Self>() {
                return *trouble;
            }
            // An `io::Error` names as its source the source of what it wraps, not what it wraps.
            cause = match inner.downcast_ref::<io::Error>() {
                Some(wrapped) => wrapped.get_ref().map(|inner| inner as _),
                None => inner.source(),
            };
        }
        Self::Damaged
    }
}

/// One member of an archive.
pub struct Member<'a> {
    /// Its name as stored: a claim, not a path to use.
    pub name: &'a [u8],
    /// What is in it.
    pub contents: Contents<'a>,
}

/// What is in a member.
pub enum Contents<'a> {
    /// A file, to be read as far as the receiver likes.
    File(&'a mut dyn Read),
    /// A file under a password.
    Encrypted,
    /// A file packed in a way that is not known here.
    Unsupported,
    /// A file whose data is not where it should be.
    Damaged,
}

/// Reads until `buffer` is full or the stream ends; how much was read, and what ended it early.
pub fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<Trouble>) {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(Trouble::from(&error))),
        }
    }
    (filled, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_found_below_what_wrapped_it() {
        let stop = Trouble::Stopped(Stop::Ratio);
        let inner = io::Error::from(stop);
        assert_eq!(Trouble::from(&inner), stop);
        assert_eq!(Trouble::from(&io::Error::other(io::Error::other(inner))), stop);
        assert_eq!(Trouble::from(&io::Error::from(io::ErrorKind::UnexpectedEof)), Trouble::Damaged);
    }
}
