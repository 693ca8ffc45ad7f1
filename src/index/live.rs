//! A generation in memory: the manifest with its segments opened, and what is counted from them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::Error;
use super::codec::Broken;
use super::dead::Dead;
use super::folder::Folder;
use super::format::Record;
use super::manifest::{Manifest, NumberedCorpus, SegmentEntry, Stamp};
use super::segment::Segment;

/// Why decoding does not fail: every byte was verified when its segment was opened. If somebody overwrites a
/// mapped file all the same, stopping is better than an answer that may be wrong.
pub(super) const VERIFIED: &str =
    "a verified segment decodes, unless its file was overwritten afterwards";
/// What a segment that fails to decode after it was verified is called.
pub(super) const UNDECODABLE: &str = "it does not decode";
/// More segments than the merge policy ever leaves: a bit for each fits a word.
pub(super) const MOST_SEGMENTS: usize = 64;
/// How often the manifest is read again because a segment it names was just merged away.
const ATTEMPTS: usize = 100;

/// A segment and which of its documents are dead.
#[derive(Debug, Clone)]
pub(super) struct LiveSegment {
    pub(super) segment: Arc<Segment>,
    pub(super) dead: Dead,
}

impl LiveSegment {
    /// The live documents and what is known of them in the clear.
    pub(super) fn records(&self) -> impl Iterator<Item = Result<(u32, Record), Broken>> + '_ {
        (0..self.segment.documents())
            .filter(|&document| !self.dead.contains(document))
            .map(|document| Ok((document, self.segment.record(document)?)))
    }

    pub(super) fn entry(&self) -> SegmentEntry {
        SegmentEntry {
            id: self.segment.id(),
            checksum: self.segment.checksum(),
            dead: self.dead.to_steps(),
        }
    }

    pub(super) fn undecodable(&self, folder: &Folder) -> Error {
        folder.damaged(self.segment.path(), UNDECODABLE)
    }
}

/// Live documents and samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) documents: u64,
    pub(super) prints: u64,
}

/// One generation of the index, opened.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) folder: Arc<Folder>,
    /// None while there is no manifest.
    pub(super) stamp: Option<Stamp>,
    pub(super) number: u64,
    pub(super) next_corpus: u32,
    pub(super) corpora: BTreeMap<u32, NumberedCorpus>,
    pub(super) segments: Vec<LiveSegment>,
    /// The snapshot's number of the first document of each segment.
    pub(super) bases: Vec<u32>,
    pub(super) tallies: BTreeMap<u32, Tally>,
}

impl Generation {
    /// Reads the current generation; takes over what `before` has opened already.
    pub(super) fn read(folder: &Arc<Folder>, before: Option<&Self>) -> Result<Self, Error> {
        let mut attempts = 0;
        loop {
            let Some((manifest, stamp)) = Manifest::read(folder)? else {
                if !folder.segments()?.is_empty() && Manifest::stamp(folder)?.is_none() {
                    return Err(folder.damaged(&folder.manifest(), "it is missing"));
                }
                return Self::new(folder, None, Manifest::default(), Vec::new());
            };
            match open_segments(folder, &manifest, before) {
                Ok(segments) => return Self::new(folder, Some(stamp), manifest, segments),
                Err(Error::File(error)) if error.source.kind() == io::ErrorKind::NotFound => {
                    if Manifest::stamp(folder)? == Some(stamp) {
                        return Err(folder.damaged(&error.path, "it is missing"));
                    }
                    attempts += 1;
                    if attempts == ATTEMPTS {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts a generation together from segments that are open.
    pub(super) fn new(
        folder: &Arc<Folder>,
        stamp: Option<Stamp>,
        manifest: Manifest,
        segments: Vec<LiveSegment>,
    ) -> Result<Self, Error> {
        let mut bases = Vec::with_capacity(segments.len());
        let mut tallies = BTreeMap::<u32, Tally>::new();
        let mut next = 0u32;
        for segment in &segments {
            bases.push(next);
            next = next
                .checked_add(segment.segment.documents())
                .ok_or_else(|| folder.damaged(&folder.manifest(), "it has too many documents"))?;
            for record in segment.records() {
                let (_, record) = record.map_err(|Broken| segment.undecodable(folder))?;
                let tally = tallies.entry(record.corpus).or_default();
                tally.documents += 1;
                tally.prints += u64::from(record.prints);
            }
        }
        let corpora: BTreeMap<_, _> =
            manifest.corpora.into_iter().map(|corpus| (corpus.number, corpus)).collect();
        if segments.len() > MOST_SEGMENTS
            || tallies.keys().any(|corpus| !corpora.contains_key(corpus))
        {
            return Err(folder.damaged(&folder.manifest(), "it contradicts itself"));
        }
        Ok(Self {
            folder: Arc::clone(folder),
            stamp,
            number: manifest.generation,
            next_corpus: manifest.next_corpus,
            corpora,
            segments,
            bases,
            tallies,
        })
    }
}

fn open_segments(
    folder: &Folder,
    manifest: &Manifest,
    before: Option<&Generation>,
) -> Result<Vec<LiveSegment>, Error> {
    let known = before.map_or(&[][..], |before| &before.segments);
    let open = |entry: &SegmentEntry| {
        let same = |live: &&LiveSegment| live.segment.id() == entry.id;
        let segment = match known.iter().find(same) {
            Some(live) => Arc::clone(&live.segment),
            None => Arc::new(Segment::open(folder, entry.id)?),
        };
        if segment.checksum() != entry.checksum {
            return Err(folder.damaged(segment.path(), "it is not the one the manifest names"));
        }
        let dead = Dead::from_steps(&entry.dead, segment.documents())
            .map_err(|Broken| folder.damaged(&folder.manifest(), "it contradicts itself"))?;
        Ok(LiveSegment { segment, dead })
    };
    manifest.segments.iter().map(open).collect()
}
