//! The words of messages: built in, each replaceable by a file in a folder.
//!
//! A notice is never lost to a broken template: when a replacement cannot be used, the whole message is
//! written from the built-in ones and the problem is told by file and line.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};

use super::facts::Facts;
use super::{sample, text};
use crate::model::notice::{Audience, NoticeKind};

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        /// Every template by name. `layout.html`, `parts.html` and `banner.txt` are used by the others.
        const BUILT_IN: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../templates/", $name)))),+];
    };
}
built_in![
    "banner.txt",
    "layout.html",
    "parts.html",
    "security/incidents.subject.txt",
    "security/incidents.txt",
    "security/incidents.html",
    "legal/incidents.subject.txt",
    "legal/incidents.txt",
    "legal/incidents.html",
    "operations/sources.subject.txt",
    "operations/sources.txt",
    "operations/sources.html",
];

/// Steps that one template may take. The longest message needs about a tenth.
const FUEL: u64 = 2_000_000;
/// A larger file is no template.
const MAX_FILE: u64 = 256 << 10;

/// The words of messages.
#[derive(Debug)]
pub struct Templates {
    built_in: Environment<'static>,
    replaced: Option<Replaced>,
    problems: Vec<Problem>,
}

#[derive(Debug)]
struct Replaced {
    folder: PathBuf,
    environment: Environment<'static>,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the built-in template.
    pub file: String,
    /// The line, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "`{}` line {line}: {}", self.file, self.what),
            None => write!(f, "`{}`: {}", self.file, self.what),
        }
    }
}

/// A message in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line, safe to be a header.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
}

impl Templates {
    /// The built-in templates, with those replaced that `folder` has a file of the same name for.
    pub fn load(folder: Option<&Path>) -> Self {
        let mut templates = Self { built_in: environment(), replaced: None, problems: Vec::new() };
        if let Some(folder) = folder {
            let (environment, problems) = replaced(folder);
            templates.replaced = Some(Replaced { folder: folder.to_owned(), environment });
            templates.problems = problems;
        }
        templates
    }

    /// Writes every kind of message there is about invented incidents: what is wrong, all at once.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        for (audience, kind) in sample::ALL {
            let facts = Facts::of(&sample::notice(audience, kind), "check");
            match self.render(&facts) {
                Ok((words, None)) => problems.extend(self.unmarked(&facts, &words)),
                Ok((_, Some(problem))) | Err(problem) => problems.push(problem),
            }
        }
        let mut told = BTreeSet::new();
        problems.retain(|problem| told.insert(problem.to_string()));
        problems
    }

    /// A test that does not say so would raise an alarm.
    fn unmarked(&self, facts: &Facts, words: &Rendered) -> Vec<Problem> {
        let parts = [("txt", &words.text), ("html", &words.html)];
        let unmarked = parts
            .into_iter()
            .filter(|(_, words)| facts.event == NoticeKind::Test && !words.contains("TEST"));
        unmarked
            .map(|(end, _)| Problem {
                file: self.file_of(&format!("{}.{end}", family(facts))),
                line: None,
                what: "does not mark a test with the word TEST; include `banner.txt` or extend `layout.html`"
                    .to_owned(),
            })
            .collect()
    }

    fn file_of(&self, name: &str) -> String {
        file_of(name, self.replaced.as_ref().map(|replaced| replaced.folder.as_path()))
    }

    /// Writes a message; beside it what is wrong with a replaced template, if the built-in ones had to serve.
    pub fn render(&self, facts: &Facts) -> Result<(Rendered, Option<Problem>), Problem> {
        let trouble = match &self.replaced {
            Some(replaced) => match write(&replaced.environment, facts) {
                Ok(rendered) => return Ok((rendered, None)),
                Err(error) => Some(problem(&error, Some(&replaced.folder))),
            },
            None => None,
        };
        let rendered = write(&self.built_in, facts).map_err(|error| problem(&error, None))?;
        Ok((rendered, trouble))
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the delimiters are the usual ones"));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("utc", utc);
    environment.add_filter("share", share);
    for (name, source) in BUILT_IN {
        environment
            .add_template(name, source)
            .expect("built-in templates parse: a test loads them");
    }
    environment
}

/// `2026-03-23 10:11 UTC`.
fn utc(time: &str) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => time.to_owned(),
    }
}

/// `0.97`.
fn share(value: f64) -> String {
    format!("{value:.2}")
}

