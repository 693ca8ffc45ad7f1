//! A repository of our own, cloned with the user's own git configuration and credentials.

use std::path::Path;
use std::process::{Command, Stdio};

use super::Error;
use super::program::{cannot_start, complaint};

/// Clones the newest commit of a repository of ours into an empty folder, as a bare repository. It is the one place
/// where git runs as the user would run it: with their configuration, keys and credential helpers, and without the
/// guard, since a company's own repositories stand in its own network. Nobody is asked for a password.
pub fn clone_own(address: &str, into: &Path) -> Result<(), Error> {
    let output = Command::new("git")
        .args(["clone", "--quiet", "--bare", "--depth=1", "--single-branch", "--no-tags", "--"])
        .arg(address)
        .arg(into)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(cannot_start)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Unavailable(format!(
        "{} (try `git ls-remote` on it as the user that runs leakwarden)",
        complaint(&output.stderr, &[])
    )))
}
