//! The rules of the house that no compiler knows: layers, file sizes, module documentation, documents that name files.

#![expect(clippy::unwrap_used, reason = "a test ends where the sources cannot be read")]
#![expect(clippy::string_slice, reason = "what is cut was found at that place")]

use std::fs;
use std::path::{Path, PathBuf};

/// Modules by layer, lowest first: a module uses only layers before its own; siblings do not know one another.
const LAYERS: &[&[&str]] = &[
    &["model"],
    &["secret", "escape", "settings", "unpack"],
    &["fs"],
    &["keys", "schedule", "custody", "seal"],
    &["extract", "fingerprint", "http"],
    &["git"],
    &["index", "watchlist", "evidence", "store", "notify", "source"],
    &["detect", "respond"],
    &["corpus"],
    &["config"],
    &["service"],
    &["daemon"],
    &["cli"],
];

/// Lines of code before the tests of a file.
const FILE_LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn module_of(file: &Path) -> String {
    let below = file.strip_prefix(root().join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The code of a file without its tests.
fn product_code(text: &str) -> &str {
    text.split("\n#[cfg(test)]").next().unwrap_or(text)
}

/// Every module named after `crate::`, groups in braces included.
fn used_modules(code: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let name: String =
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if !name.is_empty() {
            used.push(name);
        } else if let Some(group) = rest.strip_prefix('{') {
            let group = group.split('}').next().unwrap_or("");
            used.extend(
                group
                    .split(',')
                    .map(|part| part.trim().split("::").next().unwrap_or("").to_owned()),
            );
        }
    }
    used
}

#[test]
fn a_module_uses_only_layers_before_its_own() {
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src")) {
        let module = module_of(&file);
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let own = layer_of(&module)
            .unwrap_or_else(|| panic!("{module} has no layer: add it to the table"));
        let text = fs::read_to_string(&file).unwrap();
        for used in used_modules(product_code(&text)) {
            if used == module {
                continue;
            }
            if layer_of(&used).is_some_and(|layer| layer >= own) {
                wrong.push(format!("{}: `{module}` may not use `{used}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_list_of_modules_stands_in_the_order_of_the_layers() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let listed: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let layers: Vec<_> = listed.iter().map(|module| layer_of(module)).collect();
    assert!(layers.is_sorted(), "{listed:?}: {layers:?}");
    let mut known: Vec<&str> = LAYERS.concat();
    let mut listed = listed;
    known.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, known, "the table and the program name the same modules");
}

#[test]
fn every_file_says_what_it_owns_and_is_short_enough_to_live_in() {
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not begin with `//!`", file.display()));
        }
        let lines = product_code(&text).lines().count();
        if lines > FILE_LINES {
            wrong.push(format!(
                "{} has {lines} lines of code, more than {FILE_LINES}",
                file.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_test_is_switched_off_and_nothing_is_left_to_do() {
    let mut wrong = Vec::new();
    for dir in ["src", "tests", "benches"] {
        for file in rust_files(&root().join(dir)) {
            if file.ends_with("tests/tidy.rs") {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            for word in
                ["#[ignore", "#[should_panic", "todo!(", "unimplemented!(", "TODO", "FIXME", "XXX"]
            {
                if text.contains(word) {
                    wrong.push(format!("{} contains `{word}`", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What people read: the documents at the top and those in `docs`.
fn documents() -> Vec<String> {
    let mut names = Vec::new();
    for folder in ["", "docs/"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
                names.push(format!("{folder}{name}"));
            }
        }
    }
    names.sort();
    names
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut wrong = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        let folder = root().join(&document).parent().unwrap().to_owned();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split([')', '#']).next().unwrap();
            let is_here = !target.is_empty() && !target.contains("://");
            if is_here && !folder.join(target).exists() {
                wrong.push(format!("{document} links to `{target}`, which is not there"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_path_that_a_document_names_is_there() {
    let mut wrong = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        for quoted in text.split('`').skip(1).step_by(2) {
            let is_path =
                ["src/", "tests/", "docs/", "templates/", "watchlists/", "benches/", "checks/"]
                    .iter()
                    .any(|folder| quoted.starts_with(folder));
            let plain = !quoted.contains([' ', '<', '*', '{', '\n']);
            if is_path && plain && !root().join(quoted).exists() {
                wrong.push(format!("{document} names `{quoted}`, which is not there"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_dependency_says_what_for() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies]");
        } else if inside && line.contains(" = ") {
            assert!(line.contains(" # "), "`{line}` does not say what for");
        }
    }
}

#[test]
fn a_reference_upwards_is_noticed() {
    assert_eq!(
        used_modules("use crate::store::record; fn f() { crate::cli::x() }"),
        ["store", "cli"]
    );
    assert_eq!(used_modules("use crate::{fs, model::ids};"), ["fs", "model"]);
    assert!(layer_of("cli") > layer_of("store"));
}
