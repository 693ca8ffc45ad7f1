//! Changes the index: collects documents, writes segments, swaps the manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::codec::Broken;
use super::dead::Dead;
use super::folder::Folder;
use super::format::SegmentId;
use super::live::{Generation, LiveSegment, VERIFIED};
use super::manifest::{Manifest, NumberedCorpus};
use super::merge::{self, Size};
use super::pending::Pending;
use super::segment::Segment;
use super::{CorpusEntry, Error, Index, IndexedDocument, names};
use crate::fs;
use crate::model::ids::CorpusName;

/// Memory for documents that wait; then they are written as a segment, which nobody sees before the commit.
const PENDING_BYTES: usize = 64 << 20;
/// How the names of files begin that `fs::write_atomic` has not renamed yet.
const UNFINISHED_PREFIX: &str = ".new-";

/// Changes the index. Nothing is visible before [`Writer::commit`]; dropping it changes nothing.
#[derive(Debug)]
pub struct Writer {
    index: Index,
    _lock: fs::Lock,
    generation: u64,
    /// The segments that are on the disk for certain: those of the last commit.
    durable: BTreeSet<SegmentId>,
    next_corpus: u32,
    corpora: BTreeMap<CorpusName, NumberedCorpus>,
    pub(super) segments: Vec<LiveSegment>,
    pub(super) pending: Pending,
    pub(super) pending_bytes: usize,
    changed: bool,
}

impl Writer {
    /// Takes the lock, sweeps what a writer before left unfinished.
    pub(super) fn new(index: &Index) -> Result<Self, Error> {
        let folder = &index.folder;
        fs::create_private_dir(folder.path())?;
        let Some(lock) = fs::Lock::try_acquire(&folder.lock())? else {
            return Err(Error::Locked { dir: folder.path().to_owned() });
        };
        let current = index.snapshot()?.generation;
        if current.stamp.is_none() {
            // From here on, segments without a manifest mean that it was lost.
            Manifest::default().write(folder)?;
        }
        let by_name = |corpus: &NumberedCorpus| (corpus.entry.name.clone(), corpus.clone());
        let writer = Self {
            index: index.clone(),
            _lock: lock,
            generation: current.number,
            durable: current.segments.iter().map(|live| live.segment.id()).collect(),
            next_corpus: current.next_corpus,
            corpora: current.corpora.values().map(by_name).collect(),
            segments: current.segments.clone(),
            pending: Pending::default(),
            pending_bytes: PENDING_BYTES,
            changed: false,
        };
        sweep(folder)?;
        Ok(writer)
    }

    /// Adds a corpus or replaces what is known of it; its documents stay.
    pub fn put_corpus(&mut self, entry: CorpusEntry) {
        self.changed = true;
        if let Some(known) = self.corpora.get_mut(&entry.name) {
            known.entry = entry;
        } else {
            let number = self.next_corpus;
            self.next_corpus += 1;
            self.corpora.insert(entry.name.clone(), NumberedCorpus { number, entry });
        }
    }

    /// Adds a document, or replaces the one of that name. The corpus must have been put.
    pub fn put_document(
        &mut self,
        corpus: &CorpusName,
        document: IndexedDocument,
    ) -> Result<(), Error> {
        let Some(number) = self.number(corpus) else {
            return Err(Error::UnknownCorpus { corpus: corpus.clone() });
        };
        let key = self.folder().seal.name_key(number, &document.name);
        self.remove_key(key);
        self.pending.put(number, key, document);
        self.changed = true;
        if self.pending.bytes() >= self.pending_bytes { self.flush() } else { Ok(()) }
    }

    /// Removes a document if it is there.
    pub fn remove_document(&mut self, corpus: &CorpusName, name: &str) {
        if let Some(number) = self.number(corpus) {
            let key = self.folder().seal.name_key(number, name);
            self.remove_key(key);
        }
    }

    /// Removes a corpus and its documents.
    pub fn remove_corpus(&mut self, corpus: &CorpusName) {
        let Some(NumberedCorpus { number, .. }) = self.corpora.remove(corpus) else { return };
        self.changed = true;
        self.pending.remove_corpus(number);
        for live in &mut self.segments {
            for document in 0..live.segment.documents() {
                if live.segment.record(document).expect(VERIFIED).corpus == number {
                    live.dead.insert(document);
                }
            }
        }
    }

    /// The versions of a corpus' documents by name, changes of this writer included: for a refresh.
    pub fn versions(&self, corpus: &CorpusName) -> Result<BTreeMap<String, String>, Error> {
        let mut versions = BTreeMap::new();
        let Some(number) = self.number(corpus) else { return Ok(versions) };
        for live in &self.segments {
            add_versions(self.folder(), live, number, &mut versions)
                .map_err(|Broken| live.undecodable(self.folder()))?;
        }
        self.pending.versions(number, &mut versions);
        Ok(versions)
    }

