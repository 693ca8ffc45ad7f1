//! Leakwarden.
fn main() {}
