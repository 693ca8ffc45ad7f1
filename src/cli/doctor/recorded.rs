//! What is recorded: by the running daemon, or in the stores themselves.

use super::Findings;
use crate::cli::Exit;
use crate::cli::reach::{self, Confused};
use crate::config::Config;
use crate::daemon::socket::{Answer, Call, Status};
use crate::service::{Request, Response};
use crate::source::Definition;
use crate::store::record::SourceStatus;

pub(super) fn look(config: &Config, findings: &mut Findings) {
    let is_running = daemon(config, findings);
    if config.sources.is_empty() {
        let remedy = "add one to watchlists/sources.toml (`leakwarden init` writes examples)";
        findings.advise("sources", "there is none: nothing is looked at by itself", remedy);
    }
    if !is_running && !config.data.record().exists() {
        findings.ok("record", "nothing is recorded yet");
        return;
    }
    let names = config.sources.iter().map(|source| source.name.clone()).collect();
    match reach::carry_out(config, Request::Sources(names)) {
        Ok(Response::Sources(statuses)) => {
            findings.ok(
                "record",
                if is_running { "the daemon answers" } else { "record, cache and evidence open" },
            );
            for (definition, (_, status)) in config.sources.iter().zip(&statuses) {
                source(definition, status, findings);
            }
        }
        Ok(_) => findings.failed("record", Exit::Partial, Confused),
        Err(error) => {
            let exit = Exit::of(&error);
            findings.failed("record", exit, error);
            return;
        }
    }
    match reach::carry_out(config, Request::DeadLetters) {
        Ok(Response::DeadLetters(dead)) if dead.is_empty() => {
            findings.ok("messages", "none was given up");
        }
        Ok(Response::DeadLetters(dead)) => {
            let why = dead[0].last_error.as_deref().unwrap_or("unknown");
            let found = format!(
                "{} given up; the newest, over route `{}`: {why}",
                dead.len(),
                dead[0].route
            );
            let remedy =
                format!("mend the route, then `leakwarden notify test --to {}`", dead[0].route);
            findings.wrong("messages", Exit::Partial, found, remedy);
        }
        Ok(_) => findings.failed("messages", Exit::Partial, Confused),
        Err(error) => findings.failed("messages", Exit::Partial, error),
    }
}

/// Whether a daemon answers.
fn daemon(config: &Config, findings: &mut Findings) -> bool {
    const WHAT: &str = "daemon";
    const OURS: &str = env!("CARGO_PKG_VERSION");
    match reach::daemon(config, &Call::Status, &mut |_| {}) {
        Ok(None) => {
            findings.advise(
                WHAT,
                "none runs: nothing is looked at by itself",
                "start `leakwarden run` as a service",
            );
            false
        }
        Ok(Some(Answer::Status(Status { pid, version, started, .. }))) => {
            let found = format!("runs since {started:.0} (process {pid}, version {version})");
            if version == OURS {
                findings.ok(WHAT, found);
            } else {
                findings.wrong(
                    WHAT,
                    Exit::Partial,
                    found,
                    format!("restart it: this program is {OURS}"),
                );
            }
            true
        }
        Ok(Some(_)) => {
            findings.failed(WHAT, Exit::Partial, Confused);
            true
        }
        Err(error) => {
            findings.failed(WHAT, Exit::Partial, error);
            true
        }
    }
}

fn source(definition: &Definition, status: &SourceStatus, findings: &mut Findings) {
    let name = &definition.name;
    let what = format!("source `{name}`");
    if let Some(reason) = &definition.disabled {
        findings.advise(
            &what,
            format!("switched off: {reason}"),
            "take `disabled` away to switch it on",
        );
        return;
    }
    let looked = status.last_success.map_or_else(
        || "never looked at".to_owned(),
        |at| format!("last complete pass {at:.0}, {} documents looked at in all", status.looked_at),
    );
    match (status.failing_since, &status.last_error) {
        (Some(since), Some(error)) => {
            let found =
                format!("fails since {since:.0} ({} in a row): {error}; {looked}", status.failures);
            findings.wrong(
                &what,
                Exit::Partial,
                found,
                format!("try it with `leakwarden source test {name}`"),
            );
        }
        _ if status.last_success.is_none() => {
            findings.advise(&what, looked, format!("try it with `leakwarden source test {name}`"));
        }
        _ => findings.ok(&what, looked),
    }
    let unseen = [
        (status.set_aside, "set aside for good"),
        (status.missed, "waiting for another attempt"),
        (status.unreadable, "could not be read"),
    ];
    let unseen: Vec<String> = unseen
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if !unseen.is_empty() {
        let remedy = format!("`leakwarden source set-aside {name}` tells which and why");
        findings.advise(&what, unseen.join(", "), remedy);
    }
    if let Some((at, gap)) = status.gaps.last() {
        let found = format!(
            "{} times it could not see everything; last ({at:.0}): {gap}",
            status.gaps.len()
        );
        findings.advise(
            &what,
            found,
            "what fell into a gap was never looked at: look there by hand",
        );
    }
}
