//! Tar entries as Windows backs files up, and back: a file's attributes, times and backup stream ([MS-BKUP]) are one
//! entry of a layer tar, and one more for each alternate data stream.
//!
//! ```text
//! entry, entries FILE:STREAM ─► FileInfo + security, EAs, reparse point, data, alternate streams   write_backup_stream
//! FileInfo + backup stream   ─► entry, entries FILE:STREAM                                         append_file
//! ```
//!
//! [`LayerReader`] and [`LayerWriter`] do it for whole layers, hard links and whiteouts included. What they make is what
//! hcsshim makes, byte for byte, apart from what that loses: FILETIMEs outside of 1677 to 2262, the targets of links
//! without a print name, alternate streams of directories and of files without data.
//!
//! A tar has no place for the flags of extended attributes, hard links, object ids, properties and transaction data of a
//! backup stream; they are left out. Sparse files are written out with their zeros, however large those make them.

mod decode;
mod encode;
mod error;
mod layer_reader;
mod layer_writer;

pub use decode::{Converted, write_backup_stream};
pub use encode::{append_file, data_size};
pub use error::{StreamError, StreamProblem};
pub use layer_reader::{LayerReader, Step};
pub use layer_writer::{FileId, LayerWriter, Links};

use winlayer_meta::attributes::FileAttributes;
use winlayer_meta::filetime::FileTime;

use crate::entry::{EntryType, RawEntry};
use crate::windows::WindowsMeta;

/// What Windows knows about a file besides its backup stream (FILE_BASIC_INFO, [MS-FSCC] 2.4.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// The path within the layer, in WTF-8. From a tar it comes as the tar has it; both slashes go into a tar as `/`.
    pub name: Vec<u8>,
    /// Bytes of its main data, up to `i64::MAX`; of no meaning for directories.
    pub size: u64,
    /// Its attributes; they say whether it is a directory.
    pub attributes: FileAttributes,
    /// When it was made.
    pub created: FileTime,
    /// When it was last read.
    pub accessed: FileTime,
    /// When its data were last written.
    pub modified: FileTime,
    /// When its data or metadata were last written.
    pub changed: FileTime,
}

impl FileInfo {
    /// What an entry and its metadata say.
    pub fn of_entry(entry: &RawEntry, meta: &WindowsMeta) -> Self {
        Self {
            name: entry.path.clone(),
            size: if entry.kind == EntryType::File { entry.size } else { 0 },
            attributes: meta.effective_attributes(),
            created: meta.created,
            accessed: meta.accessed,
            modified: meta.modified,
            changed: meta.changed,
        }
    }

    /// Whether it is a directory, also one with a reparse point.
    pub fn is_directory(&self) -> bool {
        self.attributes.contains(FileAttributes::DIRECTORY)
    }
}
