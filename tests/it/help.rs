//! The help of every command.

use super::support::TestEnv;

#[test]
fn every_command_explains_itself() {
    let env = TestEnv::empty();
    let mut told = env.transcript();
    told.say("").say("--version").say("--help");
    for command in [
        "init",
        "corpus",
        "corpus add",
        "corpus list",
        "corpus show",
        "corpus refresh",
        "corpus remove",
        "corpus baseline",
        "check",
        "scan",
        "run",
        "source",
        "source test",
        "incident",
        "incident list",
        "incident show",
        "incident dismiss",
        "incident note",
        "evidence",
        "evidence export",
        "notify",
        "config",
        "demo",
        "backup",
        "restore",
        "doctor",
        "completions",
        "man",
    ] {
        told.say(&format!("{command} --help"));
    }
    insta::assert_snapshot!(told.told());
}

#[test]
fn what_cannot_be_understood_is_answered_with_what_can() {
    let env = TestEnv::empty();
    let mut told = env.transcript();
    told.say("chekc").say("check").say("check --json --jsonl x").say("corpus add 'a name' .");
    told.say("corpus add billing . --sensitivity loud")
        .say("incident show 12")
        .say("run --quiet -v");
    told.say("incident dismiss INC-1").say("evidence show INC-1").say("notify test");
    insta::assert_snapshot!(told.told());
}
