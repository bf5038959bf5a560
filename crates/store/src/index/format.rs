//! The index file's bytes: a header, then four sections, all little-endian and unaligned, so that a mapped file is used
//! as it is.
//!
//! ```text
//! header   magic, version, counts, section lengths, DiffID and length of the tar, CRC-32 of this header and of the rest
//! rows     one Row per path, in tree order (winlayer_meta::name::tree_cmp)
//! streams  one StreamRow per alternate data stream, grouped by owner
//! records  one Span per distinct long PAX record ("key=value"); see super::records
//! heap     the bytes of paths, link targets, stream names and records
//! ```

use zerocopy::little_endian::{I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first eight bytes of an index.
pub(crate) const MAGIC: [u8; 8] = *b"WLINDEX\0";

/// The version that this program writes; any other is rebuilt from the tar.
pub(crate) const VERSION: u32 = 2;

/// "No row", "no number".
pub(crate) const NONE: u32 = u32::MAX;

/// The head of an index.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: [u8; 8],
    pub(crate) version: U32,
    /// CRC-32 of this header with this field zero.
    pub(crate) header_crc: U32,
    /// CRC-32 of everything behind the header. Checked by `verify`, not when the index is opened.
    pub(crate) body_crc: U32,
    pub(crate) rows: U32,
    pub(crate) streams: U32,
    pub(crate) records: U32,
    /// Tar entries, whiteouts and streams included.
    pub(crate) entries: U32,
    pub(crate) heap_len: U64,
    /// Length of the tar that this is the index of.
    pub(crate) tar_len: U64,
    /// Sum of the sizes of regular files.
    pub(crate) file_bytes: U64,
    /// SHA-256 of the tar.
    pub(crate) diff_id: [u8; 32],
}

/// A range of the heap.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub(crate) struct Span {
    pub(crate) offset: U32,
    pub(crate) len: U32,
}

impl Span {
    /// A range of the heap.
    pub(crate) fn new(offset: u32, len: u32) -> Self {
        Self { offset: offset.into(), len: len.into() }
    }

    /// As a range of bytes.
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        let start = self.offset.get() as usize;
        start..start.saturating_add(self.len.get() as usize)
    }
}

/// One path.
#[derive(Debug, Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Row {
    pub(crate) path: Span,
    /// A symlink's target or a hard link's, as the tar has it.
    pub(crate) link: Span,
    /// Where the tar entry begins, its PAX header included.
    pub(crate) entry_offset: U64,
    /// Where its data begin.
    pub(crate) data_offset: U64,
    /// Logical size of the main stream.
    pub(crate) size: U64,
    pub(crate) mtime_secs: I64,
    pub(crate) mtime_nanos: U32,
    pub(crate) mode: U32,
    /// The PAX records, as super::records keeps them.
    pub(crate) records: Span,
    /// The alternate streams: first and count.
    pub(crate) streams: Span,
    /// The first row behind the subtree.
    pub(crate) end: U32,
    /// The row of the directory that it lies in; [`NONE`] for a root.
    pub(crate) parent: U32,
    /// The row of the file that a hard link within the layer leads to.
    pub(crate) link_row: U32,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
}

/// One alternate data stream.
#[derive(Debug, Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct StreamRow {
    pub(crate) name: Span,
    pub(crate) entry_offset: U64,
    pub(crate) data_offset: U64,
    pub(crate) size: U64,
    pub(crate) flags: u8,
}

/// [`Row::flags`]: the layer also whites this path out, so that nothing shows through.
pub(crate) const FLAG_REPLACES: u8 = 1;
/// [`Row::flags`], [`StreamRow::flags`]: the tar entry is sparse; its data are read through the tar reader.
pub(crate) const FLAG_SPARSE: u8 = 2;

/// [`Row::flags`]: the entry, or something below it, is more than a whiteout and the way to one.
pub(crate) const FLAG_SHOWS: u8 = 4;

/// [`Row::kind`].
pub(crate) mod kind {
    pub(crate) const DIRECTORY: u8 = 1;
    pub(crate) const IMPLICIT_DIRECTORY: u8 = 2;
    pub(crate) const FILE: u8 = 3;
    pub(crate) const SYMLINK: u8 = 4;
    pub(crate) const HARD_LINK: u8 = 5;
    pub(crate) const WHITEOUT: u8 = 6;
}
