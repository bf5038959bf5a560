//! A whole layer tar as steps: files to add, hard links to make, paths to remove.

use std::io::{Read, Write};

use super::FileInfo;
use super::decode::{alternate_stream, write_backup_stream};
use super::error::{StreamError, StreamProblem};
use crate::entry::{EntryType, RawEntry};
use crate::reader::Reader;
use crate::whiteout::{self, Whiteout};
use crate::windows::WindowsMeta;

/// What an entry of a layer tar asks for. Names are as the tar has them: unchecked, with slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Add a file, directory or link. [`LayerReader::write_backup_stream`] gives the rest of it.
    Add(FileInfo),
    /// Make a hard link.
    Link {
        /// The new name.
        name: Vec<u8>,
        /// The file that it is for.
        target: Vec<u8>,
    },
    /// Remove what parent layers have at this path, which comes without `.` and empty components.
    Remove(Vec<u8>),
}

/// Reads a layer tar step by step.
pub struct LayerReader<R> {
    tar: Reader<R>,
    /// The entry of the current step.
    current: Option<Box<RawEntry>>,
    /// The metadata of a file whose backup stream was not asked for yet.
    unread: Option<WindowsMeta>,
    /// The entry after the current file and its alternate streams.
    next: Option<Box<RawEntry>>,
    /// Whether the tar ended after the current file.
    at_end: bool,
}

impl<R: Read> LayerReader<R> {
    /// Reads a tar from its start.
    pub fn new(tar: Reader<R>) -> Self {
        Self { tar, current: None, unread: None, next: None, at_end: false }
    }

    /// The next step; `None` at the end. A backup stream that was not asked for is passed over.
    ///
    /// # Errors
    /// The tar is malformed or its stream fails, or the metadata of the entry cannot be read.
    pub fn next_step(&mut self) -> Result<Option<Step>, StreamError> {
        if self.unread.take().is_some() {
            self.skip_file()?;
        }
        let entry = match self.next.take() {
            Some(entry) => Some(entry),
            None if self.at_end => None,
            None => self.tar.next_entry()?,
        };
        let Some(entry) = entry else {
            self.current = None;
            return Ok(None);
        };
        let step = self.step(&entry).map_err(|problem| problem.of(&entry.path));
        self.current = Some(entry);
        step.map(Some)
    }

    /// The entry that the last step came from.
    pub fn entry(&self) -> Option<&RawEntry> {
        self.current.as_deref()
    }

    /// The metadata of the file that the last step adds, until its backup stream is asked for.
    pub fn meta(&self) -> Option<&WindowsMeta> {
        self.unread.as_ref()
    }

    /// Writes the backup stream of the file that the last step adds. Gives the names of the entries that were its
    /// alternate streams, unchecked.
    ///
    /// # Errors
    /// As [`write_backup_stream`]; or the last step adds no file, or its stream was written already.
    pub fn write_backup_stream(&mut self, out: impl Write) -> Result<Vec<Vec<u8>>, StreamError> {
        let (Some(entry), Some(meta)) = (&self.current, self.unread.take()) else {
            return Err(StreamError { problem: StreamProblem::NoFile, entry: None });
        };
        let converted = write_backup_stream(&mut self.tar, entry, &meta, out)?;
        self.at_end = converted.next.is_none();
        self.next = converted.next;
        Ok(converted.streams)
    }

    /// Gives the main data of the file that the last step adds, instead of its backup stream. Alternate streams that
    /// follow come as steps of their own then.
    ///
    /// # Errors
    /// The last step adds no file, or its data or stream was asked for already.
    pub fn data(&mut self) -> Result<impl Read, StreamError> {
        match self.unread.take() {
            Some(_) => Ok(&mut self.tar),
            None => Err(StreamError { problem: StreamProblem::NoFile, entry: None }),
        }
    }

    fn step(&mut self, entry: &RawEntry) -> Result<Step, StreamProblem> {
        if let Whiteout::Of(target) = whiteout::classify(&entry.path)? {
            return Ok(Step::Remove(clean(&target)));
        }
        if entry.kind == EntryType::HardLink {
            return Ok(Step::Link { name: entry.path.clone(), target: entry.link.clone() });
        }
        let meta = WindowsMeta::from_entry(entry)?;
        let info = FileInfo::of_entry(entry, &meta);
        self.unread = Some(meta);
        Ok(Step::Add(info))
    }

    fn skip_file(&mut self) -> Result<(), StreamError> {
        let Some(entry) = &self.current else { return Ok(()) };
        loop {
            match self.tar.next_entry()? {
                Some(next) if alternate_stream(entry, &next).is_some() => {}
                next => {
                    self.at_end = next.is_none();
                    self.next = next;
                    return Ok(());
                }
            }
        }
    }
}

fn clean(path: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> =
        path.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    parts.join(&b'/')
}
