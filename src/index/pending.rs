//! Documents that were put and are not in a segment yet.

use std::collections::{BTreeMap, HashMap};

use rayon::slice::ParallelSliceMut;

use super::folder::Folder;
use super::format::{Record, SegmentId};
use super::names::Named;
use super::segment_writer::{DocumentsWriter, Plan};
use super::{DocumentNumber, Error, IndexedDocument, Posting};

/// A document that waits.
#[derive(Debug)]
struct Waiting {
    record: Record,
    key: u128,
    named: Named,
    alive: bool,
}

/// What waits to be written as one segment.
#[derive(Debug, Default)]
pub(super) struct Pending {
    documents: Vec<Waiting>,
    by_key: HashMap<u128, u32>,
    prints: Vec<(u64, Posting)>,
    text_bytes: usize,
}

impl Pending {
    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.prints.len() * size_of::<(u64, Posting)>()
            + self.documents.len() * (size_of::<Waiting>() + 48)
            + self.text_bytes
    }

    /// Adds a document; the one of that key must have been removed.
    pub(super) fn put(&mut self, corpus: u32, key: u128, document: IndexedDocument) {
        let IndexedDocument { name, version, bytes, prints } = document;
        let number = u32::try_from(self.documents.len()).expect("memory ends before numbers do");
        self.prints.extend(prints.prints.iter().map(|print| {
            let document = DocumentNumber(number);
            (print.value, Posting { document, position: print.position, lines: print.lines })
        }));
        self.text_bytes += name.len() + version.len();
        self.by_key.insert(key, number);
        self.documents.push(Waiting {
            record: Record {
                corpus,
                length: prints.length,
                lines: prints.lines,
                prints: u32::try_from(prints.prints.len()).unwrap_or(u32::MAX),
                bytes,
                whole: prints.whole,
            },
            key,
            named: (name, version),
            alive: true,
        });
    }

    /// Removes a document; says whether it was there.
    pub(super) fn remove(&mut self, key: u128) -> bool {
        let number = self.by_key.remove(&key);
        if let Some(number) = number {
            self.documents[number as usize].alive = false;
        }
        number.is_some()
    }

    pub(super) fn remove_corpus(&mut self, corpus: u32) {
        let Self { documents, by_key, .. } = self;
        for waiting in documents.iter_mut().filter(|waiting| waiting.record.corpus == corpus) {
            waiting.alive = false;
            by_key.remove(&waiting.key);
        }
    }

    /// Adds the versions of a corpus' documents by name.
    pub(super) fn versions(&self, corpus: u32, versions: &mut BTreeMap<String, String>) {
        let of_corpus = |waiting: &&Waiting| waiting.alive && waiting.record.corpus == corpus;
        versions
            .extend(self.documents.iter().filter(of_corpus).map(|waiting| waiting.named.clone()));
    }

    /// Writes everything that is alive as one segment, if anything is. After an error it can be tried again.
    pub(super) fn write(&mut self, folder: &Folder) -> Result<Option<SegmentId>, Error> {
        let mut numbers = Vec::with_capacity(self.documents.len());
        let mut alive = 0;
        for waiting in &self.documents {
            numbers.push(waiting.alive.then_some(DocumentNumber(alive)));
            alive += u32::from(waiting.alive);
        }
        if alive == 0 {
            return Ok(None);
        }
        self.prints.par_sort_unstable_by_key(|(value, posting)| {
            (*value, posting.document, posting.position)
        });
        let values = self.prints.chunk_by(|a, b| a.0 == b.0).count() as u64;
        let mut writer = DocumentsWriter::create(folder, Plan { documents: alive, values })?;
        for waiting in self.documents.iter().filter(|waiting| waiting.alive) {
            writer.add(waiting.record, waiting.key, waiting.named.clone())?;
        }
        let mut writer = writer.finish()?;
        for &(value, posting) in &self.prints {
            if let Some(document) = numbers[posting.document.0 as usize] {
                writer.push(value, Posting { document, ..posting })?;
            }
        }
        writer.finish().map(Some)
    }
}
