//! Which places are allowed, and which only look like it.

use proptest::prelude::*;

use super::*;

fn load(text: &str) -> (Allowed, Vec<String>) {
    let file = File::new("allowed.toml".into(), text.to_owned());
    let mut problems = Problems::default();
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let allowed = Allowed::load(&file, &zone, &mut problems);
    let sorted = problems.or(()).err().unwrap_or_default();
    (allowed, sorted.iter().map(|p| p.to_string().split_off("allowed.toml:".len())).collect())
}

fn one(places: &str, more: &str) -> String {
    format!(
        "[[allowed]]\nname = 'ours'\nreason = 'r'\napproved_by = 'a'\nplaces = [{places}]\n{more}\n"
    )
}

fn allowing(places: &str) -> Allowed {
    let (allowed, problems) = load(&one(places, "corpora = ['*']"));
    assert_eq!(problems, [""; 0]);
    allowed
}

fn covers(allowed: &Allowed, place: &str) -> bool {
    let at = "2026-11-23T12:00:00Z".parse().unwrap();
    allowed.covers(place, &"billing".parse().unwrap(), at).is_some()
}

#[test]
fn a_place_covers_what_is_below_it_and_nothing_beside_it() {
    #[rustfmt::skip]
    let table: &[(&str, &[&str], &[&str])] = &[
        ("'https://github.com/acme'",
            &["https://github.com/acme", "https://github.com/acme/", "https://github.com/acme/x/y?z#w", "HTTPS://GitHub.com/acme/x",
              "https://github.com:443/acme/x", "https://github.com/other/../acme/x",
              "https://github.com/acme/x @0123abcd src/with space @ and more.py", "https://github.com/acme/x.git @0123456789abcdef0123456789abcdef01234567 a"],
            &["https://github.com/acme-evil/x", "https://github.com/acmex", "https://github.com.evil.example/acme/x", "https://evil-github.com/acme",
              "https://github.com@evil.example/acme/x", "https://github.com:pw@evil.example/acme", "https://x@github.com/acme/x", "https://user:pw@github.com/acme/",
              "https://evil.example/https://github.com/acme/x", "https://evil.example/?https://github.com/acme", "https://github.com/acme/../evil/x",
              "https://github.com/acme/%2e%2e/evil", "https://github.com/acme/..%2fevil", "https://github.com/acme%2fevil", "https://github.com/acme/%252e%252e/evil",
              "https://github.com\\@evil.example/acme", "https:\\\\github.com\\acme", "https://github.com/Acme/x", "http://github.com/acme/x", "ftp://github.com/acme/x",
              "https://github.com:8443/acme/x", "https://github.com//acme/x", "https://github.com/acme /x", "https://github.com/acme @ https://evil.example/",
              "https://github.com/acme @zzzzzzz x", "\thttps://github.com/acme", "https://git\thub.com/acme", "https://githüb.com/acme", "https://github.com.", "https://github.com./acme",
              "", "/github.com/acme", "github.com/acme", "//github.com/acme", "data:,https://github.com/acme"]),
        ("'github.com/acme/'", &["http://github.com/acme/x", "https://github.com/acme"], &["https://github.com/acme-evil", "ssh://github.com/acme"]),
        ("'https://*.acme.example/'", &["https://www.acme.example/x", "https://a.b.acme.example/"],
            &["https://acme.example/", "https://evilacme.example/", "https://www.acme.example.evil.example/", "https://.acme.example/"]),
        ("'https://acme.example'", &["https://acme.example", "https://acme.example/any/thing"], &["https://www.acme.example/"]),
        ("'https://acme.example:8443/pub'", &["https://acme.example:8443/pub/x"], &["https://acme.example/pub/x", "https://acme.example:8444/pub/x"]),
        ("'https://gitlab.example/acme/release-*/'", &["https://gitlab.example/acme/release-1/x", "https://gitlab.example/acme/release-"],
            &["https://gitlab.example/acme/prerelease-1", "https://gitlab.example/acme/release-1%2f..%2fx"]),
        ("'https://host.example/*/ours'", &["https://host.example/a/ours/x"], &["https://host.example//ours/x", "https://host.example/a/b/ours"]),
        ("'https://bücher.example/'", &["https://xn--bcher-kva.example/x", "https://BÜCHER.example/"], &["https://bucher.example/"]),
        ("'http://192.0.2.7/'", &["http://192.0.2.7/x", "http://0xc0000207/x"], &["http://192.0.2.77/", "http://192.0.2.7.evil.example/"]),
        ("'/srv/drop/ours'", &["/srv/drop/ours", "/srv/drop/ours/a b.txt", "/srv//drop/./ours/x"],
            &["/srv/drop/ours-not/x", "/srv/drop/ours/../theirs", "/srv/drop", "srv/drop/ours"]),
    ];
    for (places, covered, others) in table {
        let allowed = allowing(places);
        for place in *covered {
            assert!(covers(&allowed, place), "{places} should cover {place}");
        }
        for place in *others {
            assert!(!covers(&allowed, place), "{places} must not cover {place}");
        }
    }
}

