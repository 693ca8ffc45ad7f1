//! The key and the stores: lost, exposed, damaged, full of rubbish. Always 4, with what to do.

use std::fs;

use super::support::{TestEnv, work};

#[test]
fn a_key_that_is_lost_exposed_or_damaged_is_never_replaced() {
    let mut env = TestEnv::with_corpus();
    env.damaged();
    env.write("find.txt", work::source("invoice", 12));
    let key = fs::read(env.path("data/key")).unwrap();
    let mut told = env.transcript();
    env.mode("data/key", 0o644);
    told.say("check find.txt");
    env.mode("data/key", 0o600);
    env.write("data/key", "not a key");
    told.say("check find.txt").say("corpus list").say("incident list");
    fs::remove_file(env.path("data/key")).unwrap();
    told.say("check find.txt").say("run");
    env.write("data/key", [b'0'; 64]);
    env.mode("data/key", 0o600);
    told.remark("another key").say("check find.txt");
    env.write("data/key", key);
    told.remark("the right one again").say("check find.txt");
    insta::assert_snapshot!(told.told());
}

#[test]
fn a_damaged_index_or_record_is_an_error_and_nothing_is_made_worse() {
    let mut env = TestEnv::with_corpus();
    env.damaged();
    assert_eq!(env.run("incident list").code, 0);
    env.write("find.txt", work::source("invoice", 12));
    let record = env.path("data/record.redb");
    fs::write(&record, b"rubbish").unwrap();
    let ran = env.run("incident list");
    assert_eq!(ran.code, 4, "{ran:?}");
    assert_eq!(fs::read(&record).unwrap(), b"rubbish", "left as it is, for whoever restores it");
    let manifest = fs::read_dir(env.path("data/index"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("manifest"))
        .unwrap();
    fs::write(&manifest, b"rubbish").unwrap();
    let ran = env.run("check find.txt");
    assert_eq!(ran.code, 4, "{ran:?}");
}

#[test]
fn a_cache_full_of_rubbish_is_built_anew() {
    let env = TestEnv::with_corpus();
    assert_eq!(env.run("incident list").code, 0);
    fs::remove_dir_all(env.path("data/cache")).unwrap();
    env.write("data/cache/db", "rubbish");
    env.write("data/cache/conf", "rubbish");
    let ran = env.run("incident list");
    assert_eq!(ran.code, 0, "{ran:?}");
}
