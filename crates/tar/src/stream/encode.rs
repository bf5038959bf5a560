//! Backup stream to tar entry, in two passes: the first finds everything that the entry's header says, wherever in the
//! backup stream it is; the second copies the data.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use winlayer_backup::{StreamHeader, StreamId};
use winlayer_meta::ea;
use winlayer_meta::name::from_utf16;
use winlayer_meta::reparse::{self, ReparsePoint};

use super::FileInfo;
use super::decode::data_type;
use super::error::{StreamError, StreamProblem};
use crate::encode::Header;
use crate::entry::EntryType;
use crate::pax;
use crate::windows::key;
use crate::writer::Writer;

/// The most bytes of one security descriptor or list of extended attributes. Windows stores less: two ACLs of 64 KiB and
/// two SIDs, and 64 KiB of extended attributes.
const MAX_METADATA: u64 = 256 << 10;

/// File type bits of the mode, as POSIX has them.
mod mode {
    pub(super) const REGULAR: u32 = 0o100_000;
    pub(super) const DIRECTORY: u32 = 0o040_000;
    pub(super) const SYMLINK: u32 = 0o120_000;
    pub(super) const HARD_LINK: u32 = 0o644;
}

type Stream<R> = winlayer_backup::Reader<BufReader<R>>;

/// Appends a file to a tar: one entry, and one more for each alternate stream.
///
/// The backup stream begins where `backup_stream` is and is read twice, since what comes last in it may belong into the
/// header that comes first in the tar. Everything is checked on the way through the first time: if a file is refused, the
/// tar holds nothing of it and can go on.
///
/// # Errors
/// The backup stream is damaged or has what a tar cannot hold; reading or writing fails.
pub fn append_file<W: Write>(
    tar: &mut Writer<W>,
    info: &FileInfo,
    backup_stream: impl Read + Seek,
) -> Result<(), StreamError> {
    let name = with_slashes(&info.name);
    append(tar, &name, info, backup_stream).map_err(|problem| problem.of(&name))
}

/// How many bytes of main data the file of a backup stream has, holes included; reads to the end of them.
///
/// # Errors
/// The backup stream is damaged up to there, or reading fails.
pub fn data_size(backup_stream: impl Read + Seek) -> Result<u64, StreamError> {
    let mut stream = Stream::new(BufReader::with_capacity(BUFFER, backup_stream));
    size_of_data(&mut stream).map_err(|problem| StreamError { problem, entry: None })
}

fn size_of_data<R: Read + Seek>(stream: &mut Stream<R>) -> Result<u64, StreamProblem> {
    while let Some(header) = stream.next_header()? {
        match header.id {
            StreamId::DATA if header.size == 0 && header.is_sparse() => return sparse_size(stream, &header),
            StreamId::DATA => return Ok(header.size),
            _ => stream.seek_past_data()?,
        }
    }
    Ok(0)
}

fn sparse_size<R: Read + Seek>(stream: &mut Stream<R>, header: &StreamHeader) -> Result<u64, StreamProblem> {
    let mut ranges = stream.ranges(header);
    while ranges.next_range()?.is_some() {}
    Ok(ranges.file_size().unwrap_or_default())
}

/// Appends a file that has data only.
pub(super) fn append_data<W: Write>(
    tar: &mut Writer<W>,
    info: &FileInfo,
    mut data: impl Read,
) -> Result<(), StreamError> {
    let name = with_slashes(&info.name);
    let header = Header { mode: mode::REGULAR, ..basic_header(name.clone(), info) };
    tar.write_header(&header)?;
    let copied = io::copy(&mut data, tar).map_err(|error| StreamProblem::Io(error).of(&name))?;
    if copied < info.size {
        return Err(StreamProblem::SizeMismatch { size: info.size, found: copied }.of(&name));
    }
    Ok(())
}

