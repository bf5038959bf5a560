//! Why a tar entry cannot be a backup stream, or a backup stream no tar entry.

use std::fmt;
use std::io;

use winlayer_backup::StreamId;
use winlayer_meta::ea::EaError;
use winlayer_meta::reparse::{ReparseError, ReparseTag};

use crate::reader::ReadError;
use crate::whiteout::WhiteoutError;
use crate::windows::MetaError;
use crate::writer::WriteError;

/// A conversion that failed: what is wrong, with which entry.
#[derive(Debug)]
pub struct StreamError {
    /// What is wrong.
    pub problem: StreamProblem,
    /// The name of the entry, where it is known and the problem does not name it.
    pub entry: Option<Vec<u8>>,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamProblem {
    /// The tar cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The tar cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The backup stream cannot be read or written.
    #[error(transparent)]
    Backup(#[from] winlayer_backup::Error),
    /// Reading or writing data failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A PAX record or the link's target.
    #[error("{0}")]
    Metadata(#[from] MetaError),
    /// A whiteout that means nothing.
    #[error("{0}")]
    Whiteout(#[from] WhiteoutError),
    /// The extended attributes in the backup stream.
    #[error("the extended attributes: {0}")]
    ExtendedAttributes(#[from] EaError),
    /// The reparse point in the backup stream.
    #[error("{0}")]
    Reparse(#[from] ReparseError),
    /// A reparse point that is neither symbolic link nor junction.
    #[error("a tar cannot hold the reparse point {0}, only symbolic links and junctions")]
    ReparseTag(ReparseTag),
    /// A stream that has no place in a tar, or not at this place of the backup stream.
    #[error("the stream {0} has no place in a tar here")]
    UnexpectedStream(StreamId),
    /// An alternate stream with holes.
    #[error("the alternate stream {0:?} is sparse, which a tar cannot hold")]
    SparseAlternate(String),
    /// The name of an alternate stream, which begins with a colon and has no slashes and NULs ([MS-FSCC] 2.1.5.3).
    #[error("{0:?} is no name of an alternate stream")]
    StreamName(String),
    /// The size does not fit the data.
    #[error("the size is said to be {size}, but there are {found} bytes of data")]
    SizeMismatch {
        /// What [`FileInfo`](super::FileInfo) says.
        size: u64,
        /// What the backup stream has.
        found: u64,
    },
    /// Data of what has none in a tar.
    #[error("a directory or a link has {0} bytes of data, which a tar cannot hold")]
    DataOfLink(u64),
    /// A backup stream was asked for where no file is being added.
    #[error("there is no file whose backup stream could be written")]
    NoFile,
}

impl StreamProblem {
    /// Names the entry.
    pub(super) fn of(self, entry: &[u8]) -> StreamError {
        let is_named = match &self {
            Self::Write(WriteError::Io(_)) => false,
            Self::Write(_) => true,
            Self::Read(ReadError::Tar(error)) => error.entry.is_some(),
            _ => false,
        };
        StreamError { problem: self, entry: (!is_named).then(|| entry.to_vec()) }
    }
}

impl From<ReadError> for StreamError {
    fn from(error: ReadError) -> Self {
        Self { problem: error.into(), entry: None }
    }
}

impl From<WriteError> for StreamError {
    fn from(error: WriteError) -> Self {
        Self { problem: error.into(), entry: None }
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.entry {
            write!(f, "entry {:?}: ", String::from_utf8_lossy(name))?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for StreamError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.problem.source()
    }
}
