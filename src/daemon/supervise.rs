//! The tasks of the daemon: none outlives the shutdown unobserved, and the first that fails stops the rest.

use std::future::Future;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A set of named tasks that end together.
#[derive(Debug)]
pub struct Tasks {
    set: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
}

impl Tasks {
    /// An empty set; `stop` is cancelled when a task fails.
    pub fn new(stop: CancellationToken) -> Self {
        Self { set: JoinSet::new(), stop }
    }

    /// Starts a task.
    pub fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.set
            .spawn(async move { task.await.with_context(|| format!("the {name} stage failed")) });
    }

    /// Waits for all tasks. After `stop` they have `grace` to drain; then they are cut off, which loses nothing that
    /// was reported as done.
    pub async fn join(mut self, grace: Duration) -> anyhow::Result<()> {
        let mut first_failure = Ok(());
        let deadline = {
            let stop = self.stop.clone();
            async move {
                stop.cancelled().await;
                tokio::time::sleep(grace).await;
            }
        };
        tokio::pin!(deadline);
        loop {
            let ended = tokio::select! {
                ended = self.set.join_next() => ended,
                () = &mut deadline => {
                    tracing::warn!(grace_s = grace.as_secs(), "not everything in flight was finished in time; it is looked at again after the next start");
                    self.set.shutdown().await;
                    return first_failure;
                }
            };
            let outcome = match ended {
                None => return first_failure,
                Some(Ok(outcome)) => outcome,
                Some(Err(crash)) if crash.is_cancelled() => Ok(()),
                Some(Err(_)) => Err(anyhow::anyhow!(
                    "a stage of the daemon crashed: this is a fault in leakwarden"
                )),
            };
            if let Err(failure) = outcome {
                self.stop.cancel();
                if first_failure.is_ok() {
                    first_failure = Err(failure);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_failure_stops_the_rest_and_is_reported() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let heard = stop.clone();
        tasks.spawn("waiting", async move {
            heard.cancelled().await;
            Ok(())
        });
        tasks.spawn("failing", async { anyhow::bail!("the disk is full") });
        let error = tasks.join(Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(format!("{error:#}"), "the failing stage failed: the disk is full");
        assert!(stop.is_cancelled());
    }

    #[tokio::test]
    async fn a_task_that_does_not_drain_is_cut_off_after_the_grace() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.spawn("stuck", std::future::pending());
        stop.cancel();
        tasks.join(Duration::from_millis(50)).await.unwrap();
    }
}
