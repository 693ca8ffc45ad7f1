//! How fast texts are fingerprinted in memory, against BLAKE3 on the same bytes in the same run.
//!
//! Both go document by document on one thread. The texts are this package's own sources and those of its
//! dependencies that are on this machine, as they come. `cargo bench --bench fingerprint`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

mod support;

use leakwarden::fingerprint::Fingerprinter;
use leakwarden::keys::Keys;

fn main() {
    let texts = support::texts(32 * 1024 * 1024);
    let bytes: usize = texts.iter().map(String::len).sum();
    let fingerprinter = Fingerprinter::new(&Keys::from_bytes([1; 32]));

    let hashing = support::fastest(&texts, |text| {
        std::hint::black_box(blake3::hash(text.as_bytes()));
    });
    let fingerprinting = support::fastest(&texts, |text| {
        std::hint::black_box(fingerprinter.text(text));
    });
    let prints: usize = texts.iter().map(|text| fingerprinter.text(text).prints.len()).sum();
    support::report("fingerprint", bytes, texts.len(), fingerprinting, hashing);
    println!("  {prints} prints, {} for a thousand bytes", prints * 1000 / bytes);
}
