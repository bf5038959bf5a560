//! Chain images: the union of a chain as one EROFS image whose file data stay in the layers' tars.
//!
//! ```text
//! indexes of a chain ─► Union ─► HOME/.chains/<digest of the chain>.erofs    metadata only
//!                                    └ device n: the n-th layer's layer.tar, nearest first
//! ```
//!
//! The root of the image is what a container sees as `C:\`. Windows metadata are extended attributes (see
//! `xattrs`), and a link's target is made to resolve inside the mount.
//!
//! An image is a cache: a pure function of the chain's DiffIDs, written under another name and renamed, thrown away
//! when it is damaged.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use winlayer_core::durable::DurableFile;
use winlayer_core::lock::FileLock;
use winlayer_core::path::Root;
use winlayer_core::union::{Descend, NodeKind, Place};
use winlayer_core::{Error, ErrorKind, LayerId, LayerPath, LayerView, Node, Result, Sha256Digest};
use winlayer_erofs::{DeviceId, Extent, ImageBuilder, Inode, InodeId, Kind, Timestamp, Volume, XattrId};

use crate::Store;
use crate::links::resolve_target;
use crate::view::ChainView;
use crate::xattrs::Attributes;

const FOLDER: &str = ".chains";

/// Changes whenever the same chain would give another image.
const VERSION: &str = "winlayer chain image 2";

impl Store {
    /// The image of a layer and its chain, made if it is not there.
    ///
    /// # Errors
    /// As [`Store::view`]; [`ErrorKind::Unsupported`] if a layer has something that no image can express.
    pub(crate) fn chain_image(&self, view: &ChainView) -> Result<PathBuf> {
        let digest = chain_digest(view);
        let folder = self.home().root().join(FOLDER);
        let path = folder.join(image_name(digest));
        if is_whole(&path) {
            return Ok(path);
        }
        if !folder.is_dir() {
            match self.home().disk().create_dir(&folder) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                other => other?,
            }
        }
        // Whoever comes first makes it, whoever comes meanwhile waits for it.
        let lock = path.with_extension("lock");
        let _lock = FileLock::wait_for(&lock).map_err(|e| Error::io("lock", &lock, e))?;
        if !is_whole(&path) {
            self.write_image(view, digest, &path)?;
        }
        Ok(path)
    }

    /// Removes the image of a layer's chain, if there is one.
    pub(crate) fn drop_chain_image(&self, id: &LayerId) {
        let Ok(view) = self.stored_view(id) else { return };
        let image = self.home().root().join(FOLDER).join(image_name(chain_digest(&view)));
        let _ = self.home().disk().remove_file(&image);
    }

    fn write_image(&self, view: &ChainView, digest: Sha256Digest, path: &Path) -> Result<()> {
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&digest.0[..16]);
        let mut scribe = Scribe::new(view, uuid)?;
        let root = scribe.tree(&LayerPath::root_of(Root::Files))?;
        let image = scribe.builder.build(root).map_err(image_error)?;
        // One name is enough under the lock; what a crash left under it goes away.
        let temporary = path.with_extension("tmp");
        self.home().disk().remove_file(&temporary)?;
        let file = self.home().disk().create_file(&temporary)?;
        let written = write_durably(&image, file).and_then(|()| self.home().disk().rename(&temporary, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }
}

/// Stands for the content of a chain: its layers' DiffIDs, nearest first.
fn chain_digest(view: &ChainView) -> Sha256Digest {
    let mut hash = Sha256::new();
    hash.update(VERSION);
    for layer in 0..view.layers().len() {
        hash.update(view.index_of(layer).diff_id().0.0);
    }
    Sha256Digest(hash.finalize().into())
}

fn image_name(digest: Sha256Digest) -> String {
    let text = digest.to_string();
    format!("{}.erofs", text.trim_start_matches("sha256:"))
}

fn write_durably(image: &winlayer_erofs::Image, file: DurableFile) -> Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 20, Appender { file, failed: None });
    let result = image.write_to(&mut out);
    let (appender, _) = out.into_parts();
    match (appender.failed, result) {
        (Some(error), _) => Err(error),
        (None, result) => {
            result.map_err(image_error)?;
            appender.file.finish()
        }
    }
}

/// A durable file as a writer; keeps the error that says what and where.
struct Appender {
    file: DurableFile,
    failed: Option<Error>,
}

