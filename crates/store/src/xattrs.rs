//! How the Windows metadata of an entry show in a mount: each PAX record as an extended attribute with the record's own
//! value, named by its key.
//!
//! ```text
//! user.MSWINDOWS.rawsd, user.LIBARCHIVE.creationtime, …   files and directories
//! trusted.MSWINDOWS.mountpoint, …                         symbolic links, where Linux has no user.*
//! trusted.linkpath                                        symbolic links: the target as the layer says it
//! user.path, trusted.path                                 files and links of which more must be known: which it is
//! ```
//!
//! The last one survives renames and copies inside a mount, so that alternate streams, records that are too long to show
//! and those that nobody knows stay with their file, and a change under one name of a file finds its other names.

use std::collections::HashSet;

use winlayer_core::union::{NodeKind, Place};
use winlayer_core::{EntryKind, LayerView, Node, RowId};

use crate::view::ChainView;

/// Values longer than this stay out of the mounted view: ext4 keeps about 3.9 KB of extended attributes for a file, and
/// a file whose attributes do not fit could not be changed. The layer still has them.
const LONGEST_VALUE: usize = 2048;
/// The longest path that a file is known by, in bytes, so that there is room for the other attributes.
const LONGEST_PATH: usize = 1024;
/// The longest name that Linux allows (`XATTR_NAME_MAX`), in bytes.
const LONGEST_NAME: usize = 255;

/// The key of the attribute that says which file of the layers this is.
pub(crate) const FILE: &[u8] = b"path";
/// The key of the attribute that has a link's target as the layer says it.
pub(crate) const LINK_TARGET: &[u8] = b"linkpath";

/// The namespace for what a mount shows of an entry.
pub(crate) fn namespace(kind: NodeKind) -> &'static [u8] {
    match kind {
        NodeKind::Symlink => b"trusted.",
        NodeKind::Directory | NodeKind::File => b"user.",
    }
}

/// Whether a PAX record is one that says something about Windows.
pub(crate) fn is_windows(key: &[u8]) -> bool {
    key.starts_with(b"MSWINDOWS.") || key.starts_with(b"LIBARCHIVE.")
}

/// Whether a mount shows a record of an entry.
pub(crate) fn is_shown(kind: NodeKind, key: &[u8], value: &[u8]) -> bool {
    is_windows(key)
        && value.len() <= LONGEST_VALUE
        && namespace(kind).len() + key.len() <= LONGEST_NAME
        && !key.contains(&0)
}

/// Whether a PAX record is one of the times that every file system has.
fn is_time(key: &[u8]) -> bool {
    matches!(key, b"mtime" | b"atime" | b"ctime")
}

/// Tells what a mount shows of the nodes of a chain.
pub(crate) struct Attributes<'a> {
    view: &'a ChainView,
    /// Files with more names than one.
    linked: HashSet<Place>,
}

impl<'a> Attributes<'a> {
    /// Looks at every hard link of the chain.
    pub(crate) fn new(view: &'a ChainView) -> Self {
        let mut linked = HashSet::new();
        for layer in 0..view.layers().len() {
            let index = view.index_of(layer);
            let rows = (0..index.len()).map(RowId);
            let links = rows.filter(|row| index.kind(*row) == EntryKind::HardLink);
            linked.extend(links.filter_map(|row| view.follow_links(Place { layer, row })));
        }
        Self { view, linked }
    }

    /// What a mount shows of a node: names, with their namespace, and values.
    pub(crate) fn of(&self, node: &Node) -> Vec<(Vec<u8>, Vec<u8>)> {
        let index = self.view.index_of(node.at.layer);
        let row = node.at.row;
        let name = |key: &[u8]| [namespace(node.kind), key].concat();
        let is_shown = |key: &[u8], value: &[u8]| is_shown(node.kind, key, value);
        let mut attributes: Vec<_> = index
            .records(row)
            .filter(|(key, value)| is_shown(key, value))
            .map(|(key, value)| (name(key), value.to_vec()))
            .collect();
        if node.kind == NodeKind::Symlink {
            attributes.push((name(LINK_TARGET), index.link_text(row).to_vec()));
        }
        let must_be_known = self.linked.contains(&node.at)
            || index.streams(row).len() > 0
            || index.records(row).any(|(key, value)| !is_time(key) && !is_shown(key, value));
        let path = node.path.as_bytes();
        if must_be_known && node.kind != NodeKind::Directory && path.len() <= LONGEST_PATH {
            attributes.push((name(FILE), path.to_vec()));
        }
        attributes
    }
}
