//! Tars made field by field, so that they can be wrong, and what a reader makes of them as text.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::fmt::Write as _;
use std::io::Read;
use std::ops::Range;

use winlayer_tar::{RawEntry, ReadError, Reader, TarError};

pub(crate) const BLOCK: usize = 512;

/// A header block that says what it is told, with the right checksum.
#[derive(Clone)]
pub(crate) struct Block([u8; BLOCK]);

impl Block {
    pub(crate) fn ustar(flag: u8, name: &str, size: usize) -> Self {
        Self([0; BLOCK])
            .put(0, name.as_bytes())
            .put(100, b"0000644\0")
            .put(108, b"0000000\0")
            .put(116, b"0000000\0")
            .put(124, format!("{size:011o}\0").as_bytes())
            .put(136, b"00000000000\0")
            .put(156, &[flag])
            .put(257, b"ustar\x0000")
    }

    pub(crate) fn gnu(flag: u8, name: &str, size: usize) -> Self {
        Self::ustar(flag, name, size).put(257, b"ustar  \0")
    }

    pub(crate) fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        repair_checksum(&mut self.0);
        self.0.to_vec()
    }
}

pub(crate) const CHECKSUM: Range<usize> = 148..156;

pub(crate) fn repair_checksum(block: &mut [u8]) {
    block[CHECKSUM].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Bytes filled up with zeros to a whole block.
pub(crate) fn padded(data: &[u8]) -> Vec<u8> {
    let mut padded = data.to_vec();
    padded.resize(data.len().next_multiple_of(BLOCK), 0);
    padded
}

pub(crate) fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

/// PAX records, each with the length that counts itself.
pub(crate) fn records(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut data = String::new();
    for (key, value) in pairs {
        let rest = format!(" {key}={value}\n");
        let len = (0..).find(|len: &usize| len.to_string().len() + rest.len() == *len).unwrap();
        write!(data, "{len}{rest}").unwrap();
    }
    data.into_bytes()
}

/// An extended header with records.
pub(crate) fn extended(pairs: &[(&str, &str)]) -> Vec<u8> {
    let data = records(pairs);
    [Block::ustar(b'x', "PaxHeaders.0/x", data.len()).bytes(), padded(&data)].concat()
}

/// All entries with their data, and why reading stopped before the end, if it did.
pub(crate) fn read_all(tar: &[u8]) -> (Vec<(RawEntry, Vec<u8>)>, Option<ReadError>) {
    let mut reader = Reader::new(tar);
    let mut entries = Vec::new();
    loop {
        match reader.next_entry() {
            Ok(None) => return (entries, None),
            Err(error) => return (entries, Some(error)),
            Ok(Some(entry)) => {
                let mut data = Vec::new();
                let limit = 1 << 22;
                if let Err(error) = reader.by_ref().take(limit).read_to_end(&mut data) {
                    let error = error.into_inner().unwrap().downcast::<TarError>().unwrap();
                    return (entries, Some((*error).into()));
                }
                entries.push((*entry, data));
            }
        }
    }
}

/// The error that a tar is refused with.
pub(crate) fn refusal(tar: &[u8]) -> String {
    read_all(tar).1.map(|error| error.to_string()).unwrap_or_else(|| "accepted".to_owned())
}

/// The entry of a tar that has one.
pub(crate) fn only_entry(tar: &[u8]) -> (RawEntry, Vec<u8>) {
    let (mut entries, error) = read_all(tar);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}
