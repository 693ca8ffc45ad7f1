//! `leakwarden backup FILE`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::args::{Global, Report};
use super::output::{Output, Tone};
use super::reach::{self, Confused};
use super::{Exit, clock, configured};
use crate::config::Config;
use crate::daemon::actor::this_user;
use crate::daemon::socket::{Answer, Call};
use crate::daemon::stores::Stores;
use crate::index::Index;
use crate::service::backup::{Backup, Contents};

/// What `backup` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The file holds the record (incidents, cursors, custody), the evidence, the index, leakwarden.toml and watchlists/. It is
encrypted with the key of this installation, and the key is NOT in it: without a copy of the key file kept elsewhere the
backup is useless. A daemon that runs goes on running.")]
pub struct Arguments {
    /// The file to write; it must not be there yet
    file: PathBuf,
    /// How the outcome is printed.
    #[command(flatten)]
    report: Report,
}

pub(super) fn run(arguments: &Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let config = configured(global)?;
    let to = std::path::absolute(&arguments.file).context("the path of the backup is empty")?;
    let contents = match reach::daemon(&config, &Call::Backup(to.clone()), &mut |_| {})? {
        Some(Answer::BackedUp(contents)) => contents,
        Some(_) => return Err(Confused.into()),
        None => here(&config, &to)?,
    };
    if arguments.report.json {
        output.json(&serde_json::json!({ "file": to, "contents": contents }))?;
    } else {
        output.line_in(Tone::Good, &format!("wrote {}", to.display()))?;
        output.line(&sentence(&contents))?;
    }
    output.warning(&format!(
        "the key is not in the backup, and without it the backup is useless: keep a copy of `{}` in a safe place, apart from \
         both (key id {})",
        config.key_file.display(),
        contents.key
    ));
    Ok(Exit::Clean)
}

/// Without a daemon: everything is opened here.
fn here(config: &Config, to: &Path) -> anyhow::Result<Contents> {
    let keys = config.data.keys(&config.key_file)?;
    let stores = Stores::open(&config.data, &keys)?;
    let index = Arc::new(Index::open(&config.data.index(), &keys)?);
    let (record, evidence) = (stores.record, stores.evidence);
    let backup = Backup { record, evidence, index, keys, configuration: config.file.clone() };
    Ok(backup.write(to, &this_user(), clock::now())?)
}

/// What is in a backup, in words.
pub(super) fn sentence(contents: &Contents) -> String {
    let parts = [
        (contents.incidents, "incident", "incidents"),
        (contents.evidence, "piece of evidence", "pieces of evidence"),
        (contents.corpora, "corpus or baseline", "corpora and baselines"),
        (contents.configuration, "file of the configuration", "files of the configuration"),
    ];
    let counted = parts.map(|(count, one, more)| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    });
    counted.join(", ")
}
