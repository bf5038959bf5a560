//! Looks into a layer and its chain without mounting: the union of their indexes, metadata as values, file content out
//! of the tars.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use winlayer_core::union::{Descend, NodeKind, Place};
use winlayer_core::{
    Chain, EntryKind, Error, ErrorKind, LayerId, LayerPath, LayerView, Node, Result, RowId, Union,
};
use winlayer_meta::attributes::FileAttributes;
use winlayer_meta::ea::ExtendedAttribute;
use winlayer_meta::filetime::FileTime;
use winlayer_meta::name;
use winlayer_meta::reparse::ReparsePoint;
use winlayer_tar::windows::Source;
use winlayer_tar::{EntryType, RawEntry, Reader, WindowsMeta};

use crate::{Index, Store};

/// A layer and its chain as one tree.
pub struct ChainView {
    store: Store,
    /// Nearest first, as in the union.
    layers: Vec<LayerId>,
    union: Union<Arc<Index>>,
    /// What was changed in the nearest layer, as a tar, if it is writable.
    changes: Option<File>,
}

/// The four times of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When it was made.
    pub created: FileTime,
    /// When its content last changed.
    pub modified: FileTime,
    /// When it was last read.
    pub accessed: FileTime,
    /// When its metadata last changed.
    pub changed: FileTime,
}

/// An alternate data stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamStat {
    /// Its name, without `:` and type (WTF-8).
    pub name: Vec<u8>,
    /// Its size in bytes.
    pub size: u64,
}

/// All that is known of a visible path.
#[derive(Debug, Clone)]
pub struct Stat {
    /// The path as Windows shows it.
    pub path: LayerPath,
    /// What it is.
    pub kind: NodeKind,
    /// Size of the main stream in bytes.
    pub size: u64,
    /// The attributes; what Windows would assume where the layer has none.
    pub attributes: FileAttributes,
    /// The four times.
    pub times: Times,
    /// The self-relative security descriptor, as bytes, where the layer has one.
    pub security: Option<Vec<u8>>,
    /// The extended attributes.
    pub eas: Vec<ExtendedAttribute>,
    /// The reparse point of a symbolic link or junction.
    pub reparse: Option<ReparsePoint>,
    /// The alternate data streams.
    pub streams: Vec<StreamStat>,
    /// The layer that made the name.
    pub layer: LayerId,
    /// The file that it is another name of, if it is a hard link in the tar, and the layer that has that file.
    pub link_of: Option<(LayerPath, LayerId)>,
    /// The tar entry's mode.
    pub mode: u32,
    /// The PAX records of the entry, key and value, those left out that the rest of this value says.
    pub records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Store {
    /// A layer and its chain as one tree; a writable layer as it is now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such layer, or one of its chain is missing.
    pub fn view(&self, id: &LayerId) -> Result<ChainView> {
        let stored = self.stored_view(id)?;
        if self.is_writable(id) { self.view_with_changes(id, stored) } else { Ok(stored) }
    }

    /// The layers of a chain that do not change: for a writable layer, those below it.
    ///
    /// # Errors
    /// As [`Store::view`].
    pub(crate) fn stored_view(&self, id: &LayerId) -> Result<ChainView> {
        self.check_exists(id)?;
        let chain = self.home().chain(id)?;
        let missing = chain.layers().iter().find(|parent| !self.home().folder(parent).is_dir());
        if let Some(missing) = missing {
            return Err(Error::corrupt(format!("its parent layer {missing} is missing"))
                .layer(id)
                .hint("import that layer again under the same id"));
        }
        ChainView::of(self, &chain.below(id.clone()))
    }
}

impl ChainView {
    /// The layer without its chain.
    pub(crate) fn of_layer_alone(store: &Store, id: &LayerId) -> Result<Self> {
        store.check_exists(id)?;
        Self::of(store, &Chain::default().below(id.clone()))
    }

    fn of(store: &Store, nearest_first: &Chain) -> Result<Self> {
        let with_content = nearest_first.layers().iter().filter(|id| store.has_content(id));
        let layers: Vec<LayerId> = with_content.cloned().collect();
        let indexes = layers.iter().map(|id| store.index(id)).collect::<Result<_>>()?;
        Ok(Self { store: store.clone(), layers, union: Union::new(indexes), changes: None })
    }

    /// The same with one more layer on top, whose tar is in a file without a name.
    pub(crate) fn below(self, id: &LayerId, index: Index, changes: File) -> Self {
        let layers = std::iter::once(id).chain(&self.layers).cloned().collect();
        let indexes = std::iter::once(Arc::new(index)).chain(self.union.layers().iter().cloned()).collect();
        Self { store: self.store, layers, union: Union::new(indexes), changes: Some(changes) }
    }

