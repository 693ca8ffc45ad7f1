//! Writes one segment in one pass: first its documents, then its postings in order of value.
//!
//! Memory does not grow with the postings: filter, directory and buckets are streams to places of the file
//! that are known beforehand. The file has its final name from the beginning; nobody looks at it before a
//! manifest names it, and nothing writes to it afterwards.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use super::bucket::{self, Buckets};
use super::filter;
use super::folder::Folder;
use super::format::{Extent, HEADER, Header, Record, SECTIONS, Section, SegmentId};
use super::names::{self, Named};
use super::stream::Stream;
use super::{Error, Posting};
use crate::fs;

/// How large a segment will be: exactly so many documents, at most so many values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) documents: u32,
    pub(super) values: u64,
}

/// The file and what its header will say.
#[derive(Debug)]
struct Output<'a> {
    folder: &'a Folder,
    path: PathBuf,
    file: File,
    header: Header,
    finished: bool,
}

/// What was not finished is removed: on a full disk it would be in the way.
impl Drop for Output<'_> {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "an unfinished segment is left to the next writer");
        }
    }
}

impl Output<'_> {
    fn failed(&self, error: io::Error) -> Error {
        fs::Error::new("write", &self.path)(error).into()
    }

    fn close(&mut self, section: Section, stream: Stream) -> Result<u64, Error> {
        let extent = stream.finish(&self.file).map_err(|error| self.failed(error))?;
        self.header.sections[section as usize] = extent;
        Ok(extent.offset + extent.length)
    }

    fn section(&mut self, section: Section, start: u64, bytes: &[u8]) -> Result<u64, Error> {
        let mut stream = Stream::at(start, &self.folder.seal);
        stream.write(&self.file, bytes).map_err(|error| self.failed(error))?;
        self.close(section, stream)
    }
}

/// A segment whose documents are being written.
#[derive(Debug)]
pub(super) struct DocumentsWriter<'a> {
    output: Output<'a>,
    values: u64,
    records: Stream,
    names: Stream,
    block: Vec<Named>,
    name_offsets: Vec<u8>,
    name_keys: Vec<(u128, u32)>,
    wholes: Vec<(u64, u32)>,
}

impl<'a> DocumentsWriter<'a> {
    /// Begins a new segment in the folder.
    pub(super) fn create(folder: &'a Folder, plan: Plan) -> Result<Self, Error> {
        let id = SegmentId::random().map_err(fs::Error::new("name a segment in", folder.path()))?;
        let path = folder.segment(id);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(fs::Error::new("create", &path))?;
        let buckets = Buckets::for_values(plan.values);
        let filter = filter::blocks(plan.values) * filter::BLOCK as u64;
        let records = HEADER as u64 + filter + (buckets.count() + 1) * 8;
        let names = records + u64::from(plan.documents) * Record::BYTES as u64;
        let header = Header {
            id,
            documents: 0,
            bucket_bits: buckets.bits(),
            values: 0,
            postings: 0,
            sections: [Extent::default(); SECTIONS],
        };
        Ok(Self {
            output: Output { folder, path, file, header, finished: false },
            values: plan.values,
            records: Stream::at(records, &folder.seal),
            names: Stream::at(names, &folder.seal),
            block: Vec::new(),
            name_offsets: Vec::new(),
            name_keys: Vec::new(),
            wholes: Vec::new(),
        })
    }

    /// Adds the next document.
    pub(super) fn add(
        &mut self,
        record: Record,
        name_key: u128,
        named: Named,
    ) -> Result<(), Error> {
        let number = self.output.header.documents;
        self.records
            .write(&self.output.file, &record.encode())
            .map_err(|error| self.output.failed(error))?;
        self.name_keys.push((name_key, number));
        self.wholes.extend(record.whole.map(|whole| (whole, number)));
        self.block.push(named);
        self.output.header.documents += 1;
        if self.output.header.documents.is_multiple_of(names::IN_BLOCK) {
            self.close_block()?;
        }
        Ok(())
    }

    fn close_block(&mut self) -> Result<(), Error> {
        let header = &self.output.header;
        let block = (header.documents - 1) / names::IN_BLOCK;
        self.name_offsets.extend_from_slice(&self.names.len().to_le_bytes());
        names::encrypt(&self.output.folder.seal, header.id, block, &self.block)
            .and_then(|sealed| self.names.write(&self.output.file, &sealed))
            .map_err(|error| self.output.failed(error))?;
        self.block.clear();
        Ok(())
    }

