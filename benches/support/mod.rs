//! What the benchmarks share: texts to work on, a clock, a line of results.
#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    unreachable_pub,
    reason = "a benchmark prints its result"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long one measurement may go on.
const BUDGET: Duration = Duration::from_secs(3);

/// Source texts found on this machine: up to `bytes` of this package's and its dependencies'.
pub fn texts(bytes: usize) -> Vec<String> {
    let of_user = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo");
    let home = std::env::var_os("CARGO_HOME").map_or_else(of_user, PathBuf::from);
    let mut found = (Vec::new(), 0);
    collect(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").as_path(), bytes, &mut found);
    collect(&home.join("registry/src"), bytes, &mut found);
    found.0
}

fn collect(folder: &Path, bytes: usize, found: &mut (Vec<String>, usize)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if found.1 >= bytes {
            return;
        }
        if path.is_dir() {
            collect(&path, bytes, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "c" || extension == "md")
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            found.1 += text.len();
            found.0.push(text);
        }
    }
}

/// How long some work on many things takes on a machine with others at work: the things are gone through
/// several times, and each one's shortest time counts.
pub fn fastest<T>(things: &[T], mut work: impl FnMut(&T)) -> Duration {
    let (begun, mut best) = (Instant::now(), vec![Duration::MAX; things.len()]);
    while begun.elapsed() < BUDGET {
        for (thing, best) in things.iter().zip(&mut best) {
            let start = Instant::now();
            work(thing);
            *best = start.elapsed().min(*best);
        }
    }
    best.iter().sum()
}

/// Prints throughput and the ratio to BLAKE3.
pub fn report(name: &str, bytes: usize, texts: usize, ours: Duration, hashing: Duration) {
    let rate = |time: Duration| bytes as f64 / 1e6 / time.as_secs_f64();
    println!("{name}: {texts} texts, {:.1} MB, one thread", bytes as f64 / 1e6);
    println!(
        "  {name} {:.0} MB/s, blake3 {:.0} MB/s, ratio {:.3}",
        rate(ours),
        rate(hashing),
        rate(ours) / rate(hashing)
    );
}