    /// Opens the tar that an entry is in.
    fn tar_of(&self, place: Place) -> Result<File> {
        match &self.changes {
            Some(changes) if place.layer == 0 => reopen(changes),
            _ => self.store.open_tar(self.layer_of(place)),
        }
    }

    /// Finds a path, ignoring case.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] naming the path.
    pub fn find(&self, path: &LayerPath) -> Result<Node> {
        self.union.find(path).ok_or_else(|| {
            let error = Error::new(ErrorKind::NotFound, format!("no such path: {path}"));
            match self.layers.first() {
                Some(id) => error.layer(id),
                None => error.hint("neither the layer nor its chain has any content"),
            }
        })
    }

    /// The children of a directory, in tree order.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::InvalidInput`] if it is not a directory.
    pub fn list(&self, path: &LayerPath) -> Result<Vec<Node>> {
        let node = self.find(path)?;
        if node.kind != NodeKind::Directory {
            return Err(Error::invalid(format!("not a directory: {}", node.path)));
        }
        Ok(self.union.list(path))
    }

    /// Shows a path and everything below it, a directory before what lies in it.
    pub fn walk(&self, start: &LayerPath, show: impl FnMut(&Node) -> Descend) {
        self.union.walk(start, show);
    }

    /// The roots that the chain has.
    pub fn roots(&self) -> Vec<Node> {
        self.union.roots()
    }

    /// The layer that an entry is in.
    pub fn layer_of(&self, place: Place) -> &LayerId {
        &self.layers[place.layer]
    }

    /// The layers with content, nearest first; [`Place::layer`] counts them.
    pub(crate) fn layers(&self) -> &[LayerId] {
        &self.layers
    }

    /// The index of a layer, by its place in the chain.
    pub(crate) fn index_of(&self, layer: usize) -> &Index {
        &self.union.layers()[layer]
    }

    /// The entry behind a hard link; `None` if it leads nowhere.
    pub(crate) fn follow_links(&self, place: Place) -> Option<Place> {
        self.union.follow_links(place)
    }

    fn index(&self, place: Place) -> &Index {
        self.index_of(place.layer)
    }

    /// The tar entry of a node, read again from its layer's tar.
    pub(crate) fn tar_entry(&self, node: &Node) -> Result<Box<RawEntry>> {
        let id = self.layer_of(node.at);
        let failed =
            |e: &dyn std::fmt::Display| Error::corrupt(format!("cannot read the tar again: {e}")).layer(id);
        let offset = self.index(node.at).data(node.at.row).entry_offset;
        let mut tar = self.tar_of(node.at)?;
        tar.seek(SeekFrom::Start(offset)).map_err(|e| failed(&e))?;
        let entry = Reader::new(tar).next_entry().map_err(|e| failed(&e))?;
        entry.ok_or_else(|| failed(&"it ends before the entry"))
    }

    /// The size of a node's main stream, in bytes.
    pub fn size(&self, node: &Node) -> u64 {
        self.index(node.at).size(node.at.row)
    }

    /// All that is known of a node.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the index holds records that no import would have taken.
    pub fn stat(&self, node: &Node) -> Result<Stat> {
        let index = self.index(node.at);
        let row = node.at.row;
        let meta = self.meta(node)?;
        let link_of = (node.at != node.name_at).then(|| {
            let path = LayerPath::from_checked(index.path(row).to_vec());
            (path, self.layer_of(node.at).clone())
        });
        Ok(Stat {
            path: node.path.clone(),
            kind: node.kind,
            size: index.size(row),
            attributes: meta.effective_attributes(),
            times: Times {
                created: meta.created,
                modified: meta.modified,
                accessed: meta.accessed,
                changed: meta.changed,
            },
            security: meta.security,
            eas: meta.eas,
            reparse: meta.reparse,
            streams: index.streams(row).map(|s| StreamStat { name: s.name.to_vec(), size: s.size }).collect(),
            layer: self.layer_of(node.name_at).clone(),
            link_of,
            mode: index.mode(row),
            records: other_records(index, row),
        })
    }

