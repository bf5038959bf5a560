//! The on-disk structures of EROFS, little endian, as `fs/erofs/erofs_fs.h` defines them.

use crate::inode::Timestamp;

/// Where the superblock begins.
pub(crate) const SUPERBLOCK_OFFSET: usize = 1024;
/// `sizeof(struct erofs_super_block)` without extension slots.
pub(crate) const SUPERBLOCK_SIZE: usize = 128;
/// `sizeof(struct erofs_deviceslot)`.
pub(crate) const DEVICE_SLOT_SIZE: usize = 128;
/// `sizeof(struct erofs_inode_extended)`.
pub(crate) const INODE_SIZE: u64 = 64;
/// Inode numbers count in slots of this many bytes.
pub(crate) const INODE_SLOT_SIZE: u64 = 32;
/// `sizeof(struct erofs_xattr_ibody_header)`.
pub(crate) const XATTR_HEADER_SIZE: u64 = 12;
/// What `i_xattr_icount`, 16 bits wide, can count in steps of 4 bytes, the header being the first.
pub(crate) const MAX_XATTR_SIZE: u64 = XATTR_HEADER_SIZE + 4 * 65_534;
/// What `h_shared_count`, 8 bits wide, can count.
pub(crate) const MAX_SHARED_XATTRS: usize = 255;
/// `sizeof(struct erofs_inode_chunk_index)`.
pub(crate) const CHUNK_INDEX_SIZE: usize = 8;
/// `sizeof(struct erofs_dirent)`.
pub(crate) const DIRENT_SIZE: usize = 12;

/// The binary logarithm of [`BLOCK`].
pub(crate) const BLOCK_BITS: u32 = 9;
/// The block size: the alignment of file data in a tar, and the smallest that EROFS knows.
pub(crate) const BLOCK: usize = 1 << BLOCK_BITS;
/// The block size where addresses are computed.
pub(crate) const BLOCK_SIZE: u64 = BLOCK as u64;
/// The largest chunk is 2^31 blocks (`EROFS_CHUNK_FORMAT_BLKBITS_MASK`).
pub(crate) const MAX_CHUNK_BITS: u32 = 31;
/// `EROFS_NULL_ADDR`: no block.
pub(crate) const NO_BLOCK: u32 = u32::MAX;

pub(crate) const S_IFDIR: u16 = 0o040_000;
pub(crate) const S_IFREG: u16 = 0o100_000;
pub(crate) const S_IFLNK: u16 = 0o120_000;
pub(crate) const FT_REG_FILE: u8 = 1;
pub(crate) const FT_DIR: u8 = 2;
pub(crate) const FT_SYMLINK: u8 = 7;

const MAGIC: u32 = 0xE0F5_E1E2;
const FEATURE_COMPAT_MTIME: u32 = 2;
const FEATURE_INCOMPAT_CHUNKED_FILE: u32 = 4;
const FEATURE_INCOMPAT_DEVICE_TABLE: u32 = 8;
const CHUNK_FORMAT_INDEXES: u32 = 0x20;

/// Appends numbers in little endian.
pub(crate) trait PutLe {
    fn put_u8(&mut self, value: u8);
    fn put_u16(&mut self, value: u16);
    fn put_u32(&mut self, value: u32);
    fn put_u64(&mut self, value: u64);
    /// Appends zeros until the length is a multiple of `alignment`.
    fn pad_to_multiple_of(&mut self, alignment: usize);
}

impl PutLe for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }
    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn pad_to_multiple_of(&mut self, alignment: usize) {
        self.resize(self.len().next_multiple_of(alignment), 0);
    }
}

/// `struct erofs_super_block`.
pub(crate) struct Superblock {
    pub(crate) inodes: u64,
    pub(crate) built: Timestamp,
    pub(crate) uuid: [u8; 16],
    pub(crate) devices: u16,
    pub(crate) root: u16,
    pub(crate) blocks: u32,
    pub(crate) inode_block: u32,
    pub(crate) xattr_block: u32,
}