fn replaced(folder: &Path) -> (Environment<'static>, Vec<Problem>) {
    let mut environment = environment();
    let mut problems = Vec::new();
    if !folder.is_dir() {
        problems.push(Problem {
            file: folder.display().to_string(),
            line: None,
            what: "there is no such folder of templates".to_owned(),
        });
    }
    for (name, built_in) in BUILT_IN {
        let source = match read_capped(&folder.join(name)) {
            Ok(source) => source,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                let file = folder.join(name).display().to_string();
                problems.push(Problem { file, line: None, what: error.to_string() });
                continue;
            }
        };
        if let Err(error) = environment.add_template_owned(*name, source) {
            problems.push(problem(&error, Some(folder)));
            environment.add_template(name, built_in).expect("built-in templates parse");
        }
    }
    problems.extend(strangers(folder));
    (environment, problems)
}

fn read_capped(path: &Path) -> std::io::Result<String> {
    let mut source = String::new();
    std::fs::File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut source)?;
    if source.len() as u64 > MAX_FILE {
        return Err(std::io::Error::other("it is larger than 256 KiB"));
    }
    Ok(source)
}

/// Files in the folder that replace nothing: a name mistyped, most likely.
fn strangers(folder: &Path) -> Vec<Problem> {
    let audiences = [Audience::Security, Audience::Legal, Audience::Operations];
    let below = audiences.iter().map(|audience| format!("{audience}/"));
    let mut strangers = Vec::new();
    for prefix in std::iter::once(String::new()).chain(below) {
        let Ok(entries) = std::fs::read_dir(folder.join(&prefix)) else { continue };
        for entry in entries.flatten().take(1000).filter(|entry| entry.path().is_file()) {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let is_template = [".txt", ".html"].iter().any(|end| name.ends_with(end));
            if is_template && BUILT_IN.iter().all(|(known, _)| *known != name) {
                let nearest = BUILT_IN.iter().map(|(known, _)| *known);
                let nearest = nearest.min_by_key(|known| strsim::levenshtein(known, &name));
                let what =
                    format!("replaces no template; did you mean `{}`?", nearest.unwrap_or(""));
                let file = folder.join(&name).display().to_string();
                strangers.push(Problem { file, line: None, what });
            }
        }
    }
    strangers.sort_by(|a, b| a.file.cmp(&b.file));
    strangers
}

fn problem(error: &minijinja::Error, folder: Option<&Path>) -> Problem {
    // The innermost error names the file that is at fault; an include only passes it on.
    let mut cause = error;
    while let Some(inner) = std::error::Error::source(cause).and_then(|e| e.downcast_ref()) {
        cause = inner;
    }
    let name = cause.name().unwrap_or("template");
    let file = file_of(name, folder);
    let what = match cause.detail() {
        Some(detail) => format!("{}: {}", cause.kind(), text::one_line(detail, 200)),
        None => cause.kind().to_string(),
    };
    Problem { file, line: cause.line(), what }
}

/// The file that a template came from, or its name among the built-in ones.
fn file_of(name: &str, folder: Option<&Path>) -> String {
    match folder.map(|folder| folder.join(name)).filter(|file| file.is_file()) {
        Some(file) => file.display().to_string(),
        None => format!("templates/{name}"),
    }
}

/// The folder and stem of the templates that tell about these facts.
fn family(facts: &Facts) -> &'static str {
    match (facts.audience, facts.event) {
        (_, NoticeKind::Source) | (Audience::Operations, NoticeKind::Test) => "operations/sources",
        (Audience::Legal, _) => "legal/incidents",
        (Audience::Security | Audience::Operations, _) => "security/incidents",
    }
}

fn write(environment: &Environment<'_>, facts: &Facts) -> Result<Rendered, minijinja::Error> {
    let family = family(facts);
    let write = |end: &str, facts: &Facts| {
        environment.get_template(&format!("{family}.{end}"))?.render(Serde(facts))
    };
    let mark = if facts.event == NoticeKind::Test { "[TEST] " } else { "" };
    let subject = write("subject.txt", &for_subject(facts))?;
    Ok(Rendered {
        subject: text::subject(&format!("{mark}{subject}")),
        text: write("txt", facts)?,
        html: write("html", facts)?,
    })
}

