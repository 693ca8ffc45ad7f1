//! `scan`: one pass over all sources, or some, now.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use tokio::sync::broadcast::error::TryRecvError;
use tokio_util::sync::CancellationToken;

use super::args::{Global, Report};
use super::output::{Cell, Output, Table, Tone};
use super::reach::{self, Confused, Reached};
use super::{Exit, configured, signals};
use crate::config::Config;
use crate::daemon::event::{Event, Observer, PassReport};
use crate::daemon::plant::Base;
use crate::daemon::run;
use crate::daemon::socket::{Answer, Call};
use crate::model::ids::{IncidentId, SourceName};

/// What to look at.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The sources; all that are switched on if none is given
    pub sources: Vec<SourceName>,
    /// How the outcome is printed.
    #[command(flatten)]
    pub report: Report,
}

/// What became of each source.
type Outcomes = BTreeMap<SourceName, PassReport>;

/// Runs the command.
pub(super) fn run(arguments: &Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let config = configured(global)?;
    check_names(&config, &arguments.sources)?;
    let mut tell = |event: Event| progress(&event, output);
    let call = Call::Scan(arguments.sources.clone());
    let observer = Observer::default();
    let outcomes = match reach::daemon_or_base(&config, &call, &mut tell, &observer)? {
        Reached::Daemon(Answer::Scanned(outcomes)) => outcomes.into_iter().collect(),
        Reached::Daemon(_) => return Err(Confused.into()),
        Reached::Here(base) => here(config, base, &arguments.sources, &mut tell)?,
    };
    report(&outcomes, arguments.report, output)
}

fn check_names(config: &Config, names: &[SourceName]) -> anyhow::Result<()> {
    let known: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    anyhow::ensure!(
        !known.is_empty(),
        "there is no source to look at; add one to watchlists/sources.toml (`leakwarden init` writes examples)"
    );
    for name in names {
        let definition = config.sources.iter().find(|source| source.name == *name);
        let definition = definition.ok_or_else(|| {
            anyhow::anyhow!("there is no source `{name}` (there are: {})", known.join(", "))
        })?;
        if let Some(reason) = &definition.disabled {
            anyhow::bail!("the source `{name}` is switched off: {reason}");
        }
    }
    Ok(())
}

/// Without a daemon: the same pipeline, for one pass.
fn here(
    config: Config,
    base: Base,
    wanted: &[SourceName],
    tell: &mut dyn FnMut(Event),
) -> anyhow::Result<Outcomes> {
    let mut events = base.observer.listen();
    let stop = CancellationToken::new();
    let runtime = reach::runtime()?;
    let observer = base.observer.clone();
    let sources: Vec<SourceName> =
        config.sources.iter().map(|source| source.name.clone()).collect();
    let done = runtime.block_on(async {
        let pass = run::once(config, base, wanted, stop.clone());
        let asked = signals::stop();
        // One wait for all of it: a signal that comes while an event is shown would be lost between two.
        tokio::pin!(pass, asked);
        loop {
            tokio::select! {
                done = &mut pass => break done,
                // Events that were lost to a slow terminal are only progress.
                Ok(event) = events.recv() => tell(event),
                () = &mut asked, if !stop.is_cancelled() => stop.cancel(),
            }
        }
    });
    loop {
        match events.try_recv() {
            Ok(event) => tell(event),
            Err(TryRecvError::Lagged(_)) => {}
            Err(_) => break,
        }
    }
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    done?;
    let outcome = |source: SourceName| Some((observer.ended_after(0, &source)?, source));
    Ok(sources.into_iter().filter_map(outcome).map(|(report, source)| (source, report)).collect())
}

fn progress(event: &Event, output: &Output) {
    match event {
        Event::PassStarted { source } => output.note(&format!("looking at `{source}`")),
        Event::Recorded { opened, joined, .. } => {
            for id in opened {
                output.note(&format!("{id} opened: `leakwarden incident show {id}`"));
            }
            for id in joined {
                output.note(&format!("{id} found at another place"));
            }
        }
        Event::DeliveryFailed { delivery, route, reason, .. } => {
            output.warning(&format!(
                "{delivery} over route `{route}` is not delivered yet: {reason}"
            ));
        }
        _ => {}
    }
}