    /// Makes the changes visible and durable, merges segments when there are many; gives the new generation,
    /// or the present one if nothing has changed. The writer can go on (a long reading commits now and then,
    /// so that it can be resumed). After an error nothing has become visible, and the commit can be tried again.
    pub fn commit(&mut self) -> Result<u64, Error> {
        self.flush()?;
        if !self.changed {
            return Ok(self.generation);
        }
        self.merge()?;
        let manifest = Manifest {
            generation: self.generation + 1,
            next_corpus: self.next_corpus,
            corpora: self.corpora.values().cloned().collect(),
            segments: self.segments.iter().map(LiveSegment::entry).collect(),
        };
        // The segments and their names must be on the disk before the manifest that names them.
        for live in self.segments.iter().filter(|live| !self.durable.contains(&live.segment.id())) {
            live.segment.sync()?;
        }
        fs::sync_dir(self.folder().path())?;
        let stamp = manifest.write(self.folder())?;
        self.durable = manifest.segments.iter().map(|entry| entry.id).collect();
        self.generation = manifest.generation;
        self.changed = false;
        let segments = self.segments.clone();
        let generation = Generation::new(self.folder(), Some(stamp), manifest, segments)?;
        self.index.publish(Arc::new(generation));
        sweep_or_warn(self.folder());
        Ok(self.generation)
    }

    fn folder(&self) -> &Arc<Folder> {
        &self.index.folder
    }

    fn number(&self, corpus: &CorpusName) -> Option<u32> {
        self.corpora.get(corpus).map(|corpus| corpus.number)
    }

    fn remove_key(&mut self, key: u128) {
        self.changed |= self.pending.remove(key);
        for live in &mut self.segments {
            for document in live.segment.documents_named(key).expect(VERIFIED) {
                self.changed |= live.dead.insert(document);
            }
        }
    }

    /// Writes what waits as a segment.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        if let Some(id) = self.pending.write(&self.index.folder)? {
            let fresh = self.open(id)?;
            self.segments.push(fresh);
        }
        self.pending = Pending::default();
        Ok(())
    }

    fn open(&self, id: SegmentId) -> Result<LiveSegment, Error> {
        let segment = Arc::new(Segment::open(self.folder(), id)?);
        Ok(LiveSegment { segment, dead: Dead::default() })
    }

    /// Brings the segments into the shape that the policy wants.
    fn merge(&mut self) -> Result<(), Error> {
        self.segments.retain(|live| live.dead.count() < live.segment.documents());
        loop {
            let mut sizes = Vec::with_capacity(self.segments.len());
            for live in &self.segments {
                sizes.push(Size::of(live).map_err(|Broken| live.undecodable(self.folder()))?);
            }
            let Some(chosen) = merge::plan(&sizes) else { return Ok(()) };
            let parts: Vec<&LiveSegment> =
                chosen.iter().map(|&index| &self.segments[index]).collect();
            let merged = merge::merge(self.folder(), &parts)?;
            let merged = merged.map(|id| self.open(id)).transpose()?;
            for &index in chosen.iter().rev() {
                self.segments.remove(index);
            }
            self.segments.extend(merged);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        sweep_or_warn(self.folder());
    }
}

fn add_versions(
    folder: &Folder,
    live: &LiveSegment,
    corpus: u32,
    versions: &mut BTreeMap<String, String>,
) -> Result<(), Broken> {
    let mut open = None;
    for record in live.records() {
        let (document, record) = record?;
        if record.corpus != corpus {
            continue;
        }
        let block = document / names::IN_BLOCK;
        if open.as_ref().is_none_or(|&(at, _)| at != block) {
            open = Some((block, live.segment.names(&folder.seal, block)?));
        }
        let block = open.as_ref().map_or(&[][..], |(_, block)| block);
        versions.extend([block.get((document % names::IN_BLOCK) as usize).ok_or(Broken)?.clone()]);
    }
    Ok(())
}

/// Removes the segments that the manifest does not name, and files that were never finished: what was merged
/// away, and what a crash left. Whoever has a removed segment mapped keeps it; whoever is about to open it finds
/// that the manifest has changed. Needs the writer's lock.
fn sweep(folder: &Folder) -> Result<(), Error> {
    let mut kept = BTreeSet::new();
    if let Some((manifest, _)) = Manifest::read(folder)? {
        kept.extend(manifest.segments.iter().map(|entry| folder.segment(entry.id)));
    }
    let unfinished = folder.files(|name| name.starts_with(UNFINISHED_PREFIX))?;
    for path in folder.segments()?.into_iter().filter(|path| !kept.contains(path)).chain(unfinished)
    {
        std::fs::remove_file(&path).map_err(fs::Error::new("remove", &path))?;
    }
    Ok(())
}

fn sweep_or_warn(folder: &Folder) {
    if let Err(error) = sweep(folder) {
        tracing::warn!(%error, "files that the index needs no longer are left to the next command that changes the corpora");
    }
}
