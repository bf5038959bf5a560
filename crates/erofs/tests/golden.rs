//! One small image, byte for byte: a change of the format's bytes is seen, and is meant.
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use std::fmt::Write;

use winlayer_erofs::{Extent, ImageBuilder, Inode, Kind, Timestamp, Volume};

/// A directory with a file of two names, half of it a hole, and a symbolic link.
fn image() -> Vec<u8> {
    let built = Timestamp { seconds: 1_700_000_000, nanoseconds: 5 };
    let mut builder = ImageBuilder::new(Volume { uuid: *b"0123456789abcdef", built });
    let tar = builder.add_device(8192, b"sha256 of the tar").unwrap();
    let shared = builder.xattr(b"user.MSWINDOWS.rawsd", b"AQAEgBQAAAAkAAAA").unwrap();
    let unique = builder.xattr(b"trusted.only", b"here").unwrap();
    let inode = |kind| Inode {
        kind,
        permissions: 0o644,
        uid: 1,
        gid: 2,
        mtime: Timestamp { seconds: -11_644_473_600, nanoseconds: 100 },
        xattrs: &[],
    };
    let root = Inode { permissions: 0o755, xattrs: &[shared], ..inode(Kind::Directory) };
    let root = builder.add_inode(&root).unwrap();
    let extents = [Extent { file_offset: 1024, device: tar, device_offset: 1536, len: 1000 }];
    let file = Kind::File { size: 2024, extents: &extents };
    let file = builder.add_inode(&Inode { xattrs: &[unique, shared], ..inode(file) }).unwrap();
    let link = builder.add_inode(&inode(Kind::Symlink { target: b"Windows" })).unwrap();
    builder.add_entry(root, b"Windows", file).unwrap();
    builder.add_entry(root, b"hard link", file).unwrap();
    builder.add_entry(root, b"soft link", link).unwrap();
    let mut bytes = Vec::new();
    builder.build(root).unwrap().write_to(&mut bytes).unwrap();
    bytes
}

/// Shows bytes in lines of sixteen, without the lines that are all zeros.
fn hex(bytes: &[u8]) -> String {
    let mut text = format!("{} bytes\n", bytes.len());
    for (number, line) in bytes.chunks(16).enumerate().filter(|(_, line)| line.iter().any(|&byte| byte != 0))
    {
        let hex: String = line.iter().map(|byte| format!(" {byte:02x}")).collect();
        let show = |&byte: &u8| if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '.' };
        writeln!(text, "{:04x} {hex}  {}", number * 16, line.iter().map(show).collect::<String>()).unwrap();
    }
    text
}

#[test]
fn a_small_image_has_the_bytes_it_always_had() {
    let seen = hex(&image());
    let expected = include_str!("golden/small.hex").replace('\r', "");
    assert!(seen == expected, "the image is now:\n{seen}");
}
