//! What can be wrong with an image's description, said so that its author can find the place.

use std::io;

use crate::inode::{DeviceId, InodeId};

/// Why an image cannot be made.
///
/// The text says what is wrong, where, and which limit it meets; [`Error::kind`] is for programs.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Problem>);

/// The kinds of [`Error`] that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The description contradicts itself, or names something no file system can hold.
    Invalid,
    /// The description makes sense, but is too large for EROFS or for the limits in the crate's documentation.
    LimitExceeded,
    /// The output could not be written.
    Io,
}

impl Error {
    /// Returns which kind of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match *self.0 {
            Problem::Io(_) => ErrorKind::Io,
            Problem::TooMany { .. }
            | Problem::DeviceTooLarge { .. }
            | Problem::FileTooLarge { .. }
            | Problem::TooFragmented { .. }
            | Problem::XattrTooLarge { .. }
            | Problem::XattrListTooLong { .. }
            | Problem::XattrsTooLarge { .. }
            | Problem::ImageTooLarge { .. } => ErrorKind::LimitExceeded,
            _ => ErrorKind::Invalid,
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Problem::Io(error).into()
    }
}

/// The precise form of [`Error`]. Names and paths are escaped: they come from strangers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{what} {index} is not one of this builder's")]
    UnknownId { what: &'static str, index: u32 },
    #[error("more than {limit} {what}")]
    TooMany { what: &'static str, limit: u64 },

    #[error("device tag of {len} bytes: at most 64 fit")]
    DeviceTag { len: usize },
    #[error("device of {len} bytes: EROFS addresses less than 2 TiB of each device")]
    DeviceTooLarge { len: u64 },

    #[error("permissions {permissions:#o}: only the bits 0o7777 have a meaning")]
    Permissions { permissions: u16 },
    #[error("{nanoseconds} nanoseconds: a second has fewer than 1000000000")]
    Nanoseconds { nanoseconds: u32 },
    #[error("symbolic link's target {reason}: it must have 1 to 4095 bytes, none of them NUL")]
    SymlinkTarget { reason: &'static str },

    #[error("file of {size} bytes: the kernel takes at most 9223372036854775807")]
    FileTooLarge { size: u64 },
    #[error("extent {index} of the file (file offset {file_offset}, {len} bytes): {reason}")]
    Extent { index: usize, file_offset: u64, len: u64, reason: ExtentReason },
    #[error(
        "file in {chunks} pieces: with it the image has more than {limit} pieces beyond each file's first"
    )]
    TooFragmented { chunks: u64, limit: u64 },

    #[error("extended attribute {name:?}: {reason}")]
    XattrName { name: String, reason: &'static str },
    #[error("extended attribute {name:?} has {len} bytes: at most 65535 fit")]
    XattrTooLarge { name: String, len: usize },
    #[error("extended attribute {name:?} is set twice on one inode")]
    XattrTwice { name: String },
    #[error("extended attributes' names have {len} bytes together: the kernel lists at most 65536")]
    XattrListTooLong { len: u64 },
    #[error("{path}: {len} bytes of extended attributes beside the inode: at most {limit} fit")]
    XattrsTooLarge { path: String, len: u64, limit: u64 },

    #[error("name {name:?}: {reason}")]
    Name { name: String, reason: &'static str },
    #[error("inode {} is not a directory and cannot hold {name:?}", .inode.index())]
    NotADirectory { inode: InodeId, name: String },
    #[error("directory cannot get the second name {name:?}: hard links to directories do not exist")]
    SecondDirectoryName { name: String },
    #[error("{path}: the directory has this name twice")]
    NameTwice { path: String },
    #[error("root {reason}")]
    Root { reason: &'static str },
    #[error("inode {} cannot be reached from the root ({count} inodes cannot)", .first.index())]
    Unreachable { first: InodeId, count: usize },

    #[error("image too large: {what}")]
    ImageTooLarge { what: &'static str },
    #[error("cannot write the image")]
    Io(#[source] io::Error),
}

/// What is wrong with one extent of a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExtentReason {
    #[error("it starts before the end of the one before it")]
    OutOfOrder,
    #[error("it ends beyond the file's {size} bytes")]
    BeyondFile { size: u64 },
    #[error("its {count} blocks from {first} on are not within the {device_blocks} whole blocks of device {}", .device.number())]
    BeyondDevice { device: DeviceId, first: u64, count: u64, device_blocks: u32 },
    #[error("it starts at {device_offset} on the device, which is not a multiple of 512")]
    UnalignedOnDevice { device_offset: u64 },
    #[error("its file offset is not a multiple of 512")]
    UnalignedInFile,
    #[error("more of the file follows, so its length must be a multiple of 512")]
    UnalignedEnd,
}

/// Shows bytes that need not be text.
pub(crate) fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
