//! Line numbers before the lines of a listing. They stand in the middle of what was copied and would
//! part it; other decoration (`+` and `-` of diffs, `> ` of quotes) is punctuation, which recognition does not see.

use std::ops::Range;

/// As many lines with rising numbers are a listing. Fewer may be an enumeration in prose.
const LISTING_LINES: usize = 8;
/// No listing has more digits in a number.
const MOST_DIGITS: usize = 7;

/// Takes the line numbers off every listing in a text. No line is added or removed.
pub(super) fn strip(text: String) -> String {
    let listings = listings(&text);
    if listings.is_empty() {
        return text;
    }
    let mut stripped = String::with_capacity(text.len());
    let mut at = 0;
    for listing in listings {
        stripped.push_str(text.get(at..listing.start).unwrap_or_default());
        at = listing.end;
        for line in text.get(listing).unwrap_or_default().split_inclusive('\n') {
            let length = gutter(line).map_or(0, |(_, length)| length);
            stripped.push_str(line.get(length..).unwrap_or_default());
        }
    }
    stripped.push_str(text.get(at..).unwrap_or_default());
    stripped
}

/// Where listings stand.
fn listings(text: &str) -> Vec<Range<usize>> {
    let mut listings = Vec::new();
    let mut run = Run::default();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let gutter = gutter(line);
        let number = gutter.map(|(number, _)| number);
        if number.is_none() || number != run.last.map(|last| last + 1) {
            listings.extend(run.listing(at));
            run = Run { start: at, ..Run::default() };
        }
        if let Some((_, length)) = gutter {
            run.lines += 1;
            run.with_content +=
                usize::from(line.get(length..).is_some_and(|content| !content.trim().is_empty()));
        }
        run.last = number;
        at += line.len();
    }
    listings.extend(run.listing(at));
    listings
}

/// Lines whose numbers rise by one.
#[derive(Default)]
struct Run {
    start: usize,
    lines: usize,
    /// How many of them have more than a number.
    with_content: usize,
    last: Option<u32>,
}

impl Run {
    /// Where it stands, if it is a listing. A column of bare numbers is data.
    fn listing(&self, end: usize) -> Option<Range<usize>> {
        let is_listing = self.lines >= LISTING_LINES && 2 * self.with_content >= self.lines;
        is_listing.then_some(self.start..end)
    }
}

/// The number at the start of a line and the length of what it takes. What follows must be white space,
/// a colon or a bar: a comma is data, a full stop an enumeration.
fn gutter(line: &str) -> Option<(u32, usize)> {
    let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
    let after_indent = line.get(indent..)?;
    let digits = after_indent.bytes().take(MOST_DIGITS + 1).take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > MOST_DIGITS {
        return None;
    }
    let number = after_indent.get(..digits)?.parse().ok()?;
    let mut length = indent + digits;
    match line.as_bytes().get(length) {
        None | Some(b'\n' | b' ') => {}
        // A table with a numbered first column has no indentation.
        Some(b'\t') if indent > 0 => {}
        Some(b':' | b'|') => length += 1,
        _ => return None,
    }
    Some((number, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(code: &str, number: impl Fn(usize) -> String) -> String {
        let lines = code.split_inclusive('\n').enumerate();
        lines.map(|(index, line)| number(index) + line).collect::<Vec<_>>().concat()
    }

    #[test]
    fn listings_lose_their_numbers_and_nothing_else() {
        let code =
            "use a;\n\nfn main() {\n    let x = 1;\n    let y = 2;\n    z(x, y)\n}\n\n// 12 end\n";
        let styles: [fn(usize) -> String; 5] = [
            |index| format!("{}: ", index + 1),
            |index| format!("{:>4} ", index + 96),
            |index| format!("{:>6}\t", index + 1),
            |index| format!("{} | ", index + 998),
            |index| format!("{index:03}|"),
        ];
        for style in styles {
            let listing = numbered(code, style);
            let whole = format!("Look at this:\n{listing}\nbye 7\n");
            let stripped = strip(whole.clone());
            assert_eq!(stripped.matches('\n').count(), whole.matches('\n').count());
            let squeeze = |text: &str| {
                text.split_whitespace().collect::<Vec<_>>().join(" ").replace("| ", "")
            };
            assert_eq!(
                squeeze(&stripped),
                format!("Look at this: {} bye 7", squeeze(code)),
                "{listing}"
            );
        }
    }

    #[test]
    fn data_lists_and_short_runs_stay() {
        let rows = "a\n".repeat(20);
        let styles: [fn(usize) -> String; 4] = [
            |index| format!("{index},"),
            |index| format!("{index}. "),
            |index| format!("{index}\t"),
            |index| format!("{} ", index * 10),
        ];
        for style in styles {
            let data = numbered(&rows, style);
            assert_eq!(strip(data.clone()), data);
        }
        let column = numbered(&"\n".repeat(20), |index| index.to_string());
        assert_eq!(strip(column.clone()), column);
        let short = numbered("a\na\na\n", |index| format!("{index}: "));
        assert_eq!(strip(short.clone()), short);
        assert_eq!(strip("99999999 x\n".repeat(9)), "99999999 x\n".repeat(9));
    }
}
