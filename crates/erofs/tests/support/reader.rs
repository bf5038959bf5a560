//! Reads images as the kernel does, from the format's definition alone, and insists on every rule of it.

use std::collections::BTreeMap;

pub(crate) const BLOCK: usize = 512;

/// An image, and the devices that hold its data.
pub(crate) struct Reader<'a> {
    pub(crate) image: &'a [u8],
    pub(crate) devices: &'a [Vec<u8>],
    inode_area: usize,
    xattr_area: usize,
    device_mask: u16,
    pub(crate) root: u64,
    pub(crate) inodes: u64,
    pub(crate) device_blocks: Vec<u32>,
    pub(crate) device_tags: Vec<[u8; 64]>,
    pub(crate) uuid: [u8; 16],
    pub(crate) built: (i64, u32),
}

/// An inode as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: (i64, u32),
    pub(crate) links: u32,
    pub(crate) size: u64,
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    layout: u16,
    address: u32,
    /// Where the inode's body begins: behind its attributes.
    body: usize,
}

/// One chunk of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunk {
    Hole,
    At { device: u16, block: u32 },
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
fn to_usize(value: impl TryInto<usize>) -> usize {
    value.try_into().ok().unwrap()
}

impl<'a> Reader<'a> {
    pub(crate) fn new(image: &'a [u8], devices: &'a [Vec<u8>]) -> Self {
        let sb = &image[1024..];
        assert_eq!(u32_at(sb, 0), 0xE0F5_E1E2, "magic number");
        assert_eq!(sb[12], 9, "blocks of 512 bytes");
        assert_eq!(u32_at(sb, 8), 2, "inodes have times of modification");
        let incompatible = u32_at(sb, 80);
        assert_eq!(incompatible & !0xC, 0, "only chunked files and the device table");
        assert_eq!(to_usize(u32_at(sb, 36)) * BLOCK, image.len(), "the image is as long as it says");
        let device_count = u16_at(sb, 86);
        assert_eq!(incompatible & 8 != 0, device_count > 0);
        let table = to_usize(u16_at(sb, 88)) * 128;
        let slots = (0..to_usize(device_count)).map(|number| &image[table + number * 128..][..128]);
        Self {
            image,
            devices,
            inode_area: to_usize(u32_at(sb, 40)) * BLOCK,
            xattr_area: to_usize(u32_at(sb, 44)) * BLOCK,
            device_mask: u16::try_from((u32::from(device_count) + 1).next_power_of_two() - 1).unwrap(),
            root: u64::from(u16_at(sb, 14)),
            inodes: u64_at(sb, 16),
            device_blocks: slots.clone().map(|slot| u32_at(slot, 64)).collect(),
            device_tags: slots.map(|slot| slot[..64].try_into().unwrap()).collect(),
            uuid: sb[48..64].try_into().unwrap(),
            built: (u64_at(sb, 24).cast_signed(), u32_at(sb, 32)),
        }
    }

    pub(crate) fn inode(&self, number: u64) -> Seen {
        let at = self.inode_area + to_usize(number) * 32;
        assert!(at % BLOCK + 64 <= BLOCK, "inode {number} lies in one block");
        let inode = &self.image[at..];
        let format = u16_at(inode, 0);
        assert_eq!(format & 1, 1, "extended inode");
        let xattr_size = match u16_at(inode, 2) {
            0 => 0,
            units => 12 + 4 * (to_usize(units) - 1),
        };
        Seen {
            number,
            mode: u16_at(inode, 4),
            size: u64_at(inode, 8),
            address: u32_at(inode, 16),
            uid: u32_at(inode, 24),
            gid: u32_at(inode, 28),
            mtime: (u64_at(inode, 32).cast_signed(), u32_at(inode, 40)),
            links: u32_at(inode, 44),
            xattrs: self.xattrs(at + 64, xattr_size),
            layout: format >> 1,
            body: at + 64 + xattr_size,
        }
    }

