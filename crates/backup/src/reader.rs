//! Reading a backup stream forwards, one stream after the other.

use std::io::{self, Read, Seek, SeekFrom};

use crate::error::{Error, Problem};
use crate::header::{FIXED_LEN, MAX_NAME_LEN, StreamAttributes, StreamHeader, StreamId};
use crate::sparse::SparseReader;

/// How much memory is asked for before the data is there to fill it.
const CHUNK: usize = 64 * 1024;

/// Reads headers with [`Reader::next_header`]; as a [`Read`] it gives the data of the stream whose header came last.
///
/// Give it a buffered reader where small reads are expensive.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    position: u64,
    id: StreamId,
    remaining: u64,
    unread: Option<StreamHeader>,
}

impl<R: Read> Reader<R> {
    /// Reads the backup stream that `inner` gives from here on.
    pub fn new(inner: R) -> Self {
        Self { inner, position: 0, id: StreamId::DATA, remaining: 0, unread: None }
    }

    /// The next stream's header, or `None` at the end. Data that was not read is skipped.
    ///
    /// # Errors
    /// When the backup stream ends inside a stream, a size or name length is out of range, or reading fails.
    pub fn next_header(&mut self) -> Result<Option<StreamHeader>, Error> {
        self.skip_data()?;
        let header = match self.unread.take() {
            Some(header) => Some(header),
            None => self.read_header()?,
        };
        if let Some(header) = &header {
            (self.id, self.remaining) = (header.id, header.size);
        }
        Ok(header)
    }

    /// Skips what is left of the current stream's data.
    ///
    /// # Errors
    /// When the backup stream ends inside it, or reading fails.
    pub fn skip_data(&mut self) -> Result<(), Error> {
        let mut scratch = [0; 8 * 1024];
        while self.read_data(&mut scratch)? > 0 {}
        Ok(())
    }

    /// What is left of the current stream's data.
    ///
    /// # Errors
    /// When there are more than `limit` bytes, the backup stream ends inside it, or reading fails.
    pub fn read_to_vec(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        if self.remaining > limit {
            return Err(self.error(Problem::TooLarge { id: self.id, size: self.remaining, limit }));
        }
        let mut data = Vec::new();
        while self.remaining > 0 {
            let len = data.len();
            data.resize(len + at_most(self.remaining, CHUNK), 0);
            let read = self.read_data(&mut data[len..])?;
            data.truncate(len + read);
        }
        Ok(data)
    }

    /// The current data stream as ranges of its file, whether it is sparse or not.
    ///
    /// `header` is the one that [`Reader::next_header`] gave last, of a data or alternate data stream.
    pub fn ranges(&mut self, header: &StreamHeader) -> SparseReader<'_, R> {
        SparseReader::new(self, header)
    }

    /// How many bytes were read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes of the current stream's data are left.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The reader underneath.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Gives back a header that belongs to someone else. Its data must not have been touched.
    pub(crate) fn unread_header(&mut self, header: StreamHeader) {
        self.remaining = 0;
        self.unread = Some(header);
    }

    pub(crate) fn error(&self, problem: Problem) -> Error {
        Error::new(self.position, problem)
    }

    /// The next `LEN` bytes of the current stream's data.
    pub(crate) fn read_array<const LEN: usize>(&mut self) -> Result<[u8; LEN], Error> {
        let mut bytes = [0; LEN];
        let mut filled = 0;
        while filled < LEN {
            match self.read_data(&mut bytes[filled..])? {
                0 => {
                    return Err(
                        self.error(Problem::TruncatedData { id: self.id, needed: (LEN - filled) as u64 })
                    );
                }
                read => filled += read,
            }
        }
        Ok(bytes)
    }

    /// Reads some of the current stream's data; 0 at its end.
    pub(crate) fn read_data(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let wanted = at_most(self.remaining, buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.read_some(&mut buffer[..wanted])?;
        if read == 0 {
            return Err(self.error(Problem::TruncatedData { id: self.id, needed: self.remaining }));
        }
        self.remaining -= read as u64;
        Ok(read)
    }

    fn read_header(&mut self) -> Result<Option<StreamHeader>, Error> {
        let start = self.position;
        let mut fixed = [0; FIXED_LEN];
        match self.fill(&mut fixed)? {
            0 => return Ok(None),
            FIXED_LEN => {}
            read => return Err(self.error(Problem::TruncatedHeader { needed: (FIXED_LEN - read) as u64 })),
        }
        let [i0, i1, i2, i3, a0, a1, a2, a3, size @ .., n0, n1, n2, n3] = fixed;
        let id = StreamId(u32::from_le_bytes([i0, i1, i2, i3]));
        let size = u64::from_le_bytes(size);
        if i64::try_from(size).is_err() {
            return Err(Error::new(start, Problem::BadSize { id, size }));
        }
        let name_len = u64::from(u32::from_le_bytes([n0, n1, n2, n3]));
        if name_len > MAX_NAME_LEN || name_len % 2 != 0 {
            return Err(Error::new(start, Problem::BadNameLength { id, len: name_len }));
        }
        let attributes = StreamAttributes(u32::from_le_bytes([a0, a1, a2, a3]));
        let name = self.read_name(at_most(name_len, usize::MAX))?;
        Ok(Some(StreamHeader { id, attributes, size, name }))
    }

    fn read_name(&mut self, len: usize) -> Result<Vec<u16>, Error> {
        let mut bytes = vec![0; len];
        let read = self.fill(&mut bytes)?;
        if read < len {
            return Err(self.error(Problem::TruncatedHeader { needed: (len - read) as u64 }));
        }
        Ok(bytes.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect())
    }

    /// Fills `buffer` as far as the input goes.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_some(&mut buffer[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            match self.inner.read(buffer) {
                Ok(read) => {
                    self.position += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(Problem::Io(error))),
            }
        }
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Skips what is left of the current stream's data without reading it all.
    ///
    /// # Errors
    /// When the backup stream ends inside it, or seeking or reading fails.
    pub fn seek_past_data(&mut self) -> Result<(), Error> {
        let Some(all_but_last) = self.remaining.checked_sub(1).and_then(|len| i64::try_from(len).ok()) else {
            return Ok(());
        };
        let needed = self.remaining;
        let io_error = |this: &Self, error| this.error(Problem::Io(error));
        self.inner.seek_relative(all_but_last).map_err(|error| io_error(self, error))?;
        // Seeking beyond the end succeeds; reading there shows it.
        let mut last = [0];
        if self.read_some(&mut last)? == 0 {
            let target = self.inner.stream_position().map_err(|error| io_error(self, error))?;
            let end = self.inner.seek(SeekFrom::End(0)).map_err(|error| io_error(self, error))?;
            let needed = needed.min((target + 1).saturating_sub(end));
            return Err(self.error(Problem::TruncatedData { id: self.id, needed }));
        }
        self.position += all_but_last.unsigned_abs();
        self.remaining = 0;
        Ok(())
    }
}

/// The data of the current stream. An [`Error`] comes inside the [`io::Error`].
impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.read_data(buffer)?)
    }
}

/// `len`, or `limit` if that is less.
fn at_most(len: u64, limit: usize) -> usize {
    usize::try_from(len).map_or(limit, |len| len.min(limit))
}
