//! Leakwarden finds a company's source code and documents where they were leaked.
//!
//! Modules by layer, lowest first; a module uses only layers before its own.

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
// 5
pub mod git;
// 6: siblings that do not know one another
pub mod evidence;
pub mod index;
pub mod notify;
pub mod source;
pub mod store;
pub mod watchlist;
// 7
pub mod detect;
pub mod respond;
// 8
pub mod corpus;
// 9
pub mod config;
// 10
pub mod service;
// 11
pub mod daemon;
// 12
pub mod cli;
