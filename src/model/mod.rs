//! The nouns of the program: what every other module talks about.
//!
//! Plain data and pure rules; nothing here knows a clock, a network or a disk.

pub mod batch;
pub mod document;
pub mod finding;
pub mod ids;
pub mod incident;
pub mod notice;
