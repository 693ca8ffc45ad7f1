//! Runs of the program, and transcripts of them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{TestEnv, redact};

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The lines of standard output as JSON.
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs a command with something on standard input.
pub fn run(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program may have ended without reading: that is for the test to judge.
    let _unread = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The words of a line; single quotes hold words together.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in line.split('\'').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Whether a line begins with a time.
fn is_log(line: &str) -> bool {
    line.split_once(' ').is_some_and(|(first, _)| first.parse::<jiff::Timestamp>().is_ok())
}

/// Commands and what they said, as somebody at a terminal sees them.
pub struct Transcript<'a> {
    env: &'a TestEnv,
    text: String,
}

impl<'a> Transcript<'a> {
    /// An empty one.
    pub fn new(env: &'a TestEnv) -> Self {
        Self { env, text: String::new() }
    }

    /// Runs a line and writes down what it says.
    pub fn say(&mut self, line: &str) -> &mut Self {
        self.say_with(line, b"")
    }

    /// The same with something on standard input.
    pub fn say_with(&mut self, line: &str, input: &[u8]) -> &mut Self {
        let ran = self.env.run_with(line, input);
        writeln!(self.text, "$ leakwarden {line}").unwrap();
        self.text.push_str(&ran.out);
        // The log is not what a command says; it comes beside it, whenever it comes.
        for told in ran.err.lines().filter(|line| !is_log(line)) {
            writeln!(self.text, "! {told}").unwrap();
        }
        writeln!(self.text, "= {}\n", ran.code).unwrap();
        self
    }

    /// Says something between commands.
    pub fn remark(&mut self, words: &str) -> &mut Self {
        writeln!(self.text, "# {words}").unwrap();
        self
    }

    /// What was said, without what differs from run to run.
    pub fn told(&self) -> String {
        redact::redact(&self.text, self.env)
    }
}
