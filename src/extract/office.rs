//! Office packages: zip archives of XML. Their parts are searched as text; that they were not read as
//! the documents they are is said.

use super::entities;
use super::unreadable::Unreadable;

/// What the names of the members seen so far say.
#[derive(Default)]
pub(super) struct Package {
    /// Whether the member was seen that lists or names the format of the others, which comes first.
    announced: bool,
    kind: Option<Unreadable>,
}

impl Package {
    /// Takes note of a member. Whether it is a part that holds text.
    pub(super) fn note(&mut self, member: &[u8]) -> bool {
        if [&b"[Content_Types].xml"[..], b"mimetype"].contains(&member) {
            self.announced = true;
        }
        let folders = [
            (&b"word/"[..], Unreadable::Word),
            (b"xl/", Unreadable::Spreadsheet),
            (b"ppt/", Unreadable::Presentation),
            (b"content.xml", Unreadable::OpenDocument),
        ];
        let folder = folders.iter().find(|(start, _)| self.announced && member.starts_with(start));
        if let Some((_, kind)) = folder {
            self.kind = Some(*kind);
        }
        folder.is_some() && member.ends_with(b".xml")
    }

    /// What it is, if it is one.
    pub(super) fn kind(&self) -> Option<Unreadable> {
        self.kind
    }
}

/// The text of a part: paragraphs and rows as lines.
pub(super) fn text(xml: &str) -> String {
    let mut text = String::with_capacity(xml.len() / 4);
    let mut rest = xml;
    while let Some((before, markup)) = rest.split_once('<') {
        entities::decode(before, &mut text);
        // In XML a `>` ends every tag: within quotes writers escape it.
        let Some((tag, after)) = markup.split_once('>') else {
            rest = markup;
            break;
        };
        text.push_str(gap(tag));
        rest = after;
    }
    entities::decode(rest, &mut text);
    text
}

/// What a tag puts between the text before and after it: most put nothing, since words are cut into
/// pieces of one format each.
fn gap(tag: &str) -> &'static str {
    let name =
        tag.trim_start_matches('/').split([' ', '/', '\n', '\t', '\r']).next().unwrap_or_default();
    match name.rsplit(':').next().unwrap_or_default() {
        "p" | "h" | "br" | "cr" | "tr" | "row" | "table-row" | "si" | "line-break"
            if tag.starts_with('/') || tag.ends_with('/') =>
        {
            "\n"
        }
        "tab" | "tc" | "c" | "s" | "table-cell" => " ",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cut_into_runs_are_whole_again() {
        let xml = "<?xml version=\"1.0\"?><w:document><w:body><w:p><w:r><w:t>Hel</w:t></w:r><w:r><w:t>lo &amp; \
                   you</w:t></w:r></w:p><w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t></w:r></w:p></w:body></w:document>";
        assert_eq!(text(xml), "Hello & you\na b\n");
        assert_eq!(text("a < b"), "a  b", "cut off within a tag");
    }

    #[test]
    fn a_package_is_known_by_its_parts() {
        let cases: [(&[&[u8]], Option<Unreadable>); 4] = [
            (&[b"[Content_Types].xml", b"word/document.xml"], Some(Unreadable::Word)),
            (&[b"mimetype", b"content.xml"], Some(Unreadable::OpenDocument)),
            (&[b"word/document.xml"], None),
            (&[b"mimetype", b"META-INF/container.xml"], None),
        ];
        for (members, kind) in cases {
            let mut package = Package::default();
            for member in members {
                package.note(member);
            }
            assert_eq!(package.kind(), kind);
        }
    }
}
