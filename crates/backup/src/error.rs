//! What can be wrong with a backup stream, and where in it.

use std::io;

use crate::header::{MAX_NAME_LEN, StreamId};

/// Why a backup stream could not be read or written, and at which byte.
#[derive(Debug, thiserror::Error)]
#[error("backup stream, byte {offset}: {problem}")]
pub struct Error {
    offset: u64,
    problem: Problem,
}

/// What was wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The reader or writer underneath failed.
    #[error("{0}")]
    Io(io::Error),
    /// The end came inside a stream header or its name.
    #[error("ends inside a stream header, which needs {needed} bytes more")]
    TruncatedHeader {
        /// How many bytes are missing.
        needed: u64,
    },
    /// The end came inside a stream's data.
    #[error("ends inside the data of stream {id}, which needs {needed} bytes more")]
    TruncatedData {
        /// The stream.
        id: StreamId,
        /// How many bytes are missing.
        needed: u64,
    },
    /// A stream name that is no sequence of UTF-16 units, or longer than [`MAX_NAME_LEN`].
    #[error("the name of stream {id} has {len} bytes, it must be an even number up to {MAX_NAME_LEN}")]
    BadNameLength {
        /// The stream.
        id: StreamId,
        /// The name's length in bytes.
        len: u64,
    },
    /// A size that is negative as the signed number that it is.
    #[error("stream {id} has the size {size}, more than 2^63 - 1")]
    BadSize {
        /// The stream.
        id: StreamId,
        /// What the header says.
        size: u64,
    },
    /// Data that its reader does not want to hold in memory.
    #[error("stream {id} has {size} bytes, at most {limit} are expected")]
    TooLarge {
        /// The stream.
        id: StreamId,
        /// The data's size in bytes.
        size: u64,
        /// The limit that was given.
        limit: u64,
    },
    /// A sparse block that lacks its offset.
    #[error("a sparse block has {size} bytes, it must have its offset of 8")]
    ShortSparseBlock {
        /// What its header says.
        size: u64,
    },
    /// A sparse range that starts before the one before it ends.
    #[error("a sparse range at {offset} comes after data up to {end}")]
    RangeOutOfOrder {
        /// Where the range starts in the file.
        offset: u64,
        /// Where the range before it ends.
        end: u64,
    },
    /// A sparse range that goes beyond the end of its file, or of any file.
    #[error("a sparse range of {len} bytes at {offset} ends beyond {end}, the end of the file")]
    RangeOutOfBounds {
        /// Where the range starts in the file.
        offset: u64,
        /// Its length in bytes.
        len: u64,
        /// The file's size, or the largest one there is.
        end: u64,
    },
    /// Sparse blocks without the empty one that tells the file's size.
    #[error("sparse blocks end without the empty one that tells the size of the file")]
    UnterminatedSparse,
    /// Another number of bytes was written than was announced.
    #[error("stream {id} was announced with {size} bytes, but got {got}")]
    WrongDataLength {
        /// The stream.
        id: StreamId,
        /// What its header says.
        size: u64,
        /// How many bytes were or would have been written.
        got: u64,
    },
}

impl Error {
    pub(crate) fn new(offset: u64, problem: Problem) -> Self {
        Self { offset, problem }
    }

    /// Where in the backup stream it happened, in bytes from its start.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What happened.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

/// Keeps the kind of an I/O error; a truncated stream is an unexpected end of file, all else invalid data.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error.problem {
            Problem::Io(io) => io.kind(),
            Problem::TruncatedHeader { .. } | Problem::TruncatedData { .. } => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
