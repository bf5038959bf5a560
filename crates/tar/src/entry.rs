//! One entry of a tar, with all its headers joined and nothing interpreted for Windows yet.

use std::fmt;

use winlayer_meta::filetime::UnixTime;

use crate::pax::PaxRecords;

/// What an entry is (POSIX.1-2001 pax, `typeflag`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryType {
    /// A regular file.
    File,
    /// A hard link to another entry's file.
    HardLink,
    /// A symbolic link; in layer tars also a junction.
    Symlink,
    /// A directory.
    Directory,
    /// Anything else, by its type flag.
    Other(u8),
}

impl EntryType {
    /// Whether entries of this type have no data, whatever their size field says.
    pub(crate) fn is_header_only(self) -> bool {
        matches!(self, Self::HardLink | Self::Symlink | Self::Directory | Self::Other(b'3' | b'4' | b'6'))
    }

    /// The type flag of a ustar header.
    pub(crate) fn flag(self) -> u8 {
        match self {
            Self::File => b'0',
            Self::HardLink => b'1',
            Self::Symlink => b'2',
            Self::Directory => b'5',
            Self::Other(flag) => flag,
        }
    }
}

impl fmt::Display for EntryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("regular file"),
            Self::HardLink => f.write_str("hard link"),
            Self::Symlink => f.write_str("symbolic link"),
            Self::Directory => f.write_str("directory"),
            Self::Other(b'3') => f.write_str("character device"),
            Self::Other(b'4') => f.write_str("block device"),
            Self::Other(b'6') => f.write_str("fifo"),
            Self::Other(b'7') => f.write_str("contiguous file"),
            Self::Other(flag) => write!(f, "tar entry of type {:?}", char::from(*flag)),
        }
    }
}

/// One range of a sparse file that has data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SparseRange {
    /// Where in the file, in bytes.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

/// An entry of a tar: its header and what extension headers say, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEntry {
    /// The name, byte for byte, a trailing slash included.
    pub path: Vec<u8>,
    /// The target of a link, byte for byte; otherwise empty.
    pub link: Vec<u8>,
    /// What it is.
    pub kind: EntryType,
    /// The mode field.
    pub mode: u32,
    /// Logical size in bytes; 0 for types without data.
    pub size: u64,
    /// Modification time.
    pub mtime: UnixTime,
    /// The records of its PAX header, in their order.
    pub pax: PaxRecords,
    /// Where the entry begins in the tar, its extension headers included.
    pub header_offset: u64,
    /// Where its data begin in the tar.
    pub data_offset: u64,
    /// Bytes of data in the tar, padding not counted. Differs from `size` for sparse files.
    pub stored: u64,
    /// The ranges that are stored, one behind the other, if the file is sparse; the rest is zeros.
    pub sparse: Option<Vec<SparseRange>>,
}
