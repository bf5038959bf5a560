//! A model of a tree: what goes into an image, and what must be seen in it again.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use winlayer_erofs::{
    DeviceId, Extent, ImageBuilder, Inode, InodeId, Kind, Result, Timestamp, Volume, XattrId,
};

use super::reader::Reader;

pub(crate) type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug, Clone)]
pub(crate) enum What {
    Directory,
    /// Its size, and its extents as (file offset, device, device offset, length), devices from 0.
    File(u64, Vec<(u64, usize, u64, u64)>),
    Symlink(Vec<u8>),
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) what: What,
    pub(crate) permissions: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: (i64, u32),
    pub(crate) xattrs: Xattrs,
}

/// Inode 0 is the root. Every other inode is named by some entry: (directory, name, inode).
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) devices: Vec<Vec<u8>>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) entries: Vec<(usize, Vec<u8>, usize)>,
}

impl Node {
    pub(crate) fn new(what: What) -> Self {
        Self { what, permissions: 0o755, uid: 0, gid: 0, mtime: (1_700_000_000, 7), xattrs: Xattrs::new() }
    }

    pub(crate) fn with_xattr(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.xattrs.insert(name.as_ref().to_vec(), value.as_ref().to_vec());
        self
    }
}

/// A device whose every block is different.
pub(crate) fn device(seed: u8, blocks: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let mut bytes = Vec::with_capacity(blocks * 512);
    while bytes.len() < blocks * 512 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state >> 11).to_le_bytes());
    }
    bytes
}

impl Model {
    pub(crate) fn new(devices: Vec<Vec<u8>>) -> Self {
        Self { devices, nodes: vec![Node::new(What::Directory)], entries: Vec::new() }
    }

    /// Adds a node with a first name.
    pub(crate) fn add(&mut self, directory: usize, name: impl AsRef<[u8]>, node: Node) -> usize {
        self.nodes.push(node);
        let id = self.nodes.len() - 1;
        self.entries.push((directory, name.as_ref().to_vec(), id));
        id
    }

    /// Makes a builder of it, adding nodes and entries in the order that `shuffle` makes of theirs.
    pub(crate) fn describe(&self, shuffle: impl Fn(&mut Vec<usize>)) -> Result<(ImageBuilder, Vec<InodeId>)> {
        let mut builder = ImageBuilder::new(Volume { uuid: [7; 16], built: timestamp((12, 34)) });
        let devices: Vec<DeviceId> = self
            .devices
            .iter()
            .map(|bytes| builder.add_device(bytes.len() as u64, b"tag"))
            .collect::<Result<_>>()?;
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        shuffle(&mut order);
        let mut ids = vec![None; self.nodes.len()];
        for index in order {
            let node = &self.nodes[index];
            let xattrs: Vec<XattrId> =
                node.xattrs.iter().map(|(name, value)| builder.xattr(name, value)).collect::<Result<_>>()?;
            ids[index] = Some(add(&mut builder, node, &xattrs, &devices)?);
        }
        let ids: Vec<InodeId> = ids.into_iter().flatten().collect();
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        shuffle(&mut order);
        for index in order {
            let (directory, name, target) = &self.entries[index];
            builder.add_entry(ids[*directory], name, ids[*target])?;
        }
        Ok((builder, ids))
    }

    pub(crate) fn image(&self) -> Vec<u8> {
        let (builder, ids) = self.describe(|_| ()).unwrap();
        let image = builder.build(ids[0]).unwrap();
        let mut bytes = Vec::new();
        image.write_to(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, image.size(), "the size is known beforehand");
        bytes
    }

    pub(crate) fn content(&self, node: &Node) -> Vec<u8> {
        match &node.what {
            What::Directory => Vec::new(),
            What::Symlink(target) => target.clone(),
            What::File(size, extents) => {
                let mut content = vec![0; usize::try_from(*size).unwrap()];
                for &(at, device, from, len) in extents {
                    let [at, from, len] = [at, from, len].map(|value| usize::try_from(value).unwrap());
                    content[at..at + len].copy_from_slice(&self.devices[device][from..from + len]);
                }
                content
            }
        }
    }

    pub(crate) fn links(&self, index: usize) -> u32 {
        let names = self.entries.iter().filter(|entry| entry.2 == index).count();
        let links = match self.nodes[index].what {
            What::Directory => {
                let is_subdirectory = |entry: &&(usize, Vec<u8>, usize)| {
                    entry.0 == index && matches!(self.nodes[entry.2].what, What::Directory)
                };
                2 + self.entries.iter().filter(is_subdirectory).count()
            }
            _ => names,
        };
        u32::try_from(links).unwrap()
    }