    fn xattrs(&self, at: usize, size: usize) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut found = BTreeMap::new();
        if size == 0 {
            return found;
        }
        assert!(size > 12, "a header alone is not defined");
        let shared = to_usize(self.image[at + 4]);
        for reference in 0..shared {
            let id = to_usize(u32_at(self.image, at + 12 + 4 * reference));
            let (name, value, _) = self.xattr(self.xattr_area + 4 * id);
            assert!(found.insert(name, value).is_none(), "an attribute twice");
        }
        let mut next = at + 12 + 4 * shared;
        while next < at + size {
            let (name, value, end) = self.xattr(next);
            assert!(found.insert(name, value).is_none(), "an attribute twice");
            next = end;
        }
        assert_eq!(next, at + size, "attributes fill their room");
        found
    }

    fn xattr(&self, at: usize) -> (Vec<u8>, Vec<u8>, usize) {
        let name_len = to_usize(self.image[at]);
        let prefix: &[u8] = match self.image[at + 1] {
            1 => b"user.",
            2 => b"system.posix_acl_access",
            3 => b"system.posix_acl_default",
            4 => b"trusted.",
            6 => b"security.",
            other => panic!("prefix {other}"),
        };
        let value = at + 4 + name_len;
        let end = value + to_usize(u16_at(self.image, at + 2));
        let name = [prefix, &self.image[at + 4..value]].concat();
        (name, self.image[value..end].to_vec(), end.next_multiple_of(4))
    }

    /// The chunks of a file, and their length in bytes.
    pub(crate) fn chunks(&self, inode: &Seen) -> (Vec<Chunk>, u64) {
        assert_eq!(inode.layout, 4, "chunk-based");
        assert_eq!(inode.address & !0x1F, 0x20, "chunk indexes, and nothing else");
        let length = 512u64 << (inode.address & 0x1F);
        let index = inode.body.next_multiple_of(8);
        let chunks = (0..to_usize(inode.size.div_ceil(length))).map(|chunk| {
            let entry = &self.image[index + 8 * chunk..];
            assert_eq!(u16_at(entry, 0), 0);
            match u32_at(entry, 4) {
                u32::MAX => Chunk::Hole,
                block => Chunk::At { device: u16_at(entry, 2) & self.device_mask, block },
            }
        });
        (chunks.collect(), length)
    }

    /// The content of a file, the target of a symbolic link, or the blocks of a directory.
    pub(crate) fn content(&self, inode: &Seen) -> Vec<u8> {
        let size = to_usize(inode.size);
        if size == 0 {
            return Vec::new();
        }
        let mut content = match inode.layout {
            0 => self.image[to_usize(inode.address) * BLOCK..][..size].to_vec(),
            2 => {
                let tail = size % BLOCK;
                assert!(tail > 0 && inode.body % BLOCK + tail <= BLOCK, "the tail lies in one block");
                let mut content = self.image[to_usize(inode.address) * BLOCK..][..size - tail].to_vec();
                content.extend_from_slice(&self.image[inode.body..][..tail]);
                content
            }
            _ => self.file_content(inode),
        };
        content.truncate(size);
        content
    }

    fn file_content(&self, inode: &Seen) -> Vec<u8> {
        let (chunks, length) = self.chunks(inode);
        let mut content = Vec::new();
        for chunk in chunks {
            let length = to_usize(length.min(inode.size - content.len() as u64));
            match chunk {
                Chunk::Hole => content.resize(content.len() + length, 0),
                Chunk::At { device, block } => {
                    let data = &self.devices[to_usize(device) - 1][to_usize(block) * BLOCK..];
                    content.extend_from_slice(&data[..length]);
                }
            }
        }
        content
    }

    /// The entries of a directory: name, inode number, file type. Checks that they are in order.
    pub(crate) fn entries(&self, directory: &Seen) -> Vec<(Vec<u8>, u64, u8)> {
        assert_eq!(directory.mode & 0o170_000, 0o040_000, "a directory");
        let content = self.content(directory);
        let entries: Vec<_> = content.chunks(BLOCK).flat_map(block_entries).collect();
        assert!(entries.is_sorted_by(|a, b| a.0 < b.0), "entries strictly in order");
        entries
    }

    /// Looks a name up as the kernel does: the block by its first name, then within it, both by halving.
    pub(crate) fn lookup(&self, directory: &Seen, name: &[u8]) -> Option<u64> {
        let content = self.content(directory);
        let blocks: Vec<_> = content.chunks(BLOCK).map(block_entries).collect();
        let block = blocks.partition_point(|block| block[0].0.as_slice() <= name).checked_sub(1)?;
        let found = blocks[block].binary_search_by(|entry| entry.0.as_slice().cmp(name)).ok()?;
        Some(blocks[block][found].1)
    }
}

fn block_entries(block: &[u8]) -> Vec<(Vec<u8>, u64, u8)> {
    let first = to_usize(u16_at(block, 8));
    assert!((12..BLOCK).contains(&first) && first.is_multiple_of(12), "the first name follows the entries");
    let count = first / 12;
    let starts: Vec<_> = (0..count).map(|entry| to_usize(u16_at(block, entry * 12 + 8))).collect();
    (0..count)
        .map(|entry| {
            let name = match starts.get(entry + 1) {
                Some(&end) => &block[starts[entry]..end],
                None => {
                    let rest = &block[starts[entry]..];
                    let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
                    assert!(rest[end..].iter().all(|&byte| byte == 0), "zeros behind the last name");
                    &rest[..end]
                }
            };
            assert!((1..=255).contains(&name.len()));
            assert_eq!(block[entry * 12 + 11], 0);
            (name.to_vec(), u64_at(block, entry * 12), block[entry * 12 + 10])
        })
        .collect()
}
