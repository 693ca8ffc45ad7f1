//! Passes over sources of every temper, on a paused clock.

use std::sync::atomic::Ordering;

use super::super::event::PassReport;
use super::super::stand::{Scripted, Stand, Turn, name, scripted};
use super::*;

/// One pass over a source; everything that it sent, and how the source is doing.
async fn pass(stand: &Stand, source: Arc<Scripted>) -> Vec<Batch> {
    let (batches, mut sent) = mpsc::channel(16);
    stand.collector(source, batches).pass_and_record().await.unwrap();
    let mut all = Vec::new();
    while let Some(batch) = sent.recv().await {
        all.push(batch);
    }
    all
}

fn ids(batch: &Batch) -> Vec<&str> {
    batch.documents.iter().map(|document| document.item.id.as_str()).collect()
}

#[tokio::test]
async fn a_pass_is_bounded_batches_of_which_the_last_of_a_page_earns_the_cursor() {
    let stand = Stand::new();
    let turns = [Turn::Lists(vec!["a", "b", "c"], true), Turn::Lists(vec!["d"], false)];
    let sent = pass(&stand, scripted(turns)).await;
    let shape: Vec<_> = sent.iter().map(|b| (ids(b), b.cursor.is_some(), b.last)).collect();
    assert_eq!(
        shape,
        [(vec!["a", "b"], false, false), (vec!["c"], true, false), (vec!["d"], true, true)]
    );
    assert!(sent.iter().all(|batch| batch.pass == 1));
    // The record knows of no pass before the last batch is committed.
    assert_eq!(stand.record.source_status(&name("pastes")).unwrap().last_attempt, None);
}

#[tokio::test]
async fn a_host_that_asks_to_wait_ends_the_pass_without_earning_the_cursor() {
    let stand = Stand::new();
    let source = scripted([Turn::Lists(vec!["a", "limited", "b"], false)]);
    let sent = pass(&stand, source).await;
    assert_eq!(ids(&sent[0]), ["a"]);
    assert!(sent.iter().all(|batch| batch.cursor.is_none() && !batch.last));
    assert!(sent[0].seen.iter().all(|seen| seen.id != "limited"), "nothing is marked");
    assert!(sent.last().unwrap().failed.is_some(), "whoever waits for the pass hears of it last");
    let status = stand.record.source_status(&name("pastes")).unwrap();
    assert_eq!((status.failures, status.not_before), (1, Some(super::super::stand::UNTIL)));
}

#[tokio::test]
async fn a_source_that_crashes_is_a_source_that_fails_and_is_told_once() {
    let stand = Stand::new();
    let source = scripted([Turn::Panics, Turn::Panics, Turn::Panics]);
    for failures in 1..=3 {
        pass(&stand, Arc::clone(&source)).await;
        let status = stand.record.source_status(&name("pastes")).unwrap();
        assert_eq!(status.failures, failures);
        assert!(status.last_error.unwrap().contains("a fault in leakwarden"));
    }
    let queued = stand.record.form_deliveries(Timestamp::now()).unwrap();
    assert_eq!(queued.len(), 1, "told once, not at every failure");
}

#[tokio::test]
async fn an_item_that_crashes_its_source_or_is_gone_is_missed_and_the_rest_is_fetched() {
    let stand = Stand::new();
    let sent = pass(&stand, scripted([Turn::Lists(vec!["panics", "gone", "a"], false)])).await;
    let missed: Vec<_> = sent.iter().flat_map(|batch| &batch.missed).collect();
    let retried: Vec<_> = missed.iter().map(|m| (m.item.id.as_str(), m.retry)).collect();
    assert_eq!(retried, [("panics", true), ("gone", false)]);
    assert_eq!(sent.iter().flat_map(ids).collect::<Vec<_>>(), ["a"]);
    assert!(sent.last().unwrap().last);
}

#[tokio::test]
async fn a_nudge_in_the_middle_of_a_pass_makes_another_one_after_it_never_beside_it() {
    let stand = Stand::new();
    let source = Arc::new(Scripted { takes: Duration::from_millis(50), ..Scripted::default() });
    let (batches, mut sent) = mpsc::channel(16);
    let collector = stand.collector(Arc::clone(&source) as Arc<Scripted>, batches);
    let (observer, name) = (collector.observer.clone(), collector.definition.name.clone());
    // What the commit stage says when a pass is on disk.
    let record = |pass| observer.pass_ends(pass, name.clone(), PassReport::default(), None);
    let (nudge, nudges) = mpsc::channel(1);
    let running = tokio::spawn(collector.forever(nudges));
    while source.polls.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    nudge.send(Nudge).await.unwrap();
    let first = sent.recv().await.unwrap();
    assert!(first.last);
    let early = tokio::time::timeout(Duration::from_millis(200), sent.recv()).await;
    assert!(
        early.is_err(),
        "the next pass begins where the first ended, so not before that is on disk"
    );
    record(first.pass);
    let second = sent.recv().await.unwrap();
    assert!(second.last, "the one that was asked for");
    record(second.pass);
    // The schedule has nothing for months.
    assert!(tokio::time::timeout(Duration::from_millis(200), sent.recv()).await.is_err());
    assert_eq!(source.polls.load(Ordering::SeqCst), 2);
    assert_eq!(source.most_at_once.load(Ordering::SeqCst), 1);
    running.abort();
}