impl Superblock {
    /// Appends the superblock, without a checksum: fsck.erofs 1.8 crashes on one if blocks are this small.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let device_table = if self.devices > 0 { FEATURE_INCOMPAT_DEVICE_TABLE } else { 0 };
        out.put_u32(MAGIC);
        out.put_u32(0); // checksum
        out.put_u32(FEATURE_COMPAT_MTIME);
        out.put_u8(9); // blkszbits
        out.put_u8(0); // sb_extslots
        out.put_u16(self.root);
        out.put_u64(self.inodes);
        out.extend_from_slice(&self.built.seconds.to_le_bytes());
        out.put_u32(self.built.nanoseconds);
        out.put_u32(self.blocks);
        out.put_u32(self.inode_block);
        out.put_u32(self.xattr_block);
        out.extend_from_slice(&self.uuid);
        out.extend_from_slice(&[0; 16]); // volume_name
        out.put_u32(FEATURE_INCOMPAT_CHUNKED_FILE | device_table);
        out.put_u16(0); // available_compr_algs
        out.put_u16(self.devices);
        out.put_u16(9); // devt_slotoff: the device table follows the superblock, at 9 * 128
        out.extend_from_slice(&[0; 38]); // dirblkbits and features that are not used
    }
}

/// Appends a `struct erofs_deviceslot`.
pub(crate) fn put_device_slot(out: &mut Vec<u8>, tag: &[u8; 64], blocks: u32) {
    out.extend_from_slice(tag);
    out.put_u32(blocks);
    out.extend_from_slice(&[0; 60]); // mapped_blkaddr: the device has no place in a unified address space
}

/// How an inode's data is found: `i_format`'s layout with `i_u`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataLayout {
    /// In one piece from this block of the image on (`EROFS_INODE_FLAT_PLAIN`).
    FlatPlain(u32),
    /// Likewise, but what follows the last whole block stands behind the inode (`EROFS_INODE_FLAT_INLINE`).
    FlatInline(u32),
    /// In chunks of 2^n blocks, with an index behind the inode (`EROFS_INODE_CHUNK_BASED`).
    Chunked(u32),
}

impl DataLayout {
    fn number(self) -> u16 {
        match self {
            Self::FlatPlain(_) => 0,
            Self::FlatInline(_) => 2,
            Self::Chunked(_) => 4,
        }
    }

    fn address(self) -> u32 {
        match self {
            Self::FlatPlain(block) | Self::FlatInline(block) => block,
            Self::Chunked(bits) => CHUNK_FORMAT_INDEXES | bits,
        }
    }
}

/// `struct erofs_inode_extended`.
pub(crate) struct DiskInode {
    pub(crate) layout: DataLayout,
    pub(crate) xattr_units: u16,
    pub(crate) mode: u16,
    pub(crate) size: u64,
    /// A short number for systems whose inode numbers have 32 bits.
    pub(crate) number: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: i64,
    pub(crate) mtime_nanoseconds: u32,
    pub(crate) links: u32,
}

impl DiskInode {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        const EXTENDED: u16 = 1;
        out.put_u16(EXTENDED | self.layout.number() << 1);
        out.put_u16(self.xattr_units);
        out.put_u16(self.mode);
        out.put_u16(0); // i_nb
        out.put_u64(self.size);
        out.put_u32(self.layout.address());
        out.put_u32(self.number);
        out.put_u32(self.uid);
        out.put_u32(self.gid);
        out.extend_from_slice(&self.mtime.to_le_bytes());
        out.put_u32(self.mtime_nanoseconds);
        out.put_u32(self.links);
        out.extend_from_slice(&[0; 16]); // i_reserved2
    }
}

/// `struct erofs_inode_chunk_index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunkIndex {
    /// A chunk of zeros.
    Hole,
    /// A chunk at this block of this device.
    Data { device: u16, block: u64 },
}

impl ChunkIndex {
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Hole => {
                out.put_u32(0);
                out.put_u32(NO_BLOCK);
            }
            Self::Data { device, block } => {
                out.put_u16(0); // startblk_hi: devices have fewer than 2^32 blocks
                out.put_u16(device);
                out.put_u32((block & 0xFFFF_FFFF) as u32);
            }
        }
    }
}
