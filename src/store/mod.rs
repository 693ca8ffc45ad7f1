//! The record (redb): what must not be lost. The cache (sled): what can be rebuilt.

pub mod cache;
pub mod record;
