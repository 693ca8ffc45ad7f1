//! `check`: is this ours? A proof sample, an archive, a folder, a link.

mod input;
mod report;

use anyhow::Context as _;
use clap::Args;
use rayon::prelude::*;

use super::Exit;
use super::args::Global;
use super::output::Output;
use super::workplace::Workplace;
use crate::detect::Detector;
use crate::model::document::{Body, Document};
use crate::model::finding::{Inspected, Inspection, Verdict};

use input::Input;
use report::Reporter;
pub(super) use report::ranges;

/// What is to be checked, and how it is reported.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Files, folders, archives or web addresses; `-` for standard input
    #[arg(required = true, value_name = "PATH|URL|-")]
    pub what: Vec<String>,
    /// Print one JSON document with everything in it
    #[arg(long, conflicts_with = "jsonl")]
    pub json: bool,
    /// Print one JSON object a document, as soon as it was looked at
    #[arg(long)]
    pub jsonl: bool,
}

/// So many documents are inspected before their lines are printed.
const AT_ONCE: usize = 64;
/// And so many bytes.
const BYTES_AT_ONCE: u64 = 64 << 20;

/// Runs the command.
pub(super) fn run(arguments: &Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let workplace = Workplace::open(global)?;
    let detector = workplace.detector()?;
    let mut reporter = Reporter::new(output, arguments, workplace.config.policy.possible);
    let inputs = input::expand(&arguments.what, &workplace)?;
    let progress = output.progress("looking", Some(inputs.len() as u64));
    let mut looked_at = 0;
    for work in chunks(inputs) {
        looked_at += work.len() as u64;
        for (shown, inspection) in inspect_all(&detector, work) {
            reporter.document(&shown, inspection)?;
        }
        progress.set(looked_at);
    }
    drop(progress);
    reporter.finish()
}

/// Groups of inputs that fit into memory together, in the order given.
fn chunks(inputs: Vec<Input>) -> impl Iterator<Item = Vec<Input>> {
    let mut inputs = inputs.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut chunk: Vec<Input> = Vec::new();
        let mut bytes = 0;
        while let Some(next) = inputs.peek() {
            let fits = chunk.len() < AT_ONCE && bytes + next.bytes <= BYTES_AT_ONCE;
            if !chunk.is_empty() && !fits {
                break;
            }
            bytes += next.bytes;
            chunk.extend(inputs.next());
        }
        (!chunk.is_empty()).then_some(chunk)
    })
}

fn inspect_all(detector: &Detector, inputs: Vec<Input>) -> Vec<(String, Inspection)> {
    inputs.into_par_iter().map(|input| (input.shown.clone(), inspect(detector, input))).collect()
}

/// Total: what cannot be opened, and what crashes the detector, is unreadable with the reason.
fn inspect(detector: &Detector, input: Input) -> Inspection {
    let document = match input.open() {
        Ok(document) => document,
        Err(why) => return unreadable(why),
    };
    let inspected = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        inspect_document(detector, &document)
    }));
    inspected.unwrap_or_else(|_| {
        unreadable(
            "reading it crashed the detector: this is a fault in leakwarden, please report it"
                .to_owned(),
        )
    })
}

fn inspect_document(detector: &Detector, document: &Document) -> Inspection {
    let mut inspection = detector.inspect(document);
    if document.truncated {
        let warning = format!("only the first {} bytes were looked at", document.body.len());
        match inspection.texts.first_mut() {
            Some(text) => text.warnings.push(warning),
            None => return unreadable(warning),
        }
    }
    inspection
}

fn unreadable(why: String) -> Inspection {
    let text = Inspected {
        member: String::new(),
        verdict: Verdict::Unreadable,
        score: 0.0,
        warnings: vec![why],
        matches: Vec::new(),
        more_matches: 0,
    };
    Inspection { texts: vec![text] }
}

/// The bytes of standard input, spooled.
fn standard_input(spool: &std::path::Path, cap: u64) -> anyhow::Result<(Body, bool)> {
    let mut collected = crate::fs::Spool::new(spool);
    let truncated = input::copy(&mut std::io::stdin().lock(), &mut collected, cap)
        .context("cannot read standard input")?;
    Ok((collected.finish(), truncated))
}