/// A subject is shown on locked screens and kept in logs: it gets no place, no document and no reason.
/// `more_places` counts all places instead.
fn for_subject(facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    for incident in &mut facts.incidents {
        incident.more_places += incident.places.len();
        incident.places.clear();
    }
    for source in &mut facts.sources {
        source.failing = source.failing.take().map(|_| "failing".to_owned());
    }
    facts.delayed_because = None;
    facts
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use scraper::Html;

    use super::*;
    use crate::model::notice::Notice;

    fn rendered(notice: &Notice) -> Rendered {
        static SHARED: LazyLock<Templates> = LazyLock::new(|| Templates::load(None));
        let facts = Facts::of(notice, "i1");
        let (rendered, trouble) = SHARED.render(&facts).expect("built-in templates work");
        assert_eq!(trouble, None);
        rendered
    }

    #[test]
    fn every_message_reads_as_agreed() {
        for (audience, kind) in sample::ALL {
            let words = rendered(&sample::notice(audience, kind));
            let name = format!("{audience}_{kind:?}").to_lowercase();
            insta::assert_snapshot!(
                format!("{name}.txt"),
                format!("Subject: {}\n\n{}", words.subject, words.text)
            );
            insta::assert_snapshot!(format!("{name}.html"), words.html);
        }
    }

    #[test]
    fn a_single_find_and_a_late_message_read_well() {
        for audience in [Audience::Security, Audience::Legal] {
            let mut notice = sample::notice(audience, NoticeKind::Leak);
            notice.incidents.truncate(1);
            notice.incidents[0].places.truncate(1);
            notice.incidents[0].more_places = 0;
            notice.incidents[0].places[0].matched_lines = 1;
            notice.delayed_minutes = Some(42);
            notice.delayed_because = Some("cannot connect to `smtp.example.com:465`".to_owned());
            let words = rendered(&notice);
            insta::assert_snapshot!(
                format!("{audience}_late.txt"),
                format!("Subject: {}\n\n{}", words.subject, words.text)
            );
            assert!(
                words.html.contains("<strong>Delayed 42 minutes</strong> because: cannot connect")
            );
        }
    }

    #[test]
    fn subjects_name_ids_severities_and_corpora_and_nothing_that_was_found() {
        let mut notice = sample::notice(Audience::Security, NoticeKind::Leak);
        assert_eq!(rendered(&notice).subject, "[leakwarden] [HIGH] 2 incidents: billing, ledger");
        notice.incidents.truncate(1);
        let subject = rendered(&notice).subject;
        assert_eq!(subject, "[leakwarden] [HIGH] INC-1 billing: found at 5 places");
        notice.kind = NoticeKind::Digest;
        assert_eq!(rendered(&notice).subject, "[leakwarden] [DIGEST] 1 find to look at: billing");
        let notice = sample::notice(Audience::Operations, NoticeKind::Source);
        assert_eq!(rendered(&notice).subject, "[leakwarden] 1 source is failing, 1 works again");
        for (audience, kind) in sample::ALL {
            let subject = rendered(&sample::notice(audience, kind)).subject;
            assert_eq!(subject.starts_with("[TEST] "), kind == NoticeKind::Test, "{subject}");
        }
    }

    /// Words that accuse, overstate or pretend to a probability stand in no template.
    #[test]
    fn no_template_accuses() {
        let forbidden = [
            "stole",
            "thief",
            "culprit",
            "guilty",
            "hacker",
            "spy",
            "north korea",
            "proves",
            "criminal",
            "perpetrator",
            "suspect",
            "employee",
            "leaked by",
        ];
        for (name, source) in BUILT_IN {
            let source = source.to_lowercase();
            for word in forbidden {
                assert!(!source.contains(word), "`{name}` says `{word}`");
            }
        }
    }

    #[test]
    fn messages_stay_within_their_fuel_however_much_there_is_to_tell() {
        let long = "<".repeat(400);
        for (audience, kind) in sample::ALL {
            let mut notice = sample::notice(audience, kind);
            for incident in &mut notice.incidents {
                let mut place = incident.places[0].clone();
                place.place.clone_from(&long);
                place.documents = vec![long.clone(); 6];
                place.evidence = vec![place.evidence[0]; 6];
                incident.places = vec![place; 11];
            }
            notice.incidents = notice.incidents.into_iter().cycle().take(26).collect();
            notice.sources = notice.sources.into_iter().cycle().take(51).collect();
            let words = rendered(&notice);
            assert!(words.html.len() < 4 << 20, "{} bytes", words.html.len());
        }
    }

    fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, source) in files {
            let path = dir.path().join(name);
            crate::fs::create_private_dir(path.parent().unwrap()).unwrap();
            crate::fs::write_atomic(&path, source.as_bytes(), 0o600).unwrap();
        }
        dir
    }

    #[test]
    fn a_file_in_the_folder_replaces_the_template_of_its_name() {
        let source = "{% include 'banner.txt' %}Ours: {{ incidents[0].id }}";
        let dir = folder_with(&[("security/incidents.txt", source)]);
        let templates = Templates::load(Some(dir.path()));
        assert_eq!(templates.check(), []);
        let facts = Facts::of(&sample::notice(Audience::Security, NoticeKind::Leak), "i1");
        let (words, trouble) = templates.render(&facts).unwrap();
        assert_eq!((words.text.as_str(), trouble), ("Ours: INC-1", None));
        assert!(words.html.contains("INC-2"), "the HTML is still the built-in one");
    }

    #[test]
    fn a_broken_replacement_is_told_by_file_and_line_and_the_built_in_one_serves() {
        let cases = [
            ("syntax", "one\n{% if %}", "line 2: syntax error"),
            ("unknown value", "one\ntwo {{ incident.nonsense }}", "line 2: undefined value"),
            ("unknown filter", "{{ id|nonsense }}", "line 1: unknown filter"),
            (
                "endless",
                "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
                "line 1: engine ran out of fuel",
            ),
        ];
        let facts = Facts::of(&sample::notice(Audience::Legal, NoticeKind::Leak), "i1");
        let (built_in, _) = Templates::load(None).render(&facts).unwrap();
        for (case, source, expected) in cases {
            let dir = folder_with(&[("legal/incidents.txt", source)]);
            let templates = Templates::load(Some(dir.path()));
            assert_eq!(templates.render(&facts).unwrap().0, built_in, "{case}");
            let problems = templates.check();
            assert_eq!(problems.len(), 1, "{case}: {problems:?}");
            let told = problems[0].to_string();
            assert!(
                told.contains("legal/incidents.txt` ") && told.contains(expected),
                "{case}: {told}"
            );
        }
    }

    #[test]
    fn a_test_that_does_not_say_so_is_told() {
        let dir = folder_with(&[("legal/incidents.html", "<p>INC-1</p>")]);
        let told = Templates::load(Some(dir.path())).check();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].to_string().contains("legal/incidents.html`: does not mark a test"),
            "{told:?}"
        );
    }

    #[test]
    fn a_mistyped_name_and_a_missing_folder_are_told() {
        let dir = folder_with(&[("legal/incident.txt", "x"), ("README.md", "not a template")]);
        let told: Vec<String> =
            Templates::load(Some(dir.path())).check().iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].ends_with("did you mean `legal/incidents.txt`?"), "{told:?}");
        let told = Templates::load(Some(&dir.path().join("gone"))).check();
        assert!(told[0].to_string().ends_with("there is no such folder of templates"), "{told:?}");
    }

    /// A notice with `hostile` in every place that holds fetched text.
    fn poisoned(audience: Audience, kind: NoticeKind, hostile: &str) -> Notice {
        let mut notice = sample::notice(audience, kind);
        for incident in &mut notice.incidents {
            for place in &mut incident.places {
                place.place = hostile.to_owned();
                place.documents = vec![hostile.to_owned()];
            }
        }
        for source in &mut notice.sources {
            source.failing = Some(hostile.to_owned());
        }
        notice.delayed_minutes = Some(5);
        notice.delayed_because = Some(hostile.to_owned());
        notice
    }

    fn elements(html: &str) -> Vec<String> {
        let html = Html::parse_document(html);
        html.tree
            .nodes()
            .filter_map(|node| node.value().as_element().map(|element| format!("{element:?}")))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn hostile_text_adds_no_element_no_line_and_nothing_to_the_subject(
            hostile in prop_oneof![
                any::<String>(),
                "[<>\"'&/ a-z=!-]{0,60}",
                Just("</code><script>alert(1)</script><img src=x onerror=y>".to_owned()),
                Just("\r\n\r\n{{ 7*7 }}{% include 'x' %}\u{202e}\u{2028}Bcc: x@y".to_owned()),
            ]
        ) {
            for (audience, kind) in sample::ALL {
                let calm = rendered(&poisoned(audience, kind, "https://calm.example/x"));
                let wild = rendered(&poisoned(audience, kind, &format!("https://wild.example/{hostile}")));
                prop_assert_eq!(elements(&wild.html), elements(&calm.html));
                prop_assert_eq!(wild.text.lines().count(), calm.text.lines().count());
                prop_assert_eq!(wild.subject, calm.subject);
                prop_assert!(!wild.text.contains("://wild.example/") && !wild.html.contains("//wild.example/"));
            }
        }
    }
}
