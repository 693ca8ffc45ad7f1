//! The daemon: what it finds, what people do beside it, and what it survives.

use nix::sys::signal::Signal;

use super::support::site::Site;
use super::support::{TestEnv, until, work};

/// A corpus and a paste site that is looked at every second.
fn watching() -> (TestEnv, Site) {
    let env = TestEnv::with_corpus();
    let site = Site::start();
    env.write("watchlists/sources.toml", site.source("pastes"));
    (env, site)
}

/// A whole pass that begins after now.
fn pass(env: &TestEnv) -> i32 {
    env.run("scan pastes").code
}

#[test]
fn from_a_paste_to_a_mail_to_a_decision_that_keeps_its_content_quiet() {
    let (env, site) = watching();
    site.publish("aaa111", work::unrelated());
    let daemon = env.daemon();
    site.publish("bbb222", work::source("invoice", 12));
    until("the mail is there", || env.mails().len() == 1);
    let mail = &env.mails()[0];
    assert!(mail.contains("INC-1"), "{mail}");
    assert!(!mail.contains(work::PLANTED), "no leaked text in a mail");
    let mut told = env.transcript();
    told.say("incident list").say("incident show INC-1").say("scan pastes");
    told.say("incident dismiss INC-1 --reason 'a licensee published it'");
    insta::assert_snapshot!(told.told());
    site.publish("ccc333", work::source("invoice", 12));
    assert_eq!(pass(&env), 1);
    until("the other place is recorded", || {
        env.incidents()[0]["findings"].as_array().unwrap().len() == 2
    });
    assert_eq!(env.incidents().len(), 1, "it joined");
    assert_eq!(env.incidents()[0]["state"], "dismissed");
    assert_eq!(daemon.stop(), 0);
    assert_eq!(env.mails().len(), 1, "and nobody was told again");
}

#[test]
fn the_same_content_at_the_same_place_is_the_same_finding() {
    let (env, site) = watching();
    site.publish("aaa111", work::source("invoice", 12));
    assert_eq!(pass(&env), 1);
    // The page changes around it, and the cache that knows what was seen is lost.
    site.publish("aaa111", format!("views: 17\n{}", work::source("invoice", 12)));
    std::fs::remove_dir_all(env.path("data/cache")).unwrap();
    let ran = env.run("scan pastes --json");
    let incidents = env.incidents();
    assert_eq!(incidents.len(), 1, "{ran:?}");
    assert_eq!(incidents[0]["findings"].as_array().unwrap().len(), 1, "{ran:?}");
    site.publish("bbb222", work::source("payout", 12));
    assert_eq!(pass(&env), 1);
    assert_eq!(env.incidents().len(), 2, "other content is another incident");
}

#[test]
fn what_is_allowed_there_is_recorded_and_no_leak() {
    let (env, site) = watching();
    let place = site.address();
    env.write(
        "watchlists/allowed.toml",
        format!(
            "[[allowed]]\nname = \"our-own\"\nplaces = [\"http://{place}/\"]\ncorpora = [\"*\"]\n\
             reason = \"published by us\"\napproved_by = \"legal\"\n"
        ),
    );
    site.publish("aaa111", work::source("invoice", 12));
    let mut told = env.transcript();
    told.say("config check").say("scan").say("incident list");
    insta::assert_snapshot!(told.told());
    assert!(env.mails().is_empty());
}

#[test]
fn a_wrong_configuration_changes_nothing_and_a_right_one_is_put_to_use() {
    let (env, site) = watching();
    let right = std::fs::read_to_string(env.path("leakwarden.toml")).unwrap();
    let daemon = env.daemon();
    env.write("leakwarden.toml", format!("colour = true\n{right}"));
    daemon.signal(Signal::SIGHUP);
    until("it refuses", || env.log().contains("the old one stays in force"));
    env.write("leakwarden.toml", right);
    site.publish("aaa111", work::source("invoice", 12));
    until("it still looks", || env.incidents().len() == 1);
    env.append(
        "watchlists/sources.toml",
        "[source.drop]\nschedule = \"* * * * * *\"\n[source.drop.from.directory]\npath = \"drop\"\nsettle = \"0s\"\n",
    );
    env.write("drop/leak.txt", work::source("payout", 12));
    daemon.signal(Signal::SIGHUP);
    until("it looks at the new source", || env.incidents().len() == 2);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_corpus_added_beside_the_daemon_is_looked_for_from_then_on() {
    let (env, site) = watching();
    let daemon = env.daemon();
    site.publish("aaa111", work::letters());
    assert_eq!(pass(&env), 0, "not ours yet");
    env.write("shipping/lib.rs", work::letters());
    assert_eq!(env.run("corpus add shipping shipping").code, 0);
    let mut n = 0;
    until("it is found", || {
        n += 1;
        site.publish(&format!("bbb{n}"), work::letters());
        pass(&env) == 1
    });
    assert_eq!(env.incidents()[0]["corpora"][0], "shipping");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn one_daemon_holds_a_data_folder_and_commands_go_through_it() {
    let (env, _site) = watching();
    let daemon = env.daemon();
    let mut told = env.transcript();
    told.say("run").say("incident list").say("incident show INC-1").say("source set-aside");
    told.say("notify test --to security").say("notify test --to legal").say("scan paste");
    told.say("evidence list").say("evidence verify");
    insta::assert_snapshot!(told.told());
    assert_eq!(daemon.stop(), 0);
    let kept = std::fs::metadata(env.path("data/socket"));
    assert!(
        kept.is_err() || env.run("incident list").code == 0,
        "a dead daemon's socket is in nobody's way"
    );
}

#[test]
fn leaks_that_were_there_before_a_restart_are_not_told_twice() {
    let (env, site) = watching();
    site.publish("aaa111", work::source("invoice", 12));
    let daemon = env.daemon();
    until("the mail is there", || env.mails().len() == 1);
    assert_eq!(daemon.stop(), 0);
    let daemon = env.daemon();
    site.publish("bbb222", work::source("payout", 12));
    until("the next mail is there", || env.mails().len() == 2);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(env.incidents().len(), 2);
}
