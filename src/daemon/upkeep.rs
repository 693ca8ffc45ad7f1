//! What is done beside the pipeline: hosts' wishes kept, corpora refreshed, a sign of life given.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::plant::{Base, Plan};
use crate::corpus::{self, Reader, Wanted};
use crate::http::{Pause, Request};
use crate::watchlist::corpora::{Listed, list_folder};

/// How often there is a look at what is due.
const TICK: Duration = Duration::from_secs(5);

/// Does what is due until `stop`. Only a record that cannot be written ends it.
pub async fn forever(
    base: Base,
    plan: watch::Receiver<Arc<Plan>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut kept: Vec<Pause> = Vec::new();
    let mut last_beat: Option<Timestamp> = None;
    let mut refreshing = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(TICK) => {}
        }
        let current = Arc::clone(&plan.borrow());
        keep_pauses(&base, &current, &mut kept).await?;
        beat(&base, &current, &mut last_beat).await?;
        while refreshing.try_join_next().is_some() {}
        if refreshing.is_empty() {
            let base = base.clone();
            refreshing.spawn_blocking(move || refresh_due(&base, &current));
        }
    }
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

/// Reads the corpora whose turn it is, one after the other. One that fails does not stop the rest.
fn refresh_due(base: &Base, plan: &Plan) {
    let (listed, problems) = plan.config.corpora.resolve(&list_folder);
    for problem in problems.iter() {
        tracing::warn!(%problem, "an entry of the list of corpora cannot be followed");
    }
    let known = match base.index.snapshot() {
        Ok(snapshot) => snapshot.corpora(),
        Err(error) => {
            tracing::error!(%error, "the corpora cannot be refreshed");
            return;
        }
    };
    let now = (base.now)();
    for corpus in listed {
        let entry = known.iter().find(|entry| entry.name == corpus.name);
        let is_due = match (entry.and_then(|entry| entry.refreshed), &corpus.refresh) {
            (None, _) => true,
            (Some(last), Some(schedule)) => schedule.missed(last, now).is_some(),
            (Some(_), None) => false,
        };
        if is_due {
            refresh(base, plan, corpus, now);
        }
    }
}

fn refresh(base: &Base, plan: &Plan, corpus: Listed, now: Timestamp) {
    let reader = Reader {
        fingerprinter: base.fingerprinter.clone(),
        limits: plan.config.policy.limits.clone(),
        scratch: plan.config.data.clones(),
    };
    let name = corpus.name.clone();
    match corpus::read(&base.index, &reader, &Wanted::listed(corpus), now, &|_| {}) {
        Ok(outcome) => {
            tracing::info!(corpus = %name, added = outcome.added, changed = outcome.changed, removed = outcome.removed, "corpus read")
        }
        Err(error) => {
            tracing::error!(corpus = %name, error = format!("{:#}", anyhow::Error::from(error)), "a corpus could not be read; what is known of it stays in use")
        }
    }
}
