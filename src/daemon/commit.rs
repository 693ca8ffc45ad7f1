//! Inspected batches into the record: evidence first, then one transaction, then the cache.
//!
//! A crash between evidence and record leaves an orphan that is swept; between record and cache it costs a second
//! look. In no order of events is a find lost or told before it is on disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, watch};

use super::event::{Event, Observer, PassReport};
use super::inspect::Inspected;
use super::rules::Rules;
use crate::evidence::EvidenceStore;
use crate::model::batch::{Missed, PassFailure};
use crate::model::document::Document;
use crate::model::finding::{Finding, FoundMatch, Inspection, Passages, Verdict};
use crate::model::ids::SourceName;
use crate::store::cache::Cache;
use crate::store::record::{Commit, Committed, NewFinding, Record};

/// So many matches are kept with a finding.
const MATCHES: usize = 100;

/// Records what was inspected.
pub struct Committer {
    /// The record.
    pub record: Record,
    /// The cache.
    pub cache: Cache,
    /// The evidence.
    pub evidence: EvidenceStore,
    /// Severities, routes, allowed places; replaced when the configuration is reloaded.
    pub rules: watch::Receiver<Arc<Rules>>,
    /// Whoever watches.
    pub observer: Observer,
    /// Wakes the courier.
    pub wake: Arc<Notify>,
    /// The clock.
    pub now: fn() -> Timestamp,
}

/// What one batch came to.
struct Outcome {
    committed: Committed,
    report: PassReport,
}

impl Committer {
    /// Records batches until there are no more.
    pub async fn all(self, mut inspected: mpsc::Receiver<Inspected>) -> anyhow::Result<()> {
        let this = Arc::new(self);
        // By source: the number of the pass under way and what came of it so far.
        let mut passes: BTreeMap<SourceName, (u64, PassReport)> = BTreeMap::new();
        while let Some(mut batch) = inspected.recv().await {
            let (source, number) = (batch.batch.source.clone(), batch.batch.pass);
            let (last, failed) = (batch.batch.last, batch.batch.failed.take());
            let (under_way, report) = passes.entry(source.clone()).or_default();
            if *under_way != number {
                // The one before was dropped on the way, by a reload.
                (*under_way, *report) = (number, PassReport::default());
            }
            if let Some(PassFailure { reason, again }) = failed {
                let report = PassReport { failed: Some(reason), ..std::mem::take(report) };
                this.observer.pass_ends(number, source, report, again);
                continue;
            }
            let committer = Arc::clone(&this);
            let outcome = tokio::task::spawn_blocking(move || committer.one(batch)).await??;
            this.tell(&source, &outcome.committed);
            add(report, outcome);
            if last {
                let report = std::mem::take(report);
                tracing::info!(source.id = %source, looked_at = report.looked_at, leaks = report.leaks, possible = report.possible, missed = report.missed, "pass complete");
                this.observer.pass_ends(number, source, report, None);
            }
        }
        Ok(())
    }

    fn one(&self, inspected: Inspected) -> anyhow::Result<Outcome> {
        let Inspected { mut batch, inspections } = inspected;
        let mut report =
            PassReport { looked_at: batch.documents.len() as u64, ..PassReport::default() };
        let mut findings = Vec::new();
        let mut cut = Vec::new();
        for (document, inspection) in batch.documents.iter().zip(inspections) {
            let Some(inspection) = inspection else {
                batch.missed.push(set_aside(document));
                continue;
            };
            count(&mut report, document, inspection.verdict());
            if inspection.verdict() >= Verdict::Possible {
                let evidence = self.evidence.put(document)?;
                findings.push(NewFinding { finding: finding(document, &inspection), evidence });
            } else if document.truncated {
                cut.push((self.evidence.put(document)?, cut_warning(document)));
            }
        }
        report.missed = batch.missed.len() as u64;
        report.gaps.extend(batch.gap.clone());
        let at = (self.now)();
        let commit = Commit {
            source: batch.source.clone(),
            findings,
            looked_at: report.looked_at,
            unreadable: report.unreadable,
            missed: batch.missed,
            cut,
            recovered: batch.recovered,
            cursor: batch.cursor,
            gap: batch.gap,
            last: batch.last,
            at,
        };
        let rules = Arc::clone(&self.rules.borrow());
        let committed =
            self.record.commit(commit, &mut |new, candidates| rules.decide(new, candidates, at))?;
        // From here on everything is on disk; what follows may be lost.
        if let Err(error) = self.cache.remember(&batch.source, &batch.seen, &batch.validators) {
            tracing::warn!(error = %error, "the cache could not be written: items will be looked at twice");
        }
        Ok(Outcome { committed, report })
    }

    fn tell(&self, source: &SourceName, committed: &Committed) {
        if committed.opened.is_empty() && committed.joined.is_empty() {
            return;
        }
        self.wake.notify_one();
        for incident in &committed.opened {
            tracing::warn!(source.id = %source, incident.id = %incident, "incident opened");
        }
        let (opened, joined) = (committed.opened.clone(), committed.joined.clone());
        self.observer.tell(Event::Recorded { source: source.clone(), opened, joined });
    }
}

fn count(report: &mut PassReport, document: &Document, verdict: Verdict) {
    match verdict {
        Verdict::Leak => report.leaks += 1,
        Verdict::Possible => report.possible += 1,
        Verdict::Unreadable => report.unreadable += 1,
        Verdict::Clean => {}
    }
    report.cut += u64::from(document.truncated);
}

