//! `incident`: what was found, and what a person decides about it.

mod show;

use clap::{Args, Subcommand};

use super::args::{Global, Report};
use super::output::{Cell, Output, Table, Tone};
use super::reach::{self, Confused};
use super::{Exit, configured};
use crate::config::Config;
use crate::model::ids::{CorpusName, IncidentId};
use crate::model::incident::{Action, Incident, Severity, State};
use crate::service::{Request, Response};
use crate::store::record::IncidentQuery;

/// Which part of the command.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with incidents.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the incidents, newest first
    List(List),
    /// Show everything about one: places, matches, evidence, messages, history
    Show(Show),
    /// Say that you have taken it
    Ack(Optional),
    /// Give it to somebody
    Assign(Assign),
    /// Say that it is ours and should not be there
    Confirm(Optional),
    /// Say that it is not, or does not matter: this content stays quiet from now on
    Dismiss(Required),
    /// Say that it is no longer reachable, or that its harm is bounded
    Contain(Optional),
    /// Finish it
    Close(Required),
    /// Take it up again
    Reopen(Required),
    /// Write something down
    Note(Note),
}

/// Which incidents to list.
#[derive(Debug, Args)]
pub struct List {
    /// Only those that still need somebody
    #[arg(long)]
    pub open: bool,
    /// Only those of this corpus
    #[arg(long, value_name = "NAME")]
    pub corpus: Option<CorpusName>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// How it is printed.
    #[command(flatten)]
    pub report: Report,
}

/// An incident to show.
#[derive(Debug, Args)]
pub struct Show {
    /// Its id, such as INC-1
    pub id: IncidentId,
    /// How it is printed.
    #[command(flatten)]
    pub report: Report,
}

/// A change that may be explained.
#[derive(Debug, Args)]
pub struct Optional {
    /// The incident's id, such as INC-1
    pub id: IncidentId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// A change that must be explained.
#[derive(Debug, Args)]
pub struct Required {
    /// The incident's id, such as INC-1
    pub id: IncidentId,
    /// Why
    #[arg(long, value_name = "TEXT", required = true)]
    pub reason: String,
}

/// Somebody to own it.
#[derive(Debug, Args)]
pub struct Assign {
    /// The incident's id, such as INC-1
    pub id: IncidentId,
    /// The login name of whoever owns it from now on
    pub to: String,
}

/// Something to write down.
#[derive(Debug, Args)]
pub struct Note {
    /// The incident's id, such as INC-1
    pub id: IncidentId,
    /// The note
    pub text: String,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let config = configured(global)?;
    let act = |id, action, reason| change(&config, Request::Act { id, action, reason }, output);
    match arguments.command {
        Command::List(list) => self::list(&config, list, output),
        Command::Show(show) => show::run(&config, &show, output),
        Command::Ack(Optional { id, reason }) => act(id, Action::Acknowledge, reason),
        Command::Confirm(Optional { id, reason }) => act(id, Action::Confirm, reason),
        Command::Contain(Optional { id, reason }) => act(id, Action::Contain, reason),
        Command::Dismiss(Required { id, reason }) => act(id, Action::Dismiss, Some(reason)),
        Command::Close(Required { id, reason }) => act(id, Action::Close, Some(reason)),
        Command::Reopen(Required { id, reason }) => act(id, Action::Reopen, Some(reason)),
        Command::Assign(Assign { id, to }) => change(&config, Request::Assign { id, to }, output),
        Command::Note(Note { text, .. }) if text.trim().is_empty() => {
            anyhow::bail!("the note is empty: say what is to be written down")
        }
        Command::Note(Note { id, text }) => change(&config, Request::Note { id, text }, output),
    }
}

fn change(config: &Config, request: Request, output: &Output) -> anyhow::Result<Exit> {
    let Response::Changed(incident) = reach::carry_out(config, request)? else {
        return Err(Confused.into());
    };
    output.line(&format!("{} is {}{}", incident.id, incident.state, owned(&incident)))?;
    Ok(Exit::Clean)
}

fn owned(incident: &Incident) -> String {
    incident.owner.as_ref().map_or_else(String::new, |owner| format!(", owned by {owner}"))
}

fn list(config: &Config, list: List, output: &Output) -> anyhow::Result<Exit> {
    let open = [State::New, State::Acknowledged, State::Confirmed, State::Contained];
    let states = if list.open { open.to_vec() } else { Vec::new() };
    let is_filtered = list.open || list.corpus.is_some();
    let query = IncidentQuery { states, corpus: list.corpus, limit: Some(list.limit) };
    let Response::Incidents(incidents) = reach::carry_out(config, Request::Incidents(query))?
    else {
        return Err(Confused.into());
    };
    if list.report.json {
        output.json(&serde_json::json!({ "incidents": incidents }))?;
        return Ok(Exit::Clean);
    }
    if incidents.is_empty() {
        output.note(if is_filtered {
            "no such incident; `leakwarden incident list` shows all"
        } else {
            "no incident; `leakwarden source list` tells what was looked at, and when"
        });
        return Ok(Exit::Clean);
    }
    let mut table =
        Table::new(["id", "state", "severity", "verdict", "corpora", "places", "opened", "owner"]);
    for incident in &incidents {
        let corpora: Vec<&str> = incident.corpora.iter().map(CorpusName::as_str).collect();
        table.row([
            Cell::toned(Tone::Strong, &incident.id.to_string()),
            state(incident.state),
            severity(incident.severity),
            verdict(incident).into(),
            corpora.join(", ").into(),
            Cell::number(incident.findings.len()),
            format!("{:.0}", incident.opened).into(),
            incident.owner.as_deref().unwrap_or("nobody").into(),
        ]);
    }
    output.table(&table)?;
    Ok(Exit::Clean)
}

fn verdict(incident: &Incident) -> &'static str {
    use crate::model::finding::Verdict;
    match incident.verdict {
        Verdict::Leak => "leak",
        Verdict::Possible => "possible",
        Verdict::Unreadable => "unreadable",
        Verdict::Clean => "clean",
    }
}

fn state(state: State) -> Cell {
    let tone = match state {
        State::New => Tone::Bad,
        State::Acknowledged | State::Confirmed => Tone::Warn,
        State::Contained => Tone::Plain,
        State::Dismissed | State::Closed => Tone::Faint,
    };
    Cell::toned(tone, &state.to_string())
}

fn severity(severity: Severity) -> Cell {
    let tone = match severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warn,
        Severity::Low => Tone::Plain,
    };
    Cell::toned(tone, &severity.to_string())
}
