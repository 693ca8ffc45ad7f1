//! `source`: the places that are looked at.

mod trial;

use clap::{Args, Subcommand};

use super::args::{Global, Report};
use super::output::{Cell, Output, Table, Tone};
use super::reach::{self, Confused};
use super::{Exit, configured};
use crate::config::Config;
use crate::model::ids::SourceName;
use crate::service::{Request, Response};
use crate::source::Definition;
use crate::store::record::SourceStatus;

/// Which part of the command.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with sources.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every source, how it has been doing, and what it could not see
    List(Report),
    /// Show what a source yields right now; nothing is recorded
    Test(Test),
    /// Tell what a source looks at, what it needs, and what it cannot see
    Explain(Named),
    /// Show the items that were set aside for good, and why
    SetAside(SetAside),
}

/// A source by name.
#[derive(Debug, Args)]
pub struct Named {
    /// Its name in watchlists/sources.toml
    pub name: SourceName,
}

/// A source to try.
#[derive(Debug, Args)]
pub struct Test {
    /// Its name in watchlists/sources.toml
    pub name: SourceName,
    /// Fetch so many of the items as well, and say whether they are ours
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub fetch: usize,
    /// How it is printed.
    #[command(flatten)]
    pub report: Report,
}

/// Items set aside.
#[derive(Debug, Args)]
pub struct SetAside {
    /// Only of this source
    pub name: Option<SourceName>,
    /// How it is printed.
    #[command(flatten)]
    pub report: Report,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let config = configured(global)?;
    match &arguments.command {
        Command::List(report) => list(&config, *report, output),
        Command::Test(test) => trial::run(&config, test, output),
        Command::Explain(named) => trial::explain(&config, &named.name, output),
        Command::SetAside(aside) => set_aside(&config, aside, output),
    }
}

/// The definition of a source.
pub(super) fn find<'a>(config: &'a Config, name: &SourceName) -> anyhow::Result<&'a Definition> {
    let known: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    let known = if known.is_empty() {
        "none: watchlists/sources.toml has no source".to_owned()
    } else {
        known.join(", ")
    };
    let found = config.sources.iter().find(|source| source.name == *name);
    found.ok_or_else(|| anyhow::anyhow!("there is no source `{name}` (there are: {known})"))
}

fn list(config: &Config, report: Report, output: &Output) -> anyhow::Result<Exit> {
    if config.sources.is_empty() && !report.json {
        output.note("no source yet: nothing is looked at; add one to watchlists/sources.toml (`leakwarden init` writes examples)");
        return Ok(Exit::Clean);
    }
    let names = config.sources.iter().map(|source| source.name.clone()).collect();
    let Response::Sources(statuses) = reach::carry_out(config, Request::Sources(names))? else {
        return Err(Confused.into());
    };
    if report.json {
        let rows: Vec<_> = config
            .sources
            .iter()
            .zip(&statuses)
            .map(|(definition, (name, status))| {
                serde_json::json!({
                    "source": name,
                    "looks_at": definition.describe(),
                    "switched_off": definition.disabled,
                    "status": status,
                })
            })
            .collect();
        output.json(&serde_json::json!({ "sources": rows }))?;
        return Ok(Exit::Clean);
    }
    let mut table = Table::new([
        "source",
        "state",
        "last pass",
        "last new",
        "looked at",
        "unreadable",
        "findings",
        "waiting",
        "set aside",
        "looks at",
    ]);
    for (definition, (_, status)) in config.sources.iter().zip(&statuses) {
        let when = |at: Option<jiff::Timestamp>| {
            at.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}"))
        };
        table.row([
            Cell::toned(Tone::Strong, definition.name.as_str()),
            state(definition, status),
            when(status.last_success).into(),
            when(status.last_new).into(),
            Cell::number(status.looked_at),
            if status.unreadable == 0 {
                Cell::number(0)
            } else {
                Cell::toned(Tone::Warn, &status.unreadable.to_string())
            },
            Cell::number(status.findings),
            Cell::number(status.missed),
            Cell::number(status.set_aside),
            definition.describe().into(),
        ]);
    }
    output.table(&table)?;
    for (name, status) in &statuses {
        if let Some((at, gap)) = status.gaps.last() {
            output.warning(&format!("`{name}` could not see everything ({at:.0}): {gap}"));
        }
    }
    Ok(Exit::Clean)
}

fn state(definition: &Definition, status: &SourceStatus) -> Cell {
    if let Some(reason) = &definition.disabled {
        return Cell::toned(Tone::Warn, &format!("switched off: {reason}"));
    }
    match (&status.last_error, status.failures) {
        (Some(error), 1..) => {
            Cell::toned(Tone::Bad, &format!("failing ({} in a row): {error}", status.failures))
        }
        _ if status.last_success.is_none() => Cell::toned(Tone::Warn, "never looked at"),
        _ => Cell::toned(Tone::Good, "ok"),
    }
}

fn set_aside(config: &Config, aside: &SetAside, output: &Output) -> anyhow::Result<Exit> {
    let Response::SetAside(rows) = reach::carry_out(config, Request::SetAside(aside.name.clone()))?
    else {
        return Err(Confused.into());
    };
    if aside.report.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(source, missed, since)| serde_json::json!({ "source": source, "missed": missed, "since": since }))
            .collect();
        output.json(&serde_json::json!({ "set_aside": rows }))?;
        return Ok(Exit::Clean);
    }
    if rows.is_empty() {
        output.note("nothing is set aside");
    }
    let mut table = Table::new(["source", "since", "where", "why"]);
    for (source, missed, since) in &rows {
        table.row([
            source.as_str().into(),
            format!("{since:.0}").into(),
            missed.item.place.as_str().into(),
            missed.reason.as_str().into(),
        ]);
    }
    output.table(&table)?;
    Ok(Exit::Clean)
}
