//! Takes a tar's entries in the order of the tar and refuses what no Windows layer can hold.
//!
//! 86 bytes an entry, its path and its own PAX records stay in memory; values that repeat are kept, and checked, once.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use winlayer_core::path::{EntryName, Root};
use winlayer_core::{Error, ErrorKind, LayerPath, Result};
use winlayer_meta::attributes::FileAttributes;
use winlayer_tar::windows::Source;
use winlayer_tar::{EntryType, RawEntry, WindowsMeta};

use super::format::{FLAG_SPARSE, NONE, Row, Span, StreamRow, kind};
use super::records;

/// Collects the entries of one layer.
#[derive(Default)]
pub(crate) struct IndexBuilder {
    pub(super) heap: Vec<u8>,
    /// Distinct long PAX records, and where each is found by its bytes.
    pub(super) table: Vec<Span>,
    by_content: HashTable<u32>,
    hasher: RandomState,
    /// In the order of the tar.
    pub(super) rows: Vec<Row>,
    /// Rows from here on are directories that the tar leaves out.
    pub(super) implied_from: usize,
    pub(super) streams: Vec<StreamRow>,
    pub(super) hives: Vec<Hive>,
    /// The row that alternate streams may still follow.
    stream_owner: Option<usize>,
    pub(super) entries: u32,
    pub(super) file_bytes: u64,
    scratch: Vec<u8>,
}

/// A registry hive of the layer.
#[derive(Debug, Clone)]
pub(crate) struct Hive {
    pub(crate) path: LayerPath,
    pub(crate) entry_offset: u64,
    pub(crate) data_offset: u64,
    pub(crate) size: u64,
}

impl IndexBuilder {
    /// Takes the next entry of the tar.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] naming entry, offset and the rule that it breaks.
    pub(crate) fn push(&mut self, entry: &RawEntry) -> Result<()> {
        self.take(entry).map_err(|e| e.entry(&entry.path).offset(entry.header_offset))
    }

    fn take(&mut self, entry: &RawEntry) -> Result<()> {
        self.entries = self.entries.checked_add(1).filter(|&n| n < NONE / 2).ok_or_else(too_large)?;
        match EntryName::parse(&entry.path)? {
            EntryName::Top => self.stream_owner = None,
            EntryName::Node(path) => self.take_node(entry, &path)?,
            EntryName::Stream { of, stream } => self.take_stream(entry, &of, &stream)?,
            EntryName::Whiteout(target) => self.take_whiteout(entry, &target)?,
        }
        Ok(())
    }

    fn take_node(&mut self, entry: &RawEntry, path: &LayerPath) -> Result<()> {
        let kind = kind_of(entry)?;
        check_root(path, kind)?;
        let (records, descriptor) = self.push_records(entry)?;
        check_attributes(check_metadata(entry, descriptor)?, kind)?;
        let link = match kind {
            kind::HARD_LINK => self.push_text(check_link_target(path, &entry.link)?.as_bytes())?,
            kind::SYMLINK => self.push_text(&entry.link)?,
            _ => Span::default(),
        };
        let is_file = kind == kind::FILE;
        if is_file {
            self.file_bytes = self.file_bytes.saturating_add(entry.size);
        }
        if is_file && path.root() == Root::Hives {
            let (entry_offset, data_offset) = (entry.header_offset, entry.data_offset);
            self.hives.push(Hive { path: path.clone(), entry_offset, data_offset, size: entry.size });
        }
        let row = Row {
            path: self.push_text(path.as_bytes())?,
            link,
            entry_offset: entry.header_offset.into(),
            data_offset: entry.data_offset.into(),
            size: if is_file { entry.size } else { 0 }.into(),
            mtime_secs: entry.mtime.secs.into(),
            mtime_nanos: entry.mtime.nanos.into(),
            mode: entry.mode.into(),
            records,
            streams: Span::default(),
            end: 0.into(),
            parent: NONE.into(),
            link_row: NONE.into(),
            kind,
            flags: sparse_flag(entry),
        };
        self.stream_owner = (kind != kind::HARD_LINK).then_some(self.rows.len());
        self.rows.push(row);
        Ok(())
    }

    fn take_stream(&mut self, entry: &RawEntry, of: &LayerPath, name: &[u8]) -> Result<()> {
        if entry.kind != EntryType::File {
            return Err(Error::invalid("an alternate data stream must be a regular file"));
        }
        let owner = self.stream_owner.filter(|&owner| self.text(self.rows[owner].path) == of.as_bytes());
        let Some(owner) = owner else {
            return Err(Error::invalid(format!(
                "an alternate data stream must directly follow its file, {of}"
            )));
        };
        let owned = self.rows[owner].streams;
        let first = if owned.len.get() == 0 { index(self.streams.len())? } else { owned.offset.get() };
        let stream = StreamRow {
            name: self.push_text(name)?,
            entry_offset: entry.header_offset.into(),
            data_offset: entry.data_offset.into(),
            size: entry.size.into(),
            flags: sparse_flag(entry),
        };
        let earlier = &self.streams[first as usize..];
        if earlier.iter().any(|other| winlayer_meta::name::fold_eq(self.text(other.name), name)) {
            return Err(Error::invalid("the file has this alternate data stream already"));
        }
        self.streams.push(stream);
        self.rows[owner].streams = Span::new(first, owned.len.get() + 1);
        Ok(())
    }

