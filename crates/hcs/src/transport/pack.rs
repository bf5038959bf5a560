//! Transport directory to layer tar.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::{fmt, vec};

use winlayer_core::path::{EntryName, Root};
use winlayer_core::{Control, Error, ErrorKind, LayerPath, Progress, Result};
use winlayer_meta::attributes::FileAttributes;
use winlayer_meta::name;
use winlayer_tar::stream::{FileInfo, LayerWriter, Links, data_size};

use super::disk::{canonical, look_up, open_file};
use super::error::{stream_error, write_error};
use super::names::{
    RECORD_SUFFIX, SYSTEM_DELTA, TOMBSTONES, directory_of_record, from_os, on_disk, record_on_disk,
};
use super::times::Times;
use super::tombstones;

const STAGE: &str = "pack";
const ATTRIBUTES_LEN: usize = 4;

/// Makes the layer tar of the directory that `ExportLayer` made, or [`unpack`](super::unpack) and
/// [`complete`](super::complete). Gives `out` back, which is not flushed.
///
/// A file that has several names in the directory (hard links, known by device and inode; not on Windows) comes once and
/// then as hard links. The same directory makes the same tar, unless the system changes times of access.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] with the path of what has no place in such a directory, is malformed or is a link (none is
/// followed); [`ErrorKind::NotFound`] if the metadata of a directory are missing; cancellation; the system's errors.
pub fn pack<W: Write>(dir: &Path, out: W, control: Control<'_>) -> Result<W> {
    let root = canonical(dir)?;
    Packer::new(root, out, control).and_then(Packer::run).map_err(|error| error.stage(STAGE))
}

/// How a file or directory is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Attributes and backup stream.
    BackedUp,
    /// As itself.
    Plain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeKind {
    Directory,
    File,
}

impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "directory",
            Self::File => "file",
        })
    }
}

struct Packer<'a, W> {
    root: PathBuf,
    layer: LayerWriter<W>,
    /// Whiteouts, by the directory that they come behind.
    tombstones: HashMap<LayerPath, Vec<LayerPath>>,
    /// The times of `Files` and `Hives`, if there is a hive to take them from.
    hive_times: Option<Times>,
    utility_vm: Form,
    control: Control<'a>,
    done: u64,
    /// How much of it was told.
    told: u64,
}

impl<'a, W: Write> Packer<'a, W> {
    fn new(root: PathBuf, out: W, control: Control<'a>) -> Result<Self> {
        let mut behind: HashMap<_, Vec<_>> = HashMap::new();
        for path in tombstones::read(&root)? {
            behind.entry(nearest_directory(&root, &path)?).or_default().push(path);
        }
        let hive_times = match open_file(&on_disk(&root, SYSTEM_DELTA))? {
            Some((file, metadata)) => Some(read_times(&file, &metadata)?),
            None => None,
        };
        let record = record_on_disk(&root, Root::UtilityVm.name().as_bytes());
        let utility_vm = if look_up(&record)?.is_some() { Form::BackedUp } else { Form::Plain };
        let layer = LayerWriter::new(out);
        Ok(Self { root, layer, tombstones: behind, hive_times, utility_vm, control, done: 0, told: 0 })
    }

    fn run(mut self) -> Result<W> {
        let mut open: Vec<vec::IntoIter<LayerPath>> = vec![self.roots()?.into_iter()];
        while let Some(directory) = open.last_mut() {
            let Some(path) = directory.next() else {
                open.pop();
                continue;
            };
            self.tell()?;
            let entries = self.add(&path).map_err(|error| error.entry(path.as_bytes()))?;
            open.extend(entries.map(Vec::into_iter));
        }
        self.layer.finish().map_err(write_error)
    }

    fn tell(&mut self) -> Result<()> {
        self.control.cancel.check()?;
        if self.done - self.told >= 256 << 10 {
            self.control.progress.update(Progress { stage: STAGE, done: self.done, total: None });
            self.told = self.done;
        }
        Ok(())
    }

    fn roots(&self) -> Result<Vec<LayerPath>> {
        let is_ours = |name: &[u8]| name != TOMBSTONES.as_bytes();
        list(&self.root)?.into_iter().filter(|name| is_ours(name)).map(|name| node(&name)).collect()
    }

