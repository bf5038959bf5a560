//! A layer in memory, for tests of what is built on [`LayerView`].

use std::cmp::Ordering;

use winlayer_core::view::LinkTarget;
use winlayer_core::{EntryKind, LayerView, RowId};
use winlayer_meta::name::tree_cmp;

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) kind: EntryKind,
    pub(crate) link: Option<String>,
    pub(crate) replaces: bool,
    pub(crate) size: u64,
}

/// The entries of a layer, sorted, with implicit directories added.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryLayer(Vec<Entry>);

impl MemoryLayer {
    /// A layer of these lines: `d PATH`, `f PATH [SIZE]`, `s PATH`, `l PATH TARGET`, `w PATH` (whiteout).
    pub(crate) fn of(lines: &[&str]) -> Self {
        let mut layer = Self::default();
        for line in lines {
            let words: Vec<_> = line.split(' ').collect();
            let (kind, link) = match words[0] {
                "d" => (EntryKind::Directory, None),
                "f" => (EntryKind::File, None),
                "s" => (EntryKind::Symlink, None),
                "l" => (EntryKind::HardLink, Some(words[2].to_owned())),
                "w" => (EntryKind::Whiteout, None),
                other => panic!("{other}"),
            };
            let size =
                if kind == EntryKind::File { words.get(2).map_or(0, |n| n.parse().unwrap()) } else { 0 };
            layer.add(Entry { path: words[1].to_owned(), kind, link, replaces: false, size });
        }
        layer
    }

    /// Adds an entry; a whiteout and another entry of one path become one that replaces.
    pub(crate) fn add(&mut self, entry: Entry) {
        let mut parent = entry.path.as_str();
        while let Some((shorter, _)) = parent.rsplit_once('/') {
            parent = shorter;
            if self.position(parent).is_err() {
                self.put(Entry {
                    path: parent.to_owned(),
                    kind: EntryKind::ImplicitDirectory,
                    link: None,
                    replaces: false,
                    size: 0,
                });
            }
        }
        self.put(entry);
    }

    fn put(&mut self, mut entry: Entry) {
        match self.position(&entry.path) {
            Err(at) => self.0.insert(at, entry),
            Ok(at) if entry.kind == EntryKind::Whiteout => self.0[at].replaces = true,
            Ok(at) => {
                entry.replaces = self.0[at].replaces || self.0[at].kind == EntryKind::Whiteout;
                self.0[at] = entry;
            }
        }
    }

    fn position(&self, path: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|entry| tree_cmp(entry.path.as_bytes(), path.as_bytes()))
    }
}

impl LayerView for MemoryLayer {
    fn len(&self) -> u32 {
        self.0.len() as u32
    }

    fn path(&self, row: RowId) -> &[u8] {
        self.0[row.0 as usize].path.as_bytes()
    }

    fn kind(&self, row: RowId) -> EntryKind {
        self.0[row.0 as usize].kind
    }

    fn subtree_end(&self, row: RowId) -> RowId {
        let path = self.path(row);
        let below = |other: &[u8]| {
            other.len() > path.len()
                && other[path.len()] == b'/'
                && tree_cmp(&other[..path.len()], path) == Ordering::Equal
        };
        let behind = (row.0 + 1..self.len()).find(|next| !below(self.path(RowId(*next))));
        RowId(behind.unwrap_or(self.len()))
    }

    fn replaces(&self, row: RowId) -> bool {
        self.0[row.0 as usize].replaces
    }

    fn size(&self, row: RowId) -> u64 {
        self.0[row.0 as usize].size
    }

    fn link_target(&self, row: RowId) -> Option<LinkTarget<'_>> {
        let target = self.0[row.0 as usize].link.as_ref()?;
        Some(match self.find(target.as_bytes()) {
            Some(here) if self.kind(here) == EntryKind::File => LinkTarget::Here(here),
            _ => LinkTarget::Below(target.as_bytes()),
        })
    }
}