    fn take_whiteout(&mut self, entry: &RawEntry, target: &LayerPath) -> Result<()> {
        self.stream_owner = None;
        if entry.kind != EntryType::File || entry.size != 0 {
            return Err(Error::invalid("a whiteout must be an empty regular file"));
        }
        let path = self.push_text(target.as_bytes())?;
        let entry_offset = entry.header_offset.into();
        let row = Row { path, entry_offset, link_row: NONE.into(), kind: kind::WHITEOUT, ..Row::default() };
        self.rows.push(row);
        Ok(())
    }

    /// Keeps the records of an entry; tells whether its security descriptor is one that others have too.
    fn push_records(&mut self, entry: &RawEntry) -> Result<(Span, Descriptor)> {
        let known = self.table.len();
        let mut descriptor = Descriptor::Known;
        let mut items = std::mem::take(&mut self.scratch);
        items.clear();
        for (key, value) in entry.pax.iter() {
            if records::is_in_row(key) || records::push_short(&mut items, key, value) {
                continue;
            }
            let number = self.intern(key, value)?;
            if number as usize >= known && key == RAW_DESCRIPTOR {
                descriptor = Descriptor::New;
            }
            records::push_interned(&mut items, number);
        }
        let span = self.push_text(&items);
        self.scratch = items;
        Ok((span?, descriptor))
    }

    /// The number of a record in the table, in which it is kept once.
    fn intern(&mut self, key: &[u8], value: &[u8]) -> Result<u32> {
        let hash = self.hasher.hash_one((key, value));
        let (heap, table) = (&self.heap, &self.table);
        let is_same = |number: &u32| {
            let record = &heap[table[*number as usize].range()];
            record.len() == key.len() + 1 + value.len() && record.starts_with(key) && record.ends_with(value)
        };
        if let Some(number) = self.by_content.find(hash, is_same) {
            return Ok(*number);
        }
        let number = index(self.table.len())?;
        let start = self.heap.len();
        for part in [key, b"=", value] {
            self.heap.extend_from_slice(part);
        }
        self.table.push(span(start, self.heap.len())?);
        let (heap, table, hasher) = (&self.heap, &self.table, &self.hasher);
        self.by_content.insert_unique(hash, number, |number| {
            let record = &heap[table[*number as usize].range()];
            let equals = record.iter().position(|&b| b == b'=').unwrap_or(record.len() - 1);
            hasher.hash_one((&record[..equals], &record[equals + 1..]))
        });
        Ok(number)
    }

    pub(super) fn push_text(&mut self, text: &[u8]) -> Result<Span> {
        if text.is_empty() {
            return Ok(Span::default());
        }
        let start = self.heap.len();
        self.heap.extend_from_slice(text);
        span(start, self.heap.len())
    }

    pub(super) fn text(&self, span: Span) -> &[u8] {
        &self.heap[span.range()]
    }
}

/// Whether an entry's security descriptor was looked at before: a layer has a few hundred for all its files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Descriptor {
    Known,
    New,
}

const RAW_DESCRIPTOR: &[u8] = b"MSWINDOWS.rawsd";

/// Checks what Windows would have to take; gives the attributes, if the entry has them.
fn check_metadata(entry: &RawEntry, descriptor: Descriptor) -> Result<Option<FileAttributes>> {
    let source = Source { kind: entry.kind, mtime: entry.mtime, link: &entry.link };
    let to_check = |key: &[u8]| descriptor == Descriptor::New || key != RAW_DESCRIPTOR;
    let meta = WindowsMeta::from_records(source, entry.pax.iter().filter(|(key, _)| to_check(key)));
    let checked = meta.and_then(|meta| meta.check().map(|()| meta.attributes));
    checked.map_err(|e| Error::invalid(e.to_string()))
}

/// A number that fits the index, or the error that says that the layer is too large.
pub(super) fn index(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| too_large())
}

fn span(start: usize, end: usize) -> Result<Span> {
    let (start, end) = (index(start)?, index(end)?);
    Ok(Span::new(start, end - start))
}

fn too_large() -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        "the layer has more than 2^31 entries or 4 GiB of names and metadata",
    )
}

fn sparse_flag(entry: &RawEntry) -> u8 {
    if entry.sparse.is_some() { FLAG_SPARSE } else { 0 }
}

fn kind_of(entry: &RawEntry) -> Result<u8> {
    match entry.kind {
        EntryType::File => Ok(kind::FILE),
        EntryType::Directory => Ok(kind::DIRECTORY),
        EntryType::HardLink => Ok(kind::HARD_LINK),
        EntryType::Symlink => Ok(kind::SYMLINK),
        ref other => Err(Error::invalid(format!("a {other} has no place in a Windows layer"))),
    }
}

fn check_root(path: &LayerPath, kind: u8) -> Result<()> {
    if path.is_root() && kind != kind::DIRECTORY {
        return Err(Error::invalid(format!("{path} must be a directory")));
    }
    Ok(())
}

fn check_attributes(attributes: Option<FileAttributes>, kind: u8) -> Result<()> {
    let Some(attributes) = attributes else { return Ok(()) };
    if kind == kind::FILE && attributes.contains(FileAttributes::DIRECTORY) {
        return Err(Error::invalid("a regular file whose attributes say that it is a directory"));
    }
    Ok(())
}

fn check_link_target(path: &LayerPath, target: &[u8]) -> Result<LayerPath> {
    let wrong = |why: &dyn std::fmt::Display| {
        Error::invalid(format!("hard link to {:?}: {why}", String::from_utf8_lossy(target)))
    };
    let target_path = LayerPath::from_tar(target).map_err(|e| wrong(&e))?;
    if target_path.root() == Root::Hives || path.root() == Root::Hives {
        return Err(wrong(&"hives have no hard links"));
    }
    Ok(target_path)
}
