//! Reads a tar from a stream, entry after entry, sparse files filled out.

use std::io::{self, Read};

use crate::entry::{RawEntry, SparseRange};
use crate::error::TarError;
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

/// Where in the current entry's logical data the reader is: before a hole, stored data and further ranges.
#[derive(Default)]
struct Current {
    /// Zeros to give first.
    hole: u64,
    /// Stored bytes to give then.
    data: u64,
    /// Where those end in the file.
    end: u64,
    /// The ranges of a sparse file that come then.
    ranges: std::vec::IntoIter<SparseRange>,
    /// The logical size of the file.
    size: u64,
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

    /// Reads stored bytes of the current entry, which has some left.
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
                Event::NeedInput if self.start < self.end || self.fill()? => {}
                _ => {
                    self.parser.finish().map_err(ReadError::from)?;
                    return Err(io::ErrorKind::UnexpectedEof.into());
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
        match &entry.sparse {
            None => Self { data: entry.stored, end: entry.size, size: entry.size, ..Self::default() },
            Some(ranges) => Self { ranges: ranges.clone().into_iter(), size: entry.size, ..Self::default() },
        }
    }

    /// Goes on to the next range, or to the hole behind the last one; false at the end of the file.
    fn next_range(&mut self) -> bool {
        if self.end == self.size && self.ranges.as_slice().is_empty() {
            return false;
        }
        let range = self.ranges.next().unwrap_or(SparseRange { offset: self.size, len: 0 });
        (self.hole, self.data) = (range.offset - self.end, range.len);
        self.end = range.offset + range.len;
        true
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while self.current.hole == 0 && self.current.data == 0 {
            if !self.current.next_range() {
                return Ok(0);
            }
        }
        let is_hole = self.current.hole > 0;
        let left = if is_hole { &mut self.current.hole } else { &mut self.current.data };
        let n = usize::try_from(*left).map_or(out.len(), |left| left.min(out.len()));
        if is_hole {
            *left -= n as u64;
            out[..n].fill(0);
            return Ok(n);
        }
        let n = self.read_stored(&mut out[..n])?;
        self.current.data -= n as u64;
        Ok(n)
    }
}
