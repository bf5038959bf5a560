//! The directory itself: made anew, removed again if it does not become whole, and read without following links.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use winlayer_core::{Error, ErrorKind, Result};

/// A directory that is being filled. Unless it is kept, dropping it removes what was made.
pub(super) struct NewDirectory {
    root: PathBuf,
    made: Made,
}

enum Made {
    Directory,
    /// The empty directory was there before.
    Content,
    /// All is well; it stays.
    Kept,
}

impl NewDirectory {
    /// Makes the directory, or takes an empty one.
    ///
    /// # Errors
    /// It has something in it, or cannot be made.
    pub(super) fn create(dir: &Path) -> Result<Self> {
        let made = match fs::create_dir(dir) {
            Ok(()) => Made::Directory,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                check_empty(dir)?;
                Made::Content
            }
            Err(error) => return Err(Error::io("create", dir, error)),
        };
        Ok(Self { root: canonical(dir)?, made })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn keep(mut self) {
        self.made = Made::Kept;
    }

    fn remove(&self) -> io::Result<()> {
        match self.made {
            Made::Kept => Ok(()),
            Made::Directory => fs::remove_dir_all(&self.root),
            Made::Content => {
                for entry in fs::read_dir(&self.root)? {
                    let entry = entry?;
                    if entry.file_type()?.is_dir() {
                        fs::remove_dir_all(entry.path())?;
                    } else {
                        fs::remove_file(entry.path())?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            tracing::warn!("cannot remove what is left in {}: {error}", self.root.display());
        }
    }
}

fn check_empty(dir: &Path) -> Result<()> {
    let mut entries = fs::read_dir(dir).map_err(|error| Error::io("read", dir, error))?;
    if entries.next().is_some() {
        let message = format!("{} is not empty", dir.display());
        return Err(Error::new(ErrorKind::AlreadyExists, message).hint("name a new or an empty directory"));
    }
    Ok(())
}

/// The whole path; on Windows in the form that takes names of any length and with dots and spaces at the end.
pub(super) fn canonical(dir: &Path) -> Result<PathBuf> {
    fs::canonicalize(dir).map_err(|error| Error::io("find", dir, error))
}

/// Makes a file that must not be there.
pub(super) fn create_file(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    options.open(path).map_err(|error| Error::io("create", path, error))
}

/// What is at a path, or `None`. Links are not followed.
pub(super) fn look_up(path: &Path) -> Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("look at", path, error)),
    }
}

/// Opens a regular file, or gives `None` if there is nothing.
///
/// # Errors
/// It is something else, or cannot be opened.
pub(super) fn open_file(path: &Path) -> Result<Option<(File, Metadata)>> {
    let Some(metadata) = look_up(path)? else { return Ok(None) };
    if !metadata.is_file() {
        return Err(Error::invalid(format!("{} is not a regular file", path.display())));
    }
    let open = || {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        Ok((file, metadata))
    };
    open().map(Some).map_err(|error| Error::io("open", path, error))
}
