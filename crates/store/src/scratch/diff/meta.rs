//! Windows metadata of the entries of a diff: what did not change as the layers below have it, byte for byte; what is new
//! as Windows would make it.

use std::collections::BTreeMap;

use winlayer_core::union::NodeKind;
use winlayer_core::{Error, LayerPath, Node, Result};
use winlayer_meta::attributes::FileAttributes;
use winlayer_meta::filetime::UnixTime;
use winlayer_tar::windows::Source as MetaSource;
use winlayer_tar::{EntryType, Header, WindowsMeta, pax};

use super::entry::{About, Content, Provenance, UpperFile};
use super::shown::{Basis, Relation};
use crate::links::resolve_target;
use crate::view::ChainView;
use crate::xattrs;

const ATTRIBUTES: &[u8] = b"MSWINDOWS.fileattr";
const DESCRIPTOR: &[u8] = b"MSWINDOWS.rawsd";
const SDDL_DESCRIPTOR: &[u8] = b"MSWINDOWS.sd";
const CREATION_TIME: &[u8] = b"LIBARCHIVE.creationtime";

/// The times that an inode of ext4 can hold, in seconds; XFS holds somewhat more.
const EARLIEST: i64 = -(1 << 31);

/// What the tar says about an entry, name, content and links apart.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub(super) kind: NodeKind,
    pub(super) mode: u32,
    pub(super) modified: UnixTime,
    pub(super) accessed: Option<UnixTime>,
    pub(super) changed: Option<UnixTime>,
    pub(super) records: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What a new entry is given.
pub(super) struct Defaults<'a> {
    /// The descriptor that it inherits, in base64; `None` where there is nothing to inherit from.
    pub(super) descriptor: Option<&'a [u8]>,
    pub(super) attributes: FileAttributes,
    /// Times from the file system are not later than this.
    pub(super) latest: Option<UnixTime>,
}

impl Described {
    /// A node as the layers below describe it.
    pub(super) fn below(view: &ChainView, node: &Node) -> Self {
        let index = view.index_of(node.at.layer);
        let row = node.at.row;
        let records: BTreeMap<Vec<u8>, Vec<u8>> =
            index.records(row).map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        let time = |key: &[u8]| records.get(key).and_then(|value| pax::parse_time(value));
        Self {
            kind: node.kind,
            mode: index.mode(row),
            modified: index.mtime(row),
            accessed: time(b"atime"),
            changed: time(b"ctime"),
            records,
        }
    }

    /// Something of the upper directory, given what it was below, or takes the place of.
    pub(super) fn new(
        view: &ChainView,
        kind: NodeKind,
        about: &About,
        basis: Option<&Basis>,
        defaults: &Defaults<'_>,
    ) -> Self {
        let below = basis.map(|basis| Self::below(view, &basis.node));
        let mut records = below.as_ref().map(|below| below.records.clone()).unwrap_or_default();
        if about.shows_all() {
            // What else it has is what a mount does not show.
            let is_same = basis.is_some_and(|basis| basis.relation == Relation::Same);
            records.retain(|key, value| is_same && !xattrs::is_shown(kind, key, value));
        }
        records.extend(about.records.clone());
        let mut described = Self {
            kind,
            mode: mode(kind, about, below.as_ref()),
            modified: about.modified,
            accessed: None,
            changed: None,
            records,
        };
        described.set_times(about, below.as_ref(), defaults.latest);
        if below.is_none() && about.provenance == Provenance::Made {
            described.add_defaults(about, defaults);
        }
        described
    }

