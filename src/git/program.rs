//! Starting git, watching it, and putting what it says into words that can be shown.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use super::Error;
use crate::secret::Secret;

/// The variable that tells our own binary, as ssh's proxy command, which gateway to use.
pub const TUNNEL_PROXY: &str = "LEAKWARDEN_TUNNEL_PROXY";

/// Settings for every start. Git reads them from the environment and passes them on to its children.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.askPass", ""),
    // The gateway wants a credential with the first request; asking costs a round.
    ("http.proxyAuthMethod", "basic"),
    ("credential.helper", ""),
    // What is not allowed expressly for one start is not spoken at all.
    ("protocol.allow", "never"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("transfer.bundleURI", "false"),
    // A repository with one malformed object is looked at all the same: nothing is checked out.
    ("transfer.fsckObjects", "false"),
    ("fetch.fsckObjects", "false"),
    // Tidying up packs is fine; throwing away what no ref holds any more is not.
    ("gc.pruneExpire", "never"),
    ("gc.autoDetach", "false"),
    ("maintenance.autoDetach", "false"),
    // Large blobs are streamed instead of being held in git's memory.
    ("core.bigFileThreshold", "16m"),
    ("pack.threads", "2"),
    ("pack.windowMemory", "128m"),
];

/// A git command in a clean environment.
#[derive(Debug)]
pub(super) struct Git {
    command: Command,
    settings: Vec<(String, Secret)>,
}

impl Git {
    pub(super) fn new(git_dir: &Path) -> Self {
        let mut command = Command::new("git");
        command.env_clear().env("GIT_DIR", git_dir);
        for kept in ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.envs([
            ("LC_ALL", "C"),
            ("HOME", "/nonexistent"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", ""),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_GRAFT_FILE", "/dev/null"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_LFS_SKIP_SMUDGE", "1"),
            ("GIT_PAGER", "cat"),
            ("GIT_ADVICE", "0"),
        ]);
        let settings = SETTINGS
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Secret::new((*value).to_owned())))
            .collect();
        Self { command, settings }
    }

    pub(super) fn arg(mut self, arg: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(super) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(args);
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// A setting for this start, in the environment: others on this machine can read arguments.
    pub(super) fn setting(mut self, key: &str, value: Secret) -> Self {
        self.settings.push((key.to_owned(), value));
        self
    }

    /// The command, ready to be started.
    pub(super) fn into_command(mut self) -> Command {
        self.command.env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        for (n, (key, value)) in self.settings.iter().enumerate() {
            self.command.env(format!("GIT_CONFIG_KEY_{n}"), key);
            self.command.env(format!("GIT_CONFIG_VALUE_{n}"), value.reveal());
        }
        self.command
    }

    /// Runs to the end in this thread, for local work with a short answer.
    pub(super) fn output(self) -> Result<Vec<u8>, Error> {
        let output = self.into_command().stdin(Stdio::null()).output().map_err(cannot_start)?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(Error::Damaged(complaint(&output.stderr, &[])))
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn cannot_start(error: std::io::Error) -> Error {
    Error::NoProgram(error.to_string())
}

/// A process in this thread's service, which ends with it.
#[derive(Debug)]
pub(super) struct Reaped(pub(super) std::process::Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// How long a start may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// In all.
    pub(super) total: Duration,
    /// Without a sign of progress.
    pub(super) stall: Duration,
}

/// What a watched start said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    /// The end of it.
    pub(super) stderr: Vec<u8>,
}

/// A list of refs longer than this is refused: the largest known is a tenth of it.
const MAX_STDOUT: usize = 64 << 20;

/// Kills a process and all that it started, unless it was waited for.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may just have ended by itself.
            killpg(pid, Signal::SIGKILL).ok();
        }
    }
}

/// Runs git with its children in a process group of their own, which is killed when it takes too
/// long, when it is silent for too long and when the caller loses interest.
pub(super) async fn watch(git: Git, patience: Patience) -> Result<Said, Error> {
    let mut command = tokio::process::Command::from(git.into_command());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).kill_on_drop(true).spawn().map_err(cannot_start)?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    let mut group = Group(pid);
    let lost = || Error::Unavailable("git was started without its output".to_owned());
    let mut stdout = child.stdout.take().ok_or_else(lost)?;
    let mut stderr = child.stderr.take().ok_or_else(lost)?;
    let end = Instant::now() + patience.total;
    let (mut said, mut heard) = (Vec::new(), Vec::new());
    let (mut from_out, mut from_err) = (vec![0; 8192], vec![0; 8192]);
    let (mut out, mut err) = (Some(&mut stdout), Some(&mut stderr));
    while out.is_some() || err.is_some() {
        let deadline = end.min(Instant::now() + patience.stall);
        let step = async {
            tokio::select! {
                read = next(&mut out, &mut from_out) => (read, 0),
                read = next(&mut err, &mut from_err) => (0, read),
            }
        };
        let Ok((read_out, read_err)) = timeout_at(deadline, step).await else {
            let what = if Instant::now() >= end { "did not end" } else { "made no progress" };
            let after = if Instant::now() >= end { patience.total } else { patience.stall };
            return Err(Error::Unavailable(format!("git {what} within {after:?} and was stopped")));
        };
        said.extend_from_slice(&from_out[..read_out]);
        heard.extend_from_slice(&from_err[..read_err]);
        if said.len() > MAX_STDOUT {
            return Err(Error::Unavailable("git's answer is too long".to_owned()));
        }
        let surplus = heard.len().saturating_sub(16 * 1024);
        heard.drain(..surplus);
    }
    let status = child.wait().await.map_err(cannot_start)?;
    // All who could still write to us are gone, and its number may soon be another's.
    group.0 = None;
    Ok(Said { status, stdout: said, stderr: heard })
}

