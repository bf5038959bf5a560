//! Large trees, many devices, many links: what real chains have, and more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod support;

use std::collections::HashSet;
use std::io::{self, Write};

use support::model::{Model, Node, What, device, single_file};
use support::reader::{Chunk, Reader};
use winlayer_erofs::{Extent, ImageBuilder, Inode, Kind, Timestamp, Volume};

fn inode(kind: Kind<'_>) -> Inode<'_> {
    Inode { kind, permissions: 0o755, uid: 0, gid: 0, mtime: Timestamp::default(), xattrs: &[] }
}

#[test]
fn a_directory_of_100_000_names_is_found_name_by_name() {
    let mut builder = ImageBuilder::new(Volume::default());
    let root = builder.add_inode(&inode(Kind::Directory)).unwrap();
    for number in 0..100_000 {
        let file = builder.add_inode(&inode(Kind::File { size: 0, extents: &[] })).unwrap();
        builder.add_entry(root, format!("file {number}").as_bytes(), file).unwrap();
    }
    let mut bytes = Vec::new();
    builder.build(root).unwrap().write_to(&mut bytes).unwrap();
    let reader = Reader::new(&bytes, &[]);
    let root = reader.inode(reader.root);
    let entries = reader.entries(&root);
    assert_eq!(entries.len(), 100_002);
    let names: HashSet<&[u8]> = entries.iter().map(|entry| &entry.0[..]).collect();
    assert!((0..100_000).all(|number| names.contains(format!("file {number}").as_bytes())));
    let numbers: HashSet<u64> = entries.iter().map(|entry| entry.1).collect();
    assert_eq!(numbers.len(), 100_001, "the dots of the root are one inode");
}

#[test]
fn a_file_of_70_000_hard_links_counts_them() {
    let mut builder = ImageBuilder::new(Volume::default());
    let root = builder.add_inode(&inode(Kind::Directory)).unwrap();
    let file = builder.add_inode(&inode(Kind::File { size: 0, extents: &[] })).unwrap();
    for number in 0..70_000 {
        builder.add_entry(root, format!("{number}").as_bytes(), file).unwrap();
    }
    let mut bytes = Vec::new();
    builder.build(root).unwrap().write_to(&mut bytes).unwrap();
    let reader = Reader::new(&bytes, &[]);
    let number = reader.lookup(&reader.inode(reader.root), b"69999").unwrap();
    assert_eq!((reader.inode(number).links, reader.inodes), (70_000, 2));
}

#[test]
fn a_file_may_come_from_each_of_601_devices() {
    let mut model = Model::new((0..601u32).map(|number| device((number % 251) as u8, 8)).collect());
    for number in 0..601 {
        let file = What::File(3000, vec![(0, number, 512, 3000)]);
        model.add(0, format!("layer {number}"), Node::new(file));
    }
    let blocks = (0..601u64).map(|number| (number * 512, usize::try_from(number).unwrap(), 1024, 512));
    model.add(0, "all of them", Node::new(What::File(601 * 512, blocks.collect())));
    model.check(&model.image());
}

#[test]
fn the_last_of_65_535_devices_is_addressed() {
    let mut builder = ImageBuilder::new(Volume::default());
    let last = (0..65_535).map(|_| builder.add_device(1024, b"").unwrap()).last().unwrap();
    assert_eq!(last.number(), 65_535);
    let root = builder.add_inode(&inode(Kind::Directory)).unwrap();
    let extents = [Extent { file_offset: 0, device: last, device_offset: 512, len: 512 }];
    let file = builder.add_inode(&inode(Kind::File { size: 512, extents: &extents })).unwrap();
    builder.add_entry(root, b"file", file).unwrap();
    let mut bytes = Vec::new();
    builder.build(root).unwrap().write_to(&mut bytes).unwrap();
    let reader = Reader::new(&bytes, &[]);
    let number = reader.lookup(&reader.inode(reader.root), b"file").unwrap();
    assert_eq!(reader.chunks(&reader.inode(number)).0, [Chunk::At { device: 65_535, block: 1 }]);
}

#[test]
fn a_tree_of_10_000_levels_is_no_deeper_than_memory() {
    let mut builder = ImageBuilder::new(Volume::default());
    let root = builder.add_inode(&inode(Kind::Directory)).unwrap();
    let mut parent = root;
    for _ in 0..10_000 {
        let child = builder.add_inode(&inode(Kind::Directory)).unwrap();
        builder.add_entry(parent, b"deeper", child).unwrap();
        parent = child;
    }
    let mut bytes = Vec::new();
    builder.build(root).unwrap().write_to(&mut bytes).unwrap();
    let reader = Reader::new(&bytes, &[]);
    let mut directory = reader.inode(reader.root);
    for _ in 0..10_000 {
        assert_eq!(directory.links, 3);
        directory = reader.inode(reader.lookup(&directory, b"deeper").unwrap());
    }
    assert_eq!(reader.entries(&directory).len(), 2);
}

#[test]
fn a_file_larger_than_the_largest_chunk_goes_on_in_a_second() {
    let size = (1u64 << 40) + 3 * 512;
    let image = single_file(size, size);
    let reader = Reader::new(&image, &[]);
    let number = reader.lookup(&reader.inode(reader.root), b"file").unwrap();
    let file = reader.inode(number);
    let chunks = [0, 1 << 31].map(|block| Chunk::At { device: 1, block });
    assert_eq!((reader.chunks(&file), file.size), ((chunks.to_vec(), 1 << 40), size));
}

#[test]
fn data_at_the_end_of_the_largest_device_is_addressed() {
    let last = u64::from(u32::MAX - 1) * 512;
    let mut builder = ImageBuilder::new(Volume::default());
    let device = builder.add_device(last + 512, b"").unwrap();
    let root = builder.add_inode(&inode(Kind::Directory)).unwrap();
    let extents = [Extent { file_offset: 0, device, device_offset: last, len: 9 }];
    let file = builder.add_inode(&inode(Kind::File { size: 9, extents: &extents })).unwrap();
    builder.add_entry(root, b"file", file).unwrap();
    let mut bytes = Vec::new();
    builder.build(root).unwrap().write_to(&mut bytes).unwrap();
    let reader = Reader::new(&bytes, &[]);
    let number = reader.lookup(&reader.inode(reader.root), b"file").unwrap();
    assert_eq!(reader.chunks(&reader.inode(number)).0, [Chunk::At { device: 1, block: u32::MAX - 1 }]);
}

#[test]
fn a_file_of_the_largest_size_is_written_as_it_is_announced() {
    let mut builder = ImageBuilder::new(Volume::default());
    let root = builder.add_inode(&inode(Kind::Directory)).unwrap();
    let file = Kind::File { size: i64::MAX.cast_unsigned(), extents: &[] };
    let file = builder.add_inode(&inode(file)).unwrap();
    builder.add_entry(root, b"file", file).unwrap();
    let image = builder.build(root).unwrap();
    let mut count = Count(0);
    image.write_to(&mut count).unwrap();
    assert_eq!(count.0, image.size());
    assert!((64 << 20..65 << 20).contains(&image.size()), "8 Mi chunks of a TiB, 8 bytes for each");
}

/// An output that only counts.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
