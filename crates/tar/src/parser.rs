//! The tar state machine: takes a tar in pieces of any size and gives its entries, without doing I/O or copying data.
//!
//! ```text
//! header ─► [extension data: x g L K, sparse maps]* ─► entry ─► data ─► padding ─► header … two zero blocks: end
//! ```
//!
//! What follows the end is not looked at. A tar may also end at any entry's border, without its padding or with a single
//! zero block, as Go's archive/tar has it, or be empty. A global PAX header is read over: it is not an entry and says
//! nothing about those that follow.
//!
//! What Go refuses is refused, but for sparse records out of turn in an extension header that another one replaces. So
//! are, unlike there, an extension header without an entry (the tar was cut), sparse maps that do not fit the stored data
//! also if these are not read, negative sizes of any type, and modes beyond 32 bits.

use winlayer_meta::filetime::UnixTime;

use crate::entry::{EntryType, RawEntry};
use crate::error::{Problem, TarError};
use crate::header::{BLOCK, HeaderBlock, until_nul};
use crate::pax::{self, PaxRecords};
use crate::sparse::SparseMap;

/// How much of an untrusted tar is held in memory at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Data of one extension header, in bytes. Default 1 MiB, which is also what Go's archive/tar takes.
    pub extension: u64,
    /// Ranges of one sparse file. Default 65,536.
    pub sparse_ranges: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { extension: 1 << 20, sparse_ranges: 1 << 16 }
    }
}

/// What [`Parser::advance`] came to.
#[derive(Debug)]
pub enum Event {
    /// All input was used; there is more to come.
    NeedInput,
    /// The next entry.
    Entry(Box<RawEntry>),
    /// Stored data of the current entry: this many bytes, the last of those that were used.
    Data(usize),
    /// The end of the archive; whatever else the input has does not matter.
    End,
}

/// Reads a tar piece by piece.
#[derive(Debug, Default)]
pub struct Parser {
    limits: Limits,
    offset: u64,
    state: State,
    /// A header block that came in pieces.
    block: Vec<u8>,
    pending: Pending,
    /// The name of the current entry, for messages.
    current: Vec<u8>,
}