fn add(total: &mut PassReport, Outcome { committed, report }: Outcome) {
    total.looked_at += report.looked_at;
    total.leaks += report.leaks;
    total.possible += report.possible;
    total.unreadable += report.unreadable;
    total.cut += report.cut;
    total.missed += report.missed;
    total.gaps.extend(report.gaps);
    total.known += u64::from(committed.known);
    total.allowed += u64::from(committed.allowed);
    total.opened.extend(committed.opened);
    total.joined.extend(committed.joined);
}

fn set_aside(document: &Document) -> Missed {
    let reason =
        "reading it crashed the detector: this is a fault in leakwarden; the document is set aside"
            .to_owned();
    Missed { item: document.item.clone(), reason, retry: false }
}

fn cut_warning(document: &Document) -> String {
    format!(
        "only the first {} bytes were looked at: the rest is beyond `http.max_body`, or did not come in time",
        document.body.len()
    )
}

/// All matches in one document, best first.
fn finding(document: &Document, inspection: &Inspection) -> Finding {
    let mut matches: Vec<FoundMatch> = inspection
        .texts
        .iter()
        .flat_map(|text| {
            text.matches
                .iter()
                .map(|found| FoundMatch { member: text.member.clone(), found: found.clone() })
        })
        .collect();
    let passages = Passages::new(
        matches.iter().flat_map(|found| found.found.passages.values()).copied().collect(),
    );
    matches.sort_by(|a, b| b.found.score.total_cmp(&a.found.score));
    matches.truncate(MATCHES);
    let mut warnings: Vec<String> =
        inspection.texts.iter().flat_map(|text| &text.warnings).cloned().collect();
    warnings.truncate(MATCHES);
    if document.truncated {
        warnings.push(cut_warning(document));
    }
    Finding {
        place: document.item.place.clone(),
        item: document.item.id.clone(),
        title: document.item.title.clone(),
        published: document.item.published,
        verdict: inspection.verdict(),
        score: inspection.score(),
        matches,
        passages,
        warnings,
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand::{Stand, batch, document, name};
    use super::*;
    use crate::model::batch::{Batch, Cursor, Seen};

    async fn commit(stand: &Stand, batches: Vec<Inspected>) {
        let (inspected, to_commit) = mpsc::channel(batches.len());
        for batch in batches {
            inspected.send(batch).await.unwrap();
        }
        drop(inspected);
        stand.committer().all(to_commit).await.unwrap();
    }

    #[tokio::test]
    async fn a_document_that_crashed_the_detector_is_set_aside_and_shown_and_not_fetched_again() {
        let stand = Stand::new();
        let seen = Seen { id: "poison".to_owned(), version: String::new() };
        let batch = Batch {
            cursor: Some(Cursor(1.into())),
            seen: vec![seen.clone()],
            ..batch(vec![document("poison", "x"), document("fine", "y")])
        };
        let inspections = vec![None, Some(Inspection::default())];
        commit(&stand, vec![Inspected { batch, inspections }]).await;
        let pastes = name("pastes");
        let aside = stand.record.set_aside(None).unwrap();
        assert_eq!(aside.len(), 1);
        assert!(aside[0].1.reason.contains("crashed the detector"));
        assert_eq!(stand.record.due_misses(&pastes, Timestamp::MAX, 10).unwrap(), []);
        assert_eq!(stand.record.cursor(&pastes).unwrap(), Some(Cursor(1.into())));
        assert_eq!(stand.cache.seen(&pastes, &[seen]), [true]);
        let report = stand.observer.ended_after(0, &pastes).unwrap();
        assert_eq!((report.looked_at, report.missed), (2, 1));
    }

    #[tokio::test]
    async fn what_was_found_before_a_pass_failed_is_in_its_report_and_in_no_other() {
        let stand = Stand::new();
        let part = |pass, last| Inspected {
            batch: Batch { pass, last, ..batch(vec![document("a", "x")]) },
            inspections: vec![Some(Inspection::default())],
        };
        let failure = PassFailure { reason: "down".to_owned(), again: None };
        let failed = Inspected {
            batch: Batch { pass: 2, last: false, failed: Some(failure), ..batch(Vec::new()) },
            inspections: Vec::new(),
        };
        // The first pass was dropped on the way, the second failed, the third is whole.
        let mut events = stand.observer.listen();
        commit(&stand, vec![part(1, false), part(2, false), failed, part(3, true)]).await;
        let mut reports = Vec::new();
        while let Ok(event) = events.try_recv() {
            if let Event::PassEnded { report, .. } | Event::PassFailed { report, .. } = event {
                reports.push((report.looked_at, report.failed));
            }
        }
        assert_eq!(reports, [(1, Some("down".to_owned())), (1, None)]);
    }

    #[tokio::test]
    async fn a_document_that_was_cut_is_kept_as_evidence_with_a_warning() {
        let stand = Stand::new();
        let cut = Document { truncated: true, ..document("long", "the beginning") };
        let inspections = vec![Some(Inspection::default())];
        commit(&stand, vec![Inspected { batch: batch(vec![cut]), inspections }]).await;
        let rows = stand.record.all_evidence().unwrap();
        assert!(rows[0].warning.as_ref().unwrap().contains("first 13 bytes"), "{rows:?}");
        stand.evidence.verify(&rows[0].evidence).unwrap();
    }
}
