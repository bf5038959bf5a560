//! Sparse files in their four shapes: read as ranges, expanded, written as Windows has them, refused when damaged.

use std::io::Read;

use proptest::prelude::*;
use winlayer_backup::{
    DataRange, DataStream, Error, Problem, Reader, SparseLayout, StreamAttributes, StreamHeader, StreamId,
    Writer,
};

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("data/", $name, ".bks")).as_slice()
    };
}

/// Reads up to the file's data; returns its layout, the bytes of its ranges and the ids of the streams behind it.
fn read_sparse(bytes: &[u8]) -> Result<(SparseLayout, Vec<u8>, Vec<u32>), Error> {
    let mut reader = Reader::new(bytes);
    while let Some(header) = reader.next_header()? {
        if !matches!(header.id, StreamId::DATA | StreamId::ALTERNATE_DATA) {
            continue;
        }
        let mut ranges = reader.ranges(&header);
        let (mut list, mut data) = (Vec::new(), Vec::new());
        while let Some(range) = ranges.next_range()? {
            let len = data.len() as u64;
            ranges.read_to_end(&mut data).map_err(into_backup_error)?;
            assert_eq!(data.len() as u64 - len, range.len);
            list.push(range);
        }
        let size = ranges.file_size().unwrap_or(u64::MAX);
        let mut behind = Vec::new();
        while let Some(header) = reader.next_header()? {
            behind.push(header.id.0);
        }
        return Ok((SparseLayout::new(list, size)?, data, behind));
    }
    Ok((SparseLayout::default(), Vec::new(), Vec::new()))
}

fn into_backup_error(error: std::io::Error) -> Error {
    match error.into_inner().map(|inner| inner.downcast::<Error>()) {
        Some(Ok(error)) => *error,
        other => unreachable!("only backup errors are expected, not {other:?}"),
    }
}

fn ranges(list: &[(u64, u64)]) -> Vec<DataRange> {
    list.iter().map(|&(offset, len)| DataRange { offset, len }).collect()
}

#[test]
fn each_of_the_four_shapes_gives_its_ranges_and_the_size() {
    for (bytes, size, list, behind) in [
        (data!("sparse-0-old"), 0, &[][..], &[][..]),
        (data!("sparse-0-new"), 0, &[], &[]),
        (data!("sparse-none"), 100_000, &[], &[]),
        (data!("file-sparse-attr"), 22, &[(0, 22)], &[]),
        (data!("sparse-many"), 200_000, &[(0, 5), (65_536, 100), (131_072, 5)], &[]),
        (data!("sparse-many-ads"), 70_000, &[(65_536, 1)], &[4]),
        (data!("file"), 22, &[(0, 22)], &[]),
        (data!("ads-several"), 22, &[(0, 22)], &[4, 4, 4]),
        // Without the attribute a block behind the data is no part of it.
        (data!("sparse-noattr"), 0, &[], &[9]),
        // Without a block the file is empty, whatever follows.
        (data!("sparse-other"), 0, &[], &[4]),
    ] {
        let (layout, data, following) = read_sparse(bytes).unwrap();
        assert_eq!(layout.size(), size);
        assert_eq!(layout.ranges(), ranges(list));
        assert_eq!(data.len() as u64, list.iter().map(|(_, len)| len).sum::<u64>());
        assert_eq!(following, behind);
    }
}

#[test]
fn ranges_that_are_not_read_are_skipped() {
    let mut reader = Reader::new(data!("sparse-many-ads"));
    reader.next_header().unwrap();
    let header = reader.next_header().unwrap().unwrap();
    let mut ranges = reader.ranges(&header);
    assert_eq!(ranges.file_size(), None);
    while ranges.next_range().unwrap().is_some() {}
    assert_eq!(ranges.file_size(), Some(70_000));
    assert_eq!(reader.next_header().unwrap().unwrap().id, StreamId::ALTERNATE_DATA);
}

#[test]
fn damaged_sparse_files_are_refused_with_the_reason() {
    for (bytes, message) in [
        (data!("sparse-back"), "backup stream, byte 201: a sparse range at 0 comes after data up to 65537"),
        (
            data!("sparse-noterm"),
            "backup stream, byte 173: sparse blocks end without the empty one that tells the size of the file",
        ),
    ] {
        assert_eq!(read_sparse(bytes).unwrap_err().to_string(), message);
    }
}

#[test]
fn other_streams_among_the_blocks_are_refused() {
    let many = data!("sparse-many");
    let mixed = [&many[..many.len() - 28], data!("ghosted")].concat();
    assert!(matches!(read_sparse(&mixed).unwrap_err().problem(), Problem::UnterminatedSparse));
}