impl Write for Appender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.append(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                self.failed = Some(error);
                Err(io::ErrorKind::Other.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a file is an image of the length that its superblock says (kernel documentation, erofs: magic at 1024, blocks
/// of 512 bytes at 1060).
fn is_whole(path: &Path) -> bool {
    let read = || -> io::Result<bool> {
        let mut file = std::fs::File::open(path)?;
        let mut superblock = [0; 64];
        file.seek(SeekFrom::Start(1024))?;
        file.read_exact(&mut superblock)?;
        let field = |at: usize| superblock[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        Ok(field(0) == 0xE0F5_E1E2 && u64::from(field(36)) * 512 == file.metadata()?.len())
    };
    read().unwrap_or(false)
}

fn image_error(error: winlayer_erofs::Error) -> Error {
    Error::new(ErrorKind::Unsupported, format!("no image can be made of this chain: {error}"))
        .hint("mount it with the copy strategy")
}

/// Describes the nodes of a chain to the image builder.
struct Scribe<'a> {
    view: &'a ChainView,
    attributes: Attributes<'a>,
    builder: ImageBuilder,
    devices: Vec<DeviceId>,
    /// Inodes of files, so that hard links share them.
    inodes: HashMap<Place, InodeId>,
}

impl<'a> Scribe<'a> {
    fn new(view: &'a ChainView, uuid: [u8; 16]) -> Result<Self> {
        let mut builder = ImageBuilder::new(Volume { uuid, built: Timestamp::default() });
        let mut devices = Vec::new();
        for (layer, id) in view.layers().iter().enumerate() {
            let index = view.index_of(layer);
            let device = builder.add_device(index.tar_len(), &index.diff_id().0.0).map_err(image_error);
            devices.push(device.map_err(|e| e.layer(id))?);
        }
        Ok(Self { view, attributes: Attributes::new(view), builder, devices, inodes: HashMap::new() })
    }

    /// Adds everything below `top`; gives the inode of `top` itself.
    fn tree(&mut self, top: &LayerPath) -> Result<InodeId> {
        let mut directories: Vec<InodeId> = Vec::new();
        let mut failure = None;
        let view = self.view;
        view.walk(top, |node| match self.add(node, &mut directories) {
            Ok(()) => Descend::Into,
            Err(error) => {
                failure.get_or_insert(error);
                Descend::Past
            }
        });
        match (failure, directories.first()) {
            (Some(error), _) => Err(error),
            (None, Some(root)) => Ok(*root),
            (None, None) => self.directory_of_nothing(),
        }
    }

    /// What a chain without `Files` shows.
    fn directory_of_nothing(&mut self) -> Result<InodeId> {
        let inode = Inode {
            kind: Kind::Directory,
            permissions: 0o755,
            uid: 0,
            gid: 0,
            mtime: Timestamp::default(),
            xattrs: &[],
        };
        self.builder.add_inode(&inode).map_err(image_error)
    }

    /// Adds one node; `directories` are those on the way to it, the top first.
    fn add(&mut self, node: &Node, directories: &mut Vec<InodeId>) -> Result<()> {
        let depth = node.path.as_bytes().iter().filter(|&&b| b == b'/').count();
        directories.truncate(depth);
        let inode = match self.inodes.get(&node.at) {
            Some(inode) if node.kind != NodeKind::Directory => *inode,
            _ => self
                .add_inode(node)
                .map_err(|e| e.layer(self.view.layer_of(node.at)).entry(node.path.as_bytes()))?,
        };
        if let Some(parent) = directories.last() {
            self.builder.add_entry(*parent, node.path.file_name(), inode).map_err(image_error)?;
        }
        if node.kind == NodeKind::Directory {
            directories.push(inode);
        }
        Ok(())
    }

    fn add_inode(&mut self, node: &Node) -> Result<InodeId> {
        let index = self.view.index_of(node.at.layer);
        let row = node.at.row;
        let mtime = index.mtime(row);
        let xattrs = self.xattrs(node)?;
        let default = if node.kind == NodeKind::Directory { 0o755 } else { 0o644 };
        let permissions = match index.mode(row) & 0o777 {
            0 => default,
            given => u16::try_from(given).unwrap_or(default),
        };
        let describe = |kind| Inode {
            kind,
            permissions,
            uid: 0,
            gid: 0,
            mtime: Timestamp { seconds: mtime.secs, nanoseconds: mtime.nanos },
            xattrs: &xattrs,
        };
        let added = match node.kind {
            NodeKind::Directory => self.builder.add_inode(&describe(Kind::Directory)),
            NodeKind::Symlink => {
                let target = resolve_target(self.view, &node.path, index.link_text(row));
                self.builder.add_inode(&describe(Kind::Symlink { target: &target }))
            }
            NodeKind::File => {
                let extents = self.extents(node)?;
                let size = index.size(row);
                self.builder.add_inode(&describe(Kind::File { size, extents: &extents }))
            }
        };
        let inode = added.map_err(image_error)?;
        if node.kind != NodeKind::Directory {
            self.inodes.insert(node.at, inode);
        }
        Ok(inode)
    }

    fn extents(&self, node: &Node) -> Result<Vec<Extent>> {
        let device = self.devices[node.at.layer];
        let data = self.view.index_of(node.at.layer).data(node.at.row);
        let extent = |file_offset, device_offset, len| Extent { file_offset, device, device_offset, len };
        if !data.sparse {
            return Ok(vec![extent(0, data.data_offset, data.size)]);
        }
        let entry = self.view.tar_entry(node)?;
        let mut extents = Vec::new();
        let mut device_offset = data.data_offset;
        for range in entry.sparse.unwrap_or_default() {
            extents.push(extent(range.offset, device_offset, range.len));
            device_offset += range.len;
        }
        Ok(extents)
    }

    fn xattrs(&mut self, node: &Node) -> Result<Vec<XattrId>> {
        let attributes = self.attributes.of(node);
        attributes.iter().map(|(name, value)| self.builder.xattr(name, value).map_err(image_error)).collect()
    }
}
