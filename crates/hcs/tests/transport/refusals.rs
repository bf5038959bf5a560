//! Layers and directories that are wrong are refused by name, and leave nothing behind.

use std::fs;
use std::path::Path;

use super::support::{pack_from, tar, tree, unpack_to};
use proptest::prelude::*;
use tempfile::TempDir;
use winlayer_core::ErrorKind;
use winlayer_hcs::transport::complete;
use winlayer_tar::{EntryType, Header};

fn junction(attributes: &str) -> Header {
    Header::symlink("Files/j", r"C:\x")
        .with_record("MSWINDOWS.mountpoint", "1")
        .with_record("MSWINDOWS.fileattr", attributes)
}

/// Entries behind `Files`, `Files/d`, `Files/f` and `Hives`, the last of which is refused, and what is said of it.
fn refused() -> Vec<(Vec<Header>, &'static str)> {
    let file = |name: &str| Header::file(name, 0);
    let link = |name: &str, target: &str| Header::hard_link(name, target);
    let fifo = Header { kind: EntryType::Other(b'6'), ..file("Files/p") };
    vec![
        (vec![file("Files/../x")], "Files/../x"),
        (vec![file("/Files/x")], "absolute"),
        (vec![file("x")], "outside the layer's roots"),
        (vec![file(r"Files/a\..\..\x")], r"Files/a\\..\\..\\x"),
        (vec![file("Files/no/x")], "no entry for its directory Files/no"),
        (vec![file("Files/f/x")], "Files/f is no directory"),
        (vec![junction("1040"), file("Files/j/x")], "Files/j is no directory"),
        (vec![Header::symlink("Files/l", "/etc"), file("Files/l/x")], "Files/l is no directory"),
        (vec![file("Files/F")], "already, as Files/f"),
        (vec![file("Files/d/ä"), file("Files/D/Ä")], "already, as Files/d/ä"),
        (vec![file("Files/d.$WCIDIRS$")], "the format's own"),
        (vec![file("UtilityVM")], "UtilityVM must be a directory"),
        (vec![Header::directory("UtilityVM"), file("UtilityVM/x")], "nothing in UtilityVM but Files"),
        (vec![Header::directory("Hives/x")], "only plain files may lie in Hives"),
        (vec![file("Hives/S"), file("Hives/S:s")], "may not be a hive"),
        (vec![file("Files/s"), file("Files/s:s:$DATA")], "without :$DATA"),
        (vec![file("Files/s"), file("Files/s:s"), file("Files/s:S")], "two alternate data streams"),
        (vec![file("Files/f:s")], "must directly follow"),
        (vec![fifo], "a fifo has no place"),
        (
            vec![file("Files/x").with_record("MSWINDOWS.fileattr", "16")],
            "attributes say that it is a directory",
        ),
        (vec![junction("1024")], "a junction whose attributes say that it is a file"),
        (vec![file("Files/x").with_record("MSWINDOWS.fileattr", "x")], "MSWINDOWS.fileattr"),
        (vec![file("Files/x").with_record("MSWINDOWS.rawsd", "A")], "MSWINDOWS.rawsd is not base64"),
        (vec![Header::symlink("Files/l", "")], "the link has no target"),
        (vec![link("Files/h", "Files/h")], "it is itself"),
        (vec![link("Files/h", "Files/d")], "it is a directory"),
        (vec![link("Files/h", "../x")], "hard link to"),
        (vec![link("Files/h", "Hives/S")], "only files below Files and UtilityVM"),
        (vec![link("Hives/h", "Files/f")], "only files below Files and UtilityVM"),
        (vec![link("Files/no/h", "Files/f")], "no entry for its directory"),
        (vec![file("Hives/.wh.S")], "a whiteout may only name"),
        (vec![file("Files/.wh..wh..opq")], "opaque"),
        (vec![Header::directory("Files/.wh.x")], "a whiteout must be an empty regular file"),
    ]
}

#[test]
fn what_no_layer_holds_is_refused_with_the_entry_and_leaves_nothing() {
    for (headers, expected) in refused() {
        let start = ["Files", "Files/d", "Files/f", "Hives"].map(|name| match name {
            "Files/f" => Header::file(name, 0),
            _ => Header::directory(name),
        });
        let files: Vec<_> = start.into_iter().chain(headers).map(|header| (header, &b""[..])).collect();
        let temp = tempfile::tempdir().unwrap();
        let message = unpack_to(&tar(&files), &temp.path().join("new")).unwrap_err().to_string();
        assert!(message.contains(expected), "{message:?} for {expected:?}");
        assert!(message.starts_with("unpack: entry "), "{message}");
        assert!(unpack_to(&tar(&files), temp.path()).is_err());
        assert!(tree(temp.path()).is_empty(), "{message}");
    }
}

#[test]
fn a_tar_that_ends_too_soon_or_is_none_leaves_nothing() {
    let whole = tar(&[(Header::directory("Files"), b""), (Header::file("Files/f", 5), b"hello")]);
    let temp = tempfile::tempdir().unwrap();
    for tar in [&whole[..1026], &whole[..700], &[b'x'; 512]] {
        let error = unpack_to(tar, temp.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("offset"), "{error}");
        assert!(tree(temp.path()).is_empty());
    }
}