    /// Adds what is at a path; of a directory, gives what is in it.
    fn add(&mut self, path: &LayerPath) -> Result<Option<Vec<LayerPath>>> {
        let place = on_disk(&self.root, path.as_bytes());
        let metadata = look_up(&place)?.ok_or_else(|| missing(&place))?;
        if metadata.is_dir() {
            self.add_directory(path, &metadata)?;
            return children(path, &place).map(Some);
        }
        if path.is_root() {
            return Err(Error::invalid(format!("{path} must be a directory")));
        }
        let (mut file, metadata) = open_file(&place)?.ok_or_else(|| missing(&place))?;
        match self.form(path) {
            Form::BackedUp => self.add_backed_up(path, NodeKind::File, &mut file, &metadata)?,
            Form::Plain => {
                let times = read_times(&file, &metadata)?.without_creation_and_access();
                let info = plain_info(path, &metadata, times);
                self.done += info.size;
                self.layer.add_data(&info, &mut file).map_err(stream_error)?;
            }
        }
        Ok(None)
    }

    /// Adds a directory, and the whiteouts that come behind it.
    fn add_directory(&mut self, path: &LayerPath, metadata: &Metadata) -> Result<()> {
        let record_place = record_on_disk(&self.root, path.as_bytes());
        let record = open_file(&record_place)?;
        match (self.form(path), record) {
            (Form::BackedUp, None) => return Err(missing(&record_place)),
            (Form::BackedUp, Some((mut record, metadata))) => {
                self.add_backed_up(path, NodeKind::Directory, &mut record, &metadata)?;
            }
            (Form::Plain, record) => {
                let times = match (self.hive_times, record) {
                    (Some(times), _) if path.root() != Root::UtilityVm => times,
                    (_, Some((record, metadata))) => read_times(&record, &metadata)?,
                    _ => Times::of_directory(metadata).map_err(cannot_read)?,
                };
                let info = plain_info(path, metadata, times.without_creation_and_access());
                self.layer.add(&info, Links::One, io::empty()).map_err(stream_error)?;
            }
        }
        for gone in self.tombstones.remove(path).unwrap_or_default() {
            self.layer.remove(gone.as_bytes()).map_err(stream_error)?;
        }
        Ok(())
    }

    /// Adds what `file` has the attributes and the backup stream of.
    fn add_backed_up(
        &mut self,
        path: &LayerPath,
        kind: NodeKind,
        file: &mut File,
        metadata: &Metadata,
    ) -> Result<()> {
        let mut attributes = [0; ATTRIBUTES_LEN];
        if metadata.len() < attributes.len() as u64 {
            return Err(Error::invalid("it is too short for its attributes"));
        }
        file.read_exact(&mut attributes).map_err(cannot_read)?;
        let attributes = FileAttributes::from_bits(u32::from_le_bytes(attributes));
        let Times { created, accessed, modified, changed } = read_times(file, metadata)?;
        let name = path.as_bytes().to_vec();
        let size = data_size(&mut *file).map_err(stream_error)?;
        file.seek(SeekFrom::Start(ATTRIBUTES_LEN as u64)).map_err(cannot_read)?;
        let info = FileInfo { name, size, attributes, created, accessed, modified, changed };
        if info.is_directory() != (kind == NodeKind::Directory) {
            return Err(Error::invalid(format!("its attributes, {attributes}, are not those of a {kind}")));
        }
        let links = if kind == NodeKind::File { links(metadata) } else { Links::One };
        self.done += metadata.len();
        self.layer.add(&info, links, file).map_err(stream_error)
    }

    fn form(&self, path: &LayerPath) -> Form {
        match path.root() {
            Root::Files if path.is_root() => Form::Plain,
            Root::Files => Form::BackedUp,
            Root::Hives => Form::Plain,
            Root::UtilityVm => self.utility_vm,
        }
    }
}

/// The directory of the layer that a whiteout comes behind: its own, or the nearest one above that is there.
fn nearest_directory(root: &Path, path: &LayerPath) -> Result<LayerPath> {
    let mut above = path.parent();
    while let Some(directory) = above {
        if look_up(&on_disk(root, directory.as_bytes()))?.is_some_and(|metadata| metadata.is_dir()) {
            return Ok(directory);
        }
        above = directory.parent();
    }
    Err(Error::invalid(format!(
        "{TOMBSTONES} names {path}, but there is no directory {}",
        path.root().name()
    )))
}

