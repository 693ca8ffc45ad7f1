//! The command line as typed. Only shapes: what a command does is in its own file.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use super::{
    backup, check, completions, config, corpus, demo, doctor, evidence, incident, init, man,
    notify, restore, run, scan, source,
};

const EXIT_CODES: &str = "\
Exit codes:
  0  nothing found, or all well
  1  at least one leak or possible leak was found, or a verification failed
  2  the command line or the configuration is wrong
  3  something could not be looked at, and nothing was found in the rest
  4  a store or the key cannot be used

Without a configuration file every command works on built-in defaults. The file is --config, else
LEAKWARDEN_CONFIG, else ./leakwarden.toml, else leakwarden/leakwarden.toml in the user's configuration folder.";

/// Finds your source code and documents where they were leaked, and turns each find into an incident
#[derive(Debug, Parser)]
#[command(name = "leakwarden", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(propagate_version = true, infer_subcommands = false, arg_required_else_help = true)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "LEAKWARDEN_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// The folder for everything that leakwarden keeps, instead of the configured one
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "LEAKWARDEN_DATA_DIR",
        hide_env_values = true
    )]
    pub data_dir: Option<PathBuf>,
    /// Log more; twice for debugging, three times for everything
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Log only errors; no notes, no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// How to write logs
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How to write logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// How a command reports; flattened into the commands that do.
#[derive(Debug, Clone, Copy, Args)]
pub struct Report {
    /// Print one JSON document instead of text for people
    #[arg(long)]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented configuration, empty watchlists and a key
    Init(init::Arguments),
    /// The whole job on this machine, offline: invented leaks are published, found, recorded and told
    Demo(demo::Arguments),
    /// Name the work that leakwarden looks for, and the text that is never a leak
    Corpus(corpus::Arguments),
    /// Is this ours? A proof sample, an archive, a folder, a link
    Check(check::Arguments),
    /// Look at all sources once, now
    Scan(scan::Arguments),
    /// Look at all sources by their schedules, until told to stop
    Run(run::Arguments),
    /// The places that are looked at, and how they have been doing
    Source(source::Arguments),
    /// What was found, and what you decide about it
    Incident(incident::Arguments),
    /// The bytes of every find, as they were received
    Evidence(evidence::Arguments),
    /// Does a message arrive?
    Notify(notify::Arguments),
    /// Write everything that must not be lost to one encrypted file
    Backup(backup::Arguments),
    /// Fill an empty data folder from a backup
    Restore(restore::Arguments),
    /// Is everything in place? What is not, and what to do about it
    Doctor(doctor::Arguments),
    /// Check or show the configuration
    Config(config::Arguments),
    /// Print the completions for a shell
    Completions(completions::Arguments),
    /// Print the manual page
    Man(man::Arguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Arguments::command().debug_assert();
    }
}
