//! For tests: stores in a folder of their own, and sources that do as told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc, watch};

use super::collect::{Bounds, Collector};
use super::commit::Committer;
use super::event::Observer;
use super::rules::Rules;
use crate::detect::{Detector, Policy};
use crate::evidence::EvidenceStore;
use crate::fingerprint::Fingerprinter;
use crate::index::Index;
use crate::keys::Keys;
use crate::model::batch::{Batch, Cursor, Page};
use crate::model::document::{Body, Document, Item, Provenance};
use crate::model::ids::SourceName;
use crate::schedule::Schedule;
use crate::source::{Definition, Error, Kind, Source, directory};
use crate::store::cache::Cache;
use crate::store::record::Record;

pub(super) fn name(name: &str) -> SourceName {
    name.parse().unwrap()
}

pub(super) fn item(id: &str) -> Item {
    Item {
        id: id.to_owned(),
        version: String::new(),
        place: format!("https://paste.example/{id}"),
        title: None,
        author: None,
        published: None,
        handle: serde_json::Value::Null,
    }
}

pub(super) fn document(id: &str, text: &str) -> Document {
    Document {
        source: name("pastes"),
        item: item(id),
        body: Body::Memory(text.to_owned().into()),
        media_type: None,
        truncated: false,
        provenance: Provenance::File { modified: None, read: Timestamp::UNIX_EPOCH },
    }
}

pub(super) fn batch(documents: Vec<Document>) -> Batch {
    Batch {
        source: name("pastes"),
        documents,
        missed: Vec::new(),
        recovered: Vec::new(),
        cursor: None,
        seen: Vec::new(),
        validators: Vec::new(),
        gap: None,
        pass: 1,
        last: true,
        failed: None,
    }
}

/// What a scripted source does when it is asked for its next page.
pub(super) enum Turn {
    /// Lists these items; more follow if so.
    Lists(Vec<&'static str>, bool),
    Panics,
}

/// A source that does as told, turn by turn, then lists nothing. Items are fetched by their ids: `limited` asks to wait,
/// `panics` does, the rest is there.
#[derive(Default)]
pub(super) struct Scripted {
    pub(super) turns: Mutex<VecDeque<Turn>>,
    pub(super) polls: AtomicUsize,
    pub(super) at_once: AtomicUsize,
    pub(super) most_at_once: AtomicUsize,
    /// How long a listing takes.
    pub(super) takes: Duration,
}

pub(super) const UNTIL: Timestamp = Timestamp::MAX;

#[async_trait]
impl Source for Scripted {
    fn name(&self) -> &SourceName {
        unreachable!("collectors go by their definition")
    }

    async fn poll(&self, cursor: Option<&Cursor>) -> Result<Page, Error> {
        let polls = self.polls.fetch_add(1, Ordering::SeqCst);
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        let turn = self.turns.lock().unwrap().pop_front();
        let (ids, more) = match turn {
            None => (Vec::new(), false),
            Some(Turn::Lists(ids, more)) => (ids, more),
            Some(Turn::Panics) => panic!("a hostile page"),
        };
        let before = cursor.and_then(|cursor| cursor.0.as_u64()).unwrap_or(0);
        assert!(before <= polls as u64, "a cursor that was never given");
        Ok(Page {
            items: ids.into_iter().map(item).collect(),
            next: Cursor((before + 1).into()),
            more,
            gap: None,
            validators: Vec::new(),
        })
    }

    async fn fetch(&self, item: &Item) -> Result<Document, Error> {
        match item.id.as_str() {
            "limited" => Err(Error::RateLimited { until: UNTIL }),
            "panics" => panic!("a hostile item"),
            "gone" => Err(Error::Gone("404".to_owned())),
            id => Ok(document(id, "unrelated")),
        }
    }

    fn explain(&self) -> String {
        String::new()
    }
}

pub(super) fn scripted(turns: impl IntoIterator<Item = Turn>) -> Arc<Scripted> {
    Arc::new(Scripted { turns: Mutex::new(turns.into_iter().collect()), ..Scripted::default() })
}

pub(super) fn definition(schedule: &str) -> Definition {
    Definition {
        name: name("pastes"),
        schedule: Schedule::parse(schedule, TimeZone::UTC).unwrap(),
        jitter: Duration::ZERO,
        disabled: None,
        kind: Kind::Directory(directory::Settings {
            path: "/drop".into(),
            recursive: false,
            ignore: Vec::new(),
            settle: Duration::ZERO,
        }),
    }
}

/// Stores in a folder of their own.
pub(super) struct Stand {
    pub(super) dir: TempDir,
    pub(super) keys: Keys,
    pub(super) record: Record,
    pub(super) cache: Cache,
    pub(super) evidence: EvidenceStore,
    pub(super) observer: Observer,
}

impl Stand {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::from_bytes([7; 32]);
        Self {
            record: Record::in_memory().unwrap(),
            cache: Cache::open(&dir.path().join("cache"), &keys).unwrap(),
            evidence: EvidenceStore::open(&dir.path().join("evidence"), &keys).unwrap(),
            observer: Observer::default(),
            keys,
            dir,
        }
    }

    /// A detector that knows nothing.
    pub(super) fn detector(&self) -> Arc<Detector> {
        let index = Index::open(&self.dir.path().join("index"), &self.keys).unwrap();
        let fingerprinter = Fingerprinter::new(&self.keys);
        Arc::new(Detector::new(index.snapshot().unwrap(), fingerprinter, Policy::default()))
    }

    pub(super) fn collector(
        &self,
        source: Arc<Scripted>,
        batches: mpsc::Sender<Batch>,
    ) -> Collector {
        Collector {
            definition: definition("0 0 1 1 *"),
            source,
            record: self.record.clone(),
            cache: self.cache.clone(),
            batches,
            bounds: Bounds { documents: 2, bytes: 1 << 20, fetches: 1 },
            observer: self.observer.clone(),
            operations: vec!["operations".parse().unwrap()],
            tell_after: 2,
            now: Timestamp::now,
        }
    }

    pub(super) fn committer(&self) -> Committer {
        let rules = Rules {
            severity: crate::respond::severity::SeverityRules::default(),
            sensitivities: std::collections::BTreeMap::new(),
            allowed: crate::watchlist::allowed::Allowed::default(),
            routes: Vec::new(),
        };
        let (_, rules) = watch::channel(Arc::new(rules));
        Committer {
            record: self.record.clone(),
            cache: self.cache.clone(),
            evidence: self.evidence.clone(),
            rules,
            observer: self.observer.clone(),
            wake: Arc::new(Notify::new()),
            now: Timestamp::now,
        }
    }
}
