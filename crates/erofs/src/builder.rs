//! Collects what an image is to hold, and refuses at once what no image can express.

use std::num::NonZeroU16;

use crate::directory::{Entry, Names};
use crate::error::{Problem, shown};
use crate::extent::{self, Chunking, Run};
use crate::format::BLOCK_SIZE;
use crate::image::Image;
use crate::inode::{Data, Device, DeviceId, Inode, InodeId, Kind, Node, Span, Timestamp, XattrId};
use crate::xattr::XattrPool;
use crate::{Error, Result, tree};

/// The longest symbolic link that the kernel follows: `PATH_MAX` without its NUL.
const MAX_TARGET: usize = 4095;
/// How many chunks all files may have together, beyond one each.
const MAX_EXTRA_CHUNKS: u64 = 1 << 24;

/// What an image says about itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Volume {
    /// The volume's UUID. overlayfs recognises a lower layer by it, so it should follow from the content:
    /// half a digest of the devices will do. All zeros mean none.
    pub uuid: [u8; 16],
    /// When the image was built, or what should be said about that.
    pub built: Timestamp,
}

/// Collects devices, extended attributes, inodes and directory entries, and makes an [`Image`] of them.
///
/// See the [crate's documentation](crate) for an example and for all limits.
pub struct ImageBuilder {
    pub(crate) volume: Volume,
    pub(crate) devices: Vec<Device>,
    pub(crate) xattrs: XattrPool,
    pub(crate) nodes: Vec<Node>,
    /// The attributes of all inodes.
    pub(crate) xattr_ids: Vec<XattrId>,
    /// The pieces of all files.
    pub(crate) runs: Vec<Run>,
    /// The targets of all symbolic links.
    pub(crate) targets: Vec<u8>,
    pub(crate) names: Names,
    pub(crate) entries: Vec<Entry>,
    extra_chunks: u64,
}

impl ImageBuilder {
    /// Begins an empty image.
    #[must_use]
    pub fn new(volume: Volume) -> Self {
        Self {
            volume,
            devices: Vec::new(),
            xattrs: XattrPool::new(),
            nodes: Vec::new(),
            xattr_ids: Vec::new(),
            runs: Vec::new(),
            targets: Vec::new(),
            names: Names::new(),
            entries: Vec::new(),
            extra_chunks: 0,
        }
    }

    /// Adds a device of `len` bytes: the next `device=` option of a mount.
    ///
    /// The kernel reads whole blocks only, so a last, incomplete block does not count. `tag` is stored with the
    /// device and may say what it is, such as its digest.
    ///
    /// # Errors
    ///
    /// When there are 65,535 devices already, the device has 2 TiB or more, or the tag more than 64 bytes.
    pub fn add_device(&mut self, len: u64, tag: &[u8]) -> Result<DeviceId> {
        let too_many = || Problem::TooMany { what: "devices", limit: u64::from(u16::MAX) };
        let number = u16::try_from(self.devices.len() + 1).ok().and_then(NonZeroU16::new);
        let number = number.ok_or_else(too_many)?;
        let blocks = u32::try_from(len / BLOCK_SIZE).map_err(|_| Problem::DeviceTooLarge { len })?;
        let mut padded = [0; 64];
        let room = padded.get_mut(..tag.len()).ok_or(Problem::DeviceTag { len: tag.len() })?;
        room.copy_from_slice(tag);
        self.devices.push(Device { tag: padded, blocks });
        Ok(DeviceId(number))
    }

    /// Returns the extended attribute with this name and value, for use on any number of inodes.
    ///
    /// `name` is the full name, such as `user.MSWINDOWS.rawsd`. Asking again for the same name and value
    /// returns the same id. On a symbolic link the kernel lists `user.` attributes but lets nobody read them:
    /// use `trusted.` there.
    ///
    /// # Errors
    ///
    /// When the name is not in `user.`, `trusted.` or `security.` nor that of a POSIX ACL, has nothing behind
    /// its prefix, has more than 255 bytes or a NUL; when the value has more than 65,535 bytes.
    pub fn xattr(&mut self, name: &[u8], value: &[u8]) -> Result<XattrId> {
        self.xattrs.intern(name, value)
    }

    /// Adds an inode. It appears in the image under the names that [`Self::add_entry`] gives it.
    ///
    /// # Errors
    ///
    /// When a field is beyond its range as [`Inode`], [`Kind`] and [`Extent`](crate::Extent) document it; when
    /// extents overlap, are out of order, or reach beyond the file or their device; when files are in too many
    /// pieces; when two attributes have one name, or their names are more than a listing holds; when an id is
    /// not this builder's.
    pub fn add_inode(&mut self, inode: &Inode<'_>) -> Result<InodeId> {
        let id = small(self.nodes.len(), "inodes")?;
        let mtime = inode.mtime.check()?;
        if inode.permissions > 0o7777 {
            return Err(Problem::Permissions { permissions: inode.permissions }.into());
        }
        self.xattrs.check(inode.xattrs)?;
        let xattrs = small(self.xattr_ids.len(), "uses of extended attributes")?;
        let xattr_count = u16::try_from(inode.xattrs.len())
            .map_err(|_| Problem::TooMany { what: "extended attributes on an inode", limit: 65_535 })?;
        let data = match inode.kind {
            Kind::Directory => Data::Directory { parent: None, entries: Span::default() },
            Kind::File { size, extents } => self.add_file(size, extents)?,
            Kind::Symlink { target } => self.add_symlink(target)?,
        };
        self.xattr_ids.extend_from_slice(inode.xattrs);
        self.nodes.push(Node {
            data,
            mtime: mtime.seconds,
            mtime_nanoseconds: mtime.nanoseconds,
            uid: inode.uid,
            gid: inode.gid,
            links: 0,
            xattrs,
            xattr_count,
            permissions: inode.permissions,
        });
        Ok(InodeId(id))
    }

