//! Reads TOML into a type and goes on after an error: the smallest thing that is wrong is taken out of the
//! document and the rest is read again, until it is understood or nothing is left to take out.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::wording::{Fault, reword};
use super::{File, Problems};

/// More problems than this in one file are not told one by one.
const MAX_PROBLEMS: usize = 100;

/// A way from the root of the document to a value in it.
type Path = Vec<Step>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Element(usize),
}

pub(super) fn parse<T: DeserializeOwned>(file: &File, problems: &mut Problems) -> Option<T> {
    let (mut document, errors) = DeTable::parse_recoverable(&file.text);
    if !errors.is_empty() {
        for error in errors.iter().take(MAX_PROBLEMS) {
            problems.push(file.problem(&error.span().unwrap_or_default(), error.message()));
        }
        return None;
    }
    // Keys that are gone because something was wrong with them are not missed as well.
    let mut excused: Vec<Path> = Vec::new();
    for _ in 0..MAX_PROBLEMS {
        let error = match T::deserialize(Deserializer::from(document.clone())) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let span = error.span().unwrap_or_default();
        let path = find(document.get_ref(), &span).unwrap_or_default();
        let (fault, what) = reword(error.message());
        let is_excused = fault.missing().is_some_and(|key| excused.contains(&below(&path, key)));
        if !is_excused {
            problems.push(file.problem(&span, located(&path, &fault, &what)));
        }
        take_out(document.get_mut(), path, &fault, &mut excused)?;
    }
    None
}

/// Where in the document a span is: the innermost key or value with exactly that span.
fn find(table: &DeTable<'_>, span: &Range<usize>) -> Option<Path> {
    for (key, value) in table {
        let step = Step::Key(key.get_ref().to_string());
        if let Some(mut path) = find_value(value, span) {
            path.insert(0, step);
            return Some(path);
        }
        if key.span() == *span {
            return Some(vec![step]);
        }
    }
    None
}

fn find_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<Path> {
    let within = match value.get_ref() {
        DeValue::Table(table) => find(table, span),
        DeValue::Array(array) => array.iter().enumerate().find_map(|(index, element)| {
            let mut path = find_value(element, span)?;
            path.insert(0, Step::Element(index));
            Some(path)
        }),
        _ => None,
    };
    within.or_else(|| (value.span() == *span).then(Vec::new))
}

fn below(path: &[Step], key: &str) -> Path {
    let mut path = path.to_vec();
    path.push(Step::Key(key.to_owned()));
    path
}

/// What is wrong, after the table it is wrong in.
fn located(path: &[Step], fault: &Fault, what: &str) -> String {
    let shown = match fault {
        Fault::UnknownKey { .. } => &path[..path.len().saturating_sub(1)],
        Fault::Missing { .. } | Fault::UnknownVariant | Fault::Other => path,
    };
    let names: Vec<&str> = shown
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Element(_) => None,
        })
        .collect();
    if names.is_empty() { what.to_owned() } else { format!("{}: {what}", names.join(".")) }
}

/// Takes out what is wrong; none if it is the document as a whole.
fn take_out(
    document: &mut DeTable<'_>,
    mut path: Path,
    fault: &Fault,
    excused: &mut Vec<Path>,
) -> Option<()> {
    remove(document, &path)?;
    if let Fault::UnknownKey { meant } = fault {
        // The table stays, so that its other problems are found; the key that was meant is not missed.
        let table = &path[..path.len() - 1];
        excused.extend(meant.as_ref().map(|key| below(table, key)));
        return Some(());
    }
    // What is empty now was there only for what was wrong.
    loop {
        if let Some((Step::Element(_), array)) = path.split_last() {
            // The elements after it have moved up: their excuses are no longer known by index.
            excused.retain(|excuse| !excuse.starts_with(array));
        }
        excused.push(path.clone());
        path.pop();
        if path.is_empty() || !is_empty(document, &path) {
            return Some(());
        }
        remove(document, &path)?;
    }
}

