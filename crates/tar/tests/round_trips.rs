//! What is written is read back the same, in pieces of any size, and whatever is read does no harm.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it does not expect")]

mod support;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use support::{BLOCK, Block, extended, padded, read_all, repair_checksum};
use winlayer_meta::filetime::UnixTime;
use winlayer_tar::{
    EntryType, Event, Header, Limits, Parser, RawEntry, Reader, SparseRange, WriteError, Writer,
};

/// Names of up to 300 bytes, without NUL, some not ASCII, some not UTF-8.
fn names() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => "[a-zA-Z0-9 $=.:-]{1,20}".prop_map(String::into_bytes),
        1 => "[a-z]{80,120}".prop_map(String::into_bytes),
        1 => Just("é日本".as_bytes().to_vec()),
        1 => vec(1u8.., 1..5).prop_map(|mut part| {
            part.retain(|&byte| byte != b'/');
            [&part[..], b"x"].concat()
        }),
    ];
    vec(part, 1..6).prop_map(|parts| parts.join(&b'/'))
}

fn times() -> impl Strategy<Value = UnixTime> {
    let secs = prop_oneof![Just(0), -11_644_473_600i64..1 << 34, any::<i64>()];
    (secs, prop_oneof![Just(0), 0u32..1_000_000_000]).prop_map(|(secs, nanos)| UnixTime { secs, nanos })
}

fn records() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
    let key = prop_oneof![
        Just(b"MSWINDOWS.fileattr".to_vec()),
        Just(b"MSWINDOWS.rawsd".to_vec()),
        "[A-Z]{3,9}\\.[a-zé ]{1,9}".prop_map(String::into_bytes),
    ];
    btree_map(key, vec(any::<u8>(), 0..120), 0..4)
}

/// Headers with the data that they announce.
fn entries() -> impl Strategy<Value = (Header, Vec<u8>)> {
    let kind = prop_oneof![
        3 => Just(EntryType::File),
        1 => Just(EntryType::HardLink),
        1 => Just(EntryType::Symlink),
        2 => Just(EntryType::Directory),
        1 => prop::sample::select(&b"3467A"[..]).prop_map(EntryType::Other),
    ];
    let strings = (names(), names(), records(), vec(any::<u8>(), 0..1300));
    let times = (times(), prop::option::of(times()), prop::option::of(times()));
    (kind, strings, 0u32..1 << 21, times).prop_map(|(kind, strings, mode, (mtime, atime, ctime))| {
        let (name, link, pax, mut data) = strings;
        let has_link = matches!(kind, EntryType::HardLink | EntryType::Symlink);
        if !matches!(kind, EntryType::File | EntryType::Other(b'7' | b'A')) {
            data.clear();
        }
        let link = if has_link { link } else { Vec::new() };
        (Header { name, link, kind, mode, size: data.len() as u64, mtime, atime, ctime, pax }, data)
    })
}

fn write(entries: &[(Header, Vec<u8>)]) -> Vec<u8> {
    let mut tar = Writer::new(Vec::new());
    for (header, data) in entries {
        tar.append(header, data).unwrap();
    }
    tar.finish().unwrap()
}

/// Tars with extension headers of all sorts, sparse files included.
fn tars() -> impl Strategy<Value = Vec<u8>> {
    let long = [Block::gnu(b'L', "././@LongLink", 300).bytes(), padded(&[b'n'; 300])].concat();
    let long_named = [&long[..], &Block::gnu(b'0', "n", 5).bytes(), &padded(b"12345")].concat();
    let sparse = [
        include_bytes!("data/sparse/gnu.tar").to_vec(),
        include_bytes!("data/sparse/pax-0.0.tar").to_vec(),
        include_bytes!("data/sparse/pax-0.1.tar").to_vec(),
        include_bytes!("data/sparse/pax-1.0.tar").to_vec(),
        long_named,
        extended(&[("size", "0"), ("mtime", "1.5"), ("GNU.sparse.major", "0")]),
    ];
    let written = vec(entries(), 0..4).prop_map(|entries| write(&entries));
    (prop::option::of(prop::sample::select(sparse.to_vec())), written)
        .prop_map(|(first, rest)| [first.unwrap_or_default(), rest].concat())
}

