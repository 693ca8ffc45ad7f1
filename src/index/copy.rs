//! The files of one generation, for a copy elsewhere.

use std::fs::File;
use std::io::{self, Cursor, Read};

use super::manifest::Manifest;
use super::{Error, Index};
use crate::fs;

/// How often the manifest is read again because a segment it names was just merged away.
const ATTEMPTS: usize = 100;

/// A file of the index, open: a commit that removes it from the folder does not take it away.
pub struct IndexFile {
    /// Its name within the folder.
    pub name: String,
    /// Its bytes.
    pub content: Box<dyn Read + Send>,
}

impl Index {
    /// Opens all files of the current generation: segments first, the manifest last. None while there is no index.
    /// Another process may commit meanwhile; what is opened belongs together all the same.
    pub fn files(&self) -> Result<Vec<IndexFile>, Error> {
        let mut attempts = 0;
        loop {
            match self.open_files() {
                Err(Error::File(error))
                    if error.source.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS =>
                {
                    attempts += 1;
                }
                files => return files,
            }
        }
    }

    fn open_files(&self) -> Result<Vec<IndexFile>, Error> {
        let folder = &self.folder;
        if Manifest::stamp(folder)?.is_none() {
            return Ok(Vec::new());
        }
        let path = folder.manifest();
        let bytes = fs::read(&path)?;
        let manifest = Manifest::parse(folder, &bytes)?.0;
        let mut files = Vec::new();
        for segment in manifest.segments {
            let path = folder.segment(segment.id);
            let file = File::open(&path).map_err(fs::Error::new("read", &path))?;
            files.push(IndexFile { name: segment.id.file_name(), content: Box::new(file) });
        }
        let name = super::format::MANIFEST.to_owned();
        files.push(IndexFile { name, content: Box::new(Cursor::new(bytes)) });
        Ok(files)
    }
}
