//! Markup to the text that a reader sees, in one pass and without a tree: parsers that build one take
//! quadratic time on deep nesting.
//!
//! Its invariant: every line break of the source is one of the text, and no other is, so that line
//! numbers stay those of the source. What is malformed is kept as text, never dropped with all that follows.

use std::collections::HashSet;

use super::entities;

/// How much of the start shows whether something is HTML.
const HEAD_BYTES: usize = 64 << 10;
/// An attribute list longer than this is not searched for the class of a line number.
const CLASS_BYTES: usize = 300;

/// Whether a text is an HTML document: it begins like one, or it was declared as one and has its tags.
/// Anything else that contains markup (components, templates, XML) is code and stays as it is.
pub(super) fn is_html(text: &str, media_type: Option<&str>) -> bool {
    let head =
        text.get(..text.floor_char_boundary(HEAD_BYTES)).unwrap_or(text).to_ascii_lowercase();
    if begins_like_html(&head) {
        return true;
    }
    let essence =
        media_type.and_then(|declared| declared.split(';').next()).unwrap_or_default().trim();
    let declared = ["text/html", "application/xhtml+xml"]
        .iter()
        .any(|html| essence.eq_ignore_ascii_case(html));
    declared && COMMON_TAGS.iter().any(|tag| head.contains(tag))
}

/// Enough to tell a page, or a piece of one, from a program that was declared as one.
const COMMON_TAGS: [&str; 11] = [
    "<html", "<head", "<body", "</div>", "</p>", "</span>", "</pre>", "</a>", "</td>", "<br>",
    "<br/>",
];

fn begins_like_html(head: &str) -> bool {
    let mut rest = head.trim_start_matches('\u{feff}').trim_start();
    // A declaration of XML and comments may stand before the document.
    while let Some(end) = ["<?xml", "<!--"].iter().position(|start| rest.starts_with(start)) {
        let Some((_, after)) = rest.split_once(["?>", "-->"][end]) else { return false };
        rest = after.trim_start();
    }
    let after_name =
        ["<!doctype html", "<html", "<head", "<body"].iter().find_map(|tag| rest.strip_prefix(tag));
    after_name.is_some_and(|after| {
        !after.starts_with(|letter: char| letter.is_alphanumeric() || letter == '-')
    })
}

/// The text of an HTML document.
pub(super) fn text(source: &str) -> String {
    let mut scanner = Scanner {
        source,
        at: 0,
        text: String::with_capacity(source.len() / 2),
        absent: HashSet::new(),
        quotes_matter: true,
        in_gutter: false,
    };
    scanner.run();
    scanner.text
}

struct Scanner<'a> {
    source: &'a str,
    at: usize,
    text: String,
    /// What was looked for and does not come any more. Without it, a page of a million openings would be
    /// searched a million times to its end.
    absent: HashSet<&'static str>,
    /// Off once a quote was left open to the end of the page.
    quotes_matter: bool,
    /// Whether a tag that holds line numbers was just opened.
    in_gutter: bool,
}

/// What to do with what stands between an opening tag and its end.
enum Inside {
    /// As it stands: scripts.
    Verbatim,
    /// With entities decoded, but without tags: form fields.
    Plain,
    /// Not at all: styles.
    Dropped,
}

