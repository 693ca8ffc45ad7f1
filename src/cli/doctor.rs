//! `doctor`: is everything in place? What is not, and what to do about it.
//!
//! One invariant: it changes nothing that is kept and asks no source; only routes and the proxy are spoken to.

mod outside;
mod place;
mod recorded;

use clap::Args;
use serde::Serialize;

use super::args::{Global, Report};
use super::output::{Cell, Output, Table, Tone};
use super::{Exit, clock, log, reach, read_config};
use crate::config;
use crate::settings::Problems;

/// What `doctor` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
No source is contacted. The configured routes are tried as far as that goes without delivering anything (a mail server is
greeted, a webhook's host is looked up), and the proxy is connected to.

Exit codes: 0 all is well, or there is only advice; 2 the configuration is wrong; 3 something else that is needed is missing
or fails; 4 the data folder, a store or the key cannot be used.")]
pub struct Arguments {
    /// How it is printed.
    #[command(flatten)]
    pub(super) report: Report,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// As it should be.
    Ok,
    /// It works, and could be better.
    Advice,
    /// It does not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    what: String,
    state: State,
    found: String,
    /// What to do about it.
    remedy: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

/// What was looked at so far.
#[derive(Debug, Default)]
struct Findings(Vec<Check>);

impl Findings {
    fn ok(&mut self, what: &str, found: impl Into<String>) {
        self.add(what, (State::Ok, Exit::Clean), found.into(), None);
    }

    fn advise(&mut self, what: &str, found: impl Into<String>, remedy: impl Into<String>) {
        self.add(what, (State::Advice, Exit::Clean), found.into(), Some(remedy.into()));
    }

    /// Something that does not work; `exit` is what kind of thing it is.
    fn wrong(
        &mut self,
        what: &str,
        exit: Exit,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(what, (State::Wrong, exit), found.into(), Some(remedy.into()));
    }

    /// An error whose text says what to do.
    fn failed(&mut self, what: &str, exit: Exit, error: impl Into<anyhow::Error>) {
        self.add(what, (State::Wrong, exit), format!("{:#}", error.into()), None);
    }

    fn add(
        &mut self,
        what: &str,
        (state, exit): (State, Exit),
        found: String,
        remedy: Option<String>,
    ) {
        self.0.push(Check { what: what.to_owned(), state, found, remedy, exit });
    }

    /// The gravest: what cannot be stored before what is configured wrongly before the rest.
    fn exit(&self) -> Exit {
        let has = |exit| self.0.iter().any(|check| check.exit == exit);
        let gravest = [Exit::Storage, Exit::Usage, Exit::Partial];
        gravest.into_iter().find(|exit| has(*exit)).unwrap_or(Exit::Clean)
    }
}

pub(super) fn run(report: Report, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let mut findings = Findings::default();
    let runtime = reach::runtime()?;
    let config = match read_config(global) {
        Ok(config) => Some(config),
        Err(error) => {
            unreadable(error, &mut findings);
            None
        }
    };
    if let Some(config) = &config {
        log::start(global, config.log);
        match runtime.block_on(async { config::trial(config, clock::now) }) {
            Ok(()) => findings.ok("configuration", described(config)),
            Err(problems) => wrong_settings(&problems, &mut findings),
        }
        place::look(config, &mut findings);
        recorded::look(config, &mut findings);
        runtime.block_on(outside::look(config, &mut findings));
    }
    outside::programs(config.as_ref(), &mut findings);
    print(&findings, report, output)?;
    Ok(findings.exit())
}

fn described(config: &config::Config) -> String {
    match &config.file {
        Some(file) => format!("`{}`: settings, secrets and templates can be used", file.display()),
        None => "none: built-in defaults are in force (`leakwarden init` writes one)".to_owned(),
    }
}

fn unreadable(error: anyhow::Error, findings: &mut Findings) {
    match error.downcast::<Problems>() {
        Ok(problems) => wrong_settings(&problems, findings),
        Err(error) => findings.failed("configuration", Exit::Usage, error),
    }
}

fn wrong_settings(problems: &Problems, findings: &mut Findings) {
    for problem in problems.iter() {
        let remedy = "correct it; `leakwarden config check` looks again";
        findings.wrong("configuration", Exit::Usage, problem.to_string(), remedy);
    }
}

fn print(findings: &Findings, report: Report, output: &Output) -> anyhow::Result<()> {
    if report.json {
        let ok = findings.exit() == Exit::Clean;
        output.json(&serde_json::json!({ "ok": ok, "checks": findings.0 }))?;
        return Ok(());
    }
    let mut table = Table::new(["", "what", "how it is"]);
    for check in &findings.0 {
        let state = match check.state {
            State::Ok => Cell::toned(Tone::Good, "ok"),
            State::Advice => Cell::toned(Tone::Warn, "advice"),
            State::Wrong => Cell::toned(Tone::Bad, "wrong"),
        };
        table.row([state, check.what.as_str().into(), check.found.as_str().into()]);
        if let Some(remedy) = &check.remedy {
            table.row(["".into(), "".into(), Cell::toned(Tone::Strong, &format!("→ {remedy}"))]);
        }
    }
    output.table(&table)?;
    let count = |state| findings.0.iter().filter(|check| check.state == state).count();
    let (wrong, advice) = (count(State::Wrong), count(State::Advice));
    let tone = if wrong > 0 { Tone::Bad } else { Tone::Good };
    output
        .line_in(tone, &format!("{wrong} wrong, {advice} with advice, {} ok", count(State::Ok)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_decides_and_advice_is_no_failure() {
        let mut findings = Findings::default();
        findings.ok("a", "well");
        findings.advise("b", "could be better", "do so");
        assert_eq!(findings.exit(), Exit::Clean);
        for exit in [Exit::Partial, Exit::Usage, Exit::Storage] {
            findings.wrong("c", exit, "it fails", "mend it");
            assert_eq!(findings.exit(), exit);
        }
        findings.wrong("d", Exit::Partial, "it fails", "mend it");
        assert_eq!(findings.exit(), Exit::Storage);
    }
}
