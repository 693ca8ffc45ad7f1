//! `leakwarden config check | show`.

use anyhow::Context as _;
use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use super::args::{Global, Report};
use super::output::{Output, Tone};
use super::{Exit, surroundings};
use crate::config::{self, Config};
use crate::settings::Problems;

/// What `config` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Tell everything that is wrong in the configuration and the watchlists
    Check(Report),
    /// Show what is in effect, defaults included; secrets only by where they are kept
    Show(Report),
}

pub(super) fn run(arguments: &Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let surroundings = surroundings(global)?;
    match &arguments.action {
        Action::Check(report) => {
            // What is built may want a runtime around it.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("cannot start")?;
            let checked = config::load(&surroundings).and_then(|config| {
                runtime.block_on(async { config::trial(&config, clock()) })?;
                Ok(config)
            });
            tell(checked, *report, output)
        }
        Action::Show(report) => {
            let shown = config::show(&config::load(&surroundings)?);
            if report.json {
                output.json(&shown.json())?;
            } else {
                output.text(&shown.toml())?;
            }
            Ok(Exit::Clean)
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line may read the clock")]
fn clock() -> fn() -> Timestamp {
    Timestamp::now
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    problems: Vec<ShownProblem>,
}

#[derive(Serialize)]
struct ShownProblem {
    file: String,
    line: Option<usize>,
    what: String,
}

fn tell(
    checked: Result<Config, Problems>,
    report: Report,
    output: &Output,
) -> anyhow::Result<Exit> {
    let exit = if checked.is_ok() { Exit::Clean } else { Exit::Usage };
    if report.json {
        let problems = checked.err().unwrap_or_default();
        let problems = problems.iter().map(|problem| ShownProblem {
            file: problem.file.to_string_lossy().into_owned(),
            line: problem.line,
            what: problem.what.clone(),
        });
        output.json(&Checked { ok: exit == Exit::Clean, problems: problems.collect() })?;
        return Ok(exit);
    }
    let config = checked?;
    output.line_in(Tone::Good, "ok")?;
    output.line(&match &config.file {
        Some(file) => format!("configuration  {}", file.display()),
        None => {
            "configuration  built-in defaults (no file; `leakwarden init` writes one)".to_owned()
        }
    })?;
    let disabled = config.sources.iter().filter(|source| source.disabled.is_some()).count();
    output.line(&format!("data           {}", config.data.path().display()))?;
    output.line(&format!("sources        {} ({disabled} disabled)", config.sources.len()))?;
    let routes: Vec<&str> = config.routes.iter().map(|route| route.name.as_str()).collect();
    output.line(&format!("routes         {}", routes.join(", ")))?;
    output.line(&format!("corpora        {} entries", config.corpora.len()))?;
    output.line(&format!("allowed        {} entries", config.allowed.len()))?;
    Ok(exit)
}