/// Appends a hard link to a file that the tar has already. Data and security are the file's.
pub(super) fn append_hard_link<W: Write>(
    tar: &mut Writer<W>,
    info: &FileInfo,
    target: &[u8],
) -> Result<(), StreamError> {
    let header = Header {
        link: target.to_vec(),
        kind: EntryType::HardLink,
        mode: mode::HARD_LINK,
        size: 0,
        ..basic_header(with_slashes(&info.name), info)
    };
    Ok(tar.write_header(&header)?)
}

/// Windows' separators are the tar's.
pub(super) fn with_slashes(name: &[u8]) -> Vec<u8> {
    name.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect()
}

fn append<W: Write>(
    tar: &mut Writer<W>,
    name: &[u8],
    info: &FileInfo,
    backup_stream: impl Read + Seek,
) -> Result<(), StreamProblem> {
    let mut stream = Stream::new(BufReader::with_capacity(BUFFER, backup_stream));
    let mut found = Found::default();
    while let Some(header) = stream.next_header()? {
        found.take(&mut stream, &header, info.size)?;
    }
    let header = found.header(name, info)?;
    tar.write_header(&header)?;
    if found.data.is_some() {
        stream = from_start(stream)?;
        copy_data(&mut stream, tar)?;
    }
    if found.has_alternates {
        let mode = if found.data.is_some() { header.mode } else { mode::REGULAR };
        let template =
            Header { kind: EntryType::File, mode, pax: BTreeMap::new(), link: Vec::new(), ..header };
        copy_alternates(&mut from_start(stream)?, tar, template)?;
    }
    Ok(())
}

const BUFFER: usize = 64 << 10;

/// Goes back to where the backup stream begins; small ones are in the buffer still.
fn from_start<R: Read + Seek>(stream: Stream<R>) -> Result<Stream<R>, StreamProblem> {
    let back = i64::try_from(stream.position()).map_err(io::Error::other)?;
    let mut inner = stream.into_inner();
    inner.seek_relative(-back)?;
    Ok(Stream::new(inner))
}

/// What the first pass found.
#[derive(Default)]
struct Found {
    mode: u32,
    link: Option<Vec<u8>>,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// How many bytes of data there are, holes included.
    data: Option<u64>,
    has_alternates: bool,
}

impl Found {
    fn take<R: Read + Seek>(
        &mut self,
        stream: &mut Stream<R>,
        header: &StreamHeader,
        size: u64,
    ) -> Result<(), StreamProblem> {
        match header.id {
            StreamId::DATA if self.data.is_none() => return self.take_data(stream, header, size),
            StreamId::SECURITY_DATA if self.data.is_none() => {
                let descriptor = stream.read_to_vec(MAX_METADATA)?;
                self.record(key::RAW_DESCRIPTOR, STANDARD.encode(descriptor));
            }
            StreamId::REPARSE_DATA if self.data.is_none() => {
                self.take_reparse_point(&stream.read_to_vec(reparse::MAX_LEN as u64)?)?;
            }
            StreamId::EA_DATA => {
                for ea in ea::parse_list(&stream.read_to_vec(MAX_METADATA)?)? {
                    let key = [key::EXTENDED_ATTRIBUTE, &ea.name].concat();
                    self.record(&key, STANDARD.encode(&ea.value));
                }
            }
            StreamId::ALTERNATE_DATA => {
                check_alternate(header)?;
                self.has_alternates = true;
            }
            StreamId::LINK | StreamId::PROPERTY_DATA | StreamId::OBJECT_ID | StreamId::TXFS_DATA => {}
            other => return Err(StreamProblem::UnexpectedStream(other)),
        }
        Ok(stream.seek_past_data()?)
    }

    fn take_data<R: Read + Seek>(
        &mut self,
        stream: &mut Stream<R>,
        header: &StreamHeader,
        size: u64,
    ) -> Result<(), StreamProblem> {
        let found = if header.size == 0 && header.is_sparse() && size > 0 {
            sparse_size(stream, header)?
        } else {
            stream.seek_past_data()?;
            header.size
        };
        if found != size {
            return Err(StreamProblem::SizeMismatch { size, found });
        }
        self.mode |= mode::REGULAR;
        self.data = Some(found);
        Ok(())
    }

