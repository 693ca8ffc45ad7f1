//! Hostile HTML into a tree that is safe to search.
//!
//! The parser and the selectors take time that grows with the product of size and depth, so both
//! are bounded while the tree grows. The tree cannot leave its thread; neither does this module.

use encoding_rs::{Encoding, UTF_8};
use html5ever::ParseOpts;
use html5ever::driver::parse_document;
use html5ever::tendril::{StrTendril, TendrilSink};
use scraper::{Html, HtmlTreeSink};

/// Deeper than any page made for people.
const MAX_DEPTH: usize = 512;

/// A page that is nested too deeply to be meant for a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooDeep;

/// Parses a page as a browser would.
pub(super) fn parse(text: &str) -> Result<Html, TooDeep> {
    // A piece this long can add so little depth that looking only between pieces is enough.
    const PIECE: usize = 4096;
    let mut parser = parse_document(HtmlTreeSink::new(Html::new_document()), ParseOpts::default());
    let mut rest = text;
    let mut checked = 0;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = after;
        parser.process(StrTendril::from_slice(piece));
        let html = parser.tokenizer.sink.sink.0.borrow();
        let fresh = html.tree.nodes().len() - checked;
        checked += fresh;
        let mut nodes = html.tree.nodes().rev().take(fresh);
        if nodes.any(|node| node.ancestors().nth(MAX_DEPTH).is_some()) {
            return Err(TooDeep);
        }
    }
    Ok(parser.finish())
}

/// The text of a page in the encoding that its mark, its header or its `meta` declares, else UTF-8.
pub(super) fn decode(bytes: &[u8], media_type: Option<&str>) -> String {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let declared = media_type.and_then(charset).or_else(|| charset(&head)).unwrap_or(UTF_8);
    declared.decode(bytes).0.into_owned()
}

fn charset(text: &str) -> Option<&'static Encoding> {
    let (_, label) = text.split_once("charset=")?;
    let label = label.trim_start_matches(['"', '\'', ' ']);
    let end = label.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c));
    Encoding::for_label(label.get(..end.unwrap_or(label.len()))?.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_page_nested_without_end_is_refused_at_once() {
        let attacks = [
            "<div>".repeat(800_000),
            "<table><tr><td></div>".repeat(100_000),
            (0..200_000).map(|n| format!("<b id={n}><p>")).collect::<Vec<_>>().concat(),
            format!("{}</body><!---->", "<div>".repeat(700)).repeat(600),
        ];
        for attack in attacks {
            let begun = Instant::now();
            let start: String = attack.chars().take(40).collect();
            assert_eq!(parse(&attack).map(drop), Err(TooDeep), "{start}");
            assert!(begun.elapsed() < Duration::from_secs(5), "took {:?}", begun.elapsed());
        }
    }

    #[test]
    fn long_and_sloppy_is_not_deep() {
        let page = "<li><p>a<br><b>é</b></i>".repeat(50_000);
        assert!(parse(&page).is_ok());
    }

    #[test]
    fn the_declared_encoding_is_believed_in_the_right_order() {
        let latin1 = b"<meta charset='iso-8859-1'>caf\xe9";
        assert!(decode(latin1, None).ends_with("café"));
        assert!(decode(latin1, Some("text/html; charset=UTF-8")).ends_with("caf\u{fffd}"));
        assert!(decode("café".as_bytes(), Some("text/html")).ends_with("café"));
        assert!(
            decode("\u{feff}café".as_bytes(), Some("text/html; charset=latin1")).ends_with("café")
        );
    }
}
