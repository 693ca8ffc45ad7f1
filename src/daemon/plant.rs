//! Everything the daemon is made of, put together from a configuration and open stores.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::collect::{Bounds, Collector};
use super::deliver::{Way, Ways};
use super::event::Observer;
use super::recognition::Recognition;
use super::rules::{Rules, sensitivities};
use super::stores::Stores;
use crate::config::Config;
use crate::detect::Policy;
use crate::fingerprint::Fingerprinter;
use crate::http;
use crate::index::Index;
use crate::keys::Keys;
use crate::model::batch::Batch;
use crate::model::ids::RouteName;
use crate::notify::{self, Composer, Templates, to_tell_about_sources};
use crate::service::backup::Backup;
use crate::source;

/// A source that fails so many times in a row is told about: once, not at every flap.
const TELL_AFTER: u32 = 3;

/// What is open for as long as the process runs.
#[derive(Clone)]
pub struct Base {
    /// The record, the cache, the evidence.
    pub stores: Arc<Stores>,
    /// The index.
    pub index: Arc<Index>,
    /// The fingerprinter under the installation's key.
    pub fingerprinter: Fingerprinter,
    /// The keys.
    pub keys: Keys,
    /// Whoever watches.
    pub observer: Observer,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl Base {
    /// Opens everything in the data folder.
    pub fn open(
        config: &Config,
        keys: &Keys,
        observer: Observer,
        now: fn() -> Timestamp,
    ) -> anyhow::Result<Self> {
        let stores = Arc::new(Stores::open(&config.data, keys)?);
        let index = Arc::new(Index::open(&config.data.index(), keys)?);
        crate::fs::create_private_dir(&config.data.spool())?;
        let (fingerprinter, keys) = (Fingerprinter::new(keys), keys.clone());
        Ok(Self { stores, index, fingerprinter, keys, observer, now })
    }

    /// What a backup of all this is made of.
    pub fn backup(&self, config: &Config) -> Backup {
        Backup {
            record: self.stores.record.clone(),
            evidence: self.stores.evidence.clone(),
            index: Arc::clone(&self.index),
            keys: self.keys.clone(),
            configuration: config.file.clone(),
        }
    }

    /// Recognition under a policy and rules that can be replaced.
    pub fn recognition(
        &self,
        policy: watch::Receiver<Policy>,
        rules: watch::Sender<Arc<Rules>>,
    ) -> Recognition {
        Recognition {
            index: Arc::clone(&self.index),
            fingerprinter: self.fingerprinter.clone(),
            policy,
            rules,
        }
    }
}

/// What a configuration becomes; replaced as a whole on reload.
pub struct Plan {
    /// The configuration.
    pub config: Arc<Config>,
    /// The way out.
    pub http: http::Client,
    /// What is decided about findings.
    pub rules: Arc<Rules>,
    /// The routes.
    pub ways: Arc<Ways>,
    /// The sources.
    pub collectors: Vec<Collector>,
}

impl Plan {
    /// Builds everything that the configuration names; opens no connection.
    pub fn new(config: Config, base: &Base, batches: &mpsc::Sender<Batch>) -> anyhow::Result<Self> {
        let http = client(&config, base)?;
        let ways = Arc::new(ways(&config, &http)?);
        let rules = Arc::new(rules(&config, base)?);
        let collectors = collectors(&config, base, &http, batches)?;
        Ok(Self { config: Arc::new(config), http, rules, ways, collectors })
    }
}

/// The client; hosts that asked to be left alone before a restart still are.
fn client(config: &Config, base: &Base) -> anyhow::Result<http::Client> {
    let http = http::Client::new(config.http.settings(&config.base)?)?;
    http.restore(base.stores.record.pauses()?);
    Ok(http)
}

/// The routes, ready to be used.
pub fn ways(config: &Config, http: &http::Client) -> anyhow::Result<Ways> {
    let around = notify::Surroundings {
        composer: Arc::new(Composer::new(
            Arc::new(Templates::load(config.templates.as_deref())),
            &config.instance,
        )),
        http: http.clone(),
        base: config.base.clone(),
    };
    config
        .routes
        .iter()
        .map(|route| {
            let notifier = route
                .notifier(&around)
                .with_context(|| format!("the route `{}` cannot be used", route.name))?;
            Ok((route.name.clone(), Way { audience: route.reach.audience, notifier }))
        })
        .collect()
}

/// The rules, with what the index knows of each corpus.
pub fn rules(config: &Config, base: &Base) -> anyhow::Result<Rules> {
    Ok(Rules {
        severity: config.severity,
        sensitivities: sensitivities(&base.index.snapshot()?),
        allowed: config.allowed.clone(),
        routes: config.routes.clone(),
    })
}

fn collectors(
    config: &Config,
    base: &Base,
    http: &http::Client,
    batches: &mpsc::Sender<Batch>,
) -> anyhow::Result<Vec<Collector>> {
    let cache = base.stores.cache.clone();
    let context = source::Context {
        http: http.clone(),
        data_dir: config.data.path().to_owned(),
        max_body: config.http.settings(&config.base)?.max_body,
        validator: Arc::new(move |url| cache.validator(url)),
        now: base.now,
    };
    let operations: Vec<RouteName> =
        to_tell_about_sources(&config.routes).into_iter().map(|route| route.name.clone()).collect();
    let bounds = Bounds {
        documents: config.daemon.batch_items,
        bytes: config.daemon.batch_bytes,
        fetches: config.daemon.fetchers,
    };
    config
        .sources
        .iter()
        .map(|definition| {
            let source = definition
                .build(&context)
                .with_context(|| format!("the source `{}` cannot be used", definition.name))?;
            Ok(Collector {
                definition: definition.clone(),
                source,
                record: base.stores.record.clone(),
                cache: base.stores.cache.clone(),
                batches: batches.clone(),
                bounds,
                observer: base.observer.clone(),
                operations: operations.clone(),
                tell_after: TELL_AFTER,
                now: base.now,
            })
        })
        .collect()
}

/// How long what is in flight may take after the word to stop.
pub fn grace(config: &Config) -> Duration {
    config.daemon.grace
}
