//! Leakwarden finds a company's source code and documents where they were leaked, and turns each find into an
//! incident.
//!
//! # The tour
//!
//! Your work is read by [`corpus`], which walks folders and git repositories, makes texts of bytes with [`extract`] and
//! fingerprints of texts with [`fingerprint`], and keeps those in an [`index`] that reveals nothing without the
//! [`keys`].
//!
//! The [`daemon`] looks elsewhere. Each [`source`] lists what is new at one place and fetches it through [`http`], the
//! only way out. [`detect::Detector::inspect`] answers the one question, is it ours?, as a pure function of a document
//! and a snapshot of the index; `check` on the command line calls the same. What is found goes to [`evidence`] as it
//! was received, then into the record of [`store`], in one transaction with the place's cursor; [`respond`] says
//! inside it how bad it is and where it belongs. [`notify`] tells whoever is configured.
//!
//! People act through [`service`], whether they type a command ([`cli`]) or the command reaches a running daemon. What
//! they configure is read by [`config`] and [`watchlist`]. Every noun of this is in [`model`].
//!
//! Modules by layer, lowest first; a module uses only layers before its own, and siblings do not know one another:
//! `tests/tidy.rs` holds the table. `ARCHITECTURE.md` has the map, the invariants and two walkthroughs.

// 0: nouns
pub mod model;
// 1: values
pub mod escape;
pub mod secret;
pub mod settings;
pub mod unpack;
// 2: files
pub mod fs;
// 3: keys, time, formats of the chain and of what is sealed
pub mod custody;
pub mod keys;
pub mod schedule;
pub mod seal;
// 4: pure engines and the way out
pub mod extract;
pub mod fingerprint;
pub mod http;
// 5: a program that is driven
pub mod git;
// 6: siblings that do not know one another
pub mod evidence;
pub mod index;
pub mod notify;
pub mod source;
pub mod store;
pub mod watchlist;
// 7: judgement
pub mod detect;
pub mod respond;
// 8: what is looked for
pub mod corpus;
// 9: what is wanted
pub mod config;
// 10: what people can do
pub mod service;
// 11: all of it at work
pub mod daemon;
// 12: the way in
pub mod cli;
