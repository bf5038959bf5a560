//! Sparse files: the ranges of a file that hold data, and the four shapes in which backup streams have them.
//!
//! - an empty file: a data stream of 0 bytes and nothing behind it
//! - data everywhere: a data stream of the file's full size
//! - holes only: a data stream of 0 bytes, and a sparse block without data whose offset is the file's size
//! - data and holes: the same with a sparse block for each range between the two

use std::io::{self, Read};

use crate::error::{Error, Problem};
use crate::header::{StreamHeader, StreamId};
use crate::reader::Reader;

pub(crate) const OFFSET_LEN: u64 = 8;
/// The largest size of a file, which Windows counts with a sign.
const MAX_FILE_SIZE: u64 = i64::MAX.cast_unsigned();

/// A part of a file that holds data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DataRange {
    /// Where it starts in the file, in bytes.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u64,
}

/// Where the data of a file lies: ranges in order, with holes between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SparseLayout {
    ranges: Vec<DataRange>,
    size: u64,
}

impl SparseLayout {
    /// A file of `size` bytes whose data lies in `ranges`; ranges without data are left out.
    ///
    /// # Errors
    /// When the ranges overlap, are out of order or end beyond the file, or the file is larger than 2^63 - 1 bytes.
    /// The error's offset is 0.
    pub fn new(ranges: impl IntoIterator<Item = DataRange>, size: u64) -> Result<Self, Error> {
        if size > MAX_FILE_SIZE {
            return Err(Error::new(0, Problem::BadSize { id: StreamId::DATA, size }));
        }
        let mut layout = Self { ranges: Vec::new(), size };
        let mut end = 0;
        for range in ranges.into_iter().filter(|range| range.len > 0) {
            end = check_range(range, end, size).map_err(|problem| Error::new(0, problem))?;
            layout.ranges.push(range);
        }
        Ok(layout)
    }

    /// The ranges that hold data, in order.
    #[must_use]
    pub fn ranges(&self) -> &[DataRange] {
        &self.ranges
    }

    /// The file's size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether there is no hole.
    #[must_use]
    pub fn is_dense(&self) -> bool {
        match self.ranges[..] {
            [] => self.size == 0,
            [only] => only.len == self.size,
            _ => false,
        }
    }
}

/// The end of a range that must lie between `start` and `limit`.
fn check_range(range: DataRange, start: u64, limit: u64) -> Result<u64, Problem> {
    let DataRange { offset, len } = range;
    if offset < start {
        return Err(Problem::RangeOutOfOrder { offset, end: start });
    }
    let end = offset.checked_add(len).filter(|end| *end <= limit);
    end.ok_or(Problem::RangeOutOfBounds { offset, len, end: limit })
}

/// The ranges of a data stream and of the sparse blocks that follow it, one by one.
///
/// As a [`Read`] it gives the data of the range that came last.
#[derive(Debug)]
pub struct SparseReader<'r, R> {
    reader: &'r mut Reader<R>,
    end: u64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The data stream has this many bytes and no blocks can follow.
    Dense(u64),
    /// No block was seen yet, so that the file may be empty.
    FirstBlock,
    /// A block was seen, so that an empty one must come.
    MoreBlocks,
    /// All ranges came.
    Ended,
}

impl<'r, R: Read> SparseReader<'r, R> {
    pub(crate) fn new(reader: &'r mut Reader<R>, header: &StreamHeader) -> Self {
        let blocks_may_follow = header.is_sparse() && header.size == 0;
        let state = if blocks_may_follow { State::FirstBlock } else { State::Dense(header.size) };
        Self { reader, end: 0, state }
    }

    /// The next range, or `None` when all came. Data that was not read is skipped.
    ///
    /// # Errors
    /// When ranges overlap, are out of order or lack their end, or reading fails.
    pub fn next_range(&mut self) -> Result<Option<DataRange>, Error> {
        let range = match self.state {
            State::Ended => return Ok(None),
            State::Dense(len) => {
                self.state = State::Ended;
                DataRange { offset: 0, len }
            }
            State::FirstBlock | State::MoreBlocks => match self.next_block()? {
                Some(range) => range,
                None => return Ok(None),
            },
        };
        self.end =
            check_range(range, self.end, MAX_FILE_SIZE).map_err(|problem| self.reader.error(problem))?;
        if range.len == 0 {
            self.state = State::Ended;
            return Ok(None);
        }
        Ok(Some(range))
    }

    /// The file's size, which is known when all ranges came.
    #[must_use]
    pub fn file_size(&self) -> Option<u64> {
        matches!(self.state, State::Ended).then_some(self.end)
    }

    /// The whole file, with zeros for its holes.
    ///
    /// A few bytes can say that a file has 2^63 - 1: take no more of it than you expect.
    #[must_use]
    pub fn expand(self) -> ExpandedReader<'r, R> {
        ExpandedReader { ranges: self, position: 0, zeros_until: 0, data: 0 }
    }

    /// The next block, empty for the one that ends the file; `None` for an empty file, which has no blocks.
    fn next_block(&mut self) -> Result<Option<DataRange>, Error> {
        let header = match self.reader.next_header()? {
            Some(header) if header.id == StreamId::SPARSE_BLOCK => header,
            other => return self.end_without_block(other),
        };
        self.state = State::MoreBlocks;
        let Some(len) = header.size.checked_sub(OFFSET_LEN) else {
            return Err(self.reader.error(Problem::ShortSparseBlock { size: header.size }));
        };
        let offset = u64::from_le_bytes(self.reader.read_array()?);
        Ok(Some(DataRange { offset, len }))
    }

    fn end_without_block(&mut self, other: Option<StreamHeader>) -> Result<Option<DataRange>, Error> {
        if let Some(header) = other {
            self.reader.unread_header(header);
        }
        if matches!(self.state, State::MoreBlocks) {
            return Err(self.reader.error(Problem::UnterminatedSparse));
        }
        self.state = State::Ended;
        Ok(None)
    }
}

/// The data of the current range.
impl<R: Read> Read for SparseReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// A file as a program reads it, its holes being zeros.
#[derive(Debug)]
pub struct ExpandedReader<'r, R> {
    ranges: SparseReader<'r, R>,
    position: u64,
    /// Up to where there is a hole.
    zeros_until: u64,
    /// How much data follows it.
    data: u64,
}

impl<R: Read> Read for ExpandedReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.position == self.zeros_until && self.data == 0 {
            match self.ranges.next_range()? {
                Some(range) => (self.zeros_until, self.data) = (range.offset, range.len),
                None => self.zeros_until = self.ranges.end,
            }
        }
        let zeros = self.zeros_until - self.position;
        let read = if zeros > 0 {
            let len = usize::try_from(zeros).map_or(buffer.len(), |zeros| zeros.min(buffer.len()));
            buffer[..len].fill(0);
            len
        } else {
            let read = self.ranges.read(buffer)?;
            self.data -= read as u64;
            self.zeros_until += read as u64;
            read
        };
        self.position += read as u64;
        Ok(read)
    }
}
