//! What happens, told as it happens: calm lines with the time since the start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::cli::check::ranges;
use crate::cli::clock;
use crate::cli::output::{Error, Output, Tone};
use crate::daemon::actor::this_user;
use crate::daemon::event::{Event, PassReport};
use crate::model::finding::{FoundMatch, two_digits};
use crate::model::ids::{DeliveryId, FindingId, IncidentId, SourceName};
use crate::model::incident::RecordedFinding;
use crate::service::{Detail, Request, Response, Service};
use crate::store::record::IncidentQuery;

/// So long without anything to tell, a sign of life is given.
const QUIET: Duration = Duration::from_secs(15);
/// Digits of a commit that are shown.
const COMMIT: usize = 10;

/// Tells what happens and remembers what the closing needs.
pub(super) struct Story<'a> {
    output: &'a Output,
    started: Instant,
    service: Service,
    outbox: PathBuf,
    told: BTreeSet<FindingId>,
    documents: BTreeMap<SourceName, u64>,
    mails: Vec<PathBuf>,
    passes: u64,
    last: Instant,
    is_leaking: bool,
}

/// Everything recorded about the incidents, oldest first.
pub(super) fn incidents(service: &Service) -> anyhow::Result<Vec<Detail>> {
    let ask = |request| service.handle(request, &this_user(), clock::now());
    let Response::Incidents(all) = ask(Request::Incidents(IncidentQuery::default()))? else {
        return Ok(Vec::new());
    };
    let mut details = Vec::new();
    for incident in all.into_iter().rev() {
        if let Response::Incident(detail) = ask(Request::Incident(incident.id))? {
            details.push(*detail);
        }
    }
    Ok(details)
}

/// A place as it is shown: a commit by its first digits.
pub(super) fn place(place: &str) -> String {
    let Some((before, after)) = place.split_once('@') else { return place.to_owned() };
    match after.split_once(':') {
        Some((commit, path)) => {
            format!("{before}@{}:{path}", commit.get(..COMMIT).unwrap_or(commit))
        }
        None => place.to_owned(),
    }
}

/// Which of our files, and which lines of it.
pub(super) fn ours(found: &FoundMatch, between: &str) -> String {
    format!("{}{between}{}", found.found.document, ranges(&found.found.document_lines))
}

impl<'a> Story<'a> {
    /// Begins at `started`; reads what was recorded through `service`.
    pub(super) fn new(
        output: &'a Output,
        started: Instant,
        service: Service,
        outbox: &Path,
    ) -> Self {
        Self {
            output,
            started,
            service,
            outbox: outbox.to_owned(),
            told: BTreeSet::new(),
            documents: BTreeMap::new(),
            mails: Vec::new(),
            passes: 0,
            last: started,
            is_leaking: false,
        }
    }

    /// One line of the story.
    pub(super) fn line(&mut self, what: &str, text: &str) -> Result<(), Error> {
        self.line_in(Tone::Plain, what, text)
    }

    fn line_in(&mut self, tone: Tone, what: &str, text: &str) -> Result<(), Error> {
        self.last = Instant::now();
        let seconds = self.started.elapsed().as_secs_f64();
        self.output.line_in(tone, &format!("{seconds:>6.1} s  {what:<11} {text}"))
    }

    /// Tells that the planted pieces are published.
    pub(super) fn published(&mut self, pieces: usize) -> Result<(), Error> {
        self.is_leaking = true;
        self.line(
            "published",
            &format!("by the stand-ins: {pieces} pieces of our files, in disguise"),
        )
    }

    /// Whether the planted pieces are published.
    pub(super) fn is_leaking(&self) -> bool {
        self.is_leaking
    }

