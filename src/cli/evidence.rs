//! `evidence`: bytes as they were received, and whether they still are.

use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use clap::{Args, Subcommand};

use super::args::{Global, Report};
use super::output::{Cell, Output, Table, Tone};
use super::reach::{self, Confused};
use super::{Exit, configured};
use crate::config::Config;
use crate::model::ids::EvidenceId;
use crate::service::{Request, Response};

/// Which part of the command.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with evidence.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is kept
    List(Report),
    /// Show how one piece was obtained, and its digests
    Show(Show),
    /// Write the bytes of one piece to a file; that you opened it is recorded
    Export(Export),
    /// Check every piece and the chain of custody
    Verify(Report),
}

/// A piece of evidence to show.
#[derive(Debug, Args)]
pub struct Show {
    /// Its id, such as EV-7
    pub id: EvidenceId,
}

/// A piece of evidence to write out.
#[derive(Debug, Args)]
pub struct Export {
    /// Its id, such as EV-7
    pub id: EvidenceId,
    /// The file to write; it must not be there yet. What is written is hostile: do not open it carelessly
    pub to: PathBuf,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let config = configured(global)?;
    match &arguments.command {
        Command::List(report) => list(&config, *report, output),
        Command::Show(show) => {
            let Response::Evidence { row, manifest, .. } =
                reach::carry_out(&config, Request::EvidenceShow(show.id))?
            else {
                return Err(Confused.into());
            };
            output.json(&serde_json::json!({ "evidence": row, "manifest": manifest }))?;
            Ok(Exit::Clean)
        }
        Command::Export(export) => self::export(&config, export, output),
        Command::Verify(report) => verify(&config, *report, output),
    }
}

fn list(config: &Config, report: Report, output: &Output) -> anyhow::Result<Exit> {
    let Response::EvidenceList(rows) = reach::carry_out(config, Request::EvidenceList)? else {
        return Err(Confused.into());
    };
    if report.json {
        output.json(&serde_json::json!({ "evidence": rows }))?;
        return Ok(Exit::Clean);
    }
    if rows.is_empty() {
        output.note("no evidence yet: it is kept with every find");
    }
    let mut table = Table::new(["id", "finding", "bytes", "stored", "SHA-256"]);
    for row in &rows {
        table.row([
            Cell::toned(Tone::Strong, &row.id.to_string()),
            row.finding
                .map_or_else(|| "none: cut off at the cap".to_owned(), |id| id.to_string())
                .into(),
            Cell::number(row.evidence.bytes),
            format!("{:.0}", row.stored).into(),
            row.evidence.sha256.as_str().into(),
        ]);
    }
    output.table(&table)?;
    Ok(Exit::Clean)
}

fn export(config: &Config, export: &Export, output: &Output) -> anyhow::Result<Exit> {
    // Before the opening is recorded: nothing would come of it.
    anyhow::ensure!(
        !export.to.exists(),
        "`{}` is there already and nothing is overwritten: choose another name",
        export.to.display()
    );
    let Response::Evidence { row, body: Some(body), .. } =
        reach::carry_out(config, Request::EvidenceOpen(export.id))?
    else {
        return Err(Confused.into());
    };
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(&body)
        .context("the daemon's answer is damaged")?;
    crate::fs::write_new(&export.to, &bytes, 0o600)
        .map_err(|error| anyhow::anyhow!("{error}: {}", error.source))?;
    output.line(&format!(
        "{} bytes written to {}; SHA-256 {}",
        bytes.len(),
        export.to.display(),
        row.evidence.sha256
    ))?;
    Ok(Exit::Clean)
}

fn verify(config: &Config, report: Report, output: &Output) -> anyhow::Result<Exit> {
    let Response::Verified(verification) = reach::carry_out(config, Request::EvidenceVerify)?
    else {
        return Err(Confused.into());
    };
    let exit = if verification.holds() { Exit::Clean } else { Exit::Found };
    if report.json {
        output.json(&verification)?;
        return Ok(exit);
    }
    match &verification.broken {
        None => output.line_in(
            Tone::Good,
            &format!("the chain of custody holds: {} lines", verification.lines),
        )?,
        Some(why) => output.line_in(Tone::Bad, why)?,
    }
    let tone = if verification.damaged.is_empty() { Tone::Good } else { Tone::Bad };
    output.line_in(
        tone,
        &format!(
            "evidence: {} pieces as received, {} damaged",
            verification.intact,
            verification.damaged.len()
        ),
    )?;
    for (id, why) in &verification.damaged {
        output.line_in(Tone::Bad, &format!("{id}: {why}"))?;
    }
    Ok(exit)
}
