//! Configurations, right and wrong, and what is said about them.

use std::collections::BTreeSet;

use super::*;
use crate::model::incident::Severity;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/config");

fn surroundings(config: Option<&Path>) -> Surroundings {
    Surroundings {
        config: config.map(Path::to_owned),
        working_dir: "/work".into(),
        home: Some("/home/ana".into()),
        ..Surroundings::default()
    }
}

fn load_folder(folder: &Path) -> Result<Config, Problems> {
    load(&surroundings(Some(&folder.join(FILE_NAME))))
}

#[test]
fn every_invalid_configuration_is_told_in_full() {
    let invalid = Path::new(FIXTURES).join("invalid");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(&invalid).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 7);
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let problems = load_folder(&folder).unwrap_err().to_string();
        assert!(!problems.contains("hunter2"), "a secret was repeated: {problems}");
        let shown = problems.replace(&format!("{}/", folder.display()), "");
        insta::with_settings!({ snapshot_path => "../../tests/fixtures/config/snapshots", prepend_module_to_snapshot => false },
            { insta::assert_snapshot!(name, shown) });
    }
}

#[test]
fn a_full_configuration_is_understood_and_shown_without_its_secrets() {
    let folder = Path::new(FIXTURES).join("valid");
    let config = load_folder(&folder).unwrap();
    assert_eq!(config.data.path(), folder.join("data"));
    assert_eq!(config.key_file, Path::new("/home/ana/keys/leakwarden"));
    assert_eq!(config.severity.internal, Severity::High);
    assert_eq!(config.routes.len(), 2);
    assert_eq!(config.sources.len(), 3);
    assert_eq!(config.sources[0].schedule.expression(), "*/15 * * * *");
    let zones: Vec<_> = config.sources.iter().map(|s| s.schedule.zone().iana_name()).collect();
    assert_eq!(zones, [Some("Europe/Berlin"), Some("Asia/Kolkata"), Some("Europe/Berlin")]);
    assert!(
        matches!(&config.sources[0].kind, source::Kind::Directory(settings) if settings.path == folder.join("drop"))
    );
    let source::Kind::Git(fork) = &config.sources[2].kind else { panic!("the third is git") };
    assert_eq!(fork.url.to_string(), folder.join("../mirrors/fork.git").display().to_string());
    assert_eq!(fork.ssh_key.as_deref(), Some(Path::new("/home/ana/keys/fork")));
    assert!(
        matches!(&fork.token, Some(source::git::Token::File(path)) if *path == folder.join("fork.token"))
    );
    let shown = show(&config).toml().replace(&folder.display().to_string(), "[folder]");
    insta::with_settings!({ snapshot_path => "../../tests/fixtures/config/snapshots", prepend_module_to_snapshot => false,
            filters => vec![(r"inspectors = \d+", "inspectors = [cores]")] },
        { insta::assert_snapshot!("shown", shown) });
    let json = show(&config).json();
    assert_eq!(json["allowed"]["allowed"][0]["until"], "2026-12-31");
    assert!(!format!("{config:?}{json}").contains("0123-secret"), "an address like a password");
}

#[test]
fn without_any_file_there_are_defaults_that_work() {
    let config = load(&surroundings(None)).unwrap();
    assert_eq!(config.file, None);
    assert_eq!(config.data.path(), Path::new("/home/ana/.local/share/leakwarden"));
    assert_eq!(config.routes.len(), 1);
    assert!(config.sources.is_empty() && config.corpora.is_empty() && config.allowed.is_empty());
    assert!(matches!(&config.routes[0].way,
        notify::Way::Folder(folder) if folder.path == config.data.outbox()));
}

#[test]
fn an_option_for_the_data_folder_goes_before_the_file() {
    let file = Path::new(FIXTURES).join("valid").join(FILE_NAME);
    let config =
        load(&Surroundings { data_dir: Some("elsewhere".into()), ..surroundings(Some(&file)) });
    assert_eq!(config.unwrap().data.path(), Path::new("/work/elsewhere"));
}

#[test]
fn a_file_that_was_asked_for_and_cannot_be_had_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let told = |name: &str| {
        let path = dir.path().join(name);
        let error = load(&surroundings(Some(&path))).unwrap_err().to_string();
        error.replace(&dir.path().display().to_string(), "")
    };
    assert_eq!(
        told("gone.toml"),
        "/gone.toml: there is no such file; `leakwarden init` writes one"
    );
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    assert_eq!(told("folder"), "/folder: it cannot be read: Is a directory (os error 21)");
    fs::write_new(&dir.path().join("binary"), b"\xff\xfe", 0o600).unwrap();
    assert_eq!(told("binary"), "/binary: it is not text in UTF-8");
}

/// The settings that an example has as comments: lines that begin with `#` and no space.
fn uncommented(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if setting.starts_with(|c: char| !c.is_whitespace()) => setting,
            _ => line,
        })
        .collect();
    lines.join("\n")
}

fn written(change: impl Fn(&str) -> String) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_private_dir(&dir.path().join("watchlists")).unwrap();
    for example in EXAMPLES {
        let text = change(example.text);
        fs::write_new(&dir.path().join(example.path), text.as_bytes(), 0o600).unwrap();
    }
    dir
}

#[test]
fn the_examples_are_the_defaults() {
    let dir = written(str::to_owned);
    let config = load_folder(dir.path()).unwrap();
    let shown = |config: &Config| {
        let mut shown = show(config).json();
        for of_the_folder in ["file", "data_dir", "key_file", "route", "corpora", "allowed"] {
            shown.as_object_mut().unwrap().remove(of_the_folder);
        }
        shown
    };
    assert_eq!(shown(&config), shown(&load(&surroundings(None)).unwrap()));
}

#[test]
fn the_examples_are_right_in_their_comments_too() {
    let dir = written(uncommented);
    let config = load_folder(dir.path()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.routes.len(), 3);
    assert_eq!(config.sources.len(), 4);
    assert_eq!(config.corpora.len(), 4);
    assert_eq!(config.allowed.len(), 2);
    // What is called a default in a comment is one.
    let (typed, built_in) =
        (show(&config).json(), show(&load(&surroundings(None)).unwrap()).json());
    for section in ["log", "detect", "severity"] {
        assert_eq!(typed[section], built_in[section], "{section}");
    }
    for key in ["batch_items", "batch_bytes", "queue", "fetchers", "grace"] {
        assert_eq!(typed["daemon"][key], built_in["daemon"][key], "{key}");
    }
    for key in ["pace", "stall", "total", "max_body", "max_redirects", "attempts"] {
        assert_eq!(typed["http"][key], built_in["http"][key], "{key}");
    }
}

#[test]
fn every_setting_stands_in_the_example() {
    let dir = written(uncommented);
    let config = load_folder(dir.path()).unwrap();
    let keys = |value: &serde_json::Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let shown = show(&config).json();
    let typed: toml::Table = toml::from_str(&uncommented(EXAMPLES[0].text)).unwrap();
    let typed = serde_json::to_value(typed).unwrap();
    for section in ["log", "http", "detect", "daemon", "severity"] {
        assert_eq!(keys(&typed[section]), keys(&shown[section]), "{section}");
    }
}
