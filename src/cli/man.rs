//! `leakwarden man [COMMAND]...`.

use anyhow::bail;
use clap::CommandFactory as _;

use super::Exit;
use super::output::Output;

/// What `man` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The command whose page to print, such as `config check`; without one, the page of the program
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Exit> {
    let mut command = super::args::Arguments::command();
    command.build();
    for name in &arguments.command {
        let Some(found) = command.find_subcommand(name) else {
            let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
            bail!("`{}` has no command `{name}` (known: {})", command.get_name(), known.join(", "));
        };
        command = found.clone();
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    output.bytes(&page)?;
    Ok(Exit::Clean)
}