/// What is in a directory of the layer, by the bytes of the names.
fn children(path: &LayerPath, place: &Path) -> Result<Vec<LayerPath>> {
    list(place)?.into_iter().map(|name| node(&[path.as_bytes(), b"/", &name].concat())).collect()
}

/// The names in a directory, without the records of directories.
fn list(place: &Path) -> Result<Vec<Vec<u8>>> {
    let read_error = |error| Error::io("read", place, error);
    let (mut names, mut records) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(place).map_err(read_error)? {
        let name = from_os(&entry.map_err(read_error)?.file_name());
        match directory_of_record(&name) {
            Some(directory) => records.push(directory.to_vec()),
            None => names.push(name),
        }
    }
    names.sort_unstable();
    for directory in records {
        let is_there = look_up(&on_disk(place, &directory))?.is_some_and(|metadata| metadata.is_dir());
        if !is_there || directory.is_empty() {
            let name = String::from_utf8_lossy(&directory);
            return Err(Error::invalid(format!("there is {name}{RECORD_SUFFIX}, but no directory {name}")));
        }
    }
    check_distinct(&names)?;
    Ok(names)
}

/// Refuses names that are one to Windows.
fn check_distinct(names: &[Vec<u8>]) -> Result<()> {
    let mut by_case: Vec<&Vec<u8>> = names.iter().collect();
    by_case.sort_unstable_by(|a, b| name::fold_cmp(a, b));
    match by_case.windows(2).find(|pair| name::fold_eq(pair[0], pair[1])) {
        Some(pair) => {
            let [a, b] = [pair[0], pair[1]].map(|name| String::from_utf8_lossy(name));
            Err(Error::invalid(format!("{a:?} and {b:?} are one name to Windows")))
        }
        None => Ok(()),
    }
}

/// The path of a file or directory of the layer, which must not look like a whiteout or stream in the tar.
fn node(path: &[u8]) -> Result<LayerPath> {
    match EntryName::parse(path).map_err(|error| error.entry(path))? {
        EntryName::Node(node) => Ok(node),
        _ => Err(Error::invalid("no file of a layer can have this name").entry(path)),
    }
}

/// What is known of a plain file or directory.
fn plain_info(path: &LayerPath, metadata: &Metadata, times: Times) -> FileInfo {
    let Times { created, accessed, modified, changed } = times;
    let size = if metadata.is_dir() { 0 } else { metadata.len() };
    let attributes = plain_attributes(metadata);
    FileInfo { name: path.as_bytes().to_vec(), size, attributes, created, accessed, modified, changed }
}

#[cfg(windows)]
fn plain_attributes(metadata: &Metadata) -> FileAttributes {
    use std::os::windows::fs::MetadataExt;
    FileAttributes::from_bits(metadata.file_attributes())
}

/// Those that a new file has on Windows.
#[cfg(not(windows))]
fn plain_attributes(metadata: &Metadata) -> FileAttributes {
    if metadata.is_dir() { FileAttributes::DIRECTORY } else { FileAttributes::ARCHIVE }
}

#[cfg(unix)]
fn links(metadata: &Metadata) -> Links {
    use std::os::unix::fs::MetadataExt;
    use winlayer_tar::stream::FileId;

    if metadata.nlink() <= 1 {
        return Links::One;
    }
    Links::Several(FileId(u128::from(metadata.dev()) << 64 | u128::from(metadata.ino())))
}

/// The standard library does not tell; each name is a file of its own then, as moby exports them.
#[cfg(not(unix))]
fn links(_: &Metadata) -> Links {
    Links::One
}

fn read_times(file: &File, metadata: &Metadata) -> Result<Times> {
    Times::read(file, metadata).map_err(cannot_read)
}

fn cannot_read(error: io::Error) -> Error {
    Error::io_stream("read it", error)
}

fn missing(path: &Path) -> Error {
    Error::new(ErrorKind::NotFound, format!("{} is missing", path.display()))
}
