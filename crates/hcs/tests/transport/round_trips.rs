//! What becomes of a layer in a transport directory, and of a transport directory in a tar.

use std::fs;

use super::support::{self, entries, pack_from, tar, through_transport, tree, unpack_to};
use winlayer_core::{CancelToken, Control, ErrorKind};
use winlayer_hcs::transport::{LinkTarget, complete, pack, unpack};
use winlayer_meta::filetime::{FileTime, UnixTime};
use winlayer_tar::{EntryType, Header};

const CHILD: &[u8] = include_bytes!("../vectors/child.tar");
const CHILD_TREE: &[u8] = include_bytes!("../vectors/child.tree.tar");
const MTIME: UnixTime = UnixTime { secs: 1_600_000_000, nanos: 123_456_700 };

fn directory(name: &str) -> Header {
    with_metadata(Header::directory(name), 0x10)
}

fn file(name: &str, size: u64) -> Header {
    with_metadata(Header::file(name, size), 0x20)
}

/// A record of each kind, and four different times.
fn with_metadata(header: Header, attributes: u32) -> Header {
    let at = |secs| Some(UnixTime { secs, nanos: 100 });
    let header = Header { mtime: MTIME, atime: at(1_700_000_000), ctime: at(1_650_000_000), ..header };
    let descriptor = "AQAEhBQAAAAkAAAAAAAAADQAAAABAgAAAAAABSAAAAAgAgAAAQEAAAAAAAUSAAAAAAAAAAIANAACAAAAAAAUAP8BHwABAQA\
                      AAAAABRIAAAAAABgA/wEfAAECAAAAAAAFIAAAACACAAA=";
    header
        .with_record("LIBARCHIVE.creationtime", "-11644473600")
        .with_record("MSWINDOWS.fileattr", attributes.to_string())
        .with_record("MSWINDOWS.rawsd", descriptor)
        .with_record("MSWINDOWS.xattr.A", "MQ==")
}

/// A layer with one of everything.
fn layer() -> Vec<u8> {
    let junction = with_metadata(Header::symlink("Files/d/j", r"C:\Windows"), 0x410);
    tar(&[
        (Header { mtime: MTIME, ..Header::directory("Files/") }, b""),
        (directory("Files/D"), b""),
        (Header::file("Files/D/.wh.gone", 0), b""),
        (junction.with_record("MSWINDOWS.mountpoint", "1"), b""),
        (with_metadata(Header::symlink("Files/D/l", r"..\f"), 0x420), b""),
        (file("Files/f", 5), b"hello"),
        (Header { mtime: MTIME, ..Header::file("Files/f:s", 1) }, b"x"),
        (Header { mtime: MTIME, ..Header::file("Files/f:ü", 0) }, b""),
        (Header::hard_link("Files/h", "Files/f"), b""),
        (Header::hard_link("Files/p", "Files/Windows/parents"), b""),
        (Header::hard_link("Files/q", "Files/p"), b""),
        (Header::file("Files/not/here/.wh.x", 0), b""),
        (file("Files/z.txt", 0), b""),
        (Header::directory("Hives"), b""),
        (Header { mtime: MTIME, ..Header::file("Hives/System_Delta", 4) }, b"regf"),
        (directory("UtilityVM"), b""),
        (directory("UtilityVM/Files"), b""),
        (file("UtilityVM/Files/boot", 3), b"bcd"),
        (Header::file("UtilityVM/Files/.wh.old", 0), b""),
    ])
}

#[test]
fn a_layer_becomes_the_very_directory_that_hcs_was_given() {
    let temp = tempfile::tempdir().unwrap();
    let unpacked = unpack_to(CHILD, temp.path()).unwrap();

    let expected = entries(CHILD_TREE).0.into_iter();
    let content = |entry: support::Entry| (entry.kind == EntryType::File).then_some(entry.data);
    let expected = expected.map(|(name, entry)| (name, content(entry))).collect();
    assert_eq!(tree(temp.path()), expected);

    let links: Vec<_> =
        unpacked.late_links.iter().map(|l| (l.name.to_string(), l.target.to_string(), l.found)).collect();
    assert_eq!(
        links,
        [
            ("Files/hard.txt".to_owned(), "Files/hello.txt".to_owned(), LinkTarget::ThisLayer),
            (
                "Files/hard2.txt".to_owned(),
                "Files/Windows/System32/config/SAM".to_owned(),
                LinkTarget::Parents
            ),
        ]
    );
    let [gone] = &unpacked.tombstones[..] else { panic!("one path is gone") };
    assert_eq!((gone.path.to_string().as_str(), gone.is_replaced), ("Files/Windows/gone.txt", false));
    assert!(!unpacked.has_utility_vm);
    assert_eq!(unpacked.files, 12);
}

/// What the files of this system hold of an entry: on Windows, no time of the change, not 1601, and when they are read is
/// their own time.
fn held(entry: &support::Entry) -> support::Entry {
    let mut entry = entry.clone();
    if cfg!(windows) {
        entry.meta.created = entry.meta.modified;
        entry.meta.accessed = entry.meta.modified;
        entry.meta.changed = entry.meta.modified;
    }
    entry
}

