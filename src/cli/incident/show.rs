//! `incident show`: everything about one incident.

use super::super::Exit;
use super::super::check::ranges;
use super::super::output::{Cell, Output, Table, Tone};
use super::super::reach::{self, Confused};
use super::Show;
use crate::config::Config;
use crate::model::finding::two_digits;
use crate::model::incident::{Event, Happened, Incident, RecordedFinding};
use crate::model::notice::{Delivery, DeliveryState};
use crate::service::{Detail, Request, Response};

/// Matches shown of one place; all are in the JSON.
const MATCHES: usize = 10;

pub(super) fn run(config: &Config, show: &Show, output: &Output) -> anyhow::Result<Exit> {
    let Response::Incident(detail) = reach::carry_out(config, Request::Incident(show.id))? else {
        return Err(Confused.into());
    };
    if show.report.json {
        output.json(&*detail)?;
        return Ok(Exit::Clean);
    }
    let Detail { incident, findings, evidence, deliveries } = *detail;
    heading(&incident, output)?;
    for finding in &findings {
        place(finding, config.policy.possible, output)?;
    }
    if !evidence.is_empty() {
        output.line("")?;
        let mut table = Table::new(["evidence", "bytes", "stored", "SHA-256"]);
        for row in &evidence {
            table.row([
                Cell::toned(Tone::Strong, &row.id.to_string()),
                Cell::number(row.evidence.bytes),
                format!("{:.0}", row.stored).into(),
                row.evidence.sha256.as_str().into(),
            ]);
        }
        output.table(&table)?;
    }
    messages(&deliveries, output)?;
    output.line("")?;
    let mut table = Table::new(["when", "who", "what"]);
    for event in &incident.history {
        table.row([
            format!("{:.0}", event.at).into(),
            event.by.to_string().into(),
            happened(event).into(),
        ]);
    }
    output.table(&table)?;
    Ok(Exit::Clean)
}

fn heading(incident: &Incident, output: &Output) -> anyhow::Result<()> {
    let corpora: Vec<&str> =
        incident.corpora.iter().map(crate::model::ids::CorpusName::as_str).collect();
    let owner = incident.owner.as_deref().unwrap_or("nobody");
    output.line_in(
        Tone::Strong,
        &format!(
            "{}  {}  severity {}  verdict {}  corpora {}  owner {owner}",
            incident.id,
            incident.state,
            incident.severity,
            super::verdict(incident),
            corpora.join(", ")
        ),
    )?;
    Ok(())
}

fn place(recorded: &RecordedFinding, possible: f64, output: &Output) -> anyhow::Result<()> {
    let finding = &recorded.finding;
    output.line("")?;
    output.line(&format!("{}  {}", recorded.id, finding.place))?;
    if let Some(title) = &finding.title {
        output.line(&format!("  titled {title}"))?;
    }
    output.line(&format!(
        "  found by `{}`, first seen {:.0}, last seen {:.0}, score {:.2}",
        recorded.source,
        recorded.first_seen,
        recorded.last_seen,
        two_digits(finding.score)
    ))?;
    let mut table =
        Table::new(["", "what of ours", "lines there", "our lines", "of theirs", "of ours"]);
    // Best first. What is weaker than a possible leak is chance, most likely.
    let strong = finding.matches.iter().filter(|found| found.found.score >= possible).count();
    let shown = strong.clamp(1, MATCHES);
    for found in finding.matches.iter().take(shown) {
        let member =
            if found.member.is_empty() { String::new() } else { format!("  in {}", found.member) };
        table.row([
            "".into(),
            format!("{}: {}{member}", found.found.corpus, found.found.document).into(),
            ranges(&found.found.candidate_lines).into(),
            ranges(&found.found.document_lines).into(),
            Cell::number(percent(found.found.candidate_coverage)),
            Cell::number(percent(found.found.document_coverage)),
        ]);
    }
    output.table(&table)?;
    if strong > shown {
        let more = strong - shown;
        output.line(&format!("  and {more} more of our documents (--json has all)"))?;
    }
    for warning in &finding.warnings {
        output.line_in(Tone::Warn, &format!("  {warning}"))?;
    }
    Ok(())
}

fn messages(deliveries: &[Delivery], output: &Output) -> anyhow::Result<()> {
    if deliveries.is_empty() {
        return Ok(());
    }
    output.line("")?;
    let mut table = Table::new(["message", "route", "how it stands"]);
    for delivery in deliveries {
        let error = delivery.last_error.as_deref().unwrap_or("");
        let stands = match delivery.state {
            DeliveryState::Delivered { at } => {
                Cell::toned(Tone::Good, &format!("delivered {at:.0}"))
            }
            DeliveryState::Due { at } if delivery.attempts == 0 => {
                format!("waits until {at:.0}").into()
            }
            DeliveryState::Due { at } => Cell::toned(
                Tone::Warn,
                &format!("tried {} times, again {at:.0}: {error}", delivery.attempts),
            ),
            DeliveryState::Dead { at } => {
                Cell::toned(Tone::Bad, &format!("DEAD LETTER, given up {at:.0}: {error}"))
            }
        };
        table.row([delivery.id.to_string().into(), delivery.route.as_str().into(), stands]);
    }
    output.table(&table)?;
    Ok(())
}

fn happened(event: &Event) -> String {
    match &event.what {
        Happened::Opened { finding } => format!("opened by {finding}"),
        Happened::Joined { finding } => format!("found at another place: {finding}"),
        Happened::SeenAgain { finding } => format!("seen again: {finding}"),
        Happened::Escalated { from, to } => format!("severity rose from {from} to {to}"),
        Happened::Changed { from, to, reason, .. } => {
            let why = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            format!("{from} -> {to}{why}")
        }
        Happened::Noted { text } => format!("note: {text}"),
        Happened::Assigned { to } => format!("given to {to}"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
