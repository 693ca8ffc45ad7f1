//! The demo, as somebody meets it who has never heard of the program.

use std::path::Path;
use std::process::{Command, Output};

/// Runs the demo in an environment that would lead it astray if it looked at it.
fn demo(arguments: &[&str], home: &Path) -> std::io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_leakwarden"))
        .arg("demo")
        .args(arguments)
        .env("HOME", home)
        .env("TMPDIR", home)
        .env("LEAKWARDEN_CONFIG", "/nonexistent/leakwarden.toml")
        .env("LEAKWARDEN_DATA_DIR", "/nonexistent/data")
        .env_remove("RUST_LOG")
        .output()
}

#[test]
fn one_pass_finds_every_planted_leak_mails_it_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let output = demo(&["--once"], home.path()).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}\n{messages}");
    assert_eq!(messages, "");
    for expected in [
        "pastes: 15 documents",
        "blog: 5 documents",
        "forge: 5 documents",
        "found       gate/scheduler.py lines",
        ": the same piece is in 2 places now",
        "all 6 were found.",
        "Of the 19 other documents none was reported.",
        "Content of ours was found where it should not be.",
        " demo --once --keep leakwarden-demo",
    ] {
        assert!(told.contains(expected), "`{expected}` is not in\n{told}");
    }
    assert_eq!(told.matches("  opened      INC-").count(), 5, "{told}");
    assert!(!told.contains('\u{1b}'), "a pipe is not a terminal: {told:?}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn what_is_kept_can_be_worked_on_by_the_commands_that_are_shown() {
    let home = tempfile::tempdir().unwrap();
    let kept = home.path().join("kept");
    let output = demo(&["--once", "--keep", kept.to_str().unwrap()], home.path()).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    let marker = format!("--config {}", kept.join("leakwarden.toml").display());
    let commands: Vec<&str> = told.lines().filter(|line| line.contains(&marker)).collect();
    assert_eq!(commands.len(), 3, "{told}");
    for (line, expected, code) in [
        (commands[0], "INC-1  new  severity high", 0),
        (commands[1], "2 documents: 2 leak", 1),
        (commands[2], "6 pieces as received, 0 damaged", 0),
    ] {
        let mut words = line.split_whitespace();
        let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}\n{told}");
        assert!(told.contains(expected), "{line}\n{told}");
    }
    let again = demo(&["--once", "--keep", kept.to_str().unwrap()], home.path()).unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8(again.stderr).unwrap().contains("is not empty"));
}

#[test]
fn without_git_it_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_leakwarden"))
        .args(["demo", "--once"])
        .env("PATH", home.path())
        .env("TMPDIR", home.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("install git, or put it on the PATH"), "{message}");
}
