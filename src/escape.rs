//! Makes hostile text visible: what a terminal, a log or a mail would obey or hide becomes an escape.
//!
//! One invariant: the result holds no control character, nothing that turns the direction of writing,
//! and nothing invisible but spaces. Pure; knows nothing of where the text came from or goes to.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text fit for one line: line breaks and tabs become `\n`, `\r`, `\t`, everything dangerous `\u{1b}`.
///
/// A backslash stays as it is: this is for eyes, not for reading back.
pub fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, is_hostile, |c, out| match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => out.extend(c.escape_unicode()),
    })
}

/// Text of several lines: as [`visible`], but line feeds and tabs stay.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    replaced(
        text,
        |c| is_hostile(c) && c != '\n' && c != '\t',
        |c, out| {
            let mut buffer = [0; 4];
            out.push_str(&visible(c.encode_utf8(&mut buffer)));
        },
    )
}

/// Serialised JSON of the same meaning without anything that a terminal would obey or hide.
///
/// Such characters can only stand within strings, where `\u` escapes are free; JSON's own white space
/// between values stays.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    replaced(
        json,
        |c| is_hostile(c) && c != '\n',
        |c, out| {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}").expect("a string takes everything");
            }
        },
    )
}

fn replaced(
    text: &str,
    is_replaced: impl Fn(char) -> bool,
    replace: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if !text.contains(&is_replaced) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_replaced(c) {
            replace(c, &mut out);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Controls, marks of direction, line separators of Unicode, and characters that show nothing.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        for (text, expected) in [
            ("plain text, größer, 漢字, 🙂", "plain text, größer, 漢字, 🙂"),
            ("\u{1b}[31mred\u{1b}[0m", "\\u{1b}[31mred\\u{1b}[0m"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("bell\u{7} del\u{7f} nul\0", "bell\\u{7} del\\u{7f} nul\\u{0}"),
            ("invoice\u{202e}fdp.exe", "invoice\\u{202e}fdp.exe"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("line\u{2028}separator", "line\\u{2028}separator"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ] {
            assert_eq!(visible(text), expected);
        }
        assert_eq!(visible_lines("a\n\tb\r\u{1b}"), "a\n\tb\\r\\u{1b}");
        assert!(matches!(visible("plain"), Cow::Borrowed(_)), "ordinary text costs nothing");
    }

    proptest! {
        #[test]
        fn nothing_hostile_is_left(text in any::<String>()) {
            prop_assert!(!visible(&text).contains(is_hostile));
            prop_assert!(!visible_lines(&text).contains(|c| is_hostile(c) && c != '\n' && c != '\t'));
        }

        #[test]
        fn json_keeps_its_meaning(text in "[\\x00-\\x1f\\x7f-\\u{9f}\u{202e}\u{e0041}a\"\\\\é🙂]{0,20}") {
            let json = serde_json::to_string(&text).unwrap();
            let shown = visible_json(&json);
            prop_assert!(!shown.contains(is_hostile));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
