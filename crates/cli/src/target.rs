//! Where a tar goes: a file that is complete or not there, a pipe, or standard output if that is not a terminal.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use winlayer_core::{Error, ErrorKind, Result};

/// Standard output, for bytes that are not for reading.
///
/// # Errors
/// It is a terminal.
pub(crate) fn stdout_for_tar() -> Result<io::StdoutLock<'static>> {
    let out = io::stdout().lock();
    if out.is_terminal() {
        return Err(Error::invalid("standard output is a terminal, and a tar is not for reading")
            .hint("name a file, or use a pipe"));
    }
    Ok(out)
}

/// What to do with a file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overwrite {
    Yes,
    No,
}

/// A file that appears under its name only when it is complete; until then nothing is there, or what was there before.
pub(crate) enum Target {
    Staged {
        temporary: tempfile::NamedTempFile,
        path: PathBuf,
        overwrite: Overwrite,
    },
    /// A pipe or device: there is nothing to rename.
    Direct(File),
}

impl From<bool> for Overwrite {
    fn from(force: bool) -> Self {
        if force { Self::Yes } else { Self::No }
    }
}

impl Target {
    /// Begins a file.
    ///
    /// # Errors
    /// It exists and may not be replaced, is a directory, or cannot be made.
    pub(crate) fn create(path: &Path, overwrite: Overwrite) -> Result<Self> {
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(Error::invalid(format!("{} is a directory", path.display())));
            }
            Ok(found) if !found.is_file() => {
                let device = File::options().write(true).open(path);
                return Ok(Self::Direct(device.map_err(|e| Error::io("open", path, e))?));
            }
            Ok(_) if overwrite == Overwrite::No => return Err(exists(path)),
            _ => {}
        }
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = temporary_in(folder).map_err(|e| Error::io("write", path, e))?;
        Ok(Self::Staged { temporary, path: path.to_owned(), overwrite })
    }

    /// What to write to.
    pub(crate) fn file(&mut self) -> &mut File {
        match self {
            Self::Staged { temporary, .. } => temporary.as_file_mut(),
            Self::Direct(file) => file,
        }
    }

    /// The file is complete.
    pub(crate) fn commit(self) -> Result<()> {
        let Self::Staged { temporary, path, overwrite } = self else { return Ok(()) };
        let renamed = match overwrite {
            Overwrite::Yes => temporary.persist(&path),
            Overwrite::No => temporary.persist_noclobber(&path),
        };
        renamed.map(drop).map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => exists(&path),
            _ => Error::io("write", &path, e.error),
        })
    }
}

fn exists(path: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("{} exists", path.display())).hint("--force replaces it")
}

/// A temporary file that others may read later as they may read any new file: the umask decides.
fn temporary_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".winlayer-export-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
