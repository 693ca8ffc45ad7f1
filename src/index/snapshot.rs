//! Answers questions about one generation. Later commits do not disturb it.

use std::sync::Arc;

use super::bucket::Bucket;
use super::codec::Broken;
use super::format::Record;
use super::live::{Generation, LiveSegment, VERIFIED};
use super::{CorpusEntry, DocumentEntry, DocumentNumber, Posting, Role};
use crate::model::ids::CorpusName;

/// Values whose filter blocks are fetched together.
const BATCH: usize = 256;

/// A bucket in which a value of the batch may stand.
struct Candidate<'a> {
    index: usize,
    segment: usize,
    bucket: Bucket<'a>,
}

/// The index at one moment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) generation: Arc<Generation>,
}

impl Snapshot {
    /// Rises with every commit.
    pub fn generation(&self) -> u64 {
        self.generation.number
    }

    /// The corpora and baselines, by name.
    pub fn corpora(&self) -> Vec<CorpusEntry> {
        let mut corpora: Vec<CorpusEntry> =
            self.generation.corpora.values().map(|corpus| corpus.entry.clone()).collect();
        corpora.sort_by(|a, b| a.name.cmp(&b.name));
        corpora
    }

    /// How many live documents and samples a corpus has; none of either if it is unknown.
    pub fn counts(&self, corpus: &CorpusName) -> (u64, u64) {
        let mut corpora = self.generation.corpora.values();
        let tally = corpora
            .find(|known| known.entry.name == *corpus)
            .and_then(|known| self.generation.tallies.get(&known.number))
            .copied()
            .unwrap_or_default();
        (tally.documents, tally.prints)
    }

    /// How many live documents of all corpora (not baselines) there are.
    pub fn documents(&self) -> u64 {
        let corpora = self.generation.corpora.values();
        corpora
            .filter(|corpus| corpus.entry.role == Role::Corpus)
            .filter_map(|corpus| self.generation.tallies.get(&corpus.number))
            .map(|tally| tally.documents)
            .sum()
    }

    /// Calls `found` for each value that stands somewhere in live documents, in the order of `values`: with the
    /// value's index, at most `cap` postings in order of document and position, and how many there are in all.
    /// A value that stands nowhere gets no call.
    ///
    /// Values are looked up in batches so that the memory's latencies overlap.
    pub fn postings(
        &self,
        values: &[u64],
        cap: usize,
        found: &mut dyn FnMut(usize, &[Posting], u32),
    ) {
        let (mut buckets, mut postings) = (Vec::new(), Vec::new());
        for (batch, values) in values.chunks(BATCH).enumerate() {
            // Three rounds, so that in each the memory's latencies overlap: filters, buckets, postings.
            let mut masks = [0u64; BATCH];
            for (bit, live) in self.generation.segments.iter().enumerate() {
                live.segment.filter().expect(VERIFIED).probe(values, 1 << bit, &mut masks);
            }
            buckets.clear();
            for (index, (&value, mask)) in values.iter().zip(masks).enumerate() {
                for at in (0..self.generation.segments.len()).filter(|at| mask >> at & 1 == 1) {
                    let live = &self.generation.segments[at];
                    let bucket = live.segment.bucket_of(value).expect(VERIFIED);
                    buckets.push(Candidate { index, segment: at, bucket });
                }
            }
            for candidates in buckets.chunk_by(|a, b| a.index == b.index) {
                let index = candidates[0].index;
                let total =
                    self.collect(values[index], candidates, cap, &mut postings).expect(VERIFIED);
                if total > 0 {
                    found(batch * BATCH + index, &postings, total);
                }
            }
        }
    }

    /// Fills `postings` with those of one value in some buckets; the count of all.
    fn collect(
        &self,
        value: u64,
        candidates: &[Candidate<'_>],
        cap: usize,
        postings: &mut Vec<Posting>,
    ) -> Result<u32, Broken> {
        postings.clear();
        let mut total = 0u32;
        for Candidate { segment, bucket, .. } in candidates {
            let live = &self.generation.segments[*segment];
            let base = self.generation.bases[*segment];
            let Some(mut list) = live.segment.find(bucket, value)? else { continue };
            // Only where documents are dead must a list be read to its end to be counted.
            let all_alive = live.dead.is_empty();
            let mut counted = if all_alive { list.count() } else { 0 };
            while !all_alive || postings.len() < cap {
                let Some(mut posting) = list.next()? else { break };
                if live.dead.contains(posting.document.0) {
                    continue;
                }
                counted += u32::from(!all_alive);
                if postings.len() < cap {
                    posting.document.0 += base;
                    postings.push(posting);
                }
            }
            total = total.saturating_add(counted);
        }
        Ok(total)
    }

    /// The live documents whose whole normalised text has this value.
    pub fn whole(&self, value: u64) -> Vec<DocumentNumber> {
        let mut documents = Vec::new();
        for (live, &base) in self.generation.segments.iter().zip(&self.generation.bases) {
            let held = live.segment.documents_of_whole(value).expect(VERIFIED);
            let held = held.into_iter().filter(|&document| !live.dead.contains(document));
            documents.extend(held.map(|document| DocumentNumber(base + document)));
        }
        documents
    }

    /// The value of a document's whole normalised text, without decrypting anything: equal for equal contents.
    ///
    /// # Panics
    /// If the number is not one of this snapshot.
    pub fn whole_of(&self, number: DocumentNumber) -> Option<u64> {
        self.record(number).whole
    }

    /// A document; its name is decrypted.
    ///
    /// # Panics
    /// If the number is not one of this snapshot.
    pub fn document(&self, number: DocumentNumber) -> DocumentEntry {
        let (live, local) = self.place(number);
        let record = live.segment.record(local).expect(VERIFIED);
        let (name, version) =
            live.segment.name(&self.generation.folder.seal, local).expect(VERIFIED);
        let corpus = &self.generation.corpora[&record.corpus].entry;
        DocumentEntry {
            corpus: corpus.name.clone(),
            role: corpus.role,
            name,
            version,
            bytes: record.bytes,
            length: record.length,
            lines: record.lines,
            prints: record.prints,
            whole: record.whole,
        }
    }

    /// What a document is for, without decrypting its name.
    ///
    /// # Panics
    /// If the number is not one of this snapshot.
    pub fn role(&self, number: DocumentNumber) -> Role {
        self.generation.corpora[&self.record(number).corpus].entry.role
    }

    fn record(&self, number: DocumentNumber) -> Record {
        let (live, local) = self.place(number);
        live.segment.record(local).expect(VERIFIED)
    }

    fn place(&self, number: DocumentNumber) -> (&LiveSegment, u32) {
        let bases = &self.generation.bases;
        let at = bases.partition_point(|&base| base <= number.0) - 1;
        (&self.generation.segments[at], number.0 - bases[at])
    }
}