/// What extension headers said of the entry to come.
#[derive(Debug, Default)]
struct Pending {
    start: Option<u64>,
    pax: Option<PaxRecords>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

/// What PAX records say instead of the header: of each key the last, if not empty.
#[derive(Default)]
struct Overrides<'a> {
    path: Option<&'a [u8]>,
    linkpath: Option<&'a [u8]>,
    size: Option<&'a [u8]>,
    mtime: Option<&'a [u8]>,
    atime: Option<&'a [u8]>,
    ctime: Option<&'a [u8]>,
    uid: Option<&'a [u8]>,
    gid: Option<&'a [u8]>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Header,
    /// One zero block was read.
    ZeroBlock,
    /// Extension data are being collected.
    Extension {
        kind: Extension,
        data: Vec<u8>,
        missing: u64,
    },
    /// The map of a sparse file is being collected.
    SparseMap {
        entry: Box<RawEntry>,
        map: SparseMap,
    },
    Data {
        left: u64,
        padding: u64,
    },
    Skip {
        left: u64,
    },
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extension {
    Pax,
    Global,
    LongName,
    LongLink,
}

impl Parser {
    /// A parser with other limits than the default ones.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// How far the tar has been read, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads on. Gives how many bytes of `input` it used, which may be 0, and what it found in them; call again with the
    /// rest.
    ///
    /// # Errors
    /// The tar is malformed; there is no going on.
    pub fn advance(&mut self, input: &[u8]) -> Result<(usize, Event), TarError> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            let before = self.offset;
            let event = self.step(rest)?;
            used += usize::try_from(self.offset - before).unwrap_or(rest.len());
            if let Some(event) = event {
                return Ok((used, event));
            }
        }
    }

    /// One step: uses some input and moves on, or finds an event.
    fn step(&mut self, input: &[u8]) -> Result<Option<Event>, TarError> {
        match &mut self.state {
            State::End => Ok(Some(Event::End)),
            State::Data { left: 0, padding } => {
                self.state = State::Skip { left: *padding };
                Ok(None)
            }
            State::Skip { left: 0 } => {
                self.state = State::Header;
                Ok(None)
            }
            _ if input.is_empty() => Ok(Some(Event::NeedInput)),
            State::Data { left, .. } => {
                let n = clamp(*left, input.len());
                *left -= n as u64;
                self.offset += n as u64;
                Ok(Some(Event::Data(n)))
            }
            State::Skip { left } => {
                let n = clamp(*left, input.len());
                *left -= n as u64;
                self.offset += n as u64;
                Ok(None)
            }
            State::Extension { data, missing, .. } => {
                let n = clamp(*missing, input.len());
                data.extend_from_slice(&input[..n]);
                *missing -= n as u64;
                self.offset += n as u64;
                if *missing == 0 { self.end_extension().map(|()| None) } else { Ok(None) }
            }
            State::Header | State::ZeroBlock | State::SparseMap { .. } => self.block(input),
        }
    }

    /// Collects a whole block, from the input alone where it has one.
    fn block(&mut self, input: &[u8]) -> Result<Option<Event>, TarError> {
        if self.block.is_empty()
            && let Some(block) = input.first_chunk()
        {
            self.offset += BLOCK as u64;
            return self.whole_block(block);
        }
        let n = input.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&input[..n]);
        self.offset += n as u64;
        let Some(block) = self.block.first_chunk().copied() else { return Ok(None) };
        self.block.clear();
        self.whole_block(&block)
    }

    fn whole_block(&mut self, block: &[u8; BLOCK]) -> Result<Option<Event>, TarError> {
        if let State::SparseMap { .. } = self.state {
            return self.sparse_block(block);
        }
        let header = HeaderBlock(block);
        if header.is_zero() {
            if self.pending.start.is_some() {
                return Err(self.error_in_block(Problem::LoneExtension));
            }
            let is_second = matches!(self.state, State::ZeroBlock);
            self.state = if is_second { State::End } else { State::ZeroBlock };
            return Ok(None);
        }
        if matches!(self.state, State::ZeroBlock) {
            return Err(self.error_in_block(Problem::LoneZeroBlock));
        }
        header
            .check_sum()
            .and_then(|()| header.check_numbers())
            .map_err(|problem| self.error_in_block(problem))?;
        let start = *self.pending.start.get_or_insert(self.block_offset());
        match header.type_flag() {
            b'x' => self.begin_extension(Extension::Pax, &header),
            b'g' => self.begin_extension(Extension::Global, &header),
            b'L' => self.begin_extension(Extension::LongName, &header),
            b'K' => self.begin_extension(Extension::LongLink, &header),
            _ => self.entry(&header, start),
        }
    }

    fn begin_extension(
        &mut self,
        kind: Extension,
        header: &HeaderBlock<'_>,
    ) -> Result<Option<Event>, TarError> {
        let missing = header.size().map_err(|problem| self.error_in_block(problem))?;
        let limit = self.limits.extension;
        if missing > limit {
            return Err(self.error_in_block(Problem::TooLarge { what: "an extension header", limit }));
        }
        self.state = State::Extension { kind, data: Vec::new(), missing };
        if missing == 0 {
            self.end_extension()?;
        }
        Ok(None)
    }

    fn end_extension(&mut self) -> Result<(), TarError> {
        let State::Extension { kind, data, .. } = std::mem::take(&mut self.state) else { return Ok(()) };
        let len = data.len() as u64;
        match kind {
            Extension::Pax | Extension::Global => {
                let start = self.offset - len;
                let records = PaxRecords::parse(data).map_err(|(problem, at)| TarError {
                    problem,
                    offset: start + at as u64,
                    entry: None,
                })?;
                if kind == Extension::Pax {
                    self.pending.pax = Some(records);
                } else if !self.pending.has_any() {
                    self.pending.start = None;
                }
            }
            Extension::LongName => self.pending.long_name = text(&data),
            Extension::LongLink => self.pending.long_link = text(&data),
        }
        self.state = State::Skip { left: padding(len) };
        Ok(())
    }

    fn entry(&mut self, header: &HeaderBlock<'_>, start: u64) -> Result<Option<Event>, TarError> {
        let pending = std::mem::take(&mut self.pending);
        self.current.clear();
        let mut entry = self.join(header, pending, start).map_err(|problem| self.error_in_entry(problem))?;
        let map =
            SparseMap::of(header, &entry, self.limits).map_err(|problem| self.error_in_entry(problem))?;
        if let Some(map) = map {
            return self.with_sparse_map(Box::new(entry), map);
        }
        if entry.kind.is_header_only() {
            (entry.size, entry.stored) = (0, 0);
        }
        Ok(Some(self.begin_data(Box::new(entry))))
    }

    /// Joins a header and its extension headers, which override it.
    fn join(&mut self, header: &HeaderBlock<'_>, pending: Pending, start: u64) -> Result<RawEntry, Problem> {
        let pax = pending.pax.unwrap_or_default();
        let said = Overrides::of(&pax);
        let path = match (pending.long_name, said.path) {
            (Some(path), _) => path,
            (None, Some(path)) => path.to_vec(),
            (None, None) => header.path(),
        };
        self.current.clone_from(&path);
        let link = pending.long_link.unwrap_or_else(|| said.linkpath.unwrap_or(header.link()).to_vec());
        let (header_size, header_mtime) = (header.size()?, UnixTime { secs: header.mtime()?, nanos: 0 });
        said.check_unused()?;
        let size = said.size.map_or(Ok(header_size), |value| parse("size", value, pax::parse_size))?;
        let mtime = said.mtime.map_or(Ok(header_mtime), |value| parse("mtime", value, pax::parse_time))?;
        let kind = match header.type_flag() {
            0 if path.ends_with(b"/") => EntryType::Directory,
            0 | b'0' | b'S' => EntryType::File,
            b'1' => EntryType::HardLink,
            b'2' => EntryType::Symlink,
            b'5' => EntryType::Directory,
            other => EntryType::Other(other),
        };
        Ok(RawEntry {
            link,
            path,
            kind,
            mode: header.mode()?,
            size,
            mtime,
            pax,
            header_offset: start,
            data_offset: self.offset,
            stored: size,
            sparse: None,
        })
    }

    fn with_sparse_map(&mut self, entry: Box<RawEntry>, map: SparseMap) -> Result<Option<Event>, TarError> {
        if map.needs_block() {
            self.state = State::SparseMap { entry, map };
            return Ok(None);
        }
        let entry = map.finish(entry, self.offset).map_err(|problem| self.error_in_entry(problem))?;
        Ok(Some(self.begin_data(entry)))
    }

    fn sparse_block(&mut self, block: &[u8; BLOCK]) -> Result<Option<Event>, TarError> {
        let State::SparseMap { entry, mut map } = std::mem::take(&mut self.state) else { return Ok(None) };
        map.block(block, self.limits).map_err(|problem| self.error_in_entry(problem))?;
        self.with_sparse_map(entry, map)
    }

    fn begin_data(&mut self, entry: Box<RawEntry>) -> Event {
        self.state = State::Data { left: entry.stored, padding: padding(entry.stored) };
        Event::Entry(entry)
    }

    /// Passes over the data of the current entry that were not given yet, and gives how many bytes the input must go on by,
    /// padding included: for input that can be sought, and that is known to be as long.
    pub fn skip_data(&mut self) -> u64 {
        let State::Data { left, padding } = self.state else { return 0 };
        self.state = State::Header;
        let skipped = left.saturating_add(padding);
        self.offset = self.offset.saturating_add(skipped);
        skipped
    }

    /// Says that there is no more input.
    ///
    /// # Errors
    /// The tar ends within an entry.
    pub fn finish(&self) -> Result<(), TarError> {
        let (problem, entry) = match &self.state {
            State::Header | State::ZeroBlock if !self.block.is_empty() => {
                (Problem::Truncated("a header"), None)
            }
            State::Header | State::Skip { .. } if self.pending.start.is_some() => {
                (Problem::LoneExtension, None)
            }
            State::Extension { .. } => (Problem::Truncated("an extension header"), None),
            State::SparseMap { .. } => (Problem::Truncated("a sparse map"), Some(&self.current)),
            State::Data { left: 1.., .. } => {
                (Problem::Truncated("the data of this entry"), Some(&self.current))
            }
            _ => return Ok(()),
        };
        Err(TarError { problem, offset: self.offset, entry: entry.cloned() })
    }

    /// Where the block that was just read begins.
    fn block_offset(&self) -> u64 {
        self.offset.saturating_sub(BLOCK as u64)
    }

    fn error_in_block(&self, problem: Problem) -> TarError {
        TarError { problem, offset: self.block_offset(), entry: None }
    }

    fn error_in_entry(&self, problem: Problem) -> TarError {
        TarError { problem, offset: self.block_offset(), entry: Some(self.current.clone()) }
    }
}

