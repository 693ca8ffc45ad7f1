//! The record (redb): what must not be lost. The cache (sled): what can be rebuilt. The archive: what a backup is.

pub mod archive;
pub mod cache;
pub mod record;
