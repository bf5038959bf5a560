//! What an upper directory has under a name, as plain values.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use winlayer_core::union::NodeKind;
use winlayer_meta::filetime::UnixTime;

/// A directory of the upper directory, by its place in [`Upper`](super::upper::Upper).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DirId(pub(super) usize);

/// Which file an entry is a name of, as the file system counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct InodeId {
    device: u64,
    number: u64,
}

impl InodeId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), number: metadata.ino() }
    }
}

/// What the upper directory has under one name.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The name, as it is spelled there.
    pub(super) name: Vec<u8>,
    /// What it is.
    pub(super) kind: Kind,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// What the layers below have under the name is gone.
    Whiteout,
    /// A directory.
    Directory(Directory),
    /// A directory that the upper directory does not have itself, on the way to one of [`Upper::add_name`](super::upper::Upper::add_name).
    PassThrough(DirId),
    /// A regular file or a symbolic link.
    File(Box<UpperFile>),
}

/// A directory in the upper directory.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    /// What lies in it.
    pub(super) content: DirId,
    /// What shows through it.
    pub(super) lower: Lower,
    /// Its metadata.
    pub(super) about: About,
}

/// What shows through a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lower {
    /// The directory of this name below.
    SameName,
    /// Nothing: it was made new.
    Opaque,
    /// A directory that was moved here.
    Moved(Redirect),
}

/// Where something was before it was renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Redirect {
    /// A path from the root of the layers below, without the first slash.
    Absolute(Vec<u8>),
    /// A name in what shows through the directory that it lies in.
    Sibling(Vec<u8>),
}

/// A file or symbolic link in the upper directory.
#[derive(Debug, Clone)]
pub(super) struct UpperFile {
    /// Where the upper directory has it.
    pub(super) stored: Stored,
    /// What it holds.
    pub(super) content: Content,
    /// Where it was before it was renamed, if that is noted.
    pub(super) redirect: Option<Redirect>,
    /// Which file it is a name of.
    pub(super) inode: InodeId,
    /// Whether it may have other names.
    pub(super) other_names: OtherNames,
    /// Its metadata.
    pub(super) about: About,
}

/// Where a file is kept.
#[derive(Debug, Clone)]
pub(super) enum Stored {
    /// At this path in the upper directory, which is its path in the mount.
    At(Vec<u8>),
    /// In overlayfs' index of files with several names, by this name: none of its names is in the upper directory.
    InIndex(Vec<u8>),
}

impl Stored {
    /// The path, in the upper directory or in the index.
    pub(super) fn name(&self) -> &[u8] {
        match self {
            Self::At(name) | Self::InIndex(name) => name,
        }
    }
}

impl UpperFile {
    /// What it is.
    pub(super) fn node_kind(&self) -> NodeKind {
        match self.content {
            Content::Link(_) => NodeKind::Symlink,
            Content::Own(_) | Content::Below => NodeKind::File,
        }
    }
}

/// What a file of the upper directory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// Data of its own, this many bytes.
    Own(u64),
    /// The data of the file below that it came from.
    Below,
    /// The target of a symbolic link, as Linux reads it.
    Link(Vec<u8>),
}

/// Which other names a file of the upper directory may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherNames {
    /// None.
    None,
    /// Some in the upper directory.
    Above,
    /// Some below, under which the mount shows this file too; perhaps some in the upper directory.
    Below,
}

/// Whether something was copied up from below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provenance {
    /// It was made in the mount.
    Made,
    /// It came from below.
    CopiedUp,
}

/// Metadata of something in the upper directory.
#[derive(Debug, Clone)]
pub(super) struct About {
    /// The nine permission bits.
    pub(super) permissions: u32,
    /// Time of the last change of content.
    pub(super) modified: UnixTime,
    /// Time of the last change of metadata.
    pub(super) changed: UnixTime,
    /// When it was made in the upper directory; the time of the last change of content where that is not known.
    pub(super) born: UnixTime,
    /// Where it came from.
    pub(super) provenance: Provenance,
    /// The PAX records that its extended attributes are.
    pub(super) records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The layers' file that it is, where that must be known.
    pub(super) file: Option<Vec<u8>>,
    /// The target as the layer said it, for a symbolic link that came from below.
    pub(super) link_target: Option<Vec<u8>>,
}
