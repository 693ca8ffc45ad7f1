//! `run`: the daemon.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::args::Global;
use super::output::Output;
use super::{Exit, configured, reach, read_config, signals};
use crate::config;
use crate::daemon::event::Observer;
use crate::daemon::run::{self, Outside};
use crate::daemon::server::Reload;

/// No options of its own.
#[derive(Debug, Args)]
pub struct Arguments {}

/// Runs the command.
pub(super) fn run(_: &Arguments, global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let config = configured(global)?;
    let base = reach::base_of_daemon(&config, &Observer::default())?;
    let runtime = reach::runtime()?;
    let stop = CancellationToken::new();
    let (wish, wishes) = mpsc::channel(4);
    let again = global.clone();
    let outside = Outside {
        stop: stop.clone(),
        reload: (wish.clone(), wishes),
        load: Arc::new(move || {
            let config = read_config(&again)?;
            config::trial(&config, super::clock::now)?;
            Ok(config)
        }),
    };
    output.note(&format!(
        "watching {} sources; commands reach this daemon by themselves; stop it with Ctrl-C or SIGTERM, SIGHUP reads the configuration again",
        config.sources.iter().filter(|source| source.disabled.is_none()).count()
    ));
    let ended = runtime.block_on(async {
        config::trial(&config, super::clock::now)?;
        let daemon = run::forever(config, base, outside);
        // One wait each for all of it: a signal that comes while another is handled would be lost between two.
        let (asked, hung_up) = (signals::stop(), signals::reload());
        tokio::pin!(daemon, asked, hung_up);
        loop {
            tokio::select! {
                ended = &mut daemon => break ended,
                () = &mut asked => {
                    // The second one does not wait for what is in flight: it is looked at again after the next start.
                    if stop.is_cancelled() {
                        break Ok(());
                    }
                    tracing::info!("stopping: what was fetched is being recorded");
                    stop.cancel();
                    asked.set(signals::stop());
                }
                () = &mut hung_up => {
                    hung_up.set(signals::reload());
                    reload(&wish).await;
                }
            }
        }
    });
    // Blocking work cannot be cut off; after this it ends with the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map(|()| Exit::Clean)
}

async fn reload(wish: &mpsc::Sender<Reload>) {
    let (answer, _outcome) = oneshot::channel();
    // The outcome is logged by the daemon; a full queue means that it is being read already.
    drop(wish.send(answer).await);
}
