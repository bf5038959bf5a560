//! What no image can express is refused, with words that say what and where.
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use std::io;

use proptest::prelude::*;
use winlayer_erofs::{
    DeviceId, Error, ErrorKind, Extent, ImageBuilder, Inode, InodeId, Kind, Result, Timestamp, Volume,
    XattrId,
};

fn inode(kind: Kind<'_>) -> Inode<'_> {
    Inode { kind, permissions: 0o644, uid: 0, gid: 0, mtime: Timestamp::default(), xattrs: &[] }
}

fn with_root() -> (ImageBuilder, InodeId) {
    let mut builder = ImageBuilder::new(Volume::default());
    let root = builder.add_inode(&inode(Kind::Directory)).unwrap();
    (builder, root)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, kind: ErrorKind, text: &str) {
    let error: Error = result.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
}

#[test]
fn names_that_no_path_can_reach_are_refused() {
    let (mut builder, root) = with_root();
    let file = builder.add_inode(&inode(Kind::File { size: 0, extents: &[] })).unwrap();
    let cases: [(&[u8], &str); 6] = [
        (b"", r#"name "": a name has at least 1 byte"#),
        (b".", r#"name ".": every directory has this name already"#),
        (b"..", r#"name "..": every directory has this name already"#),
        (b"a/b", r#"name "a/b": a name has no slash"#),
        (b"a\0", r#"name "a\\x00": a name has no NUL"#),
        (&[b'a'; 256], &format!("name {:?}: a name has at most 255 bytes", "a".repeat(256))),
    ];
    for (name, text) in cases {
        refused(builder.add_entry(root, name, file), ErrorKind::Invalid, text);
    }
    builder.add_entry(root, &[b'a'; 255], file).unwrap();
}

#[test]
fn a_name_given_twice_is_refused_with_its_path() {
    let (mut builder, root) = with_root();
    let [outer, inner] = [0, 1].map(|_| builder.add_inode(&inode(Kind::Directory)).unwrap());
    let file = builder.add_inode(&inode(Kind::File { size: 0, extents: &[] })).unwrap();
    builder.add_entry(root, b"outer", outer).unwrap();
    builder.add_entry(outer, b"inner", inner).unwrap();
    builder.add_entry(inner, b"twice", file).unwrap();
    builder.add_entry(inner, b"twice", file).unwrap();
    refused(builder.build(root), ErrorKind::Invalid, "/outer/inner/twice: the directory has this name twice");
}

#[test]
fn only_directories_hold_names_and_each_has_one_itself() {
    let (mut builder, root) = with_root();
    let directory = builder.add_inode(&inode(Kind::Directory)).unwrap();
    let file = builder.add_inode(&inode(Kind::File { size: 0, extents: &[] })).unwrap();
    builder.add_entry(root, b"first", directory).unwrap();
    refused(
        builder.add_entry(root, b"second", directory),
        ErrorKind::Invalid,
        r#"directory cannot get the second name "second": hard links to directories do not exist"#,
    );
    refused(
        builder.add_entry(file, b"name", directory),
        ErrorKind::Invalid,
        r#"inode 2 is not a directory and cannot hold "name""#,
    );
}

#[test]
fn the_root_must_be_a_directory_without_a_name() {
    let (mut builder, root) = with_root();
    let file = builder.add_inode(&inode(Kind::Symlink { target: b"x" })).unwrap();
    builder.add_entry(root, b"file", file).unwrap();
    refused(builder.build(file), ErrorKind::Invalid, "root is not a directory");

    let (mut builder, root) = with_root();
    let below = builder.add_inode(&inode(Kind::Directory)).unwrap();
    builder.add_entry(root, b"below", below).unwrap();
    refused(builder.build(below), ErrorKind::Invalid, "root has a name in another directory");
}

#[test]
fn what_the_root_does_not_reach_is_refused() {
    let (mut builder, root) = with_root();
    builder.add_inode(&inode(Kind::File { size: 0, extents: &[] })).unwrap();
    let text = "inode 1 cannot be reached from the root (1 inodes cannot)";
    refused(builder.build(root), ErrorKind::Invalid, text);
}

#[test]
fn directories_that_contain_each_other_are_refused() {
    let (mut builder, root) = with_root();
    let [one, two] = [0, 1].map(|_| builder.add_inode(&inode(Kind::Directory)).unwrap());
    builder.add_entry(one, b"two", two).unwrap();
    builder.add_entry(two, b"one", one).unwrap();
    let text = "inode 1 cannot be reached from the root (2 inodes cannot)";
    refused(builder.build(root), ErrorKind::Invalid, text);

    let (mut builder, root) = with_root();
    builder.add_entry(root, b"itself", root).unwrap();
    refused(builder.build(root), ErrorKind::Invalid, "root has a name in another directory");
}

#[test]
fn a_twin_within_a_circle_is_refused_with_a_path_that_ends() {
    let (mut builder, root) = with_root();
    let [one, two] = [0, 1].map(|_| builder.add_inode(&inode(Kind::Directory)).unwrap());
    let file = builder.add_inode(&inode(Kind::File { size: 0, extents: &[] })).unwrap();
    builder.add_entry(one, b"two", two).unwrap();
    builder.add_entry(two, b"one", one).unwrap();
    builder.add_entry(one, b"file", file).unwrap();
    builder.add_entry(one, b"file", file).unwrap();
    assert_eq!(builder.build(root).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn fields_beyond_their_range_are_refused() {
    let (mut builder, _) = with_root();
    let directory = inode(Kind::Directory);
    refused(
        builder.add_inode(&Inode { permissions: 0o10_000, ..directory }),
        ErrorKind::Invalid,
        "permissions 0o10000: only the bits 0o7777 have a meaning",
    );
    let mtime = Timestamp { seconds: 0, nanoseconds: 1_000_000_000 };
    refused(
        builder.add_inode(&Inode { mtime, ..directory }),
        ErrorKind::Invalid,
        "1000000000 nanoseconds: a second has fewer than 1000000000",
    );
    let mut late = ImageBuilder::new(Volume { built: mtime, ..Volume::default() });
    let root = late.add_inode(&directory).unwrap();
    let text = "1000000000 nanoseconds: a second has fewer than 1000000000";
    refused(late.build(root), ErrorKind::Invalid, text);
    for (target, reason) in [(&b""[..], "is empty"), (&[b'x'; 4096], "is too long"), (b"a\0", "has a NUL")] {
        let text = format!("symbolic link's target {reason}: it must have 1 to 4095 bytes, none of them NUL");
        refused(builder.add_inode(&inode(Kind::Symlink { target })), ErrorKind::Invalid, &text);
    }
    let file = Kind::File { size: 1 << 63, extents: &[] };
    let text = "file of 9223372036854775808 bytes: the kernel takes at most 9223372036854775807";
    refused(builder.add_inode(&inode(file)), ErrorKind::LimitExceeded, text);
}

#[test]
fn attributes_that_no_one_could_read_are_refused() {
    let (mut builder, _) = with_root();
    let spaces =
        "EROFS stores the name spaces user., trusted. and security., and POSIX ACLs, and a name must follow";
    for name in ["user.", "system.other", "MSWINDOWS.rawsd", "system.posix_acl_access2", ""] {
        let text = format!("extended attribute {name:?}: {spaces}");
        refused(builder.xattr(name.as_bytes(), b""), ErrorKind::Invalid, &text);
    }
    refused(
        builder.xattr(b"user.a\0b", b""),
        ErrorKind::Invalid,
        r#"extended attribute "user.a\\x00b": the name has a NUL in it"#,
    );
    let name = format!("user.{}", "a".repeat(251));
    let text = format!("extended attribute {name:?}: the name has more than 255 bytes");
    refused(builder.xattr(name.as_bytes(), b""), ErrorKind::Invalid, &text);
    let text = r#"extended attribute "user.large" has 65536 bytes: at most 65535 fit"#;
    refused(builder.xattr(b"user.large", &[0; 65_536]), ErrorKind::LimitExceeded, text);
}

#[test]
fn an_attribute_set_twice_on_an_inode_is_refused() {
    let (mut builder, _) = with_root();
    let xattrs: Vec<XattrId> =
        [b"1", b"2"].map(|value| builder.xattr(b"user.twice", value).unwrap()).to_vec();
    let text = r#"extended attribute "user.twice" is set twice on one inode"#;
    refused(
        builder.add_inode(&Inode { xattrs: &xattrs, ..inode(Kind::Directory) }),
        ErrorKind::Invalid,
        text,
    );
}

#[test]
fn more_names_of_attributes_than_a_listing_holds_are_refused() {
    let (mut builder, _) = with_root();
    let xattrs: Vec<XattrId> =
        (0..257).map(|n| builder.xattr(format!("user.{n:0250}").as_bytes(), b"").unwrap()).collect();
    builder.add_inode(&Inode { xattrs: &xattrs[..256], ..inode(Kind::Directory) }).unwrap();
    refused(
        builder.add_inode(&Inode { xattrs: &xattrs, ..inode(Kind::Directory) }),
        ErrorKind::LimitExceeded,
        "extended attributes' names have 65792 bytes together: the kernel lists at most 65536",
    );
}

#[test]
fn more_attributes_than_fit_beside_an_inode_are_refused_with_its_path() {
    let (mut builder, root) = with_root();
    let xattrs: Vec<XattrId> = (0..1000)
        .map(|n| {
            builder.xattr(format!("user.{n:03}").as_bytes(), &[n.to_string().as_bytes(), &[0; 450]].concat())
        })
        .collect::<Result<_>>()
        .unwrap();
    let file = inode(Kind::File { size: 0, extents: &[] });
    let file = builder.add_inode(&Inode { xattrs: &xattrs, ..file }).unwrap();
    builder.add_entry(root, b"much", file).unwrap();
    let error = builder.build(root).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.to_string().starts_with("/much: 46"), "{error}");
    assert!(error.to_string().ends_with("at most 262148 fit"), "{error}");
}

#[test]
fn the_65_536th_device_is_refused() {
    let mut builder = ImageBuilder::new(Volume::default());
    for _ in 0..65_535 {
        builder.add_device(512, b"").unwrap();
    }
    refused(builder.add_device(512, b""), ErrorKind::LimitExceeded, "more than 65535 devices");
}

#[test]
fn a_device_of_2_tib_is_refused() {
    let mut builder = ImageBuilder::new(Volume::default());
    builder.add_device((1 << 41) - 1, b"").unwrap();
    let text = "device of 2199023255552 bytes: EROFS addresses less than 2 TiB of each device";
    refused(builder.add_device(1 << 41, b""), ErrorKind::LimitExceeded, text);
    refused(builder.add_device(0, &[1; 65]), ErrorKind::Invalid, "device tag of 65 bytes: at most 64 fit");
}

/// Adds a file of `size` bytes with these extents on a device of ten blocks and a bit.
fn file(size: u64, extents: &[(u64, u64, u64)]) -> Result<InodeId> {
    let mut builder = ImageBuilder::new(Volume::default());
    let device = builder.add_device(10 * 512 + 100, b"").unwrap();
    let extents: Vec<Extent> = extents
        .iter()
        .map(|&(file_offset, device_offset, len)| Extent { file_offset, device, device_offset, len })
        .collect();
    builder.add_inode(&inode(Kind::File { size, extents: &extents }))
}

/// A file's size, its extents, and why they are refused.
type Refused<'a> = (u64, &'a [(u64, u64, u64)], &'a str);

#[test]
fn extents_that_do_not_fit_their_file_or_device_are_refused() {
    let cases: [Refused<'_>; 9] = [
        (
            512,
            &[(0, 100, 512)],
            "extent 0 of the file (file offset 0, 512 bytes): it starts at 100 on the device, which is not a multiple of 512",
        ),
        (
            1024,
            &[(0, 0, 512), (600, 0, 424)],
            "extent 1 of the file (file offset 600, 424 bytes): its file offset is not a multiple of 512",
        ),
        (
            1024,
            &[(0, 0, 600)],
            "extent 0 of the file (file offset 0, 600 bytes): more of the file follows, so its length must be a multiple of 512",
        ),
        (
            1024,
            &[(512, 0, 512), (0, 0, 512)],
            "extent 1 of the file (file offset 0, 512 bytes): it starts before the end of the one before it",
        ),
        (
            1024,
            &[(0, 0, 1024), (512, 0, 512)],
            "extent 1 of the file (file offset 512, 512 bytes): it starts before the end of the one before it",
        ),
        (
            1000,
            &[(0, 0, 1024)],
            "extent 0 of the file (file offset 0, 1024 bytes): it ends beyond the file's 1000 bytes",
        ),
        (
            i64::MAX.cast_unsigned(),
            &[(512, 0, u64::MAX)],
            "extent 0 of the file (file offset 512, 18446744073709551615 bytes): it ends beyond the file's 9223372036854775807 bytes",
        ),
        (
            100,
            &[(0, 10 * 512, 100)],
            "extent 0 of the file (file offset 0, 100 bytes): its 1 blocks from 10 on are not within the 10 whole blocks of device 1",
        ),
        (
            512,
            &[(0, u64::MAX - 511, 512)],
            "extent 0 of the file (file offset 0, 512 bytes): its 1 blocks from 36028797018963967 on are not within the 10 whole blocks of device 1",
        ),
    ];
    for (size, extents, text) in cases {
        refused(file(size, extents), ErrorKind::Invalid, text);
    }
    file(10 * 512, &[(0, 0, 10 * 512)]).unwrap();
}

#[test]
fn a_file_in_more_pieces_than_an_image_may_have_is_refused_at_no_cost() {
    let text = "file in 17179869184 pieces: with it the image has more than 16777216 pieces beyond each file's first";
    refused(file(1 << 43, &[(512, 0, 512)]), ErrorKind::LimitExceeded, text);
}

#[test]
fn pieces_are_counted_over_all_files() {
    let mut builder = ImageBuilder::new(Volume::default());
    let device = builder.add_device(512, b"").unwrap();
    let extents = [Extent { file_offset: 512, device, device_offset: 0, len: 512 }];
    let half = inode(Kind::File { size: (1 << 32) + 512, extents: &extents });
    builder.add_inode(&half).unwrap();
    builder.add_inode(&half).unwrap();
    assert_eq!(builder.add_inode(&half).unwrap_err().kind(), ErrorKind::LimitExceeded);
    builder.add_inode(&inode(Kind::File { size: 1 << 40, extents: &[] })).unwrap();
}

#[test]
fn ids_of_another_builder_are_refused() {
    let mut other = ImageBuilder::new(Volume::default());
    let xattr = other.xattr(b"user.a", b"b").unwrap();
    let device: DeviceId = other.add_device(512, b"").unwrap();
    let [_, foreign] = [0, 1].map(|_| other.add_inode(&inode(Kind::Directory)).unwrap());

    let (mut builder, root) = with_root();
    refused(
        builder.add_inode(&Inode { xattrs: &[xattr], ..inode(Kind::Directory) }),
        ErrorKind::Invalid,
        "extended attribute 0 is not one of this builder's",
    );
    let extent = Extent { file_offset: 0, device, device_offset: 0, len: 1 };
    refused(
        builder.add_inode(&inode(Kind::File { size: 1, extents: &[extent] })),
        ErrorKind::Invalid,
        "extent 0 of the file (file offset 0, 1 bytes): its 1 blocks from 0 on are not within the 0 whole blocks of device 1",
    );
    let text = "inode 1 is not one of this builder's";
    refused(builder.add_entry(root, b"a", foreign), ErrorKind::Invalid, text);
    refused(builder.add_entry(foreign, b"a", root), ErrorKind::Invalid, text);
    refused(builder.build(foreign), ErrorKind::Invalid, text);
}

#[test]
fn what_was_refused_leaves_no_trace_in_the_image() {
    let bytes = |failures: bool| {
        let (mut builder, root) = with_root();
        let device = builder.add_device(512, b"").unwrap();
        let xattrs = [builder.xattr(b"user.once", b"a value worth sharing").unwrap()];
        if failures {
            let extents = [Extent { file_offset: 0, device, device_offset: 512, len: 1 }];
            for _ in 0..10 {
                let kind = Kind::File { size: 1, extents: &extents };
                builder.add_inode(&Inode { xattrs: &xattrs, ..inode(kind) }).unwrap_err();
            }
        }
        let link = Inode { xattrs: &xattrs, ..inode(Kind::Symlink { target: b"x" }) };
        let link = builder.add_inode(&link).unwrap();
        builder.add_entry(root, b"link", link).unwrap();
        let mut bytes = Vec::new();
        builder.build(root).unwrap().write_to(&mut bytes).unwrap();
        bytes
    };
    assert!(bytes(true) == bytes(false));
}

#[test]
fn an_output_that_fails_is_reported_with_its_cause() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (builder, root) = with_root();
    let error = builder.build(root).unwrap().write_to(Full).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Io, "cannot write the image"));
    assert!(std::error::Error::source(&error).is_some());
}

proptest! {
    #[test]
    fn no_extents_whatever_make_the_builder_panic(
        size in any::<u64>(),
        shift in 0..64u32,
        extents in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), 0..64u32), 0..5),
    ) {
        let extents: Vec<_> = extents
            .into_iter()
            .map(|(file_offset, device_offset, len, shift)| {
                (file_offset >> shift & !511, device_offset >> shift & !511, len >> shift)
            })
            .collect();
        let _ = file(size >> shift, &extents);
    }

    #[test]
    fn no_names_whatever_make_the_builder_panic(names in prop::collection::vec((any::<Vec<u8>>(), 0..8u8), 0..40)) {
        let (mut builder, root) = with_root();
        let mut inodes = vec![root];
        for (name, choice) in names {
            let [directory, target] = [choice, choice / 2].map(|pick| inodes[usize::from(pick) % inodes.len()]);
            let _ = builder.add_entry(directory, &name, target);
            let _ = builder.xattr(&name, &name);
            if let Ok(link) = builder.add_inode(&inode(Kind::Symlink { target: &name })) {
                inodes.push(link);
            }
            inodes.push(builder.add_inode(&inode(Kind::Directory)).unwrap());
        }
        let _ = builder.build(root).map(|image| image.write_to(io::sink()));
    }
}