/// Bytes that were changed, header blocks mostly with the right checksum again, and perhaps cut.
fn damaged_tars() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>(), prop::bool::weighted(0.8)), 0..6);
    (tars(), changes, prop::option::weighted(0.3, any::<prop::sample::Index>())).prop_map(
        |(mut tar, changes, cut)| {
            for (at, byte, repair) in changes {
                let at = at.index(tar.len());
                tar[at] = byte;
                let block = at / BLOCK * BLOCK;
                let block = &mut tar[block..block + BLOCK];
                if repair && block[257..].starts_with(b"ustar") {
                    repair_checksum(block);
                }
            }
            let len = cut.map_or(tar.len(), |cut| cut.index(tar.len()));
            tar.truncate(len);
            tar
        },
    )
}

/// Everything that a parser says of a tar that it gets in pieces, data joined; what it holds never outgrows what it got.
fn events(tar: &[u8], mut piece: impl FnMut() -> usize) -> Vec<String> {
    let mut parser = Parser::default();
    let (mut events, mut data, mut at) = (Vec::new(), Vec::new(), 0);
    let mut end = 0;
    loop {
        let (used, event) = match parser.advance(&tar[at..end]) {
            Ok(found) => found,
            Err(error) => {
                events.push(format!("{} bytes of data, {error}", data.len()));
                return events;
            }
        };
        at += used;
        assert_eq!(parser.offset(), at as u64);
        match event {
            Event::NeedInput if end == tar.len() => {
                let verdict = parser.finish().map_or_else(|error| error.to_string(), |()| "end".to_owned());
                events.push(format!("{} bytes of data, {verdict}", data.len()));
                return events;
            }
            Event::NeedInput => end = tar.len().min(end + piece().max(1)),
            Event::End => {
                events.push(format!("{} bytes of data, zero blocks", data.len()));
                return events;
            }
            Event::Data(n) => data.extend_from_slice(&tar[at - n..at]),
            Event::Entry(entry) => {
                assert!(held(&entry) <= at, "{entry:?}");
                events.push(format!("{data:?}"));
                data.clear();
                events.push(format!("{entry:?}"));
            }
        }
    }
}

/// Bytes that an entry was read from, at least; a range of a sparse file takes 4 bytes of a map.
fn held(entry: &RawEntry) -> usize {
    let ranges = entry.sparse.as_deref().map_or(0, <[SparseRange]>::len);
    entry.path.len().max(entry.link.len()).max(entry.pax.as_bytes().len()).max(4 * ranges)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_was_written_is_read_and_written_again_as_the_same_bytes(entries in vec(entries(), 0..5)) {
        let tar = write(&entries);
        let (read, error) = read_all(&tar);
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(read.len(), entries.len());
        for ((header, data), (entry, read_data)) in entries.iter().zip(&read) {
            prop_assert_eq!(&entry.path, &header.name);
            prop_assert_eq!(&entry.link, &header.link);
            prop_assert_eq!((entry.kind, entry.mode, entry.mtime), (header.kind, header.mode, header.mtime));
            for (key, value) in &header.pax {
                prop_assert_eq!(entry.pax.get(key), Some(&value[..]));
            }
            let again = Header::from(entry);
            prop_assert_eq!((again.atime, again.ctime), (header.atime, header.ctime));
            prop_assert_eq!(read_data, data);
        }
        let again: Vec<_> = read.iter().map(|(entry, data)| (Header::from(entry), data.clone())).collect();
        prop_assert!(write(&again) == tar);
    }

    #[test]
    fn the_size_of_the_pieces_makes_no_difference(tar in damaged_tars(), pieces in vec(1usize..2000, 1..20)) {
        let mut next = pieces.iter().copied().cycle();
        let in_pieces = events(&tar, || next.next().unwrap_or(1));
        prop_assert_eq!(&in_pieces, &events(&tar, || usize::MAX / 2));
        prop_assert_eq!(&in_pieces, &events(&tar, || 1));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..3000)) {
        events(&bytes, || 700);
    }

    #[test]
    fn the_reader_finds_what_the_parser_finds(tar in damaged_tars()) {
        let (entries, error) = read_all(&tar);
        let events = events(&tar, || usize::MAX / 2);
        let refused = !events.last().unwrap().ends_with("end") && !events.last().unwrap().ends_with("zero blocks");
        prop_assert_eq!(error.is_some(), refused, "{:?} {:?}", error, events);
        for (entry, data) in &entries {
            prop_assert!(data.len() as u64 == entry.size || data.len() == 1 << 22);
        }
    }

    #[test]
    fn entries_can_be_left_half_read(entries in vec(entries(), 1..5), len in 0usize..2000) {
        let tar = write(&entries);
        let mut reader = Reader::new(&tar[..]);
        for (header, data) in &entries {
            prop_assert_eq!(&reader.next_entry().unwrap().unwrap().path, &header.name);
            let mut start = Vec::new();
            reader.by_ref().take(len as u64).read_to_end(&mut start).unwrap();
            prop_assert_eq!(&start[..], &data[..len.min(data.len())]);
        }
        prop_assert!(reader.next_entry().unwrap().is_none());
    }
}

