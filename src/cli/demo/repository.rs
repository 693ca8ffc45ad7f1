//! The repository that the git host shows: made by the git program, served as files that need no program to serve.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use bytes::Bytes;

use super::material::{MAIN_BRANCH, RENAMED};
use super::sample::PRESSURE;
use crate::fs;

/// The files of a bare repository by their paths, as git's plain protocol over HTTP asks for them.
pub(super) type Files = BTreeMap<String, Bytes>;

/// The time of the first commit: 1 March 2026. Each later one comes a day after.
const FIRST_COMMIT: u64 = 1_772_323_200;

/// Whether there is a git program; the error says what to do.
pub(super) fn check_git() -> anyhow::Result<()> {
    git(Path::new("."), &["--version"], b"")
}

/// The repository before or after somebody pushed a side branch whose old commit holds a file of ours.
pub(super) fn make(with_leak: bool) -> anyhow::Result<Files> {
    let dir = tempfile::tempdir().context("cannot make a folder for a repository")?;
    let path = dir.path();
    git(path, &["init", "--quiet", "--bare", "--template=", "--initial-branch=main"], b"")?;
    // Packed: a dumb server answers one request for a pack instead of one for each object.
    let import = ["-c", "fastimport.unpackLimit=0", "fast-import", "--quiet"];
    git(path, &import, history(with_leak).as_bytes())?;
    git(path, &["update-server-info"], b"")?;
    let mut files = Files::new();
    collect(path, path, &mut files)?;
    Ok(files)
}

fn git(dir: &Path, arguments: &[&str], input: &[u8]) -> anyhow::Result<()> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(dir).env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.envs([
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("LC_ALL", "C"),
    ]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().context(
        "the demo needs the git program, and it cannot be started; install git, or put it on the PATH",
    )?;
    if let Some(mut stdin) = child.stdin.take() {
        // If git ends early, what it says on its way out is the better error.
        stdin.write_all(input).ok();
    }
    let output = child.wait_with_output().context("the git program was lost")?;
    if !output.status.success() {
        bail!(
            "git could not make the demo's repository: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// A history in the form that `git fast-import` reads.
fn history(with_leak: bool) -> String {
    let mut commits = Vec::new();
    for (message, files) in MAIN_BRANCH {
        let changes = files.iter().map(|(path, text)| put(path, text)).collect::<Vec<_>>();
        commits.push(("main", message, changes.concat()));
    }
    if with_leak {
        let begin = format!("from refs/heads/main\n{}", put(RENAMED, PRESSURE.text));
        commits.push(("winter", "Heat the boat", begin));
        commits.push(("winter", "Not here", format!("D {RENAMED}\n")));
        commits.push(("winter", "Plan the winter", put("winter.txt", "New ropes, and varnish.\n")));
    }
    let commit = |((branch, message, changes), day): ((&str, &str, String), u64)| {
        let at = FIRST_COMMIT + day * 86_400;
        let length = message.len();
        format!(
            "commit refs/heads/{branch}\ncommitter A. Nonymous <nobody@example.com> {at} +0000\n\
             data {length}\n{message}\n{changes}\n"
        )
    };
    commits.into_iter().zip(0..).map(commit).collect::<Vec<_>>().concat()
}

fn put(path: &str, text: &str) -> String {
    format!("M 100644 inline {path}\ndata {}\n{text}\n", text.len())
}

fn collect(root: &Path, folder: &Path, files: &mut Files) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).map_err(fs::Error::new("read the folder", folder))? {
        let path = entry.map_err(fs::Error::new("read the folder", folder))?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            files.insert(name.to_string_lossy().into_owned(), Bytes::from(fs::read(&path)?));
        }
    }
    Ok(())
}
