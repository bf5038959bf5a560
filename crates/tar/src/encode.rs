//! Turns the header of an entry into the very bytes that Go's archive/tar makes of it, which the tools that make
//! Windows layers use, so that a layer written by us has the digest that theirs has.
//!
//! ```text
//! fits in 512 bytes:  ustar header
//! else:               PAX header PaxHeaders.0/NAME ─► sorted records ─► ustar header, cut to ASCII and to length
//! ```
//!
//! Ustar holds ASCII names of 100 bytes (256 where they can be split at a slash), ASCII link targets of 100 bytes, sizes
//! and times of 33 bits, whole seconds, and no records.

use std::borrow::Cow;
use std::collections::BTreeMap;

use winlayer_meta::filetime::UnixTime;

use crate::entry::{EntryType, RawEntry};
use crate::header::{BLOCK, field};
use crate::pax;

/// The first number that ustar's fields for sizes and times cannot hold.
const USTAR_NUMBER_END: u64 = 1 << 33;
/// The first mode that ustar cannot hold; PAX has no record for it.
const MODE_END: u32 = 1 << 21;
/// The longest data of an extended header that Go's archive/tar reads and writes.
const MAX_RECORDS: usize = 1 << 20;

/// What the header of an entry says. User and group are 0 and have no names, as in every Windows layer.
///
/// Go writes fractions of seconds, `atime` and `ctime` only where the format is given as PAX. To write what it writes
/// for headers without a format, round `mtime` to seconds and leave the others out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name, byte for byte. Directories may have a trailing slash or not; files may not. No NUL.
    pub name: Vec<u8>,
    /// The target of a link, byte for byte; otherwise empty. No NUL.
    pub link: Vec<u8>,
    /// What the entry is.
    pub kind: EntryType,
    /// The mode, 0 to 0o7777777.
    pub mode: u32,
    /// How many bytes of data follow, up to `i64::MAX`. Links and directories have none, whatever this says.
    pub size: u64,
    /// Modification time.
    pub mtime: UnixTime,
    /// Access time.
    pub atime: Option<UnixTime>,
    /// Time of the last change of metadata.
    pub ctime: Option<UnixTime>,
    /// PAX records, such as `MSWINDOWS.fileattr`. Those that a field of this header stands for (`path`, `size`, `uid`
    /// …) are written if they say the same and left out otherwise; `GNU.sparse.*` are left out.
    pub pax: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Why a header cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A name that only a directory can have.
    #[error("the name of a {0} may not end in a slash")]
    TrailingSlash(EntryType),
    /// PAX has no other place for the mode.
    #[error("the mode {0:#o} is above 0o7777777")]
    Mode(u32),
    /// Readers take sizes for signed.
    #[error("the size of {0} bytes is above 2^63 - 1")]
    Size(u64),
    /// A type flag of extension headers, of GNU's sparse files or of no entry at all.
    #[error("entries of the type {0:?} cannot be written")]
    Kind(char),
    /// A key is empty or has a `=` or a NUL, or a name has a NUL.
    #[error("{0:?} cannot be a PAX record: the key is empty or has a `=` or a NUL, or the name has a NUL")]
    Record(String),
    /// More records than readers take.
    #[error("PAX records of {0} bytes are more than the 1 MiB that readers take")]
    TooManyRecords(usize),
}

/// The same entry again; of a sparse file, all of its data, zeros included.
impl From<&RawEntry> for Header {
    fn from(entry: &RawEntry) -> Self {
        let time = |key| entry.pax.get(key).and_then(pax::parse_time);
        Self {
            name: entry.path.clone(),
            link: entry.link.clone(),
            kind: entry.kind,
            mode: entry.mode,
            size: entry.size,
            mtime: entry.mtime,
            atime: time(b"atime"),
            ctime: time(b"ctime"),
            pax: entry.pax.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect(),
        }
    }
}

impl Header {
    /// A regular file of `size` bytes, with mode 0644.
    pub fn file(name: impl Into<Vec<u8>>, size: u64) -> Self {
        Self { size, ..Self::new(name.into(), EntryType::File, 0o644) }
    }

    /// A directory, with mode 0755.
    pub fn directory(name: impl Into<Vec<u8>>) -> Self {
        Self::new(name.into(), EntryType::Directory, 0o755)
    }

    /// A hard link to the file of another entry, with mode 0644.
    pub fn hard_link(name: impl Into<Vec<u8>>, target: impl Into<Vec<u8>>) -> Self {
        Self { link: target.into(), ..Self::new(name.into(), EntryType::HardLink, 0o644) }
    }

    /// A symbolic link, or with the record `MSWINDOWS.mountpoint` a junction, with mode 0777.
    pub fn symlink(name: impl Into<Vec<u8>>, target: impl Into<Vec<u8>>) -> Self {
        Self { link: target.into(), ..Self::new(name.into(), EntryType::Symlink, 0o777) }
    }