    /// The Windows metadata of a node.
    ///
    /// # Errors
    /// As [`ChainView::stat`].
    pub fn meta(&self, node: &Node) -> Result<WindowsMeta> {
        let index = self.index(node.at);
        let row = node.at.row;
        let kind = match index.kind(row) {
            EntryKind::Directory | EntryKind::ImplicitDirectory => EntryType::Directory,
            EntryKind::Symlink => EntryType::Symlink,
            _ => EntryType::File,
        };
        let source = Source { kind, mtime: index.mtime(row), link: index.link_text(row) };
        WindowsMeta::from_records(source, index.records(row)).map_err(|e| {
            Error::corrupt(format!("the index has bad metadata: {e}"))
                .layer(self.layer_of(node.at))
                .entry(index.path(row))
                .hint("'winlayer layer verify' compares the index with the tar")
        })
    }

    /// The security descriptor of a directory: the nearest that any layer gives it. Layers list the directories on the way
    /// to their changes, `Files` above all, without saying who may do what in them; that stays as it was below.
    ///
    /// # Errors
    /// As [`ChainView::stat`].
    pub(crate) fn directory_descriptor(&self, path: &LayerPath) -> Result<Option<Vec<u8>>> {
        for at in self.union.places(path) {
            let node = Node { path: path.clone(), kind: NodeKind::Directory, name_at: at, at };
            if let Some(descriptor) = self.meta(&node)?.security {
                return Ok(Some(descriptor));
            }
        }
        Ok(None)
    }

    /// Opens the content of a file, or of one of its alternate data streams.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if a directory's or symlink's main stream is asked for; [`ErrorKind::NotFound`] if
    /// there is no such stream.
    pub fn open(&self, node: &Node, stream: Option<&[u8]>) -> Result<FileReader> {
        let index = self.index(node.at);
        let found = match stream {
            None if node.kind == NodeKind::File => {
                let data = index.data(node.at.row);
                Some(data)
            }
            None => return Err(Error::invalid(format!("not a file: {}", node.path))),
            Some(wanted) => {
                let mut streams = index.streams(node.at.row);
                streams.find(|stream| name::fold_eq(stream.name, wanted)).map(|stream| stream.data)
            }
        };
        let data = found.ok_or_else(|| {
            let stream = String::from_utf8_lossy(stream.unwrap_or_default()).into_owned();
            Error::new(ErrorKind::NotFound, format!("{} has no stream {stream:?}", node.path))
        })?;
        let id = self.layer_of(node.at);
        FileReader::open(self.tar_of(node.at)?, data)
            .map_err(|e| Error::io_stream("read the layer's tar", e).layer(id))
    }
}

/// Opens a file that has no name once more, with a position of its own.
fn reopen(file: &File) -> Result<File> {
    #[cfg(target_os = "linux")]
    {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
        File::open(&path).map_err(|e| Error::io("open", std::path::Path::new(&path), e))
    }
    #[cfg(not(target_os = "linux"))]
    file.try_clone().map_err(|e| Error::io_stream("open the changes again", e))
}

/// The records that [`Stat`] does not say in other words.
fn other_records(index: &Index, row: RowId) -> Vec<(Vec<u8>, Vec<u8>)> {
    let is_said = |key: &[u8]| {
        key.starts_with(b"MSWINDOWS.")
            || matches!(key, b"LIBARCHIVE.creationtime" | b"mtime" | b"atime" | b"ctime")
    };
    index
        .records(row)
        .filter(|(key, _)| !is_said(key))
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect()
}

/// Where the data of a file or stream are in its layer's tar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DataPlace {
    /// Where the tar entry begins.
    pub(crate) entry_offset: u64,
    /// Where its data begin.
    pub(crate) data_offset: u64,
    /// Logical size.
    pub(crate) size: u64,
    /// Whether the tar reader must fill holes.
    pub(crate) sparse: bool,
}

/// Reads the content of a file or stream.
pub struct FileReader(Content);

enum Content {
    Plain { tar: File, left: u64 },
    Sparse(Box<Reader<File>>),
}

impl FileReader {
    fn open(mut tar: File, data: DataPlace) -> io::Result<Self> {
        if !data.sparse {
            tar.seek(SeekFrom::Start(data.data_offset))?;
            return Ok(Self(Content::Plain { tar, left: data.size }));
        }
        tar.seek(SeekFrom::Start(data.entry_offset))?;
        let mut reader = Reader::new(tar);
        reader.next_entry()?;
        Ok(Self(Content::Sparse(Box::new(reader))))
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Content::Sparse(reader) => reader.read(buffer),
            Content::Plain { tar, left } => {
                let wanted = usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
                let n = tar.read(&mut buffer[..wanted])?;
                if n == 0 && wanted > 0 {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the layer's tar is shorter than its index says",
                    ));
                }
                *left -= n as u64;
                Ok(n)
            }
        }
    }
}
