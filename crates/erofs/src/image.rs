//! An image that is laid out: its size is known, and it can be written.

use std::fmt;
use std::io::Write;

use crate::builder::ImageBuilder;
use crate::directory::{self, Entry};
use crate::error::Problem;
use crate::extent::{self, Chunking};
use crate::format::{
    self, BLOCK, BLOCK_SIZE, CHUNK_INDEX_SIZE, DEVICE_SLOT_SIZE, DataLayout, DiskInode, INODE_SLOT_SIZE,
    MAX_XATTR_SIZE, NO_BLOCK, PutLe, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE, Superblock, XATTR_HEADER_SIZE,
};
use crate::inode::{Data, InodeId, Node, XattrId};
use crate::layout::{Content, Cursor, Place, Tail};
use crate::output::Output;
use crate::xattr::Divided;
use crate::{Result, tree};

/// The number of the root, which is the first inode.
///
/// Numbers count slots from the superblock's `meta_blkaddr`. It names the block before the first inode, so that
/// no inode has the number 0: programs that read directories take that for a deleted entry.
const ROOT_NUMBER: u16 = 16;
const _: () = assert!(ROOT_NUMBER as u64 * INODE_SLOT_SIZE == BLOCK_SIZE);

/// A complete image, ready to be written.
pub struct Image {
    parts: ImageBuilder,
    /// The inodes in the order in which they are stored, the root first.
    order: Vec<InodeId>,
    /// Each inode's number.
    numbers: Vec<u32>,
    shared: SharedArea,
    areas: Areas,
}

/// The extended attributes that inodes share, in the order of their first use.
struct SharedArea {
    order: Vec<XattrId>,
    /// Each attribute's place in the area, in units of 4 bytes.
    places: Vec<u32>,
    /// The area's length in units of 4 bytes.
    units: u32,
}

/// Where the parts of the image begin, in blocks.
struct Areas {
    inodes: u32,
    shared: u32,
    contents: u32,
    end: u32,
}

impl SharedArea {
    const UNPLACED: u32 = u32::MAX;

    fn new(xattrs: usize) -> Self {
        Self { order: Vec::new(), places: vec![Self::UNPLACED; xattrs], units: 0 }
    }

    fn place(&mut self, id: XattrId, entry: &[u8]) -> Result<()> {
        let place = &mut self.places[id.index()];
        if *place != Self::UNPLACED {
            return Ok(());
        }
        let end = self.units as usize + entry.len() / 4;
        *place = self.units;
        self.units = u32::try_from(end)
            .map_err(|_| Problem::ImageTooLarge { what: "more than 16 GiB of shared extended attributes" })?;
        self.order.push(id);
        Ok(())
    }

    fn size(&self) -> u64 {
        u64::from(self.units) * 4
    }
}

impl Areas {
    fn new(devices: usize, cursor: &Cursor, shared: &SharedArea) -> Result<Self> {
        let too_large = |_| Problem::ImageTooLarge { what: "2 TiB or more" };
        let header = SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE + DEVICE_SLOT_SIZE * devices;
        let inodes = extent::blocks(header as u64);
        let shared_start = inodes + cursor.offset.div_ceil(BLOCK_SIZE);
        let contents = shared_start + shared.size().div_ceil(BLOCK_SIZE);
        let end = contents + cursor.blocks;
        Ok(Self {
            inodes: u32::try_from(inodes).map_err(too_large)?,
            shared: u32::try_from(shared_start).map_err(too_large)?,
            contents: u32::try_from(contents).map_err(too_large)?,
            end: u32::try_from(end).map_err(too_large)?,
        })
    }
}

/// How an inode is stored.
struct Plan {
    xattrs: Divided,
    xattr_size: u64,
    content: Content,
    place: Place,
}