/// A file of sparse blocks with these offsets and sizes, without their data.
fn blocks(list: &[(u64, u64)]) -> Vec<u8> {
    let sparse = StreamAttributes::SPARSE;
    let mut writer = Writer::new(Vec::new());
    let data = StreamHeader { attributes: sparse, ..StreamHeader::new(StreamId::DATA, 0) };
    writer.start_stream(&data).ok();
    let mut bytes = writer.finish().unwrap_or_default();
    for (offset, size) in list {
        bytes.extend([9, 0, 0, 0, 8, 0, 0, 0]);
        bytes.extend(size.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(offset.to_le_bytes());
    }
    bytes
}

#[test]
fn blocks_without_an_offset_or_beyond_any_file_are_refused() {
    let short = read_sparse(&blocks(&[(0, 7)])).unwrap_err();
    assert!(matches!(short.problem(), Problem::ShortSparseBlock { size: 7 }));
    let largest = i64::MAX.cast_unsigned();
    assert_eq!(read_sparse(&blocks(&[(largest, 8)])).unwrap().0.size(), largest);
    for block in [(largest + 1, 8), (largest, 9), (u64::MAX, 9)] {
        let error = read_sparse(&blocks(&[block])).unwrap_err();
        assert!(matches!(error.problem(), Problem::RangeOutOfBounds { .. }), "{error}");
    }
}

#[test]
fn an_expanded_file_has_zeros_for_its_holes() {
    let mut reader = Reader::new(data!("sparse-many"));
    reader.next_header().unwrap();
    let header = reader.next_header().unwrap().unwrap();
    let mut file = Vec::new();
    reader.ranges(&header).expand().read_to_end(&mut file).unwrap();
    let mut expected = vec![0; 200_000];
    expected[..5].copy_from_slice(b"first");
    expected[65_536..65_636].fill(b'm');
    expected[131_072..131_077].copy_from_slice(b"third");
    assert!(file == expected);
}

#[test]
fn a_layout_is_written_in_the_shape_that_windows_gives_it() {
    let sd_len = 124;
    for (name, bytes) in [
        ("empty", &data!("sparse-0-new")[sd_len..]),
        ("holes only", &data!("sparse-none")[sd_len..]),
        ("dense", &data!("file-sparse-attr")[sd_len..]),
        ("ranges", &data!("sparse-many")[sd_len..]),
        ("alternate", &data!("ads-sparse")[166..]),
    ] {
        let (layout, data, _) = read_sparse(bytes).unwrap();
        let stream_name = [u16::from(b's'), u16::from(b'1')];
        let stream = if name == "alternate" { DataStream::Alternate(&stream_name) } else { DataStream::Main };
        let mut writer = Writer::new(Vec::new());
        writer.write_sparse(stream, &layout, &data[..]).unwrap();
        assert_eq!(writer.finish().unwrap(), bytes, "{name}");
    }
}

#[test]
fn too_little_data_for_a_layout_is_an_error() {
    let layout = SparseLayout::new(ranges(&[(0, 4), (10, 4)]), 20).unwrap();
    let error = Writer::new(Vec::new()).write_sparse(DataStream::Main, &layout, &b"1234567"[..]).unwrap_err();
    assert!(matches!(error.problem(), Problem::WrongDataLength { size: 12, got: 11, .. }), "{error}");
}

#[test]
fn layouts_out_of_order_or_out_of_bounds_are_refused() {
    for (list, size) in
        [(&[(4, 4), (0, 4)][..], 10), (&[(0, 4), (3, 1)], 10), (&[(8, 3)], 10), (&[(1, u64::MAX)], 10)]
    {
        assert!(SparseLayout::new(ranges(list), size).is_err(), "{list:?}");
    }
    assert!(SparseLayout::new([], 1 << 63).is_err());
    let with_empty = SparseLayout::new(ranges(&[(9, 0), (0, 4), (4, 6)]), 10).unwrap();
    assert_eq!(with_empty.ranges(), ranges(&[(0, 4), (4, 6)]));
    assert!(!with_empty.is_dense());
}

proptest! {
    #[test]
    fn every_layout_survives_and_expands(
        parts in proptest::collection::vec((0_u64..50, 1_usize..50), 0..6),
        tail in 0_u64..50,
        byte: u8,
    ) {
        let (mut list, mut file) = (Vec::new(), Vec::new());
        for (hole, len) in parts {
            file.resize(file.len() + usize::try_from(hole).unwrap(), 0);
            list.push((file.len() as u64, len as u64));
            file.resize(file.len() + len, byte);
        }
        file.resize(file.len() + usize::try_from(tail).unwrap(), 0);
        let layout = SparseLayout::new(ranges(&list), file.len() as u64).unwrap();
        let data = vec![byte; usize::try_from(list.iter().map(|(_, len)| len).sum::<u64>()).unwrap()];

        let mut writer = Writer::new(Vec::new());
        writer.write_sparse(DataStream::Main, &layout, &data[..]).unwrap();
        let bytes = writer.finish().unwrap();

        prop_assert_eq!(read_sparse(&bytes).unwrap(), (layout, data, Vec::new()));
        let mut reader = Reader::new(&bytes[..]);
        let header = reader.next_header().unwrap().unwrap();
        let mut expanded = Vec::new();
        reader.ranges(&header).expand().read_to_end(&mut expanded).unwrap();
        prop_assert_eq!(expanded, file);
        prop_assert!(reader.next_header().unwrap().is_none());
    }

    #[test]
    fn arbitrary_blocks_never_panic(list in proptest::collection::vec((any::<u64>(), 0_u64..20), 0..5)) {
        if let Ok((layout, ..)) = read_sparse(&blocks(&list)) {
            prop_assert!(layout.ranges().len() <= list.len());
        }
    }
}
