//! The closing screen: what happened, for somebody who reads only this.

use std::path::Path;

use super::folder::Folder;
use super::material::{PLANTED, Planted};
use super::story::{Story, ours, place};
use crate::cli::output::{Cell, Output, Table, Tone};
use crate::fs;
use crate::model::finding::Finding;
use crate::service::Detail;

/// Lines of the mail's text that are shown.
const MAIL_LINES: usize = 11;

/// How the demo went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Planted pieces that were found.
    pub(super) found: usize,
    /// Unrelated documents that were reported.
    pub(super) mistaken: usize,
}

impl Tally {
    /// Counts over everything recorded.
    pub(super) fn of(incidents: &[Detail]) -> Self {
        let findings = || incidents.iter().flat_map(|detail| &detail.findings);
        let is_found = |planted: &&Planted| {
            findings().any(|recorded| {
                let has_file = |finding: &Finding| {
                    finding.matches.iter().any(|found| found.found.document == planted.file.path)
                };
                recorded.finding.place.contains(planted.mark) && has_file(&recorded.finding)
            })
        };
        let is_mistaken = |place: &str| PLANTED.iter().all(|planted| !place.contains(planted.mark));
        Self {
            found: PLANTED.iter().filter(is_found).count(),
            mistaken: findings().filter(|recorded| is_mistaken(&recorded.finding.place)).count(),
        }
    }

    /// Whether everything planted was found, and nothing else.
    pub(super) fn is_right(self) -> bool {
        self.found == PLANTED.len() && self.mistaken == 0
    }
}

/// Prints the closing screen.
pub(super) fn print(
    incidents: &[Detail],
    tally: Tally,
    story: &Story<'_>,
    folder: &Folder,
    output: &Output,
) -> anyhow::Result<()> {
    output.line("")?;
    output.line_in(Tone::Strong, "What happened")?;
    for line in verdict(tally, story.documents(), story.is_leaking()) {
        output.line(&format!("  {line}"))?;
    }
    if !incidents.is_empty() {
        output.line("")?;
        output.table(&table(incidents))?;
    }
    if let Some(path) = story.mails().last() {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        output.line("")?;
        output.line_in(Tone::Strong, &format!("The mail, {name}, begins"))?;
        for line in head_of_mail(&fs::read(path)?) {
            output.line(format!("  | {line}").trim_end())?;
        }
    }
    output.line("")?;
    commands(incidents, folder, output)
}

fn verdict(tally: Tally, documents: u64, is_leaking: bool) -> Vec<String> {
    let Tally { found, mistaken } = tally;
    let planted = PLANTED.len();
    let read = format!("{documents} documents in three places were read.");
    if !is_leaking {
        return vec![
            read,
            "Nothing of ours was published yet when the demo was stopped.".to_owned(),
        ];
    }
    let all = if found == planted { "all " } else { "only " };
    let others = documents.saturating_sub(found as u64);
    vec![
        read,
        format!(
            "{planted} pieces of our files were published, each in another disguise: {all}{found} were found."
        ),
        if mistaken == 0 {
            format!("Of the {others} other documents none was reported.")
        } else {
            format!("{mistaken} of the {others} other documents were reported by mistake.")
        },
    ]
}

fn table(incidents: &[Detail]) -> Table {
    let mut table = Table::new(["  incident", "lines of ours", "where they were", "disguise"]);
    for detail in incidents {
        let mut id = format!("  {} {}", detail.incident.id, detail.incident.severity);
        for recorded in &detail.findings {
            let finding = &recorded.finding;
            let what = finding.matches.first().map(|best| ours(best, ":")).unwrap_or_default();
            let planted = PLANTED.iter().find(|planted| finding.place.contains(planted.mark));
            table.row([
                Cell::toned(Tone::Strong, &std::mem::take(&mut id)),
                what.into(),
                format!("{}: {}", recorded.source, below_host(&place(&finding.place))).into(),
                planted.map_or("none: this is a mistake", |planted| planted.disguise).into(),
            ]);
        }
    }
    table
}

/// What of an address is below its host, or of a repository below the repository.
fn below_host(place: &str) -> &str {
    if let Some((_, in_repository)) = place.split_once('@') {
        return in_repository.split_once(':').map_or(in_repository, |(_commit, path)| path);
    }
    let after_scheme = place.split_once("://").map_or(place, |(_, rest)| rest);
    after_scheme.find('/').and_then(|at| after_scheme.get(at..)).unwrap_or(after_scheme)
}