    /// Reads an image of this model, and checks that it shows the model and nothing else.
    pub(crate) fn check(&self, image: &[u8]) {
        let reader = Reader::new(image, &self.devices);
        assert_eq!(reader.inodes, self.nodes.len() as u64);
        assert_eq!((reader.uuid, reader.built), ([7; 16], (12, 34)));
        let blocks = self.devices.iter().map(|device| u32::try_from(device.len().div_ceil(512)).unwrap());
        assert!(reader.device_blocks.iter().copied().eq(blocks));
        let mut numbers = BTreeMap::from([(0, reader.root)]);
        self.check_directory(&reader, 0, reader.root, &mut numbers);
        assert_eq!(numbers.len(), self.nodes.len(), "every inode was seen");
    }

    fn check_directory(
        &self,
        reader: &Reader<'_>,
        index: usize,
        parent: u64,
        numbers: &mut BTreeMap<usize, u64>,
    ) {
        let number = numbers[&index];
        let directory = self.check_inode(reader, index, number);
        let mut expected: BTreeMap<&[u8], usize> = self
            .entries
            .iter()
            .filter(|entry| entry.0 == index)
            .map(|entry| (&entry.1[..], entry.2))
            .collect();
        for (name, target, file_type) in reader.entries(&directory) {
            assert_eq!(reader.lookup(&directory, &name), Some(target), "{}", name.escape_ascii());
            assert_eq!(reader.lookup(&directory, &[&name[..], b"\x01"].concat()), None);
            if let Some(own) = match &name[..] {
                b"." => Some(number),
                b".." => Some(parent),
                _ => None,
            } {
                assert_eq!((target, file_type), (own, 2));
                continue;
            }
            let node = expected.remove(&name[..]).expect("only names that were put in");
            let known = *numbers.entry(node).or_insert(target);
            assert_eq!(known, target, "one inode has one number");
            match self.nodes[node].what {
                What::Directory => {
                    assert_eq!(file_type, 2);
                    self.check_directory(reader, node, number, numbers);
                }
                What::File(..) => {
                    assert_eq!((file_type, self.check_inode(reader, node, target).links > 0), (1, true))
                }
                What::Symlink(_) => {
                    assert_eq!(file_type, 7);
                    self.check_inode(reader, node, target);
                }
            }
        }
        assert!(
            expected.is_empty(),
            "missing: {:?}",
            expected.keys().map(|name| name.escape_ascii().to_string())
        );
    }

    fn check_inode(&self, reader: &Reader<'_>, index: usize, number: u64) -> super::reader::Seen {
        let (node, seen) = (&self.nodes[index], reader.inode(number));
        let file_type = match node.what {
            What::Directory => 0o040_000,
            What::File(..) => 0o100_000,
            What::Symlink(_) => 0o120_000,
        };
        assert_eq!(seen.mode, file_type | node.permissions);
        assert_eq!((seen.uid, seen.gid, seen.mtime), (node.uid, node.gid, node.mtime));
        assert_eq!(seen.xattrs, node.xattrs);
        assert_eq!(seen.links, self.links(index), "links of inode {index}");
        if !matches!(node.what, What::Directory) {
            assert_eq!(reader.content(&seen), self.content(node));
        }
        seen
    }
}

pub(crate) fn timestamp((seconds, nanoseconds): (i64, u32)) -> Timestamp {
    Timestamp { seconds, nanoseconds }
}

fn add(builder: &mut ImageBuilder, node: &Node, xattrs: &[XattrId], devices: &[DeviceId]) -> Result<InodeId> {
    let extents: Vec<Extent> = match &node.what {
        What::File(_, extents) => extents
            .iter()
            .map(|&(file_offset, device, device_offset, len)| Extent {
                file_offset,
                device: devices[device],
                device_offset,
                len,
            })
            .collect(),
        _ => Vec::new(),
    };
    let kind = match &node.what {
        What::Directory => Kind::Directory,
        What::File(size, _) => Kind::File { size: *size, extents: &extents },
        What::Symlink(target) => Kind::Symlink { target },
    };
    builder.add_inode(&Inode {
        kind,
        permissions: node.permissions,
        uid: node.uid,
        gid: node.gid,
        mtime: timestamp(node.mtime),
        xattrs,
    })
}

