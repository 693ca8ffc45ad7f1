//! What `check` says: a table for people, JSON for programs.

use serde::Serialize;

use super::super::Exit;
use super::super::output::{Cell, Output, Table, Tone};
use super::Arguments;
use crate::model::finding::{Inspected, Inspection, Lines, Match, Verdict, two_digits};

/// One document as JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    path: &'a str,
    verdict: Verdict,
    score: f64,
    warnings: &'a [String],
    matches: &'a [Match],
    #[serde(skip_serializing_if = "is_zero")]
    more_matches: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Everything as JSON.
#[derive(Debug, Serialize)]
struct Whole<'a> {
    documents: Vec<Line<'a>>,
    summary: Summary,
}

/// How many documents had which verdict.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Summary {
    documents: u64,
    leak: u64,
    possible: u64,
    unreadable: u64,
    clean: u64,
}

impl Summary {
    fn count(&mut self, verdict: Verdict) {
        self.documents += 1;
        match verdict {
            Verdict::Leak => self.leak += 1,
            Verdict::Possible => self.possible += 1,
            Verdict::Unreadable => self.unreadable += 1,
            Verdict::Clean => self.clean += 1,
        }
    }

    fn exit(self) -> Exit {
        match self {
            Self { leak: 0, possible: 0, unreadable: 0, .. } => Exit::Clean,
            Self { leak: 0, possible: 0, .. } => Exit::Partial,
            _ => Exit::Found,
        }
    }
}

enum Form {
    Table(Box<Table>),
    Json(Vec<(String, Inspected)>),
    Jsonl,
}

/// Prints documents as they come, or collects them.
pub(super) struct Reporter<'a> {
    output: &'a Output,
    form: Form,
    /// Weaker matches are counted for a person, not shown.
    possible: f64,
    summary: Summary,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(output: &'a Output, arguments: &Arguments, possible: f64) -> Self {
        let form = match arguments {
            Arguments { json: true, .. } => Form::Json(Vec::new()),
            Arguments { jsonl: true, .. } => Form::Jsonl,
            _ => Form::Table(Box::new(Table::new([
                "verdict",
                "score",
                "where",
                "what of ours",
                "lines there",
                "our lines",
            ]))),
        };
        Self { output, form, possible, summary: Summary::default() }
    }

    pub(super) fn document(&mut self, shown: &str, inspection: Inspection) -> anyhow::Result<()> {
        for text in inspection.texts {
            self.summary.count(text.verdict);
            let path = if text.member.is_empty() {
                shown.to_owned()
            } else {
                format!("{shown}!/{}", text.member)
            };
            match &mut self.form {
                Form::Jsonl => self.output.json_line(&line(&path, &text))?,
                Form::Json(documents) => documents.push((path, text)),
                Form::Table(table) => rows(table, &path, &text, self.possible),
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> anyhow::Result<Exit> {
        let summary = self.summary;
        match self.form {
            Form::Jsonl => {}
            Form::Json(documents) => {
                let documents = documents.iter().map(|(path, text)| line(path, text)).collect();
                self.output.json(&Whole { documents, summary })?;
            }
            Form::Table(table) => {
                self.output.table(&table)?;
                self.output.line_in(tone(summary), &sentence(summary))?;
            }
        }
        Ok(summary.exit())
    }
}

fn line<'a>(path: &'a str, text: &'a Inspected) -> Line<'a> {
    Line {
        path,
        verdict: text.verdict,
        score: text.score,
        warnings: &text.warnings,
        matches: &text.matches,
        more_matches: text.more_matches,
    }
}

/// A person sees what needs a look: clean ones without a warning are only counted.
fn rows(table: &mut Table, path: &str, text: &Inspected, possible: f64) {
    /// Matches shown of one document; all are in the JSON.
    const SHOWN: usize = 3;
    if text.verdict == Verdict::Clean && text.warnings.is_empty() {
        return;
    }
    let mut verdict = verdict_cell(text.verdict);
    let is_shown = |(at, found): &(usize, &Match)| {
        text.verdict >= Verdict::Possible && *at < SHOWN && (*at == 0 || found.score >= possible)
    };
    let shown: Vec<&Match> =
        text.matches.iter().enumerate().filter(is_shown).map(|(_, found)| found).collect();
    for found in &shown {
        let ours = format!("{}: {}", found.corpus, found.document);
        let (there, here) = (ranges(&found.candidate_lines), ranges(&found.document_lines));
        let score = Cell::number(format!("{:.2}", two_digits(found.score)));
        table.row([verdict, score, path.into(), ours.into(), there.into(), here.into()]);
        verdict = "".into();
    }
    let strong = text.matches.iter().filter(|found| found.score >= possible).count();
    let mut remarks = text.warnings.clone();
    if strong > shown.len() {
        remarks.insert(0, format!("and {} more of our documents", strong - shown.len()));
    }
    if shown.is_empty() && remarks.is_empty() {
        remarks.push("no reason is known".to_owned());
    }
    for remark in remarks {
        let remark = Cell::toned(Tone::Faint, &remark);
        table.row([verdict, "".into(), path.into(), remark, "".into(), "".into()]);
        verdict = "".into();
    }
}

fn verdict_cell(verdict: Verdict) -> Cell {
    match verdict {
        Verdict::Leak => Cell::toned(Tone::Bad, "leak"),
        Verdict::Possible => Cell::toned(Tone::Warn, "possible"),
        Verdict::Unreadable => Cell::toned(Tone::Warn, "unreadable"),
        Verdict::Clean => Cell::toned(Tone::Good, "clean"),
    }
}

/// "3-41, 60-62", the first few.
pub(in crate::cli) fn ranges(lines: &[Lines]) -> String {
    const SHOWN: usize = 3;
    let one = |range: &Lines| {
        if range.first == range.last {
            range.first.to_string()
        } else {
            format!("{}-{}", range.first, range.last)
        }
    };
    let mut shown: Vec<String> = lines.iter().take(SHOWN).map(one).collect();
    if lines.len() > SHOWN {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

fn tone(summary: Summary) -> Tone {
    match summary.exit() {
        Exit::Clean => Tone::Good,
        Exit::Partial => Tone::Warn,
        _ => Tone::Bad,
    }
}

fn sentence(summary: Summary) -> String {
    let Summary { documents, leak, possible, unreadable, clean } = summary;
    let noun = if documents == 1 { "document" } else { "documents" };
    let unknown =
        if unreadable > 0 { ": what could not be read may be ours all the same" } else { "" };
    format!(
        "{documents} {noun}: {leak} leak, {possible} possible, {unreadable} unreadable, {clean} clean{unknown}"
    )
}
