//! `check`: is this ours? In all three forms, with every verdict.

use std::io::Write as _;

use super::support::{TestEnv, work};

/// A corpus, and things to be checked.
fn with_finds() -> TestEnv {
    let env = TestEnv::with_corpus();
    let ours = work::source("invoice", 12);
    let piece: Vec<_> = ours.lines().skip(20).take(24).map(|line| format!("> {line}")).collect();
    env.write("finds/quoted.txt", format!("seen on a forum\n\n{}\n", piece.join("\n")));
    env.write("finds/harmless.txt", work::unrelated());
    let inner = work::zip(&[("payout.rs", work::source("payout", 12).as_bytes())]);
    env.write(
        "finds/sample.zip",
        work::zip(&[("a/readme.txt", b"hello"), ("b/inner.zip", &inner)]),
    );
    env.write("finds/broken.zip", b"PK\x03\x04 and nothing more");
    env.write("finds/empty.txt", "");
    env
}

#[test]
fn what_is_found_in_files_folders_archives_and_standard_input() {
    let env = with_finds();
    let ours = work::source("payout", 12);
    let mut told = env.transcript();
    told.say("check finds").say("check finds/harmless.txt").say("check finds/broken.zip");
    told.say("check --json finds").say("check --jsonl finds/quoted.txt finds/harmless.txt");
    told.say_with("check -", ours.as_bytes()).say_with("check -", b"");
    insta::assert_snapshot!(told.told());
}

#[test]
fn a_copy_in_another_encoding_or_compressed_is_still_ours() {
    let env = TestEnv::with_corpus();
    let ours = work::source("invoice", 12);
    let crlf = ours.replace('\n', "\r\n");
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(crlf.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&utf16).unwrap();
    let mut latin: Vec<u8> = b"// verschl\xfcsselt, sp\xe4ter, gr\xf6\xdfer\n".to_vec();
    latin.extend(crlf.bytes());
    env.write("finds/utf16.txt", &utf16);
    env.write("finds/utf16.txt.gz", gzip.finish().unwrap());
    env.write("finds/latin1.txt", latin);
    let escaped = ours.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    env.write("finds/page.html", format!("<html><body><pre>{escaped}</pre></body></html>"));
    let ran = env.run("check --jsonl finds");
    assert_eq!(ran.code, 1);
    let lines = ran.json_lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for line in lines {
        assert_eq!(line["verdict"], "leak", "{line}");
        assert_eq!(line["matches"][0]["document"], "src/invoice.rs", "{line}");
    }
}

#[test]
fn what_stands_in_a_baseline_is_no_leak() {
    let env = TestEnv::with_corpus();
    env.write("leak.rs", work::source("invoice", 12));
    assert_eq!(env.run("check leak.rs").code, 1);
    env.write("published/invoice.rs", work::source("invoice", 12));
    assert_eq!(env.run("corpus baseline add published published").code, 0);
    assert_eq!(env.run("check leak.rs").code, 0);
}

#[test]
fn what_cannot_be_checked_is_said_and_never_called_clean() {
    let env = with_finds();
    let _socket = std::os::unix::net::UnixListener::bind(env.path("finds/a-socket")).unwrap();
    let mut told = env.transcript();
    told.say("check finds/broken.zip finds/harmless.txt").say("check missing.zip");
    told.say("check http://127.0.0.1:1/sample.zip").say("check http://[::1/x").say("check tmp");
    std::fs::remove_file(env.path("finds/quoted.txt")).unwrap();
    std::fs::remove_file(env.path("finds/sample.zip")).unwrap();
    told.say("check finds");
    insta::assert_snapshot!(told.told());
}

#[test]
fn without_a_corpus_nothing_is_called_clean() {
    let env = TestEnv::new();
    env.write("find.txt", "x");
    let mut told = env.transcript();
    told.say("check find.txt").say("check --json find.txt");
    insta::assert_snapshot!(told.told());
}
