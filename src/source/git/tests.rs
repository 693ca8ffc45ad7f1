use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::git::stand::Stand;
use crate::http;

fn context(dir: &Path) -> Context {
    let http = http::Client::new(http::Settings {
        contact: None,
        allow: vec!["127.0.0.1/32".parse().unwrap()],
        pace: Duration::ZERO,
        pace_by_host: Vec::new(),
        stall: Duration::from_secs(10),
        total: Duration::from_secs(60),
        max_body: 1 << 20,
        max_redirects: 4,
        attempts: 1,
        proxy: None,
        proxy_auth: None,
        spool: dir.to_owned(),
    });
    Context {
        http: http.unwrap(),
        data_dir: dir.to_owned(),
        max_body: 1 << 20,
        validator: Arc::new(|_| None),
        now: || jiff::Timestamp::UNIX_EPOCH,
    }
}

fn source(url: &str, dir: &Path) -> Repository {
    let settings = toml::from_str(&format!("url = {url:?}")).unwrap();
    Repository::new("leaks".parse().unwrap(), settings, context(dir)).unwrap()
}

/// Polls until there is no more.
async fn pass(source: &Repository, mut at: Option<Cursor>) -> (Vec<Item>, Cursor) {
    let mut items = Vec::new();
    loop {
        let page = source.poll(at.as_ref()).await.unwrap();
        assert!(page.items.len() <= PAGE_ITEMS);
        items.extend(page.items);
        if !page.more {
            return (items, page.next);
        }
        at = Some(page.next);
    }
}

fn paths(items: &[Item]) -> BTreeSet<&str> {
    items.iter().map(|item| item.handle["path"].as_str().unwrap()).collect()
}

/// A repository whose leak is only in an old commit of a side branch.
fn leaky() -> (Stand, String) {
    let stand = Stand::new();
    stand.commit("README", b"nothing to see\n");
    stand.git(&["checkout", "--quiet", "-b", "side"]);
    let leaking = stand.commit("src/le ak.rs", b"fn ours() {}\n");
    stand.git(&["rm", "--quiet", "src/le ak.rs"]);
    stand.git(&["commit", "--quiet", "-m", "oops"]);
    stand.git(&["checkout", "--quiet", "main"]);
    (stand, leaking)
}

#[tokio::test]
async fn a_leak_in_an_old_commit_of_a_side_branch_is_listed_once_and_read() {
    let (stand, leaking) = leaky();
    stand.git(&["notes", "add", "-m", "a note"]);
    stand.git(&["update-ref", "refs/pull/7/head", "side"]);
    stand.git(&["update-ref", "refs/pull/7/merge", "main"]);
    let dir = tempfile::tempdir().unwrap();
    let source = source(stand.path().to_str().unwrap(), dir.path());

    let (items, at) = pass(&source, None).await;
    assert_eq!(items.len(), 3, "{items:?}");
    let leak = items.iter().find(|item| item.title.as_deref() == Some("le ak.rs")).unwrap();
    assert_eq!(leak.place, format!("{}@{leaking}:src/le ak.rs", stand.path().display()));
    let document = source.fetch(leak).await.unwrap();
    assert_eq!(crate::fs::body_bytes(&document.body).unwrap(), "fn ours() {}\n");

    let mirror = source.dir().join("objects");
    std::fs::set_permissions(&mirror, std::os::unix::fs::PermissionsExt::from_mode(0o500)).unwrap();
    let (items, again) = pass(&source, Some(at.clone())).await;
    assert_eq!((items.len(), &again), (0, &at), "nothing moved");

    stand.commit("new.rs", b"new\n");
    let (items, at) = pass(&source, Some(at)).await;
    assert_eq!(paths(&items), BTreeSet::from(["new.rs"]));

    // A mirror is a cache: without it the cursor still holds, and what was missed can be fetched.
    std::fs::remove_dir_all(source.dir()).unwrap();
    assert_eq!(pass(&source, Some(at.clone())).await.0.len(), 0);
    assert!(!source.dir().exists(), "a repository in which nothing moved is not fetched");
    assert!(source.fetch(&leak.clone()).await.is_ok());
    stand.commit("newer.rs", b"newer\n");
    assert_eq!(paths(&pass(&source, Some(at)).await.0), BTreeSet::from(["newer.rs"]));
}

#[tokio::test]
async fn a_branch_that_is_deleted_or_overwritten_takes_nothing_away_from_the_pass() {
    let (stand, _) = leaky();
    let dir = tempfile::tempdir().unwrap();
    for n in 0..600 {
        crate::fs::write_atomic(
            &stand.path().join(format!("{n}")),
            format!("{n}").as_bytes(),
            0o600,
        )
        .unwrap();
    }
    stand.git(&["add", "--all"]);
    stand.git(&["commit", "--quiet", "-m", "many"]);
    let source = source(stand.path().to_str().unwrap(), dir.path());
    let first = source.poll(None).await.unwrap();
    assert!(first.more);
    stand.git(&["branch", "-D", "side"]);
    // Stands in the way of the old name.
    stand.git(&["branch", "side/way"]);
    stand.git(&["commit", "--quiet", "--amend", "-m", "overwritten"]);
    let (rest, at) = pass(&source, Some(first.next)).await;
    let mut all = first.items;
    all.extend(rest);
    assert_eq!(paths(&all).len(), 602);
    for item in all.iter().rev().take(3) {
        source.fetch(item).await.unwrap();
    }
    let (items, at) = pass(&source, Some(at)).await;
    assert_eq!(items.len(), 0, "the same content under other refs");
    assert_eq!(source.poll(Some(&at)).await.unwrap().next, at);
}
