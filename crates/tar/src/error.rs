//! What can be wrong with a tar, with the place.

use std::fmt;

/// A tar that cannot be read: what is wrong, in which entry, at which offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarError {
    /// What is wrong.
    pub problem: Problem,
    /// The offset in the tar, in bytes, of the block or record that is wrong.
    pub offset: u64,
    /// The name of the entry, where it is known.
    pub entry: Option<Vec<u8>>,
}

/// What is wrong with a tar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The header's checksum does not fit its bytes.
    #[error("the header's checksum is wrong: this is not a tar, or it is damaged")]
    Checksum,
    /// A number in a header is not one.
    #[error("the header field {0} is not a number")]
    Number(&'static str),
    /// A number is larger than 63 bits or negative where it may not be.
    #[error("the header field {0} is out of range")]
    Range(&'static str),
    /// One zero block, then something else.
    #[error("something follows a lone zero block")]
    LoneZeroBlock,
    /// A PAX record does not have the form `LENGTH KEY=VALUE\n`.
    #[error("a PAX record is malformed")]
    PaxRecord,
    /// A PAX record's value cannot be used.
    #[error("the PAX record {key:?} has the value {value:?}, which is not {wanted}")]
    PaxValue {
        /// The record's key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// The map of a sparse file cannot be used.
    #[error("the sparse map is malformed")]
    SparseMap,
    /// The tar ends within an entry.
    #[error("the tar ends within {0}")]
    Truncated(&'static str),
    /// An extension header without an entry behind it.
    #[error("an extension header without an entry")]
    LoneExtension,
    /// More than [`Limits`](crate::Limits) allows.
    #[error("{what} of more than {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A sparse file in more pieces than [`Limits`](crate::Limits) allows.
    #[error("a sparse map of more than {limit} ranges")]
    TooManyRanges {
        /// The limit.
        limit: u64,
    },
}

impl fmt::Display for TarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(name) => write!(f, "entry {:?} at offset {}: ", String::from_utf8_lossy(name), self.offset)?,
            None => write!(f, "offset {}: ", self.offset)?,
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for TarError {}
