//! `leakwarden init [DIR]`: a commented configuration, watchlists, the data folder and the key.

use std::path::PathBuf;

use anyhow::bail;

use super::args::Global;
use super::output::{Output, Tone};
use super::{Exit, surroundings};
use crate::config::{self, EXAMPLES, FILE_NAME};
use crate::fs;

/// What `init` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder to write to; made if it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let folder = &arguments.folder;
    let targets = EXAMPLES.map(|example| (folder.join(example.path), example.text));
    let existing: Vec<String> = targets
        .iter()
        .filter(|(path, _)| path.symlink_metadata().is_ok())
        .map(|(path, _)| format!("`{}`", path.display()))
        .collect();
    if !existing.is_empty() {
        bail!(
            "{} there already; nothing was written (choose another folder, or move them away)",
            if let [one] = existing.as_slice() {
                format!("{one} is")
            } else {
                format!("{} are", existing.join(", "))
            }
        );
    }
    for (path, text) in &targets {
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(fs::Error::new("create the folder", parent))?;
        fs::write_new(path, text.as_bytes(), 0o644)?;
        output.line(&format!("wrote {}", path.display()))?;
    }

    let file = folder.join(FILE_NAME);
    let config = config::load(&config::Surroundings {
        config: Some(file.clone()),
        ..surroundings(global)?
    })?;
    config.data.create()?;
    let had_key = config.key_file.exists();
    config.data.keys(&config.key_file)?;
    let what = if had_key { "kept " } else { "wrote" };
    output.line(&format!(
        "{what} {} (the key: keep a copy in a safe place, apart from the data)",
        config.key_file.display()
    ))?;

    let here = folder.as_os_str() == ".";
    let option = if here { String::new() } else { format!(" --config {}", file.display()) };
    output.line("")?;
    output.line_in(Tone::Strong, "next:")?;
    for command in ["corpus add billing ~/src/billing", "check sample.zip", "run"] {
        output.line(&format!("  leakwarden{option} {command}"))?;
    }
    Ok(Exit::Clean)
}