#[test]
fn skipped_data_are_not_needed() {
    let tar = write(&[(Header::file("a", 700), vec![1; 700]), (Header::file("b", 2), vec![2; 2])]);
    let mut parser = Parser::with_limits(Limits::default());
    let mut names = Vec::new();
    let mut at = 0;
    loop {
        let (used, event) = parser.advance(&tar[at..]).unwrap();
        at += used;
        match event {
            Event::Entry(entry) => names.push(entry.path),
            Event::End => break,
            other => panic!("{other:?}"),
        }
        at += usize::try_from(parser.skip_data()).unwrap();
    }
    assert_eq!(names, [b"a", b"b"]);
}

#[test]
fn as_much_data_as_announced_must_be_written() {
    let mut tar = Writer::new(Vec::new());
    tar.write_header(&Header::file("a", 5)).unwrap();
    tar.write_all(b"123").unwrap();
    let error = tar.write_header(&Header::file("b", 0)).unwrap_err();
    assert_eq!(error.to_string(), "entry \"a\": 2 bytes of its data were not written");
    let error = tar.write_all(b"456").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "entry \"a\": more data than the 5 bytes that its header says");
    let error = tar.append(&Header::file("b", 1), b"12").unwrap_err();
    assert!(matches!(error, WriteError::TooMuchData { size: 1, .. }), "{error}");
    let error = tar.append(&Header::directory("d"), b"1").unwrap_err();
    assert!(matches!(error, WriteError::TooMuchData { size: 0, .. }), "{error}");
    let error = tar.append(&Header::file("c", 2), b"1").unwrap_err();
    assert!(matches!(error, WriteError::MissingData { missing: 1, .. }), "{error}");
    assert!(matches!(tar.finish(), Err(WriteError::MissingData { .. })));
}

#[test]
fn a_refused_header_leaves_the_tar_as_it_was() {
    let good = (Header::file("a", 3), b"123".to_vec());
    let mut tar = Writer::new(Vec::new());
    tar.append(&good.0, &good.1).unwrap();
    for (header, text) in [
        (Header::file("f/", 0), "entry \"f/\": the name of a regular file may not end in a slash"),
        (
            Header { mode: 1 << 21, ..Header::file("m", 0) },
            "entry \"m\": the mode 0o10000000 is above 0o7777777",
        ),
        (Header::file("s", 1 << 63), "entry \"s\": the size of 9223372036854775808 bytes is above 2^63 - 1"),
        (
            Header::file("r", 0).with_record("a=b", "c"),
            "entry \"r\": \"a=b=c\" cannot be a PAX record: the key is empty or has a `=` or a NUL, or the name has a NUL",
        ),
        (
            Header::file("l", 0).with_record("k", vec![b'v'; 1 << 20]),
            "entry \"l\": PAX records of 1048587 bytes are more than the 1 MiB that readers take",
        ),
    ] {
        assert_eq!(tar.write_header(&header).unwrap_err().to_string(), text);
    }
    assert!(tar.write_header(&Header::file(b"a\0b", 0)).is_err());
    assert!(tar.write_header(&Header::hard_link("h", b"a\0b")).is_err());
    assert!(tar.finish().unwrap() == write(&[good]));
}

/// Bytes that a stream takes, then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(data.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_that_fails_is_reported_from_every_call() {
    let entry = Header::file("a", 3);
    let kind = |error| io::Error::from(error).kind();
    let full = io::ErrorKind::StorageFull;
    assert_eq!(kind(Writer::new(Full(511)).write_header(&entry).unwrap_err()), full);
    assert_eq!(kind(Writer::new(Full(514)).append(&entry, b"123").unwrap_err()), full);
    let mut tar = Writer::new(Full(515 + 509 + 1023));
    tar.append(&entry, b"123").unwrap();
    assert_eq!(tar.finish().map(drop).map_err(kind), Err(full));
}
