//! Building an index and looking values up in it, beside BLAKE3 over the same amount of text in the same run.
//!
//! `cargo bench --bench index`. The samples are drawn, not fingerprinted: this measures the index alone. The
//! ratio says how much text goes through it in the time in which one thread of BLAKE3 reads as much.

#![expect(clippy::print_stdout, reason = "the report of a benchmark")]
#![expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use leakwarden::fingerprint::{Print, TextPrints};
use leakwarden::index::{CorpusEntry, Index, IndexedDocument, Role, Snapshot};
use leakwarden::keys::Keys;
use leakwarden::model::finding::Lines;
use leakwarden::model::ids::CorpusName;

/// Text that one sample stands for: winnowing keeps about two of 25 stretches.
const TEXT_PER_PRINT: usize = 12;
const PRINTS_PER_DOCUMENT: usize = 1000;
/// Values of one question, as of one fetched document.
const BATCH: usize = 1000;
const QUESTIONS: u64 = 2_000_000;

/// The `n`th drawn value (splitmix64): distinct for distinct `n`.
fn value(n: u64) -> u64 {
    let mut mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn document(number: u64) -> IndexedDocument {
    let print = |at: u32| Print {
        value: value(number * PRINTS_PER_DOCUMENT as u64 + u64::from(at)),
        position: at * 12,
        lines: Lines { first: 1 + at / 3, last: 2 + at / 3 },
    };
    let prints: Vec<Print> = (0..).map(print).take(PRINTS_PER_DOCUMENT).collect();
    IndexedDocument {
        name: format!("src/module_{}/file_{number}.rs", number / 40),
        version: format!("{:040x}", value(number)),
        bytes: PRINTS_PER_DOCUMENT as u64 * 20,
        prints: TextPrints { prints, length: 12_000, lines: 334, whole: Some(value(!number)) },
    }
}

/// Megabytes of text a second.
fn rate(prints: u64, time: Duration) -> f64 {
    prints as f64 * TEXT_PER_PRINT as f64 / 1e6 / time.as_secs_f64()
}

fn nanoseconds(time: Duration, per: u64) -> f64 {
    time.as_secs_f64() * 1e9 / per as f64
}

fn blake3_rate() -> f64 {
    let text: Vec<u8> = (0..=250).cycle().take(BATCH * TEXT_PER_PRINT).collect();
    let start = Instant::now();
    let rounds = 20_000u64;
    for _ in 0..rounds {
        black_box(blake3::hash(black_box(&text)));
    }
    rate(rounds * BATCH as u64, start.elapsed())
}

fn build(index: &Index, prints: u64) -> anyhow::Result<Duration> {
    let corpus: CorpusName = "bench".parse()?;
    let mut writer = index.writer()?;
    writer.put_corpus(CorpusEntry {
        name: corpus.clone(),
        role: Role::Corpus,
        origin: String::new(),
        attributes: BTreeMap::new(),
        added: jiff::Timestamp::UNIX_EPOCH,
        refreshed: None,
        commit: None,
        skipped: BTreeMap::new(),
    });
    let mut time = Duration::ZERO;
    for number in 0..prints / PRINTS_PER_DOCUMENT as u64 {
        let document = document(number);
        let start = Instant::now();
        writer.put_document(&corpus, document)?;
        time += start.elapsed();
    }
    let start = Instant::now();
    writer.commit()?;
    Ok(time + start.elapsed())
}

/// Asks for values in batches; how long it took and how many were found.
fn ask(snapshot: &Snapshot, values: &[u64]) -> (Duration, u64) {
    let mut found = 0;
    let start = Instant::now();
    for batch in values.chunks(BATCH) {
        snapshot
            .postings(batch, 16, &mut |_, postings, _| found += black_box(postings).len() as u64);
    }
    (start.elapsed(), found)
}

fn main() -> anyhow::Result<()> {
    let keys = Keys::from_bytes([7; 32]);
    for prints in [1_000_000u64, 10_000_000] {
        let blake3 = blake3_rate();
        let dir = tempfile::tempdir()?;
        let index = Index::open(dir.path(), &keys)?;
        let built = build(&index, prints)?;
        let size: u64 = std::fs::read_dir(dir.path())?
            .map(|entry| Ok(entry?.metadata()?.len()))
            .sum::<std::io::Result<u64>>()?;
        let start = Instant::now();
        let snapshot = Index::open(dir.path(), &keys)?.snapshot()?;
        let opened = start.elapsed();
        let strangers: Vec<u64> = (0..QUESTIONS).map(|n| value(prints + n)).collect();
        let known: Vec<u64> = (0..QUESTIONS).map(|n| value(value(n) % prints)).collect();
        let (miss, none) = ask(&snapshot, &strangers);
        let (hit, all) = ask(&snapshot, &known);
        anyhow::ensure!((none, all) == (0, QUESTIONS), "the index answers wrongly");
        println!("{prints} samples, {:.2} bytes each on disk", size as f64 / prints as f64);
        let report = |what: &str, count: u64, time: Duration| {
            let rate = rate(count, time);
            println!(
                "  {what:<8} {:>8.1} ns a sample {:>9.2} million/s {rate:>9.1} MB/s of text   {:.3} x BLAKE3",
                nanoseconds(time, count),
                count as f64 / 1e6 / time.as_secs_f64(),
                rate / blake3,
            );
        };
        report("build", prints, built);
        report("open", prints, opened);
        report("miss", QUESTIONS, miss);
        report("hit", QUESTIONS, hit);
        println!("  BLAKE3, one thread, 12 kB pieces: {blake3:.0} MB/s");
    }
    Ok(())
}
