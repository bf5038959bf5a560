//! Looks paths up as the mount shows them: the upper directory over the layers below, by exact name.

use winlayer_core::path::Root;
use winlayer_core::union::NodeKind;
use winlayer_core::{LayerPath, Node};
use winlayer_meta::name;

use super::entry::{Content, DirId, Directory, Entry, Kind, Lower, Redirect, UpperFile};
use super::upper::Upper;
use crate::view::ChainView;

/// A directory as the mount shows it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// What the upper directory has in it.
    pub(super) content: Option<DirId>,
    /// The directory below that shows through it.
    pub(super) origin: Option<LayerPath>,
}

/// The file of the layers below that a file of the upper directory is, or takes the place of.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    pub(super) node: Node,
    pub(super) relation: Relation,
}

/// How a file of the upper directory is related to one below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// It came from it.
    Same,
    /// It has its name: it came from it, or another file was put in its place.
    SameName,
}

/// Both sides of a mount.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) upper: &'a Upper,
    pub(super) below: &'a ChainView,
}

impl<'a> Sides<'a> {
    /// The top of the mount.
    pub(super) fn top(&self) -> Shown {
        Shown { content: Some(Upper::TOP), origin: Some(LayerPath::root_of(Root::Files)) }
    }

    /// What the layers below have in a directory under a name, whatever its case.
    pub(super) fn find_below(&self, directory: Option<&LayerPath>, name: &[u8]) -> Option<Node> {
        let path = [directory?.as_bytes(), b"/", name].concat();
        self.below.find(&LayerPath::from_checked(path)).ok()
    }

    /// As [`Sides::find_below`], the name spelled as given.
    pub(super) fn find_exactly_below(&self, directory: Option<&LayerPath>, name: &[u8]) -> Option<Node> {
        self.find_below(directory, name).filter(|node| node.path.file_name() == name)
    }

    /// What the upper directory has in a directory under a name.
    pub(super) fn entry(&self, directory: &Shown, name: &[u8]) -> Option<&'a Entry> {
        self.upper.entry(directory.content?, name)
    }

    /// The node below that a redirect in `directory` leads to.
    pub(super) fn follow(&self, directory: &Shown, redirect: &Redirect) -> Option<Node> {
        match redirect {
            Redirect::Sibling(name) => self.find_exactly_below(directory.origin.as_ref(), name),
            Redirect::Absolute(path) => {
                let path = LayerPath::from_tar(&super::upper::in_files(path)).ok()?;
                self.below.find(&path).ok()
            }
        }
    }

    /// What shows through a directory of the upper directory that lies in `parent` under `name`.
    pub(super) fn origin_of(&self, parent: &Shown, name: &[u8], directory: &Directory) -> Option<LayerPath> {
        let node = match &directory.lower {
            Lower::Opaque => None,
            Lower::SameName => self.find_exactly_below(parent.origin.as_ref(), name),
            Lower::Moved(redirect) => self.follow(parent, redirect),
        };
        node.filter(|node| node.kind == NodeKind::Directory).map(|node| node.path)
    }

    /// The file below that a file in `parent` is or replaces; `shows` is what is there under its name.
    pub(super) fn basis(&self, parent: &Shown, file: &UpperFile, shows: Option<&Node>) -> Option<Basis> {
        let redirect = match (&file.redirect, &file.content) {
            // Noted when the file was renamed, and out of date if it was moved on after its data were copied up.
            (Some(Redirect::Sibling(_)), Content::Own(_)) => None,
            (redirect, _) => redirect.as_ref(),
        };
        let is_alike = |node: &Node| node.kind == file.node_kind();
        let moved = redirect.and_then(|redirect| self.follow(parent, redirect));
        let by_name = shows.filter(|node| is_alike(node));
        let marked = || {
            let path = LayerPath::from_tar(file.about.file.as_ref()?).ok()?;
            self.below.find(&path).ok().filter(is_alike)
        };
        let known = match file.content {
            // Without a redirect its name is still the one that overlayfs finds the data by.
            Content::Below => moved.or_else(|| by_name.cloned()).or_else(marked),
            Content::Own(_) | Content::Link(_) => moved.or_else(marked),
        };
        match known.filter(is_alike) {
            Some(node) => Some(Basis { node, relation: Relation::Same }),
            None => Some(Basis { node: by_name?.clone(), relation: Relation::SameName }),
        }
    }

    /// The directory that the mount shows in `parent` under `name`.
    fn enter(&self, parent: &Shown, name: &[u8]) -> Option<Shown> {
        let Some(entry) = self.entry(parent, name) else {
            let node = self.find_exactly_below(parent.origin.as_ref(), name)?;
            let origin = (node.kind == NodeKind::Directory).then_some(node.path);
            return origin.map(|origin| Shown { content: None, origin: Some(origin) });
        };
        match &entry.kind {
            Kind::Whiteout | Kind::File(_) => None,
            Kind::Directory(directory) => Some(Shown {
                content: Some(directory.content),
                origin: self.origin_of(parent, name, directory),
            }),
            Kind::PassThrough(content) => {
                let node = self.find_exactly_below(parent.origin.as_ref(), name);
                Some(Shown { content: Some(*content), origin: node.map(|node| node.path) })
            }
        }
    }

    /// Whether a link at `link` (a path of the mount) with this target leads to a directory. Links on the way are not
    /// followed.
    pub(super) fn leads_to_directory(&self, link: &[u8], target: &[u8]) -> bool {
        let mut path: Vec<&[u8]> = link.split(|&b| b == b'/').collect();
        path.pop();
        if target.starts_with(b"/") {
            path.clear();
        }
        for component in target.split(|&b| b == b'/') {
            match component {
                b"" | b"." => {}
                b".." => drop(path.pop()),
                name => path.push(name),
            }
        }
        let mut directory = Some(self.top());
        for name in path {
            directory = directory.and_then(|parent| self.enter(&parent, name));
        }
        directory.is_some()
    }

    /// Where the mount shows a path of the layers below, if it does so as they have it: the upper directory has nothing
    /// there and hides no part of the way.
    pub(super) fn untouched(&self, path: &LayerPath) -> Option<Vec<u8>> {
        let mut parent = self.top();
        let mut below = Root::Files.name().as_bytes().to_vec();
        let mut place: Vec<&[u8]> = Vec::new();
        let mut names = path.in_files()?.split(|&b| b == b'/');
        while let Some(name) = names.next() {
            below = [&below, &b"/"[..], name].concat();
            if self.entry(&parent, name).is_none() {
                place.push(name);
                place.extend(names);
                return Some(place.join(&b'/'));
            }
            // A directory that was renamed in case only is in its place.
            let entries = self.upper.entries(parent.content?).iter();
            let mut alike = entries.filter(|entry| name::fold_eq(&entry.name, name));
            (parent, place) = alike.find_map(|entry| {
                let shown = self.enter(&parent, &entry.name)?;
                let is_it = shown.origin.as_ref().is_some_and(|origin| origin.as_bytes() == below);
                is_it.then(|| (shown, [&place[..], &[entry.name.as_slice()]].concat()))
            })?;
        }
        None
    }
}
