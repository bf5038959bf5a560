//! Decides what each path of the upper directory means against the layers below: what a layer has to say so that on top
//! of them it shows what the mount shows.
//!
//! A directory of the result has up to three sides: what the upper directory has in it, the directory below that shows
//! through it (its origin), and the directory below that it will lie on (the existing one). Origin and existing are the
//! same unless the directory was renamed, or replaces another. Where they are the same, only what the upper directory
//! names is looked at; where they differ, all of the origin is added and all else of the existing is deleted.
//!
//! Windows ignores case, the mount does not. A name that differs from one below in case only is that one.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use winlayer_core::path::{EntryName, Root};
use winlayer_core::union::{NodeKind, Place};
use winlayer_core::{Error, LayerPath, Node, Result};
use winlayer_meta::name;

use super::entry::{About, Content, DirId, Directory, Entry, InodeId, Kind, Lower, UpperFile};
use super::meta;
use super::names::Known;
use super::shown::{Basis, Relation, Shown, Sides};

/// One entry of the layer to be.
pub(super) struct Item<'a> {
    pub(super) path: LayerPath,
    /// Whether the layers below have the path.
    pub(super) before: Before,
    pub(super) what: What<'a>,
}

/// Whether the layers below have a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    Something,
}

/// What an [`Item`] is.
pub(super) enum What<'a> {
    Whiteout,
    Directory(Source<'a>, Weight),
    /// A regular file or symbolic link.
    File(Source<'a>, FileId),
    /// Another name of a file, which an earlier item or the layers below have.
    HardLink {
        to: LayerPath,
        size: u64,
    },
}

/// Where content and metadata of an entry come from.
pub(super) enum Source<'a> {
    /// All of it from below.
    Below(Node),
    /// A directory of the upper directory, and the one below that shows through it.
    Directory(&'a About, Option<Node>),
    /// A file of the upper directory, and the one below that it is or replaces.
    File(&'a UpperFile, Option<Basis>),
}

/// Whether a directory's entry says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Changed,
    /// It is as below, and only there for what lies in it.
    OnTheWay,
}

/// Which file a path is a name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum FileId {
    Upper(InodeId),
    Below(Place),
}

/// All entries of the layer to be, parents before children, and which files below it does not touch.
pub(super) struct Merged<'a> {
    pub(super) items: Vec<Item<'a>>,
    /// Files that keep a name of theirs, by that name.
    pub(super) untouched: HashMap<Place, LayerPath>,
}

/// Merges both sides, given what is known of files with several names.
pub(super) fn merge<'a>(sides: Sides<'a>, known: &'a Known) -> Result<Merged<'a>> {
    let merged = Merged { items: Vec::new(), untouched: HashMap::new() };
    let mut merger = Merger { sides, known, merged, pending: Vec::new() };
    let files = LayerPath::root_of(Root::Files);
    let basis = sides.below.find(&files).ok();
    let source = Source::Directory(&sides.upper.about, basis);
    merger.push(files.clone(), Before::Something, What::Directory(source, Weight::Changed));
    merger.expand(Level { path: files.clone(), shown: sides.top(), existing: Some(files) })?;
    while let Some((level, child)) = merger.pending.pop() {
        merger.take(&level, child)?;
    }
    Ok(merger.merged)
}

/// A directory of the result.
struct Level {
    path: LayerPath,
    shown: Shown,
    existing: Option<LayerPath>,
}

impl Level {
    /// Whether what shows through the directory is what it will lie on.
    fn is_in_place(&self) -> bool {
        self.existing.is_some() && self.existing == self.shown.origin
    }
}

/// A name in a directory of the result.
struct Child<'a> {
    name: Vec<u8>,
    /// What the upper directory has there.
    entry: Option<&'a Entry>,
    /// What shows through there, or would.
    shows: Option<Node>,
    /// Whether what shows is spelled otherwise, and the mount shows both.
    is_beside: bool,
}

struct Merger<'a> {
    sides: Sides<'a>,
    known: &'a Known,
    merged: Merged<'a>,
    /// What is still to be looked at, the next one last.
    pending: Vec<(Rc<Level>, Child<'a>)>,
}

impl<'a> Merger<'a> {
    fn push(&mut self, path: LayerPath, before: Before, what: What<'a>) {
        self.merged.items.push(Item { path, before, what });
    }

    /// Adds the whiteouts of a directory and puts its children on the list.
    fn expand(&mut self, level: Level) -> Result<()> {
        let mut children = self.children(&level)?;
        for name in self.gone(&level, &children) {
            let path = join(&level.path, &name);
            self.push(path, Before::Something, What::Whiteout);
        }
        children.sort_by(|a, b| b.name.cmp(&a.name));
        let level = Rc::new(level);
        self.pending.extend(children.into_iter().map(|child| (level.clone(), child)));
        Ok(())
    }

