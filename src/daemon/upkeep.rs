//! What is done beside the pipeline: hosts' wishes kept, corpora refreshed, evidence swept, a sign of life given.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::plant::{Base, Plan};
use super::refresh::Refresher;
use crate::http::{Pause, Request};

/// How often there is a look at what is due.
const TICK: Duration = Duration::from_secs(5);
/// How often evidence that nothing refers to is removed.
const SWEEP: SignedDuration = SignedDuration::from_hours(1);

/// What was done when.
#[derive(Default)]
struct Done {
    pauses: Vec<Pause>,
    beat: Option<Timestamp>,
    swept: Option<Timestamp>,
}

/// Does what is due until `stop`. Only a record that cannot be used ends it.
pub async fn forever(
    base: Base,
    plan: watch::Receiver<Arc<Plan>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut done = Done::default();
    let refresher = Arc::new(Refresher::new(base.clone()));
    let mut refreshing = tokio::task::JoinSet::new();
    loop {
        let current = Arc::clone(&plan.borrow());
        tokio::select! {
            () = stop.cancelled() => return keep_pauses(&base, &current, &mut done.pauses).await,
            round = round(&base, &current, &mut done) => round?,
        }
        while refreshing.try_join_next().is_some() {}
        if refreshing.is_empty() {
            // The configuration only: the plan holds the collectors' end of the pipeline, and reading a corpus cannot be
            // cut off.
            let (refresher, config) = (Arc::clone(&refresher), Arc::clone(&current.config));
            refreshing.spawn_blocking(move || refresher.refresh_due(&config));
        }
    }
}

async fn round(base: &Base, plan: &Plan, done: &mut Done) -> anyhow::Result<()> {
    tokio::time::sleep(TICK).await;
    keep_pauses(base, plan, &mut done.pauses).await?;
    beat(base, plan, &mut done.beat).await?;
    sweep(base, &mut done.swept).await
}

/// Removes evidence that nothing refers to: a crash between evidence and record leaves some.
async fn sweep(base: &Base, last: &mut Option<Timestamp>) -> anyhow::Result<()> {
    let now = (base.now)();
    if last.is_some_and(|last| now.duration_since(last) < SWEEP) {
        return Ok(());
    }
    *last = Some(now);
    let stores = Arc::clone(&base.stores);
    let swept = tokio::task::spawn_blocking(move || {
        let rows = stores.record.all_evidence()?;
        let referred: Vec<_> = rows.into_iter().map(|row| row.evidence).collect();
        anyhow::Ok(stores.evidence.sweep(&referred, now))
    })
    .await??;
    match swept {
        Ok(swept) if swept.files == 0 => {}
        Ok(swept) => tracing::info!(
            files = swept.files,
            bytes = swept.bytes,
            "evidence that a crash left without a finding was removed"
        ),
        Err(error) => {
            tracing::warn!(%error, "the evidence could not be swept; tried again in an hour");
        }
    }
    Ok(())
}

/// Hosts that asked to be left alone are left alone after a restart too.
async fn keep_pauses(base: &Base, plan: &Plan, kept: &mut Vec<Pause>) -> anyhow::Result<()> {
    let pauses = plan.http.pauses();
    if pauses == *kept {
        return Ok(());
    }
    let record = base.stores.record.clone();
    let to_keep = pauses.clone();
    tokio::task::spawn_blocking(move || record.put_pauses(&to_keep)).await??;
    *kept = pauses;
    Ok(())
}

/// Calls the heartbeat's address after a healthy cycle: the stages run, and the record takes a write.
async fn beat(base: &Base, plan: &Plan, last: &mut Option<Timestamp>) -> anyhow::Result<()> {
    let Some(heartbeat) = &plan.config.heartbeat else { return Ok(()) };
    let now = (base.now)();
    let every = SignedDuration::try_from(heartbeat.every).unwrap_or(SignedDuration::from_hours(1));
    if last.is_some_and(|last| now.duration_since(last) < every) {
        return Ok(());
    }
    let record = base.stores.record.clone();
    tokio::task::spawn_blocking(move || record.put_setting("last-beat", &now.to_string()))
        .await??;
    *last = Some(now);
    let url = match heartbeat.url(&plan.config.base) {
        Ok(url) => url,
        Err(error) => {
            tracing::warn!(%error, "the heartbeat is not given");
            return Ok(());
        }
    };
    match tokio::time::timeout(Duration::from_secs(30), plan.http.send(Request::get(url))).await {
        Ok(Ok(_)) => tracing::debug!("heartbeat given"),
        // The address is a secret: errors of `http` name the host only.
        Ok(Err(error)) => tracing::warn!(%error, "the heartbeat did not arrive"),
        Err(_) => tracing::warn!("the heartbeat did not arrive within 30 seconds"),
    }
    Ok(())
}
