//! Incidents and evidence on the command line, without a daemon.

use super::support::{TestEnv, work};

/// A corpus and one incident about it.
fn with_incident() -> TestEnv {
    let env = TestEnv::with_corpus();
    env.write(
        "watchlists/sources.toml",
        "[source.drop.from.directory]\npath = \"drop\"\nsettle = \"0s\"\n",
    );
    env.write("drop/leak.txt", work::source("invoice", 12));
    assert_eq!(env.run("scan").code, 1);
    env
}

#[test]
fn the_life_of_an_incident() {
    let env = with_incident();
    let mut told = env.transcript();
    told.say("incident list").say("incident show INC-1").say("incident ack INC-1");
    told.say("incident assign INC-1 ann").say("incident note INC-1 'asked the host'");
    told.say("incident confirm INC-1 --reason 'it is our file'").say("incident contain INC-1");
    told.say("incident close INC-1 --reason 'taken down'").say("incident list --open");
    told.say("incident reopen INC-1 --reason 'it is back'");
    told.say("incident dismiss INC-1 --reason 'published on purpose'");
    told.say("incident show INC-1").say("incident list").say("incident list --corpus other");
    insta::assert_snapshot!(told.told());
}

#[test]
fn what_the_state_does_not_allow_is_refused_with_what_it_does() {
    let env = with_incident();
    let mut told = env.transcript();
    // From every state, every action that it does not allow.
    told.say("incident contain INC-1").say("incident close INC-1 --reason x");
    told.say("incident reopen INC-1 --reason x").say("incident ack INC-1");
    told.say("incident ack INC-1").say("incident contain INC-1");
    told.say("incident close INC-1 --reason x").say("incident reopen INC-1 --reason x");
    told.say("incident confirm INC-1").say("incident ack INC-1").say("incident confirm INC-1");
    told.say("incident reopen INC-1 --reason x").say("incident contain INC-1");
    for action in ["ack", "confirm", "contain"] {
        told.say(&format!("incident {action} INC-1"));
    }
    told.say("incident dismiss INC-1 --reason x").say("incident reopen INC-1 --reason x");
    told.say("incident dismiss INC-1 --reason ''").say("incident dismiss INC-1 --reason x");
    for action in ["ack", "confirm", "contain"] {
        told.say(&format!("incident {action} INC-1"));
    }
    told.say("incident dismiss INC-1 --reason x").say("incident close INC-1 --reason x");
    told.say("incident show INC-9").say("incident note INC-9 x").say("incident note INC-1 ''");
    insta::assert_snapshot!(told.told());
}

#[test]
fn evidence_is_listed_shown_exported_and_verified() {
    let env = with_incident();
    let mut told = env.transcript();
    told.say("evidence list").say("evidence show EV-1").say("evidence export EV-1 out.bin");
    told.say("evidence export EV-1 out.bin").say("evidence show EV-9").say("evidence verify");
    insta::assert_snapshot!(told.told());
    let exported = std::fs::read(env.path("out.bin")).unwrap();
    assert_eq!(exported, work::source("invoice", 12).as_bytes(), "as it was received");
}

#[test]
fn evidence_that_was_altered_is_named() {
    let mut env = with_incident();
    env.damaged();
    let mut altered = 0;
    let mut folders = vec![env.path("data/evidence")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            let mut permissions = std::fs::metadata(&path).unwrap().permissions();
            std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
            std::fs::set_permissions(&path, permissions).unwrap();
            std::fs::write(&path, bytes).unwrap();
            altered += 1;
        }
    }
    assert!(altered > 0);
    let ran = env.run("evidence verify");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("1 damaged") && ran.out.contains("EV-1"), "{ran:?}");
}
