//! `leakwarden restore FILE`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::args::{Global, Report};
use super::output::{Output, Tone};
use super::{Exit, backup, clock, configured};
use crate::daemon::actor::this_user;
use crate::service::backup::restore;

/// What `restore` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The data folder must be empty but for the key file, which must be the one that the backup was made with. Every byte is
verified before anything is put in its place. The configuration of that time is put into the folder
restored-configuration, beside the data: copy from it what you want; what is in force is never replaced.")]
pub struct Arguments {
    /// The backup
    file: PathBuf,
    /// How the outcome is printed.
    #[command(flatten)]
    report: Report,
}

pub(super) fn run(arguments: &Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let config = configured(global)?;
    let contents =
        restore(&arguments.file, &config.key_file, &config.data, &this_user(), clock::now())
            .context("nothing was restored")?;
    if arguments.report.json {
        output.json(&serde_json::json!({ "data": config.data.path(), "contents": contents }))?;
        return Ok(Exit::Clean);
    }
    output.line_in(Tone::Good, &format!("restored to {}", config.data.path().display()))?;
    output.line(&format!("{}, as of {:.0}", backup::sentence(&contents), contents.made))?;
    if contents.configuration > 0 {
        output.line(&format!(
            "the configuration of that time is in {}",
            config.data.restored_configuration().display()
        ))?;
    }
    Ok(Exit::Clean)
}
