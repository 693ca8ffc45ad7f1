//! `corpus`: your own work, and the text that is never a leak.

mod list;
mod read;

use clap::{Args, Subcommand};

use super::Exit;
use super::args::{Global, Report};
use super::output::Output;
use super::workplace::Workplace;
use crate::corpus;
use crate::index::Role;
use crate::model::ids::CorpusName;
use crate::watchlist::Sensitivity;

/// Which part of the command.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with corpora.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fingerprint a folder or git repository of your own work
    Add(Add),
    /// Show the corpora and baselines
    List(Report),
    /// Show one corpus: where it was read from, what was left out and why
    Show(Show),
    /// Read again what has changed; with no name, every corpus and what watchlists/corpora.toml lists
    Refresh(Refresh),
    /// Forget a corpus or baseline
    Remove(Remove),
    /// Text that is never a leak: open source, licences, templates, vendored code
    Baseline(Baseline),
}

/// A folder or repository to fingerprint.
#[derive(Debug, Args)]
pub struct Add {
    /// A short name for it, such as `billing`
    pub name: CorpusName,
    /// A folder, a git repository, or the address of one
    #[arg(value_name = "PATH|GIT_URL")]
    pub origin: String,
    /// How bad it is if it is seen outside: public, internal, confidential or secret
    #[arg(long, value_name = "LEVEL", default_value_t)]
    pub sensitivity: Sensitivity,
    /// Whom it belongs to within the company
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// How the outcome is printed.
    #[command(flatten)]
    pub report: Report,
}

/// A corpus to show.
#[derive(Debug, Args)]
pub struct Show {
    /// Its name
    pub name: CorpusName,
    /// How it is printed.
    #[command(flatten)]
    pub report: Report,
}

/// Corpora to read again.
#[derive(Debug, Args)]
pub struct Refresh {
    /// Their names; all if none is given
    pub names: Vec<CorpusName>,
    /// How the outcome is printed.
    #[command(flatten)]
    pub report: Report,
}

/// A corpus to forget.
#[derive(Debug, Args)]
pub struct Remove {
    /// Its name
    pub name: CorpusName,
}

/// Which part of `corpus baseline`.
#[derive(Debug, Args)]
pub struct Baseline {
    /// What to do.
    #[command(subcommand)]
    pub command: BaselineCommand,
}

/// What to do with baselines.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Fingerprint text that is never a leak
    Add(Add),
    /// Forget a baseline
    Remove(Remove),
}

/// Runs the command.
pub(super) fn run(arguments: Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let workplace = Workplace::open(global)?;
    match arguments.command {
        Command::Add(add) => read::add(&workplace, &add, Role::Corpus, output),
        Command::Baseline(Baseline { command: BaselineCommand::Add(add) }) => {
            read::add(&workplace, &add, Role::Baseline, output)
        }
        Command::Refresh(refresh) => read::refresh(&workplace, &refresh, output),
        Command::List(report) => list::all(&workplace, report, output),
        Command::Show(show) => list::one(&workplace, &show, output),
        Command::Remove(remove)
        | Command::Baseline(Baseline { command: BaselineCommand::Remove(remove) }) => {
            corpus::remove(&workplace.index, &remove.name)?;
            output.note(&format!("`{}` is forgotten", remove.name));
            Ok(Exit::Clean)
        }
    }
}