/// Any name but the few that are not allowed.
fn names() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("not in names", |byte| *byte != 0 && *byte != b'/');
    let odd = prop::collection::vec(byte, 1..=255);
    let plain = "[.!a-c]{1,6}".prop_map(String::into_bytes);
    prop_oneof![1 => odd, 4 => plain].prop_filter("always there", |name| name != b"." && name != b"..")
}

fn xattrs() -> impl Strategy<Value = Xattrs> {
    let name = "(user|trusted|security)\\.[a-z]{1,3}".prop_map(String::into_bytes);
    let value = prop_oneof![
        4 => prop::sample::select(vec![b"".to_vec(), b"x".to_vec(), vec![3; 100]]),
        1 => prop::collection::vec(any::<u8>(), 0..700),
    ];
    prop::collection::btree_map(name, value, 0..5)
}

const DEVICE_BLOCKS: u64 = 64;

/// A file made of pieces, each (blocks of hole, blocks of data, device, first block), the last one cut short.
fn files() -> impl Strategy<Value = What> {
    let piece = (0..9u64, 0..9u64, 0..2usize, 0..DEVICE_BLOCKS - 8);
    (prop::collection::vec(piece, 0..4), 0..512u64).prop_map(|(pieces, cut)| {
        let (mut end, mut extents) = (0, Vec::new());
        for (hole, blocks, device, first) in pieces {
            extents.push((end + hole * 512, device, first * 512, blocks * 512));
            end += (hole + blocks) * 512;
        }
        if let Some(last) = extents.last_mut()
            && last.3 > 0
        {
            last.3 -= cut;
            end -= cut;
        }
        What::File(end, extents)
    })
}

fn nodes() -> impl Strategy<Value = Node> {
    let target = "[a-z/]{1,600}".prop_map(|target| What::Symlink(target.into_bytes()));
    let what = prop_oneof![4 => files(), 1 => target, 3 => Just(What::Directory)];
    let times = (any::<i64>(), 0..1_000_000_000u32);
    (what, 0..=0o7777u16, any::<u32>(), any::<u32>(), times, xattrs()).prop_map(
        |(what, permissions, uid, gid, mtime, xattrs)| Node { what, permissions, uid, gid, mtime, xattrs },
    )
}

/// Any tree of up to 60 nodes, some of its files with several names.
pub(crate) fn models() -> impl Strategy<Value = Model> {
    let node = (nodes(), names(), any::<Index>());
    let link = (any::<Index>(), names(), any::<Index>());
    (prop::collection::vec(node, 0..60), prop::collection::vec(link, 0..6)).prop_map(|(nodes, links)| {
        let mut model = Model::new(vec![device(1, 64), device(2, 64)]);
        for (node, name, parent) in nodes {
            if let Some(parent) = model.free(parent, &name) {
                model.add(parent, name, node);
            }
        }
        for (parent, name, target) in links {
            let target = target.index(model.nodes.len());
            let parent = model.free(parent, &name);
            if let (Some(parent), false) = (parent, matches!(model.nodes[target].what, What::Directory)) {
                model.entries.push((parent, name, target));
            }
        }
        model
    })
}

impl Model {
    /// Picks a directory that has no such name yet.
    fn free(&self, index: Index, name: &[u8]) -> Option<usize> {
        let directories: Vec<usize> =
            (0..self.nodes.len()).filter(|&node| matches!(self.nodes[node].what, What::Directory)).collect();
        let directory = directories[index.index(directories.len())];
        let taken = self.entries.iter().any(|entry| entry.0 == directory && entry.1 == name);
        (!taken).then_some(directory)
    }
}

/// An image of one file named `file` that takes a whole device.
pub(crate) fn single_file(size: u64, device_len: u64) -> Vec<u8> {
    let mut builder = ImageBuilder::new(Volume::default());
    let device = builder.add_device(device_len, b"").unwrap();
    let directory = Inode {
        kind: Kind::Directory,
        permissions: 0o755,
        uid: 0,
        gid: 0,
        mtime: Timestamp::default(),
        xattrs: &[],
    };
    let extent = Extent { file_offset: 0, device, device_offset: 0, len: size };
    let root = builder.add_inode(&directory).unwrap();
    let file = Inode { kind: Kind::File { size, extents: &[extent] }, ..directory };
    let file = builder.add_inode(&file).unwrap();
    builder.add_entry(root, b"file", file).unwrap();
    let mut bytes = Vec::new();
    builder.build(root).unwrap().write_to(&mut bytes).unwrap();
    bytes
}
