//! Repositories served on loopback, history and hostile hosts included.

use std::collections::BTreeSet;
use std::path::Path;

use super::backend::Backend;
use super::*;
use crate::git::stand::Stand;
use crate::source::stand::{client, context};

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
    assert_eq!(fs::body_bytes(&document.body).unwrap(), "fn ours() {}\n");

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
        let file = std::fs::File::create(stand.path().join(n.to_string())).unwrap();
        std::io::Write::write_all(&mut &file, n.to_string().as_bytes()).unwrap();
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

#[tokio::test]
async fn over_http_the_second_look_fetches_nothing() {
    let (stand, leaking) = leaky();
    let backend = Backend::start(stand.path(), None).await;
    let dir = tempfile::tempdir().unwrap();
    let source = source(&backend.url(".git"), dir.path());
    let (items, at) = pass(&source, None).await;
    assert_eq!(paths(&items), BTreeSet::from(["README", "src/le ak.rs"]));
    assert!(items.iter().any(|item| item.place.contains(&leaking)));
    assert_eq!(backend.fetches(), 1);

    assert_eq!(pass(&source, Some(at.clone())).await, (Vec::new(), at.clone()));
    assert_eq!(backend.fetches(), 0);

    stand.commit("new", b"new\n");
    assert_eq!(paths(&pass(&source, Some(at)).await.0), BTreeSet::from(["new"]));
    assert_eq!(backend.fetches(), 1);
}

#[tokio::test]
async fn a_token_opens_a_private_repository_and_is_written_nowhere() {
    let (stand, _) = leaky();
    // `x-access-token:s3cret-token` in Base64.
    let header = "Basic eC1hY2Nlc3MtdG9rZW46czNjcmV0LXRva2Vu";
    let backend = Backend::start(stand.path(), Some(header)).await;
    let dir = tempfile::tempdir().unwrap();
    let url = backend.url(".git");
    let error = source(&url, dir.path()).poll(None).await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");

    let file = dir.path().join("token");
    fs::write_atomic(&file, b"s3cret-token\n", 0o600).unwrap();
    let settings =
        toml::from_str(&format!("url = {url:?}\ntoken = {{ file = {file:?} }}")).unwrap();
    let source = Repository::new("leaks".parse().unwrap(), settings, context(dir.path())).unwrap();
    assert_eq!(pass(&source, None).await.0.len(), 2);
    let config = std::fs::read_to_string(source.dir().join("config")).unwrap();
    assert!(!config.contains("s3cret") && !config.contains("Basic"), "{config}");

    fs::write_atomic(&file, b"wr0ng-token\n", 0o600).unwrap();
    let error = source.poll(None).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(why) if !why.contains("wr0ng")), "{error}");
}

#[tokio::test]
async fn the_guard_stands_before_git_too_and_failures_are_not_empty_results() {
    let (stand, _) = leaky();
    let backend = Backend::start(stand.path(), None).await;
    let dir = tempfile::tempdir().unwrap();
    let settings = |url: &str| toml::from_str(&format!("url = {url:?}")).unwrap();
    let name = || "leaks".parse::<SourceName>().unwrap();

    let mut shut = context(dir.path());
    shut.http = client(&[], dir.path());
    let source = Repository::new(name(), settings(&backend.url(".git")), shut).unwrap();
    let error = source.poll(None).await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
    assert_eq!(backend.fetches(), 0);

    for (url, is_refused) in [
        (backend.url("none"), true),
        ("http://127.0.0.1:1/x".to_owned(), false),
        ("/nonexistent/x".to_owned(), true),
    ] {
        let source = Repository::new(name(), settings(&url), context(dir.path())).unwrap();
        let error = source.poll(None).await.unwrap_err();
        assert_eq!(matches!(error, Error::Refused(_)), is_refused, "{url}: {error}");
        assert_eq!(matches!(error, Error::Unavailable(_)), !is_refused, "{url}: {error}");
    }
}

#[tokio::test]
async fn a_mirror_that_is_damaged_is_built_anew_without_a_loss() {
    let (stand, _) = leaky();
    let dir = tempfile::tempdir().unwrap();
    let source = source(stand.path().to_str().unwrap(), dir.path());
    let (_, at) = pass(&source, None).await;
    let packs = source.dir().join("objects");
    for entry in ignore::Walk::new(&packs).flatten().filter(|entry| entry.path().is_file()) {
        std::fs::set_permissions(entry.path(), std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        std::fs::OpenOptions::new().write(true).open(entry.path()).unwrap().set_len(40).unwrap();
    }
    stand.commit("new.rs", b"new\n");
    let mut found = None;
    for _ in 0..2 {
        match source.poll(Some(&at)).await {
            Ok(page) => found = Some(page.items),
            Err(error) => assert!(matches!(error, Error::Unavailable(_)), "{error}"),
        }
    }
    assert_eq!(paths(&found.unwrap()), BTreeSet::from(["new.rs"]));
}

#[tokio::test]
async fn a_listing_that_is_lost_or_cut_short_begins_again() {
    let stand = Stand::new();
    for n in 0..700 {
        let file = std::fs::File::create(stand.path().join(n.to_string())).unwrap();
        std::io::Write::write_all(&mut &file, n.to_string().as_bytes()).unwrap();
    }
    stand.commit("last", b"last");
    let dir = tempfile::tempdir().unwrap();
    let source = source(stand.path().to_str().unwrap(), dir.path());
    let first = source.poll(None).await.unwrap();
    assert!(first.more);
    let listing = source.dir().join("listing");
    let cut = std::fs::metadata(&listing).unwrap().len() - 10;
    std::fs::OpenOptions::new().write(true).open(&listing).unwrap().set_len(cut).unwrap();
    assert_eq!(pass(&source, Some(first.next.clone())).await.0.len(), 701);
    std::fs::remove_file(&listing).unwrap();
    assert_eq!(pass(&source, Some(first.next)).await.0.len(), 701);
}

#[tokio::test]
async fn a_repository_with_long_ids_and_one_without_commits_are_read_too() {
    let dir = tempfile::tempdir().unwrap();
    let stand = Stand::of_format("sha256");
    let source = source(stand.path().to_str().unwrap(), dir.path());
    let (items, at) = pass(&source, None).await;
    assert_eq!(items.len(), 0);
    stand.commit("a", b"a\n");
    let (items, _) = pass(&source, Some(at)).await;
    assert_eq!(items[0].id.len(), 64);
    assert_eq!(fs::body_bytes(&source.fetch(&items[0]).await.unwrap().body).unwrap(), "a\n");
}