/// A directory that can be packed, until something is done to it.
fn exported() -> TempDir {
    let temp = tempfile::tempdir().unwrap();
    let layer = tar(&[
        (Header::directory("Files"), b""),
        (Header::directory("Files/d"), b""),
        (Header::file("Files/f", 5), b"hello"),
    ]);
    let unpacked = unpack_to(&layer, temp.path()).unwrap();
    complete(temp.path(), &unpacked).unwrap();
    pack_from(temp.path()).unwrap();
    temp
}

#[test]
fn a_directory_that_is_none_of_hcs_is_refused_with_the_path() {
    type Damage = fn(&Path) -> std::io::Result<()>;
    let damages: [(Damage, &str); 14] = [
        (|dir| fs::write(dir.join("x"), ""), "outside the layer's roots"),
        (|dir| fs::write(dir.join("UtilityVM"), ""), r#"entry "UtilityVM": UtilityVM must be a directory"#),
        (|dir| fs::remove_file(dir.join("Files/d.$wcidirs$")), "d.$wcidirs$ is missing"),
        (|dir| fs::remove_dir(dir.join("Files/d")), "no directory d"),
        (|dir| fs::write(dir.join("Files/f"), "ab"), r#"entry "Files/f": it is too short"#),
        (|dir| fs::write(dir.join("Files/f"), "\x20\0\0\0x"), "ends inside a stream header"),
        (|dir| fs::write(dir.join("Files/f"), "\x10\0\0\0"), "DIRECTORY, are not those of a file"),
        (
            |dir| fs::write(dir.join("Files/d.$wcidirs$"), "\x20\0\0\0"),
            "ARCHIVE, are not those of a directory",
        ),
        (
            |dir| fs::write(dir.join("Files/.wh.x"), "\x20\0\0\0"),
            r#"entry "Files/.wh.x": no file of a layer"#,
        ),
        (|dir| fs::write(dir.join("tombstones.txt"), "x"), "tombstones.txt, line 1"),
        (
            |dir| fs::write(dir.join("tombstones.txt"), "\u{feff}Version 1.0\n\\..\\x"),
            "tombstones.txt, line 2",
        ),
        (|dir| fs::write(dir.join("Files/.$wcidirs$"), ""), "there is .$wcidirs$"),
        (|dir| fs::create_dir(dir.join("Files/f.$wcidirs$")), "f.$wcidirs$"),
        (|dir| fs::remove_dir_all(dir.join("Files")), "no directory Files"),
    ];
    for (damage, expected) in damages {
        let temp = exported();
        damage(temp.path()).unwrap();
        let message = pack_from(temp.path()).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message:?} for {expected:?}");
        assert!(message.starts_with("pack: "), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn links_in_a_directory_are_not_followed() {
    for name in ["Files/l", "Files/d/l", "Hives", "tombstones.txt"] {
        let temp = exported();
        let _ = fs::remove_file(temp.path().join(name));
        std::os::unix::fs::symlink("/etc", temp.path().join(name)).unwrap();
        assert!(pack_from(temp.path()).is_err(), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn names_that_windows_cannot_tell_apart_or_have_are_not_packed() {
    for (name, expected) in [("F", "are one name to Windows"), ("a:b", "Files/a:b"), ("a\\b", r"Files/a\\b")]
    {
        let temp = exported();
        fs::write(temp.path().join("Files").join(name), "\x20\0\0\0").unwrap();
        let message = pack_from(temp.path()).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message:?} for {expected:?}");
    }
}

fn any_name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-c]",
        Just("..".to_owned()),
        Just(".".to_owned()),
        "[aA:.\\\\]{0,3}",
        Just(".wh.a".to_owned())
    ];
    let root = prop_oneof![Just("Files"), Just("Hives"), Just("UtilityVM"), Just(""), Just("..")];
    (root, proptest::collection::vec(part, 0..4))
        .prop_map(|(root, parts)| [&[root.to_owned()], &parts[..]].concat().join("/"))
}

fn any_header() -> impl Strategy<Value = Header> {
    (any_name(), any_name(), 0..5_u8).prop_map(|(name, link, kind)| match kind {
        0 | 1 => Header::directory(name),
        2 => Header::hard_link(name, link),
        3 => Header::symlink(name, link),
        _ => Header::file(name.trim_end_matches('/'), 0),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_a_tar_says_nothing_is_written_elsewhere_and_all_or_nothing_stays(
        headers in proptest::collection::vec(any_header(), 0..8),
    ) {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("a/b/new");
        fs::create_dir_all(dir.parent().unwrap()).unwrap();
        let roots = ["Files", "UtilityVM"].map(Header::directory);
        let files: Vec<_> = roots.into_iter().chain(headers).map(|header| (header, &b""[..])).collect();
        let done = unpack_to(&tar(&files), &dir);
        prop_assert_eq!(dir.exists(), done.is_ok());
        let all = tree(temp.path());
        prop_assert!(all.keys().all(|path| ["a", "a/b"].contains(&&path[..]) || path.starts_with("a/b/new")));
        if let Ok(unpacked) = done {
            complete(&dir, &unpacked).unwrap();
            pack_from(&dir).unwrap();
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(tar: Vec<u8>, record: Vec<u8>) {
        let temp = tempfile::tempdir().unwrap();
        let _ = unpack_to(&tar, &temp.path().join("new"));
        let exported = exported();
        fs::write(exported.path().join("Files/f"), record).unwrap();
        let _ = pack_from(exported.path());
    }
}