    /// What the mount shows in a directory; where it is in place, what is only below is left out.
    fn children(&self, level: &Level) -> Result<Vec<Child<'a>>> {
        let entries = self.entries(level.shown.content);
        refuse_twins(&level.path, entries)?;
        let is_named = |name: &[u8]| self.sides.entry(&level.shown, name).is_some();
        let mut children = Vec::new();
        for entry in entries.iter().filter(|entry| !matches!(entry.kind, Kind::Whiteout)) {
            let mut child =
                Child { name: entry.name.clone(), entry: Some(entry), shows: None, is_beside: false };
            child.shows = self.sides.find_below(level.shown.origin.as_ref(), &entry.name);
            if let Some(node) = child.shows.take_if(|node| node.path.file_name() != entry.name)
                && !is_named(node.path.file_name())
            {
                refuse_unless_alike(&level.path, entry, &node)?;
                child.name = node.path.file_name().to_vec();
                child.is_beside = true;
                child.shows = Some(node);
            }
            children.push(child);
        }
        if level.is_in_place() {
            return Ok(children);
        }
        let beside: HashSet<Vec<u8>> =
            children.iter().filter(|child| child.is_beside).map(|child| child.name.clone()).collect();
        let named: HashSet<&[u8]> = entries.iter().map(|entry| entry.name.as_slice()).collect();
        for node in self.list(level.shown.origin.as_ref()) {
            let name = node.path.file_name().to_vec();
            if !named.contains(name.as_slice()) && !beside.contains(&name) {
                children.push(Child { name, entry: None, shows: Some(node), is_beside: false });
            }
        }
        Ok(children)
    }

    /// The names that the existing directory has and the result has not, sorted.
    fn gone(&self, level: &Level, children: &[Child<'_>]) -> Vec<Vec<u8>> {
        let there: HashSet<Vec<u8>> = children.iter().map(|child| folded(&child.name)).collect();
        let mut gone: Vec<Vec<u8>> = if level.is_in_place() {
            let entries = self.entries(level.shown.content).iter();
            let whiteouts = entries.filter(|entry| matches!(entry.kind, Kind::Whiteout));
            let existing = level.existing.as_ref();
            whiteouts
                .filter(|entry| self.sides.find_exactly_below(existing, &entry.name).is_some())
                .map(|entry| entry.name.clone())
                .collect()
        } else {
            let nodes = self.list(level.existing.as_ref());
            nodes.iter().map(|node| node.path.file_name().to_vec()).collect()
        };
        gone.retain(|name| !there.contains(&folded(name)));
        gone.sort();
        gone
    }

    fn entries(&self, content: Option<DirId>) -> &'a [Entry] {
        content.map_or(&[], |content| self.sides.upper.entries(content))
    }

    fn list(&self, directory: Option<&LayerPath>) -> Vec<Node> {
        directory.and_then(|path| self.sides.below.list(path).ok()).unwrap_or_default()
    }

    /// Adds one name of a directory.
    fn take(&mut self, level: &Level, child: Child<'a>) -> Result<()> {
        let existing = self.sides.find_below(level.existing.as_ref(), &child.name);
        match (child.entry.map(|entry| &entry.kind), child.shows) {
            (Some(Kind::Whiteout), _) | (None | Some(Kind::PassThrough(_)), None) => Ok(()),
            (None, Some(node)) if node.kind != NodeKind::Directory => {
                self.take_file_below(join(&level.path, &child.name), node, existing.as_ref());
                Ok(())
            }
            (None, Some(node)) => {
                let shown = Shown { content: None, origin: Some(node.path.clone()) };
                self.take_directory(level, &child.name, shown, Source::Below(node), existing)
            }
            (Some(Kind::PassThrough(content)), Some(node)) => {
                let shown = Shown { content: Some(*content), origin: Some(node.path.clone()) };
                self.take_directory(level, &child.name, shown, Source::Below(node), existing)
            }
            (Some(Kind::Directory(directory)), shows) => {
                checked(&level.path, &child.name)?;
                let beside = shows.filter(|_| child.is_beside).map(|node| node.path);
                let origin = beside.or_else(|| self.sides.origin_of(&level.shown, &child.name, directory));
                let basis = origin.as_ref().and_then(|origin| self.sides.below.find(origin).ok());
                let shown = Shown { content: Some(directory.content), origin };
                let source = Source::Directory(&directory.about, basis);
                self.take_directory(level, &child.name, shown, source, existing)
            }
            (Some(Kind::File(file)), shows) => {
                let path = checked(&level.path, &child.name)?;
                let by_name = || self.sides.basis(&level.shown, file, shows.as_ref());
                let basis = self.known.basis(file).or_else(by_name);
                self.take_file(path, file, basis, existing.as_ref())
            }
        }
    }

    fn take_directory(
        &mut self,
        level: &Level,
        name: &[u8],
        shown: Shown,
        source: Source<'a>,
        existing: Option<Node>,
    ) -> Result<()> {
        let before = before(existing.as_ref());
        // A directory joins the one that is there, and is spelled as that one.
        let joined = existing.filter(|node| node.kind == NodeKind::Directory);
        let name = joined.as_ref().map_or(name, |node| node.path.file_name());
        let path = join(&level.path, name);
        let level = Level { path: path.clone(), shown, existing: joined.map(|node| node.path) };
        let is_as_below = match &source {
            Source::Directory(about, Some(node)) => meta::is_as_below(self.sides.below, about, node),
            Source::Below(_) => true,
            Source::Directory(_, None) | Source::File(..) => false,
        };
        let weight = if level.is_in_place() && is_as_below { Weight::OnTheWay } else { Weight::Changed };
        self.push(path, before, What::Directory(source, weight));
        self.expand(level)
    }

    /// Adds a file of the upper directory.
    fn take_file(
        &mut self,
        path: LayerPath,
        file: &'a UpperFile,
        basis: Option<Basis>,
        existing: Option<&Node>,
    ) -> Result<()> {
        match &basis {
            None if file.content == Content::Below => {
                return Err(Error::corrupt(
                    "the writable layer has metadata for a file whose content the layers below do not have",
                )
                .entry(path.as_bytes())
                .hint("were the layers below changed under it?"));
            }
            Some(basis) if meta::is_unchanged(self.sides.below, file, basis) => {
                self.take_file_below(path, basis.node.clone(), existing);
            }
            _ => {
                let what = What::File(Source::File(file, basis), FileId::Upper(file.inode));
                self.push(path, before(existing), what);
            }
        }
        Ok(())
    }

    /// Adds a file of the layers below, unless it is there already.
    fn take_file_below(&mut self, path: LayerPath, node: Node, existing: Option<&Node>) {
        let (source, id) = match self.known.renewed(node.at) {
            Some(file) => {
                let basis = Basis { node, relation: Relation::Same };
                (Source::File(file, Some(basis)), FileId::Upper(file.inode))
            }
            None if existing.is_some_and(|there| is_same_name(there, &path) && there.at == node.at) => {
                self.merged.untouched.insert(node.at, path);
                return;
            }
            None => {
                let id = FileId::Below(node.at);
                (Source::Below(node), id)
            }
        };
        self.push(path, before(existing), What::File(source, id));
    }
}

