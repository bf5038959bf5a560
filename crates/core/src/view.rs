//! One layer as its entries in tree order: what an engine's index must offer so that chains can be merged over it.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use winlayer_meta::name;

use crate::path::component_ends;

/// The place of an entry in a [`LayerView`]: its row in tree order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u32);

/// What an entry of a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A directory with an entry of its own.
    Directory,
    /// A directory that the layer has only because something lies in it. Its metadata come from below.
    ImplicitDirectory,
    /// A regular file.
    File,
    /// A symbolic link or junction.
    Symlink,
    /// One more name of a file; see [`LayerView::link_target`].
    HardLink,
    /// The path is gone in this layer.
    Whiteout,
}

impl EntryKind {
    /// Whether things may lie in it.
    pub fn is_directory(self) -> bool {
        matches!(self, Self::Directory | Self::ImplicitDirectory)
    }
}

/// Where the file behind a hard link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkTarget<'a> {
    /// In the same layer, at this row, which is a file or a symlink.
    Here(RowId),
    /// In a layer below, at this path.
    Below(&'a [u8]),
}

/// The entries of one layer, sorted by [`winlayer_meta::name::tree_cmp`]: every path once, a directory directly before all
/// that lies in it, every parent directory present (if only as [`EntryKind::ImplicitDirectory`]).
pub trait LayerView {
    /// How many entries there are.
    fn len(&self) -> u32;

    /// The entry's path as this layer spells it.
    fn path(&self, row: RowId) -> &[u8];

    /// What the entry is.
    fn kind(&self, row: RowId) -> EntryKind;

    /// The first row behind all that lies in this entry; the next row for anything but a directory.
    fn subtree_end(&self, row: RowId) -> RowId;

    /// Whether the layer also has a whiteout for this path, so that nothing from below shows through it.
    fn replaces(&self, row: RowId) -> bool;

    /// Size in bytes of the main stream; 0 for anything but a file.
    fn size(&self, row: RowId) -> u64;

    /// Where a [`EntryKind::HardLink`] leads.
    fn link_target(&self, row: RowId) -> Option<LinkTarget<'_>>;

    /// Whether neither this entry nor anything below it shows by its own right: whiteouts and the way to them only.
    fn shows_nothing(&self, row: RowId) -> bool {
        let shows =
            |row| !matches!(self.kind(RowId(row)), EntryKind::Whiteout | EntryKind::ImplicitDirectory);
        !(row.0..self.subtree_end(row).0).any(shows)
    }

    /// Whether there are no entries.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds a path, ignoring case; O(log n).
    fn find(&self, path: &[u8]) -> Option<RowId> {
        self.find_within(0..self.len(), path)
    }

    /// Finds a path among these rows, ignoring case.
    fn find_within(&self, rows: Range<u32>, path: &[u8]) -> Option<RowId> {
        let Range { start: mut low, end: mut high } = rows;
        while low < high {
            let middle = low + (high - low) / 2;
            match name::tree_cmp(self.path(RowId(middle)), path) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(RowId(middle)),
            }
        }
        None
    }

    /// Finds a path and the directories that it lies in, as far as they are there: a row for each component, outermost
    /// first.
    fn find_prefixes(&self, path: &[u8]) -> Vec<RowId> {
        component_ends(path).map_while(|end| self.find(&path[..end])).collect()
    }

    /// The direct children of a directory, or the roots.
    fn children(&self, directory: Option<RowId>) -> Children<'_, Self> {
        match directory {
            Some(row) => self.children_within(row.0.saturating_add(1)..self.subtree_end(row).0),
            None => self.children_within(0..self.len()),
        }
    }

    /// The entries of these rows that lie in no other of them.
    fn children_within(&self, rows: Range<u32>) -> Children<'_, Self> {
        Children { view: self, rows }
    }
}

/// Iterates over the direct children of a directory, in tree order.
pub struct Children<'a, V: ?Sized> {
    view: &'a V,
    rows: Range<u32>,
}

impl<V: LayerView + ?Sized> Iterator for Children<'_, V> {
    type Item = RowId;

    fn next(&mut self) -> Option<RowId> {
        let row = RowId(self.rows.next()?);
        // An index is untrusted: whatever it says, the iteration moves on.
        self.rows.start = self.view.subtree_end(row).0.max(self.rows.start);
        Some(row)
    }
}

impl<V: LayerView + ?Sized> LayerView for Arc<V> {
    fn len(&self) -> u32 {
        (**self).len()
    }

    fn path(&self, row: RowId) -> &[u8] {
        (**self).path(row)
    }

    fn kind(&self, row: RowId) -> EntryKind {
        (**self).kind(row)
    }

    fn subtree_end(&self, row: RowId) -> RowId {
        (**self).subtree_end(row)
    }

    fn replaces(&self, row: RowId) -> bool {
        (**self).replaces(row)
    }

    fn size(&self, row: RowId) -> u64 {
        (**self).size(row)
    }

    fn link_target(&self, row: RowId) -> Option<LinkTarget<'_>> {
        (**self).link_target(row)
    }

    fn shows_nothing(&self, row: RowId) -> bool {
        (**self).shows_nothing(row)
    }

    fn find_prefixes(&self, path: &[u8]) -> Vec<RowId> {
        (**self).find_prefixes(path)
    }
}
