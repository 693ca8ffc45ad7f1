//! Names of members: data to show, never paths to use.

/// A longer name is cut: it is shown in tables and written to the record with every find.
const MAX_LETTERS: usize = 1024;

/// A stored name as it can be shown. Letters that would act on a terminal, hide or reorder what stands
/// around them are escaped; `..`, backslashes and leading slashes are kept, since nothing follows them.
pub(super) fn shown(name: &[u8]) -> String {
    let mut shown = String::with_capacity(name.len());
    let mut letters = 0;
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if is_plain(letter) {
                shown.push(letter);
            } else {
                shown.extend(letter.escape_unicode());
            }
            letters += 1;
            if letters == MAX_LETTERS {
                shown.push('…');
                return shown;
            }
        }
        shown.push_str(&chunk.invalid().escape_ascii().to_string());
        letters += chunk.invalid().len();
    }
    if shown.is_empty() { "(no name)".to_owned() } else { shown }
}

/// The name of something in a container that is itself called `container`, empty for the document.
pub(super) fn below(container: &str, name: &str) -> String {
    if container.is_empty() { name.to_owned() } else { format!("{container}!/{name}") }
}

fn is_plain(letter: char) -> bool {
    let reorders_or_hides = matches!(
        letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !letter.is_control() && !reorders_or_hides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_they_are_but_cannot_act() {
        let cases: [(&[u8], &str); 7] = [
            (b"src/a.py", "src/a.py"),
            (b"../../etc/passwd", "../../etc/passwd"),
            (b"..\\evil", "..\\evil"),
            ("größe".as_bytes(), "größe"),
            (b"\x1b[2Jx\n", "\\u{1b}[2Jx\\u{a}"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            (b"caf\xe9", "caf\\xe9"),
        ];
        for (name, expected) in cases {
            assert_eq!(shown(name), expected);
        }
        assert_eq!(shown(b""), "(no name)");
        assert!(shown(&b"a".repeat(70_000)).len() < 2000);
        assert_eq!(
            shown(shown(b"\x1b").as_bytes()),
            shown(b"\x1b"),
            "escaping twice changes nothing"
        );
    }

    #[test]
    fn nested_names_are_joined() {
        assert_eq!(below("", "a.py"), "a.py");
        assert_eq!(below("inner.zip", "src/b.py"), "inner.zip!/src/b.py");
    }
}
