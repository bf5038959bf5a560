//! Where everything goes: the same walk places inodes when sizes are computed and when bytes are written.

use crate::extent::Chunking;
use crate::format::{BLOCK_SIZE, CHUNK_INDEX_SIZE, INODE_SIZE, INODE_SLOT_SIZE};

/// What stands behind an inode and its attributes, or elsewhere on its behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing: an empty file.
    Nothing,
    /// A file's chunk index.
    Chunks(Chunking),
    /// This many bytes of a directory or of a symbolic link's target, stored in the image itself.
    Flat(u64),
}

/// Where the last, incomplete block of flat content stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Behind the inode.
    Inline,
    /// In a block of its own, or there is none.
    Block,
}

/// Where an inode and its content stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the inode begins, in bytes from the first inode: a multiple of 32.
    pub(crate) offset: u64,
    /// The first block of its flat content, counted from the first such block.
    pub(crate) first_block: u64,
    /// How many blocks of its flat content are not inline.
    pub(crate) blocks: u64,
    pub(crate) tail: Tail,
}

/// Places one inode after the other.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// The end of the last inode, in bytes from the first.
    pub(crate) offset: u64,
    /// How many blocks the flat contents take so far.
    pub(crate) blocks: u64,
}

impl Cursor {
    /// Places an inode with `xattr_size` bytes of attributes behind it.
    pub(crate) fn place(&mut self, xattr_size: u64, content: Content) -> Place {
        let mut offset = self.offset.next_multiple_of(INODE_SLOT_SIZE);
        // The kernel would copy an inode that spans two blocks together; there is no need to make it.
        if offset % BLOCK_SIZE + INODE_SIZE > BLOCK_SIZE {
            offset = offset.next_multiple_of(BLOCK_SIZE);
        }
        let head = INODE_SIZE + xattr_size;
        let (offset, behind, blocks, tail) = match content {
            Content::Nothing => (offset, head, 0, Tail::Block),
            Content::Chunks(chunking) => {
                let entry = CHUNK_INDEX_SIZE as u64;
                (offset, head.next_multiple_of(entry) + entry * chunking.count, 0, Tail::Block)
            }
            Content::Flat(size) => match inline_offset(offset, head, size % BLOCK_SIZE) {
                Some(offset) => (offset, head + size % BLOCK_SIZE, size / BLOCK_SIZE, Tail::Inline),
                None => (offset, head, size.div_ceil(BLOCK_SIZE), Tail::Block),
            },
        };
        let place = Place { offset, first_block: self.blocks, blocks, tail };
        self.offset = offset + behind;
        self.blocks += blocks;
        place
    }
}

/// Moves an inode from `offset` onwards until `tail` bytes behind its `head` bytes stand in the same block, if
/// that is possible and takes less room than a block for the tail.
fn inline_offset(offset: u64, head: u64, tail: u64) -> Option<u64> {
    if tail == 0 || head + tail > BLOCK_SIZE {
        return None;
    }
    if offset % BLOCK_SIZE + head + tail <= BLOCK_SIZE {
        return Some(offset);
    }
    let moved = offset.next_multiple_of(BLOCK_SIZE);
    (moved - offset + tail < BLOCK_SIZE).then_some(moved)
}

#[cfg(test)]
mod tests {
    use super::{Content, Cursor, Tail};

    /// Places flat content of this size behind so many inodes without any.
    fn place_behind(inodes: u64, size: u64) -> (u64, Tail, u64) {
        let mut cursor = Cursor::default();
        for _ in 0..inodes {
            cursor.place(0, Content::Nothing);
        }
        let place = cursor.place(0, Content::Flat(size));
        (place.offset, place.tail, place.blocks)
    }

    #[test]
    fn a_tail_stands_behind_its_inode_where_the_block_has_room() {
        assert_eq!(place_behind(0, 448), (0, Tail::Inline, 0));
        assert_eq!(place_behind(4, 192 + 1024), (256, Tail::Inline, 2));
    }

    #[test]
    fn an_inode_moves_to_the_next_block_when_that_wastes_less_than_a_block_for_the_tail() {
        assert_eq!(place_behind(4, 193), (512, Tail::Inline, 0));
        assert_eq!(place_behind(4, 255), (512, Tail::Inline, 0));
    }

    #[test]
    fn a_tail_gets_a_block_when_moving_the_inode_would_waste_as_much() {
        assert_eq!(place_behind(4, 256), (256, Tail::Block, 1));
        assert_eq!(place_behind(0, 449), (0, Tail::Block, 1));
    }

    #[test]
    fn content_of_whole_blocks_has_no_tail() {
        assert_eq!(place_behind(3, 1024), (192, Tail::Block, 2));
    }
}
