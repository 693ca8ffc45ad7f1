//! Patterns with `*` and `?` in names of files and corpora, and `{a,b}` in addresses.

use std::path::{Path, PathBuf};

use super::List;

/// A pattern names at most so many paths or addresses.
const MAX_NAMES: usize = 100_000;

/// Whether a whole name is matched: `*` is any run of characters, `?` any one. Linear in both, but for the last star.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut retry = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            // The last star takes one character more.
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    p = star + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

/// Whether a text may name more than one path or address.
pub(super) fn is_many(text: &str) -> bool {
    is_pattern(text) || text.contains('{')
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// The paths that a pattern names, in order: `{a,b}` written out first. A star matches no name that begins with a dot.
pub(super) fn paths(pattern: &Path, list: List<'_>) -> Result<Vec<PathBuf>, String> {
    match pattern.to_str() {
        Some(text) if text.contains('{') => {
            let mut found = Vec::new();
            for written_out in braces(text)? {
                found.extend(starred(Path::new(&written_out), list)?);
            }
            Ok(found)
        }
        _ => starred(pattern, list),
    }
}

fn starred(pattern: &Path, list: List<'_>) -> Result<Vec<PathBuf>, String> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let text = component.as_os_str().to_string_lossy();
        if !is_pattern(&text) {
            for path in &mut found {
                path.push(component);
            }
            continue;
        }
        let mut below = Vec::new();
        for folder in &found {
            let mut names = match list(folder) {
                Ok(names) => names,
                // A star before this component may match files as well: nothing is below them.
                Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => continue,
                Err(error) => return Err(format!("cannot list `{}`: {error}", folder.display())),
            };
            names.retain(|name| {
                (text.starts_with('.') || !name.starts_with('.')) && matches(&text, name)
            });
            names.sort_unstable();
            below.extend(names.iter().map(|name| folder.join(name)));
            if below.len() > MAX_NAMES {
                return Err(format!("`{}` names more than {MAX_NAMES} paths", pattern.display()));
            }
        }
        found = below;
    }
    Ok(found)
}

/// An address with `{a,b}` written out: every combination, in order.
pub(super) fn braces(text: &str) -> Result<Vec<String>, String> {
    let mut finished = vec![String::new()];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (choices, after) =
            after.split_once('}').ok_or_else(|| format!("`{text}` has a `{{` without its `}}`"))?;
        let choices: Vec<&str> = choices.split(',').map(str::trim).collect();
        if finished.len() * choices.len() > MAX_NAMES {
            return Err(format!("`{text}` names more than {MAX_NAMES} addresses"));
        }
        finished = finished
            .iter()
            .flat_map(|start| choices.iter().map(move |choice| format!("{start}{before}{choice}")))
            .collect();
        rest = after;
    }
    for start in &mut finished {
        start.push_str(rest);
    }
    Ok(finished)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_match_whole_names() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*.git", "billing.git", true),
            ("*.git", "billing.git.bak", false),
            ("team-?", "team-1", true),
            ("team-?", "team-12", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXbd", false),
            ("größe-*", "größe-ü", true),
            ("plain", "plain", true),
            ("plain", "plains", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn braces_are_written_out() {
        for (text, expected) in [
            ("https://a/b.git", &["https://a/b.git"][..]),
            ("https://a/{x, y}.git", &["https://a/x.git", "https://a/y.git"]),
            ("{a,b}/{1,2}", &["a/1", "a/2", "b/1", "b/2"]),
            ("a}b", &["a}b"]),
        ] {
            assert_eq!(braces(text).unwrap(), expected);
        }
        assert!(braces("a{b").is_err());
        assert!(braces(&"{a,b,c,d}".repeat(30)).is_err(), "bounded");
    }

    proptest! {
        #[test]
        fn a_star_is_any_run(before in "[ab]{0,4}", run in "[ab*?]{0,6}", after in "[ab]{0,4}") {
            let pattern = format!("{before}*{after}");
            let name = format!("{before}{run}{after}");
            prop_assert!(matches(&pattern, &name));
        }
    }
}
