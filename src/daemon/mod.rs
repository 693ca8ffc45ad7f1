//! The daemon: collect, inspect, commit, deliver; supervised, and reachable through a socket.
//!
//! ```text
//! collect (one a source) --batches--> inspect --inspected--> commit --wake--> deliver
//! ```
//!
//! Only the heads (collectors) hear the word to stop; every other stage ends when its input closes, so what was
//! fetched is recorded. Every channel is bounded. A source has no memory, so a collector may be dropped at any
//! `.await`; a batch's cursor, findings and misses become durable in one transaction, in the order in which they
//! were collected. The one invariant: the cursor in the record never runs ahead of the findings.

pub mod actor;
pub mod collect;
pub mod commit;
pub mod deliver;
pub mod event;
pub mod heads;
pub mod inspect;
pub mod plant;
pub mod recognition;
pub mod refresh;
pub mod rules;
pub mod run;
pub mod server;
pub mod socket;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is outside of the daemon: it has its own clock and tasks"
)]
mod stand;
pub mod stores;
pub mod supervise;
pub mod upkeep;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is outside of the daemon: it has its own clock and tasks"
)]
mod tests;
