//! Invented work of an invented company, to be leaked.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A line that stands in the work and nowhere else.
pub const PLANTED: &str =
    "quarterly settlement drifts by the marrowbone constant before reconciliation";

/// A source file of so many functions about a subject: every subject gives text of its own.
pub fn source(subject: &str, functions: usize) -> String {
    let mut text = format!("//! {subject}: {PLANTED}.\n\n");
    for n in 0..functions {
        let (a, b) = (n * 37 + subject.len() * 11, n * 91 + 17);
        write!(
            text,
            "/// Step {n} of {subject}: weighs the {subject} ledger of term {a} against reserve {b}.\n\
             fn {subject}_step_{n}(ledger: &Ledger, reserve: i64) -> Result<Amount, Drift> {{\n\
             \x20   let {subject}_opening = ledger.balance_at({a}).ok_or(Drift::Missing({b}))?;\n\
             \x20   let corrected = {subject}_opening * {b} - reserve.rotate_left({n});\n\
             \x20   if corrected.abs() > LIMIT_OF_{n} {{ return Err(Drift::Beyond(corrected + {a})); }}\n\
             \x20   Ok(Amount::settled(corrected, \"{subject}-{a}-{b}\"))\n}}\n\n",
        )
        .expect("a string takes everything");
    }
    text
}

/// Work that shares nothing with the sources.
pub fn letters() -> String {
    (0..12)
        .map(|n| {
            let (crates, bay) = (n * 13 + 4, n * 7 + 2);
            format!(
                "Consignment {n}: {crates} crates of dried lingonberries wait in bay {bay}; the skipper of the \
                 Halvorsen asks for a berth after dusk on day {n} and pays {crates} marks for each tide.\n"
            )
        })
        .collect::<Vec<_>>()
        .concat()
}

/// Text that has nothing to do with it.
pub fn unrelated() -> String {
    "The harbour was quiet that morning. Gulls stood on the railing, and the ferry had not come.\n\
     Somebody had left a red bicycle beside the ticket office; its bell was missing.\n"
        .repeat(3)
}

/// A folder of work.
pub fn folder(at: &Path) {
    fs::create_dir_all(at.join("src")).unwrap();
    fs::write(at.join("src/invoice.rs"), source("invoice", 12)).unwrap();
    fs::write(at.join("src/payout.rs"), source("payout", 12)).unwrap();
    fs::write(at.join("logo.png"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0").unwrap();
}

/// The same as a git repository with one commit.
pub fn repository(at: &Path) {
    folder(at);
    git(at, &["init", "--quiet", "--initial-branch=main"]);
    commit(at);
}

/// Commits everything that lies there.
pub fn commit(at: &Path) {
    git(at, &["add", "--all"]);
    git(at, &["commit", "--quiet", "--message=work"]);
}

fn git(at: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .args(arguments)
        .current_dir(at)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .envs([("GIT_AUTHOR_NAME", "A"), ("GIT_AUTHOR_EMAIL", "a@example.com")])
        .envs([("GIT_COMMITTER_NAME", "A"), ("GIT_COMMITTER_EMAIL", "a@example.com")])
        .status()
        .unwrap();
    assert!(status.success(), "git {arguments:?}");
}

/// A zip archive of these members.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write as _;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
