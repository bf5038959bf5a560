//! A small tar builder that shares no code with the crate that reads tars: ustar headers and PAX records, put together
//! by hand (POSIX.1-2001 pax; GNU tar manual, "Storing Sparse Files").

use std::fmt::Write;

const BLOCK: usize = 512;

/// One entry, to be changed by the methods below.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    name: Vec<u8>,
    flag: u8,
    link: Vec<u8>,
    data: Vec<u8>,
    records: Vec<(Vec<u8>, Vec<u8>)>,
    mode: u32,
    mtime: u64,
    /// Bytes to put into the header in the end, before it gets its checksum.
    patches: Vec<(usize, Vec<u8>)>,
}

fn entry(flag: u8, name: impl AsRef<[u8]>) -> Entry {
    Entry {
        name: name.as_ref().to_vec(),
        flag,
        link: Vec::new(),
        data: Vec::new(),
        records: Vec::new(),
        mode: if flag == b'5' { 0o755 } else { 0o644 },
        mtime: 1_700_000_000,
        patches: Vec::new(),
    }
}

pub(crate) fn dir(name: impl AsRef<[u8]>) -> Entry {
    entry(b'5', name)
}

pub(crate) fn file(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Entry {
    Entry { data: data.as_ref().to_vec(), ..entry(b'0', name) }
}

pub(crate) fn link(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Entry {
    Entry { link: target.as_ref().to_vec(), ..entry(b'1', name) }
}

pub(crate) fn symlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Entry {
    Entry { link: target.as_ref().to_vec(), ..entry(b'2', name) }
}

pub(crate) fn junction(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Entry {
    symlink(name, target).record("MSWINDOWS.mountpoint", "1")
}

/// A whiteout, given the whole name (`Files/.wh.a`).
pub(crate) fn whiteout(name: impl AsRef<[u8]>) -> Entry {
    Entry { mode: 0, mtime: 0, ..entry(b'0', name) }
}

/// An entry of any type.
pub(crate) fn of_type(flag: u8, name: impl AsRef<[u8]>) -> Entry {
    entry(flag, name)
}

/// The two directories that every child layer begins with.
pub(crate) fn roots() -> Vec<Entry> {
    vec![dir("Files").record("MSWINDOWS.fileattr", "16"), dir("Hives").record("MSWINDOWS.fileattr", "16")]
}

/// A file with holes, as GNU tar writes it by default: the map in the header and in blocks behind it.
pub(crate) fn old_gnu_sparse(name: &str, size: u64, ranges: &[(u64, &[u8])]) -> (Entry, Vec<u8>) {
    let mut fields: Vec<u8> = Vec::new();
    for (offset, data) in ranges {
        fields.extend_from_slice(format!("{offset:011o}\0{:011o}\0", data.len()).as_bytes());
    }
    let head = fields.len().min(96);
    let mut extension = Vec::new();
    let mut rest = &fields[head..];
    while !rest.is_empty() {
        let n = rest.len().min(504);
        let mut block = rest[..n].to_vec();
        rest = &rest[n..];
        block.resize(504, 0);
        block.push(u8::from(!rest.is_empty()));
        block.resize(BLOCK, 0);
        extension.extend_from_slice(&block);
    }
    let data: Vec<u8> = ranges.iter().flat_map(|(_, data)| data.iter().copied()).collect();
    let patches = vec![
        (257, b"ustar  \0".to_vec()),
        (386, fields[..head].to_vec()),
        (482, vec![u8::from(!extension.is_empty())]),
        (483, format!("{size:011o}\0").into_bytes()),
    ];
    (Entry { data, patches, ..entry(b'S', name) }, extension)
}

/// A file with holes in PAX format 1.0: the map at the head of the data.
pub(crate) fn pax_sparse(name: &str, size: u64, ranges: &[(u64, &[u8])]) -> Entry {
    let mut map = format!("{}\n", ranges.len());
    for (offset, data) in ranges {
        write!(map, "{offset}\n{}\n", data.len()).unwrap();
    }
    let mut data = map.into_bytes();
    data.resize(data.len().next_multiple_of(BLOCK), 0);
    data.extend(ranges.iter().flat_map(|(_, data)| data.iter().copied()));
    file(format!("GNUSparseFile.0/{}", name.replace('/', "_")), data)
        .record("GNU.sparse.major", "1")
        .record("GNU.sparse.minor", "0")
        .record("GNU.sparse.name", name)
        .record("GNU.sparse.realsize", size.to_string())
}

impl Entry {
    /// Adds a PAX record.
    pub(crate) fn record(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.records.push((key.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    pub(crate) fn mtime(self, mtime: u64) -> Self {
        Self { mtime, ..self }
    }

    pub(crate) fn with_data(self, data: impl AsRef<[u8]>) -> Self {
        Self { data: data.as_ref().to_vec(), ..self }
    }

    /// The entry as it lies in a tar, from its first header to the padding of its data.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_with(&[])
    }

    /// As [`Entry::bytes`], with blocks between header and data.
    pub(crate) fn bytes_with(&self, extension: &[u8]) -> Vec<u8> {
        let mut records = self.records.clone();
        let must_be_record = |text: &[u8]| text.len() > 100 || !text.is_ascii();
        if must_be_record(&self.name) {
            records.push((b"path".to_vec(), self.name.clone()));
        }
        if must_be_record(&self.link) {
            records.push((b"linkpath".to_vec(), self.link.clone()));
        }
        let mut out = Vec::new();
        if !records.is_empty() {
            let data: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
            out.extend_from_slice(&header(&Entry { data: data.clone(), ..entry(b'x', "PaxHeaders.0/x") }));
            out.extend_from_slice(&padded(&data));
        }
        out.extend_from_slice(&header(self));
        out.extend_from_slice(extension);
        out.extend_from_slice(&padded(&self.data));
        out
    }
}

/// A whole tar.
pub(crate) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut out: Vec<u8> = entries.iter().flat_map(Entry::bytes).collect();
    out.resize(out.len() + 2 * BLOCK, 0);
    out
}

/// A whole tar that begins with the directories `Files` and `Hives`.
pub(crate) fn layer_tar(entries: &[Entry]) -> Vec<u8> {
    tar(&[roots(), entries.to_vec()].concat())
}

/// A PAX record: its length counts its own digits.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let body = key.len() + value.len() + 3;
    let mut len = body + 1;
    while len != body + len.to_string().len() {
        len = body + len.to_string().len();
    }
    [format!("{len} ").as_bytes(), key, b"=", value, b"\n"].concat()
}

fn header(entry: &Entry) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    let short = |text: &[u8]| -> Vec<u8> { text.iter().copied().filter(u8::is_ascii).take(100).collect() };
    put(0, &short(&entry.name));
    put(100, format!("{:07o}\0", entry.mode).as_bytes());
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", entry.data.len()).as_bytes());
    put(136, format!("{:011o}\0", entry.mtime).as_bytes());
    put(148, b"        ");
    put(156, &[entry.flag]);
    put(157, &short(&entry.link));
    put(257, b"ustar\x0000");
    for (at, bytes) in &entry.patches {
        put(*at, bytes);
    }
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut padded = data.to_vec();
    padded.resize(data.len().next_multiple_of(BLOCK), 0);
    padded
}
