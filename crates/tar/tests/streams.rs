//! Entries to backup streams and back: nothing is lost on the way, and what cannot be said is refused by name.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use winlayer_backup::{StreamAttributes, StreamHeader, StreamId};
use winlayer_meta::attributes::FileAttributes;
use winlayer_meta::filetime::{FileTime, UnixTime};
use winlayer_tar::stream::{FileId, FileInfo, LayerReader, LayerWriter, Links, Step, append_file, data_size};
use winlayer_tar::{EntryType, Header, Reader, Writer};

/// An entry, its data, and its alternate streams.
type File = (Header, Vec<u8>, Vec<(String, Vec<u8>)>);
type Streams<'a> = Vec<(StreamHeader, &'a [u8])>;

fn info(name: &str, attributes: u32, size: u64) -> FileInfo {
    let time = FileTime::from_ticks(132_444_736_001_234_567);
    FileInfo {
        name: name.into(),
        size,
        attributes: FileAttributes::from_bits(attributes),
        created: time,
        accessed: time,
        modified: time,
        changed: time,
    }
}

fn backup(streams: &[(StreamHeader, &[u8])]) -> Vec<u8> {
    let mut writer = winlayer_backup::Writer::new(Vec::new());
    for (header, data) in streams {
        writer.write_stream(header, data).unwrap();
    }
    writer.finish().unwrap()
}

fn alternate(name: &str, size: u64) -> StreamHeader {
    StreamHeader::alternate(&name.encode_utf16().collect::<Vec<_>>(), size)
}

fn names(tar: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(tar);
    let mut names = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        names.push(String::from_utf8(entry.path).unwrap());
    }
    names
}

/// A tar through backup streams into another one.
fn through_streams(tar: &[u8]) -> Vec<u8> {
    let mut reader = LayerReader::new(Reader::new(tar));
    let mut writer = LayerWriter::new(Vec::new());
    let mut ids = BTreeMap::new();
    while let Some(step) = reader.next_step().unwrap() {
        match step {
            Step::Add(info) => {
                let mut stream = Vec::new();
                reader.write_backup_stream(&mut stream).unwrap();
                let id = FileId(ids.len() as u128);
                ids.insert(info.name.clone(), (id, info.clone()));
                writer.add(&info, Links::Several(id), Cursor::new(stream)).unwrap();
            }
            Step::Link { name, target } => {
                let (id, info) = ids[&target].clone();
                let info = FileInfo { name, ..info };
                writer.add(&info, Links::Several(id), Cursor::new(Vec::new())).unwrap();
            }
            Step::Remove(path) => writer.remove(&path).unwrap(),
        }
    }
    writer.finish().unwrap()
}

fn a_time() -> impl Strategy<Value = UnixTime> {
    any::<u64>().prop_map(|ticks| FileTime::from_ticks(ticks).to_unix())
}

fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-zA-Z0-9é𐐷. _-]{1,40}").unwrap()
}

fn file() -> impl Strategy<Value = File> {
    let bytes = |len| proptest::collection::vec(any::<u8>(), 0..len);
    let records = (any::<u16>(), proptest::option::of(bytes(60)), a_time());
    let eas = proptest::collection::btree_map("[A-Z.]{0,10}", bytes(20), 0..3);
    let streams = proptest::collection::btree_map(text(), bytes(700), 0..3);
    let shape = (0..4_u8, text(), bytes(1500));
    let times = (a_time(), a_time(), a_time());
    (shape, times, records, eas, streams).prop_map(|((shape, name, data), times, records, eas, streams)| {
        let name = format!("Files/{name}").replace(' ', "/x");
        let (header, attributes) = match shape {
            0 => (Header { mode: 0o40_000, ..Header::directory(name) }, 0x10),
            1 => (Header { mode: 0o120_000, ..Header::symlink(name, r"C:\Windows") }, 0x400),
            2 => {
                let junction = Header::symlink(name, r"..\x").with_record("MSWINDOWS.mountpoint", "1");
                (Header { mode: 0o160_000, ..junction }, 0x410)
            }
            _ => (Header { mode: 0o100_000, ..Header::file(name, data.len() as u64) }, 0x20),
        };
        let (bits, descriptor, created) = records;
        let attributes = attributes | u32::from(bits) & !0x10;
        let mut header = Header { mtime: times.0, atime: Some(times.1), ctime: Some(times.2), ..header }
            .with_record("MSWINDOWS.fileattr", attributes.to_string())
            .with_record("LIBARCHIVE.creationtime", winlayer_tar::pax::format_time(created));
        if let Some(descriptor) = descriptor.filter(|bytes| !bytes.is_empty()) {
            header = header.with_record("MSWINDOWS.rawsd", STANDARD.encode(descriptor));
        }
        for (name, value) in eas {
            header = header.with_record(format!("MSWINDOWS.xattr.{name}"), STANDARD.encode(value));
        }
        let data = if header.kind == EntryType::File { data } else { Vec::new() };
        (header, data, streams.into_iter().collect())
    })
}

