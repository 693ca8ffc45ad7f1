//! Is it ours? A pure function of a document and an index.

use crate::extract::Limits;
use crate::fingerprint::Fingerprinter;
use crate::index::Snapshot;
use crate::model::document::Document;
use crate::model::finding::Inspection;

/// What recognition is asked to do.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Bounds of extraction.
    pub limits: Limits,
    /// The score at and above which a text is a leak.
    pub leak: f64,
    /// The score at and above which a text is possibly one.
    pub possible: f64,
}

/// Recognises copies. Immutable; replaced whole when the corpora or settings change.
#[derive(Debug, Clone)]
pub struct Detector {}

impl Detector {
    /// Puts a detector together.
    pub fn new(snapshot: Snapshot, fingerprinter: Fingerprinter, policy: Policy) -> Self {
        let _ = (snapshot, fingerprinter, policy);
        todo!()
    }

    /// judge(fingerprints(extract(document))): no clock, no network, no store.
    pub fn inspect(&self, document: &Document) -> Inspection {
        let _ = document;
        todo!()
    }
}
