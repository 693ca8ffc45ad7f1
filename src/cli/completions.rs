//! `leakwarden completions SHELL`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Exit;
use super::output::Output;

/// What `completions` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    let mut command = super::args::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "leakwarden", &mut script);
    output.bytes(&script)?;
    Ok(Exit::Clean)
}
