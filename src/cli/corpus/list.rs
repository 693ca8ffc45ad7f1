//! `corpus list` and `corpus show`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::super::Exit;
use super::super::args::Report;
use super::super::output::{Cell, Output, Table, Tone};
use super::super::workplace::Workplace;
use super::Show;
use crate::corpus::{self, role_name};
use crate::index::{CorpusEntry, Role, Snapshot};
use crate::model::ids::CorpusName;

/// One corpus as JSON.
#[derive(Debug, Serialize)]
struct Row {
    name: CorpusName,
    role: Role,
    origin: String,
    documents: u64,
    fingerprints: u64,
    added: Timestamp,
    /// None: its first reading was interrupted.
    refreshed: Option<Timestamp>,
    commit: Option<String>,
    attributes: BTreeMap<String, String>,
    skipped: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct All {
    generation: u64,
    corpora: Vec<Row>,
}

fn row(snapshot: &Snapshot, entry: CorpusEntry) -> Row {
    let (documents, fingerprints) = snapshot.counts(&entry.name);
    Row {
        name: entry.name,
        role: entry.role,
        origin: entry.origin,
        documents,
        fingerprints,
        added: entry.added,
        refreshed: entry.refreshed,
        commit: entry.commit,
        attributes: entry.attributes,
        skipped: entry.skipped,
    }
}

pub(super) fn all(workplace: &Workplace, report: Report, output: &Output) -> anyhow::Result<Exit> {
    let snapshot = workplace.index.snapshot()?;
    let corpora: Vec<Row> =
        snapshot.corpora().into_iter().map(|entry| row(&snapshot, entry)).collect();
    if report.json {
        output.json(&All { generation: snapshot.generation(), corpora })?;
        return Ok(Exit::Clean);
    }
    if corpora.is_empty() {
        output.note("there is no corpus yet; add one with `leakwarden corpus add NAME PATH`");
        return Ok(Exit::Clean);
    }
    let mut table =
        Table::new(["name", "role", "documents", "fingerprints", "left out", "read", "from"]);
    for row in &corpora {
        let skipped: u64 = row.skipped.values().sum();
        table.row([
            Cell::toned(Tone::Strong, row.name.as_str()),
            role_name(row.role).into(),
            Cell::number(row.documents),
            Cell::number(row.fingerprints),
            Cell::number(skipped),
            read_when(row),
            row.origin.as_str().into(),
        ]);
    }
    output.table(&table)?;
    Ok(Exit::Clean)
}

fn read_when(row: &Row) -> Cell {
    match row.refreshed {
        Some(at) => format!("{at:.0}").into(),
        None => Cell::toned(Tone::Warn, "interrupted: refresh it"),
    }
}

pub(super) fn one(workplace: &Workplace, show: &Show, output: &Output) -> anyhow::Result<Exit> {
    let snapshot = workplace.index.snapshot()?;
    let row = row(&snapshot, corpus::find(&workplace.index, &show.name)?);
    if show.report.json {
        output.json(&row)?;
        return Ok(Exit::Clean);
    }
    let mut table = Table::new(["", ""]);
    let mut fact =
        |name: &str, value: &str| table.row([Cell::toned(Tone::Faint, name), value.into()]);
    fact("name", row.name.as_str());
    fact("role", role_name(row.role));
    fact("read from", &row.origin);
    if let Some(commit) = &row.commit {
        fact("commit", commit);
    }
    fact("documents", &row.documents.to_string());
    fact("fingerprints", &row.fingerprints.to_string());
    fact("added", &format!("{:.0}", row.added));
    fact(
        "read",
        &row.refreshed.map_or_else(
            || "the first reading was interrupted".to_owned(),
            |at| format!("{at:.0}"),
        ),
    );
    for (name, value) in &row.attributes {
        fact(name, value);
    }
    for (reason, count) in &row.skipped {
        fact("left out", &format!("{count} {reason}"));
    }
    output.table(&table)?;
    Ok(Exit::Clean)
}
