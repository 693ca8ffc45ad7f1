//! What travels from a source to the record: documents, what was missed, and the cursor they earn.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::{Document, Item};
use super::ids::SourceName;

/// What a source must remember between polls. Opaque to everyone but the source itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub serde_json::Value);

/// One page of a source's listing.
#[derive(Debug, Clone)]
pub struct Page {
    /// What appeared, oldest first where the source can tell.
    pub items: Vec<Item>,
    /// What to remember once every item of this page is dealt with.
    pub next: Cursor,
    /// Whether another poll with `next` would bring more at once.
    pub more: bool,
    /// Something that the source knows it could not see.
    pub gap: Option<String>,
    /// Validators of the listing, to be kept once the page is dealt with.
    pub validators: Vec<Validator>,
}

/// What a server gave to ask "has it changed?" the next time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    /// The address it belongs to.
    pub url: String,
    /// The `ETag`, as sent.
    pub etag: Option<String>,
    /// The `Last-Modified`, as sent.
    pub last_modified: Option<String>,
}

/// The mark that an item was dealt with: reaches the cache only after the batch's commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seen {
    /// [`Item::id`].
    pub id: String,
    /// [`Item::version`].
    pub version: String,
}

/// An item that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// What was listed.
    pub item: Item,
    /// Why, in words for a person; no fetched text.
    pub reason: String,
    /// Whether trying again can help. A document that crashed the detector is set aside for good.
    pub retry: bool,
}

/// The work of one poll, or a part of it, on its way to the record.
#[derive(Debug)]
pub struct Batch {
    /// The source.
    pub source: SourceName,
    /// What was fetched.
    pub documents: Vec<Document>,
    /// What could not be.
    pub missed: Vec<Missed>,
    /// Items missed before that were fetched now, by id.
    pub recovered: Vec<String>,
    /// The cursor that this batch earns; the one before, if the page goes on in the next batch.
    pub cursor: Option<Cursor>,
    /// Marks for the cache after the commit.
    pub seen: Vec<Seen>,
    /// Validators for the cache after the commit.
    pub validators: Vec<Validator>,
    /// What the source says it could not see.
    pub gap: Option<String>,
    /// The pass that it belongs to: passes are numbered in the order in which they begin.
    pub pass: u64,
    /// Whether this is the last batch of a complete pass.
    pub last: bool,
    /// Set in the last batch of a pass that failed: what was fetched before is recorded all the same.
    pub failed: Option<PassFailure>,
}

/// How a pass failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassFailure {
    /// Why, in words for a person.
    pub reason: String,
    /// When the source is looked at again, if that is known.
    pub again: Option<Timestamp>,
}
