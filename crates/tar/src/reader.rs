//! Reads a tar from a stream, entry after entry, sparse files filled out.

use std::io::{self, Read};

use crate::entry::RawEntry;
use crate::error::{Problem, TarError};
use crate::parser::{Event, Limits, Parser};

/// Why reading a tar stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The tar is malformed.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// The stream failed.
    #[error("cannot read the tar: {0}")]
    Io(#[from] io::Error),
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Tar(error) => Self::new(io::ErrorKind::InvalidData, error),
            ReadError::Io(error) => error,
        }
    }
}

/// Reads entries from a stream. [`Read`] gives the current entry's data.
pub struct Reader<R> {
    source: R,
    parser: Parser,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    current: Current,
}

/// Where in the current entry's logical data the reader is.
#[derive(Default)]
struct Current {
    sparse: Option<Box<RawEntry>>,
    next_range: usize,
    /// Stored bytes left in the current range (or the whole entry).
    data: u64,
    /// Zeros to give before them.
    hole: u64,
}

const BUFFER: usize = 64 << 10;

impl<R: Read> Reader<R> {
    /// Reads the tar that `source` is at the start of.
    pub fn new(source: R) -> Self {
        Self::with_limits(source, Limits::default())
    }

    /// As [`Reader::new`], with other limits.
    pub fn with_limits(source: R, limits: Limits) -> Self {
        let buffer = vec![0; BUFFER].into_boxed_slice();
        Self {
            source,
            parser: Parser::with_limits(limits),
            buffer,
            start: 0,
            end: 0,
            current: Current::default(),
        }
    }

    /// Goes to the next entry, past what is left of the current one; `None` at the end.
    ///
    /// # Errors
    /// The tar is malformed or ends within an entry, or the stream failed.
    pub fn next_entry(&mut self) -> Result<Option<Box<RawEntry>>, ReadError> {
        self.current = Current::default();
        loop {
            let (used, event) = self.parser.advance(&self.buffer[self.start..self.end])?;
            self.start += used;
            match event {
                Event::Data(_) => {}
                Event::End => return Ok(None),
                Event::Entry(entry) => {
                    self.current = Current::of(&entry);
                    return Ok(Some(entry));
                }
                Event::NeedInput if self.fill()? => {}
                Event::NeedInput => {
                    self.parser.finish()?;
                    return Ok(None);
                }
            }
        }
    }

    /// Fills the empty buffer; false at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        loop {
            match self.source.read(&mut self.buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
                Ok(n) => {
                    (self.start, self.end) = (0, n);
                    return Ok(n > 0);
                }
            }
        }
    }

    /// Reads stored bytes of the current entry.
    fn read_stored(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let window = self.end.min(self.start + out.len());
            let (used, event) =
                self.parser.advance(&self.buffer[self.start..window]).map_err(ReadError::from)?;
            self.start += used;
            match event {
                Event::Data(n) => {
                    out[..n].copy_from_slice(&self.buffer[self.start - n..self.start]);
                    return Ok(n);
                }
                Event::NeedInput if self.start < self.end => {}
                Event::NeedInput if self.fill()? => {}
                _ => {
                    self.parser.finish().map_err(ReadError::from)?;
                    let problem = Problem::Truncated("the data of this entry");
                    let error = TarError { problem, offset: self.parser.offset(), entry: None };
                    return Err(ReadError::from(error).into());
                }
            }
        }
    }

    /// The stream, wherever it is by now.
    pub fn into_inner(self) -> R {
        self.source
    }
}

impl Current {
    fn of(entry: &RawEntry) -> Self {
        if entry.sparse.is_none() {
            return Self { data: entry.stored, ..Self::default() };
        }
        let mut current = Self { sparse: Some(Box::new(entry.clone())), ..Self::default() };
        current.next_range(0);
        current
    }

    /// Goes on to the next range of a sparse file, `position` being where the last one ended.
    fn next_range(&mut self, position: u64) {
        let Some(entry) = &self.sparse else { return };
        let ranges = entry.sparse.as_deref().unwrap_or_default();
        match ranges.get(self.next_range) {
            Some(range) => (self.hole, self.data) = (range.offset - position, range.len),
            None => self.hole = entry.size - position,
        }
        self.next_range += 1;
    }

    /// Where the current range ends in the file, if there may be more behind it.
    fn range_end(&self) -> Option<u64> {
        let entry = self.sparse.as_ref()?;
        let ranges = entry.sparse.as_deref()?;
        let last = ranges.get(self.next_range.checked_sub(1)?)?;
        Some(last.offset + last.len)
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.current.hole == 0 && self.current.data == 0 {
            let Some(end) = self.current.range_end() else { return Ok(0) };
            self.current.next_range(end);
        }
        if out.is_empty() {
            return Ok(0);
        }
        let left = if self.current.hole > 0 { self.current.hole } else { self.current.data };
        let n = usize::try_from(left).map_or(out.len(), |left| left.min(out.len()));
        if self.current.hole > 0 {
            out[..n].fill(0);
            self.current.hole -= n as u64;
            return Ok(n);
        }
        let n = self.read_stored(&mut out[..n])?;
        self.current.data -= n as u64;
        Ok(n)
    }
}