    /// A content that did not change keeps its times; else both times of access and of writing are that of the writing,
    /// as on a Windows that does not note accesses.
    fn set_times(&mut self, about: &About, below: Option<&Self>, latest: Option<UnixTime>) {
        let from_file_system = |time: UnixTime| clamp(in_ticks(time), latest);
        match below.filter(|below| is_same_time(about.modified, below.modified)) {
            Some(below) => {
                (self.modified, self.accessed, self.changed) =
                    (below.modified, below.accessed, below.changed);
                if shown(self) != shown(below) {
                    self.changed = Some(from_file_system(about.changed));
                }
            }
            None => {
                self.modified = from_file_system(about.modified);
                self.accessed = Some(self.modified);
                self.changed = Some(from_file_system(about.changed));
            }
        }
        let times =
            [(&b"mtime"[..], Some(self.modified)), (b"atime", self.accessed), (b"ctime", self.changed)];
        for (key, time) in times {
            let said = self.records.get(key).and_then(|value| pax::parse_time(value));
            if said != time {
                self.records.remove(key);
            }
        }
    }

    fn add_defaults(&mut self, about: &About, defaults: &Defaults<'_>) {
        let mut add = |key: &[u8], value: &[u8]| {
            self.records.entry(key.to_vec()).or_insert_with(|| value.to_vec());
        };
        add(ATTRIBUTES, defaults.attributes.bits().to_string().as_bytes());
        let created = clamp(in_ticks(about.born), defaults.latest);
        add(CREATION_TIME, pax::format_time(created).as_bytes());
        match defaults.descriptor {
            Some(descriptor) if !self.records.contains_key(SDDL_DESCRIPTOR) => {
                self.records.entry(DESCRIPTOR.to_vec()).or_insert_with(|| descriptor.to_vec());
            }
            _ => {}
        }
    }

    /// The header of an entry of this name.
    pub(super) fn header(&self, name: &[u8], kind: EntryType, size: u64, link: &[u8]) -> Header {
        Header {
            name: name.to_vec(),
            link: link.to_vec(),
            kind,
            mode: self.mode,
            size,
            mtime: self.modified,
            atime: self.accessed,
            ctime: self.changed,
            pax: self.records.clone(),
        }
    }

    /// The self-relative security descriptor, if there is one.
    pub(super) fn security(&self, path: &LayerPath) -> Result<Option<Vec<u8>>> {
        let source = MetaSource { kind: EntryType::Directory, mtime: self.modified, link: b"" };
        let records = self.records.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
        let meta = WindowsMeta::from_records(source, records);
        meta.map(|meta| meta.security).map_err(|e| Error::invalid(e.to_string()).entry(path.as_bytes()))
    }
}

impl About {
    /// Whether the extended attributes are all that a mount would show of the entry.
    fn shows_all(&self) -> bool {
        self.provenance == Provenance::CopiedUp && !self.records.is_empty()
    }
}

/// Whether metadata in the upper directory say what a node below says.
pub(super) fn is_as_below(view: &ChainView, about: &About, node: &Node) -> bool {
    let below = Described::below(view, node);
    is_same_time(about.modified, below.modified)
        && (node.kind == NodeKind::Symlink || about.permissions == permissions(node.kind, below.mode))
        && (about.records.is_empty() || about.records.iter().eq(shown(&below)))
}

/// Whether a file in the upper directory is, in content and metadata, the one below that it came from.
pub(super) fn is_unchanged(view: &ChainView, file: &UpperFile, basis: &Basis) -> bool {
    let has_its_content = match &file.content {
        Content::Own(_) => false,
        Content::Below => true,
        Content::Link(_) => file.about.link_target.as_deref() == Some(link_text(view, &basis.node)),
    };
    has_its_content && is_as_below(view, &file.about, &basis.node)
}

/// Whether a file in the upper directory has the alternate data streams of the one below. If it was copied up and is not
/// known to be that one, it had none: a file with streams says which it is.
pub(super) fn has_streams_of(about: &About, basis: &Basis) -> bool {
    basis.relation == Relation::Same || !about.shows_all()
}

/// The records that a mount shows.
fn shown(described: &Described) -> BTreeMap<&Vec<u8>, &Vec<u8>> {
    described.records.iter().filter(|(key, value)| xattrs::is_shown(described.kind, key, value)).collect()
}