    fn new(name: Vec<u8>, kind: EntryType, mode: u32) -> Self {
        let (link, mtime, pax) = (Vec::new(), UnixTime::default(), BTreeMap::new());
        Self { name, link, kind, mode, size: 0, mtime, atime: None, ctime: None, pax }
    }

    /// Adds a PAX record.
    #[must_use]
    pub fn with_record(mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.pax.insert(key.into(), value.into());
        self
    }

    /// How many bytes of data follow the header.
    pub(crate) fn data_len(&self) -> u64 {
        if self.kind.is_header_only() { 0 } else { self.size }
    }

    /// Appends the blocks of the header to `out`; on refusal, nothing.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.check()?;
        let mut records = self.records_of_fields();
        let split = split_name(&self.name);
        let all_else_fits = records.keys().all(|key| *key == b"path" && split.is_some());
        if self.pax.is_empty() && all_else_fits {
            let (prefix, name) = split.unwrap_or((b"", &self.name));
            out.extend_from_slice(&self.block(prefix, name, &self.link));
            return Ok(());
        }
        for (key, value) in self.pax.iter().filter(|(key, value)| self.admits(key, value)) {
            records.entry(key).or_insert(Cow::Borrowed(value));
        }
        push_extended_header(out, &self.name, &records)?;
        out.extend_from_slice(&self.block(b"", &to_ascii(&self.name), &to_ascii(&self.link)));
        Ok(())
    }

    fn check(&self) -> Result<(), Refusal> {
        let is_file = matches!(self.kind, EntryType::File | EntryType::Other(b'3' | b'4' | b'6'));
        match self.kind {
            EntryType::Other(flag @ (0 | b'x' | b'g' | b'L' | b'K' | b'S')) => {
                Err(Refusal::Kind(flag.into()))
            }
            kind if is_file && self.name.ends_with(b"/") => Err(Refusal::TrailingSlash(kind)),
            _ if self.mode >= MODE_END => Err(Refusal::Mode(self.mode)),
            _ if i64::try_from(self.size).is_err() => Err(Refusal::Size(self.size)),
            _ => Ok(()),
        }
    }

    /// Records for what does not fit in the fields of the ustar header.
    fn records_of_fields(&self) -> BTreeMap<&[u8], Cow<'_, [u8]>> {
        let mut records: BTreeMap<&[u8], Cow<'_, [u8]>> = BTreeMap::new();
        if !fits(&self.name) {
            records.insert(b"path", Cow::Borrowed(&self.name));
        }
        if !fits(&self.link) {
            records.insert(b"linkpath", Cow::Borrowed(&self.link));
        }
        if self.size >= USTAR_NUMBER_END {
            records.insert(b"size", Cow::Owned(self.size.to_string().into_bytes()));
        }
        let mtime = carried(self.mtime);
        let mtime_fits =
            u64::try_from(mtime.secs).is_ok_and(|secs| secs < USTAR_NUMBER_END) && mtime.nanos == 0;
        let needed = [
            (&b"mtime"[..], Some(mtime).filter(|_| !mtime_fits)),
            (b"atime", self.atime),
            (b"ctime", self.ctime),
        ];
        for (key, time) in needed {
            if let Some(time) = time {
                records.insert(key, Cow::Owned(pax::format_time(time).into_bytes()));
            }
        }
        records
    }

    /// Whether a record that was given does not contradict what a field stands for.
    fn admits(&self, key: &[u8], value: &[u8]) -> bool {
        let is = |time: UnixTime| value == pax::format_time(time).as_bytes();
        match key {
            b"path" => value == self.name,
            b"linkpath" => value == self.link,
            b"size" => value == self.size.to_string().as_bytes(),
            b"mtime" => is(self.mtime),
            b"atime" => self.atime.is_some_and(is),
            b"ctime" => self.ctime.is_some_and(is),
            b"uid" | b"gid" => value == b"0",
            b"uname" | b"gname" => value.is_empty(),
            _ => !key.starts_with(b"GNU.sparse."),
        }
    }

    fn block(&self, prefix: &[u8], name: &[u8], link: &[u8]) -> [u8; BLOCK] {
        let or_zero = |n: u64| if n < USTAR_NUMBER_END { n } else { 0 };
        let mtime = u64::try_from(carried(self.mtime).secs).map_or(0, or_zero);
        let mut block = start_block(name, self.kind.flag(), self.mode, or_zero(self.size), mtime);
        put_name(&mut block[field::LINK], link);
        put_octal(&mut block[field::DEV_MAJOR], 0);
        put_octal(&mut block[field::DEV_MINOR], 0);
        put_name(&mut block[field::PREFIX], prefix);
        seal(&mut block);
        block
    }
}

/// Nanoseconds above 999,999,999 are seconds.
fn carried(time: UnixTime) -> UnixTime {
    let secs = time.secs.saturating_add(i64::from(time.nanos / 1_000_000_000));
    UnixTime { secs, nanos: time.nanos % 1_000_000_000 }
}

