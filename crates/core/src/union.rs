//! The union of a chain: what Windows shows when layers lie on each other.
//!
//! Rules, as Windows' layering has them. Names are compared by NTFS's upcase table. The nearest layer that has a name
//! decides what it is: a whiteout hides it; a file or link replaces whatever was below; a directory joins the
//! directories below it, down to the first layer that has something else there, whites it out, or replaces it. A
//! directory is spelled as the lowest layer that takes part spells it and described by the nearest layer with an entry
//! of its own; everything else is spelled and described by the nearest layer.

use std::ops::Range;

use winlayer_meta::name;

use crate::change::{Change, ChangeKind};
use crate::path::{LayerPath, MAX_PATH_UNITS, component_ends, file_name};
use crate::view::{EntryKind, LayerView, LinkTarget, RowId};

/// An entry of one layer of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Index of the layer in the union, 0 being the nearest.
    pub layer: usize,
    /// The row in that layer.
    pub row: RowId,
}

/// What a visible path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link or junction.
    Symlink,
}

/// A visible path of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The path as Windows shows it.
    pub path: LayerPath,
    /// What it is.
    pub kind: NodeKind,
    /// The entry that made the name: for a hard link the link's own.
    pub name_at: Place,
    /// The entry that has metadata, content and streams: for a hard link the file's.
    pub at: Place,
}

/// The layers of a chain as one tree.
pub struct Union<V> {
    layers: Vec<V>,
}

/// An entry that takes part in a name, and the first row behind all that lies in it. Views are untrusted: `end` is never
/// behind the end of the directory that the entry was found in, so that going down always comes to an end.
#[derive(Debug, Clone, Copy)]
struct Member {
    place: Place,
    end: RowId,
}

/// A name in one directory of the union, with the entries that take part, nearest first. More than one only for
/// directories.
struct Visible {
    members: Vec<Member>,
}

/// No path is longer than this in bytes: each of its UTF-16 units takes at most three.
const MAX_PATH_BYTES: usize = 3 * MAX_PATH_UNITS;

/// One directory on the way of a walk: the names in it that are still to come, and the length of its path.
struct Frame {
    names: std::vec::IntoIter<Visible>,
    path_len: usize,
}

/// What a walk does with a directory it has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descend {
    /// Goes into it.
    Into,
    /// Passes it by.
    Past,
}

impl Member {
    /// The rows of what lies in it.
    fn inside(self) -> Range<u32> {
        self.place.row.0.saturating_add(1)..self.end.0
    }
}

impl<V: LayerView> Union<V> {
    /// The union of these layers, nearest first.
    pub fn new(nearest_first: Vec<V>) -> Self {
        Self { layers: nearest_first }
    }

    /// The layers, nearest first.
    pub fn layers(&self) -> &[V] {
        &self.layers
    }

    /// Finds a path, ignoring case.
    pub fn find(&self, path: &LayerPath) -> Option<Node> {
        self.find_from(0, path.as_bytes())
    }

    /// Finds a path in the layers from `first` on.
    fn find_from(&self, first: usize, path: &[u8]) -> Option<Node> {
        let (visible, spelled) = self.descend(first, path)?;
        self.node(spelled, &visible)
    }

    /// The entries that make up what is visible at a path, nearest first: one, or for a directory all that take part.
    pub fn places(&self, path: &LayerPath) -> Vec<Place> {
        let found = self.descend(0, path.as_bytes());
        found
            .map_or_else(Vec::new, |(visible, _)| visible.members.iter().map(|member| member.place).collect())
    }

    /// Goes down a path, component by component; gives what is there and how the path is spelled.
    fn descend(&self, first: usize, path: &[u8]) -> Option<(Visible, Vec<u8>)> {
        // What each layer has of the path, found at once: a search for each component would read a long path as often
        // as it has components.
        let rows: Vec<Vec<RowId>> =
            self.layers.iter().skip(first).map(|layer| layer.find_prefixes(path)).collect();
        let row_in = |layer: usize, depth: usize| rows[layer - first].get(depth).copied();
        let mut found: Option<Visible> = None;
        let mut spelled = Vec::with_capacity(path.len());
        for depth in 0..component_ends(path).count() {
            let look = |layer: usize, rows: Range<u32>| {
                let row = row_in(layer, depth).filter(|row| rows.contains(&row.0))?;
                Some(self.member(layer, row, rows.end))
            };
            let visible = match &found {
                None => {
                    let layers = first..self.layers.len();
                    self.visible(layers.filter_map(|layer| look(layer, 0..self.layers[layer].len())))?
                }
                Some(directory) if !self.kind(directory.members[0].place).is_directory() => return None,
                Some(Visible { members }) => self
                    .visible(members.iter().filter_map(|member| look(member.place.layer, member.inside())))?,
            };
            if found.is_some() {
                spelled.push(b'/');
            }
            spelled.extend_from_slice(self.spelling(&visible));
            found = Some(visible);
        }
        Some((found?, spelled))
    }