    /// Tells an event, if there is something to tell.
    pub(super) fn tell(&mut self, event: &Event) -> anyhow::Result<()> {
        match event {
            Event::PassEnded { source, report } => self.looked_at(source, report)?,
            Event::PassFailed { source, reason, .. } => {
                self.line_in(Tone::Bad, "failed", &format!("{source}: {reason}"))?;
            }
            Event::Recorded { opened, joined, .. } => self.recorded(opened, joined)?,
            Event::Delivered { delivery, incidents, .. } => self.mailed(*delivery, incidents)?,
            Event::DeliveryFailed { reason, .. } => {
                self.line_in(Tone::Bad, "not mailed", reason)?;
            }
            Event::PassStarted { .. } | Event::Inspected { .. } => {}
        }
        Ok(())
    }

    /// A sign of life when nothing else was told for a while.
    pub(super) fn breathe(&mut self) -> Result<(), Error> {
        if self.last.elapsed() < QUIET {
            return Ok(());
        }
        let text = format!("nothing new after {} looks; stop with Ctrl-C", self.passes);
        self.line_in(Tone::Faint, "watching", &text)
    }

    /// Whether each of so many sources was looked at to its end.
    pub(super) fn has_seen(&self, sources: usize) -> bool {
        self.documents.len() >= sources
    }

    /// Documents looked at, in all sources.
    pub(super) fn documents(&self) -> u64 {
        self.documents.values().sum()
    }

    /// The mails that were put into the outbox.
    pub(super) fn mails(&self) -> &[PathBuf] {
        &self.mails
    }

    fn looked_at(&mut self, source: &SourceName, report: &PassReport) -> Result<(), Error> {
        self.passes += 1;
        let is_first = !self.documents.contains_key(source);
        *self.documents.entry(source.clone()).or_default() += report.looked_at;
        if !is_first && report.looked_at == 0 {
            return Ok(());
        }
        let (count, new) = (report.looked_at, if is_first { "" } else { "new " });
        let plural = if count == 1 { "" } else { "s" };
        self.line("looked at", &format!("{source}: {count} {new}document{plural}"))
    }

    fn recorded(&mut self, opened: &[IncidentId], joined: &[IncidentId]) -> anyhow::Result<()> {
        for id in opened.iter().chain(joined) {
            let request = Request::Incident(*id);
            let Response::Incident(detail) =
                self.service.handle(request, &this_user(), clock::now())?
            else {
                continue;
            };
            for finding in &detail.findings {
                if self.told.insert(finding.id) {
                    self.found(finding)?;
                }
            }
            let Detail { incident, .. } = &*detail;
            let text = if opened.contains(id) {
                format!("{id}, severity {}", incident.severity)
            } else {
                format!("{id}: the same piece is in {} places now", incident.findings.len())
            };
            let what = if opened.contains(id) { "opened" } else { "joined" };
            self.line_in(Tone::Strong, what, &text)?;
        }
        Ok(())
    }

    fn found(&mut self, recorded: &RecordedFinding) -> Result<(), Error> {
        let finding = &recorded.finding;
        let Some(best) = finding.matches.first() else { return Ok(()) };
        let text = format!(
            "{} in {}, score {:.2}",
            ours(best, " lines "),
            place(&finding.place),
            two_digits(finding.score)
        );
        self.line_in(Tone::Warn, "found", &text)
    }

    fn mailed(&mut self, delivery: DeliveryId, incidents: &[IncidentId]) -> Result<(), Error> {
        let about: Vec<String> = incidents.iter().map(ToString::to_string).collect();
        let suffix = format!("-{delivery}.eml");
        let entries = std::fs::read_dir(&self.outbox).into_iter().flatten().flatten();
        let mail = entries
            .map(|entry| entry.path())
            .find(|path| path.to_string_lossy().ends_with(&suffix));
        let text = match &mail {
            Some(path) => format!("{} about {}", path.display(), about.join(", ")),
            None => format!("{delivery} about {}", about.join(", ")),
        };
        self.mails.extend(mail);
        self.line_in(Tone::Good, "mailed", &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_shown_with_short_commits() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(
            place(&format!("http://127.0.0.1:1/x.git@{commit}:a/b.c")),
            "http://127.0.0.1:1/x.git@0123456789:a/b.c"
        );
        assert_eq!(place("http://127.0.0.1:1/p/abc"), "http://127.0.0.1:1/p/abc");
    }
}
