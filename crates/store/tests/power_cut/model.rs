//! A disk that keeps only what was synced for certain: of everything else, each name and each sector is lost or kept, as
//! the test wants.
//!
//! The content of a file is durable when the file is synced; a name is durable when its directory is. A rename within a
//! directory is one change of that directory; between two it is one of each.

use std::collections::BTreeMap;
use std::path::Path;

use winlayer_core::durable::Op;

const SECTOR: usize = 512;

/// Entries of a directory: names and the numbers of nodes.
type Names = BTreeMap<String, usize>;

#[derive(Debug, Clone)]
enum Node {
    Directory { durable: Names, now: Names },
    File { durable: Vec<u8>, unsynced: Vec<(u64, Vec<u8>)> },
}

/// A change of a directory that is not durable: names that are set or taken away together.
#[derive(Debug, Clone)]
struct Change {
    directory: usize,
    names: Vec<(String, Option<usize>)>,
}

/// The disk. Node 0 is the directory that holds the home.
#[derive(Debug)]
pub(crate) struct ModelDisk {
    nodes: Vec<Node>,
    unsynced: Vec<Change>,
}

/// What is on a disk: the home's directories and files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Content {
    Directory(BTreeMap<String, Content>),
    File(Vec<u8>),
}

const HOME: &str = "home";

impl Default for ModelDisk {
    fn default() -> Self {
        Self { nodes: vec![directory()], unsynced: Vec::new() }
    }
}

fn directory() -> Node {
    Node::Directory { durable: Names::new(), now: Names::new() }
}

impl ModelDisk {
    /// Takes the next operation of a store whose home is `root`.
    pub(crate) fn apply(&mut self, op: &Op, root: &Path) {
        let place = |path: &Path| -> Option<Vec<String>> {
            let below = path.strip_prefix(root).ok()?;
            let names = below.iter().map(|name| name.to_str().unwrap().to_owned());
            Some(std::iter::once(HOME.to_owned()).chain(names).collect())
        };
        match op {
            Op::CreateDir(path) => self.create(&place(path).unwrap(), directory()),
            Op::CreateFile(path) => {
                let empty = Node::File { durable: Vec::new(), unsynced: Vec::new() };
                self.create(&place(path).unwrap(), empty);
            }
            Op::Write { path, offset, bytes } => {
                let Node::File { unsynced, .. } = self.node(&place(path).unwrap()) else {
                    panic!("{path:?}")
                };
                unsynced.push((*offset, bytes.clone()));
            }
            Op::SyncFile(path) => {
                let Node::File { durable, unsynced } = self.node(&place(path).unwrap()) else {
                    panic!("{path:?}")
                };
                for (offset, bytes) in std::mem::take(unsynced) {
                    write(durable, offset as usize, &bytes);
                }
            }
            Op::Rename { from, to } => self.rename(&place(from).unwrap(), &place(to).unwrap()),
            Op::SyncDir(path) => {
                let directory = place(path).map_or(0, |path| self.find(&path).unwrap());
                self.sync_names(directory);
            }
            Op::RemoveFile(path) => self.remove(&place(path).unwrap()),
            Op::RemoveTree(path) => self.remove_tree(&place(path).unwrap()),
        }
    }

    fn find(&self, path: &[String]) -> Option<usize> {
        path.iter().try_fold(0, |node, name| match &self.nodes[node] {
            Node::Directory { now, .. } => now.get(name).copied(),
            Node::File { .. } => None,
        })
    }

    fn node(&mut self, path: &[String]) -> &mut Node {
        let node = self.find(path).unwrap_or_else(|| panic!("no {path:?}"));
        &mut self.nodes[node]
    }

    fn change(&mut self, directory: usize, names: Vec<(String, Option<usize>)>) {
        let Node::Directory { now, .. } = &mut self.nodes[directory] else { panic!("not a directory") };
        set(now, &names);
        self.unsynced.push(Change { directory, names });
    }

    fn create(&mut self, path: &[String], node: Node) {
        let (name, parent) = path.split_last().unwrap();
        let parent = self.find(parent).unwrap();
        self.nodes.push(node);
        self.change(parent, vec![(name.clone(), Some(self.nodes.len() - 1))]);
    }