/// Sender, recipient, subject and the first lines of the text.
fn head_of_mail(mail: &[u8]) -> Vec<String> {
    let mail = String::from_utf8_lossy(mail).replace("\r\n", "\n");
    let (head, body) = mail.split_once("\n\n").unwrap_or((&mail, ""));
    let is_shown =
        |line: &&str| ["From:", "To:", "Subject:"].iter().any(|name| line.starts_with(name));
    let mut lines: Vec<String> = head.lines().filter(is_shown).map(str::to_owned).collect();
    lines.push(String::new());
    // The first part is the text; its own head says how it is written.
    let (part_head, text) = body.split_once("\n\n").unwrap_or(("", body));
    let text = text.split("\n--").next().unwrap_or(text);
    let is_quoted = part_head.to_ascii_lowercase().contains("quoted-printable");
    let text = if is_quoted { unquoted(text) } else { text.to_owned() };
    lines.extend(text.lines().take(MAIL_LINES).map(str::to_owned));
    lines.push("...".to_owned());
    lines
}

/// Text as it was before it was made quoted-printable (RFC 2045, 6.7).
fn unquoted(text: &str) -> String {
    let mut parts = text.replace("=\n", "").into_bytes().into_iter();
    let mut bytes = Vec::new();
    while let Some(byte) = parts.next() {
        if byte != b'=' {
            bytes.push(byte);
            continue;
        }
        let digits: String = parts.by_ref().take(2).map(char::from).collect();
        bytes.extend(u8::from_str_radix(&digits, 16));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn commands(incidents: &[Detail], folder: &Folder, output: &Output) -> anyhow::Result<()> {
    let program = std::env::args_os()
        .next()
        .map_or_else(|| "leakwarden".to_owned(), |program| program.to_string_lossy().into_owned());
    let kept = if folder.is_kept() { folder.path() } else { Path::new("leakwarden-demo") };
    if folder.is_kept() {
        let heading = format!("Everything is in {}; look around", kept.display());
        output.line_in(Tone::Strong, &heading)?;
    } else {
        output.line_in(
            Tone::Strong,
            "The folder of the demo is removed; to keep one and look around",
        )?;
        output.line(&format!("  {program} demo --once --keep {}", kept.display()))?;
    }
    let first = incidents
        .first()
        .map_or_else(|| "INC-1".to_owned(), |detail| detail.incident.id.to_string());
    let config = kept.join(crate::config::FILE_NAME);
    for command in [
        format!("incident show {first}"),
        format!("check {}", kept.join("corpus/gate").display()),
        "evidence verify".to_owned(),
    ] {
        output.line(&format!("  {program} --config {} {command}", config.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_says_what_was_found_and_what_was_not() {
        let all = PLANTED.len();
        let told = |found, mistaken, is_leaking| {
            verdict(Tally { found, mistaken }, 25, is_leaking).join("\n")
        };
        assert!(told(all, 0, true).ends_with("none was reported."));
        assert!(told(all - 1, 0, true).contains("only 5 were found"));
        assert!(
            told(all, 2, true).contains("2 of the 19 other documents were reported by mistake")
        );
        assert!(told(0, 0, false).contains("Nothing of ours was published yet"));
        assert!(Tally { found: all, mistaken: 0 }.is_right());
        assert!(!Tally { found: all, mistaken: 1 }.is_right());
        assert!(!Tally { found: all - 1, mistaken: 0 }.is_right());
    }

    #[test]
    fn the_mail_is_shown_as_a_person_sees_it() {
        let mail = b"Date: x\r\nFrom: a\r\nSubject: b\r\n\r\n--z\r\nContent-Transfer-Encoding: quoted-printable\r\n\
            \r\nOne line that is l=\r\nong, caf=C3=A9\r\n\r\nmore\r\n--z\r\nhtml";
        let expected =
            ["From: a", "Subject: b", "", "One line that is long, caf\u{e9}", "", "more", "..."];
        assert_eq!(head_of_mail(mail), expected);
    }

    #[test]
    fn places_are_shown_without_what_they_have_in_common() {
        assert_eq!(below_host("http://127.0.0.1:1/p/abc"), "/p/abc");
        assert_eq!(below_host("http://127.0.0.1:1/x.git@0123456789:a/b.c"), "a/b.c");
    }
}
