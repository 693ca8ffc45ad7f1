//! The daemon as a whole: for ever, or for one pass.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::commit::Committer;
use super::deliver::{Courier, Ways};
use super::heads::{self, Nudges};
use super::plant::{Base, Plan, grace};
use super::rules::Rules;
use super::server::{Reload, Server};
use super::socket::{self, Status};
use super::supervise::Tasks;
use super::{inspect, upkeep};
use crate::config::{self, Config};
use crate::custody::Deed;
use crate::detect::{Detector, Policy};
use crate::model::batch::Batch;
use crate::model::ids::{ContentHash, SourceName};
use crate::model::incident::Actor;
use crate::service::Service;

/// Reads the configuration again.
pub type Load = Arc<dyn Fn() -> anyhow::Result<Config> + Send + Sync>;

/// What the command line gives the daemon.
pub struct Outside {
    /// Told to stop.
    pub stop: CancellationToken,
    /// Told to read the configuration again.
    pub reload: (mpsc::Sender<Reload>, mpsc::Receiver<Reload>),
    /// Reads it.
    pub load: Load,
}

/// The stages behind the collectors, and what steers them.
struct Tail {
    policy: watch::Sender<Policy>,
    rules: watch::Sender<Arc<Rules>>,
    ways: watch::Sender<Arc<Ways>>,
    wake: Arc<Notify>,
}

impl Tail {
    /// Starts inspect and commit; both end when the last sender of batches is gone.
    fn start(
        base: &Base,
        plan: &Plan,
        batches: mpsc::Receiver<Batch>,
        tasks: &mut Tasks,
    ) -> anyhow::Result<(Self, Following)> {
        let (policy, policy_seen) = watch::channel(plan.config.policy.clone());
        let (rules, rules_seen) = watch::channel(Arc::clone(&plan.rules));
        let (ways, _) = watch::channel(Arc::clone(&plan.ways));
        let recognition = base.recognition(policy_seen, rules.clone());
        let (detector, generation) = recognition.detector().context("cannot use the index")?;
        let (detector, detector_seen) = watch::channel(detector);
        let (inspected, to_commit) = mpsc::channel(plan.config.daemon.queue);
        let wake = Arc::new(Notify::new());
        let inspectors = plan.config.daemon.inspectors;
        tasks.spawn(
            "inspect",
            inspect::all(inspectors, batches, detector_seen, base.observer.clone(), inspected),
        );
        let committer = Committer {
            record: base.stores.record.clone(),
            cache: base.stores.cache.clone(),
            evidence: base.stores.evidence.clone(),
            rules: rules_seen,
            observer: base.observer.clone(),
            wake: Arc::clone(&wake),
            now: base.now,
        };
        tasks.spawn("commit", committer.all(to_commit));
        Ok((Self { policy, rules, ways, wake }, Following { recognition, generation, detector }))
    }

    fn courier(&self, base: &Base) -> Courier {
        Courier {
            record: base.stores.record.clone(),
            ways: self.ways.subscribe(),
            observer: base.observer.clone(),
            now: base.now,
        }
    }
}

/// What keeps the detector up to date.
struct Following {
    recognition: super::recognition::Recognition,
    generation: u64,
    detector: watch::Sender<Arc<Detector>>,
}

/// Runs until told to stop. What was fetched by then is recorded before it returns.
pub async fn forever(config: Config, base: Base, outside: Outside) -> anyhow::Result<()> {
    let Outside { stop, reload, load } = outside;
    let listener = socket::bind(&config.data.socket())?;
    let (batches, to_inspect) = mpsc::channel(config.daemon.queue);
    let plan = Plan::new(config, &base, &batches)?;
    testify_settings(&base, &plan)?;
    let mut tasks = Tasks::new(stop.clone());
    let (tail, following) = Tail::start(&base, &plan, to_inspect, &mut tasks)?;
    let Following { recognition, generation, detector } = following;
    tasks.spawn("recognition", recognition.follow(generation, detector, stop.clone()));
    tasks.spawn("deliver", tail.courier(&base).forever(Arc::clone(&tail.wake), stop.clone()));
    let nudges = Nudges::default();
    let (collectors, collectors_seen) = watch::channel(plan.collectors.clone());
    tasks.spawn("collect", heads::forever(collectors_seen, nudges.clone(), stop.clone()));
    let server = Server {
        service: Service::new(base.stores.record.clone(), base.stores.evidence.clone()),
        backup: base.backup(&plan.config),
        record: base.stores.record.clone(),
        ways: tail.ways.subscribe(),
        wake: Arc::clone(&tail.wake),
        observer: base.observer.clone(),
        nudges: nudges.clone(),
        reload: reload.0,
        status: status(&base, nudges),
        now: base.now,
    };
    tasks.spawn("socket", server.serve(listener, stop.clone()));
    let grace = grace(&plan.config);
    let (current, current_seen) = watch::channel(Arc::new(plan));
    tasks.spawn("upkeep", upkeep::forever(base.clone(), current_seen, stop.clone()));
    let reloader = Reloader { base, batches, tail, collectors, current, load };
    tasks.spawn("reload", reloader.forever(reload.1, stop.clone()));
    tasks.join(grace).await
}

