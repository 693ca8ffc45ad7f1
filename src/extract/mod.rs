//! Bytes to texts. Total: every input gives at least one piece, damage is a reason or a warning, never an error.

use crate::model::document::Document;

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
    pub time: std::time::Duration,
}

/// One text of a document, or why it could not be read.
#[derive(Debug)]
pub struct Piece {
    /// The path below the document; empty for the document itself. `!/` stands between nested containers.
    pub member: String,
    /// The text, with the line breaks of the decoded original (markup is blanked out, never its line breaks), or
    /// why there is none, in words for a person.
    pub text: Result<String, String>,
    /// What was cut or damaged.
    pub warnings: Vec<String>,
}

/// Finds the texts of a document and hands them over one by one, so that only one is in memory.
pub fn extract(document: &Document, limits: &Limits, sink: &mut dyn FnMut(Piece)) {
    let _ = (document, limits, sink);
    todo!()
}