#[test]
fn only_the_corpora_named_are_covered_and_only_for_their_time() {
    let (allowed, problems) = load(&one(
        "'https://acme.example/'",
        "corpora = ['web', 'sdk-*']\nfrom = 2026-03-01\nuntil = 2026-10-25",
    ));
    assert_eq!(problems, [""; 0]);
    for (corpus, at, expected) in [
        ("web", "2026-06-01T00:00:00Z", true),
        ("sdk-java", "2026-06-01T00:00:00Z", true),
        ("billing", "2026-06-01T00:00:00Z", false),
        ("webx", "2026-06-01T00:00:00Z", false),
        // Days of Berlin: the first begins at 23:00 UTC, the last has 25 hours and ends at 23:00 UTC.
        ("web", "2026-02-28T22:59:59Z", false),
        ("web", "2026-02-28T23:00:00Z", true),
        ("web", "2026-10-25T22:59:59Z", true),
        ("web", "2026-10-25T23:00:00Z", false),
    ] {
        let found =
            allowed.covers("https://acme.example/x", &corpus.parse().unwrap(), at.parse().unwrap());
        assert_eq!(found, expected.then_some("ours"), "{corpus} {at}");
    }
}

#[test]
fn every_mistake_is_told_with_its_line() {
    #[rustfmt::skip]
    let table: &[(String, &[&str])] = &[
        (one("'https://a.example/'", ""), &["1: allowed: the key `corpora` is missing"]),
        (one("", "corpora = []"), &["1: places: name at least one", "1: corpora: name at least one, or `[\"*\"]` for all of them"]),
        (one("'ftp://a/', 'https://u@a/', 'https://a/?x', 'https://a*b.example/', '*.com', '/', 'https://', '/a/../b'", "corpora = ['*']"),
            &["5: places: `ftp://a/` is not a place: use https, http or a folder",
              "5: places: `https://u@a/` is not a place: there is a user in it",
              "5: places: `https://a/?x` is not a place: leave out what begins with `?` or `#`",
              "5: places: `https://a*b.example/` is not a place: a star for a host can only be at its beginning, as `*.example.com`",
              "5: places: `*.com` is not a place: `*.` needs a domain such as `example.com`",
              "5: places: `/` is not a place: name a folder without `..`",
              "5: places: `https://` is not a place: write it as `https://host/path`",
              "5: places: `/a/../b` is not a place: name a folder without `..`"]),
        (one("'a.example'", "corpora = ['Big']\nfrom = 2026-05-01\nuntil = 2026-04-01"),
            &["6: corpora: `Big` is not a name: use 1 to 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit",
              "8: until: it is before `from`"]),
        (one("'a.example'", "corpora = ['*']\nuntil = 2026-05-01T10:00:00Z\nfrom = 'today'"),
            &["7: expected a day as 2026-12-31", "8: allowed.from: expected a day as 2026-12-31, found a string"]),
        ("[[allowed]]\nname = ''\nplaces = ['a.example']\ncorpora = ['*']\nreason = ' '\napproved_by = 'x'".to_owned(),
            &["2: name: it must say something", "5: reason: it must say something"]),
    ];
    for (text, expected) in table {
        assert_eq!(&load(text).1, expected, "{text}");
    }
}

proptest! {
    #[test]
    fn no_address_of_another_host_is_covered(
        user in "[a-z@:./%\\\\]{0,12}", host in "[a-z0-9.-]{1,12}", path in "[a-z/.%2ef\\\\@:? #]{0,24}"
    ) {
        let allowed = allowing("'https://github.com/acme'");
        for place in [format!("https://{user}{host}/{path}"), format!("https://github.com{user}{host}/{path}"),
            format!("https://github.com/{path}"), format!("https://github.com/acme{path}")] {
            if covers(&allowed, &place) {
                let url = Url::parse(place.split(" @").next().unwrap()).unwrap();
                prop_assert_eq!(url.host_str(), Some("github.com"));
                prop_assert!(url.path() == "/acme" || url.path().starts_with("/acme/"), "{}", place);
                prop_assert!(url.username().is_empty());
            }
        }
    }
}