/// Which settings were in force from when on is part of the chain of custody: their digest, not their text.
fn testify_settings(base: &Base, plan: &Plan) -> anyhow::Result<()> {
    let shown = config::show(&plan.config).toml();
    let digest = ContentHash::of(shown.as_bytes()).to_string();
    let deed = Deed {
        at: (base.now)(),
        by: Actor::Program,
        what: "settings.in-force",
        subject: "settings".to_owned(),
        detail: serde_json::json!({ "blake3": digest, "program": env!("CARGO_PKG_VERSION") }),
    };
    base.stores.record.testify(deed)?;
    Ok(())
}

fn status(base: &Base, nudges: Nudges) -> Arc<dyn Fn() -> Status + Send + Sync> {
    let (index, started) = (Arc::clone(&base.index), (base.now)());
    Arc::new(move || Status {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started,
        generation: index.snapshot().map_or(0, |snapshot| snapshot.generation()),
        sources: nudges.sources(),
    })
}

/// One pass over these sources, or over all; then everything that is due is sent once.
pub async fn once(
    config: Config,
    base: Base,
    wanted: &[SourceName],
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (batches, to_inspect) = mpsc::channel(config.daemon.queue);
    let mut plan = Plan::new(config, &base, &batches)?;
    drop(batches);
    let mut tasks = Tasks::new(stop.clone());
    let (tail, _following) = Tail::start(&base, &plan, to_inspect, &mut tasks)?;
    let courier = tail.courier(&base);
    let mut collectors = std::mem::take(&mut plan.collectors);
    collectors.retain(|collector| {
        collector.definition.disabled.is_none()
            && (wanted.is_empty() || wanted.contains(&collector.definition.name))
    });
    tasks.spawn("collect", heads::once(collectors, stop));
    tasks.join(grace(&plan.config)).await?;
    base.stores.record.put_pauses(&plan.http.pauses())?;
    // Nobody is there to wait for a burst to end: what is to be told at once is told now.
    let longest = plan.config.routes.iter().map(|route| route.after_a_burst((base.now)())).max();
    courier.send_due(longest.unwrap_or_else(|| (base.now)())).await
}

/// Puts a new configuration to use, or keeps the old one.
struct Reloader {
    base: Base,
    /// Kept so that new collectors can be given a sender; gone with the word to stop, so that the tail can end.
    batches: mpsc::Sender<Batch>,
    tail: Tail,
    collectors: watch::Sender<Vec<super::collect::Collector>>,
    current: watch::Sender<Arc<Plan>>,
    load: Load,
}

impl Reloader {
    async fn forever(
        self,
        mut wishes: mpsc::Receiver<Reload>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        loop {
            let answer = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(answer) = wishes.recv() => answer,
            };
            let outcome = self.reload().map_err(|error| format!("{error:#}"));
            match &outcome {
                Ok(()) => tracing::info!("the configuration was read again"),
                Err(error) => tracing::error!(
                    error,
                    "the new configuration is wrong; the old one stays in force"
                ),
            }
            // Whoever asked may have gone away.
            drop(answer.send(outcome));
        }
    }

    fn reload(&self) -> anyhow::Result<()> {
        let config = (self.load)()?;
        let old = Arc::clone(&self.current.borrow());
        anyhow::ensure!(
            old.config.data == config.data && old.config.key_file == config.key_file,
            "the data folder and the key file cannot change while the daemon runs: stop it and start it again"
        );
        self.base.stores.record.put_pauses(&old.http.pauses())?;
        let plan = Plan::new(config, &self.base, &self.batches)?;
        testify_settings(&self.base, &plan)?;
        self.tail.policy.send_replace(plan.config.policy.clone());
        self.tail.rules.send_replace(Arc::clone(&plan.rules));
        self.tail.ways.send_replace(Arc::clone(&plan.ways));
        self.collectors.send_replace(plan.collectors.clone());
        self.current.send_replace(Arc::new(plan));
        Ok(())
    }
}
