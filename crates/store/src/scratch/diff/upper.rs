//! Reads overlayfs' upper directory into plain values: what was put over the layers below, at which path (kernel
//! documentation, filesystems/overlayfs).
//!
//! Names, times and attributes are read once; contents stay where they are until they are asked for.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use winlayer_core::path::Root;
use winlayer_core::union::NodeKind;
use winlayer_core::{Error, Result};

use super::attributes::{AttributeReader, Attributes};
use super::entry::{About, DirId, Directory, Entry, InodeId, Kind, Lower, OtherNames, Stored, UpperFile};

/// An upper directory.
pub(super) struct Upper {
    path: PathBuf,
    root: OwnedFd,
    /// Overlayfs' index, if there is one.
    index: Option<PathBuf>,
    /// Files below that were changed under a name that is gone, so that only their other names show them.
    pub(super) nameless: Vec<UpperFile>,
    /// Metadata of the top.
    pub(super) about: About,
    /// Whether it has files that may have other names.
    pub(super) has_other_names: bool,
    /// The entries of each directory, by name; the top first.
    directories: Vec<Vec<Entry>>,
}

impl Upper {
    /// The top.
    pub(super) const TOP: DirId = DirId(0);

    /// Reads a whole upper directory, contents left out.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let failed = |e| Error::io("read", path, e);
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
        let metadata = std::fs::symlink_metadata(path).map_err(failed)?;
        let mut attributes = AttributeReader::default();
        let found = attributes.read(path, NodeKind::Directory)?;
        attributes.settle_namespace(&found);
        let about = found.about(&metadata);
        let directories = vec![Vec::new()];
        let mut upper = Self {
            path: path.to_owned(),
            root,
            index: Some(path.with_file_name("work").join("index")).filter(|index| index.is_dir()),
            nameless: Vec::new(),
            about,
            has_other_names: false,
            directories,
        };
        let mut pending = vec![(Self::TOP, Vec::new())];
        while let Some((id, within)) = pending.pop() {
            upper.directories[id.0] = upper.read_directory(&within, &mut attributes, &mut pending)?;
        }
        upper.read_index(&mut attributes)?;
        Ok(upper)
    }

    /// Finds the files that have no name in the upper directory.
    fn read_index(&mut self, attributes: &mut AttributeReader) -> Result<()> {
        let Some(index) = self.index.clone() else { return Ok(()) };
        let files = self.directories.iter().flatten().filter_map(|entry| match &entry.kind {
            Kind::File(file) => Some(file.inode),
            Kind::Whiteout | Kind::Directory(_) | Kind::PassThrough(_) => None,
        });
        let named: HashSet<InodeId> = files.collect();
        let failed = |e| Error::io("read", &index, e);
        let mut nameless = Vec::new();
        for found in std::fs::read_dir(&index).map_err(failed)? {
            let path = found.map_err(failed)?.path();
            let metadata = std::fs::symlink_metadata(&path).map_err(|e| Error::io("read", &path, e))?;
            let kind = match node_kind(metadata.file_type()) {
                Some(kind @ (NodeKind::File | NodeKind::Symlink))
                    if !named.contains(&InodeId::of(&metadata)) =>
                {
                    kind
                }
                _ => continue,
            };
            let found = attributes.read(&path, kind)?;
            let name = path.file_name().unwrap_or_default().as_bytes().to_vec();
            nameless.push(found.file(&path, &metadata, Stored::InIndex(name))?);
        }
        nameless.sort_by(|a, b| a.stored.name().cmp(b.stored.name()));
        self.nameless = nameless;
        Ok(())
    }

    fn read_directory(
        &mut self,
        within: &[u8],
        attributes: &mut AttributeReader,
        pending: &mut Vec<(DirId, Vec<u8>)>,
    ) -> Result<Vec<Entry>> {
        let path = self.os_path(within);
        let failed = |e| Error::io("read", &path, e);
        let mut entries = Vec::new();
        for found in std::fs::read_dir(&path).map_err(failed)? {
            let name = found.map_err(failed)?.file_name().into_vec();
            let place = if within.is_empty() { name.clone() } else { [within, b"/", &name].concat() };
            let path = self.os_path(&place);
            let metadata = std::fs::symlink_metadata(&path).map_err(|e| Error::io("read", &path, e))?;
            let node_kind = node_kind(metadata.file_type());
            let kind = match node_kind {
                None if is_whiteout_device(&metadata) => Kind::Whiteout,
                None => return Err(no_place_for(metadata.file_type()).entry(&in_files(&place))),
                Some(node_kind) => {
                    let found = attributes.read(&path, node_kind)?;
                    self.kind(&place, &metadata, found, pending)?
                }
            };
            entries.push(Entry { name, kind });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn kind(
        &mut self,
        place: &[u8],
        metadata: &Metadata,
        found: Attributes,
        pending: &mut Vec<(DirId, Vec<u8>)>,
    ) -> Result<Kind> {
        if metadata.is_dir() {
            let about = found.about(metadata);
            let content = self.new_directory();
            pending.push((content, place.to_vec()));
            let lower = match found.overlay.redirect {
                _ if found.overlay.is_opaque => Lower::Opaque,
                Some(redirect) => Lower::Moved(redirect),
                None => Lower::SameName,
            };
            return Ok(Kind::Directory(Directory { content, lower, about }));
        }
        if found.overlay.is_whiteout && metadata.len() == 0 {
            return Ok(Kind::Whiteout);
        }
        let file = found.file(&self.os_path(place), metadata, Stored::At(place.to_vec()))?;
        self.has_other_names |= file.other_names != OtherNames::None;
        Ok(Kind::File(Box::new(file)))
    }

    fn new_directory(&mut self) -> DirId {
        self.directories.push(Vec::new());
        DirId(self.directories.len() - 1)
    }

    fn os_path(&self, place: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(place))
    }

    /// What lies in a directory, by name.
    pub(super) fn entries(&self, directory: DirId) -> &[Entry] {
        &self.directories[directory.0]
    }

    /// What lies in a directory under exactly this name.
    pub(super) fn entry(&self, directory: DirId, name: &[u8]) -> Option<&Entry> {
        let entries = self.entries(directory);
        entries.binary_search_by(|entry| entry.name.as_slice().cmp(name)).ok().map(|at| &entries[at])
    }

    /// Gives a file one more name, at a path of the mount where the upper directory has nothing yet.
    pub(super) fn add_name(&mut self, path: &[u8], file: &UpperFile) {
        let mut directory = Self::TOP;
        let mut components = path.split(|&b| b == b'/').peekable();
        while let Some(name) = components.next() {
            let position = self.entries(directory).binary_search_by(|entry| entry.name.as_slice().cmp(name));
            let is_last = components.peek().is_none();
            directory = match position {
                Ok(at) => match &self.directories[directory.0][at].kind {
                    Kind::Directory(Directory { content, .. }) | Kind::PassThrough(content) => *content,
                    Kind::Whiteout | Kind::File(_) => return,
                },
                Err(at) => {
                    let content = self.new_directory();
                    let kind =
                        if is_last { Kind::File(file.clone().into()) } else { Kind::PassThrough(content) };
                    self.directories[directory.0].insert(at, Entry { name: name.to_vec(), kind });
                    content
                }
            };
        }
    }

    /// Opens the content of a file. Symbolic links are not followed, whoever may have put them on the way since.
    pub(super) fn open(&self, file: &UpperFile) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let (opened, path) = match (&file.stored, &self.index) {
            (Stored::InIndex(name), Some(index)) => {
                let path = index.join(OsStr::from_bytes(name));
                (rustix::fs::openat(CWD, &path, flags, Mode::empty()), path)
            }
            (Stored::At(place) | Stored::InIndex(place), _) => {
                let opened = rustix::fs::openat2(&self.root, place.as_slice(), flags, Mode::empty(), resolve);
                (opened, self.os_path(place))
            }
        };
        opened.map(File::from).map_err(|e| Error::io("open", &path, e.into()))
    }
}

fn node_kind(kind: FileType) -> Option<NodeKind> {
    if kind.is_dir() {
        Some(NodeKind::Directory)
    } else if kind.is_symlink() {
        Some(NodeKind::Symlink)
    } else {
        kind.is_file().then_some(NodeKind::File)
    }
}

fn is_whiteout_device(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}

fn no_place_for(kind: FileType) -> Error {
    let what = match kind {
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Error::invalid(format!("{what} has no place in a Windows layer")).hint("remove it in the mounted layer")
}

/// The path in the layer of a path in the mount.
pub(super) fn in_files(place: &[u8]) -> Vec<u8> {
    [Root::Files.name().as_bytes(), b"/", place].concat()
}
