//! What a backup stream must become in a tar, said as plainly as possible, for cases in which the reference is wrong.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use winlayer_backup::{StreamHeader, StreamId};
use winlayer_meta::ea;
use winlayer_meta::filetime::FileTime;
use winlayer_meta::name::from_utf16;
use winlayer_meta::reparse::ReparsePoint;
use winlayer_tar::stream::FileInfo;
use winlayer_tar::{EntryType, Reader, pax};

/// A stream with its data.
pub(super) type Stream = (StreamHeader, Vec<u8>);

/// An entry with its data.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    name: Vec<u8>,
    kind: EntryType,
    mode: u32,
    link: Vec<u8>,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    data: Vec<u8>,
}

/// All entries of a tar. Records that only stand in for fields of the header are left out, the time is put in.
pub(super) fn all_entries(tar: &[u8]) -> Vec<Entry> {
    let mut reader = Reader::new(tar);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut data = Vec::new();
        reader.read_to_end(&mut data).unwrap();
        let mut records: BTreeMap<_, _> = entry.pax.iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
        records.remove(&b"path"[..]);
        records.remove(&b"linkpath"[..]);
        records.insert(b"mtime".to_vec(), pax::format_time(entry.mtime).into_bytes());
        entries.push(Entry {
            name: entry.path,
            kind: entry.kind,
            mode: entry.mode,
            link: entry.link,
            records,
            data,
        });
    }
    entries
}

/// All streams with their data, or what is wrong.
pub(super) fn all_streams(bytes: &[u8]) -> Result<Vec<Stream>, String> {
    let mut reader = winlayer_backup::Reader::new(bytes);
    let mut streams = Vec::new();
    while let Some(header) = reader.next_header().map_err(|e| e.to_string())? {
        let data = reader.read_to_vec(u64::MAX).map_err(|e| e.to_string())?;
        streams.push((header, data));
    }
    Ok(streams)
}

/// The entries that a well-formed backup stream becomes.
pub(super) fn entries_of(info: &FileInfo, streams: &[Stream]) -> Vec<Entry> {
    let mut main = Entry {
        name: info.name.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect(),
        kind: if info.is_directory() { EntryType::Directory } else { EntryType::File },
        mode: if info.is_directory() { 0o40_000 } else { 0 },
        link: Vec::new(),
        records: times(info),
        data: Vec::new(),
    };
    main.record(b"MSWINDOWS.fileattr", info.attributes.bits().to_string());
    main.record(b"LIBARCHIVE.creationtime", pax::format_time(info.created.to_unix()));
    for stream in streams {
        main.take(info, stream);
    }
    let has_data = streams.iter().any(|(header, _)| header.id == StreamId::DATA);
    let mode = if has_data { main.mode } else { 0o100_000 };
    let alternates = streams.iter().filter(|(header, _)| header.id == StreamId::ALTERNATE_DATA);
    let alternates = alternates.map(|(header, data)| {
        let stream = String::from_utf16(&header.name).unwrap();
        let name = [&main.name[..], stream.trim_end_matches(":$DATA").as_bytes()].concat();
        let (kind, link, records) = (EntryType::File, Vec::new(), times(info));
        Entry { name, kind, mode, link, records, data: data.clone() }
    });
    let mut entries: Vec<_> = alternates.collect();
    entries.insert(0, main);
    entries
}

impl Entry {
    fn record(&mut self, key: &[u8], value: String) {
        self.records.insert(key.to_vec(), value.into_bytes());
    }

    fn take(&mut self, info: &FileInfo, (header, data): &Stream) {
        match header.id {
            StreamId::SECURITY_DATA => self.record(b"MSWINDOWS.rawsd", STANDARD.encode(data)),
            StreamId::EA_DATA => {
                for ea in ea::parse_list(data).unwrap() {
                    self.record(&[b"MSWINDOWS.xattr.", &ea.name[..]].concat(), STANDARD.encode(ea.value));
                }
            }
            StreamId::REPARSE_DATA => {
                self.kind = EntryType::Symlink;
                self.mode |= 0o120_000;
                self.link = from_utf16(&point(data).target().unwrap());
                if matches!(point(data), ReparsePoint::MountPoint { .. }) {
                    self.record(b"MSWINDOWS.mountpoint", "1".to_owned());
                }
            }
            StreamId::DATA => {
                self.mode |= 0o100_000;
                self.data.clone_from(data);
                self.data.resize(usize::try_from(info.size).unwrap(), 0);
            }
            StreamId::SPARSE_BLOCK => {
                let (offset, data) = data.split_first_chunk().unwrap();
                let offset = usize::try_from(u64::from_le_bytes(*offset)).unwrap();
                self.data[offset..][..data.len()].copy_from_slice(data);
            }
            _ => {}
        }
    }
}

fn times(info: &FileInfo) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let times = [("mtime", info.modified), ("atime", info.accessed), ("ctime", info.changed)];
    let record = |(key, time): (&str, FileTime)| (key.into(), pax::format_time(time.to_unix()).into_bytes());
    times.into_iter().map(record).collect()
}

/// A reparse point that can be read.
pub(super) fn point(data: &[u8]) -> ReparsePoint {
    ReparsePoint::parse(data).unwrap()
}

pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    // As the manifest was made: one replacement character for each byte.
    if std::str::from_utf8(bytes).is_ok() {
        return String::from_utf8_lossy(bytes);
    }
    let chunks = bytes.utf8_chunks();
    chunks.map(|c| c.valid().to_owned() + &"\u{fffd}".repeat(c.invalid().len())).collect::<String>().into()
}
