//! Reading one repository: objects, listings, hostile trees.

use super::super::stand::Stand;
use super::*;
use crate::fs::{Spool, body_bytes};

fn read(repository: &Repository, id: &str, most: u64) -> Option<(Vec<u8>, bool)> {
    let dir = tempfile::tempdir().unwrap();
    let blob = repository.blobs().unwrap().read(id, most, Spool::new(dir.path())).unwrap()?;
    Some((body_bytes(&blob.body).unwrap().to_vec(), blob.truncated))
}

#[test]
fn the_files_of_head_are_listed_and_read_whatever_lies_around() {
    let stand = Stand::new();
    stand.commit("a b/é\t\"x\".rs", b"one\n");
    std::os::unix::fs::symlink("/etc/passwd", stand.path().join("link")).unwrap();
    stand.commit("filtered.txt", b"plain\r\n");
    // Neither what is not committed, nor what would change what is.
    crate::fs::write_atomic(&stand.path().join("stray"), b"x", 0o600).unwrap();
    crate::fs::write_atomic(&stand.path().join("filtered.txt"), b"changed", 0o600).unwrap();
    stand.git(&["config", "core.autocrlf", "true"]);
    let other = stand.git(&["hash-object", "-w", "link"]);
    stand.git(&["replace", &stand.id("filtered.txt"), &other]);

    let repository = Repository::open(stand.path()).unwrap();
    let head = repository.head().unwrap().unwrap();
    let files = repository.files(&head).unwrap();
    let names: Vec<_> = files.iter().map(|file| file.path.to_str().unwrap()).collect();
    assert_eq!(names, ["a b/é\t\"x\".rs", "filtered.txt", "link"]);
    assert_eq!((files[0].size, files[0].kind), (4, FileKind::Regular));
    assert_eq!(files[2].kind, FileKind::Link);
    assert_eq!(read(&repository, &files[1].blob, 100), Some((b"plain\r\n".to_vec(), false)));
    assert_eq!(read(&repository, &files[2].blob, 100), Some((b"/etc/passwd".to_vec(), false)));
}

#[test]
fn nothing_that_a_repository_brings_along_is_run() {
    let stand = Stand::new();
    let head = stand.commit("a", b"a\n");
    let mark = stand.beside("mark");
    let script = format!("touch {}", mark.display());
    for key in ["core.fsmonitor", "core.sshCommand", "core.gitProxy", "core.pager", "core.editor"] {
        stand.git(&["config", key, &script]);
    }
    stand.git(&["config", "filter.x.smudge", &script]);
    stand.git(&["config", "core.repositoryFormatVersion", "1"]);
    stand.git(&["config", "extensions.partialClone", "origin"]);
    stand.git(&["config", "remote.origin.promisor", "true"]);
    stand.git(&["config", "remote.origin.url", "ssh://h.invalid/x"]);
    let repository = Repository::open(stand.path()).unwrap();
    assert_eq!(repository.files(&head).unwrap().len(), 1);
    // An id that is not there makes a partial clone ask its remote.
    assert_eq!(read(&repository, &"1".repeat(40), 100), None);
    assert!(!mark.exists());
}

#[test]
fn a_repository_without_commits_has_no_head_and_a_folder_is_none() {
    let stand = Stand::new();
    assert!(is_repository(stand.path()) && is_repository(&stand.path().join(".git")));
    assert_eq!(Repository::open(stand.path()).unwrap().head().unwrap(), None);
    let empty = tempfile::tempdir().unwrap();
    assert!(!is_repository(empty.path()));
    assert!(matches!(Repository::open(empty.path()), Err(Error::Damaged(_))));
}

#[test]
fn a_blob_is_cut_at_the_cap_and_only_blobs_are_read() {
    let stand = Stand::new();
    let commit = stand.commit("big", &vec![b'x'; 3_000_000]);
    let repository = Repository::open(stand.path()).unwrap();
    let id = stand.id("big");
    assert_eq!(read(&repository, &id, 3_000_000), Some((vec![b'x'; 3_000_000], false)));
    assert_eq!(read(&repository, &id, 2_500_000), Some((vec![b'x'; 2_500_000], true)));
    let dir = tempfile::tempdir().unwrap();
    let mut blobs = repository.blobs().unwrap();
    for bad in ["HEAD:big", "--help", "", &"g".repeat(40), &format!("{id}\n{id}")] {
        assert!(blobs.read(bad, 9, Spool::new(dir.path())).unwrap().is_none(), "{bad}");
    }
    assert!(blobs.read(&id, 9, Spool::new(dir.path())).unwrap().unwrap().truncated);
    assert!(!blobs.is_usable(), "the rest of the blob is in the way");
    assert!(repository.blobs().unwrap().read(&commit, 9, Spool::new(dir.path())).is_err());
}

#[test]
fn ten_thousand_blobs_are_read_in_one_go() {
    let stand = Stand::new();
    for n in 0..10_000 {
        let file = std::fs::File::create(stand.path().join(n.to_string())).unwrap();
        std::os::unix::fs::FileExt::write_at(&file, n.to_string().as_bytes(), n % 100).unwrap();
    }
    stand.git(&["add", "--all"]);
    stand.git(&["commit", "--quiet", "-m", "many"]);
    let repository = Repository::open(stand.path()).unwrap();
    let files = repository.files(&repository.head().unwrap().unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut blobs = repository.blobs().unwrap();
    let begun = std::time::Instant::now();
    for file in &files {
        let blob = blobs.read(&file.blob, 1000, Spool::new(dir.path())).unwrap().unwrap();
        assert_eq!(blob.body.len(), file.size);
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "took {:?}", begun.elapsed());
    assert_eq!(files.len(), 10_000);
}
