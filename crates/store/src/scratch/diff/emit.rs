//! Writes the entries of a diff as a layer tar, in the order and with the headers that hcsshim writes: `Files` depth
//! first by bytes, a directory's whiteouts directly behind it, then `Hives`.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read, Write};

use winlayer_core::path::Root;
use winlayer_core::union::NodeKind;
use winlayer_core::{Error, LayerPath, Node, Result};
use winlayer_meta::attributes::FileAttributes;
use winlayer_meta::filetime::UnixTime;
use winlayer_tar::{EntryType, Header, WriteError, Writer, pax};

use super::entry::{About, Content, Provenance, UpperFile};
use super::inherit::Heritage;
use super::merge::{Item, Source, What};
use super::meta::{self, Defaults, Described};
use super::names;
use super::shown::{Basis, Relation, Sides};
use crate::scratch::export::{DiffPolicy, DiffSummary};

/// Bytes of content that are copied at once.
const CHUNK: usize = 256 << 10;

/// Writes a tar of these entries.
pub(super) fn emit(
    sides: Sides<'_>,
    items: &[Item<'_>],
    policy: &DiffPolicy,
    out: &mut dyn Write,
) -> Result<DiffSummary> {
    let mut emitter = Emitter {
        sides,
        policy,
        tar: Writer::new(BufWriter::with_capacity(CHUNK / 4, out)),
        ways: Vec::new(),
        top_time: UnixTime::default(),
        summary: DiffSummary::default(),
        buffer: vec![0; CHUNK],
    };
    for item in items {
        emitter.item(item).map_err(|e| e.entry(item.path.as_bytes()))?;
    }
    emitter.hives()?;
    let mut out = emitter.tar.finish().map_err(tar_error)?;
    out.flush().map_err(|e| Error::io_stream("write the tar", e))?;
    Ok(emitter.summary)
}

struct Emitter<'a> {
    sides: Sides<'a>,
    policy: &'a DiffPolicy,
    tar: Writer<BufWriter<&'a mut dyn Write>>,
    /// The directories on the way to the current entry.
    ways: Vec<Heritage>,
    /// The modification time of `Files`.
    top_time: UnixTime,
    summary: DiffSummary,
    buffer: Vec<u8>,
}

