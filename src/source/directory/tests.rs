//! A drop folder over its life.

use std::os::unix::fs::{PermissionsExt, symlink};

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::walk::encode;
use super::*;
use crate::source::stand::{context, pass};

fn settings(path: &Path) -> Settings {
    let text =
        format!("path = {:?}\nsettle = '0s'\nignore = ['*.tmp', 'cache/']", path.to_str().unwrap());
    toml::from_str(&text).unwrap()
}

fn walk(settings: &Settings, after: Option<&str>) -> Walk {
    let mut ignored = GitignoreBuilder::new("");
    for pattern in &settings.ignore {
        ignored.add_line(None, pattern).unwrap();
    }
    let ignored = Arc::new(ignored.build().unwrap());
    Walk::new(Arc::new(settings.clone()), ignored, after.map(decode))
}

fn put(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    crate::fs::write_atomic(&path, bytes, 0o600).unwrap();
}

fn ids(files: &[Found]) -> Vec<&str> {
    files.iter().map(|file| file.id.as_str()).collect()
}

#[test]
fn files_are_listed_in_order_and_links_and_ignored_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    for path in ["b/2", "b/1", "a.zip", ".hidden", "b-c", "x.tmp", "cache/1", "b/cache/2"] {
        put(dir.path(), path, b"x");
    }
    symlink("/etc", dir.path().join("out")).unwrap();
    symlink("/etc/passwd", dir.path().join("b/passwd")).unwrap();
    let mut settings = settings(dir.path());
    assert_eq!(
        ids(&walk(&settings, None).page().unwrap()),
        [".hidden", "a.zip", "b/1", "b/2", "b-c"]
    );
    settings.recursive = false;
    assert_eq!(ids(&walk(&settings, None).page().unwrap()), [".hidden", "a.zip", "b-c"]);
}

#[test]
fn a_walk_begun_anywhere_lists_exactly_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..40 {
        put(dir.path(), &format!("{}/{}/{n}", n % 3, n % 2), b"x");
        put(dir.path(), &format!("{n}.txt"), b"x");
    }
    let settings = settings(dir.path());
    let all = walk(&settings, None).page().unwrap();
    assert_eq!(all.len(), 80);
    for (n, file) in all.iter().enumerate() {
        let rest = walk(&settings, Some(&file.id)).page().unwrap();
        assert_eq!(ids(&rest), ids(&all[n + 1..]), "after {}", file.id);
    }
}

#[test]
fn pages_are_bounded_and_together_complete() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..1234 {
        File::create(dir.path().join(format!("{n:05}"))).unwrap();
    }
    let settings = settings(dir.path());
    let mut walk = walk(&settings, None);
    let sizes: Vec<usize> = (0..4).map(|_| walk.page().unwrap().len()).collect();
    assert_eq!(sizes, [500, 500, 234, 0]);
}

#[test]
fn a_name_that_is_no_text_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let name = OsString::from_vec(b"caf\xe9".to_vec());
    File::create(dir.path().join(&name)).unwrap();
    let files = walk(&settings(dir.path()), None).page().unwrap();
    assert_eq!(ids(&files), ["hex:636166e9"]);
    assert_eq!(decode(&files[0].id), PathBuf::from(name));
    assert_eq!(decode(&encode(Path::new("hex:00"))), PathBuf::from("hex:00"));
}

