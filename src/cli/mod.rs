//! The command line: one file a command.
//!
//! What is typed becomes one call into the library, and what comes back is printed by [`output`].
//! One invariant: every way out is an [`Exit`], and nothing but [`output`] writes to the terminal.
//! To add a command: its file, one variant of [`args::Command`], one arm of [`dispatch`].

pub mod args;
mod completions;
mod exit;
mod log;
mod man;
pub mod output;

use std::ffi::OsString;

use clap::Parser as _;

pub use exit::Exit;

use args::{Arguments, Command, Global};
use output::Output;

/// Runs the program with these arguments, the program's own name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
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
    log::start(global, tracing::level_filters::LevelFilter::WARN, args::LogFormat::Text);
    match command {
        Command::Completions(arguments) => completions::run(&arguments, output),
        Command::Man(arguments) => man::run(&arguments, output),
    }
}
