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
const MAIL_LINES: usize = 14;

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
    for line in verdict(tally, story.documents()) {
        output.line(&format!("  {line}"))?;
    }
    output.line("")?;
    output.table(&table(incidents))?;
    if let Some(path) = story.mails().last() {
        output.line("")?;
        output.line_in(Tone::Strong, &format!("The mail, {}", path.display()))?;
        for line in head_of_mail(path)? {
            output.line(format!("  | {line}").trim_end())?;
        }
    }
    output.line("")?;
    commands(incidents, folder, output)
}

fn verdict(tally: Tally, documents: u64) -> Vec<String> {
    let Tally { found, mistaken } = tally;
    let planted = PLANTED.len();
    let all = if found == planted { "all " } else { "" };
    let mut lines = vec![format!(
        "{documents} documents in three places were read. {planted} of them held a piece of our files, each in another \
         disguise: {all}{found} were found."
    )];
    let unrelated = documents.saturating_sub(planted as u64);
    lines.push(if mistaken == 0 {
        format!("Of the {unrelated} others none was reported. The program keeps no text of our files, only keyed fingerprints.")
    } else {
        format!("{mistaken} of the others were reported by mistake.")
    });
    lines
}

fn table(incidents: &[Detail]) -> Table {
    let mut table =
        Table::new(["  incident", "severity", "score", "what of ours", "where", "disguised as"]);
    for detail in incidents {
        let mut id = format!("  {}", detail.incident.id);
        let mut severity = detail.incident.severity.to_string();
        for recorded in &detail.findings {
            let finding = &recorded.finding;
            let what = finding.matches.first().map(ours).unwrap_or_default();
            let planted = PLANTED.iter().find(|planted| finding.place.contains(planted.mark));
            table.row([
                Cell::toned(Tone::Strong, &std::mem::take(&mut id)),
                Cell::toned(Tone::Bad, &std::mem::take(&mut severity)),
                Cell::number(format!("{:.2}", finding.score)),
                what.into(),
                place(&finding.place).into(),
                planted.map_or("nothing: this is a mistake", |planted| planted.disguise).into(),
            ]);
        }
    }
    table
}

/// Subject, sender and the first lines of the text.
fn head_of_mail(path: &Path) -> anyhow::Result<Vec<String>> {
    let mail = String::from_utf8_lossy(&fs::read(path)?).replace("\r\n", "\n");
    let (head, body) = mail.split_once("\n\n").unwrap_or((&mail, ""));
    let wanted =
        |line: &&str| ["From:", "To:", "Subject:"].iter().any(|name| line.starts_with(name));
    let mut lines: Vec<String> = head.lines().filter(wanted).map(str::to_owned).collect();
    lines.push(String::new());
    lines.extend(body.lines().take(MAIL_LINES).map(str::to_owned));
    Ok(lines)
}

fn commands(incidents: &[Detail], folder: &Folder, output: &Output) -> anyhow::Result<()> {
    let program = std::env::args_os()
        .next()
        .map_or_else(|| "leakwarden".to_owned(), |program| program.to_string_lossy().into_owned());
    let kept = if folder.is_kept() { folder.path() } else { Path::new("leakwarden-demo") };
    if folder.is_kept() {
        output.line_in(Tone::Strong, "Try next, on what was kept")?;
    } else {
        output.line_in(
            Tone::Strong,
            "Nothing of this is left on the disk. To keep it and look around",
        )?;
        output.line(&format!("  {program} demo --once --keep {}", kept.display()))?;
    }
    let first = incidents
        .first()
        .map_or_else(|| "INC-1".to_owned(), |detail| detail.incident.id.to_string());
    let config = kept.join(crate::config::FILE_NAME);
    let corpus = kept.join("corpus/gate");
    for command in [
        format!("incident show {first}"),
        format!("check {}", corpus.display()),
        "evidence verify".to_owned(),
    ] {
        output.line(&format!("  {program} --config {} {command}", config.display()))?;
    }
    output.line_in(Tone::Strong, "With your own work")?;
    output.line(&format!("  {program} init"))?;
    Ok(())
}