/// Whether a node is spelled as a path that leads to it.
fn is_same_name(node: &Node, path: &LayerPath) -> bool {
    node.path.file_name() == path.file_name()
}

fn before(existing: Option<&Node>) -> Before {
    if existing.is_some() { Before::Something } else { Before::Nothing }
}

fn folded(text: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(text.len());
    name::write_folded(text, &mut folded);
    folded
}

fn join(directory: &LayerPath, name: &[u8]) -> LayerPath {
    LayerPath::from_checked([directory.as_bytes(), b"/", name].concat())
}

/// The path of a name that the upper directory has, if Windows can have it.
fn checked(directory: &LayerPath, name: &[u8]) -> Result<LayerPath> {
    let path = join(directory, name);
    let refused = |error: Error| error.entry(path.as_bytes()).hint("rename it in the mounted layer");
    match EntryName::parse(path.as_bytes()).map_err(refused)? {
        EntryName::Node(path) => Ok(path),
        EntryName::Whiteout(_) => {
            Err(refused(Error::invalid("a name that begins with .wh. stands for a deletion in a layer")))
        }
        EntryName::Top | EntryName::Stream { .. } => {
            Err(refused(Error::invalid("the name has the character ':', which Windows does not allow")))
        }
    }
}

/// Refuses two names that are one to Windows.
fn refuse_twins(directory: &LayerPath, entries: &[Entry]) -> Result<()> {
    let mut names: Vec<&[u8]> = entries
        .iter()
        .filter(|entry| !matches!(entry.kind, Kind::Whiteout))
        .map(|entry| entry.name.as_slice())
        .collect();
    names.sort_by(|a, b| name::fold_cmp(a, b));
    match names.windows(2).find(|pair| name::fold_eq(pair[0], pair[1])) {
        Some(pair) => Err(twins(directory, pair[0], pair[1])),
        None => Ok(()),
    }
}

/// Refuses a name beside one below that is the same to Windows, unless it can be a change of that one.
fn refuse_unless_alike(directory: &LayerPath, entry: &Entry, node: &Node) -> Result<()> {
    let are_alike = match &entry.kind {
        Kind::Directory(Directory { lower, .. }) => {
            node.kind == NodeKind::Directory && !matches!(lower, Lower::Moved(_))
        }
        Kind::PassThrough(_) => node.kind == NodeKind::Directory,
        Kind::Whiteout | Kind::File(_) => node.kind != NodeKind::Directory,
    };
    if are_alike { Ok(()) } else { Err(twins(directory, &entry.name, node.path.file_name())) }
}

fn twins(directory: &LayerPath, a: &[u8], b: &[u8]) -> Error {
    let text = String::from_utf8_lossy;
    Error::invalid(format!("{:?} and {:?} are one name to Windows", text(a), text(b)))
        .entry(directory.as_bytes())
        .hint("rename or remove one of the two in the mounted layer")
}
