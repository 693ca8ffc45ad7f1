//! A workplace of its own for every test: a home, a configuration, a data folder, and the real program.

pub mod program;
pub mod redact;
pub mod site;
pub mod work;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use program::{Ran, Transcript};

/// The key of every test: what depends on it is the same in every run.
const KEY: &str = "6b6579206f6620746865207465737473206f66206c65616b77617264656e2031";

/// Nothing that is waited for takes longer on a machine that is not broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a configuration, a key and a data folder; gone with the test.
pub struct TestEnv {
    dir: tempfile::TempDir,
    /// Whether everything recorded must hold in the end.
    holds: bool,
}

impl TestEnv {
    /// A home and nothing else.
    pub fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("home")).unwrap();
        fs::create_dir_all(dir.path().join("tmp")).unwrap();
        Self { dir, holds: false }
    }

    /// A configuration that may reach this machine and waits for nothing, and the key of the tests.
    pub fn new() -> Self {
        let mut env = Self::empty();
        env.holds = true;
        env.write(
            "leakwarden.toml",
            "[http]\nallow = [\"127.0.0.0/8\"]\npace = \"0s\"\nattempts = 1\n\n[route.security]\naudience = \"security\"\nseverity = \"low\"\ngroup_wait = \"0s\"\n[route.security.to.folder]\npath = \"data/outbox\"\n\n[daemon]\ninspectors = 2\n\n[log]\nlevel = \"info\"\n",
        );
        env.write("data/key", KEY);
        env.mode("data", 0o700);
        env.mode("data/key", 0o600);
        env
    }

    /// The same, with a corpus `billing` in it.
    pub fn with_corpus() -> Self {
        let env = Self::new();
        work::folder(&env.path("billing"));
        assert_eq!(env.run("corpus add billing billing").code, 0);
        env
    }

    /// From here on the data is broken on purpose: nothing is verified in the end.
    pub fn damaged(&mut self) {
        self.holds = false;
    }

    /// A path in the folder.
    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Writes a file, its folders included.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Adds to a file.
    pub fn append(&self, path: &str, text: &str) {
        let old = fs::read_to_string(self.path(path)).unwrap_or_default();
        self.write(path, old + text);
    }

    /// Sets the mode of a file.
    pub fn mode(&self, path: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The program in a clean environment, in this folder.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leakwarden"));
        command
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("NO_COLOR", "1")
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program on a line of arguments; quotes hold words together.
    pub fn run(&self, line: &str) -> Ran {
        self.run_with(line, b"")
    }

    /// The same with something on standard input.
    pub fn run_with(&self, line: &str, input: &[u8]) -> Ran {
        program::run(self.command().args(program::words(line)), input)
    }

    /// Everything that is said from now on, for a snapshot.
    pub fn transcript(&self) -> Transcript<'_> {
        Transcript::new(self)
    }

    /// Starts the daemon and waits until commands reach it.
    pub fn daemon(&self) -> Daemon<'_> {
        let log =
            fs::File::options().create(true).append(true).open(self.path("daemon.log")).unwrap();
        let child = self.command().args(["run", "-v"]).stderr(log).spawn().unwrap();
        let daemon = Daemon { env: self, child };
        until("the daemon answers", || {
            std::os::unix::net::UnixStream::connect(self.path("data/socket")).is_ok()
        });
        daemon
    }

    /// What the daemon has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }

    /// The incidents, as JSON.
    pub fn incidents(&self) -> Vec<serde_json::Value> {
        let ran = self.run("incident list --json");
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()["incidents"].as_array().unwrap().clone()
    }

    /// The messages in the outbox.
    pub fn mails(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("data/outbox")) else { return Vec::new() };
        let mut paths: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }
}

impl Drop for TestEnv {
    /// Whatever a test did: the chain of custody holds, and every piece of evidence is as it was received.
    fn drop(&mut self) {
        if self.holds && !std::thread::panicking() && self.path("data/record.redb").exists() {
            let ran = self.run("evidence verify");
            assert_eq!(ran.code, 0, "{ran:?}");
        }
    }
}

/// A running daemon; told to stop in the end, and waited for.
pub struct Daemon<'a> {
    env: &'a TestEnv,
    child: Child,
}

impl Daemon<'_> {
    /// Sends it a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Tells it to stop, and gives its exit code.
    pub fn stop(mut self) -> i32 {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        let mut code = None;
        until("the daemon has ended", || {
            code = self.child.try_wait().unwrap().map(|status| status.code().unwrap_or(-1));
            code.is_some()
        });
        code.unwrap()
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a test that fails shows why")]
            {
                eprintln!("the daemon's log:\n{}", self.env.log());
            }
        }
        // It has ended already if the test stopped it.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Polls until something holds; fails after a while.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "after {PATIENCE:?} it still does not hold: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
