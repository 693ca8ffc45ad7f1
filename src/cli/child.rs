//! What the program does when it is its own child: `leakwarden child …`, started by itself and by nobody else.
//!
//! Told apart before anything else happens, so that a child reads no configuration, starts no log and takes no lock.

use std::ffi::OsString;
use std::os::fd::AsFd;

use anyhow::Context as _;
use tokio::fs::File;

use super::Exit;
use super::output::Output;
use crate::git::TUNNEL_PROXY;
use crate::http::gateway::tunnel;
use crate::secret::Secret;

/// Does a child's work if that is what the arguments (the program's own name first) ask for.
pub(super) fn run(arguments: &[OsString]) -> Option<Exit> {
    let words: Vec<&str> = arguments.iter().skip(1).map_while(|word| word.to_str()).collect();
    let ended = match words.as_slice() {
        ["child", "tunnel", host, port] => connect(host, port),
        ["child", ..] => Err(anyhow::anyhow!("`child` is for the program itself")),
        _ => return None,
    };
    Some(match ended {
        Ok(()) => Exit::Clean,
        Err(error) => {
            // ssh shows this to git, and git to whoever waits for it.
            Output::terminal(true).error(&error);
            Exit::of(&error)
        }
    })
}

/// ssh's way out: standard input and output, tied to a connection through the guard of the process that started git.
fn connect(host: &str, port: &str) -> anyhow::Result<()> {
    let port = port.parse().with_context(|| format!("`{}` is no port", port.escape_debug()))?;
    let proxy_url = std::env::var(TUNNEL_PROXY)
        .with_context(|| format!("the environment holds no {TUNNEL_PROXY}"))?;
    let proxy_url = Secret::new(proxy_url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (input, output) = (unbuffered(std::io::stdin())?, unbuffered(std::io::stdout())?);
    let ended = runtime.block_on(tunnel(&proxy_url, host, port, input, output));
    // A read of standard input cannot be cut off; it ends with the process.
    runtime.shutdown_background();
    Ok(ended?)
}

/// A stream of the process' own, without the line buffer that would hold bytes back.
fn unbuffered(stream: impl AsFd) -> std::io::Result<File> {
    Ok(File::from_std(stream.as_fd().try_clone_to_owned()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(words: &[&str]) -> Option<Exit> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        run(&words)
    }

    #[test]
    fn only_the_word_child_makes_a_child() {
        assert_eq!(ran(&["leakwarden"]), None);
        assert_eq!(ran(&["leakwarden", "check", "child"]), None);
        for words in [
            &["leakwarden", "child"][..],
            &["leakwarden", "child", "tunnel", "host.example"],
            &["leakwarden", "child", "tunnel", "host.example", "ssh"],
            &["leakwarden", "child", "tunnel", "host.example", "22"],
        ] {
            assert_eq!(ran(words), Some(Exit::Usage), "{words:?}");
        }
    }
}
