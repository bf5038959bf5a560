//! What Go's archive/tar 1.19 made of tars that were changed at random, against ours.
//!
//! `data/go-reads.txt` has one a line: a tar beside this file; the changes to it, each `OFFSET=BYTES` in hexadecimal (which
//! makes the checksum of a header right again, unless it is the checksum that changes) or `cut=LENGTH`; and what Go read:
//! type flag, name, link target, size, mtime, mode and sum of position times byte of the data of each entry, then `end` or
//! `refused`. Bytes that are not plain ASCII are `%XX`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it does not expect")]

mod support;

use std::path::Path;

use support::{BLOCK, CHECKSUM, read_all, repair_checksum};
use winlayer_tar::{EntryType, RawEntry};

#[test]
fn changed_tars_are_read_and_refused_as_go_does() {
    let cases = include_str!("data/go-reads.txt");
    assert!(cases.lines().count() >= 150);
    for (line, case) in (1..).zip(cases.lines()) {
        let (changes, expected) = case.rsplit_once(' ').unwrap();
        assert_eq!(read(&changed(changes)), expected, "line {line}: {changes}");
    }
}

/// The tar that a line names, with its changes.
fn changed(line: &str) -> Vec<u8> {
    let (file, changes) = line.split_once(' ').unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
    let original = std::fs::read(path).unwrap();
    let mut tar = original.clone();
    for change in changes.split(' ') {
        let (at, bytes) = change.split_once('=').unwrap();
        if at == "cut" {
            tar.truncate(bytes.parse().unwrap());
            continue;
        }
        let at: usize = at.parse().unwrap();
        for (at, byte) in (at..).zip(bytes.as_bytes().chunks(2)) {
            tar[at] = u8::from_str_radix(str::from_utf8(byte).unwrap(), 16).unwrap();
        }
        let start = at / BLOCK * BLOCK;
        if original[start + 257..].starts_with(b"ustar") && !CHECKSUM.contains(&(at - start)) {
            repair_checksum(&mut tar[start..start + BLOCK]);
        }
    }
    tar
}

fn read(tar: &[u8]) -> String {
    let (entries, error) = read_all(tar);
    let entries: String = entries.iter().map(|(entry, data)| describe(entry, data)).collect();
    entries + if error.is_some() { "refused" } else { "end" }
}

fn describe(entry: &RawEntry, data: &[u8]) -> String {
    let flag = match entry.kind {
        EntryType::File => b'0',
        EntryType::HardLink => b'1',
        EntryType::Symlink => b'2',
        EntryType::Directory => b'5',
        EntryType::Other(flag) => flag,
    };
    let sum: u64 = if entry.size <= 1 << 20 {
        (1..).zip(data).map(|(position, &byte)| position * u64::from(byte)).sum()
    } else {
        0
    };
    let (name, link, mtime) = (escape(&entry.path), escape(&entry.link), entry.mtime);
    let (flag, size, mode) = (escape(&[flag]), entry.size, entry.mode);
    format!("{flag},{name},{link},{size},{}+{},{mode:o},{sum};", mtime.secs, mtime.nanos)
}

fn escape(bytes: &[u8]) -> String {
    let escape = |&byte: &u8| match byte {
        b'%' | b',' | b';' => format!("%{byte:02x}"),
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    bytes.iter().map(escape).collect()
}
