//! Headers that Go's archive/tar 1.19 wrote or refused, drawn at random from what layers have and from the borders of
//! what fits, against ours.
//!
//! `data/go-headers.txt` has one a line: type flag, mode (octal), size, mtime, atime, ctime (`SECONDS+NANOSECONDS` or
//! `-`), name, link target (`-` if empty), records (`KEY=VALUE,…` or `none`), and the first 8 bytes of the SHA-256 of the
//! tar, or `refused`. Other bytes are `%XX`. If the size is up to 4096, the tar is whole, with bytes that count up to 250
//! as data; else it is the header only.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it does not expect")]

use sha2::{Digest, Sha256};
use winlayer_meta::filetime::UnixTime;
use winlayer_tar::{EntryType, Header, Reader, Refusal, WriteError, Writer};

#[test]
fn headers_are_written_byte_for_byte_and_refused_as_go_does() {
    let cases = include_str!("data/go-headers.txt");
    let mut differences = Vec::new();
    for (line, case) in (1..).zip(cases.lines()) {
        let (header, expected) = parse(case);
        let ours = match write(&header) {
            Ok(tar) => digest(&tar),
            Err(WriteError::Refused { .. }) => "refused".to_owned(),
            Err(other) => other.to_string(),
        };
        if ours != expected {
            differences.push(format!("line {line}: {ours} for {case}"));
        }
    }
    assert!(cases.lines().count() >= 120);
    assert!(differences.is_empty(), "{} differences, such as {}", differences.len(), differences[0]);
}

fn write(header: &Header) -> Result<Vec<u8>, WriteError> {
    let mut bytes = Vec::new();
    let mut tar = Writer::new(&mut bytes);
    let has_data = !matches!(header.kind, EntryType::HardLink | EntryType::Symlink | EntryType::Directory)
        && !matches!(header.kind, EntryType::Other(b'3' | b'4' | b'6'));
    let size = if has_data { header.size } else { 0 };
    if size > 4096 {
        tar.write_header(header)?;
        return Ok(bytes);
    }
    let data: Vec<u8> = (0..=250).cycle().take(usize::try_from(size).unwrap()).collect();
    tar.append(header, &data)?;
    tar.finish()?;
    Ok(bytes)
}

fn digest(tar: &[u8]) -> String {
    Sha256::digest(tar)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse(case: &str) -> (Header, &str) {
    let fields: Vec<&str> = case.split(' ').collect();
    let &[flag, mode, size, mtime, atime, ctime, name, link, records, expected] = &fields[..] else {
        panic!("{case}")
    };
    let mut header = Header::file(unescape(name), size.parse().unwrap());
    header.kind = match flag.as_bytes()[0] {
        b'0' => EntryType::File,
        b'1' => EntryType::HardLink,
        b'2' => EntryType::Symlink,
        b'5' => EntryType::Directory,
        other => EntryType::Other(other),
    };
    header.mode = u32::from_str_radix(mode, 8).unwrap();
    header.mtime = time(mtime).unwrap();
    (header.atime, header.ctime) = (time(atime), time(ctime));
    header.link = unescape(link);
    if records != "none" {
        let records = records.split(',').map(|record| record.split_once('=').unwrap());
        header.pax = records.map(|(key, value)| (unescape(key), unescape(value))).collect();
    }
    (header, expected)
}

fn time(text: &str) -> Option<UnixTime> {
    let (secs, nanos) = text.split_once('+')?;
    Some(UnixTime { secs: secs.parse().unwrap(), nanos: nanos.parse().unwrap() })
}

fn unescape(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    let mut bytes = Vec::new();
    let mut pieces = text.split('%');
    bytes.extend_from_slice(pieces.next().unwrap().as_bytes());
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    bytes
}

#[test]
fn types_that_readers_would_not_take_for_entries_are_refused() {
    for flag in [0, b'g', b'S', b'x', b'L', b'K'] {
        let header = Header { kind: EntryType::Other(flag), ..Header::file("a", 0) };
        let error = write(&header).unwrap_err();
        assert!(matches!(error, WriteError::Refused { refusal: Refusal::Kind(_), .. }), "{error}");
    }
}

#[test]
fn an_extended_header_after_data_that_do_not_fill_their_block_is_read_back() {
    let mut tar = Writer::new(Vec::new());
    let described = |name: &str, size| Header::file(name, size).with_record("MSWINDOWS.fileattr", "32");
    for (name, data) in [("Files/a", &b"12345"[..]), ("Files/b", b""), ("Files/c", b"1")] {
        tar.append(&described(name, data.len() as u64), data).unwrap();
    }
    let tar = tar.finish().unwrap();
    let mut reader = Reader::new(tar.as_slice());
    for name in [&b"Files/a"[..], b"Files/b", b"Files/c"] {
        assert_eq!(reader.next_entry().unwrap().unwrap().path, name);
    }
    assert!(reader.next_entry().unwrap().is_none());
}
