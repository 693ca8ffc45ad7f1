//! Tests of the built program, from the outside.

#![expect(clippy::unwrap_used, reason = "a test ends where its world does not stand")]
#![expect(clippy::disallowed_methods, reason = "what a test lays out needs no care for crashes")]
#![expect(
    clippy::format_collect,
    clippy::format_push_string,
    reason = "shorter, and nobody waits for it"
)]
#![expect(clippy::print_stderr, reason = "what a failed test shows")]
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