    fn add_file(&mut self, size: u64, extents: &[crate::Extent]) -> Result<Data> {
        if i64::try_from(size).is_err() {
            return Err(Problem::FileTooLarge { size }.into());
        }
        let runs = extent::runs(size, extents, &self.devices)?;
        let chunks = Chunking::of(size, &runs).count;
        let extra_chunks = self.extra_chunks + chunks.saturating_sub(1);
        if extra_chunks > MAX_EXTRA_CHUNKS {
            return Err(Problem::TooFragmented { chunks, limit: MAX_EXTRA_CHUNKS }.into());
        }
        let start = small(self.runs.len(), "pieces of files")?;
        let len = small(runs.len(), "pieces of files")?;
        self.extra_chunks = extra_chunks;
        self.runs.extend_from_slice(&runs);
        Ok(Data::File { size, runs: Span { start, len } })
    }

    fn add_symlink(&mut self, target: &[u8]) -> Result<Data> {
        let refused = |reason| Error::from(Problem::SymlinkTarget { reason });
        if target.is_empty() {
            return Err(refused("is empty"));
        }
        if target.len() > MAX_TARGET {
            return Err(refused("is too long"));
        }
        if target.contains(&0) {
            return Err(refused("has a NUL"));
        }
        let start = small(self.targets.len(), "bytes of symbolic links")?;
        let len = small(target.len(), "bytes of symbolic links")?;
        self.targets.extend_from_slice(target);
        Ok(Data::Symlink { target: Span { start, len } })
    }

    /// Gives an inode a name in a directory. A file or symbolic link may have any number of names: they are
    /// its hard links. `.` and `..` come by themselves.
    ///
    /// Two equal names in one directory are found by [`Self::build`].
    ///
    /// # Errors
    ///
    /// When `name` is empty, longer than 255 bytes, `.` or `..`, or has a `/` or a NUL; when `directory` is not
    /// a directory; when `inode` is a directory that has a name already; when an id is not this builder's.
    pub fn add_entry(&mut self, directory: InodeId, name: &[u8], inode: InodeId) -> Result<()> {
        check_name(name)?;
        if !self.node(directory)?.is_directory() {
            return Err(Problem::NotADirectory { inode: directory, name: shown(name) }.into());
        }
        if let Data::Directory { parent: Some(_), .. } = self.node(inode)?.data {
            return Err(Problem::SecondDirectoryName { name: shown(name) }.into());
        }
        small(self.entries.len(), "names")?;
        let entry = self.names.add(directory, name, inode);
        let entry = entry.ok_or(Problem::ImageTooLarge { what: "more than 4 GiB of names" })?;
        if let Some(Node { data: Data::Directory { parent, .. }, .. }) = self.nodes.get_mut(inode.index()) {
            *parent = Some(directory);
        }
        self.entries.push(entry);
        Ok(())
    }

    fn node(&self, id: InodeId) -> Result<&Node> {
        let unknown = Problem::UnknownId { what: "inode", index: id.0 };
        self.nodes.get(id.index()).ok_or_else(|| unknown.into())
    }

    /// Checks the tree below `root` and lays the image out. Every inode must be reachable from the root.
    ///
    /// # Errors
    ///
    /// When the volume's time is beyond its range; when `root` is not a directory or has a name; when a
    /// directory has one name twice; when inodes cannot be reached from the root, be it for want of a name or
    /// because directories contain each other in a circle; when an inode's attributes or the image are too
    /// large.
    pub fn build(mut self, root: InodeId) -> Result<Image> {
        self.volume.built.check()?;
        match self.node(root)?.data {
            Data::Directory { parent: None, .. } => {}
            Data::Directory { parent: Some(_), .. } => {
                return Err(Problem::Root { reason: "has a name in another directory" }.into());
            }
            _ => return Err(Problem::Root { reason: "is not a directory" }.into()),
        }
        self.xattrs.count_uses(&self.xattr_ids);
        let order = tree::arrange(&mut self.nodes, &mut self.entries, &self.names, root)?;
        Image::lay_out(self, order)
    }
}

impl std::fmt::Debug for ImageBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageBuilder")
            .field("volume", &self.volume)
            .field("devices", &self.devices.len())
            .field("xattrs", &self.xattrs.len())
            .field("inodes", &self.nodes.len())
            .field("entries", &self.entries.len())
            .finish()
    }
}

fn small(len: usize, what: &'static str) -> Result<u32> {
    let limit = u64::from(u32::MAX);
    u32::try_from(len).map_err(|_| Problem::TooMany { what, limit }.into())
}

fn check_name(name: &[u8]) -> Result<()> {
    let refused = |reason| Err(Problem::Name { name: shown(name), reason }.into());
    match name {
        b"" => refused("a name has at least 1 byte"),
        b"." | b".." => refused("every directory has this name already"),
        _ if name.len() > 255 => refused("a name has at most 255 bytes"),
        _ if name.contains(&b'/') => refused("a name has no slash"),
        _ if name.contains(&0) => refused("a name has no NUL"),
        _ => Ok(()),
    }
}