#[test]
fn all_that_the_format_holds_comes_back() {
    let before = layer();
    let (after, leftover) = through_transport(&before);
    let (before, _) = entries(&before);
    let (mut after, mut names) = entries(&after);
    // Where hard links cannot be told, each name has the streams too.
    names.retain(|name| cfg!(unix) || !name.starts_with("Files/h:"));
    assert_eq!(
        names,
        [
            "Files",
            "Files/not/here/.wh.x",
            "Files/D",
            "Files/D/.wh.gone",
            "Files/D/j",
            "Files/D/l",
            "Files/f",
            "Files/f:s",
            "Files/f:ü",
            "Files/h",
            "Files/z.txt",
            "Hives",
            "Hives/System_Delta",
            "UtilityVM",
            "UtilityVM/Files",
            "UtilityVM/Files/boot",
        ]
    );
    for name in ["Files/D", "Files/D/l", "Files/f", "Files/z.txt", "UtilityVM", "UtilityVM/Files/boot"] {
        assert_eq!(held(&after[name]), held(&before[name]), "{name}");
    }
    assert_eq!(held(&after["Files/D/j"]), held(&before["Files/d/j"]));
    assert_eq!(after["Files/f:s"].data, b"x");
    let link = after.remove("Files/h").unwrap();
    let expected = if cfg!(unix) { (EntryType::HardLink, "Files/f") } else { (EntryType::File, "") };
    assert_eq!((link.kind, link.link.as_str()), expected);
    assert_eq!(link.meta.modified, before["Files/f"].meta.modified);
    let lost: Vec<_> = leftover.links.iter().map(|link| link.name.to_string()).collect();
    assert_eq!(lost, ["Files/p", "Files/q"]);
    assert_eq!(leftover.tombstones[0].to_string(), "UtilityVM/Files/old");
}

#[test]
fn what_lies_outside_of_files_has_plain_metadata_and_files_the_times_of_the_hives() {
    let (after, _) = through_transport(&layer());
    let (after, _) = entries(&after);
    let mtime = FileTime::from_unix(MTIME).unwrap();
    for (name, attributes) in [("Files", 0x10), ("Hives", 0x10), ("Hives/System_Delta", 0x20)] {
        let meta = &after[name].meta;
        assert_eq!([meta.created, meta.accessed, meta.modified, meta.changed], [mtime; 4], "{name}");
        assert_eq!(meta.attributes.unwrap().bits(), attributes, "{name}");
        assert_eq!((&meta.security, meta.eas.len()), (&None, 0), "{name}");
    }
}

#[test]
fn packing_and_unpacking_again_changes_nothing_more() {
    let (once, _) = through_transport(&layer());
    let (twice, leftover) = through_transport(&once);
    assert!(cfg!(windows) || once == twice);
    assert_eq!(entries(&once).1, entries(&twice).1);
    assert_eq!(leftover, winlayer_hcs::transport::Leftover::default());
}

#[test]
fn a_whiteout_of_what_the_layer_replaces_says_so() {
    let temp = tempfile::tempdir().unwrap();
    let layer = tar(&[
        (Header::directory("Files"), b""),
        (Header::file("Files/.wh.A", 0), b""),
        (Header::file("Files/a", 0), b""),
    ]);
    assert!(unpack_to(&layer, temp.path()).unwrap().tombstones[0].is_replaced);
}

#[test]
fn a_directory_as_hcs_exports_it_becomes_a_layer() {
    let temp = tempfile::tempdir().unwrap();
    let at = |name: &str| temp.path().join(name);
    for name in ["Files/Windows", "Hives", "UtilityVM/Files"] {
        fs::create_dir_all(at(name)).unwrap();
    }
    let data = b"\x20\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0hi";
    fs::write(at("Files/Windows.$wcidirs$"), b"\x10\0\0\0").unwrap();
    fs::write(at("Files/Windows/b"), data).unwrap();
    fs::hard_link(at("Files/Windows/b"), at("Files/Windows/c")).unwrap();
    fs::write(at("Files/Windows/a"), b"\x20\0\0\0").unwrap();
    fs::write(at("Hives/Sam_Delta"), b"regf").unwrap();
    fs::write(at("UtilityVM/Files/bcd"), b"regf2").unwrap();
    fs::write(at("tombstones.txt"), "\u{feff}Version 1.0\n\\Windows\\x\n\\Windows\\no\\y\n\\top\n").unwrap();

    let (entries, names) = entries(&pack_from(temp.path()).unwrap());
    assert_eq!(
        names,
        [
            "Files",
            "Files/.wh.top",
            "Files/Windows",
            "Files/Windows/.wh.x",
            "Files/Windows/no/.wh.y",
            "Files/Windows/a",
            "Files/Windows/b",
            "Files/Windows/c",
            "Hives",
            "Hives/Sam_Delta",
            "UtilityVM",
            "UtilityVM/Files",
            "UtilityVM/Files/bcd",
        ]
    );
    assert_eq!(entries["Files/Windows/b"].data, b"hi");
    if cfg!(unix) {
        assert_eq!(entries["Files/Windows/c"].link, "Files/Windows/b");
    }
    assert_eq!(entries["UtilityVM/Files/bcd"].data, b"regf2");
    assert_eq!(entries["Hives/Sam_Delta"].meta.attributes.unwrap().bits(), 0x20);
}

#[test]
fn unpacking_stops_when_it_is_cancelled_and_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let cancel = CancelToken::new();
    cancel.cancel();
    let control = Control { progress: &(), cancel: &cancel };
    let dir = temp.path().join("new");
    assert_eq!(unpack(CHILD, &dir, control).unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(!dir.exists());

    unpack_to(CHILD, &dir).unwrap();
    assert_eq!(pack(&dir, Vec::new(), control).unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn only_a_new_or_an_empty_directory_is_filled() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("mine"), b"x").unwrap();
    let error = unpack_to(CHILD, temp.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(tree(temp.path()).len(), 1);
    assert_eq!(unpack_to(CHILD, &temp.path().join("no/such")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn completing_twice_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let unpacked = unpack_to(CHILD, temp.path()).unwrap();
    complete(temp.path(), &unpacked).unwrap();
    assert_eq!(complete(temp.path(), &unpacked).unwrap_err().kind(), ErrorKind::AlreadyExists);
}