    /// Ends the documents; the postings follow.
    pub(super) fn finish(mut self) -> Result<PostingsWriter<'a>, Error> {
        if !self.block.is_empty() {
            self.close_block()?;
        }
        self.name_offsets.extend_from_slice(&self.names.len().to_le_bytes());
        self.name_keys.sort_unstable();
        self.wholes.sort_unstable();
        let mut name_keys = Vec::with_capacity(self.name_keys.len() * 20);
        for (key, number) in &self.name_keys {
            name_keys.extend_from_slice(&key.to_le_bytes());
            name_keys.extend_from_slice(&number.to_le_bytes());
        }
        let mut wholes = Vec::with_capacity(self.wholes.len() * 12);
        for (whole, number) in &self.wholes {
            wholes.extend_from_slice(&whole.to_le_bytes());
            wholes.extend_from_slice(&number.to_le_bytes());
        }
        let mut output = self.output;
        output.close(Section::Documents, self.records)?;
        let end = output.close(Section::Names, self.names)?;
        let end = output.section(Section::NameOffsets, end, &self.name_offsets)?;
        let end = output.section(Section::NameKeys, end, &name_keys)?;
        let end = output.section(Section::Wholes, end, &wholes)?;
        PostingsWriter::new(output, self.values, end)
    }
}

/// A segment whose postings are being written.
#[derive(Debug)]
pub(super) struct PostingsWriter<'a> {
    output: Output<'a>,
    buckets: Buckets,
    value: Option<u64>,
    bucket: bucket::Builder,
    closed_buckets: u64,
    lists: Stream,
    directory: Stream,
    filter: filter::Builder,
    blocks: Stream,
}

impl<'a> PostingsWriter<'a> {
    fn new(output: Output<'a>, values: u64, lists: u64) -> Result<Self, Error> {
        let seal = &output.folder.seal;
        let buckets = Buckets::for_values(values);
        let blocks = filter::blocks(values);
        let mut directory = Stream::at(HEADER as u64 + blocks * filter::BLOCK as u64, seal);
        directory.write(&output.file, &[0; 8]).map_err(|error| output.failed(error))?;
        Ok(Self {
            buckets,
            value: None,
            bucket: bucket::Builder::new(buckets),
            closed_buckets: 0,
            lists: Stream::at(lists, seal),
            directory,
            filter: filter::Builder::new(blocks),
            blocks: Stream::at(HEADER as u64, seal),
            output,
        })
    }

    /// Adds the next posting: ordered by value, then by document, then by position.
    pub(super) fn push(&mut self, value: u64, posting: Posting) -> Result<(), Error> {
        if self.value != Some(value) {
            self.begin_value(value).map_err(|error| self.output.failed(error))?;
        }
        self.bucket.push(posting);
        self.output.header.postings += 1;
        Ok(())
    }

    fn begin_value(&mut self, value: u64) -> io::Result<()> {
        debug_assert!(self.value.is_none_or(|before| before < value), "values come in order");
        self.close_value();
        self.close_buckets(self.buckets.of(value))?;
        self.value = Some(value);
        self.output.header.values += 1;
        let Self { blocks, filter, output, .. } = self;
        blocks.write_with(&output.file, |buffer| filter.add(value, buffer))
    }

    fn close_value(&mut self) {
        if let Some(value) = self.value.take() {
            self.bucket.close_value(value);
        }
    }

    fn close_buckets(&mut self, until: u64) -> io::Result<()> {
        let Self { lists, bucket, directory, output, .. } = self;
        while self.closed_buckets < until {
            lists.write_with(&output.file, |buffer| bucket.close_bucket(buffer))?;
            directory.write(&output.file, &lists.len().to_le_bytes())?;
            self.closed_buckets += 1;
        }
        Ok(())
    }

    /// Ends the segment. It may still be on its way to the disk: a commit waits for what it names.
    pub(super) fn finish(mut self) -> Result<SegmentId, Error> {
        self.close_value();
        self.close_buckets(self.buckets.count()).map_err(|error| self.output.failed(error))?;
        let Self { mut output, filter, mut blocks, directory, lists, .. } = self;
        blocks
            .write_with(&output.file, |buffer| filter.finish(buffer))
            .map_err(|error| output.failed(error))?;
        output.close(Section::Filter, blocks)?;
        output.close(Section::Directory, directory)?;
        output.close(Section::Buckets, lists)?;
        let header = output.header.encode(&output.folder.seal);
        output.file.write_all_at(&header, 0).map_err(|error| output.failed(error))?;
        output.finished = true;
        Ok(output.header.id)
    }
}