fn push_extended_header(
    out: &mut Vec<u8>,
    name: &[u8],
    records: &BTreeMap<&[u8], Cow<'_, [u8]>>,
) -> Result<(), Refusal> {
    let mut data = Vec::new();
    for (key, value) in records {
        if !pax::is_valid(key, value) || key.contains(&b'=') {
            let record = [key, &b"="[..], value].concat();
            return Err(Refusal::Record(String::from_utf8_lossy(&record).into_owned()));
        }
        pax::push_record(&mut data, key, value);
    }
    if data.len() > MAX_RECORDS {
        return Err(Refusal::TooManyRecords(data.len()));
    }
    if data.is_empty() {
        return Ok(());
    }
    let mut block = start_block(&extended_header_name(name), b'x', 0, data.len() as u64, 0);
    seal(&mut block);
    out.extend_from_slice(&block);
    // What is in `out` already need not end on a block.
    data.resize(data.len().next_multiple_of(BLOCK), 0);
    out.extend_from_slice(&data);
    Ok(())
}

/// `PaxHeaders.0/BASE` under the directory of `name`, without `.`, `..` and double slashes, in ASCII, cut to the field.
fn extended_header_name(name: &[u8]) -> Vec<u8> {
    let base = name.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
    let path = [&name[..base], b"/PaxHeaders.0/", &name[base..]].concat();
    let is_rooted = base > 0 && name[0] == b'/';
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => drop(parts.pop()),
            b".." if is_rooted => {}
            _ => parts.push(part),
        }
    }
    let path = match (is_rooted, parts.join(&b'/')) {
        (true, parts) => [b"/", &parts[..]].concat(),
        (false, parts) if parts.is_empty() => b".".to_vec(),
        (false, parts) => parts,
    };
    let mut path = to_ascii(&path).into_owned();
    path.truncate(field::NAME.len());
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |last| last + 1);
    path.truncate(end);
    path
}

/// Splits a name that is too long for its field at the last slash that leaves a prefix of up to 155 bytes, if what is
/// behind it fits.
fn split_name(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= field::NAME.len() || !is_ascii_text(name) {
        return None;
    }
    let end = if name.len() > field::PREFIX.len() + 1 {
        field::PREFIX.len() + 1
    } else {
        name.len() - usize::from(name.ends_with(b"/"))
    };
    let slash = name[..end].iter().rposition(|&b| b == b'/').filter(|&slash| slash > 0)?;
    let (prefix, rest) = (&name[..slash], &name[slash + 1..]);
    (!rest.is_empty() && rest.len() <= field::NAME.len()).then_some((prefix, rest))
}

/// Whether a name fits in its field without being split.
fn fits(name: &[u8]) -> bool {
    name.len() <= field::NAME.len() && is_ascii_text(name)
}

fn is_ascii_text(text: &[u8]) -> bool {
    text.iter().all(|b| matches!(b, 1..=0x7f))
}

/// Leaves out what is not ASCII.
fn to_ascii(text: &[u8]) -> Cow<'_, [u8]> {
    if is_ascii_text(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.iter().copied().filter(|b| matches!(b, 1..=0x7f)).collect())
}

/// The fields that all headers have.
fn start_block(name: &[u8], flag: u8, mode: u32, size: u64, mtime: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put_name(&mut block[field::NAME], name);
    put_octal(&mut block[field::MODE], u64::from(mode));
    put_octal(&mut block[field::UID], 0);
    put_octal(&mut block[field::GID], 0);
    put_octal(&mut block[field::SIZE], size);
    put_octal(&mut block[field::MTIME], mtime);
    block[field::TYPE_FLAG] = flag;
    block[field::MAGIC_AND_VERSION].copy_from_slice(b"ustar\x0000");
    block
}

/// Puts in the checksum: six digits, a NUL and a space.
fn seal(block: &mut [u8; BLOCK]) {
    block[field::CHECKSUM].fill(b' ');
    let sum = block.iter().map(|&b| u64::from(b)).sum();
    put_octal(&mut block[field::CHECKSUM][..7], sum);
}

/// Octal digits and a NUL.
fn put_octal(field: &mut [u8], mut value: u64) {
    let Some((end, digits)) = field.split_last_mut() else { return };
    *end = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value.to_le_bytes()[0] & 7);
        value >>= 3;
    }
}

/// As much of a name as there is room for. A slash at the cut would make readers that only see this field take a file for
/// a directory, so the name then ends before it.
fn put_name(field: &mut [u8], name: &[u8]) {
    let len = name.len().min(field.len());
    field[..len].copy_from_slice(&name[..len]);
    if name.len() > field.len() && field.ends_with(b"/") {
        let end = field.iter().rposition(|&b| b != b'/').map_or(0, |last| last + 1);
        field[end] = 0;
    }
}
