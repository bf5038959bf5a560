//! Reads extended attributes: overlayfs' notes, and the PAX records that a mount shows as attributes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;
use winlayer_core::union::NodeKind;
use winlayer_core::{Error, Result};
use winlayer_meta::filetime::UnixTime;

use super::entry::{About, Content, InodeId, OtherNames, Provenance, Redirect, Stored, UpperFile};
use crate::xattrs;

/// The largest list of names and the largest value that Linux gives (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`), in bytes.
const LARGEST_XATTR: usize = 64 << 10;

/// What overlayfs noted about something.
#[derive(Default)]
pub(super) struct OverlayNotes {
    /// Whether there are any that only root can make.
    are_trusted: bool,
    pub(super) is_whiteout: bool,
    pub(super) is_opaque: bool,
    is_metadata_only: bool,
    is_copied_up: bool,
    has_other_names: bool,
    pub(super) redirect: Option<Redirect>,
}

/// The extended attributes of something, sorted.
#[derive(Default)]
pub(super) struct Attributes {
    pub(super) overlay: OverlayNotes,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    file: Option<Vec<u8>>,
    link_target: Option<Vec<u8>>,
}

impl Attributes {
    fn take(&mut self, namespaces: &[&[u8]], kind: NodeKind, name: &[u8], value: &[u8]) {
        if let Some(note) = namespaces.iter().find_map(|namespace| name.strip_prefix(*namespace)) {
            self.overlay.are_trusted |= name.starts_with(TRUSTED_NOTES);
            self.overlay.take(note, value);
            return;
        }
        match name.strip_prefix(xattrs::namespace(kind)) {
            Some(key) if xattrs::is_windows(key) => drop(self.records.insert(key.to_vec(), value.to_vec())),
            Some(xattrs::FILE) if kind != NodeKind::Directory => self.file = Some(value.to_vec()),
            Some(xattrs::LINK_TARGET) if kind == NodeKind::Symlink => self.link_target = Some(value.to_vec()),
            _ => {}
        }
    }

    /// The metadata of what has these attributes.
    pub(super) fn about(&self, metadata: &Metadata) -> About {
        let modified = unix_time(metadata.mtime(), metadata.mtime_nsec());
        let since_epoch =
            metadata.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let born = since_epoch.and_then(|time| {
            Some(UnixTime { secs: i64::try_from(time.as_secs()).ok()?, nanos: time.subsec_nanos() })
        });
        About {
            permissions: metadata.mode() & 0o777,
            modified,
            changed: unix_time(metadata.ctime(), metadata.ctime_nsec()),
            born: born.unwrap_or(modified),
            provenance: match self.overlay.is_copied_up || self.overlay.is_metadata_only {
                true => Provenance::CopiedUp,
                false => Provenance::Made,
            },
            records: self.records.clone(),
            file: self.file.clone(),
            link_target: self.link_target.clone(),
        }
    }

    /// The file or symbolic link at `path` that has these attributes.
    pub(super) fn file(self, path: &Path, metadata: &Metadata, stored: Stored) -> Result<UpperFile> {
        let content = if metadata.is_symlink() {
            let target = std::fs::read_link(path).map_err(|e| Error::io("read", path, e))?;
            Content::Link(target.into_os_string().into_vec())
        } else if self.overlay.is_metadata_only {
            Content::Below
        } else {
            Content::Own(metadata.len())
        };
        let other_names = match self.overlay.has_other_names {
            true => OtherNames::Below,
            false if metadata.nlink() > 1 => OtherNames::Above,
            false => OtherNames::None,
        };
        let about = self.about(metadata);
        let (redirect, inode) = (self.overlay.redirect, InodeId::of(metadata));
        Ok(UpperFile { stored, content, redirect, inode, other_names, about })
    }
}

impl OverlayNotes {
    fn take(&mut self, note: &[u8], value: &[u8]) {
        match note {
            b"whiteout" => self.is_whiteout = true,
            // "x" says that the directory may have whiteouts that are files, nothing more.
            b"opaque" => self.is_opaque = value == b"y",
            b"metacopy" => self.is_metadata_only = true,
            b"origin" => self.is_copied_up = true,
            b"nlink" => self.has_other_names = true,
            b"redirect" => {
                self.redirect = Some(match value.strip_prefix(b"/") {
                    Some(path) => Redirect::Absolute(path.to_vec()),
                    None => Redirect::Sibling(value.to_vec()),
                });
            }
            _ => {}
        }
    }
}

/// Where overlayfs keeps its notes.
const TRUSTED_NOTES: &[u8] = b"trusted.overlay.";
/// Where it keeps them if it was mounted without privileges.
const USER_NOTES: &[u8] = b"user.overlay.";

/// Reads extended attributes, with buffers that are made once.
pub(super) struct AttributeReader {
    /// Where overlayfs' notes are looked for.
    namespaces: &'static [&'static [u8]],
    names: Vec<u8>,
    value: Vec<u8>,
}

impl Default for AttributeReader {
    fn default() -> Self {
        let namespaces: &[_] = &[TRUSTED_NOTES, USER_NOTES];
        Self { namespaces, names: vec![0; LARGEST_XATTR], value: vec![0; LARGEST_XATTR] }
    }
}

impl AttributeReader {
    /// Where overlayfs has left notes on the top that only root can make, those that every user can make are not its own.
    pub(super) fn settle_namespace(&mut self, top: &Attributes) {
        if top.overlay.are_trusted {
            self.namespaces = &[TRUSTED_NOTES];
        }
    }

    /// Reads the attributes of what is at `path`.
    pub(super) fn read(&mut self, path: &Path, kind: NodeKind) -> Result<Attributes> {
        let failed = |errno: Errno| Error::io("read the extended attributes of", path, errno.into());
        let mut attributes = Attributes::default();
        let len = match rustix::fs::llistxattr(path, &mut self.names[..]) {
            Err(Errno::OPNOTSUPP) => 0,
            other => other.map_err(failed)?,
        };
        for name in self.names[..len].split(|&b| b == 0).filter(|name| !name.is_empty()) {
            match rustix::fs::lgetxattr(path, OsString::from_vec(name.to_vec()), &mut self.value[..]) {
                Ok(len) => attributes.take(self.namespaces, kind, name, &self.value[..len]),
                Err(Errno::NODATA) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
        Ok(attributes)
    }
}

fn unix_time(secs: i64, nanos: i64) -> UnixTime {
    UnixTime { secs, nanos: u32::try_from(nanos).unwrap_or_default() }
}