    fn rename(&mut self, from: &[String], to: &[String]) {
        let node = self.find(from).unwrap();
        let ((from, from_parent), (to, to_parent)) = (from.split_last().unwrap(), to.split_last().unwrap());
        let [from_parent, to_parent] = [from_parent, to_parent].map(|path| self.find(path).unwrap());
        let (goes, comes) = ((from.clone(), None), (to.clone(), Some(node)));
        if from_parent == to_parent {
            self.change(to_parent, vec![goes, comes]);
        } else {
            self.change(to_parent, vec![comes]);
            self.change(from_parent, vec![goes]);
        }
    }

    fn remove(&mut self, path: &[String]) {
        if self.find(path).is_some() {
            let (name, parent) = path.split_last().unwrap();
            let parent = self.find(parent).unwrap();
            self.change(parent, vec![(name.clone(), None)]);
        }
    }

    fn remove_tree(&mut self, path: &[String]) {
        let Some(node) = self.find(path) else { return };
        if let Node::Directory { now, .. } = &self.nodes[node] {
            for name in now.keys().cloned().collect::<Vec<_>>() {
                self.remove_tree(&[path, &[name]].concat());
            }
        }
        self.remove(path);
    }

    fn sync_names(&mut self, directory: usize) {
        let (synced, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unsynced).into_iter().partition(|change| change.directory == directory);
        self.unsynced = left;
        let Node::Directory { durable, .. } = &mut self.nodes[directory] else { panic!("not a directory") };
        synced.iter().for_each(|change| set(durable, &change.names));
    }

    /// How many changes of names are not durable.
    pub(crate) fn unsynced_names(&self) -> usize {
        self.unsynced.len()
    }

    /// What is left after a power cut, given which unsynced changes of names (by number) and which unsynced sectors are
    /// kept.
    pub(crate) fn cut(
        &self,
        keep_name: impl Fn(usize) -> bool,
        mut keep_sector: impl FnMut() -> bool,
    ) -> Content {
        let mut names: BTreeMap<usize, Names> = BTreeMap::new();
        for (number, node) in self.nodes.iter().enumerate() {
            if let Node::Directory { durable, .. } = node {
                names.insert(number, durable.clone());
            }
        }
        for (number, change) in self.unsynced.iter().enumerate() {
            if keep_name(number) {
                set(names.get_mut(&change.directory).unwrap(), &change.names);
            }
        }
        self.content(0, &names, &mut keep_sector)
    }

    fn content(
        &self,
        node: usize,
        names: &BTreeMap<usize, Names>,
        keep_sector: &mut dyn FnMut() -> bool,
    ) -> Content {
        match &self.nodes[node] {
            Node::Directory { .. } => Content::Directory(
                names[&node]
                    .iter()
                    .map(|(name, child)| (name.clone(), self.content(*child, names, keep_sector)))
                    .collect(),
            ),
            Node::File { durable, unsynced } => {
                let mut bytes = durable.clone();
                for (offset, written) in unsynced {
                    for (number, sector) in written.chunks(SECTOR).enumerate() {
                        if keep_sector() {
                            write(&mut bytes, *offset as usize + number * SECTOR, sector);
                        }
                    }
                }
                Content::File(bytes)
            }
        }
    }
}

fn set(names: &mut Names, changes: &[(String, Option<usize>)]) {
    for (name, node) in changes {
        match node {
            Some(node) => names.insert(name.clone(), *node),
            None => names.remove(name),
        };
    }
}

fn write(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if file.len() < offset + bytes.len() {
        file.resize(offset + bytes.len(), 0);
    }
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}

impl Content {
    /// Makes the home at `root` what is on this disk.
    pub(crate) fn write_to(&self, root: &Path) {
        let Self::Directory(top) = self else { panic!("the disk is a file") };
        match top.get(HOME) {
            Some(home) => home.write_out(root),
            None => std::fs::create_dir(root).unwrap(),
        }
    }

    fn write_out(&self, path: &Path) {
        match self {
            Self::File(bytes) => std::fs::write(path, bytes).unwrap(),
            Self::Directory(entries) => {
                std::fs::create_dir(path).unwrap();
                for (name, content) in entries {
                    content.write_out(&path.join(name));
                }
            }
        }
    }

    /// The files of the home's top directory.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        if let Self::Directory(top) = self
            && let Some(Self::Directory(home)) = top.get(HOME)
        {
            for (name, content) in home {
                if let Self::File(bytes) = content {
                    found.insert(name.clone(), bytes.clone());
                }
            }
        }
        found
    }
}