#[test]
fn opening_never_follows_a_link_nor_leaves_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "in/a", b"x");
    symlink("in", dir.path().join("link")).unwrap();
    symlink("in/a", dir.path().join("file")).unwrap();
    nix::unistd::mkfifo(&dir.path().join("pipe"), Mode::S_IRWXU).unwrap();
    assert!(open_below(dir.path(), Path::new("in/a")).is_ok());
    for bad in ["link/a", "file", "pipe", "in", "../x", "/etc/passwd", "in/../in/a"] {
        assert!(open_below(dir.path(), Path::new(bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_folder_that_cannot_be_read_is_said_and_the_rest_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a", b"x");
    put(dir.path(), "shut/b", b"x");
    put(dir.path(), "z", b"x");
    let shut = dir.path().join("shut");
    std::fs::set_permissions(&shut, PermissionsExt::from_mode(0o000)).unwrap();
    let mut walk_over = walk(&settings(dir.path()), None);
    let files = walk_over.page().unwrap();
    // The superuser reads everything, also in a test.
    let expected: &[&str] =
        if std::fs::read_dir(&shut).is_ok() { &["a", "shut/b", "z"] } else { &["a", "z"] };
    assert_eq!(ids(&files), expected);
    assert_eq!(walk_over.unreadable.len(), 3 - expected.len());
    std::fs::set_permissions(&shut, PermissionsExt::from_mode(0o700)).unwrap();

    let gone = walk(&settings(&dir.path().join("gone")), None).page();
    assert!(matches!(gone, Err(Error::Unavailable(_))), "a folder that is not there is not empty");
}

#[test]
fn a_file_counts_as_being_written_only_for_a_while() {
    let now = Timestamp::from_second(1_000_000).unwrap();
    let file = |seconds: i128| Found {
        id: String::new(),
        size: 0,
        modified_ns: (1_000_000 + seconds) * 1_000_000_000,
    };
    let settle = Duration::from_secs(2);
    assert_eq!(unsettled(&[file(-1), file(0), file(-2), file(-100)], settle, now), 2);
    assert_eq!(
        unsettled(&[file(3600)], settle, now),
        0,
        "a clock that is ahead must not hide a file"
    );
}

#[test]
fn a_file_that_changes_while_we_wait_is_left_for_later() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "growing", b"x");
    put(dir.path(), "still", b"x");
    let files = walk(&settings(dir.path()), None).page().unwrap();
    put(dir.path(), "growing", b"xx");
    let (same, writing) = still_the_same(dir.path(), files);
    assert_eq!((ids(&same), writing), (vec!["still"], 1));
}

fn source(path: &Path, data: &Path) -> Directory {
    Directory::new("drop".parse().unwrap(), settings(path), context(data)).unwrap()
}

#[tokio::test]
async fn fifty_thousand_files_are_listed_in_slices_and_large_ones_cut() {
    let (dir, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for n in 0..50_000 {
        File::create(dir.path().join(n.to_string())).unwrap();
    }
    File::create(dir.path().join("huge")).unwrap().set_len(2 << 30).unwrap();
    let begun = std::time::Instant::now();
    let source = source(dir.path(), data.path());
    let (items, gaps, page) = pass(&source, None).await;
    assert_eq!((items.len(), gaps.len()), (50_001, 0));
    assert!(begun.elapsed() < Duration::from_secs(30), "took {:?}", begun.elapsed());
    let again = source.poll(Some(&page.next)).await.unwrap();
    assert_eq!(
        again.items[..],
        items[..500],
        "every pass lists everything, with the same versions"
    );

    let huge = items.iter().find(|item| item.id == "huge").unwrap();
    let document = source.fetch(huge).await.unwrap();
    assert_eq!((document.body.len(), document.truncated), (1 << 20, true));
}

#[tokio::test]
async fn what_is_listed_is_read_and_what_went_is_gone() {
    let (dir, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(dir.path(), "a/b.txt", b"content");
    let source = source(dir.path(), data.path());
    let (items, _, _) = pass(&source, None).await;
    let document = source.fetch(&items[0]).await.unwrap();
    assert_eq!(crate::fs::body_bytes(&document.body).unwrap(), "content");
    assert!(!document.truncated);

    put(dir.path(), "a/b.txt", b"changed");
    assert_ne!(pass(&source, None).await.0[0].version, items[0].version);

    std::fs::remove_file(dir.path().join("a/b.txt")).unwrap();
    assert!(matches!(source.fetch(&items[0]).await, Err(Error::Gone(_))));
    // What was listed became a link to somewhere else.
    symlink("/etc/passwd", dir.path().join("a/b.txt")).unwrap();
    assert!(matches!(source.fetch(&items[0]).await, Err(Error::Unavailable(_))));
}
