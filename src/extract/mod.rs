//! Bytes to texts. Total: every input gives at least one piece, damage is a reason or a warning, never an error.
//!
//! Owns what bytes are, how they are decoded and what surrounds a text. Its invariant: what was not looked
//! at is said, as a piece without text or as one that is not [complete](Piece::complete). Corpora and finds
//! go through the same function, so that both sides of a comparison read a file alike. It knows no index,
//! no network, no disk, and writes nothing.

mod encoding;
mod entities;
mod gutter;
mod html;
mod kind;
mod name;
mod office;
mod stream;
mod unreadable;
mod walk;

use std::io::Cursor;
use std::time::Duration;

use crate::model::document::{Body, Document};
use crate::unpack::Budget;

pub use unreadable::Unreadable;

/// What bounds the work on one document, over all layers of containers together.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes after decompression, all layers and members together.
    pub total_bytes: u64,
    /// Bytes of one text.
    pub text_bytes: u64,
    /// Containers in containers.
    pub depth: u32,
    /// Members, all containers together.
    pub members: u32,
    /// Wall-clock time.
    pub time: Duration,
}

impl Default for Limits {
    /// What a proof sample of a few gigabytes needs, on a machine that has other things to do.
    fn default() -> Self {
        Self {
            total_bytes: 4 << 30,
            text_bytes: 32 << 20,
            depth: 12,
            members: 200_000,
            time: Duration::from_mins(2),
        }
    }
}

/// One text of a document, or why it could not be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// The path below the document, fit to be shown; empty for the document itself. `!/` stands between
    /// nested containers.
    pub member: String,
    /// The text, with the line breaks of the decoded original (markup is blanked out, never its line breaks),
    /// all of them as line feeds; or why there is none.
    pub text: Result<String, Unreadable>,
    /// What was cut or damaged, in words for a person.
    pub warnings: Vec<String>,
    /// Whether all of it was looked at. A text that is not complete may be ours, but must not be called clean.
    pub complete: bool,
}

/// Finds the texts of a document and hands them over one by one, so that only one is in memory.
///
/// A container has a piece of its own, after those of its members, if something in it was not looked at or
/// nothing was in it. Compression around a single file is no container: the file takes its place.
pub fn extract(document: &Document, limits: &Limits, sink: &mut dyn FnMut(Piece)) {
    let budget = Budget::new(limits.total_bytes, limits.members, limits.time);
    let mut walk = walk::Walk::new(limits, &budget, document.truncated, sink);
    let media_type = document.media_type.as_deref();
    match &document.body {
        Body::Memory(bytes) => walk.document(media_type, &mut Cursor::new(&bytes[..])),
        Body::Spooled { file, len } => {
            walk.document(media_type, &mut stream::Spool::new(file, *len));
        }
    }
}
