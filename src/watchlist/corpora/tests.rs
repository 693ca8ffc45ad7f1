//! Patterns, defaults and mistakes in the list of corpora.

use std::io;

use super::*;

fn load(text: &str) -> (Corpora, Vec<String>) {
    let file = File::new("corpora.toml".into(), text.to_owned());
    let base = Base { folder: "/etc/leakwarden".into(), home: Some("/home/ana".into()) };
    let mut problems = Problems::default();
    let corpora = Corpora::load(&file, &base, &TimeZone::UTC, &mut problems);
    let sorted = problems.or(()).err().unwrap_or_default();
    (corpora, sorted.iter().map(ToString::to_string).collect())
}

/// A machine with a few folders.
fn list(folder: &Path) -> io::Result<Vec<String>> {
    let names: &[&str] = match folder.to_str().unwrap() {
        "/srv/git" => &["web.git", "Billing Core.git", ".trash.git", "notes.txt"],
        "/srv/teams" => &["a", "b", "readme"],
        "/srv/teams/a" | "/srv/teams/b" => &["app"],
        "/srv/teams/readme" => return Err(io::ErrorKind::NotADirectory.into()),
        _ => return Err(io::ErrorKind::NotFound.into()),
    };
    Ok(names.iter().map(|name| (*name).to_owned()).collect())
}

fn resolved(text: &str) -> (Vec<String>, Vec<String>) {
    let (corpora, problems) = load(text);
    assert_eq!(problems, [""; 0], "{text}");
    let (listed, problems) = corpora.resolve(&list);
    let shown = listed.iter().map(|corpus| format!("{} {}", corpus.name, corpus.origin)).collect();
    (shown, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn paths_addresses_and_patterns_become_corpora() {
    #[rustfmt::skip]
    let table: &[(&str, &[&str])] = &[
        ("[[corpus]]\npath = '/srv/x/Web App'", &["web-app /srv/x/Web App"]),
        ("[[corpus]]\npath = '~/src/x'", &["x /home/ana/src/x"]),
        ("[[corpus]]\nname = 'papers'\npath = '../papers'", &["papers /etc/leakwarden/../papers"]),
        ("[[corpus]]\npaths = ['/srv/git/*.git']", &["billing-core /srv/git/Billing Core.git", "web /srv/git/web.git"]),
        ("[[corpus]]\nname = 'git-{name}'\npaths = ['/srv/git/w*']", &["git-web /srv/git/web.git"]),
        ("[[corpus]]\nname = '{parent}-{name}'\npaths = ['/srv/teams/*/app']",
            &["a-app /srv/teams/a/app", "b-app /srv/teams/b/app", "readme-app /srv/teams/readme/app"]),
        ("[[corpus]]\nname = '{parent}-{name}'\npaths = ['/srv/teams/*/*']", &["a-app /srv/teams/a/app", "b-app /srv/teams/b/app"]),
        ("[[corpus]]\nurl = 'https://git.example.com/acme/Core.git'", &["core https://git.example.com/acme/Core.git"]),
        ("[[corpus]]\nurl = 'git@git.example.com:acme/core'", &["core git@git.example.com:acme/core"]),
        ("[[corpus]]\nurls = ['ssh://git@h/{a,b}/x.git']\nname = '{parent}-{name}'", &["a-x ssh://git@h/a/x.git", "b-x ssh://git@h/b/x.git"]),
        ("[[corpus]]\npath = '/srv/teams/a/.git'", &["a /srv/teams/a/.git"]),
    ];
    for (text, expected) in table {
        let (listed, problems) = resolved(text);
        assert_eq!(&listed, expected, "{text}");
        assert_eq!(problems, [""; 0], "{text}");
    }
}

#[test]
fn what_cannot_be_resolved_is_told_and_the_rest_is_given() {
    let (listed, problems) = resolved(
        "[[corpus]]\npaths = ['/gone/*']\n[[corpus]]\npaths = ['/srv/teams/*/app']\n[[corpus]]\npath = '/srv/x'",
    );
    assert_eq!(listed, ["app /srv/teams/a/app", "x /srv/x"]);
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].starts_with("corpora.toml:1: cannot list `/gone`: "), "{}", problems[0]);
    assert_eq!(
        problems[1],
        "corpora.toml:3: `/srv/teams/b/app` and `/srv/teams/a/app` would both be called `app`; \
         give one of them a name of its own"
    );
}

