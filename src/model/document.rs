//! What a source lists, and what was fetched for it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{ContentHash, SourceName};

/// Something that a source lists: enough to fetch it, to name it and to know it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The source's own, stable name for it; unique within the source.
    pub id: String,
    /// Changes whenever the content behind `id` may have changed; empty if the source cannot tell.
    pub version: String,
    /// Where a person would find it: a web address, a path, `repository @commit path`.
    pub place: String,
    /// What the source calls it. Hostile text.
    pub title: Option<String>,
    /// Who the source says published it. Hostile text, personal data.
    pub author: Option<String>,
    /// When the source says it appeared.
    pub published: Option<Timestamp>,
    /// What only its own source understands and needs again to fetch it.
    pub handle: serde_json::Value,
}

/// The bytes of a document: in memory when small, else in a file without a name that goes
/// with the process.
#[derive(Debug, Clone)]
pub enum Body {
    /// Held in memory.
    Memory(Bytes),
    /// Spooled to disk; `len` bytes.
    Spooled {
        /// An open, unlinked file. Read it by position: the handle is shared.
        file: Arc<std::fs::File>,
        /// How many bytes it holds.
        len: u64,
    },
}

impl Body {
    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Spooled { len, .. } => *len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A document: what was fetched for an item, exactly as received.
#[derive(Debug, Clone)]
pub struct Document {
    /// The source that listed it.
    pub source: SourceName,
    /// What was listed.
    pub item: Item,
    /// The bytes, up to the cap.
    pub body: Body,
    /// The media type that was declared, such as `text/html; charset=utf-8`.
    pub media_type: Option<String>,
    /// Whether the cap cut it off; the rest was never read.
    pub truncated: bool,
    /// How it was obtained.
    pub provenance: Provenance,
}

/// How a document was obtained: kept with the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// Over HTTP.
    Http(Box<Exchange>),
    /// A file on this machine.
    File {
        /// When it was last changed, by the file system's word.
        modified: Option<Timestamp>,
        /// When it was read.
        read: Timestamp,
    },
    /// A blob of a git repository.
    Git {
        /// The repository's address, without credentials.
        repository: String,
        /// The newest commit it was seen in.
        commit: String,
        /// Its path in that commit.
        path: String,
        /// The blob's id.
        blob: String,
        /// When it was read.
        read: Timestamp,
    },
}

/// One HTTP exchange, redirects included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The method, such as `GET`.
    pub method: String,
    /// The address that was asked for.
    pub url: String,
    /// The headers sent, credentials replaced by `[redacted]`.
    pub request_headers: Vec<(String, String)>,
    /// The redirects that were followed, in order.
    pub redirects: Vec<Redirect>,
    /// The address that answered in the end.
    pub final_url: String,
    /// The status of the final answer.
    pub status: u16,
    /// The headers of the final answer; values as Latin-1 text.
    pub response_headers: Vec<(String, String)>,
    /// The network address connected to, unless a proxy stood between.
    pub peer: Option<SocketAddr>,
    /// The proxy used, without credentials.
    pub proxy: Option<String>,
    /// When the first request was sent.
    pub started: Timestamp,
    /// When the last byte was read.
    pub finished: Timestamp,
}

/// One redirect that was followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// The address that redirected.
    pub url: String,
    /// Its status.
    pub status: u16,
    /// Where it pointed, as sent.
    pub location: String,
    /// The network address connected to.
    pub peer: Option<SocketAddr>,
}

/// What the record needs to point to evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRef {
    /// Names the pair of body and manifest: BLAKE3 over the manifest.
    pub object: ContentHash,
    /// The BLAKE3 digest of the bytes.
    pub blake3: ContentHash,
    /// Their SHA-256, hex.
    pub sha256: String,
    /// How many bytes.
    pub bytes: u64,
}
