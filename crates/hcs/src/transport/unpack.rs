//! Layer tar to transport directory.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use winlayer_core::path::{EntryName, Root};
use winlayer_core::{Control, Error, LayerPath, Progress, Result};
use winlayer_meta::attributes::FileAttributes;
use winlayer_meta::name;
use winlayer_meta::reparse::ReparsePoint;
use winlayer_tar::stream::{FileInfo, LayerReader, Step};
use winlayer_tar::{EntryType, RawEntry, Reader, WindowsMeta};

use super::disk::{NewDirectory, create_file};
use super::error::stream_error;
use super::names::{RECORD_SUFFIX, is_record, on_disk, record_on_disk};
use super::times::Times;

const STAGE: &str = "unpack";
const BUFFER: usize = 64 << 10;

/// What a layer has besides what is in its transport directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unpacked {
    /// What the layer removes, in the order of the tar.
    pub tombstones: Vec<Tombstone>,
    /// Hard links to make once all is in the destination, in this order.
    pub late_links: Vec<LateLink>,
    /// Whether there is a `UtilityVM`.
    pub has_utility_vm: bool,
    /// How many files, directories and links are in the directory.
    pub files: u64,
}

/// A whiteout: what parent layers have at a path is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Below `Files` or `UtilityVM`.
    pub path: LayerPath,
    /// Whether the layer has something of its own there, which must not be removed.
    pub is_replaced: bool,
}

/// A hard link to make after the import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateLink {
    /// The new name. Its directory is in the layer, and the path is spelled as there.
    pub name: LayerPath,
    /// The file; if the layer has it, spelled as there.
    pub target: LayerPath,
    /// Where it was found.
    pub found: LinkTarget,
}

/// Where the target of a hard link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkTarget {
    /// The layer added it before the link, as a file or as another link.
    ThisLayer,
    /// Not in the layer up to the link: to be looked for in the parents, nearest first.
    Parents,
}

/// Makes the directory that `ImportLayer` takes from a layer tar (not compressed).
///
/// Security descriptors are passed on as they are; `ImportLayer` judges them.
///
/// `dir` must be empty or not exist, in a directory that does. Nothing is written outside of it, whatever the tar says.
///
/// # Errors
/// [`ErrorKind::InvalidInput`](winlayer_core::ErrorKind::InvalidInput) with the entry that no layer can hold or that is
/// malformed; [`ErrorKind::AlreadyExists`](winlayer_core::ErrorKind::AlreadyExists) if `dir` is not empty; cancellation;
/// the system's errors. Nothing that was made is left then.
pub fn unpack(tar: impl Read, dir: &Path, control: Control<'_>) -> Result<Unpacked> {
    let directory = NewDirectory::create(dir)?;
    let mut unpacker = Unpacker {
        root: directory.root(),
        nodes: HashMap::new(),
        unpacked: Unpacked::default(),
        control,
        told: 0,
    };
    unpacker.run(LayerReader::new(Reader::new(tar))).map_err(|error| error.stage(STAGE))?;
    let unpacked = unpacker.finish();
    directory.keep();
    Ok(unpacked)
}

struct Unpacker<'a> {
    root: &'a Path,
    /// All paths of the layer, folded.
    nodes: HashMap<Vec<u8>, Node>,
    unpacked: Unpacked,
    control: Control<'a>,
    /// How far into the tar progress was told last.
    told: u64,
}