impl Image {
    pub(crate) fn lay_out(parts: ImageBuilder, order: Vec<InodeId>) -> Result<Self> {
        let mut cursor = Cursor::default();
        let mut shared = SharedArea::new(parts.xattrs.len());
        let mut numbers = vec![0; parts.nodes.len()];
        for &id in &order {
            let plan = plan(&parts, &parts.nodes[id.index()], &mut cursor);
            if plan.xattr_size > MAX_XATTR_SIZE {
                let path = tree::path_of(&parts.nodes, &parts.entries, &parts.names, id);
                return Err(
                    Problem::XattrsTooLarge { path, len: plan.xattr_size, limit: MAX_XATTR_SIZE }.into()
                );
            }
            for &xattr in &plan.xattrs.shared {
                shared.place(xattr, parts.xattrs.entry(xattr))?;
            }
            let number = u64::from(ROOT_NUMBER) + plan.place.offset / INODE_SLOT_SIZE;
            numbers[id.index()] = u32::try_from(number)
                .map_err(|_| Problem::ImageTooLarge { what: "more than 128 GiB of inodes" })?;
        }
        let areas = Areas::new(parts.devices.len(), &cursor, &shared)?;
        Ok(Self { parts, order, numbers, shared, areas })
    }

    /// Returns the image's size in bytes, a multiple of 512.
    #[must_use]
    pub fn size(&self) -> u64 {
        u64::from(self.areas.end) * BLOCK_SIZE
    }

    /// Returns the number that an inode has in a mounted image (`st_ino`), or nothing for an id of another
    /// builder.
    #[must_use]
    pub fn inode_number(&self, id: InodeId) -> Option<u64> {
        self.numbers.get(id.index()).copied().map(u64::from)
    }

    /// Writes the image, from its first byte to its last. Writes are gathered; `out` needs no buffer.
    ///
    /// # Errors
    ///
    /// When `out` fails. What was written by then is not an image.
    pub fn write_to(&self, out: impl Write) -> Result<()> {
        let mut out = Output::new(out);
        self.write_header(&mut out)?;
        self.write_inodes(&mut out)?;
        self.write_shared(&mut out)?;
        self.write_contents(&mut out)?;
        out.finish()
    }

    fn write_header(&self, out: &mut Output<impl Write>) -> Result<()> {
        let ImageBuilder { volume, devices, .. } = &self.parts;
        let header = &mut out.block;
        header.resize(SUPERBLOCK_OFFSET, 0);
        let superblock = Superblock {
            inodes: self.order.len() as u64,
            built: volume.built,
            uuid: volume.uuid,
            devices: u16::try_from(devices.len()).unwrap_or(u16::MAX),
            root: ROOT_NUMBER,
            blocks: self.areas.end,
            inode_block: self.areas.inodes - 1,
            xattr_block: self.areas.shared,
        };
        superblock.put(header);
        for device in devices {
            format::put_device_slot(header, &device.tag, device.blocks);
        }
        header.pad_to_multiple_of(BLOCK);
        out.write_block()
    }

    fn write_inodes(&self, out: &mut Output<impl Write>) -> Result<()> {
        let start = u64::from(self.areas.inodes) * BLOCK_SIZE;
        let mut cursor = Cursor::default();
        for (number, &id) in (1..).zip(&self.order) {
            let node = &self.parts.nodes[id.index()];
            let plan = plan(&self.parts, node, &mut cursor);
            out.pad_to(start + plan.place.offset)?;
            self.put_inode(&mut out.block, number, node, &plan);
            match (plan.content, plan.place.tail) {
                (Content::Chunks(chunking), _) => self.write_chunk_index(out, node, chunking)?,
                (Content::Flat(_), Tail::Inline) => self.put_tail(&mut out.block, node),
                (Content::Flat(_), Tail::Block) | (Content::Nothing, _) => {}
            }
            out.write_block()?;
        }
        out.pad_to(u64::from(self.areas.shared) * BLOCK_SIZE)
    }