    /// What the layers below the nearest have at a path, given the members of the directory that it lies in (`None`: the
    /// top).
    fn find_below(&self, within: Option<&[Member]>, path: &[u8]) -> Option<Visible> {
        let look = |layer: usize, rows: Range<u32>| {
            let end = rows.end;
            Some(self.member(layer, self.layers[layer].find_within(rows, path)?, end))
        };
        match within {
            None => {
                let layers = 1..self.layers.len();
                self.visible(layers.filter_map(|layer| look(layer, 0..self.layers[layer].len())))
            }
            Some(members) => {
                self.visible(members.iter().filter_map(|member| look(member.place.layer, member.inside())))
            }
        }
    }

    fn member(&self, layer: usize, row: RowId, end: u32) -> Member {
        let end = RowId(self.layers[layer].subtree_end(row).0.min(end));
        Member { place: Place { layer, row }, end }
    }

    /// The entries that take part in a name, given all entries for it, nearest first; `None` if it is not visible.
    fn visible(&self, mut candidates: impl Iterator<Item = Member>) -> Option<Visible> {
        let nearest = candidates.next()?;
        let mut members = vec![nearest];
        match self.kind(nearest.place) {
            EntryKind::Whiteout => return None,
            kind if !kind.is_directory() => return Some(Visible { members }),
            _ if self.replaces(nearest.place) => {}
            _ => {
                for member in candidates.take_while(|member| self.kind(member.place).is_directory()) {
                    members.push(member);
                    if self.replaces(member.place) {
                        break;
                    }
                }
            }
        }
        // A directory must be there by its own right: not merely as the way to a whiteout.
        let shows = |place: Place| !self.layers[place.layer].shows_nothing(place.row);
        members.iter().any(|member| shows(member.place)).then_some(Visible { members })
    }

    /// All visible names of a directory (or of the top), in tree order.
    fn names_in(&self, within: Option<&[Member]>) -> Vec<Visible> {
        let mut entries: Vec<Member> = Vec::new();
        let mut add = |layer: usize, rows: Range<u32>| {
            let end = rows.end;
            let children = self.layers[layer].children_within(rows);
            entries.extend(children.map(|row| self.member(layer, row, end)));
        };
        match within {
            None => (0..self.layers.len()).for_each(|layer| add(layer, 0..self.layers[layer].len())),
            Some(members) => members.iter().for_each(|member| add(member.place.layer, member.inside())),
        }
        let name = |member: &Member| self.name(member.place);
        if within.is_none_or(|members| members.len() > 1) {
            // Stable: entries of one name stay nearest first.
            entries.sort_by(|a, b| name::fold_cmp(name(a), name(b)));
        }
        entries
            .chunk_by(|a, b| name::fold_eq(name(a), name(b)))
            .filter_map(|same_name| self.visible(same_name.iter().copied()))
            .collect()
    }

    /// The visible children of a directory, in tree order; empty for anything else.
    pub fn list(&self, directory: &LayerPath) -> Vec<Node> {
        let mut nodes = Vec::new();
        self.walk(directory, |node| {
            let is_top = node.path.as_bytes().len() == directory.as_bytes().len();
            if !is_top {
                nodes.push(node.clone());
            }
            if is_top { Descend::Into } else { Descend::Past }
        });
        nodes
    }

