//! Reads an index where it lies: opening costs the same for ten entries and a million, looking a path up O(log n).
//!
//! An index may be damaged or hostile. Its header is checked when it is opened; everything else is checked where it is
//! used: a span that leads outside is empty, a row that does not exist has no kind. `verify` compares the whole of it.

use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;
use winlayer_core::path::shared_components;
use winlayer_core::view::LinkTarget;
use winlayer_core::{DiffId, EntryKind, Error, LayerView, Result, RowId, Sha256Digest};
use winlayer_meta::filetime::UnixTime;
use winlayer_meta::name;
use zerocopy::{FromBytes, IntoBytes};

use super::format::{
    FLAG_REPLACES, FLAG_SHOWS, FLAG_SPARSE, Header, MAGIC, NONE, Row, Span, StreamRow, VERSION, kind,
};
use super::records::Items;
use crate::mapping;
use crate::view::DataPlace;

/// The bytes of an index, wherever they are.
enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// A layer's index, ready for use.
pub struct Index {
    bytes: Bytes,
    header: Header,
    rows: Range<usize>,
    streams: Range<usize>,
    records: Range<usize>,
    heap: Range<usize>,
}

/// An alternate data stream of a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamEntry<'a> {
    /// Its name, without `:` and type (WTF-8).
    pub name: &'a [u8],
    /// Logical size in bytes.
    pub size: u64,
    /// Where its data are.
    pub(crate) data: DataPlace,
}

impl Index {
    /// Opens an index file by mapping it.
    ///
    /// # Errors
    /// An operating system error, or [`ErrorKind::Corrupt`](winlayer_core::ErrorKind::Corrupt) if it is not an index of
    /// this version; it can be rebuilt from the tar.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = Bytes::Mapped(mapping::map(path)?);
        Self::new(bytes).map_err(|why| Error::corrupt(format!("{} {why}", path.display())))
    }

    /// Uses an index that is in memory.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](winlayer_core::ErrorKind::Corrupt) if it is not an index of this version.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Self::new(Bytes::Owned(bytes)).map_err(|why| Error::corrupt(format!("the index {why}")))
    }

    fn new(bytes: Bytes) -> Result<Self, &'static str> {
        let (header, _) = Header::read_from_prefix(&bytes).map_err(|_| "is shorter than its header")?;
        if header.magic != MAGIC {
            return Err("is not an index");
        }
        if header.version.get() != VERSION {
            return Err("is of another version of winlayer");
        }
        if header_crc(&header) != header.header_crc.get() {
            return Err("has a damaged header");
        }
        let mut at = size_of::<Header>();
        let mut section = |count: usize, size: usize| {
            let start = at;
            at = at.checked_add(count.checked_mul(size)?)?;
            (at <= bytes.len()).then_some(start..at)
        };
        let count = |n: zerocopy::little_endian::U32| usize::try_from(n.get()).unwrap_or(usize::MAX);
        let short = "is shorter than its header says";
        let rows = section(count(header.rows), size_of::<Row>()).ok_or(short)?;
        let streams = section(count(header.streams), size_of::<StreamRow>()).ok_or(short)?;
        let records = section(count(header.records), size_of::<Span>()).ok_or(short)?;
        let heap_len = usize::try_from(header.heap_len.get()).map_err(|_| short)?;
        let heap = section(heap_len, 1).ok_or(short)?;
        if heap.end != bytes.len() {
            return Err("is longer than its header says");
        }
        Ok(Self { bytes, header, rows, streams, records, heap })
    }

    /// Whether the bytes behind the header are those that were written. Reads all of them.
    pub fn body_is_whole(&self) -> bool {
        crc32fast::hash(&self.bytes[size_of::<Header>()..]) == self.header.body_crc.get()
    }

    /// All bytes of the index.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of the tar that it was made from.
    pub fn diff_id(&self) -> DiffId {
        DiffId(Sha256Digest(self.header.diff_id))
    }

    /// The length of the tar that it was made from, in bytes.
    pub fn tar_len(&self) -> u64 {
        self.header.tar_len.get()
    }

    /// How many entries the tar has, whiteouts and streams included.
    pub fn tar_entries(&self) -> u64 {
        u64::from(self.header.entries.get())
    }

    /// Sum of the sizes of the layer's regular files, in bytes, streams not counted.
    pub fn file_bytes(&self) -> u64 {
        self.header.file_bytes.get()
    }

    fn rows(&self) -> &[Row] {
        <[Row]>::ref_from_bytes(&self.bytes[self.rows.clone()]).unwrap_or_default()
    }

    /// The row, or one that says nothing.
    pub(crate) fn row(&self, row: RowId) -> &Row {
        static NOTHING: std::sync::LazyLock<Row> = std::sync::LazyLock::new(Row::default);
        self.rows().get(row.0 as usize).unwrap_or(&NOTHING)
    }

    fn text(&self, span: Span) -> &[u8] {
        let heap = &self.bytes[self.heap.clone()];
        heap.get(span.range()).unwrap_or_default()
    }

    /// The target of a symlink, or of a hard link that leads out of the layer, as the tar has it.
    pub fn link_text(&self, row: RowId) -> &[u8] {
        self.text(self.row(row).link)
    }

    /// The modification time of the tar entry.
    pub fn mtime(&self, row: RowId) -> UnixTime {
        let row = self.row(row);
        UnixTime { secs: row.mtime_secs.get(), nanos: row.mtime_nanos.get() }
    }

    /// The mode of the tar entry.
    pub fn mode(&self, row: RowId) -> u32 {
        self.row(row).mode.get()
    }

    /// Where the data of the main stream are.
    pub(crate) fn data(&self, row: RowId) -> DataPlace {
        let row = self.row(row);
        DataPlace {
            entry_offset: row.entry_offset.get(),
            data_offset: row.data_offset.get(),
            size: row.size.get(),
            sparse: row.flags & FLAG_SPARSE != 0,
        }
    }

    /// The PAX records of the tar entry, key and value, in its order.
    pub fn records(&self, row: RowId) -> impl Iterator<Item = (&[u8], &[u8])> {
        let table = <[Span]>::ref_from_bytes(&self.bytes[self.records.clone()]).unwrap_or_default();
        Items { items: self.text(self.row(row).records), table, heap: &self.bytes[self.heap.clone()] }
    }

    /// The alternate data streams of a file or directory, in the tar's order.
    pub fn streams(&self, row: RowId) -> impl ExactSizeIterator<Item = StreamEntry<'_>> {
        let streams = <[StreamRow]>::ref_from_bytes(&self.bytes[self.streams.clone()]).unwrap_or_default();
        let own = streams.get(self.row(row).streams.range()).unwrap_or_default();
        own.iter().map(|stream| StreamEntry {
            name: self.text(stream.name),
            size: stream.size.get(),
            data: DataPlace {
                entry_offset: stream.entry_offset.get(),
                data_offset: stream.data_offset.get(),
                size: stream.size.get(),
                sparse: stream.flags & FLAG_SPARSE != 0,
            },
        })
    }
}

