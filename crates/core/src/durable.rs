//! The one place where bytes become durable: write, sync, rename, sync the directory.
//!
//! Every change that an engine makes below a home goes through a [`Disk`]. A [`Recorder`] may watch it, so that a test can
//! replay any prefix of the operations onto a model disk on which unsynced data are lost, torn or reordered.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};

/// One change to the disk, in the order in which it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A directory was made.
    CreateDir(PathBuf),
    /// An empty file was made.
    CreateFile(PathBuf),
    /// Bytes were written to a file.
    Write {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        offset: u64,
        /// What was written.
        bytes: Vec<u8>,
    },
    /// A file's content was made durable.
    SyncFile(PathBuf),
    /// A file or directory got another name, perhaps in place of another.
    Rename {
        /// The old name.
        from: PathBuf,
        /// The new name.
        to: PathBuf,
    },
    /// The names in a directory were made durable.
    SyncDir(PathBuf),
    /// A file was removed.
    RemoveFile(PathBuf),
    /// A directory was removed with all that lies in it, in any order.
    RemoveTree(PathBuf),
}

/// The end of the name of a file that is to replace another. One that was left behind is of no use.
pub const TEMPORARY_SUFFIX: &str = ".tmp";

/// Watches what a [`Disk`] does.
pub trait Recorder: Send + Sync {
    /// Takes note of an operation that has succeeded.
    fn record(&self, op: Op);
}

/// How a home is written to.
#[derive(Clone, Default)]
pub struct Disk {
    recorder: Option<Arc<dyn Recorder>>,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("recorded", &self.recorder.is_some()).finish()
    }
}

impl Disk {
    /// A disk that `recorder` watches.
    pub fn recorded(recorder: Arc<dyn Recorder>) -> Self {
        Self { recorder: Some(recorder) }
    }

    fn note(&self, op: impl FnOnce() -> Op) {
        if let Some(recorder) = &self.recorder {
            recorder.record(op());
        }
    }

    /// Makes a directory that only its owner may enter. Not durable before [`Disk::sync_dir`] of its parent.
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn create_dir(&self, path: &Path) -> Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|e| Error::io("create", path, e))?;
        self.note(|| Op::CreateDir(path.to_owned()));
        Ok(())
    }

    /// Makes a new file to be filled from front to back.
    ///
    /// # Errors
    /// An operating system error that names the path; [`ErrorKind::AlreadyExists`](crate::ErrorKind::AlreadyExists).
    pub fn create_file(&self, path: &Path) -> Result<DurableFile> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|e| Error::io("create", path, e))?;
        self.note(|| Op::CreateFile(path.to_owned()));
        Ok(DurableFile {
            disk: self.clone(),
            path: path.to_owned(),
            file,
            uncached: None,
            len: 0,
            reserved: 0,
        })
    }

    /// Replaces a small file as a whole: a crash leaves the old content or the new. The file's parent is synced.
    ///
    /// # Errors
    /// An operating system error that names the path; the old content is then still there.
    pub fn replace_file(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        // Nobody else has this name: neither another thread, nor a process of this number in another container, nor one
        // that was killed before it could rename.
        name.push(format!(".{:016x}{TEMPORARY_SUFFIX}", RandomState::new().hash_one(std::process::id())));
        let temporary = path.with_file_name(name);
        let result = self.write_file(&temporary, bytes).and_then(|()| self.rename(&temporary, path));
        if result.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        result
    }

    /// Writes a new small file and makes its content (not its name) durable.
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut file = self.create_file(path)?;
        file.append(bytes)?;
        file.finish()
    }

    /// Renames, and makes both names durable.
    ///
    /// # Errors
    /// An operating system error that names both paths.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::rename(from, to).map_err(|e| Error::io(&format!("rename {} to", from.display()), to, e))?;
        self.note(|| Op::Rename { from: from.to_owned(), to: to.to_owned() });
        if let Some(parent) = to.parent() {
            self.sync_dir(parent)?;
        }
        match from.parent() {
            Some(parent) if to.parent() != Some(parent) => self.sync_dir(parent),
            _ => Ok(()),
        }
    }

    /// Makes the names in a directory durable. (Windows has no such call and needs none.)
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn sync_dir(&self, path: &Path) -> Result<()> {
        #[cfg(unix)]
        File::open(path).and_then(|dir| dir.sync_all()).map_err(|e| Error::io("sync", path, e))?;
        self.note(|| Op::SyncDir(path.to_owned()));
        Ok(())
    }

    /// Removes a file; that it is missing already is fine.
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn remove_file(&self, path: &Path) -> Result<()> {
        ignore_missing(std::fs::remove_file(path)).map_err(|e| Error::io("remove", path, e))?;
        self.note(|| Op::RemoveFile(path.to_owned()));
        Ok(())
    }

    /// Removes a directory and all in it, without following links; that it is missing already is fine.
    ///
    /// # Errors
    /// An operating system error that names the path; part of the directory may be gone.
    pub fn remove_tree(&self, path: &Path) -> Result<()> {
        ignore_missing(std::fs::remove_dir_all(path)).map_err(|e| Error::io("remove", path, e))?;
        self.note(|| Op::RemoveTree(path.to_owned()));
        Ok(())
    }
}

