//! Sparse files in the four formats that GNU tar 1.34 writes, and maps that lie.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it does not expect")]

mod support;

use support::{BLOCK, Block, extended, only_entry, padded, refusal};

/// `data/sparse/*.tar`: 20,000 bytes; 512 times A, B, C, D and E at 1024, 4096, 7168, 10240 and 13312.
const FIXTURES: [(&str, &[u8]); 4] = [
    ("old GNU", include_bytes!("data/sparse/gnu.tar")),
    ("PAX 0.0", include_bytes!("data/sparse/pax-0.0.tar")),
    ("PAX 0.1", include_bytes!("data/sparse/pax-0.1.tar")),
    ("PAX 1.0", include_bytes!("data/sparse/pax-1.0.tar")),
];

#[test]
fn every_format_gives_the_same_file() {
    let mut expected = vec![0; 20_000];
    for (letter, at) in (b'A'..=b'E').zip((1024..).step_by(3072)) {
        expected[at..at + 512].fill(letter);
    }
    for (format, tar) in FIXTURES {
        let (entry, data) = only_entry(tar);
        assert_eq!(entry.path, b"holes", "{format}");
        assert_eq!((entry.size, entry.stored), (20_000, 5 * 512), "{format}");
        assert!(data == expected, "{format}");
        let stored = usize::try_from(entry.data_offset).unwrap();
        assert_eq!(&tar[stored..stored + 512], &[b'A'; 512], "{format}");
    }
}

#[test]
fn a_sparse_tar_that_is_cut_is_refused() {
    for (format, tar) in FIXTURES {
        for cut in 1..tar.len() - 1 {
            assert_ne!(refusal(&tar[..cut]), "accepted", "{format} cut at {cut}");
        }
    }
}

#[test]
fn a_hole_alone_is_all_zeros() {
    for minor in ["0", "1"] {
        let version = [("GNU.sparse.major", "0"), ("GNU.sparse.minor", minor)];
        let map = [("GNU.sparse.numblocks", "0"), ("GNU.sparse.map", ""), ("GNU.sparse.size", "1000")];
        let tar = [extended(&[&version[..], &map].concat()), Block::ustar(b'0', "a", 0).bytes()].concat();
        assert_eq!(only_entry(&tar).1, vec![0; 1000]);
    }
}

#[test]
fn old_gnu_ranges_end_at_the_first_without_an_offset() {
    let range = |offset: &str, len: &str| format!("{offset:\0<12}{len:\0<12}").into_bytes();
    let sparse = |ranges: &[Vec<u8>]| {
        let header = Block::gnu(b'S', "a", 2).put(386, &ranges.concat()).put(483, b"00000000012\0");
        [header.bytes(), padded(b"12")].concat()
    };
    let ranges = [range("1", "1"), range("3", ""), range("5", "1"), range("", "7")];
    assert_eq!(only_entry(&sparse(&ranges)).1, b"\x001\0\0\x002\0\0\0\0");
    let text = "entry \"a\" at offset 0: the sparse map is malformed";
    assert_eq!(refusal(&sparse(&ranges[..2])), text);
}

#[test]
fn maps_that_do_not_fit_the_file_are_refused() {
    let text = "entry \"a\" at offset 1024: the sparse map is malformed";
    for (map, count, size, stored, expected) in [
        ("0,5,6,5", "2", "20", 10, "accepted"),
        ("0,5,5,5", "2", "10", 10, "accepted"),
        ("0,5,6,5", "1", "20", 10, text),
        ("0,5,6,5", "", "20", 10, text),
        ("0,5,6", "2", "20", 10, text),
        ("0,5,4,5", "2", "20", 10, text),
        ("6,5,0,5", "2", "20", 10, text),
        ("0,5,6,5", "2", "10", 10, text),
        ("0,5,6,5", "2", "20", 11, text),
        ("0,5,6,5", "2", "20", 9, text),
        ("0,5,6,-5", "2", "20", 10, text),
        ("5,9223372036854775807", "1", "9223372036854775807", 10, text),
        ("0,5,,5", "2", "20", 10, text),
    ] {
        let pairs = [("GNU.sparse.map", map), ("GNU.sparse.numblocks", count), ("GNU.sparse.size", size)];
        let header = Block::ustar(b'0', "a", stored).bytes();
        let tar = [extended(&pairs), header, padded(&vec![1; stored])].concat();
        assert_eq!(refusal(&tar), expected, "{map} {count} {size} {stored}");
    }
}

#[test]
fn pairs_out_of_turn_are_refused_and_unknown_versions_are_no_sparse_files() {
    let tar = |pairs: &[(&str, &str)]| {
        [extended(pairs), Block::ustar(b'0', "a", 5).bytes(), padded(b"12345")].concat()
    };
    let turned = [("GNU.sparse.numbytes", "5"), ("GNU.sparse.offset", "0"), ("GNU.sparse.numblocks", "1")];
    assert_eq!(refusal(&tar(&turned)), "entry \"a\" at offset 1024: the sparse map is malformed");
    let (entry, data) = only_entry(&tar(&[("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0")]));
    assert!(entry.sparse.is_none());
    assert_eq!(data, b"12345");
}

#[test]
fn a_map_that_never_ends_is_refused_before_it_is_held_whole() {
    let pairs = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "9")];
    let size = 8 << 20;
    let tar = [extended(&pairs), Block::ustar(b'0', "a", size).bytes(), vec![b'1'; size]].concat();
    let text = refusal(&tar);
    assert!(text.ends_with("a sparse map of more than 1048576 bytes"), "{text}");
    let counts = [extended(&pairs), Block::ustar(b'0', "a", size).bytes(), padded(b"99999999\n")].concat();
    let text = refusal(&counts);
    assert!(text.ends_with("a sparse map of more than 65536 ranges"), "{text}");
}

#[test]
fn a_map_longer_than_the_stored_data_is_refused() {
    let pairs = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "0")];
    let tar = [extended(&pairs), Block::ustar(b'0', "a", 3).bytes(), padded(b"0\n")].concat();
    assert_eq!(refusal(&tar), "entry \"a\" at offset 1536: the sparse map is malformed");
    let tar = [extended(&pairs), Block::ustar(b'0', "a", BLOCK).bytes(), padded(b"0\n")].concat();
    assert_eq!(refusal(&tar), "accepted");
}

#[test]
fn only_files_can_be_sparse() {
    let pairs = [("GNU.sparse.map", "0,0"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.size", "0")];
    let tar = [extended(&pairs), Block::ustar(b'5', "a", 0).bytes()].concat();
    assert_eq!(refusal(&tar), "entry \"a\" at offset 1024: the sparse map is malformed");
    let not_gnu = Block::ustar(b'S', "a", 0).bytes();
    assert_eq!(refusal(&not_gnu), "entry \"a\" at offset 0: the sparse map is malformed");
}
