//! Tests of the built program, from the outside.

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
