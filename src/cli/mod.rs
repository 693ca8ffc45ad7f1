//! The command line: one file a command.
//!
//! What is typed becomes one call into the library, and what comes back is printed by [`output`].
//! One invariant: every way out is an [`Exit`], and nothing but [`output`] writes to the terminal.
//! To add a command: its file, one variant of [`args::Command`], one arm of [`dispatch`].

pub mod args;
mod backup;
mod check;
mod child;
mod clock;
mod completions;
mod config;
mod corpus;
mod demo;
mod doctor;
mod evidence;
mod exit;
mod incident;
mod init;
mod log;
mod man;
mod notify;
pub mod output;
mod reach;
mod restore;
mod run;
mod scan;
mod signals;
mod source;
mod workplace;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser as _;

pub use exit::Exit;

use args::{Arguments, Command, Global};
use output::Output;

use crate::config::{Config, Surroundings};

/// Runs the program with these arguments, the program's own name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(exit) = child::run(&arguments) {
        return exit;
    }
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(usage) => return output::show_usage(&usage),
    };
    let output = Output::terminal(arguments.global.quiet);
    match dispatch(arguments.command, &arguments.global, &output) {
        Ok(exit) => exit,
        Err(error) if output::is_closed(&error) => Exit::Clean,
        Err(error) => {
            output.error(&error);
            Exit::of(&error)
        }
    }
}

fn dispatch(command: Command, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    match command {
        // These work without a configuration, or with one that is wrong.
        Command::Init(arguments) => init::run(&arguments, global, output),
        Command::Demo(arguments) => demo::run(&arguments, global, output),
        Command::Config(arguments) => config::run(&arguments, global, output),
        Command::Completions(arguments) => completions::run(&arguments, output),
        Command::Man(arguments) => man::run(&arguments, output),
        // Beside a running daemon: these open the index only.
        Command::Corpus(arguments) => corpus::run(arguments, global, output),
        Command::Check(arguments) => check::run(&arguments, global, output),
        // Through a running daemon, or in its place.
        Command::Scan(arguments) => scan::run(&arguments, global, output),
        Command::Source(arguments) => source::run(&arguments, global, output),
        Command::Incident(arguments) => incident::run(arguments, global, output),
        Command::Evidence(arguments) => evidence::run(&arguments, global, output),
        Command::Notify(arguments) => notify::run(&arguments, global, output),
        Command::Backup(arguments) => backup::run(&arguments, global, output),
        Command::Doctor(arguments) => doctor::run(arguments.report, global, output),
        // Only where no daemon runs.
        Command::Restore(arguments) => restore::run(&arguments, global, output),
        Command::Run(arguments) => run::run(&arguments, global, output),
    }
}

/// The configuration, for a command that needs one. Starts logging as it says.
pub fn configured(global: &Global) -> anyhow::Result<Config> {
    let config = read_config(global)?;
    log::start(global, config.log);
    Ok(config)
}

/// The configuration as the files have it now.
fn read_config(global: &Global) -> anyhow::Result<Config> {
    Ok(crate::config::load(&surroundings(global)?)?)
}

/// Where whoever runs the program keeps things.
fn surroundings(global: &Global) -> anyhow::Result<Surroundings> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    Ok(Surroundings {
        config: global.config.clone(),
        data_dir: global.data_dir.clone(),
        working_dir: std::env::current_dir().context("cannot tell the current folder")?,
        home: folder("HOME"),
        config_home: folder("XDG_CONFIG_HOME"),
        data_home: folder("XDG_DATA_HOME"),
    })
}

#[cfg(test)]
mod tests;