fn ignore_missing(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Bytes that [`DurableFile::append`] should be given at once, at an address that is a multiple of [`BLOCK`], to use
/// the uncached path.
pub const CHUNK: usize = 1 << 20;

/// The alignment of uncached writes, in bytes: a multiple of every common sector and page size.
pub const BLOCK: usize = 4096;

/// A new file that is filled from front to back and then made durable.
pub struct DurableFile {
    disk: Disk,
    path: PathBuf,
    file: File,
    uncached: Option<File>,
    len: u64,
    /// Bytes that the file system has set aside.
    reserved: u64,
}

impl DurableFile {
    /// Writes whole aligned blocks past the page cache from now on, where the file system can: a layer tar is written
    /// once and seldom read at once, and copying it through the cache costs a third of an import.
    pub fn bypass_cache(&mut self) {
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::OpenOptionsExt;
            let direct = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).unwrap_or_default();
            self.uncached = OpenOptions::new().write(true).custom_flags(direct).open(&self.path).ok();
        }
    }

    /// Asks for space well ahead of uncached writes, which would otherwise grow the file block by block: as much again as
    /// there is, within bounds. Best effort: a full disk shows when it is written to.
    #[cfg(target_os = "linux")]
    fn reserve(&mut self, end: u64) {
        const LEAST: u64 = 4 << 20;
        const MOST: u64 = 64 << 20;
        if end > self.reserved {
            let keep_size = rustix::fs::FallocateFlags::KEEP_SIZE;
            let step = self.reserved.clamp(LEAST, MOST);
            let _ = rustix::fs::fallocate(&self.file, keep_size, self.reserved, step);
            self.reserved += step;
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(bytes).map_err(|e| Error::io("write", &self.path, e))?;
        let offset = self.len;
        self.disk.note(|| Op::Write { path: self.path.clone(), offset, bytes: bytes.to_vec() });
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        #[cfg(target_os = "linux")]
        if self.uncached.is_some() && !bytes.is_empty() && self.is_aligned(bytes) {
            self.reserve(self.len + bytes.len() as u64);
        }
        #[cfg(target_os = "linux")]
        if let Some(uncached) = &self.uncached {
            use std::os::unix::fs::FileExt;
            if self.is_aligned(bytes) && uncached.write_all_at(bytes, self.len).is_ok() {
                return Ok(());
            }
            // Unaligned (the end of the file), or the file system changed its mind: through the cache.
            return self.file.write_all_at(bytes, self.len);
        }
        self.file.write_all(bytes)
    }

    /// Whether these bytes can be written past the cache.
    #[cfg(target_os = "linux")]
    fn is_aligned(&self, bytes: &[u8]) -> bool {
        bytes.as_ptr().addr().is_multiple_of(BLOCK)
            && bytes.len().is_multiple_of(BLOCK)
            && self.len.is_multiple_of(BLOCK as u64)
    }

    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes the content durable. The name becomes durable when the directory is synced.
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn finish(self) -> Result<()> {
        let failed = |e| Error::io("sync", &self.path, e);
        if self.uncached.is_some() {
            // Gives space back that was set aside and not used.
            self.file.set_len(self.len).map_err(failed)?;
        }
        self.file.sync_data().map_err(failed)?;
        self.disk.note(|| Op::SyncFile(self.path.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Log(Mutex<Vec<Op>>);

    impl Recorder for Log {
        fn record(&self, op: Op) {
            self.0.lock().unwrap().push(op);
        }
    }

    #[test]
    fn replacing_a_file_writes_syncs_renames_and_syncs_the_directory_in_this_order() {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::new(Log::default());
        let path = dir.path().join("layerchain.json");
        Disk::recorded(log.clone()).replace_file(&path, b"null").unwrap();
        let ops = log.0.lock().unwrap();
        let kinds: Vec<_> = ops
            .iter()
            .map(|op| match op {
                Op::CreateFile(_) => "create",
                Op::Write { .. } => "write",
                Op::SyncFile(_) => "sync",
                Op::Rename { .. } => "rename",
                Op::SyncDir(_) => "sync dir",
                _ => "other",
            })
            .collect();
        assert_eq!(kinds, ["create", "write", "sync", "rename", "sync dir"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"null");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn uncached_and_cached_writes_give_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..CHUNK + BLOCK + 77).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let path = dir.path().join("layer.tar");
        let mut file = Disk::default().create_file(&path).unwrap();
        file.bypass_cache();
        let mut buffer = vec![0; CHUNK + BLOCK];
        let start = buffer.as_ptr().align_offset(BLOCK);
        buffer[start..start + CHUNK].copy_from_slice(&content[..CHUNK]);
        file.append(&buffer[start..start + CHUNK]).unwrap();
        file.append(&content[CHUNK..]).unwrap();
        assert_eq!(file.len(), content.len() as u64);
        file.finish().unwrap();
        assert!(std::fs::read(&path).unwrap() == content);
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        Disk::default().write_file(&path, b"1").unwrap();
        let error = Disk::default().write_file(&path, b"2").unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"1");
    }
}
