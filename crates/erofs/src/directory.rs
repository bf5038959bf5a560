//! Directories: entries sorted by name, packed into blocks as `struct erofs_dirent`.

use crate::format::{BLOCK, BLOCK_SIZE, DIRENT_SIZE, PutLe};
use crate::inode::InodeId;

/// One name in a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) directory: InodeId,
    pub(crate) target: InodeId,
    /// Where the name begins in the table of names.
    name_start: u32,
    name_len: u8,
}

/// The names of all entries, one behind the other.
#[derive(Debug)]
pub(crate) struct Names(Vec<u8>);

impl Names {
    pub(crate) fn new() -> Self {
        // `.` and `..` are stored once, not once for each directory.
        Self(b"..".to_vec())
    }

    /// Makes an entry with a new name of 1 to 255 bytes, unless there is no room for it.
    pub(crate) fn add(&mut self, directory: InodeId, name: &[u8], target: InodeId) -> Option<Entry> {
        let name_start = u32::try_from(self.0.len()).ok()?;
        let name_len = u8::try_from(name.len()).ok()?;
        self.0.extend_from_slice(name);
        Some(Entry { directory, target, name_start, name_len })
    }

    /// Makes the entry by which a directory names itself.
    pub(crate) fn dot(directory: InodeId) -> Entry {
        Entry { directory, target: directory, name_start: 0, name_len: 1 }
    }

    /// Makes the entry by which a directory names its parent.
    pub(crate) fn dot_dot(directory: InodeId, parent: InodeId) -> Entry {
        Entry { directory, target: parent, name_start: 0, name_len: 2 }
    }

    pub(crate) fn of(&self, entry: &Entry) -> &[u8] {
        let start = entry.name_start as usize;
        &self.0[start..start + usize::from(entry.name_len)]
    }
}

impl Entry {
    /// Says whether this is a directory's `.` or `..`.
    pub(crate) fn is_dot_or_dot_dot(&self) -> bool {
        self.name_start == 0
    }

    fn size(&self) -> usize {
        DIRENT_SIZE + usize::from(self.name_len)
    }
}

/// Divides a directory's entries among its blocks: as many in each as fit.
pub(crate) fn pack(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut room = BLOCK;
        let fitting = rest.iter().take_while(|entry| match room.checked_sub(entry.size()) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        });
        let (block, after) = rest.split_at(fitting.count());
        rest = after;
        (!block.is_empty()).then_some(block)
    })
}

/// Returns the size of a directory: whole blocks, and what is used of the last one.
pub(crate) fn size(entries: &[Entry]) -> u64 {
    let (mut blocks, mut used) = (0, 0);
    for block in pack(entries) {
        blocks += 1;
        used = block.iter().map(Entry::size).sum();
    }
    (blocks * BLOCK_SIZE + used as u64).saturating_sub(BLOCK_SIZE)
}

/// Appends one block of a directory, without padding.
///
/// `target` gives the number and the file type of an inode.
pub(crate) fn put_block(
    out: &mut Vec<u8>,
    block: &[Entry],
    names: &Names,
    target: impl Fn(InodeId) -> (u64, u8),
) {
    // A block has 512 bytes, so the sum fits.
    let mut name_offset = u16::try_from(block.len() * DIRENT_SIZE).unwrap_or(u16::MAX);
    for entry in block {
        let (number, file_type) = target(entry.target);
        out.put_u64(number);
        out.put_u16(name_offset);
        out.put_u8(file_type);
        out.put_u8(0);
        name_offset += u16::from(entry.name_len);
    }
    for entry in block {
        out.extend_from_slice(names.of(entry));
    }
}
