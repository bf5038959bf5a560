//! What tars say is read as POSIX, GNU tar and Go's archive/tar have it, and what is wrong is refused with the place.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it does not expect")]

mod support;

use support::{BLOCK, Block, end, extended, only_entry, padded, read_all, refusal};
use winlayer_meta::filetime::UnixTime;
use winlayer_tar::{EntryType, Event, Limits, Parser, TarError};

fn file(name: &str, data: &[u8]) -> Vec<u8> {
    [Block::ustar(b'0', name, data.len()).bytes(), padded(data)].concat()
}

#[test]
fn an_empty_input_is_an_empty_tar() {
    assert!(read_all(b"").0.is_empty());
    assert_eq!(refusal(b""), "accepted");
    assert_eq!(refusal(&end()), "accepted");
}

#[test]
fn what_follows_the_end_is_not_looked_at() {
    let tar = [file("a", b"1"), end(), b"rubbish".to_vec()].concat();
    assert_eq!(only_entry(&tar).1, b"1");
}

#[test]
fn a_lone_zero_block_ends_a_tar_but_not_in_its_middle() {
    let lone = [file("a", b"1"), vec![0; BLOCK]].concat();
    assert_eq!(refusal(&lone), "accepted");
    let middle = [lone, file("b", b"")].concat();
    assert_eq!(refusal(&middle), "offset 1536: something follows a lone zero block");
}

#[test]
fn prefix_and_name_are_joined_where_the_format_has_a_prefix() {
    let path = |block: Block| only_entry(&block.put(345, b"dir").bytes()).0.path;
    assert_eq!(path(Block::ustar(b'0', "a", 0)), b"dir/a");
    assert_eq!(path(Block::gnu(b'0', "a", 0)), b"a", "GNU has times there");
    assert_eq!(path(Block::ustar(b'0', "a", 0).put(257, &[0; 8])), b"a", "V7 has nothing there");
    assert_eq!(path(Block::ustar(b'0', "a", 0).put(257, b"ustar  1")), b"a", "nor have unknown formats");
    let star = Block::ustar(b'0', "a", 0).put(345, &[b'p'; 131]).put(476, b"00000000001 00000000001 ");
    assert_eq!(only_entry(&star.put(508, b"tar\0").bytes()).0.path.len(), 131 + 2);
}

#[test]
fn old_files_with_a_slash_at_the_end_are_directories() {
    let kind = |name| only_entry(&Block::ustar(0, name, 0).bytes()).0.kind;
    assert_eq!(kind("a"), EntryType::File);
    assert_eq!(kind("a/"), EntryType::Directory);
}

#[test]
fn gnu_long_names_win_over_headers_and_records() {
    let long = "n".repeat(300);
    let name = [Block::gnu(b'L', "././@LongLink", 301).bytes(), padded(long.as_bytes())].concat();
    let link = [Block::gnu(b'K', "././@LongLink", 301).bytes(), padded(long.as_bytes())].concat();
    let tar = [name, link, extended(&[("path", "p")]), Block::gnu(b'2', "cut", 0).bytes()].concat();
    let entry = only_entry(&tar).0;
    assert_eq!((entry.path.len(), entry.link.len(), entry.header_offset), (300, 300, 0));
    let empty = [Block::gnu(b'L', "././@LongLink", 0).bytes(), file("a", b"")].concat();
    assert_eq!(only_entry(&empty).0.path, b"a");
}