#[test]
fn braces_are_written_out_in_paths_too() {
    let (listed, problems) = resolved("[[corpus]]\npaths = ['/srv/{x,git/web*}']");
    assert_eq!(problems, [""; 0]);
    assert!(listed.contains(&"x /srv/x".to_owned()), "{listed:?}");
    assert!(listed.iter().any(|corpus| corpus.contains("/srv/git/web")), "{listed:?}");
}

#[test]
fn an_origin_that_two_entries_name_is_one_corpus() {
    let (listed, problems) =
        resolved("[[corpus]]\npath = '/srv/git/web.git'\n[[corpus]]\npaths = ['/srv/git/web*']");
    assert_eq!((listed.len(), problems.len()), (1, 0));
}

#[test]
fn attributes_come_from_the_entry_or_the_defaults() {
    let (corpora, problems) = load(
        "[defaults]\nrefresh = '0 3 * * *'\nowner = 'platform'\nsensitivity = 'confidential'\n\
         [[corpus]]\npath = '/a'\n\
         [[corpus]]\npath = '/b'\nowner = 'payments'\nsensitivity = 'secret'\ncopyright_holder = 'Example Ltd'\n\
         refresh = '@weekly'\nbaseline = true\n",
    );
    assert_eq!(problems, [""; 0]);
    let (listed, _) = corpora.resolve(&list);
    let expressions: Vec<&str> =
        listed.iter().filter_map(|c| c.refresh.as_ref()).map(Schedule::expression).collect();
    assert_eq!(expressions, ["0 3 * * *", "@weekly"]);
    let attributes = |i: usize| format!("{:?}", listed[i].attributes);
    assert_eq!(attributes(0), r#"{"owner": "platform", "sensitivity": "confidential"}"#);
    assert_eq!(
        attributes(1),
        r#"{"copyright_holder": "Example Ltd", "owner": "payments", "sensitivity": "secret"}"#
    );
    assert!(listed[1].is_baseline && !listed[0].is_baseline);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    #[rustfmt::skip]
    let table: &[(&str, &[&str])] = &[
        ("[[corpus]]\nname = 'a'", &["1: corpus: one of `path`, `paths`, `url` and `urls` must say where it is"]),
        ("[[corpus]]\npath = '/a'\nname = 'Not A Name'",
            &["3: name: `Not A Name` is not a name: use 1 to 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit"]),
        ("[[corpus]]\npaths = ['/a/*']\nname = 'one'", &["3: name: `one` would be the name of several corpora; put `{name}` into it"]),
        ("[[corpus]]\npath = '/a'\nname = 'x'\n[[corpus]]\npath = '/b'\nname = 'x'", &["4: corpus: the name `x` is given twice"]),
        ("[[corpus]]\npath = '/a'\nrefresh = '* * *'\nsensitivity = 'hush'",
            &["3: refresh: `* * *` has 3 fields, a schedule has five (minute hour day month weekday), or six with seconds first",
              "4: corpus.sensitivity: `hush` is not known here (known: public, internal, confidential, secret)"]),
        ("[[corpus]]\nurl = 'ext::sh -c id'", &["2: `ext::sh -c id` is not an address of a repository"]),
        ("[[corpus]]\nurl = '--upload-pack=x:y'", &["2: `--upload-pack=x:y` is not an address of a repository"]),
        ("[[corpus]]\nurl = 'file:///etc'", &["2: `/etc` is a path: write it as `path`"]),
        ("[[corpus]]\nurl = 'https://ana:hunter2@h/x.git'", &["2: an address with a login in it: use a credential helper of git, or ssh"]),
        ("[[corpus]]\nurls = ['https://h/{a,b']", &["2: `https://h/{a,b` has a `{` without its `}`"]),
        ("[[corpora]]\npath = '/a'", &["1: unknown key `corpora` (known: defaults, corpus)"]),
    ];
    for (text, expected) in table {
        let (_, problems) = load(text);
        let problems: Vec<&str> =
            problems.iter().map(|problem| problem.strip_prefix("corpora.toml:").unwrap()).collect();
        assert_eq!(&problems, expected, "{text}");
    }
}