fn link_text<'a>(view: &'a ChainView, node: &Node) -> &'a [u8] {
    view.index_of(node.at.layer).link_text(node.at.row)
}

/// The target of a symbolic link as Windows reads it, and whether it is the one that the link has below.
pub(super) fn windows_target<'b>(
    view: &ChainView,
    about: &About,
    target: &[u8],
    basis: Option<&'b Basis>,
) -> (Vec<u8>, Option<&'b Basis>) {
    if let Some(text) = &about.link_target {
        return (text.clone(), basis);
    }
    let is_kept =
        |basis: &&Basis| target == resolve_target(view, &basis.node.path, link_text(view, &basis.node));
    match basis.filter(is_kept) {
        Some(basis) => (link_text(view, &basis.node).to_vec(), Some(basis)),
        None => (to_windows(target), None),
    }
}

/// A link target with backslashes; one that begins at the root of the mount begins at `C:\`.
fn to_windows(target: &[u8]) -> Vec<u8> {
    let is_rooted = target.starts_with(b"/") && !target.starts_with(b"//") && !target.starts_with(b"/??/");
    let drive: &[u8] = if is_rooted { b"C:" } else { b"" };
    let path = target.iter().map(|&b| if b == b'/' { b'\\' } else { b });
    drive.iter().copied().chain(path).collect()
}

/// The permissions that a mount shows for a tar entry's mode.
pub(super) fn permissions(kind: NodeKind, mode: u32) -> u32 {
    match mode & 0o777 {
        0 => default_permissions(kind),
        given => given,
    }
}

fn default_permissions(kind: NodeKind) -> u32 {
    if kind == NodeKind::Directory { 0o755 } else { 0o644 }
}

/// The mode of the tar entry: as below unless it was changed; for what is new the type, as hcsshim writes it, and
/// permissions that are not the usual ones.
fn mode(kind: NodeKind, about: &About, below: Option<&Described>) -> u32 {
    let format = match kind {
        NodeKind::Directory => 0o040_000,
        NodeKind::File => 0o100_000,
        NodeKind::Symlink => 0o120_000,
    };
    let before = below.map_or(format, |below| below.mode);
    match about.permissions {
        given if kind != NodeKind::Symlink && given != permissions(kind, before) => (before & !0o777) | given,
        _ => before,
    }
}

/// Whether a file's time in the upper directory is the one that it had below, as far as the file system can hold it.
fn is_same_time(above: UnixTime, below: UnixTime) -> bool {
    above == below || (above.secs == EARLIEST && below.secs < EARLIEST)
}

/// A time in the steps of 100 ns that Windows counts in.
fn in_ticks(time: UnixTime) -> UnixTime {
    UnixTime { nanos: time.nanos - time.nanos % 100, ..time }
}

fn clamp(time: UnixTime, latest: Option<UnixTime>) -> UnixTime {
    latest.map_or(time, |latest| time.min(latest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_made_on_linux_become_windows_targets() {
        let target = |text: &str| String::from_utf8(to_windows(text.as_bytes())).unwrap();
        assert_eq!(target("../lib/x.dll"), r"..\lib\x.dll");
        assert_eq!(target("/Program Files/x"), r"C:\Program Files\x");
        assert_eq!(target("/"), r"C:\");
        assert_eq!(target("//server/share/x"), r"\\server\share\x");
        assert_eq!(target("/??/Volume{1}/x"), r"\??\Volume{1}\x");
        assert_eq!(target("D:/x"), r"D:\x");
    }

    #[test]
    fn times_are_cut_to_ticks_and_not_later_than_the_latest() {
        let time = |secs, nanos| UnixTime { secs, nanos };
        assert_eq!(in_ticks(time(5, 123_456_789)), time(5, 123_456_700));
        assert_eq!(clamp(time(5, 1), Some(time(5, 0))), time(5, 0));
        assert_eq!(clamp(time(4, 999), Some(time(5, 0))), time(4, 999));
        assert_eq!(clamp(time(6, 0), None), time(6, 0));
    }
}