    /// Shows `start` and everything visible below it, a directory before what lies in it.
    pub fn walk(&self, start: &LayerPath, mut show: impl FnMut(&Node) -> Descend) {
        let Some((visible, mut path)) = self.descend(0, start.as_bytes()) else { return };
        let Some(first) = self.node(path.clone(), &visible) else { return };
        if show(&first) == Descend::Past || first.kind != NodeKind::Directory {
            return;
        }
        let names = self.names_in(Some(&visible.members)).into_iter();
        let mut stack = vec![Frame { names, path_len: path.len() }];
        while let Some(frame) = stack.last_mut() {
            path.truncate(frame.path_len);
            let Some(visible) = frame.names.next() else {
                stack.pop();
                continue;
            };
            path.push(b'/');
            path.extend_from_slice(self.spelling(&visible));
            if path.len() > MAX_PATH_BYTES {
                continue;
            }
            let Some(node) = self.node(path.clone(), &visible) else { continue };
            if show(&node) == Descend::Into && node.kind == NodeKind::Directory {
                let names = self.names_in(Some(&visible.members)).into_iter();
                stack.push(Frame { names, path_len: path.len() });
            }
        }
    }

    /// The roots that are visible.
    pub fn roots(&self) -> Vec<Node> {
        self.names_in(None)
            .iter()
            .filter_map(|visible| self.node(self.spelling(visible).to_vec(), visible))
            .collect()
    }

    /// What the nearest layer changes against the layers below it, in tree order.
    pub fn changes(&self) -> Vec<Change> {
        let Some(layer) = self.layers.first() else { return Vec::new() };
        let mut changes = Vec::new();
        // The directories on the way to the current row: where each ends, and what takes part in it below.
        let mut open: Vec<(RowId, Vec<Member>)> = Vec::new();
        for row in (0..layer.len()).map(RowId) {
            while open.pop_if(|(end, _)| *end <= row).is_some() {}
            let below = match open.last() {
                None => self.find_below(None, layer.path(row)),
                Some((_, members)) => self.find_below(Some(members), layer.path(row)),
            };
            let existed = below.is_some();
            if layer.kind(row).is_directory() {
                let joined = below.filter(|visible| self.kind(visible.members[0].place).is_directory());
                open.push((
                    layer.subtree_end(row),
                    joined.map(|visible| visible.members).unwrap_or_default(),
                ));
            }
            let kind = match layer.kind(row) {
                EntryKind::ImplicitDirectory => continue,
                EntryKind::Whiteout => ChangeKind::Delete,
                _ if existed => ChangeKind::Modify,
                _ => ChangeKind::Add,
            };
            changes.push(Change {
                path: LayerPath::from_checked(layer.path(row).to_vec()),
                kind,
                size: self.size_at(0, row),
            });
        }
        changes
    }

    /// The size of the file at a row, through hard links.
    fn size_at(&self, layer: usize, row: RowId) -> u64 {
        let at = self.follow_links(Place { layer, row }).unwrap_or(Place { layer, row });
        self.layers[at.layer].size(at.row)
    }

    /// The entry behind a hard link: this layer's, or, by path, that of the layers below; `None` if it leads nowhere.
    pub fn follow_links(&self, place: Place) -> Option<Place> {
        let layer = &self.layers[place.layer];
        match layer.link_target(place.row) {
            None => Some(place),
            Some(LinkTarget::Here(row)) => Some(Place { layer: place.layer, row }),
            // Ends: each step goes at least one layer down.
            Some(LinkTarget::Below(path)) => {
                let node = self.find_from(place.layer + 1, path)?;
                (node.kind != NodeKind::Directory).then_some(node.at)
            }
        }
    }

    fn node(&self, path: Vec<u8>, visible: &Visible) -> Option<Node> {
        let nearest = visible.members[0].place;
        let described_by = |place: &Place| self.kind(*place) != EntryKind::ImplicitDirectory;
        let mut places = visible.members.iter().map(|member| member.place);
        let name_at = places.find(described_by).unwrap_or(nearest);
        let at = self.follow_links(name_at)?;
        let kind = match self.kind(at) {
            EntryKind::Directory | EntryKind::ImplicitDirectory => NodeKind::Directory,
            EntryKind::Symlink => NodeKind::Symlink,
            _ => NodeKind::File,
        };
        Some(Node { path: LayerPath::from_checked(path), kind, name_at, at })
    }

    /// How the name is spelled: as the lowest layer that takes part does.
    fn spelling(&self, visible: &Visible) -> &[u8] {
        let lowest = visible.members[visible.members.len() - 1];
        self.name(lowest.place)
    }

    fn name(&self, place: Place) -> &[u8] {
        file_name(self.layers[place.layer].path(place.row))
    }

    fn kind(&self, place: Place) -> EntryKind {
        self.layers[place.layer].kind(place.row)
    }

    fn replaces(&self, place: Place) -> bool {
        self.layers[place.layer].replaces(place.row)
    }
}