/// Reads from a stream; a stream that ended is taken away and never ready again.
async fn next<R: AsyncRead + Unpin>(stream: &mut Option<&mut R>, buffer: &mut [u8]) -> usize {
    let Some(open) = stream else { return std::future::pending().await };
    match open.read(buffer).await {
        Ok(read) if read > 0 => read,
        _ => {
            *stream = None;
            0
        }
    }
}

/// What git complained of: one line, escaped, without secrets, bounded. Parts of it come from the
/// other side and are hostile.
pub(super) fn complaint(stderr: &[u8], secrets: &[&Secret]) -> String {
    let mut text = String::from_utf8_lossy(stderr).into_owned();
    for secret in secrets {
        if !secret.reveal().is_empty() {
            text = text.replace(secret.reveal(), "[redacted]");
        }
    }
    let is_telling = |line: &&str| {
        ["fatal:", "error:", "remote:", "ssh:"].iter().any(|start| line.starts_with(start))
            || line.contains("denied")
            || line.contains("verification failed")
    };
    let lines: Vec<&str> = text.split(['\n', '\r']).map(str::trim).filter(is_telling).collect();
    let telling = lines.iter().rev().take(3).rev().copied().collect::<Vec<_>>().join("; ");
    let shown: String = without_userinfo(&telling).escape_debug().take(300).collect();
    if shown.is_empty() {
        "git failed without saying why".to_owned()
    } else {
        format!("git says: {shown}")
    }
}

/// Takes user and password out of every address in a text.
fn without_userinfo(text: &str) -> String {
    let mut parts = text.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str("://");
        let end = part.find(['/', ' ', '\'', '"']).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        clean.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        clean.push_str(rest);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_show_no_secret_and_no_control_character() {
        let token = Secret::new("s3cret".to_owned());
        let stderr =
            b"Cloning...\rfatal: unable to access 'http://u:p@h/x/': s3cret \x1b[31mno\nhint: x\n";
        let shown = complaint(stderr, &[&token]);
        assert_eq!(
            shown,
            "git says: fatal: unable to access \\'http://h/x/\\': [redacted] \\u{1b}[31mno"
        );
        assert!(complaint(&vec![b'x'; 100_000], &[]).len() < 400);
        assert!(complaint("remote: é".repeat(10_000).as_bytes(), &[]).chars().count() < 400);
    }

    fn shell(script: &str) -> Git {
        let mut git = Git::new(Path::new("/nonexistent"));
        let mut command = Command::new("sh");
        for (name, value) in git.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.arg("-c").arg(script);
        git.command = command;
        git
    }

    #[tokio::test]
    async fn what_hangs_is_stopped_with_all_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("mark");
        let script = format!("(sleep 1; touch {}) & sleep 60", mark.display());
        let patience =
            Patience { total: Duration::from_secs(9), stall: Duration::from_millis(200) };
        let begun = Instant::now();
        let error = watch(shell(&script), patience).await.unwrap_err();
        assert!(error.to_string().contains("no progress"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(1));
        let patience = Patience { total: Duration::from_millis(300), ..patience };
        let error = watch(shell("while :; do echo .; sleep 0.05; done"), patience).await;
        assert!(error.unwrap_err().to_string().contains("did not end"));
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert!(!mark.exists(), "a child lived on");
    }

    #[test]
    fn the_environment_is_clean_and_arguments_hold_no_setting() {
        let git =
            Git::new(Path::new("/x")).setting("http.extraHeader", Secret::new("tok".to_owned()));
        assert!(!format!("{git:?}").contains("tok"));
        let command = git.into_command();
        let env: Vec<_> = command.get_envs().filter_map(|(name, _)| name.to_str()).collect();
        assert!(!env.contains(&"SSH_AUTH_SOCK") && env.contains(&"GIT_CONFIG_COUNT"));
        assert!(!command.get_args().any(|arg| arg.to_string_lossy().contains("tok")));
    }
}
