//! Corpora: read, shown, read again, forgotten; and nothing of them left behind.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use super::support::{TestEnv, work};

#[test]
fn the_life_of_a_corpus() {
    let env = TestEnv::new();
    work::folder(&env.path("billing"));
    let mut told = env.transcript();
    told.say("corpus list").say("corpus refresh").say("corpus show billing");
    told.say("corpus add billing billing --sensitivity secret --owner payments");
    told.say("corpus add oss vendored").say("corpus add nothing tmp");
    env.write("vendored/readme.txt", work::unrelated());
    told.say("corpus baseline add oss vendored").say("corpus list").say("corpus show billing");
    told.remark("one file changed, one new, one gone");
    env.write("billing/src/invoice.rs", work::source("invoice", 13));
    env.write("billing/src/refund.rs", work::source("refund", 4));
    fs::remove_file(env.path("billing/src/payout.rs")).unwrap();
    told.say("corpus refresh billing").say("corpus refresh").say("corpus refresh biling");
    told.say("corpus baseline remove oss").say("corpus remove biling").say("corpus remove billing");
    told.say("corpus list");
    insta::assert_snapshot!(told.told());
}

#[test]
fn a_folder_that_is_gone_does_not_stop_the_other_corpora() {
    let env = TestEnv::with_corpus();
    env.write("shop/cart.rs", work::source("cart", 6));
    assert_eq!(env.run("corpus add shop shop").code, 0);
    fs::remove_dir_all(env.path("shop")).unwrap();
    let mut told = env.transcript();
    told.say("corpus refresh");
    insta::assert_snapshot!(told.told());
}

#[test]
fn reports_as_json_carry_their_version() {
    let env = TestEnv::new();
    work::folder(&env.path("billing"));
    let added = env.run("corpus add billing billing --json");
    assert_eq!(
        (added.json()["schema"].clone(), added.json()["documents"].clone()),
        (1.into(), 2.into())
    );
    let listed = env.run("corpus list --json").json();
    assert_eq!(listed["corpora"][0]["name"], "billing");
    let shown = env.run("corpus show billing --json").json();
    assert_eq!(shown["role"], "corpus");
    let refreshed = env.run("corpus refresh --json").json();
    assert_eq!(refreshed["corpora"][0]["unchanged"], 2);
}

#[test]
fn a_repository_is_read_as_committed_and_then_only_what_changed() {
    let env = TestEnv::new();
    let at = env.path("billing");
    work::repository(&at);
    fs::write(at.join("src/draft.rs"), work::source("draft", 3)).unwrap();
    let added = env.run("corpus add billing billing --json").json();
    assert_eq!(added["documents"], 2, "what is not committed is not there: {added}");
    work::commit(&at);
    fs::write(at.join("src/invoice.rs"), work::source("invoice", 14)).unwrap();
    work::commit(&at);
    let refreshed = env.run("corpus refresh billing --json").json();
    let read = &refreshed["corpora"][0];
    assert_eq!(
        (&read["added"], &read["changed"], &read["unchanged"]),
        (&1.into(), &1.into(), &1.into())
    );
}

/// Every file below, and what gzip and zlib would make of it.
fn grep(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(grep(&path, needle));
            continue;
        }
        if !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let mut unpacked = Vec::new();
        // Git keeps objects so; what is no zlib stream gives nothing.
        let _end = flate2::read::ZlibDecoder::new(&bytes[..]).read_to_end(&mut unpacked);
        if [&bytes, &unpacked].iter().any(|text| text.windows(needle.len()).any(|at| at == needle))
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_corpus_leaves_no_line_of_it_behind_clones_included() {
    let env = TestEnv::new();
    work::repository(&env.path("billing"));
    work::folder(&env.path("papers"));
    // The search itself finds what is there.
    assert!(!grep(&env.path("billing"), work::PLANTED.as_bytes()).is_empty());
    let url = format!("file://{}", env.path("billing").display());
    assert_eq!(env.run(&format!("corpus add cloned {url}")).code, 0);
    assert_eq!(env.run("corpus add billing billing").code, 0);
    assert_eq!(env.run("corpus add papers papers").code, 0);
    assert_eq!(env.run("corpus refresh").code, 0);
    assert_eq!(grep(&env.path("data"), work::PLANTED.as_bytes()), Vec::<String>::new());
    assert_eq!(
        grep(&env.path("data"), b"invoice.rs"),
        Vec::<String>::new(),
        "names are sealed too"
    );
    assert_eq!(grep(&env.path("tmp"), work::PLANTED.as_bytes()), Vec::<String>::new());
}
