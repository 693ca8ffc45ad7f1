//! The cache: marks of items seen and HTTP validators, in sled. Thrown away and rebuilt if it does not open.

use std::path::Path;

use crate::keys::Keys;
use crate::model::batch::{Seen, Validator};
use crate::model::ids::SourceName;

/// The cache. Cheap to clone. Losing it costs a second look at everything, never a find.
#[derive(Debug, Clone)]
pub struct Cache {}

/// Something went wrong that rebuilding did not mend.
#[derive(Debug, thiserror::Error)]
#[error(
    "the cache in `{path}` cannot be used: {why}; stop leakwarden, remove that folder and start again: nothing is lost but time"
)]
pub struct Error {
    /// The folder.
    pub path: String,
    /// Why.
    pub why: String,
}

impl Cache {
    /// Opens the cache; removes torn snapshots first; starts anew if it does not open.
    pub fn open(dir: &Path, keys: &Keys) -> Result<Self, Error> {
        let _ = (dir, keys);
        todo!()
    }
    /// Which of these were dealt with already, in order.
    pub fn seen(&self, source: &SourceName, marks: &[Seen]) -> Vec<bool> {
        let _ = (source, marks);
        todo!()
    }
    /// The validator kept for an address.
    pub fn validator(&self, url: &str) -> Option<Validator> {
        let _ = url;
        todo!()
    }
    /// Keeps the marks and validators of a batch that was committed.
    pub fn remember(
        &self,
        source: &SourceName,
        seen: &[Seen],
        validators: &[Validator],
    ) -> Result<(), Error> {
        let _ = (source, seen, validators);
        todo!()
    }
    /// Forgets everything.
    pub fn clear(&self) -> Result<(), Error> {
        todo!()
    }
}