/// What the layer has at a path.
struct Node {
    /// The path as it is spelled on disk.
    path: LayerPath,
    kind: NodeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeKind {
    Directory,
    /// A directory that leads elsewhere: nothing can lie in it.
    LinkedDirectory,
    /// A file, a link to a file, or a hard link.
    File,
}

impl Unpacker<'_> {
    fn run(&mut self, mut layer: LayerReader<impl Read>) -> Result<()> {
        while let Some(step) = layer.next_step().map_err(stream_error)? {
            let Some(entry) = layer.entry() else { break };
            let (name, offset) = (entry.path.clone(), entry.header_offset);
            self.tell(offset)?;
            let done = match step {
                Step::Add(info) => self.add(&mut layer, &info),
                Step::Link { name, target } => self.link(&name, &target),
                Step::Remove(_) => self.remove(entry),
            };
            done.map_err(|error| error.entry(&name).offset(offset))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Unpacked {
        for tombstone in &mut self.unpacked.tombstones {
            tombstone.is_replaced = self.nodes.contains_key(&folded(tombstone.path.as_bytes()));
        }
        self.unpacked
    }

    fn tell(&mut self, offset: u64) -> Result<()> {
        self.control.cancel.check()?;
        if offset - self.told >= 256 << 10 {
            self.control.progress.update(Progress { stage: STAGE, done: offset, total: None });
            self.told = offset;
        }
        Ok(())
    }

    fn add(&mut self, layer: &mut LayerReader<impl Read>, info: &FileInfo) -> Result<()> {
        let path = match EntryName::parse(&info.name)? {
            EntryName::Node(path) => path,
            EntryName::Top => return Ok(()),
            EntryName::Stream { .. } | EntryName::Whiteout(_) => {
                return Err(Error::invalid(
                    "an alternate data stream must directly follow its file or directory, which may not be a hive",
                ));
            }
        };
        let (Some(entry), Some(meta)) = (layer.entry(), layer.meta()) else { return Ok(()) };
        let attributes = attributes(entry, meta)?;
        let kind = match (attributes.contains(FileAttributes::DIRECTORY), entry.kind) {
            (true, EntryType::Symlink) => NodeKind::LinkedDirectory,
            (true, _) => NodeKind::Directory,
            (false, _) => NodeKind::File,
        };
        let is_hive = path.root() == Root::Hives && !path.is_root();
        if is_hive && entry.kind != EntryType::File {
            return Err(Error::invalid("only plain files may lie in Hives"));
        }
        let place = self.claim(path, kind)?;
        let times = times_of(info);
        self.unpacked.files += 1;
        self.unpacked.has_utility_vm |= place.as_bytes() == Root::UtilityVm.name().as_bytes();
        if is_hive {
            return write_plain(layer, &on_disk(self.root, place.as_bytes()), times);
        }
        let file = self.place_of_metadata(&place, kind)?;
        let streams = write_backed_up(layer, &file, attributes, times)?;
        check_streams(&streams)
    }

    /// Where the attributes and the backup stream go; makes the directory that they may be for.
    fn place_of_metadata(&self, place: &LayerPath, kind: NodeKind) -> Result<PathBuf> {
        let path = on_disk(self.root, place.as_bytes());
        if kind == NodeKind::File {
            return Ok(path);
        }
        fs::create_dir(&path).map_err(|error| Error::io("create", &path, error))?;
        Ok(record_on_disk(self.root, place.as_bytes()))
    }

    fn link(&mut self, name: &[u8], target: &[u8]) -> Result<()> {
        let EntryName::Node(path) = EntryName::parse(name)? else {
            return Err(Error::invalid("a hard link must be a file"));
        };
        let wrong =
            |why: &str| Error::invalid(format!("hard link to {:?}: {why}", String::from_utf8_lossy(target)));
        let target_path = LayerPath::from_tar(target).map_err(|error| wrong(&error.to_string()))?;
        if [&path, &target_path].iter().any(|path| path.root() == Root::Hives || path.is_root()) {
            return Err(wrong("only files below Files and UtilityVM have hard links"));
        }
        let (target, found) = match self.nodes.get(&folded(target_path.as_bytes())) {
            Some(Node { kind: NodeKind::File, path }) => (path.clone(), LinkTarget::ThisLayer),
            Some(_) => return Err(wrong("it is a directory")),
            None => (target_path, LinkTarget::Parents),
        };
        let name = self.claim(path, NodeKind::File)?;
        if name::fold_eq(name.as_bytes(), target.as_bytes()) {
            return Err(wrong("it is itself"));
        }
        self.unpacked.late_links.push(LateLink { name, target, found });
        Ok(())
    }

    fn remove(&mut self, entry: &RawEntry) -> Result<()> {
        let EntryName::Whiteout(path) = EntryName::parse(&entry.path)? else { return Ok(()) };
        if entry.kind != EntryType::File || entry.size != 0 {
            return Err(Error::invalid("a whiteout must be an empty regular file"));
        }
        self.unpacked.tombstones.push(Tombstone { path, is_replaced: false });
        Ok(())
    }

    /// Takes a path for a new node. Gives it as it is spelled on disk, where its directories may have another case.
    fn claim(&mut self, path: LayerPath, kind: NodeKind) -> Result<LayerPath> {
        if is_record(path.file_name()) {
            return Err(Error::invalid(format!("names that end in {RECORD_SUFFIX} are the format's own")));
        }
        let place = match path.parent() {
            None if kind == NodeKind::Directory => path,
            None => return Err(Error::invalid(format!("{path} must be a directory"))),
            Some(parent) => self.below(&parent, &path)?,
        };
        let key = folded(place.as_bytes());
        if let Some(other) = self.nodes.get(&key) {
            return Err(Error::invalid(format!("the layer has this path already, as {}", other.path)));
        }
        self.nodes.insert(key, Node { path: place.clone(), kind });
        Ok(place)
    }

    fn below(&self, parent: &LayerPath, path: &LayerPath) -> Result<LayerPath> {
        let directory = match self.nodes.get(&folded(parent.as_bytes())) {
            Some(Node { kind: NodeKind::Directory, path }) => path,
            Some(Node { path, .. }) => return Err(Error::invalid(format!("{path} is no directory"))),
            None => {
                return Err(Error::invalid(format!(
                    "there is no entry for its directory {parent} before it"
                )));
            }
        };
        let is_below = |root: Root| directory.as_bytes() == root.name().as_bytes();
        if is_below(Root::UtilityVm) && !name::fold_eq(path.file_name(), b"Files") {
            return Err(Error::invalid("there can be nothing in UtilityVM but Files"));
        }
        Ok(LayerPath::from_checked([directory.as_bytes(), b"/", path.file_name()].concat()))
    }
}

fn folded(path: &[u8]) -> Vec<u8> {
    let mut folded = Vec::new();
    name::write_folded(path, &mut folded);
    folded
}

/// The attributes of an entry, which must agree with what it is.
fn attributes(entry: &RawEntry, meta: &WindowsMeta) -> Result<FileAttributes> {
    let mut attributes = meta.effective_attributes();
    let says_directory = attributes.contains(FileAttributes::DIRECTORY);
    match entry.kind {
        EntryType::File if says_directory => {
            return Err(Error::invalid("a regular file whose attributes say that it is a directory"));
        }
        EntryType::File => {}
        EntryType::Directory => attributes.insert(FileAttributes::DIRECTORY),
        EntryType::Symlink => {
            if meta.reparse.as_ref().and_then(ReparsePoint::target).is_none_or(|target| target.is_empty()) {
                return Err(Error::invalid("the link has no target"));
            }
            attributes.insert(FileAttributes::REPARSE_POINT);
            let is_junction = matches!(meta.reparse, Some(ReparsePoint::MountPoint { .. }));
            if is_junction && meta.attributes.is_some() && !says_directory {
                return Err(Error::invalid("a junction whose attributes say that it is a file"));
            }
            if is_junction {
                attributes.insert(FileAttributes::DIRECTORY);
            }
        }
        other => return Err(Error::invalid(format!("a {other} has no place in a Windows layer"))),
    }
    Ok(attributes)
}

fn times_of(info: &FileInfo) -> Times {
    Times { created: info.created, accessed: info.accessed, modified: info.modified, changed: info.changed }
}

/// Writes a hive: data only.
fn write_plain(layer: &mut LayerReader<impl Read>, path: &Path, times: Times) -> Result<()> {
    let mut file = create_file(path)?;
    let mut data = layer.data().map_err(stream_error)?;
    io::copy(&mut data, &mut file)
        .and_then(|_| times.write(&file))
        .map_err(|error| Error::io("write", path, error))
}

/// Writes attributes and backup stream. Gives the names of the alternate streams.
fn write_backed_up(
    layer: &mut LayerReader<impl Read>,
    path: &Path,
    attributes: FileAttributes,
    times: Times,
) -> Result<Vec<Vec<u8>>> {
    let io_error = |error| Error::io("write", path, error);
    let mut out = BufWriter::with_capacity(BUFFER, create_file(path)?);
    out.write_all(&attributes.bits().to_le_bytes()).map_err(io_error)?;
    let streams = layer.write_backup_stream(&mut out).map_err(stream_error)?;
    let file = out.into_inner().map_err(|error| io_error(error.into_error()))?;
    times.write(&file).map_err(io_error)?;
    Ok(streams)
}

/// Checks the names of the entries that became alternate streams.
fn check_streams(names: &[Vec<u8>]) -> Result<()> {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for entry in names {
        let refuse = |why: &str| Err(Error::invalid(why).entry(entry));
        let EntryName::Stream { stream, .. } = EntryName::parse(entry).map_err(|error| error.entry(entry))?
        else {
            return refuse("not an alternate data stream");
        };
        if entry.iter().filter(|&&b| b == b':').count() > 1 {
            return refuse("the name of an alternate data stream in a tar goes without :$DATA");
        }
        seen.push(folded(&stream));
    }
    seen.sort_unstable();
    match seen.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::invalid(format!(
            "there are two alternate data streams {:?}",
            String::from_utf8_lossy(&pair[0])
        ))),
        None => Ok(()),
    }
}