    fn take_reparse_point(&mut self, bytes: &[u8]) -> Result<(), StreamProblem> {
        let point = ReparsePoint::parse(bytes)?;
        let target = point.target().ok_or(StreamProblem::ReparseTag(point.tag()))?;
        self.link = Some(from_utf16(&target));
        self.mode |= mode::SYMLINK;
        if matches!(point, ReparsePoint::MountPoint { .. }) {
            self.record(key::MOUNT_POINT, "1".to_owned());
        }
        Ok(())
    }

    fn record(&mut self, key: &[u8], value: String) {
        self.records.insert(key.to_vec(), value.into_bytes());
    }

    fn header(&mut self, name: &[u8], info: &FileInfo) -> Result<Header, StreamProblem> {
        let mut header = basic_header(name.to_vec(), info);
        header.mode |= self.mode;
        header.pax.append(&mut self.records);
        if let Some(link) = self.link.take() {
            (header.kind, header.link) = (EntryType::Symlink, link);
        }
        let found = self.data.unwrap_or(0);
        match header.kind {
            EntryType::File if found != info.size => {
                Err(StreamProblem::SizeMismatch { size: info.size, found })
            }
            EntryType::File => Ok(header),
            _ if found > 0 => Err(StreamProblem::DataOfLink(found)),
            _ => Ok(header),
        }
    }
}

fn basic_header(name: Vec<u8>, info: &FileInfo) -> Header {
    let (kind, mode, size) = match info.is_directory() {
        true => (EntryType::Directory, mode::DIRECTORY, 0),
        false => (EntryType::File, 0, info.size),
    };
    let record = |key: &[u8], value: String| (key.to_vec(), value.into_bytes());
    Header {
        name,
        link: Vec::new(),
        kind,
        mode,
        size,
        mtime: info.modified.to_unix(),
        atime: Some(info.accessed.to_unix()),
        ctime: Some(info.changed.to_unix()),
        pax: BTreeMap::from([
            record(key::ATTRIBUTES, info.attributes.bits().to_string()),
            record(key::CREATION_TIME, pax::format_time(info.created.to_unix())),
        ]),
    }
}

fn check_alternate(header: &StreamHeader) -> Result<(), StreamProblem> {
    let name = || String::from_utf16_lossy(&header.name);
    if header.is_sparse() {
        return Err(StreamProblem::SparseAlternate(name()));
    }
    let is_forbidden = |unit: &u16| [0, u16::from(b'/'), u16::from(b'\\')].contains(unit);
    if header.name.first() != Some(&u16::from(b':')) || header.name.iter().any(is_forbidden) {
        return Err(StreamProblem::StreamName(name()));
    }
    Ok(())
}

fn copy_data<R: Read, W: Write>(stream: &mut Stream<R>, tar: &mut Writer<W>) -> Result<(), StreamProblem> {
    while let Some(header) = stream.next_header()? {
        if header.id == StreamId::DATA {
            io::copy(&mut stream.ranges(&header).expand(), tar)?;
            return Ok(());
        }
    }
    Ok(())
}

/// Copies the alternate streams as entries that are as `template`, apart from name and size.
fn copy_alternates<R: Read + Seek, W: Write>(
    stream: &mut Stream<R>,
    tar: &mut Writer<W>,
    template: Header,
) -> Result<(), StreamProblem> {
    while let Some(header) = stream.next_header()? {
        if header.id != StreamId::ALTERNATE_DATA {
            stream.seek_past_data()?;
            continue;
        }
        let short = header.name.strip_suffix(&data_type()).unwrap_or(&header.name);
        let name = [&template.name[..], &from_utf16(short)].concat();
        tar.write_header(&Header { name, size: header.size, ..template.clone() })?;
        io::copy(stream, tar)?;
    }
    Ok(())
}