/// The CRC-32 of a header, its own field taken as zero.
pub(super) fn header_crc(header: &Header) -> u32 {
    crc32fast::hash(Header { header_crc: 0.into(), ..*header }.as_bytes())
}

impl LayerView for Index {
    fn len(&self) -> u32 {
        self.header.rows.get()
    }

    fn path(&self, row: RowId) -> &[u8] {
        self.text(self.row(row).path)
    }

    fn kind(&self, row: RowId) -> EntryKind {
        match self.row(row).kind {
            kind::DIRECTORY => EntryKind::Directory,
            kind::IMPLICIT_DIRECTORY => EntryKind::ImplicitDirectory,
            kind::FILE => EntryKind::File,
            kind::SYMLINK => EntryKind::Symlink,
            kind::HARD_LINK => EntryKind::HardLink,
            // What is not understood is not shown.
            _ => EntryKind::Whiteout,
        }
    }

    fn subtree_end(&self, row: RowId) -> RowId {
        RowId(self.row(row).end.get().clamp(row.0.saturating_add(1), self.len().max(row.0.saturating_add(1))))
    }

    fn replaces(&self, row: RowId) -> bool {
        self.row(row).flags & FLAG_REPLACES != 0
    }

    fn shows_nothing(&self, row: RowId) -> bool {
        self.row(row).flags & FLAG_SHOWS == 0
    }

    /// One search for the whole path: the row that is there, or would be before it, lies in all of its prefixes that
    /// the layer has.
    fn find_prefixes(&self, path: &[u8]) -> Vec<RowId> {
        let rows = self.rows();
        let behind = rows.partition_point(|row| name::tree_cmp(self.text(row.path), path).is_le());
        let Some(nearest) = behind.checked_sub(1).and_then(|row| u32::try_from(row).ok()) else {
            return Vec::new();
        };
        let shared = shared_components(self.path(RowId(nearest)), path);
        let mut prefixes = vec![RowId(nearest)];
        while let Some(RowId(last)) = prefixes.last().copied() {
            let parent = self.row(RowId(last)).parent.get();
            // An index is untrusted: whatever it says, the way up comes to an end.
            if parent >= last {
                break;
            }
            prefixes.push(RowId(parent));
        }
        prefixes.reverse();
        prefixes.truncate(shared);
        prefixes
    }

    fn size(&self, row: RowId) -> u64 {
        self.row(row).size.get()
    }

    fn link_target(&self, row: RowId) -> Option<LinkTarget<'_>> {
        let entry = self.row(row);
        if entry.kind != kind::HARD_LINK {
            return None;
        }
        Some(match entry.link_row.get() {
            NONE => LinkTarget::Below(self.text(entry.link)),
            target if self.row(RowId(target)).kind == kind::HARD_LINK => LinkTarget::Below(&[]),
            target => LinkTarget::Here(RowId(target)),
        })
    }
}