impl Pending {
    fn has_any(&self) -> bool {
        self.pax.is_some() || self.long_name.is_some() || self.long_link.is_some()
    }
}

impl<'a> Overrides<'a> {
    fn of(pax: &'a PaxRecords) -> Self {
        let mut said = Self::default();
        for (key, value) in pax.iter() {
            let value = Some(value).filter(|value| !value.is_empty());
            match key {
                b"path" => said.path = value,
                b"linkpath" => said.linkpath = value,
                b"size" => said.size = value,
                b"mtime" => said.mtime = value,
                b"atime" => said.atime = value,
                b"ctime" => said.ctime = value,
                b"uid" => said.uid = value,
                b"gid" => said.gid = value,
                _ => {}
            }
        }
        said
    }

    /// Checks the values that an entry does not have as fields.
    fn check_unused(&self) -> Result<(), Problem> {
        for (key, value) in [("atime", self.atime), ("ctime", self.ctime)] {
            value.map_or(Ok(()), |value| parse(key, value, pax::parse_time).map(drop))?;
        }
        for (key, value) in [("uid", self.uid), ("gid", self.gid)] {
            value.map_or(Ok(()), |value| parse(key, value, pax::parse_number).map(drop))?;
        }
        Ok(())
    }
}

fn parse<T>(key: &'static str, value: &[u8], parse: fn(&[u8]) -> Option<T>) -> Result<T, Problem> {
    let wanted = if key.ends_with("time") { "a time" } else { "a number" };
    parse(value).ok_or_else(|| Problem::PaxValue {
        key,
        value: String::from_utf8_lossy(value).into_owned(),
        wanted,
    })
}

/// A name as GNU's extension headers have it, up to a NUL; `None` if empty.
fn text(data: &[u8]) -> Option<Vec<u8>> {
    Some(until_nul(data).to_vec()).filter(|text| !text.is_empty())
}

/// Bytes up to the next block.
fn padding(len: u64) -> u64 {
    len.wrapping_neg() % BLOCK as u64
}

/// The smaller of both, as a length of a slice.
fn clamp(left: u64, len: usize) -> usize {
    usize::try_from(left).map_or(len, |left| left.min(len))
}
