//! Writing a backup stream, every stream with exactly the data that its header announces.

use std::io::{self, Read, Write};

use crate::error::{Error, Problem};
use crate::header::{FIXED_LEN, MAX_NAME_LEN, StreamAttributes, StreamHeader, StreamId};
use crate::sparse::{OFFSET_LEN, SparseLayout};

/// Starts streams with [`Writer::start_stream`]; as a [`Write`] it takes the data of the stream that was started last.
///
/// Give it a buffered writer where small writes are expensive.
#[derive(Debug)]
pub struct Writer<W> {
    inner: W,
    position: u64,
    id: StreamId,
    size: u64,
    written: u64,
}

/// Which of a file's data streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataStream<'a> {
    /// The file's data.
    Main,
    /// The alternate stream of that name, in UTF-16 and without colons and type.
    Alternate(&'a [u16]),
}

impl DataStream<'_> {
    fn header(self, size: u64) -> StreamHeader {
        match self {
            Self::Main => StreamHeader::new(StreamId::DATA, size),
            Self::Alternate(name) => StreamHeader::alternate(name, size),
        }
    }
}

impl<W: Write> Writer<W> {
    /// Writes a backup stream to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, position: 0, id: StreamId::DATA, size: 0, written: 0 }
    }

    /// Writes a header; `header.size` bytes of data must follow.
    ///
    /// # Errors
    /// When the stream before has less data than announced, the header's size or name is out of range, or writing
    /// fails.
    pub fn start_stream(&mut self, header: &StreamHeader) -> Result<(), Error> {
        self.check_complete()?;
        let StreamHeader { id, attributes, size, name } = header;
        if i64::try_from(*size).is_err() {
            return Err(self.error(Problem::BadSize { id: *id, size: *size }));
        }
        let name_len = match u32::try_from(name.len() * 2) {
            Ok(len) if u64::from(len) <= MAX_NAME_LEN => len,
            _ => return Err(self.error(Problem::BadNameLength { id: *id, len: name.len() as u64 * 2 })),
        };
        let mut bytes = Vec::with_capacity(FIXED_LEN + name.len() * 2);
        bytes.extend_from_slice(&id.0.to_le_bytes());
        bytes.extend_from_slice(&attributes.0.to_le_bytes());
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&name_len.to_le_bytes());
        bytes.extend(name.iter().flat_map(|unit| unit.to_le_bytes()));
        self.inner.write_all(&bytes).map_err(|error| self.error(Problem::Io(error)))?;
        self.position += bytes.len() as u64;
        (self.id, self.size, self.written) = (*id, *size, 0);
        Ok(())
    }

    /// Writes data of the stream that was started last.
    ///
    /// # Errors
    /// When it is more than its header announced, or writing fails.
    pub fn write_data(&mut self, data: &[u8]) -> Result<(), Error> {
        self.check_room(data.len())?;
        self.inner.write_all(data).map_err(|error| self.error(Problem::Io(error)))?;
        self.count(data.len() as u64);
        Ok(())
    }

    /// Writes a whole stream.
    ///
    /// # Errors
    /// As [`Writer::start_stream`], and when `data` is not as long as the header says.
    pub fn write_stream(&mut self, header: &StreamHeader, data: &[u8]) -> Result<(), Error> {
        self.start_stream(header)?;
        self.write_data(data)?;
        self.check_complete()
    }

    /// Writes a sparse data stream in the shape that Windows gives it. `data` has the bytes of all its ranges, one
    /// after the other; holes have none.
    ///
    /// # Errors
    /// As [`Writer::start_stream`], and when `data` ends too soon or reading fails.
    pub fn write_sparse(
        &mut self,
        stream: DataStream<'_>,
        layout: &SparseLayout,
        mut data: impl Read,
    ) -> Result<(), Error> {
        let sparse = |header| StreamHeader { attributes: StreamAttributes::SPARSE, ..header };
        if layout.is_dense() {
            self.start_stream(&sparse(stream.header(layout.size())))?;
            return self.copy_rest(&mut data);
        }
        self.start_stream(&sparse(stream.header(0)))?;
        for range in layout.ranges() {
            self.start_stream(&sparse(StreamHeader::new(StreamId::SPARSE_BLOCK, OFFSET_LEN + range.len)))?;
            self.write_data(&range.offset.to_le_bytes())?;
            self.copy_rest(&mut data)?;
        }
        let end = sparse(StreamHeader::new(StreamId::SPARSE_BLOCK, OFFSET_LEN));
        self.write_stream(&end, &layout.size().to_le_bytes())
    }

    /// How many bytes were written so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Ends the backup stream and gives back the writer underneath, which is not flushed.
    ///
    /// # Errors
    /// When the last stream has less data than announced.
    pub fn finish(self) -> Result<W, Error> {
        self.check_complete()?;
        Ok(self.inner)
    }

    fn copy_rest(&mut self, data: impl Read) -> Result<(), Error> {
        let mut rest = data.take(self.size - self.written);
        let copied = io::copy(&mut rest, &mut self.inner).map_err(|error| self.error(Problem::Io(error)))?;
        self.count(copied);
        self.check_complete()
    }

    fn count(&mut self, written: u64) {
        self.written += written;
        self.position += written;
    }

    fn check_room(&self, len: usize) -> Result<(), Error> {
        if len as u64 > self.size - self.written {
            return Err(self.wrong_length(self.written + len as u64));
        }
        Ok(())
    }

    fn check_complete(&self) -> Result<(), Error> {
        if self.written < self.size {
            return Err(self.wrong_length(self.written));
        }
        Ok(())
    }

    fn wrong_length(&self, got: u64) -> Error {
        self.error(Problem::WrongDataLength { id: self.id, size: self.size, got })
    }

    fn error(&self, problem: Problem) -> Error {
        Error::new(self.position, problem)
    }
}

/// Takes the data of the current stream. An [`Error`] comes inside the [`io::Error`].
impl<W: Write> Write for Writer<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.check_room(data.len())?;
        let written = self.inner.write(data)?;
        self.count(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
