//! What the benchmarks share: texts to work on, a clock, a line of results.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long one measurement may go on.
const BUDGET: Duration = Duration::from_secs(3);

/// Source texts found on this machine: up to `bytes` of this package's and its dependencies'.
pub fn texts(bytes: usize) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo")
    });
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

/// The shortest of several runs: what the machine can do when nobody else is at work.
pub fn fastest(mut work: impl FnMut()) -> Duration {
    let (begun, mut best) = (Instant::now(), Duration::MAX);
    while begun.elapsed() < BUDGET {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
    }
    best
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
