//! Examples in the documents: what a reader pastes must be right.

use std::path::Path;

use super::support::TestEnv;

/// The fenced blocks of a document that say `toml`, with the file name that the fence gives.
fn examples(document: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(path).unwrap();
    let mut found = Vec::new();
    let mut blocks = text.split("\n```toml ");
    blocks.next();
    for block in blocks {
        let (name, rest) = block.split_once('\n').unwrap();
        let (body, _) = rest.split_once("\n```").unwrap();
        found.push((name.to_owned(), body.to_owned()));
    }
    found
}

#[test]
fn every_example_in_the_documents_is_a_configuration_that_is_right() {
    for document in ["README.md", "docs/first-hour.md", "docs/sources.md", "docs/operations.md"] {
        let examples = examples(document);
        assert!(!examples.is_empty(), "{document} has no example");
        for (file, text) in examples {
            let env = TestEnv::empty();
            assert_eq!(env.run("init").code, 0);
            env.write(&file, &text);
            // What the examples take to be there.
            env.write("home/src/acme/sdk/lib.rs", "");
            let ran = env
                .command()
                .envs([("FORGE_TOKEN", "x"), ("LEAKWARDEN_WEBHOOK_SECRET", "x")])
                .envs([
                    ("LEAKWARDEN_HEARTBEAT_URL", "https://beat.example.com/x"),
                    ("SMTP_PASSWORD", "x"),
                ])
                .args(["config", "check"])
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&ran.stderr);
            assert_eq!(ran.status.code(), Some(0), "{document}, {file}:\n{text}\n{told}");
        }
    }
}
