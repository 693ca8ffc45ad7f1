//! Commands run inside the process: what they print and which exit code they give.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::output::tests::printed;
use super::*;

/// Runs a command line within a folder; gives the exit, the data and the messages.
fn ran(folder: &Path, line: &[&str]) -> (Exit, String, String) {
    let file = folder.join("leakwarden.toml");
    let fixed = ["leakwarden", "--config", file.to_str().unwrap()];
    let words = fixed.iter().chain(line).map(|word| word.replace("DIR", folder.to_str().unwrap()));
    let arguments = Arguments::try_parse_from(words).unwrap();
    let mut exit = Exit::Clean;
    let (data, messages) = printed(|output| -> Result<(), ()> {
        exit = dispatch(arguments.command, &arguments.global, output).unwrap_or_else(|error| {
            output.error(&error);
            Exit::of(&error)
        });
        Ok(())
    });
    let plain = |text: String| text.replace(folder.to_str().unwrap(), "[folder]");
    (exit, plain(data), plain(messages))
}

#[test]
fn init_writes_a_configuration_that_is_right_and_never_overwrites() {
    let dir = tempfile::tempdir().unwrap();
    let (exit, data, _) = ran(dir.path(), &["init", "DIR"]);
    assert_eq!(exit, Exit::Clean);
    insta::assert_snapshot!("init", data);
    let mode = |path: &str| std::fs::metadata(dir.path().join(path)).unwrap().permissions().mode();
    assert_eq!(mode("data") & 0o777, 0o700);
    assert_eq!(mode("data/key") & 0o777, 0o600);

    let (exit, data, _) = ran(dir.path(), &["config", "check"]);
    assert_eq!(exit, Exit::Clean);
    insta::assert_snapshot!("check", data);

    let key = std::fs::read(dir.path().join("data/key")).unwrap();
    std::fs::remove_file(dir.path().join("leakwarden.toml")).unwrap();
    let (exit, data, messages) = ran(dir.path(), &["init", "DIR"]);
    assert_eq!((exit, data.as_str()), (Exit::Usage, ""));
    insta::assert_snapshot!("init_again", messages);
    assert!(!dir.path().join("leakwarden.toml").exists());

    // The watchlists moved away, the key is kept.
    std::fs::remove_dir_all(dir.path().join("watchlists")).unwrap();
    let (exit, data, _) = ran(dir.path(), &["init", "DIR"]);
    assert_eq!(exit, Exit::Clean);
    assert!(data.contains("kept  [folder]/data/key"), "{data}");
    assert_eq!(std::fs::read(dir.path().join("data/key")).unwrap(), key);
}

#[test]
fn a_check_tells_what_only_building_finds() {
    let dir = tempfile::tempdir().unwrap();
    ran(dir.path(), &["init", "DIR"]);
    let main = dir.path().join("leakwarden.toml");
    let settings = "[heartbeat]\nsecret_url = { file = 'gone' }\n\
        [route.desk]\naudience = 'operations'\n[route.desk.to.webhook]\nurl = 'https://desk.example.com/'\n\
        secret = { env = 'LEAKWARDEN_NO_SUCH_VARIABLE' }\n";
    crate::fs::write_atomic(&main, settings.as_bytes(), 0o600).unwrap();
    let (exit, data, messages) = ran(dir.path(), &["config", "check"]);
    assert_eq!((exit, data.as_str()), (Exit::Usage, ""));
    insta::assert_snapshot!("trial", messages);
    let (exit, data, messages) = ran(dir.path(), &["config", "check", "--json"]);
    assert_eq!((exit, messages.as_str()), (Exit::Usage, ""));
    let report: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["problems"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_in_effect_is_shown_as_toml_and_as_json() {
    let dir = tempfile::tempdir().unwrap();
    ran(dir.path(), &["init", "DIR"]);
    let (_, text, _) = ran(dir.path(), &["config", "show"]);
    let (_, json, _) = ran(dir.path(), &["config", "show", "--json"]);
    let text: toml::Table = text.parse().unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["route"], serde_json::to_value(&text["route"]).unwrap());
}

#[test]
fn completions_and_pages_cover_every_command() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (exit, data, _) = ran(dir.path(), &["completions", shell]);
        assert_eq!(exit, Exit::Clean);
        assert!(data.contains("config") && data.contains("init"), "{shell}");
    }
    let (_, page, _) = ran(dir.path(), &["man"]);
    assert!(page.contains("leakwarden\\-config(1)"), "{page}");
    let (_, page, _) = ran(dir.path(), &["man", "config", "check"]);
    assert!(page.contains(".TH leakwarden-config-check 1"), "{page}");
    let (exit, _, messages) = ran(dir.path(), &["man", "nothing"]);
    assert_eq!(exit, Exit::Usage);
    assert!(
        messages.starts_with("error: `leakwarden` has no command `nothing` (known: "),
        "{messages}"
    );
}
