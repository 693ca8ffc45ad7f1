//! Tests of the built program, from the outside.

#![expect(clippy::unwrap_used, reason = "a test ends where its world does not stand")]
#![expect(clippy::disallowed_methods, reason = "what a test lays out needs no care for crashes")]
#![expect(unreachable_pub, reason = "the support is shared by all tests of this program")]

mod check;
mod configuration;
mod corpora;
mod daemon;
mod demo;
mod documents;
mod help;
mod incidents;
mod keys;
mod sources;
mod support;
