//! Tar entry to backup stream: security, extended attributes, reparse point, data, alternate streams, in this order.

use std::io::{self, Read, Write};

use winlayer_backup::{StreamHeader, StreamId};
use winlayer_meta::ea;
use winlayer_meta::name::{to_utf16, to_utf16_lossy};

use super::error::{StreamError, StreamProblem};
use crate::entry::{EntryType, RawEntry};
use crate::reader::Reader;
use crate::windows::{MetaError, WindowsMeta};

/// What [`write_backup_stream`] read from the tar.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Converted {
    /// The names of the entries that were alternate streams, as the tar has them.
    pub streams: Vec<Vec<u8>>,
    /// The entry behind them.
    pub next: Option<Box<RawEntry>>,
}

/// Writes the backup stream of `entry`, which `tar` gave last and whose data were not read yet, and of the alternate
/// streams that follow it.
///
/// `meta` is what [`WindowsMeta::from_entry`] made of the entry. Its security descriptor is passed on as it is.
///
/// # Errors
/// The tar or its stream fails, `out` fails, or Windows could not hold the extended attributes or the link's target.
pub fn write_backup_stream<R: Read, W: Write>(
    tar: &mut Reader<R>,
    entry: &RawEntry,
    meta: &WindowsMeta,
    out: W,
) -> Result<Converted, StreamError> {
    let mut stream = winlayer_backup::Writer::new(out);
    write_metadata(&mut stream, meta).map_err(|problem| problem.of(&entry.path))?;
    if entry.kind == EntryType::File {
        let header = StreamHeader::new(StreamId::DATA, entry.size);
        write_data(tar, &mut stream, &header).map_err(|problem| problem.of(&entry.path))?;
    }
    let mut streams = Vec::new();
    while let Some(next) = tar.next_entry()? {
        let Some(name) = alternate_stream(entry, &next) else {
            return Ok(Converted { streams, next: Some(next) });
        };
        let header = StreamHeader {
            name: [&to_utf16(name).unwrap_or_else(|_| to_utf16_lossy(name))[..], &data_type()].concat(),
            ..StreamHeader::new(StreamId::ALTERNATE_DATA, next.size)
        };
        write_data(tar, &mut stream, &header).map_err(|problem| problem.of(&next.path))?;
        streams.push(next.path);
    }
    Ok(Converted { streams, next: None })
}

/// `:STREAM` if `next` is an alternate stream of `entry`.
pub(super) fn alternate_stream<'a>(entry: &RawEntry, next: &'a RawEntry) -> Option<&'a [u8]> {
    if next.kind != EntryType::File {
        return None;
    }
    let mut owner = &entry.path[..];
    while let (EntryType::Directory, [shorter @ .., b'/']) = (entry.kind, owner) {
        owner = shorter;
    }
    next.path.strip_prefix(owner).filter(|rest| rest.starts_with(b":"))
}

/// `:$DATA`
pub(super) fn data_type() -> [u16; 6] {
    b":$DATA".map(u16::from)
}

fn write_metadata<W: Write>(
    stream: &mut winlayer_backup::Writer<W>,
    meta: &WindowsMeta,
) -> Result<(), StreamProblem> {
    if let Some(descriptor) = meta.security.as_deref().filter(|bytes| !bytes.is_empty()) {
        write_whole(stream, StreamId::SECURITY_DATA, descriptor)?;
    }
    if !meta.eas.is_empty() {
        write_whole(stream, StreamId::EA_DATA, &ea::write_list(&meta.eas)?)?;
    }
    if let Some(point) = &meta.reparse {
        let bytes = point.to_bytes().map_err(MetaError::Target)?;
        write_whole(stream, StreamId::REPARSE_DATA, &bytes)?;
    }
    Ok(())
}

fn write_whole<W: Write>(
    stream: &mut winlayer_backup::Writer<W>,
    id: StreamId,
    bytes: &[u8],
) -> Result<(), StreamProblem> {
    Ok(stream.write_stream(&StreamHeader::new(id, bytes.len() as u64), bytes)?)
}

fn write_data<R: Read, W: Write>(
    tar: &mut Reader<R>,
    stream: &mut winlayer_backup::Writer<W>,
    header: &StreamHeader,
) -> Result<(), StreamProblem> {
    stream.start_stream(header)?;
    io::copy(tar, stream)?;
    Ok(())
}