fn write(files: &[File]) -> Vec<u8> {
    let mut tar = Writer::new(Vec::new());
    for (header, data, streams) in files {
        tar.append(header, data).unwrap();
        for (name, data) in streams {
            let template =
                Header { kind: EntryType::File, link: Vec::new(), pax: BTreeMap::new(), ..header.clone() };
            let mode = if header.kind == EntryType::File { header.mode } else { 0o100_000 };
            let name = [&header.name[..], b":", name.as_bytes()].concat();
            tar.append(&Header { name, mode, size: data.len() as u64, ..template }, data).unwrap();
        }
    }
    tar.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_layer_comes_back_byte_for_byte(files in proptest::collection::vec(file(), 0..6)) {
        let tar = write(&files);
        prop_assert!(through_streams(&tar) == tar);
    }

    #[test]
    fn arbitrary_backup_streams_never_panic(bytes: Vec<u8>, attributes: u32, size in 0..64_u64) {
        let mut tar = Writer::new(std::io::sink());
        let _ = append_file(&mut tar, &info("Files/a", attributes, size), Cursor::new(bytes));
    }

    #[test]
    fn damaged_backup_streams_never_panic_and_leave_the_tar_whole(at in 0..200_usize, to: u8, size in 0..4_u64) {
        let mut bytes = backup(&[
            (StreamHeader::new(StreamId::SECURITY_DATA, 20), &[0; 20]),
            (StreamHeader::new(StreamId::EA_DATA, 12), b"\0\0\0\0\0\x01\x01\0A\0v\0"),
            (StreamHeader::new(StreamId::DATA, 3), b"abc"),
            (alternate("s", 1), b"x"),
        ]);
        let at = at % bytes.len();
        bytes[at] = to;
        let mut tar = Writer::new(Vec::new());
        let _ = append_file(&mut tar, &info("Files/a", 0x20, size), Cursor::new(bytes));
        tar.append(&Header::file("Files/b", 1), b"b").unwrap();
        let names = names(&tar.finish().unwrap());
        prop_assert_eq!(names.last().unwrap(), "Files/b");
    }
}

#[test]
fn hard_links_and_whiteouts_come_back() {
    let empty = || Cursor::new(backup(&[(StreamHeader::new(StreamId::DATA, 0), b"")]));
    let file = |name: &str| info(name, 0x20, 0);
    let several = Links::Several(FileId(1));
    let mut writer = LayerWriter::new(Vec::new());
    writer.add(&file("Files/a"), several, empty()).unwrap();
    writer.remove(br"Files\gone").unwrap();
    writer.add(&file(r"Files\b"), several, Cursor::new(b"not read".to_vec())).unwrap();
    writer.add(&file("Files/c"), Links::One, empty()).unwrap();
    let tar = writer.finish().unwrap();
    assert_eq!(names(&tar), ["Files/a", "Files/.wh.gone", "Files/b", "Files/c"]);
    assert!(through_streams(&tar) == tar);
}

#[test]
fn alternate_streams_of_a_directory_with_a_trailing_slash_are_found() {
    let mut tar = Writer::new(Vec::new());
    tar.append(&Header::directory("Files/d/"), b"").unwrap();
    tar.append(&Header::file("Files/d:s", 1), b"x").unwrap();
    tar.append(&Header::file("Files/d/f", 1), b"y").unwrap();
    let tar = tar.finish().unwrap();

    let mut layer = LayerReader::new(Reader::new(&tar[..]));
    let mut stream = Vec::new();
    layer.next_step().unwrap();
    assert_eq!(layer.write_backup_stream(&mut stream).unwrap(), [b"Files/d:s"]);
    assert_eq!(stream, backup(&[(alternate("s", 1), b"x")]));
    let Some(Step::Add(next)) = layer.next_step().unwrap() else { panic!("a file is left") };
    assert_eq!(next.name, b"Files/d/f");
}

#[test]
fn steps_that_nobody_asks_about_are_passed_over_with_their_streams() {
    let mut tar = Writer::new(Vec::new());
    tar.append(&Header::file("Files/a", 5), b"hello").unwrap();
    tar.append(&Header::file("Files/a:s", 1), b"x").unwrap();
    tar.append(&Header::file("Files/b", 2), b"hi").unwrap();
    let tar = tar.finish().unwrap();

    let mut layer = LayerReader::new(Reader::new(&tar[..]));
    layer.next_step().unwrap();
    assert!(layer.next_step().unwrap().is_some());
    assert_eq!(layer.entry().unwrap().path, b"Files/b");
    let mut data = String::new();
    layer.data().unwrap().read_to_string(&mut data).unwrap();
    assert_eq!(data, "hi");
    assert!(layer.data().is_err());
    assert_eq!(layer.next_step().unwrap(), None);
    assert!(layer.write_backup_stream(&mut Vec::new()).is_err());
}