impl Emitter<'_> {
    fn item(&mut self, item: &Item<'_>) -> Result<()> {
        let parent = item.path.parent();
        while self.ways.pop_if(|way| Some(way.directory()) != parent.as_ref()).is_some() {}
        match &item.what {
            What::Whiteout => self.whiteout(&item.path),
            What::Directory(source, _) => self.directory(&item.path, source),
            What::File(source, _) => self.file(&item.path, source),
            What::HardLink { to, .. } => self.header(&Header::hard_link(item.path.as_bytes(), to.as_bytes())),
        }
    }

    fn whiteout(&mut self, path: &LayerPath) -> Result<()> {
        let name_at = path.as_bytes().len() - path.file_name().len();
        let (directory, name) = path.as_bytes().split_at(name_at);
        self.header(&Header { mode: 0, ..Header::file([directory, b".wh.", name].concat(), 0) })
    }

    fn directory(&mut self, path: &LayerPath, source: &Source<'_>) -> Result<()> {
        let (described, node) = match source {
            Source::Directory(about, Some(node)) if path.is_root() => (self.top(about, node), Some(node)),
            Source::Directory(about, node) => {
                let basis = node.clone().map(|node| Basis { node, relation: Relation::Same });
                (self.described(NodeKind::Directory, about, basis.as_ref(), DIRECTORY)?, node.as_ref())
            }
            Source::Below(node) => (Described::below(self.sides.below, node), Some(node)),
            Source::File(..) => return Ok(()),
        };
        if path.is_root() {
            self.top_time = described.modified;
        }
        self.header(&described.header(path.as_bytes(), EntryType::Directory, 0, b""))?;
        if let Some(node) = node {
            self.streams(path, node, &described)?;
        }
        let descriptor = match (described.security(path)?, node) {
            (None, Some(_)) => self.sides.below.directory_descriptor(path)?,
            (own, _) => own,
        };
        self.ways.push(Heritage::of(path.clone(), descriptor.as_deref())?);
        Ok(())
    }

    /// `Files`: the upper directory's own time says when the layer was made, nothing about `C:\`.
    fn top(&self, about: &About, node: &Node) -> Described {
        let below = Described::below(self.sides.below, node);
        let about = About {
            modified: below.modified,
            permissions: meta::permissions(NodeKind::Directory, below.mode),
            provenance: Provenance::Made,
            ..about.clone()
        };
        let defaults = Defaults { descriptor: None, attributes: DIRECTORY, latest: self.latest() };
        let basis = Basis { node: node.clone(), relation: Relation::Same };
        Described::new(self.sides.below, NodeKind::Directory, &about, Some(&basis), &defaults)
    }

    fn described(
        &mut self,
        kind: NodeKind,
        about: &About,
        basis: Option<&Basis>,
        attributes: FileAttributes,
    ) -> Result<Described> {
        let latest = self.latest();
        let descriptor = match self.ways.last_mut() {
            Some(way) if basis.is_none() => way.descriptor(kind, self.policy)?,
            _ => None,
        };
        let defaults = Defaults { descriptor, attributes, latest };
        Ok(Described::new(self.sides.below, kind, about, basis, &defaults))
    }

    /// No time from the file system is later than this.
    fn latest(&self) -> Option<UnixTime> {
        self.policy.source_date_epoch.map(|secs| UnixTime { secs, nanos: 0 })
    }

    fn file(&mut self, path: &LayerPath, source: &Source<'_>) -> Result<()> {
        match source {
            Source::Directory(..) => Ok(()),
            Source::Below(node) if node.kind == NodeKind::Symlink => {
                let described = Described::below(self.sides.below, node);
                let target = self.sides.below.index_of(node.at.layer).link_text(node.at.row);
                self.header(&described.header(path.as_bytes(), EntryType::Symlink, 0, target))?;
                self.streams(path, node, &described)
            }
            Source::Below(node) => {
                let described = Described::below(self.sides.below, node);
                let size = self.sides.below.size(node);
                self.header(&described.header(path.as_bytes(), EntryType::File, size, b""))?;
                self.copy(self.sides.below.open(node, None)?, size)?;
                self.streams(path, node, &described)
            }
            Source::File(file, basis) => match &file.content {
                Content::Link(target) => self.link(path, file, target, basis.as_ref()),
                Content::Own(_) | Content::Below => self.upper_file(path, file, basis.as_ref()),
            },
        }
    }

    fn link(
        &mut self,
        path: &LayerPath,
        file: &UpperFile,
        target: &[u8],
        basis: Option<&Basis>,
    ) -> Result<()> {
        let (text, basis) = meta::windows_target(self.sides.below, &file.about, target, basis);
        let mut attributes = FileAttributes::REPARSE_POINT;
        let leads_to = self.sides.leads_to_directory(file.stored.name(), target);
        attributes.insert(if leads_to { DIRECTORY } else { FileAttributes::ARCHIVE });
        let described = self.described(NodeKind::Symlink, &file.about, basis, attributes)?;
        self.header(&described.header(path.as_bytes(), EntryType::Symlink, 0, &text))
    }

    fn upper_file(&mut self, path: &LayerPath, file: &UpperFile, basis: Option<&Basis>) -> Result<()> {
        let described = self.described(NodeKind::File, &file.about, basis, FileAttributes::ARCHIVE)?;
        let source = Source::File(file, basis.cloned());
        let size = names::size(self.sides.below, &source);
        self.header(&described.header(path.as_bytes(), EntryType::File, size, b""))?;
        match (&file.content, basis) {
            (Content::Below, Some(basis)) => self.copy(self.sides.below.open(&basis.node, None)?, size)?,
            _ => self.copy(self.sides.upper.open(file)?, size)?,
        }
        match basis {
            Some(basis) if meta::has_streams_of(&file.about, basis) => {
                self.streams(path, &basis.node, &described)
            }
            _ => Ok(()),
        }
    }

    /// The alternate data streams of a node, which no mount shows.
    fn streams(&mut self, path: &LayerPath, node: &Node, described: &Described) -> Result<()> {
        let below = self.sides.below;
        for stream in below.index_of(node.at.layer).streams(node.at.row) {
            let name = [path.as_bytes(), b":", stream.name].concat();
            let header = described.header(&name, EntryType::File, stream.size, b"");
            self.header(&Header { pax: BTreeMap::new(), ..header })?;
            self.copy(below.open(node, Some(stream.name))?, stream.size)?;
        }
        Ok(())
    }

    /// `Hives`, which HCS wants: the entry as it is below, or one that says nothing.
    fn hives(&mut self) -> Result<()> {
        let path = LayerPath::root_of(Root::Hives);
        if let Ok(node) = self.sides.below.find(&path) {
            let described = Described::below(self.sides.below, &node);
            return self.header(&described.header(path.as_bytes(), EntryType::Directory, 0, b""));
        }
        let time = self.top_time;
        let header = Header {
            mode: 0o040_000,
            mtime: time,
            atime: Some(time),
            ctime: Some(time),
            ..Header::directory(path.as_bytes())
        };
        let header = header
            .with_record("LIBARCHIVE.creationtime", pax::format_time(time))
            .with_record("MSWINDOWS.fileattr", DIRECTORY.bits().to_string());
        self.header(&header)
    }

    fn header(&mut self, header: &Header) -> Result<()> {
        self.tar.write_header(header).map_err(tar_error)?;
        self.summary.entries += 1;
        Ok(())
    }

    /// Copies content of the size that its header says.
    fn copy(&mut self, mut content: impl Read, size: u64) -> Result<()> {
        let mut left = size;
        while left > 0 {
            let wanted = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let n = match content.read(&mut self.buffer[..wanted]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(|e| Error::io_stream("read the file", e))?,
            };
            if n == 0 {
                return Err(Error::invalid("the file became shorter while it was read")
                    .hint("try again when nothing writes to the layer"));
            }
            self.tar.write_all(&self.buffer[..n]).map_err(|e| Error::io_stream("write the tar", e))?;
            left -= n as u64;
        }
        self.summary.file_bytes += size;
        Ok(())
    }
}

const DIRECTORY: FileAttributes = FileAttributes::DIRECTORY;

fn tar_error(error: WriteError) -> Error {
    match error {
        WriteError::Io(error) => Error::io_stream("write the tar", error),
        other => Error::invalid(other.to_string()),
    }
}
