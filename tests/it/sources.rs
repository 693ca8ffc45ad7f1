//! Sources: listed, tried, explained, looked at once.

use super::support::site::Site;
use super::support::{TestEnv, work};

#[test]
fn without_a_source_nothing_is_looked_at_and_that_is_said() {
    let env = TestEnv::with_corpus();
    let mut told = env.transcript();
    told.say("source list").say("scan").say("source test pastes").say("source set-aside");
    insta::assert_snapshot!(told.told());
}

#[test]
fn a_paste_site_is_tried_explained_and_looked_at() {
    let env = TestEnv::with_corpus();
    let site = Site::start();
    site.publish("aaa111", work::unrelated());
    site.publish("bbb222", work::source("invoice", 12));
    env.write("watchlists/sources.toml", site.source("pastes"));
    let mut told = env.transcript();
    told.say("source list").say("source explain pastes").say("source test pastes");
    told.say("source test paste").say("scan paste").say("incident list");
    told.remark("the first look").say("scan").remark("nothing new").say("scan pastes");
    told.say("source list").say("source set-aside");
    insta::assert_snapshot!(told.told());
    assert_eq!(env.mails().len(), 1);
}

#[test]
fn a_source_that_fails_is_a_gap_and_never_clean() {
    let env = TestEnv::with_corpus();
    env.write(
        "watchlists/sources.toml",
        "[source.down.from.feed]\nurl = \"http://127.0.0.1:1/feed\"\n\n\
         [source.off]\ndisabled = \"no permission yet\"\n[source.off.from.directory]\npath = \"drop\"\n\n\
         [source.drop.from.directory]\npath = \"drop\"\nsettle = \"0s\"\n",
    );
    env.write("drop/harmless.txt", work::unrelated());
    let mut told = env.transcript();
    told.say("scan --quiet").say("scan off").say("source test down").say("source list");
    insta::assert_snapshot!(told.told());
}

#[test]
fn an_archive_in_a_drop_folder_is_looked_into() {
    let env = TestEnv::with_corpus();
    env.write(
        "watchlists/sources.toml",
        "[source.drop.from.directory]\npath = \"drop\"\nsettle = \"0s\"\n",
    );
    let inner = work::zip(&[("deep/payout.rs", work::source("payout", 12).as_bytes())]);
    env.write("drop/proof.zip", work::zip(&[("inner.zip", &inner)]));
    assert_eq!(env.run("scan").code, 1);
    let shown = env.run("incident show INC-1");
    assert!(shown.out.contains("inner.zip!/deep/payout.rs"), "{}", shown.out);
}
