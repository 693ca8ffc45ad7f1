//! The configuration: written, checked, shown; and the mistakes that people make.

use super::support::TestEnv;

#[test]
fn a_first_configuration_is_written_once_and_is_right() {
    let env = TestEnv::empty();
    let mut told = env.transcript();
    told.say("config check")
        .say("init watch")
        .say("init watch")
        .say("config check --config watch/leakwarden.toml");
    told.say("init").say("config check").say("config check --json");
    insta::assert_snapshot!(told.told());
}

#[test]
fn all_mistakes_are_told_at_once_with_their_lines() {
    let env = TestEnv::new();
    env.append("leakwarden.toml", "colour = true\n\n[detect]\nlaek = 0.8\npossible = 7\n");
    env.write(
        "watchlists/sources.toml",
        "[source.a]\nschedule = \"99 * * * *\"\n[source.a.from.feed]\nurl = \"gopher://x\"\n\n[source.b]\n",
    );
    env.write(
        "watchlists/allowed.toml",
        "[[allowed]]\nname = \"us\"\nplaces = [\"example.com\"]\n",
    );
    env.write("watchlists/corpora.toml", "[[corpus]]\npath = \"x\"\nurl = \"y\"\n");
    let mut told = env.transcript();
    told.say("config check")
        .say("config check --json")
        .say("scan")
        .say("--config nowhere.toml check x");
    insta::assert_snapshot!(told.told());
}

#[test]
fn what_is_in_effect_is_shown() {
    let env = TestEnv::new();
    let mut told = env.transcript();
    told.say("config show");
    insta::assert_snapshot!(told.told());
    assert_eq!(env.run("config show --json").json()["schema"], 1);
}

#[test]
fn a_message_takes_its_whole_way_in_a_test() {
    let env = TestEnv::new();
    let mut told = env.transcript();
    told.say("notify test --to security").say("notify test --to legal");
    insta::assert_snapshot!(told.told());
    let mails = env.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("Subject:"), "{}", mails[0]);
}
