//! Inodes as the caller describes them, and as the builder keeps them.

use std::num::NonZeroU16;

use crate::error::Problem;
use crate::extent::Extent;
use crate::{Result, format};

/// A device of an [`ImageBuilder`](crate::ImageBuilder): a file that holds data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub(crate) NonZeroU16);

impl DeviceId {
    /// Returns the device's place among the `device=` options of a mount, from 1.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0.get()
    }
}

/// An inode of an [`ImageBuilder`](crate::ImageBuilder).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(pub(crate) u32);

impl InodeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// An extended attribute of an [`ImageBuilder`](crate::ImageBuilder): a name with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct XattrId(pub(crate) u32);

impl XattrId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Seconds since 1970-01-01 00:00 UTC, rounded down; negative before.
    pub seconds: i64,
    /// Nanoseconds since that second, 0 to 999,999,999.
    pub nanoseconds: u32,
}

impl Timestamp {
    pub(crate) fn check(self) -> Result<Self> {
        if self.nanoseconds >= 1_000_000_000 {
            return Err(Problem::Nanoseconds { nanoseconds: self.nanoseconds }.into());
        }
        Ok(self)
    }
}

/// An inode to add.
#[derive(Debug, Clone, Copy)]
pub struct Inode<'a> {
    /// What it is.
    pub kind: Kind<'a>,
    /// Permission bits, 0 to 0o7777.
    pub permissions: u16,
    /// The owner.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// When it was last modified. EROFS shows this as the time of change and of access, too.
    pub mtime: Timestamp,
    /// Its extended attributes, no name twice.
    pub xattrs: &'a [XattrId],
}

/// What an [`Inode`] is.
#[derive(Debug, Clone, Copy)]
pub enum Kind<'a> {
    /// A directory; [`ImageBuilder::add_entry`](crate::ImageBuilder::add_entry) fills it.
    Directory,
    /// A regular file.
    File {
        /// Its length in bytes, at most 2^63 - 1.
        size: u64,
        /// Where its bytes are, in the order of the file. What no extent covers reads as zeros.
        extents: &'a [Extent],
    },
    /// A symbolic link.
    Symlink {
        /// Where it points: 1 to 4095 bytes, none of them NUL.
        target: &'a [u8],
    },
}

/// A stretch of one of the builder's tables.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Span {
    pub(crate) fn of<T>(self, table: &[T]) -> &[T] {
        let start = self.start as usize;
        &table[start..start + self.len as usize]
    }
}

/// A device as the builder keeps it.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) tag: [u8; 64],
    /// How many whole blocks it has. The address after the last is not one, so `NO_BLOCK` stays free.
    pub(crate) blocks: u32,
}

/// An inode as the builder keeps it. There may be millions: the size is 64 bytes, see the test.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) data: Data,
    pub(crate) mtime: i64,
    pub(crate) mtime_nanoseconds: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// How many directory entries name it, `.` and `..` among them.
    pub(crate) links: u32,
    pub(crate) xattrs: u32,
    pub(crate) xattr_count: u16,
    pub(crate) permissions: u16,
}

/// What a [`Node`] holds, as stretches of the builder's tables.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Data {
    Directory { parent: Option<InodeId>, entries: Span },
    File { size: u64, runs: Span },
    Symlink { target: Span },
}

impl Node {
    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.data, Data::Directory { .. })
    }

    pub(crate) fn xattr_span(&self) -> Span {
        Span { start: self.xattrs, len: u32::from(self.xattr_count) }
    }

    /// The file type for `i_mode`.
    pub(crate) fn mode(&self) -> u16 {
        let file_type = match self.data {
            Data::Directory { .. } => format::S_IFDIR,
            Data::File { .. } => format::S_IFREG,
            Data::Symlink { .. } => format::S_IFLNK,
        };
        file_type | self.permissions
    }

    /// The file type for a directory entry.
    pub(crate) fn dirent_type(&self) -> u8 {
        match self.data {
            Data::Directory { .. } => format::FT_DIR,
            Data::File { .. } => format::FT_REG_FILE,
            Data::Symlink { .. } => format::FT_SYMLINK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Node;

    #[test]
    fn a_node_stays_within_64_bytes() {
        assert!(size_of::<Node>() <= 64, "{}", size_of::<Node>());
    }
}
