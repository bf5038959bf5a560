//! Golden reparse points, and what must survive or be refused.

use proptest::prelude::*;
use winlayer_meta::reparse::{MAX_LEN, ReparseError, ReparsePoint, ReparseTag, TargetBase};

fn utf16(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

/// What a link to `target` is made of: substitute name, print name, base.
fn symlink_parts(target: &str) -> (String, String, TargetBase) {
    let ReparsePoint::Symlink { substitute, print, base } = ReparsePoint::symlink_to(&utf16(target)) else {
        unreachable!("a symbolic link was asked for");
    };
    (String::from_utf16_lossy(&substitute), String::from_utf16_lossy(&print), base)
}

#[test]
fn targets_become_nt_paths_as_in_layer_tars() {
    use TargetBase::{Absolute, Relative};
    let volume = r"Volume{01234567-89ab-cdef-0123-456789abcdef}\";
    for (target, substitute, print, base) in [
        ("target.txt", "target.txt", "target.txt", Relative),
        ("dir/sub/target.txt", r"dir\sub\target.txt", r"dir\sub\target.txt", Relative),
        (r"..\x", r"..\x", r"..\x", Relative),
        (r"\Windows\x", r"\Windows\x", r"\Windows\x", Relative),
        ("/Windows/x", r"\Windows\x", r"\Windows\x", Relative),
        ("C:/Windows/System32", r"\??\C:\Windows\System32", r"C:\Windows\System32", Absolute),
        ("c:foo", r"\??\c:foo", "c:foo", Absolute),
        ("1:foo", "1:foo", "1:foo", Relative),
        (r"\\server\share\x", r"\??\UNC\server\share\x", r"\\server\share\x", Absolute),
        ("//server/share/x", r"\??\UNC\server\share\x", r"\\server\share\x", Absolute),
        (r"\\?\C:\x", r"\??\C:\x", r"\\?\C:\x", Absolute),
        (&format!(r"\\?\{volume}"), &format!(r"\??\{volume}"), &format!(r"\\?\{volume}"), Absolute),
        ("Données/日本語/𐐷", r"Données\日本語\𐐷", r"Données\日本語\𐐷", Relative),
        ("", "", "", Relative),
    ] {
        assert_eq!(symlink_parts(target), (substitute.into(), print.into(), base), "{target}");
        let mount_point = ReparsePoint::MountPoint { substitute: utf16(substitute), print: utf16(print) };
        assert_eq!(ReparsePoint::mount_point_to(&utf16(target)), mount_point, "{target}");
        assert_eq!(mount_point.target().as_deref(), Some(&*utf16(print)), "{target}");
    }
}

#[test]
fn a_link_without_a_print_name_leads_where_its_substitute_name_does() {
    for (substitute, target) in [
        (r"\??\C:\subst", r"C:\subst"),
        (r"\??\UNC\server\share", r"\\server\share"),
        (
            r"\??\Volume{01234567-89ab-cdef-0123-456789abcdef}\",
            r"\\?\Volume{01234567-89ab-cdef-0123-456789abcdef}\",
        ),
        (r"..\x", r"..\x"),
        ("", ""),
    ] {
        let (substitute, print) = (utf16(substitute), Vec::new());
        let symlink = ReparsePoint::Symlink {
            substitute: substitute.clone(),
            print: print.clone(),
            base: TargetBase::Absolute,
        };
        assert_eq!(symlink.target().as_deref(), Some(&*utf16(target)));
        let mount_point = ReparsePoint::MountPoint { substitute, print };
        assert_eq!(mount_point.target().as_deref(), Some(&*utf16(target)));
    }
}

#[test]
fn a_symlink_is_written_as_windows_stores_it() {
    let expected =
        b"\x0c\0\0\xa0\x24\0\0\0\0\0\x0a\0\x0c\0\x0a\0\x01\0\0\0t\0.\0t\0x\0t\0\0\0t\0.\0t\0x\0t\0\0\0";
    let point = ReparsePoint::symlink_to(&utf16("t.txt"));
    assert_eq!(point.to_bytes().unwrap(), expected);
    assert_eq!(ReparsePoint::parse(expected).unwrap(), point);
}

#[test]
fn a_mount_point_is_written_as_windows_stores_it() {
    let expected = b"\x03\0\0\xa0\x20\0\0\0\0\0\x0e\0\x10\0\x06\0\
        \\\0?\0?\0\\\0C\0:\0\\\0\0\0C\0:\0\\\0\0\0";
    let point = ReparsePoint::mount_point_to(&utf16(r"C:\"));
    assert_eq!(point.to_bytes().unwrap(), expected);
    assert_eq!(ReparsePoint::parse(expected).unwrap(), point);
}

#[test]
fn names_may_come_in_either_order() {
    let print_first = b"\x03\0\0\xa0\x0e\0\0\0\x04\0\x02\0\0\0\x02\0p\0\0\0s\0";
    let point = ReparsePoint::MountPoint { substitute: utf16("s"), print: utf16("p") };
    assert_eq!(ReparsePoint::parse(print_first).unwrap(), point);
}

#[test]
fn points_of_other_filters_keep_every_byte() {
    let tombstone = b"\x1f\0\0\xa0\x03\0\x07\x08abc";
    let point = ReparsePoint::parse(tombstone).unwrap();
    assert_eq!(point.tag(), ReparseTag::WCI_TOMBSTONE);
    assert_eq!(point.target(), None);
    assert_eq!(point.to_bytes().unwrap(), tombstone);

    let foreign = b"\x3b\x2a\0\0\x02\0\0\x000123456789abcdefxy";
    let point = ReparsePoint::parse(foreign).unwrap();
    assert!(matches!(&point, ReparsePoint::Other { guid: Some(guid), data, .. }
        if guid == b"0123456789abcdef" && data == b"xy"));
    assert_eq!(point.to_bytes().unwrap(), foreign);
}

#[test]
fn a_truncated_point_says_what_is_missing() {
    for (bytes, message) in [
        (&b"\x0c\0\0"[..], "reparse point of 3 bytes is too short for its header of 8"),
        (b"\x0c\0\0\xa0\0\0\0\0", "reparse point of 8 bytes is too short for its header of 20"),
        (b"\x3b\x2a\0\0\0\0\0\0abc", "reparse point of 11 bytes is too short for its header of 24"),
        (b"\x1f\0\0\xa0\x04\0\0\0abc", "reparse point WCI_TOMBSTONE announces 4 bytes of data, but 3 follow"),
        (
            b"\x03\0\0\xa0\x0a\0\0\0\0\0\x02\0\x02\0\x02\0s\0",
            "reparse point MOUNT_POINT: the print name is 2 bytes at 2, the names have 2",
        ),
        (
            b"\x03\0\0\xa0\x0a\0\0\0\0\0\x01\0\0\0\0\0s\0",
            "reparse point MOUNT_POINT: the substitute name is 1 bytes at 0, the names have 2",
        ),
    ] {
        assert_eq!(ReparsePoint::parse(bytes).unwrap_err().to_string(), message);
    }
}

#[test]
fn points_larger_than_windows_stores_are_refused() {
    let point = ReparsePoint::symlink_to(&vec![u16::from(b'a'); 5_000]);
    let error = ReparseError::TooLong { tag: ReparseTag::SYMLINK, len: 20_024 };
    assert_eq!(point.to_bytes().unwrap_err(), error);
    let bytes = [&b"\x1f\0\0\xa0\xf9\x3f\0\0"[..], &[0; MAX_LEN - 7]].concat();
    assert!(matches!(ReparsePoint::parse(&bytes), Err(ReparseError::TooLong { .. })));
}

#[test]
fn a_guid_must_fit_the_tag() {
    let other = |tag, guid| ReparsePoint::Other { tag, reserved: 0, guid, data: Vec::new() };
    assert!(other(ReparseTag::WCI, Some([0; 16])).to_bytes().is_err());
    assert!(other(ReparseTag(0x2A3B), None).to_bytes().is_err());
    assert!(other(ReparseTag(0x2A3B), Some([0; 16])).to_bytes().is_ok());
}

proptest! {
    #[test]
    fn every_link_survives_the_round_trip(
        substitute in proptest::collection::vec(any::<u16>(), 0..200),
        print in proptest::collection::vec(any::<u16>(), 0..200),
        base in prop_oneof![Just(TargetBase::Absolute), Just(TargetBase::Relative)],
    ) {
        let mount_point = ReparsePoint::MountPoint { substitute: substitute.clone(), print: print.clone() };
        let symlink = ReparsePoint::Symlink { substitute, print, base };
        for point in [symlink, mount_point] {
            prop_assert_eq!(ReparsePoint::parse(&point.to_bytes().unwrap()).unwrap(), point);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_other_points_survive(
        tag in prop_oneof![Just(0xA000_000C_u32), Just(0xA000_0003), any::<u32>()],
        rest in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = tag.to_le_bytes().to_vec();
        bytes.extend(rest);
        if let Ok(point) = ReparsePoint::parse(&bytes) {
            let written = point.to_bytes().unwrap();
            if matches!(point, ReparsePoint::Other { .. }) {
                prop_assert_eq!(written, bytes);
            }
        }
    }

    #[test]
    fn names_anywhere_in_a_link_never_panic(
        fields in proptest::array::uniform8(0_u8..12),
        names in proptest::collection::vec(any::<u8>(), 0..24),
    ) {
        let len = u16::try_from(fields.len() + names.len()).unwrap();
        let mut bytes = 0xA000_0003_u32.to_le_bytes().to_vec();
        bytes.extend(len.to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(fields);
        bytes.extend(names);
        if let Ok(point) = ReparsePoint::parse(&bytes) {
            let again = ReparsePoint::parse(&point.to_bytes().unwrap()).unwrap();
            prop_assert_eq!(again, point);
        }
    }
}
