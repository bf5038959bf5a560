//! Layers to unpack and directories to pack, as values that can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use winlayer_core::{Control, Error};
use winlayer_hcs::transport::{Leftover, Unpacked, complete, pack, unpack};
use winlayer_tar::{EntryType, Header, Reader, WindowsMeta, Writer};

/// What a tar says of a path, as far as it means something to Windows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) kind: EntryType,
    pub(crate) link: String,
    pub(crate) meta: WindowsMeta,
    pub(crate) data: Vec<u8>,
}

/// All entries by name, and the names in order.
pub(crate) fn entries(tar: &[u8]) -> (BTreeMap<String, Entry>, Vec<String>) {
    let mut reader = Reader::new(tar);
    let (mut entries, mut names) = (BTreeMap::new(), Vec::new());
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut data = Vec::new();
        reader.read_to_end(&mut data).unwrap();
        let mut meta = WindowsMeta::from_entry(&entry).unwrap();
        meta.eas.sort();
        let name = String::from_utf8(entry.path).unwrap().trim_end_matches('/').to_owned();
        names.push(name.clone());
        let link = String::from_utf8(entry.link).unwrap();
        entries.insert(name, Entry { kind: entry.kind, link, meta, data });
    }
    (entries, names)
}

pub(crate) fn tar(files: &[(Header, &[u8])]) -> Vec<u8> {
    let mut tar = Writer::new(Vec::new());
    for (header, data) in files {
        tar.append(header, data).unwrap();
    }
    tar.finish().unwrap()
}

/// Unpacks a tar into `dir`.
pub(crate) fn unpack_to(tar: &[u8], dir: &Path) -> Result<Unpacked, Error> {
    unpack(tar, dir, Control::none())
}

pub(crate) fn pack_from(dir: &Path) -> Result<Vec<u8>, Error> {
    pack(dir, Vec::new(), Control::none())
}

/// Unpacks, completes and packs again.
pub(crate) fn through_transport(tar: &[u8]) -> (Vec<u8>, Leftover) {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("transport");
    let unpacked = unpack_to(tar, &dir).unwrap();
    let leftover = complete(&dir, &unpacked).unwrap();
    let packed = pack_from(&dir).unwrap();
    // Windows takes down when files are read.
    assert!(cfg!(windows) || packed == pack_from(&dir).unwrap(), "the same directory makes the same tar");
    (packed, leftover)
}

/// Files with their bytes, directories with none, by path.
pub(crate) fn tree(dir: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap().replace('\\', "/");
            let content = path.is_file().then(|| fs::read(&path).unwrap());
            if content.is_none() {
                open.push(path);
            }
            found.insert(name, content);
        }
    }
    found
}