/// One source as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    source: &'a SourceName,
    report: &'a PassReport,
}

fn report(outcomes: &Outcomes, form: Report, output: &Output) -> anyhow::Result<Exit> {
    if form.json {
        let rows: Vec<Row<'_>> =
            outcomes.iter().map(|(source, report)| Row { source, report }).collect();
        output.json(&serde_json::json!({ "sources": rows }))?;
        return Ok(exit(outcomes));
    }
    let mut table = Table::new([
        "source",
        "looked at",
        "leak",
        "possible",
        "known",
        "unreadable",
        "missed",
        "remarks",
    ]);
    for (source, report) in outcomes {
        table.row(row(source, report));
    }
    output.table(&table)?;
    Ok(exit(outcomes))
}

fn row(source: &SourceName, report: &PassReport) -> [Cell; 8] {
    let failed = report.failed.iter().map(|reason| format!("failed: {reason}"));
    let mut remarks: Vec<String> = failed.chain(report.gaps.iter().cloned()).collect();
    if report.cut > 0 {
        remarks.push(format!("{} cut off at the cap", report.cut));
    }
    if report.allowed > 0 {
        remarks.push(format!("{} at allowed places", report.allowed));
    }
    let ids =
        |ids: &[IncidentId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !report.opened.is_empty() {
        remarks.push(format!("opened {}", ids(&report.opened)));
    }
    if !report.joined.is_empty() {
        remarks.push(format!("joined {}", ids(&report.joined)));
    }
    let loud = |count: u64, tone| {
        if count == 0 { Cell::number(count) } else { Cell::toned(tone, &count.to_string()) }
    };
    [
        Cell::toned(Tone::Strong, source.as_str()),
        Cell::number(report.looked_at),
        loud(report.leaks, Tone::Bad),
        loud(report.possible, Tone::Warn),
        Cell::number(report.known),
        loud(report.unreadable, Tone::Warn),
        loud(report.missed, Tone::Warn),
        if report.failed.is_some() {
            Cell::toned(Tone::Bad, &remarks.join("; "))
        } else {
            remarks.join("; ").into()
        },
    ]
}

fn exit(outcomes: &Outcomes) -> Exit {
    // What was found at an allowed place is among both, and is no leak.
    if outcomes.values().any(|report| report.leaks + report.possible > report.allowed) {
        Exit::Found
    } else if !outcomes.values().all(PassReport::is_complete) {
        Exit::Partial
    } else {
        Exit::Clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(of: &[&PassReport]) -> Outcomes {
        let named = of.iter().enumerate();
        named.map(|(n, report)| (format!("s{n}").parse().unwrap(), (*report).clone())).collect()
    }

    #[test]
    fn what_could_not_be_looked_at_is_never_reported_as_clean() {
        let clean = PassReport { looked_at: 3, ..PassReport::default() };
        let missed = PassReport { missed: 1, ..PassReport::default() };
        let leak = PassReport { leaks: 1, missed: 1, ..PassReport::default() };
        let down = PassReport { failed: Some("down".to_owned()), ..PassReport::default() };
        let found_before_it_failed = PassReport { leaks: 1, ..down.clone() };
        assert_eq!(exit(&outcomes(&[&clean])), Exit::Clean);
        assert_eq!(exit(&outcomes(&[&clean, &missed])), Exit::Partial);
        assert_eq!(exit(&outcomes(&[&clean, &down])), Exit::Partial);
        assert_eq!(exit(&outcomes(&[&leak, &down])), Exit::Found);
        assert_eq!(exit(&outcomes(&[&clean, &found_before_it_failed])), Exit::Found);
        let published = PassReport { leaks: 1, allowed: 1, ..PassReport::default() };
        assert_eq!(exit(&outcomes(&[&published])), Exit::Clean);
    }
}
