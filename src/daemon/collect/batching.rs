//! Puts documents into batches of a bounded size.

use crate::model::batch::{Batch, Cursor, Missed, Page, PassFailure, Seen};
use crate::model::document::{Body, Document, Item};
use crate::model::ids::SourceName;

/// How large a batch may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Documents and misses.
    pub documents: usize,
    /// Bytes held in memory.
    pub bytes: u64,
    /// Items of one source fetched at the same time; a host's pace holds all the same.
    pub fetches: usize,
}

/// The batch being filled.
#[derive(Debug)]
pub(super) struct Filling {
    source: SourceName,
    bounds: Bounds,
    pass: u64,
    batch: Batch,
    bytes: u64,
}

impl Filling {
    pub(super) fn new(source: SourceName, bounds: Bounds, pass: u64) -> Self {
        let batch = empty(&source, pass);
        Self { source, bounds, pass, batch, bytes: 0 }
    }

    pub(super) fn document(&mut self, document: Document) {
        self.seen(&document.item);
        if let Body::Memory(bytes) = &document.body {
            self.bytes += bytes.len() as u64;
        }
        self.batch.documents.push(document);
    }

    /// A missed item counts as seen: from now on the record brings it up again, not the listing.
    pub(super) fn missed(&mut self, item: Item, reason: String, retry: bool) {
        self.seen(&item);
        self.batch.missed.push(Missed { item, reason, retry });
    }

    pub(super) fn recovered(&mut self, id: String) {
        self.batch.recovered.push(id);
    }

    pub(super) fn is_full(&self) -> bool {
        self.batch.documents.len() + self.batch.missed.len() >= self.bounds.documents
            || self.bytes >= self.bounds.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batch.documents.is_empty()
            && self.batch.missed.is_empty()
            && self.batch.recovered.is_empty()
    }

    /// A batch in the middle of a page: it earns no cursor yet.
    pub(super) fn part(&mut self) -> Batch {
        self.bytes = 0;
        std::mem::replace(&mut self.batch, empty(&self.source, self.pass))
    }

    /// The last batch of a page: it earns the page's cursor.
    pub(super) fn end_of_page(&mut self, next: Cursor, page: Ends) -> Batch {
        let mut batch = self.part();
        batch.cursor = Some(next);
        batch.validators = page.validators;
        batch.gap = page.gap;
        batch.last = page.last;
        batch
    }

    /// The end of a pass that failed; nothing else is in it.
    pub(super) fn end_of_failure(source: &SourceName, pass: u64, failed: PassFailure) -> Batch {
        Batch { failed: Some(failed), ..empty(source, pass) }
    }

    fn seen(&mut self, item: &Item) {
        self.batch.seen.push(Seen { id: item.id.clone(), version: item.version.clone() });
    }
}

/// What only the last batch of a page carries.
#[derive(Debug)]
pub(super) struct Ends {
    validators: Vec<crate::model::batch::Validator>,
    gap: Option<String>,
    last: bool,
}

impl Ends {
    pub(super) fn of(page: &mut Page) -> Self {
        Self {
            validators: std::mem::take(&mut page.validators),
            gap: page.gap.take(),
            last: !page.more,
        }
    }
}

fn empty(source: &SourceName, pass: u64) -> Batch {
    Batch {
        source: source.clone(),
        documents: Vec::new(),
        missed: Vec::new(),
        recovered: Vec::new(),
        cursor: None,
        seen: Vec::new(),
        validators: Vec::new(),
        gap: None,
        pass,
        last: false,
        failed: None,
    }
}