fn remove(table: &mut DeTable<'_>, path: &[Step]) -> Option<()> {
    match path {
        [Step::Key(key)] => {
            table.remove(key.as_str())?;
            Some(())
        }
        [Step::Key(key), rest @ ..] => remove_below(table.get_mut(key.as_str())?, rest),
        [] | [Step::Element(_), ..] => None,
    }
}

fn remove_below(value: &mut Spanned<DeValue<'_>>, path: &[Step]) -> Option<()> {
    match (value.get_mut(), path) {
        (DeValue::Table(table), path) => remove(table, path),
        (DeValue::Array(array), [Step::Element(index)]) => {
            let before = array.len();
            let all = std::mem::replace(array, std::iter::empty().collect());
            let kept = all.into_iter().enumerate();
            *array = kept.filter(|(at, _)| at != index).map(|(_, element)| element).collect();
            (array.len() < before).then_some(())
        }
        (DeValue::Array(array), [Step::Element(index), rest @ ..]) => {
            remove_below(array.get_mut(*index)?, rest)
        }
        _ => None,
    }
}

fn is_empty(table: &DeTable<'_>, path: &[Step]) -> bool {
    let [Step::Key(first), rest @ ..] = path else { return false };
    let Some(first) = table.get(first.as_str()) else { return false };
    let value = rest.iter().try_fold(first.get_ref(), |value, step| match step {
        Step::Key(key) => value.get(key.as_str()).map(Spanned::get_ref),
        Step::Element(index) => value.get(*index).map(Spanned::get_ref),
    });
    matches!(value, Some(DeValue::Table(table)) if table.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::settings::{Period, Size};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is of interest")]
    struct Settings {
        name: Option<String>,
        #[serde(default)]
        http: Http,
        #[serde(default)]
        route: BTreeMap<String, Route>,
        #[serde(default)]
        corpus: Vec<Corpus>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Http {
        pace: Option<Period>,
        max_body: Option<Size>,
        attempts: u32,
        allow: Vec<ipnet::IpNet>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is of interest")]
    struct Route {
        to: To,
        severity: Option<crate::model::incident::Severity>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    #[expect(dead_code, reason = "only whether it can be read is of interest")]
    enum To {
        Mail(Mail),
        Folder { path: PathBuf },
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is of interest")]
    struct Mail {
        server: String,
        to: Vec<String>,
        password: Option<Secret>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only whether it can be read is of interest")]
    enum Secret {
        File(PathBuf),
        Env(String),
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is of interest")]
    struct Corpus {
        name: String,
    }

    /// The problems of a text, one a line, without the file's name.
    fn problems(text: &str) -> (bool, Vec<String>) {
        let mut problems = Problems::default();
        let read = File::new("f".into(), text.to_owned()).parse::<Settings>(&mut problems);
        let sorted = problems.or(()).err().unwrap_or_default();
        let lines = sorted.iter().map(|problem| problem.to_string().split_off(2)).collect();
        (read.is_some(), lines)
    }

    #[test]
    fn each_problem_is_told_once_with_its_line() {
        #[rustfmt::skip]
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            ("nane = 'x'", &["1: unknown key `nane`; did you mean `name`?"]),
            ("name = 'x'\nbogus = 1", &["2: unknown key `bogus` (known: name, http, route, corpus)"]),
            ("[http]\npace = '5 parsecs'\natempts = 3\nallow = ['10.0.0.0/8', 'home']\nmax_body = '1 GiB'",
                &["2: http.pace: `5 parsecs` is not a period: write it as `500ms`, `30s`, `5m`, `2h` or `1d`",
                  "3: http: unknown key `atempts`; did you mean `attempts`?",
                  "4: http.allow: expected a network such as `10.0.0.0/8`"]),
            ("[http]\nattempts = 'many'", &["2: http.attempts: expected a whole number, found a string"]),
            ("[http]\nattempts = -1", &["2: http.attempts: expected a whole number, found -1"]),
            ("http = 3", &["1: http: expected a table, found the number 3"]),
            ("[route.security]\nseverity = 'hihg'\n[route.security.to.mail]\nserver = 's'\nto = ['x']",
                &["2: route.security.severity: `hihg` is not known here; did you mean `high`?"]),
            ("[route.security.to.mial]\nserver = 's'", &["1: route.security.to.mial: `mial` is not known here; did you mean `mail`?"]),
            ("[route.security.to]", &["1: route.security.to: there must be exactly one table below it"]),
            ("[route.security]\nseverity = 'low'", &["1: route.security: the key `to` is missing"]),
            ("[route.security.to.mail]\nto = ['x']", &["1: route.security.to.mail: the key `server` is missing"]),
            ("[route.security.to.mail]\nto = ['x']\nservr = 'x'", &["3: route.security.to.mail: unknown key `servr`; did you mean `server`?"]),
            ("[route.security.to.mail]\nto = ['x']\nserver = 5", &["3: route.security.to.mail.server: expected a string, found the number 5"]),
            ("[[corpus]]\nname = 'a'\n[[corpus]]\nnam = 'b'\n[[corpus]]\n",
                &["4: corpus: unknown key `nam`; did you mean `name`?", "5: corpus: the key `name` is missing"]),
            ("name = 'x\n[http\npace", &["1: invalid literal string, expected `'`", "2: unclosed table, expected `]`",
                "3: key with no value, expected `=`"]),
            ("name = 'a'\nname = 'b'", &["2: duplicate key"]),
        ];
        for (text, expected) in table {
            let (_, found) = problems(text);
            assert_eq!(&found, expected, "{text}");
        }
    }

    #[test]
    fn a_secret_that_was_typed_in_the_wrong_place_is_not_repeated() {
        let mail = "[route.security.to.mail]\nserver = 's'\nto = ['x']\n";
        for line in [
            "password = 'hunter2'",
            "password = { text = 'hunter2' }",
            "password = ['hunter2']",
            "to = 'hunter2'",
            "server = { password = 'hunter2' }",
        ] {
            let text = if line.starts_with('t') || line.starts_with('s') {
                format!("[route.security.to.mail]\n{line}\n")
            } else {
                format!("{mail}{line}\n")
            };
            let (_, found) = problems(&text);
            assert!(!found.is_empty(), "{line}");
            assert!(!found.concat().contains("hunter2"), "{found:?}");
        }
        let (_, found) = problems(&format!("{mail}password = 'hunter2'\n"));
        assert_eq!(
            found,
            ["4: route.security.to.mail.password: a secret is not written here; \
             write `{ env = \"NAME\" }` or `{ file = \"path\" }`"]
        );
    }

    #[test]
    fn what_was_understood_is_given_even_so() {
        assert!(problems("nane = 'x'\n[http]\npace = 'x'").0);
        assert!(!problems("name = ").0);
    }

    #[test]
    fn a_file_full_of_mistakes_is_bounded() {
        let lines: Vec<String> = (0..500).map(|i| format!("key{i} = 1")).collect();
        assert_eq!(problems(&lines.join("\n")).1.len(), MAX_PROBLEMS);
    }

    proptest! {
        #[test]
        fn any_text_ends_in_a_value_or_a_problem(
            lines in prop::collection::vec(prop::sample::select(vec![
                "[http]", "[[corpus]]", "[route.a.to.mail]", "[route.a]", "[route.a.to]", "name = 'x'", "to = ['y']",
                "to = 3", "pace = '1s'", "pace = []", "bogus.x.y = 1", "server = {}", "corpus = [{}, {name = 1}]",
                "password = { file = 'x', env = 'y' }", "= 1", "route = [1, [2]]", "http.allow = [[]]", "\"\" = 1", "é = 'ü'",
            ]), 0..8)
        ) {
            let (is_read, found) = problems(&lines.join("\n"));
            prop_assert!(is_read || !found.is_empty());
        }
    }
}
