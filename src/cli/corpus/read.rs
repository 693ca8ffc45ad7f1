//! `corpus add`, `corpus baseline add` and `corpus refresh`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::super::output::Output;
use super::super::workplace::Workplace;
use super::super::{Exit, clock};
use super::{Add, Refresh};
use crate::corpus::{self, Origin, Outcome, Wanted};
use crate::index::Role;
use crate::model::ids::CorpusName;
use crate::watchlist::Sensitivity;
use crate::watchlist::corpora::list_folder;

/// What a reading came to, as JSON.
#[derive(Debug, Serialize)]
struct Read {
    name: CorpusName,
    files: u64,
    documents: u64,
    added: u64,
    changed: u64,
    unchanged: u64,
    removed: u64,
    bytes: u64,
    skipped: BTreeMap<String, u64>,
    generation: u64,
}

#[derive(Debug, Serialize)]
struct Refreshed {
    corpora: Vec<Read>,
    failed: BTreeMap<String, String>,
}

pub(super) fn add(
    workplace: &Workplace,
    add: &Add,
    role: Role,
    output: &Output,
) -> anyhow::Result<Exit> {
    let origin = Origin::typed(&add.origin)?;
    let mut attributes =
        BTreeMap::from([(Sensitivity::ATTRIBUTE.to_owned(), add.sensitivity.to_string())]);
    attributes.extend(add.owner.clone().map(|owner| ("owner".to_owned(), owner)));
    let wanted = Wanted { name: add.name.clone(), role, origin, attributes };
    let outcome = read(workplace, &wanted, output)?;
    if add.report.json {
        output.json(&as_json(&add.name, outcome))?;
    } else {
        output.line(&sentence(&add.name, &outcome))?;
    }
    Ok(Exit::Clean)
}

/// Reads every corpus again, those first that the list of corpora wants and the index does not have. One that fails
/// does not stop the others.
pub(super) fn refresh(
    workplace: &Workplace,
    refresh: &Refresh,
    output: &Output,
) -> anyhow::Result<Exit> {
    let mut refreshed = Refreshed { corpora: Vec::new(), failed: BTreeMap::new() };
    let mut worst = Exit::Clean;
    for wanted in wanted(workplace, &refresh.names, output)? {
        match read(workplace, &wanted, output) {
            Ok(outcome) => {
                if !refresh.report.json {
                    output.line(&sentence(&wanted.name, &outcome))?;
                }
                refreshed.corpora.push(as_json(&wanted.name, outcome));
            }
            Err(error) => {
                let exit = Exit::of(&error);
                worst = if exit == Exit::Storage { exit } else { Exit::Partial };
                output.warning(&format!("`{}`: {error:#}", wanted.name));
                refreshed.failed.insert(wanted.name.to_string(), format!("{error:#}"));
            }
        }
    }
    if refresh.report.json {
        output.json(&refreshed)?;
    } else if refreshed.corpora.is_empty() && refreshed.failed.is_empty() {
        output.note("there is no corpus yet; add one with `leakwarden corpus add NAME PATH`");
    }
    Ok(worst)
}

fn wanted(
    workplace: &Workplace,
    names: &[CorpusName],
    output: &Output,
) -> anyhow::Result<Vec<Wanted>> {
    let (listed, problems) = workplace.config.corpora.resolve(&list_folder);
    for problem in problems.iter() {
        output.warning(&problem.to_string());
    }
    let mut all: Vec<Wanted> = listed.into_iter().map(Wanted::listed).collect();
    for entry in workplace.index.snapshot()?.corpora() {
        if all.iter().all(|wanted| wanted.name != entry.name) {
            let origin = entry.origin.parse().unwrap_or_else(|never| match never {});
            all.push(Wanted {
                name: entry.name,
                role: entry.role,
                origin,
                attributes: entry.attributes,
            });
        }
    }
    for name in names {
        if all.iter().all(|wanted| wanted.name != *name) {
            corpus::find(&workplace.index, name)?;
        }
    }
    if !names.is_empty() {
        all.retain(|wanted| names.contains(&wanted.name));
    }
    Ok(all)
}

fn read(workplace: &Workplace, wanted: &Wanted, output: &Output) -> anyhow::Result<Outcome> {
    let bar = output.progress("reading", Some(0));
    let now: Timestamp = clock::now();
    let outcome = corpus::read(&workplace.index, &workplace.reader(), wanted, now, &|progress| {
        bar.of(progress.total);
        bar.set(progress.done);
    });
    Ok(outcome?)
}

fn as_json(name: &CorpusName, outcome: Outcome) -> Read {
    Read {
        name: name.clone(),
        files: outcome.files,
        documents: outcome.documents(),
        added: outcome.added,
        changed: outcome.changed,
        unchanged: outcome.unchanged,
        removed: outcome.removed,
        bytes: outcome.bytes,
        skipped: outcome.skipped,
        generation: outcome.generation,
    }
}

/// "`billing`: 12,410 files, 9,877 indexed (…), 2,533 left out (2,101 ignored by .gitignore, …)"
fn sentence(name: &CorpusName, outcome: &Outcome) -> String {
    let mut changes = Vec::new();
    for (count, what) in [
        (outcome.added, "new"),
        (outcome.changed, "changed"),
        (outcome.unchanged, "unchanged"),
        (outcome.removed, "gone"),
    ] {
        if count > 0 {
            changes.push(format!("{count} {what}"));
        }
    }
    let left_out: u64 = outcome.skipped.values().sum();
    let counted = |count: u64, noun: &str| {
        if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
    };
    let mut sentence = format!(
        "`{name}`: {}, {} in the index ({})",
        counted(outcome.files, "file"),
        counted(outcome.documents(), "document"),
        changes.join(", ")
    );
    if left_out > 0 {
        sentence += "; left out: ";
        sentence += &corpus::counted(&outcome.skipped);
    }
    sentence
}
