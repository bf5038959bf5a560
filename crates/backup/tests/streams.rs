//! Backup streams as go-winio reads and writes them, taken apart and written again byte for byte.

use std::io::{self, Read, Write};

use proptest::prelude::*;
use winlayer_backup::{Error, Problem, Reader, StreamAttributes, StreamHeader, StreamId, Writer};

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("data/", $name, ".bks")).as_slice()
    };
}

type Streams = Vec<(StreamHeader, Vec<u8>)>;

fn read_all(bytes: &[u8]) -> Result<Streams, Error> {
    let mut reader = Reader::new(bytes);
    let mut streams = Vec::new();
    while let Some(header) = reader.next_header()? {
        streams.push((header, reader.read_to_vec(u64::MAX)?));
    }
    assert_eq!(reader.position(), bytes.len() as u64);
    Ok(streams)
}

fn write_all(streams: &Streams) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new(Vec::new());
    for (header, data) in streams {
        writer.write_stream(header, data)?;
    }
    writer.finish()
}

fn ids(bytes: &[u8]) -> Vec<u32> {
    read_all(bytes).into_iter().flatten().map(|(header, _)| header.id.0).collect()
}

#[test]
fn streams_of_the_reference_survive_byte_for_byte() {
    for bytes in [
        data!("nothing"),
        data!("file"),
        data!("file-empty-data"),
        data!("file-sparse-attr"),
        data!("ads-several"),
        data!("ads-nodata"),
        data!("ads-sparse"),
        data!("ea-after"),
        data!("sparse-many-ads"),
        data!("ghosted"),
        data!("unknown-after"),
    ] {
        assert_eq!(write_all(&read_all(bytes).unwrap()).unwrap(), bytes);
    }
}

#[test]
fn streams_come_in_order_also_those_without_a_name() {
    assert_eq!(ids(data!("nothing")), [0; 0]);
    assert_eq!(ids(data!("file")), [3, 1]);
    assert_eq!(ids(data!("ads-several")), [3, 1, 4, 4, 4]);
    assert_eq!(ids(data!("ea-after")), [3, 1, 2]);
    assert_eq!(ids(data!("ghosted")), [1, 11]);
    assert_eq!(ids(data!("unknown-after")), [1, 99]);
}

#[test]
fn alternate_streams_have_their_names_and_data() {
    let streams = read_all(data!("ads-several")).unwrap();
    let alternate: Vec<_> = streams
        .iter()
        .filter_map(|(header, data)| {
            Some((String::from_utf16(header.alternate_name()?).ok()?, data.as_slice()))
        })
        .collect();
    let expected: [(String, &[u8]); 3] =
        [("s1".into(), b"one"), ("Zone.Identifier".into(), b"[ZoneTransfer]"), ("é𐐷".into(), b"")];
    assert_eq!(alternate, expected);
}

#[test]
fn data_that_is_not_read_is_skipped() {
    let mut reader = Reader::new(data!("file"));
    assert_eq!(reader.next_header().unwrap().unwrap().id, StreamId::SECURITY_DATA);
    reader.read_exact(&mut [0; 3]).unwrap();
    assert_eq!(reader.remaining(), 101);
    assert_eq!(reader.next_header().unwrap().unwrap().id, StreamId::DATA);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello, windows layer\r\n");
    assert!(reader.next_header().unwrap().is_none());
}

#[test]
fn every_truncation_is_an_error_at_the_end_that_says_how_much_is_missing() {
    let bytes = data!("ads-several");
    let ends: Vec<usize> = (0..=bytes.len()).filter(|&end| read_all(&bytes[..end]).is_ok()).collect();
    assert_eq!(ends, [0, 124, 166, 207, 285, 325]);
    for end in (0..bytes.len()).filter(|end| !ends.contains(end)) {
        let error = read_all(&bytes[..end]).unwrap_err();
        assert_eq!(error.offset(), end as u64);
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::UnexpectedEof);
    }
    for (bytes, message) in [
        (
            data!("trunc-hdr"),
            "backup stream, byte 10: ends inside a stream header, which needs 10 bytes more",
        ),
        (
            data!("trunc-sd"),
            "backup stream, byte 40: ends inside the data of stream SECURITY_DATA, which needs 84 bytes more",
        ),
        (
            data!("trunc-data"),
            "backup stream, byte 161: ends inside the data of stream DATA, which needs 5 bytes more",
        ),
    ] {
        assert_eq!(read_all(bytes).unwrap_err().to_string(), message);
    }
}

#[test]
fn skipping_notices_truncation_too() {
    let mut reader = Reader::new(data!("trunc-data"));
    reader.next_header().unwrap();
    reader.next_header().unwrap();
    assert!(matches!(reader.next_header().unwrap_err().problem(), Problem::TruncatedData { needed: 5, .. }));
}

fn header_bytes(size: u64, name_len: u32) -> Vec<u8> {
    [&[1, 0, 0, 0, 0, 0, 0, 0], &size.to_le_bytes()[..], &name_len.to_le_bytes()].concat()
}

#[test]
fn names_and_sizes_out_of_range_are_refused_at_their_header() {
    for name_len in [1, 3, 65_537, 65_538, u32::MAX] {
        let error = read_all(&header_bytes(0, name_len)).unwrap_err();
        assert!(matches!(error.problem(), Problem::BadNameLength { len, .. } if *len == u64::from(name_len)));
        assert_eq!(error.offset(), 0);
    }
    for size in [1 << 63, u64::MAX] {
        let error = read_all(&header_bytes(size, 0)).unwrap_err();
        assert!(matches!(error.problem(), Problem::BadSize { .. }));
    }
}

