//! Batches to inspected batches: in parallel, in order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use tokio::sync::{mpsc, watch};

use super::event::{Event, Observer};
use crate::detect::Detector;
use crate::model::batch::Batch;
use crate::model::document::Document;
use crate::model::finding::Inspection;

/// A batch and what was found in each of its documents.
#[derive(Debug)]
pub struct Inspected {
    /// The batch; `inspections` runs along its documents.
    pub batch: Batch,
    /// One a document: none if the document crashed the detector.
    pub inspections: Vec<Option<Inspection>>,
}

/// Documents above this size are inspected one at a time, so that memory stays bounded.
const LARGE: u64 = 4 << 20;

/// Inspects batches until there are no more: `parallel` at a time, handed on in the order in which they came,
/// because a cursor may only move forward.
pub async fn all(
    parallel: usize,
    batches: mpsc::Receiver<Batch>,
    detector: watch::Receiver<Arc<Detector>>,
    observer: Observer,
    inspected: mpsc::Sender<Inspected>,
) -> anyhow::Result<()> {
    let turn = Arc::new(Mutex::new(()));
    let stream = futures_util::stream::unfold(batches, |mut batches| async move {
        let batch = batches.recv().await?;
        Some((batch, batches))
    });
    let mut done = std::pin::pin!(
        stream
            .map(|batch| {
                let detector = Arc::clone(&detector.borrow());
                let (turn, observer) = (Arc::clone(&turn), observer.clone());
                tokio::task::spawn_blocking(move || inspect(&detector, batch, &turn, &observer))
            })
            .buffered(parallel.max(1))
    );
    while let Some(batch) = done.next().await {
        // A closed output is not this stage's failure: whoever closed it says why.
        if inspected.send(batch?).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn inspect(detector: &Detector, batch: Batch, turn: &Mutex<()>, observer: &Observer) -> Inspected {
    let inspections = batch
        .documents
        .iter()
        .map(|document| {
            let _turn = (document.body.len() > LARGE)
                .then(|| turn.lock().unwrap_or_else(PoisonError::into_inner));
            let inspection = guarded(|| detector.inspect(document));
            tell(observer, document, inspection.as_ref());
            inspection
        })
        .collect();
    Inspected { batch, inspections }
}

/// A document that crashes the detector is set aside; it must not take the others, or the daemon, with it.
fn guarded(work: impl FnOnce() -> Inspection) -> Option<Inspection> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn tell(observer: &Observer, document: &Document, inspection: Option<&Inspection>) {
    let Some(inspection) = inspection else {
        tracing::error!(source.id = %document.source, "a document crashed the detector and is set aside");
        return;
    };
    observer.tell(Event::Inspected {
        source: document.source.clone(),
        place: document.item.place.clone(),
        verdict: inspection.verdict(),
        score: inspection.score(),
    });
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is outside of the daemon: it has its own clock and tasks"
)]
mod tests {
    use std::time::Duration;

    use super::super::stand::{Stand, batch, document};
    use super::*;

    #[test]
    fn a_crash_is_caught_and_told_apart_from_nothing_found() {
        assert!(guarded(|| panic!("hostile")).is_none());
        assert_eq!(guarded(Inspection::default), Some(Inspection::default()));
    }

    /// The stage at work: what goes in, what comes out.
    fn stage(
        parallel: usize,
        queue: usize,
    ) -> (mpsc::Sender<Batch>, mpsc::Receiver<Inspected>, watch::Sender<Arc<Detector>>) {
        let stand = Stand::new();
        let (batches, received) = mpsc::channel(queue);
        let (inspected, results) = mpsc::channel(queue);
        let (detector, seen) = watch::channel(stand.detector());
        tokio::spawn(all(parallel, received, seen, stand.observer, inspected));
        (batches, results, detector)
    }

    #[tokio::test]
    async fn while_nothing_is_recorded_no_more_than_a_few_batches_are_taken() {
        let (parallel, queue) = (3, 2);
        let (batches, mut results, _detector) = stage(parallel, queue);
        let mut taken = 0;
        let offer = || batches.send(batch(vec![document("a", "text")]));
        while tokio::time::timeout(Duration::from_millis(300), offer()).await.is_ok() {
            taken += 1;
            assert!(taken < 100, "nothing holds the source back");
        }
        // Both queues, and those under inspection, of which one waits to be handed on.
        assert_eq!(taken, queue + parallel + queue);
        results.recv().await.unwrap();
        offer().await.unwrap();
    }

    #[tokio::test]
    async fn batches_leave_in_the_order_in_which_they_came_however_long_each_takes() {
        let (batches, mut results, _detector) = stage(4, 2);
        let feed = tokio::spawn(async move {
            for number in 0..24_u64 {
                // The first of every four takes by far the longest.
                let text =
                    "some words of a text\n".repeat(if number % 4 == 0 { 20_000 } else { 1 });
                let offered = Batch { pass: number, ..batch(vec![document("a", &text)]) };
                batches.send(offered).await.unwrap();
            }
        });
        let mut order = Vec::new();
        while let Some(inspected) = results.recv().await {
            assert_eq!(inspected.inspections.len(), inspected.batch.documents.len());
            order.push(inspected.batch.pass);
        }
        feed.await.unwrap();
        assert_eq!(order, (0..24).collect::<Vec<_>>());
    }
}
