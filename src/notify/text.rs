//! Making hostile text safe to put into a line: no controls, no invisible or reordering characters,
//! bounded, and addresses that no mail program turns into a link.

/// The longest subject, in characters.
pub(super) const SUBJECT_MAX: usize = 120;

/// Text as one line of at most `max` characters. What could move the cursor, end the line, reorder or
/// hide text becomes `\u{FFFD}`, so that tampering stays visible.
pub(super) fn one_line(text: &str, max: usize) -> String {
    let safe = text.chars().map(|c| if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c });
    cut(safe, max)
}

/// A subject: as [`one_line`], but what is unsafe goes without a trace and runs of white space become one space.
pub(super) fn subject(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() {
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        } else if !is_unsafe(c) {
            line.push(c);
        }
    }
    cut(line.trim_end().chars(), SUBJECT_MAX)
}

fn cut(mut chars: impl Iterator<Item = char>, max: usize) -> String {
    let mut kept: String = chars.by_ref().take(max).collect();
    if chars.next().is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// Controls, line and paragraph separators, and characters of no width that hide or reorder others
/// (Unicode TR 36 and TR 9: bidirectional controls, joiners, tags, variation selectors).
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A place that cannot be clicked: `hxxps://paste[.]example/a`. The same text again if it is so already.
pub fn defang(place: &str) -> String {
    place.split(' ').map(defang_word).collect::<Vec<_>>().join(" ")
}

/// A sentence in which no address can be clicked; its other words, dots included, stay as they are.
pub(super) fn unlink(text: &str) -> String {
    let word = |word: &str| {
        if word.contains("://") { defang_word(word) } else { word.to_owned() }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn defang_word(word: &str) -> String {
    let (scheme, rest) = match word.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, word),
    };
    // The host ends where the path begins; dots of a path make no link.
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(host_end);
    let host = host.replace("[.]", ".").replace('.', "[.]");
    match scheme {
        Some(scheme) => {
            format!("{}://{host}{}", defang_scheme(scheme), path.replace("://", ":/[/]"))
        }
        None => format!("{host}{path}"),
    }
}

fn defang_scheme(scheme: &str) -> String {
    // What stands before the scheme, such as a quotation mark, is kept.
    let before = scheme.trim_end_matches(|c: char| c.is_ascii_alphanumeric());
    let name = scheme.strip_prefix(before).unwrap_or(scheme);
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "http" | "https" | "ftp" | "ftps" => format!("{before}{}", lower.replace('t', "x")),
        _ => scheme.to_owned(),
    }
}

/// The host that a place names, not clickable; none if it names no host.
pub(super) fn host(place: &str) -> Option<String> {
    let word = place.split(' ').next()?;
    let after_scheme = match word.split_once("://") {
        Some((_, rest)) => rest,
        // `user@host:path`, as git writes it.
        None => word.split_once(':').filter(|(before, _)| before.contains('@'))?.0,
    };
    let authority = after_scheme.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.replace("[.]", ".");
    let known =
        !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || ".-:[]".contains(c));
    known.then(|| host.replace('.', "[.]"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_hide_or_forge_is_made_visible_in_bodies_and_dropped_from_subjects() {
        let hostile = "a\r\nBcc: x\u{0}\u{202e}b\u{2028}c\u{200b}\u{e0041}";
        assert_eq!(one_line(hostile, 99), "a��Bcc: x��b�c��");
        assert_eq!(subject(hostile), "a Bcc: xb c");
        assert_eq!(subject("  two \t\n words "), "two words");
    }

    #[test]
    fn long_text_is_cut_with_a_mark() {
        assert_eq!(one_line("abcdef", 6), "abcdef");
        assert_eq!(one_line("abcdefg", 6), "abcde…");
        assert_eq!(subject(&"é".repeat(500)).chars().count(), SUBJECT_MAX);
    }

    #[test]
    fn a_place_cannot_be_clicked() {
        for (place, expected) in [
            ("https://paste.example/a.b?c=d.e", "hxxps://paste[.]example/a.b?c=d.e"),
            ("HTTP://a.b.example", "hxxp://a[.]b[.]example"),
            ("ftp://a.example/x", "fxp://a[.]example/x"),
            ("ssh://git@a.example/x.git", "ssh://git@a[.]example/x.git"),
            ("git@a.example:x", "git@a[.]example:x"),
            ("www.evil.example/x", "www[.]evil[.]example/x"),
            ("/srv/drop/sample.zip", "/srv/drop/sample.zip"),
            ("https://a.example/r @1f2e src/a.py", "hxxps://a[.]example/r @1f2e src/a.py"),
            ("https://a.example/http://b.example/", "hxxps://a[.]example/http:/[/]b.example/"),
        ] {
            assert_eq!(defang(place), expected);
            assert_eq!(defang(expected), expected, "defanging twice changes nothing");
        }
    }

    #[test]
    fn a_sentence_keeps_its_dots_but_links_nowhere() {
        assert_eq!(
            unlink("cannot read “https://a.example/x”. Try v1.2"),
            "cannot read “hxxps://a[.]example/x”. Try v1.2"
        );
    }

    #[test]
    fn the_host_of_a_place_is_found_or_unknown() {
        for (place, expected) in [
            ("https://paste.example/secret-name", Some("paste[.]example")),
            ("hxxps://paste[.]example/secret-name", Some("paste[.]example")),
            ("https://user:pw@a.example:8443/x", Some("a[.]example:8443")),
            ("git@a.example:team/x.git @1f src/a.py", Some("a[.]example")),
            ("/srv/drop/jane-doe.zip", None),
            ("", None),
            ("https:///x", None),
        ] {
            assert_eq!(host(place).as_deref(), expected, "{place}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_line(text in any::<String>(), max in 1_usize..200) {
            for line in [one_line(&text, max), subject(&text), defang(&one_line(&text, max))] {
                prop_assert!(!line.chars().any(is_unsafe));
            }
            prop_assert!(one_line(&text, max).chars().count() <= max);
            prop_assert!(subject(&text).chars().count() <= SUBJECT_MAX);
        }

        #[test]
        fn no_place_keeps_a_scheme_that_links(place in "(?i)(see )?https?://[ -~]{0,40}") {
            let shown = defang(&place).to_ascii_lowercase();
            prop_assert!(!shown.contains("http://") && !shown.contains("https://"), "{}", shown);
            prop_assert_eq!(&defang(&shown), &shown);
        }
    }
}