#[test]
fn numbers_in_base_256_are_read_with_their_sign() {
    let size = Block::gnu(b'0', "a", 0).put(124, b"\x80\0\0\0\0\0\0\0\0\0\0\x03");
    let tar =
        [size.put(136, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe").bytes(), padded(b"abc")].concat();
    let (entry, data) = only_entry(&tar);
    assert_eq!(data, b"abc");
    assert_eq!(entry.mtime, UnixTime { secs: -2, nanos: 0 });
    let negative = Block::gnu(b'0', "a", 0).put(124, &[0xff; 12]).bytes();
    assert_eq!(refusal(&negative), "entry \"a\" at offset 0: the header field size is out of range");
}

#[test]
fn checksums_of_signed_bytes_are_taken_too() {
    let mut block = Block::ustar(b'0', "a", 0).put(1, &[0xe9]).bytes();
    assert_eq!(refusal(&block), "accepted");
    let text = std::str::from_utf8(&block[148..154]).unwrap();
    let unsigned = u32::from_str_radix(text, 8).unwrap();
    block[support::CHECKSUM].copy_from_slice(format!("{:06o}\0 ", unsigned - 256).as_bytes());
    assert_eq!(refusal(&block), "accepted");
    block[support::CHECKSUM].copy_from_slice(format!("{:06o}\0 ", unsigned - 255).as_bytes());
    assert!(refusal(&block).contains("checksum"));
}

#[test]
fn the_last_of_equal_records_counts_and_an_empty_one_takes_them_back() {
    let pairs =
        [("path", "x"), ("path", "y"), ("mtime", "5"), ("mtime", ""), ("atime", "no time"), ("atime", "1")];
    let (entry, _) = only_entry(&[extended(&pairs), file("a", b"")].concat());
    assert_eq!((&entry.path[..], entry.mtime), (&b"y"[..], UnixTime::default()));
    let (entry, _) = only_entry(&[extended(&[("path", "x"), ("path", "")]), file("a", b"")].concat());
    assert_eq!(entry.path, b"a");
}

#[test]
fn the_size_record_counts_for_data_but_not_for_types_without() {
    let tar = [extended(&[("size", "3")]), Block::ustar(b'0', "a", 0).bytes(), padded(b"abc")].concat();
    assert_eq!(only_entry(&tar).1, b"abc");
    let tar = [extended(&[("size", "3")]), Block::ustar(b'5', "d/", 9).bytes()].concat();
    let (entry, data) = only_entry(&tar);
    assert_eq!((entry.size, entry.stored, data.len()), (0, 0, 0));
}

#[test]
fn global_headers_are_no_entries_and_say_nothing_about_the_next() {
    let mut global = extended(&[("path", "x")]);
    global[156] = b'g';
    support::repair_checksum(&mut global[..BLOCK]);
    let (entry, _) = only_entry(&[&global[..], &file("a", b"")].concat());
    assert_eq!((&entry.path[..], entry.header_offset), (&b"a"[..], 1024));
    let between = [extended(&[("path", "y")]), global.clone(), file("a", b"")].concat();
    let (entry, _) = only_entry(&between);
    assert_eq!((&entry.path[..], entry.header_offset), (&b"y"[..], 0));
    assert_eq!(refusal(&[global, end()].concat()), "accepted");
}

#[test]
fn extension_headers_need_an_entry_behind_them() {
    let long = [Block::gnu(b'K', "././@LongLink", 1).bytes(), padded(b"x")].concat();
    for extension in [extended(&[("path", "x")]), long] {
        let text = "an extension header without an entry";
        assert_eq!(refusal(&extension), format!("offset 1024: {text}"));
        assert_eq!(refusal(&[extension, end()].concat()), format!("offset 1024: {text}"));
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let damaged = |at: usize, bytes: &[u8]| {
        [file("ok", b""), Block::ustar(b'0', "a", 0).put(at, bytes).bytes()].concat()
    };
    let number = |field: &str| format!("offset 512: the header field {field} is not a number");
    for (at, field) in [
        (100, "mode"),
        (108, "uid"),
        (116, "gid"),
        (124, "size"),
        (136, "mtime"),
        (329, "devmajor"),
        (337, "devminor"),
    ] {
        assert_eq!(refusal(&damaged(at, b"00000x")), number(field));
    }
    let mut tar = damaged(0, b"a");
    tar[BLOCK + 148] = b'7';
    assert_eq!(
        refusal(&tar),
        "offset 512: the header's checksum is wrong: this is not a tar, or it is damaged"
    );
    let mut broken = extended(&[("k", "v"), ("path", "x")]);
    broken[BLOCK + 7] = b'9';
    assert_eq!(refusal(&broken), "offset 518: a PAX record is malformed");
    for (key, value, wanted) in [
        ("mtime", "1.x", "a time"),
        ("atime", "x", "a time"),
        ("ctime", "-", "a time"),
        ("uid", "1.5", "a number"),
        ("gid", "x", "a number"),
        ("size", "-1", "a number"),
        ("size", "9223372036854775808", "a number"),
    ] {
        let text = format!(
            "entry \"a\" at offset 1024: the PAX record {key:?} has the value {value:?}, which is not {wanted}"
        );
        assert_eq!(refusal(&[extended(&[(key, value)]), file("a", b"")].concat()), text);
    }
}

#[test]
fn nul_is_refused_in_names_of_records_only() {
    let tar = |key, value| [extended(&[(key, value)]), file("a", b"")].concat();
    assert_eq!(refusal(&tar("path", "a\0b")), "offset 512: a PAX record is malformed");
    assert_eq!(refusal(&tar("k\0", "v")), "offset 512: a PAX record is malformed");
    assert_eq!(refusal(&tar("k", "a\0b")), "accepted");
}

/// A tar ends cleanly between entries (Go's archive/tar asks neither for padding nor for zero blocks) and nowhere else.
#[test]
fn a_tar_that_is_cut_anywhere_else_than_between_entries_is_refused() {
    let pax = [extended(&[("path", "p")]), file("a", &[7; 600])].concat();
    let tar = [file("a", b"12345"), pax, file("b", b""), end()].concat();
    // The first file's data end at 517, its padding at 1024; so do the others'.
    let clean: [std::ops::RangeInclusive<usize>; 4] =
        [0..=0, 517..=1024, 1024 + 1536 + 600..=3584, 4096..=4096];
    for cut in 0..tar.len() {
        let is_clean = clean.iter().any(|range| range.contains(&cut)) || cut == 4096 + BLOCK;
        let (entries, error) = read_all(&tar[..cut]);
        assert_eq!(error.is_none(), is_clean, "cut at {cut}: {error:?}");
        assert_eq!(
            entries.len(),
            [517, 3160, 4096].iter().filter(|&&end| cut >= end).count(),
            "cut at {cut}"
        );
    }
}

#[test]
fn limits_are_kept_exactly() {
    let limits = Limits { extension: 600, sparse_ranges: 2 };
    let parse = |tar: &[u8]| -> Result<(), TarError> {
        let (mut parser, mut at) = (Parser::with_limits(limits), 0);
        loop {
            match parser.advance(&tar[at..])? {
                (_, Event::NeedInput | Event::End) => return Ok(()),
                (used, _) => at += used,
            }
        }
    };
    let with_value = |len| [extended(&[("k", &"v".repeat(len))]), file("a", b"")].concat();
    let overhead = "600 k=\n".len();
    assert_eq!(parse(&with_value(600 - overhead)), Ok(()));
    let error = parse(&with_value(601 - overhead)).unwrap_err();
    assert_eq!(error.to_string(), "offset 0: an extension header of more than 600 bytes");
    let map = |map: &str, count: &str| {
        let pairs = [("GNU.sparse.map", map), ("GNU.sparse.numblocks", count), ("GNU.sparse.size", "9")];
        [extended(&pairs), Block::ustar(b'0', "a", 0).bytes()].concat()
    };
    assert_eq!(parse(&map("1,0,2,0", "2")), Ok(()));
    let error = parse(&map("1,0,2,0,3,0", "3")).unwrap_err();
    assert_eq!(error.to_string(), "entry \"a\" at offset 1024: a sparse map of more than 2 ranges");
}

#[test]
fn a_size_that_is_claimed_costs_nothing_before_it_comes() {
    let claims = Block::ustar(b'0', "a", 0).put(124, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff").bytes();
    let mut parser = Parser::default();
    let (used, event) = parser.advance(&claims).unwrap();
    let Event::Entry(entry) = event else { panic!("{event:?}") };
    assert_eq!((used, entry.stored), (512, i64::MAX.cast_unsigned()));
    assert_eq!(parser.skip_data(), i64::MAX.cast_unsigned() + 1);
    assert_eq!(parser.offset(), i64::MAX.cast_unsigned() + 513);
}
