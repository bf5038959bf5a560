//! Files with several names: which names below a file has, and which of a file's names has its content in the tar.
//!
//! With `index=on` overlayfs keeps hard links together: who changes a file under one name changes it under all, though
//! the upper directory has only the name that was used.

use std::collections::{HashMap, HashSet};

use winlayer_core::union::{NodeKind, Place};
use winlayer_core::{EntryKind, LayerPath, LayerView, RowId};

use super::entry::{Content, InodeId, Kind, OtherNames, UpperFile};
use super::merge::{FileId, Item, Merged, Source, What};
use super::meta;
use super::shown::{Basis, Relation, Shown, Sides};
use super::upper::Upper;
use crate::view::ChainView;

/// What is known of files with several names.
#[derive(Default)]
pub(super) struct Known {
    /// What they are below, by their inode in the upper directory.
    bases: HashMap<InodeId, Basis>,
    /// Those that the upper directory has a changed version of and that have other names below, by what they are there.
    renewed: HashMap<Place, UpperFile>,
}

impl Known {
    /// The file below that a file of the upper directory is known to be by another of its names.
    pub(super) fn basis(&self, file: &UpperFile) -> Option<Basis> {
        self.bases.get(&file.inode).cloned()
    }

    /// The changed version of a file below.
    pub(super) fn renewed(&self, place: Place) -> Option<&UpperFile> {
        self.renewed.get(&place)
    }

    fn gather(sides: Sides<'_>) -> Self {
        let mut known = Self::default();
        let mut pending = if sides.upper.has_other_names { vec![sides.top()] } else { Vec::new() };
        while let Some(parent) = pending.pop() {
            for entry in parent.content.map_or(&[][..], |content| sides.upper.entries(content)) {
                match &entry.kind {
                    Kind::Whiteout | Kind::PassThrough(_) => {}
                    Kind::Directory(directory) => pending.push(Shown {
                        content: Some(directory.content),
                        origin: sides.origin_of(&parent, &entry.name, directory),
                    }),
                    Kind::File(file) if file.other_names == OtherNames::None => {}
                    Kind::File(file) => known.take(sides, &parent, Some(&entry.name), file),
                }
            }
        }
        for file in &sides.upper.nameless {
            known.take(sides, &sides.top(), None, file);
        }
        known
    }

    fn take(&mut self, sides: Sides<'_>, parent: &Shown, name: Option<&[u8]>, file: &UpperFile) {
        let shows = name.and_then(|name| sides.find_exactly_below(parent.origin.as_ref(), name));
        let Some(basis) = sides.basis(parent, file, shows.as_ref()) else { return };
        if file.other_names == OtherNames::Below && !meta::is_unchanged(sides.below, file, &basis) {
            self.renewed.insert(basis.node.at, file.clone());
        }
        let is_surer = |known: &Basis| known.relation == Relation::Same;
        if !self.bases.get(&file.inode).is_some_and(is_surer) {
            self.bases.insert(file.inode, basis);
        }
    }
}

/// Gives the changed files of the upper directory the names that they have below and the upper directory lacks.
pub(super) fn complete(upper: &mut Upper, below: &ChainView) -> Known {
    let known = Known::gather(Sides { upper, below });
    let places = known.renewed.keys().copied().collect();
    for (place, names) in names_below(below, &places) {
        for path in names {
            let place_in_mount = (Sides { upper, below }).untouched(&path);
            if let (Some(place_in_mount), Some(file)) = (place_in_mount, known.renewed(place)) {
                upper.add_name(&place_in_mount, file);
            }
        }
    }
    known
}

/// All visible names of these files. Looks at every hard link of the chain.
fn names_below(below: &ChainView, files: &HashSet<Place>) -> HashMap<Place, Vec<LayerPath>> {
    let mut names: HashMap<Place, Vec<LayerPath>> = HashMap::new();
    let Some(deepest) = files.iter().map(|place| place.layer).max() else { return names };
    let mut add = |place: Place, path: &[u8]| {
        let node = below.find(&LayerPath::from_checked(path.to_vec()));
        if let Ok(node) = node.as_ref()
            && node.at == place
            && node.kind != NodeKind::Directory
        {
            names.entry(place).or_default().push(node.path.clone());
        }
    };
    for place in files {
        add(*place, below.index_of(place.layer).path(place.row));
    }
    for layer in 0..=deepest {
        let index = below.index_of(layer);
        for row in (0..index.len()).map(RowId).filter(|row| index.kind(*row) == EntryKind::HardLink) {
            if let Some(place) =
                below.follow_links(Place { layer, row }).filter(|place| files.contains(place))
            {
                add(place, index.path(row));
            }
        }
    }
    for paths in names.values_mut() {
        paths.sort();
        paths.dedup();
    }
    names
}

/// Leaves the content with the first name of every file; the others become links to it, or to a name of the file that
/// the layer does not touch.
pub(super) fn link<'a>(sides: Sides<'a>, merged: Merged<'a>) -> Vec<Item<'a>> {
    let Merged { mut items, mut untouched } = merged;
    let below = items.iter().filter_map(|item| match &item.what {
        What::File(_, FileId::Below(place)) if !untouched.contains_key(place) => Some(*place),
        _ => None,
    });
    for (place, names) in names_below(sides.below, &below.collect()) {
        if let Some(path) = names.into_iter().find(|path| sides.untouched(path).is_some()) {
            untouched.insert(place, path);
        }
    }
    let mut first: HashMap<FileId, (LayerPath, u64)> = HashMap::new();
    for item in &mut items {
        let What::File(source, id) = &item.what else { continue };
        let size = size(sides.below, source);
        let earlier = match id {
            FileId::Below(place) => untouched.get(place).map(|path| (path.clone(), size)),
            FileId::Upper(_) => None,
        };
        match earlier.or_else(|| first.get(id).cloned()) {
            Some((to, size)) => item.what = What::HardLink { to, size },
            None => drop(first.insert(*id, (item.path.clone(), size))),
        }
    }
    items
}

/// The size of a file's content, in bytes.
pub(super) fn size(below: &ChainView, source: &Source<'_>) -> u64 {
    match source {
        Source::Below(node) => below.size(node),
        Source::Directory(..) => 0,
        Source::File(file, basis) => match (&file.content, basis) {
            (Content::Own(size), _) => *size,
            (Content::Below, Some(Basis { node, .. })) => below.size(node),
            (Content::Below, None) | (Content::Link(_), _) => 0,
        },
    }
}