impl<'a> Scanner<'a> {
    fn run(&mut self) {
        while self.at < self.source.len() {
            let rest = self.rest();
            let next = rest.find('<').unwrap_or(rest.len());
            self.characters(rest.get(..next).unwrap_or_default());
            self.at += next;
            if next < rest.len() {
                self.markup();
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn characters(&mut self, part: &str) {
        if part.is_empty() {
            return;
        }
        let is_number = |letter: char| {
            letter.is_ascii_digit() || letter.is_whitespace() || ":.|".contains(letter)
        };
        if std::mem::take(&mut self.in_gutter) && part.chars().all(is_number) {
            self.blank(part);
        } else {
            entities::decode(part, &mut self.text);
        }
    }

    /// Markup, or a `<` that is none.
    fn markup(&mut self) {
        let rest = self.rest();
        let done = match rest.as_bytes().get(1) {
            Some(b'!') if rest.starts_with("<!--") => self.blank_to("-->"),
            Some(b'!') if rest.starts_with("<![CDATA[") => self.section("<![CDATA[", "]]>"),
            Some(b'!') => self.blank_to(">"),
            // Code that a server would have run: the most telling part of a leaked page.
            Some(b'?') if !rest.starts_with("<?xml") => self.section("<?", "?>"),
            Some(b'?') => self.blank_to("?>"),
            Some(b'/') if rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic) => {
                self.tag(2)
            }
            Some(letter) if letter.is_ascii_alphabetic() => self.tag(1),
            _ => false,
        };
        if !done {
            self.text.push('<');
            self.at += 1;
        }
    }

    /// Where `end` begins, counted from here.
    fn find(&mut self, end: &'static str) -> Option<usize> {
        if self.absent.contains(end) {
            return None;
        }
        let found = self.rest().find(end);
        if found.is_none() {
            self.absent.insert(end);
        }
        found
    }

    fn blank_to(&mut self, end: &'static str) -> bool {
        let Some(found) = self.find(end) else { return false };
        self.blank_next(found + end.len());
        true
    }

    /// What stands between `start`, where the scanner is, and `end`, as it is; without an end, to the end.
    fn section(&mut self, start: &str, end: &'static str) -> bool {
        let rest = self.rest();
        let length = self.find(end).unwrap_or(rest.len());
        self.text.push_str(rest.get(start.len()..length).unwrap_or_default());
        self.at += (length + end.len()).min(rest.len());
        true
    }

    fn blank_next(&mut self, length: usize) {
        let blanked = self.rest().get(..length).unwrap_or_default();
        self.at += length;
        self.blank(blanked);
    }

    fn blank(&mut self, part: &str) {
        self.text.extend(part.bytes().filter(|byte| *byte == b'\n').map(char::from));
    }

    /// A tag whose name begins at `name_at`.
    fn tag(&mut self, name_at: usize) -> bool {
        let rest = self.rest();
        let Some(length) = self.tag_length() else { return false };
        let whole = rest.get(name_at..length - 1).unwrap_or_default();
        let name_end = whole.find(|letter: char| letter.is_ascii_whitespace() || letter == '/');
        let (name, attributes) = whole.split_at(name_end.unwrap_or(whole.len()));
        self.in_gutter = attributes.len() <= CLASS_BYTES && holds_line_numbers(attributes);
        if BLOCKS.iter().any(|block| name.eq_ignore_ascii_case(block)) {
            self.gap();
        }
        self.blank_next(length);
        let is_opening = name_at == 1;
        if let Some((close, inside)) = special(name).filter(|_| is_opening) {
            self.inside(close, &inside);
        }
        true
    }

    /// A space, so that what stands left and right of a block does not run together.
    fn gap(&mut self) {
        if !self.text.ends_with(char::is_whitespace) {
            self.text.push(' ');
        }
    }

    /// The length of the tag that begins here: to the first `>` outside of quotes. Where another `<` comes
    /// first, there is none: `a <b and c <d>`.
    fn tag_length(&mut self) -> Option<usize> {
        let bytes = self.rest().as_bytes();
        let mut at = 1;
        loop {
            let quotes_matter = self.quotes_matter;
            let ends = |byte: &u8| match byte {
                b'>' | b'<' => true,
                b'"' | b'\'' => quotes_matter,
                _ => false,
            };
            at += bytes.get(at..)?.iter().position(ends)?;
            match bytes.get(at)? {
                b'>' => return Some(at + 1),
                b'<' => return None,
                quote => match bytes.get(at + 1..)?.iter().position(|byte| byte == quote) {
                    Some(closing) => at += closing + 2,
                    None => self.quotes_matter = false,
                },
            }
        }
    }

    /// What stands before the closing tag of a special element. Where that never comes, the element is none.
    fn inside(&mut self, close: &'static str, inside: &Inside) {
        if self.absent.contains(close) {
            return;
        }
        let rest = self.rest();
        let Some(length) = find_ignoring_case(rest, close) else {
            self.absent.insert(close);
            return;
        };
        let content = rest.get(..length).unwrap_or_default();
        match inside {
            Inside::Verbatim => self.text.push_str(content),
            Inside::Plain => entities::decode(content, &mut self.text),
            Inside::Dropped => self.blank(content),
        }
        self.at += length;
    }
}

fn find_ignoring_case(text: &str, close: &str) -> Option<usize> {
    let candidates = text.match_indices("</").map(|(at, _)| at);
    let wanted = close.as_bytes();
    let matches = |at: &usize| {
        let found = text.as_bytes().get(*at..*at + wanted.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
    };
    candidates.into_iter().find(matches)
}

fn special(name: &str) -> Option<(&'static str, Inside)> {
    Some(match name.to_ascii_lowercase().as_str() {
        "script" => ("</script", Inside::Verbatim),
        "xmp" => ("</xmp", Inside::Verbatim),
        "textarea" => ("</textarea", Inside::Plain),
        "title" => ("</title", Inside::Plain),
        "style" => ("</style", Inside::Dropped),
        _ => return None,
    })
}

/// By the classes that highlighters and paste sites give to them.
fn holds_line_numbers(attributes: &str) -> bool {
    const CLASSES: [&str; 9] = [
        "lineno",
        "line-num",
        "line_num",
        "linenum",
        "hljs-ln-n",
        "gutter",
        "blob-num",
        "class=\"ln\"",
        "class=\"lnt\"",
    ];
    attributes.contains("class") && CLASSES.iter().any(|class| attributes.contains(class))
}

/// Elements that a browser sets apart from what stands beside them.
const BLOCKS: [&str; 58] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "button",
    "caption",
    "center",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "frame",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "iframe",
    "input",
    "legend",
    "li",
    "main",
    "menu",
    "nav",
    "noscript",
    "ol",
    "optgroup",
    "option",
    "p",
    "pre",
    "script",
    "section",
    "select",
    "summary",
    "table",
    "tbody",
    "td",
    "textarea",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str) -> usize {
        text.matches('\n').count()
    }

    #[test]
    fn only_documents_are_html() {
        let cases = [
            ("<!DOCTYPE html>\n<p>x", None, true),
            ("\u{feff}\n<?xml version='1.0'?><!-- a --><html lang=en>", None, true),
            ("<body class=x>", None, true),
            ("<headline>x</headline>", None, false),
            ("<template><div>{{ x }}</div></template>", None, false),
            ("<?php echo '<html>'; ?>", None, false),
            ("<?xml version='1.0'?><project><body/></project>", None, false),
            ("const Page = () => <div><p>x</p></div>;", None, false),
            ("std::vector<int> v;", Some("text/html"), false),
            ("hello<br>you", Some("text/html; charset=utf-8"), true),
            ("<pre>x</pre>", Some("TEXT/HTML"), true),
            ("<pre>x</pre>", Some("text/plain"), false),
            ("<!-- never closed <html>", None, false),
        ];
        for (text, media_type, expected) in cases {
            assert_eq!(is_html(text, media_type), expected, "{text} as {media_type:?}");
        }
    }

    #[test]
    fn markup_goes_and_text_stays() {
        let cases = [
            ("<p>one</p><p>two</p>", " one two "),
            ("<b>bo</b>ld", "bold"),
            ("a<br>b<br/>c", "a b c"),
            ("x <a href='a>b'>link</a>", "x link"),
            ("<!-- gone -->kept<!-->also<!doctype html>", "keptalso"),
            ("<script>if (a < b && c > d) {}</script>", " if (a < b && c > d) {} "),
            ("<style>p { color: red }</style>x", "x"),
            ("<textarea>a &lt; <b>c</textarea>", " a < <b>c "),
            ("<title>T &amp; t</TITLE>", " T & t "),
            ("a < b && c > d <3 <", "a < b && c > d <3 <"),
            ("<a\nhref=x\n>line</a>", "\n\nline"),
            ("<?php echo $x ?>y", "php echo $x y"),
            ("<![CDATA[a < b]]>", "a < b"),
            ("open <div and no end", "open <div and no end"),
            ("open <!-- and no end", "open <!-- and no end"),
            ("<style>no end", "no end"),
            ("<p title=\"open>text</p>more", "text more"),
            ("<td class=\"lineno\">12</td><td>x = 1</td>", "    x = 1 "),
            ("<span class=\"ln\">12</span>x = 1", "x = 1"),
            ("<span class=\"lineno\">total</span>", "total"),
        ];
        for (source, expected) in cases {
            let squeezed = |text: &str| {
                text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
            };
            assert_eq!(squeezed(&text(source)), squeezed(expected), "{source}");
            assert_eq!(lines(&text(source)), lines(source), "{source}");
        }
    }

    #[test]
    fn highlighted_code_is_as_it_was() {
        let code = "fn main() {\n    let x = a < b && c[\"k\"];\n\n    f::<u8>(&x) // it's\n}\n";
        let escaped = code
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;");
        let page = |code: &str| {
            format!("<html><body><pre><code class=\"rust\">{code}</code></pre></body></html>")
        };
        assert_eq!(text(&page(&escaped)).trim_start_matches(' '), code);
        let coloured: Vec<String> = escaped
            .split_inclusive([' ', '\n'])
            .map(|word| format!("<span class=\"k\" data-x='>'>{word}</span>"))
            .collect();
        let coloured = coloured.concat();
        assert_eq!(text(&page(&coloured)).trim_start_matches(' '), code);
    }

    #[test]
    fn deep_and_broken_pages_take_linear_time() {
        let many = 200_000;
        for part in [
            "<div>",
            "<a \"",
            "<a '>",
            "<!--",
            "<textarea>",
            "<style>",
            "<![CDATA[",
            "&",
            "<x",
            "</",
            "<!",
            "<?",
        ] {
            let page = part.repeat(many);
            assert!(text(&page).len() <= page.len());
            let closed = format!("{page}>");
            assert!(text(&closed).len() <= closed.len());
        }
    }

    proptest! {
        #[test]
        fn line_numbers_stay_whatever_the_markup(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("<p>"), Just("</p"), Just(">"), Just("\n"), Just("<!--"), Just("-->"), Just("<script"),
                    Just("</script>"), Just("<style>"), Just("</style"), Just("\""), Just("'"), Just("&#10;"),
                    Just("&lt;"), Just("é"), Just("<textarea>"), Just("</textarea"), Just("<?"), Just("?>"),
                    Just("<![CDATA["), Just("]]>"), Just("x1 "), Just("<td class=\"lineno\">"),
                ],
                0..60,
            )
        ) {
            let page = parts.concat();
            prop_assert_eq!(lines(&text(&page)), lines(&page));
        }
    }
}