#[test]
fn a_huge_size_takes_no_memory_before_its_data_comes() {
    let mut bytes = header_bytes(i64::MAX.cast_unsigned(), 0);
    bytes.extend([7; 100]);
    let error = read_all(&bytes).unwrap_err();
    assert_eq!(error.offset(), 120);
}

#[test]
fn data_beyond_the_callers_limit_is_refused() {
    let mut reader = Reader::new(data!("file"));
    reader.next_header().unwrap();
    assert_eq!(
        reader.read_to_vec(103).unwrap_err().to_string(),
        "backup stream, byte 20: stream SECURITY_DATA has 104 bytes, at most 103 are expected"
    );
}

#[test]
fn writing_more_or_less_than_announced_is_refused() {
    let header = StreamHeader::new(StreamId::EA_DATA, 4);
    let mut writer = Writer::new(Vec::new());
    writer.start_stream(&header).unwrap();
    writer.write_all(b"abc").unwrap();
    let error = writer.start_stream(&header).unwrap_err();
    assert_eq!(
        error.to_string(),
        "backup stream, byte 23: stream EA_DATA was announced with 4 bytes, but got 3"
    );
    assert!(matches!(
        writer.write_data(b"de").unwrap_err().problem(),
        Problem::WrongDataLength { size: 4, got: 5, .. }
    ));
    assert!(writer.write_all(b"de").is_err());
    assert!(writer.finish().is_err());
}

#[test]
fn the_writer_refuses_headers_that_cannot_be_read() {
    let mut writer = Writer::new(Vec::new());
    let long_name = StreamHeader { name: vec![0; 32_769], ..StreamHeader::new(StreamId::DATA, 0) };
    assert!(matches!(writer.start_stream(&long_name).unwrap_err().problem(), Problem::BadNameLength { .. }));
    let large = StreamHeader::new(StreamId::DATA, 1 << 63);
    assert!(matches!(writer.start_stream(&large).unwrap_err().problem(), Problem::BadSize { .. }));
    assert_eq!(writer.finish().unwrap(), b"");
}

#[test]
fn a_failing_reader_is_reported_with_its_offset_and_an_interrupted_one_read_on() {
    struct Failing<'a>(&'a [u8], Option<io::ErrorKind>);
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if let Some(kind) =
                self.1.take_if(|kind| *kind == io::ErrorKind::Interrupted || self.0.is_empty())
            {
                return Err(kind.into());
            }
            let len = buffer.len().min(5);
            self.0.read(&mut buffer[..len])
        }
    }
    let whole = data!("file");
    let mut reader = Reader::new(Failing(whole, Some(io::ErrorKind::Interrupted)));
    assert_eq!(reader.next_header().unwrap().unwrap().size, 104);
    let mut reader = Reader::new(Failing(&whole[..30], Some(io::ErrorKind::PermissionDenied)));
    reader.next_header().unwrap();
    let error = reader.skip_data().unwrap_err();
    assert_eq!(error.offset(), 30);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::PermissionDenied);
}

fn any_stream() -> impl Strategy<Value = (StreamHeader, Vec<u8>)> {
    let name = proptest::collection::vec(any::<u16>(), 0..10);
    let data = proptest::collection::vec(any::<u8>(), 0..100);
    (any::<u32>(), any::<u32>(), name, data).prop_map(|(id, attributes, name, data)| {
        let header = StreamHeader::new(StreamId(id), data.len() as u64);
        (StreamHeader { attributes: StreamAttributes(attributes), name, ..header }, data)
    })
}

proptest! {
    #[test]
    fn all_streams_known_or_not_survive(streams in proptest::collection::vec(any_stream(), 0..6)) {
        prop_assert_eq!(read_all(&write_all(&streams).unwrap()).unwrap(), streams);
    }

    #[test]
    fn what_can_be_read_is_written_the_same(
        start in proptest::collection::vec(0_u8..12, 0..20),
        rest in proptest::collection::vec(0_u8..3, 0..100),
    ) {
        let bytes = [start, rest].concat();
        if let Ok(streams) = read_all(&bytes) {
            prop_assert_eq!(write_all(&streams).unwrap(), bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        if let Ok(streams) = read_all(&bytes) {
            prop_assert_eq!(write_all(&streams).unwrap(), bytes);
        }
    }
}

#[test]
fn data_can_be_skipped_by_seeking_and_a_missing_end_is_noticed() {
    let mut writer = Writer::new(Vec::new());
    writer.write_stream(&StreamHeader::new(StreamId::DATA, 100_000), &[7; 100_000]).unwrap();
    writer.write_stream(&StreamHeader::new(StreamId::EA_DATA, 0), b"").unwrap();
    writer.write_stream(&StreamHeader::new(StreamId::OBJECT_ID, 1), b"x").unwrap();
    let bytes = writer.finish().unwrap();

    let mut reader = Reader::new(std::io::Cursor::new(&bytes));
    let mut ids = Vec::new();
    while let Some(header) = reader.next_header().unwrap() {
        reader.seek_past_data().unwrap();
        ids.push(header.id);
    }
    assert_eq!(ids, [StreamId::DATA, StreamId::EA_DATA, StreamId::OBJECT_ID]);
    assert_eq!(reader.position(), bytes.len() as u64);

    let mut reader = Reader::new(std::io::Cursor::new(&bytes[..50_020]));
    reader.next_header().unwrap();
    let error = reader.seek_past_data().unwrap_err();
    assert!(matches!(error.problem(), Problem::TruncatedData { needed: 50_000, .. }), "{error}");
}