    fn put_inode(&self, out: &mut Vec<u8>, number: u32, node: &Node, plan: &Plan) {
        // The first address is below the end, which `lay_out` has checked.
        let first_block = u64::from(self.areas.contents) + plan.place.first_block;
        let first_block = u32::try_from(first_block).unwrap_or(NO_BLOCK);
        let (layout, size) = match (plan.content, node.data) {
            (Content::Chunks(chunking), Data::File { size, .. }) => {
                (DataLayout::Chunked(chunking.bits), size)
            }
            (Content::Flat(size), _) if plan.place.tail == Tail::Inline => {
                (DataLayout::FlatInline(first_block), size)
            }
            (Content::Flat(size), _) => (DataLayout::FlatPlain(first_block), size),
            _ => (DataLayout::FlatPlain(NO_BLOCK), 0),
        };
        let xattr_units = match plan.xattr_size {
            0 => 0,
            size => u16::try_from(1 + (size - XATTR_HEADER_SIZE) / 4).unwrap_or(u16::MAX),
        };
        let inode = DiskInode {
            layout,
            xattr_units,
            mode: node.mode(),
            size,
            number,
            uid: node.uid,
            gid: node.gid,
            mtime: node.mtime,
            mtime_nanoseconds: node.mtime_nanoseconds,
            links: node.links,
        };
        inode.put(out);
        plan.xattrs.put(out, &self.parts.xattrs, |id| self.shared.places[id.index()]);
    }

    fn write_chunk_index(&self, out: &mut Output<impl Write>, node: &Node, chunking: Chunking) -> Result<()> {
        let Data::File { runs, .. } = node.data else { return Ok(()) };
        out.block.pad_to_multiple_of(CHUNK_INDEX_SIZE);
        for index in chunking.indexes(runs.of(&self.parts.runs)) {
            index.put(&mut out.block);
            out.write_if_full()?;
        }
        Ok(())
    }

    /// Appends the last, incomplete block of a directory or of a symbolic link's target.
    fn put_tail(&self, out: &mut Vec<u8>, node: &Node) {
        match node.data {
            Data::Directory { entries, .. } => {
                if let Some(last) = directory::pack(entries.of(&self.parts.entries)).last() {
                    self.put_directory_block(out, last);
                }
            }
            Data::Symlink { target } => {
                if let Some(last) = target.of(&self.parts.targets).chunks(BLOCK).last() {
                    out.extend_from_slice(last);
                }
            }
            Data::File { .. } => {}
        }
    }

    fn put_directory_block(&self, out: &mut Vec<u8>, block: &[Entry]) {
        directory::put_block(out, block, &self.parts.names, |target| {
            (u64::from(self.numbers[target.index()]), self.parts.nodes[target.index()].dirent_type())
        });
    }

    fn write_shared(&self, out: &mut Output<impl Write>) -> Result<()> {
        for &id in &self.shared.order {
            out.block.extend_from_slice(self.parts.xattrs.entry(id));
            out.write_if_full()?;
        }
        out.write_block()?;
        out.pad_to(u64::from(self.areas.contents) * BLOCK_SIZE)
    }

    fn write_contents(&self, out: &mut Output<impl Write>) -> Result<()> {
        let mut cursor = Cursor::default();
        for id in &self.order {
            let node = &self.parts.nodes[id.index()];
            let blocks = 0..plan(&self.parts, node, &mut cursor).place.blocks;
            match node.data {
                Data::Directory { entries, .. } => {
                    for (_, block) in blocks.zip(directory::pack(entries.of(&self.parts.entries))) {
                        self.put_directory_block(&mut out.block, block);
                        out.write_padded_block()?;
                    }
                }
                Data::Symlink { target } => {
                    let target = target.of(&self.parts.targets);
                    for (_, block) in blocks.zip(target.chunks(BLOCK)) {
                        out.block.extend_from_slice(block);
                        out.write_padded_block()?;
                    }
                }
                Data::File { .. } => {}
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("size", &self.size()).field("inodes", &self.order.len()).finish()
    }
}

/// Plans how a node is stored, and moves the cursor behind it.
fn plan(parts: &ImageBuilder, node: &Node, cursor: &mut Cursor) -> Plan {
    let xattrs = parts.xattrs.divide(node.xattr_span().of(&parts.xattr_ids));
    let xattr_size = xattrs.size(&parts.xattrs);
    let content = match node.data {
        Data::Directory { entries, .. } => Content::Flat(directory::size(entries.of(&parts.entries))),
        Data::Symlink { target } => Content::Flat(u64::from(target.len)),
        Data::File { size: 0, .. } => Content::Nothing,
        Data::File { size, runs } => Content::Chunks(Chunking::of(size, runs.of(&parts.runs))),
    };
    let place = cursor.place(xattr_size, content);
    Plan { xattrs, xattr_size, content, place }
}