#[test]
fn what_a_tar_cannot_hold_is_refused_by_name_and_leaves_nothing() {
    let sparse = StreamHeader { attributes: StreamAttributes::SPARSE, ..alternate("s", 1) };
    let wof = b"\x17\0\0\x80\x04\0\0\0\x01\0\0\0";
    let ea = b"\0\0\0\0\0\x03\x01\0A=B\0v\0\0\0";
    let cases: [(u32, u64, Streams<'_>, &str); 7] = [
        (0x20, 0, vec![(sparse, b"x")], r#"entry "Files/a": the alternate stream ":s:$DATA" is sparse"#),
        (0x20, 0, vec![(StreamHeader::new(StreamId::REPARSE_DATA, 12), wof)], "the reparse point WOF"),
        (
            0x20,
            0,
            vec![(StreamHeader::new(StreamId::EA_DATA, 16), ea)],
            r#"entry "Files/a": "MSWINDOWS.xattr.A=B=dg==""#,
        ),
        (0x20, 3, vec![], "the size is said to be 3, but there are 0 bytes"),
        (0x10, 3, vec![(StreamHeader::new(StreamId::DATA, 3), b"abc")], "a directory or a link has 3 bytes"),
        (0x20, 0, vec![(alternate("a/../b", 0), b"")], "is no name of an alternate stream"),
        (0x20, 0, vec![(StreamHeader::new(StreamId(99), 0), b"")], "the stream 99 has no place"),
    ];
    for (attributes, size, streams, expected) in cases {
        let mut tar = Writer::new(Vec::new());
        let result =
            append_file(&mut tar, &info(r"Files\a", attributes, size), Cursor::new(backup(&streams)));
        let message = result.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert_eq!(names(&tar.finish().unwrap()), [""; 0]);
    }
}

#[test]
fn the_size_of_a_file_is_known_from_its_backup_stream() {
    let sparse =
        |id, size| StreamHeader { attributes: StreamAttributes::SPARSE, ..StreamHeader::new(id, size) };
    let end = 70_000_u64.to_le_bytes();
    for (streams, size) in [
        (vec![], 0),
        (vec![(StreamHeader::new(StreamId::OBJECT_ID, 1), &b"x"[..])], 0),
        (vec![(alternate("s", 1), b"x"), (StreamHeader::new(StreamId::DATA, 3), b"abc")], 3),
        (vec![(sparse(StreamId::DATA, 3), b"abc")], 3),
        (vec![(sparse(StreamId::DATA, 0), b""), (sparse(StreamId::SPARSE_BLOCK, 8), &end)], 70_000),
    ] {
        assert_eq!(data_size(Cursor::new(backup(&streams))).unwrap(), size);
    }
    assert!(data_size(Cursor::new([0; 3])).is_err());
}

#[test]
fn plain_files_have_the_data_that_they_announce() {
    let mut layer = LayerWriter::new(Vec::new());
    layer.add_data(&info("Hives/a", 0x20, 3), &b"abc"[..]).unwrap();
    assert_eq!(names(&layer.finish().unwrap()), ["Hives/a"]);
    for data in [&b"ab"[..], b"abcd"] {
        let error = LayerWriter::new(Vec::new()).add_data(&info("Hives/a", 0x20, 3), data).unwrap_err();
        assert!(error.to_string().starts_with("entry \"Hives/a\": "), "{error}");
    }
}

#[test]
fn a_large_file_goes_through_without_being_held_in_memory() {
    const SIZE: u64 = 40 << 20;
    struct Zeros(u64);
    impl Read for Zeros {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let n = usize::try_from(self.0).unwrap().min(out.len());
            assert!(n <= 1 << 20, "reads are bounded");
            out[..n].fill(0);
            self.0 -= n as u64;
            Ok(n)
        }
    }
    let mut head = Vec::new();
    let mut tar = Writer::new(&mut head);
    tar.write_header(&Header::file("Files/big", SIZE)).unwrap();
    drop(tar);
    let mut layer = LayerReader::new(Reader::new(Cursor::new(head).chain(Zeros(SIZE)).chain(&[0; 1024][..])));
    layer.next_step().unwrap();
    let mut counter = winlayer_backup::Writer::new(std::io::sink());
    counter.start_stream(&StreamHeader::new(StreamId::DATA, SIZE + 20)).unwrap();
    layer.write_backup_stream(&mut counter).unwrap();
    counter.finish().unwrap();
}
