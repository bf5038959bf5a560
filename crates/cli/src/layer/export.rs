//! `layer export`: a layer's tar goes out, bit for bit as it came in.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use winlayer_core::backend::LayerTar;
use winlayer_core::{CancelToken, Error, ErrorKind, LayerId, Progress, ProgressSink, Result};

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::interrupt::NOTHING_KEPT;
use crate::progress::Meter;

/// Options of `layer export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The layer.
    id: String,
    /// The file to write; '-' is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
}

/// Bytes that are copied between two looks at Ctrl-C.
const PIECE: u64 = 16 << 20;

impl ExportArgs {
    /// Writes the tar.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let id = LayerId::new(&self.id)?;
        context.require(&id)?;
        if self.output != Path::new("-") {
            return Ok(self.export_to_file(context, &id)?);
        }
        let mut out = io::stdout().lock();
        if out.is_terminal() {
            return Err(Error::invalid("standard output is a terminal, and a tar is not for reading")
                .hint("name a file with -o, or use a pipe")
                .into());
        }
        let mut diff = context.driver()?.diff(&id)?;
        // Nothing is left behind on standard output, so Ctrl-C may simply end the process.
        copy(diff.tar(), &mut out, &meter(context, &id), context.interrupt.token(), Failure::stdout)?;
        out.flush().map_err(Failure::stdout)?;
        Ok(diff.close()?)
    }

    fn export_to_file(&self, context: &Context, id: &LayerId) -> Result<()> {
        let mut target = Target::create(&self.output, self.overwrite())?;
        let meter = meter(context, id);
        let cancel = context.interrupt.begin_work(NOTHING_KEPT);
        let mut diff = context.driver()?.diff(id)?;
        let failed = |e| Error::io("write", &self.output, e);
        copy(diff.tar(), target.file(), &meter, cancel, failed)?;
        diff.close()?;
        target.commit()
    }

    fn overwrite(&self) -> Overwrite {
        if self.force { Overwrite::Yes } else { Overwrite::No }
    }
}

fn meter(context: &Context, id: &LayerId) -> Meter {
    let total = context.store().record(id).ok().map(|record| record.tar_bytes);
    context.reports.meter(format!("export {id}"), total)
}

/// Copies a tar, by the kernel alone where it can: the standard library sees when both ends are files or pipes.
fn copy<W: Write, E: From<Error>>(
    tar: &mut LayerTar,
    out: &mut W,
    progress: &dyn ProgressSink,
    cancel: &CancelToken,
    failed: impl Fn(io::Error) -> E,
) -> Result<(), E> {
    let mut done = 0;
    loop {
        cancel.check()?;
        let copied = match tar {
            LayerTar::File(file) => io::copy(&mut file.take(PIECE), out),
            LayerTar::Stream(stream) => io::copy(&mut stream.take(PIECE), out),
        };
        let copied = copied.map_err(&failed)?;
        if copied == 0 {
            return Ok(());
        }
        done += copied;
        progress.update(Progress { stage: "export", done, total: None });
    }
}

/// What to do with a file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overwrite {
    Yes,
    No,
}

/// A file that appears under its name only when it is complete; until then nothing is there, or what was there before.
enum Target {
    Staged {
        temporary: tempfile::NamedTempFile,
        path: PathBuf,
        overwrite: Overwrite,
    },
    /// A pipe or device: there is nothing to rename.
    Direct(File),
}

impl Target {
    fn create(path: &Path, overwrite: Overwrite) -> Result<Self> {
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

    fn file(&mut self) -> &mut File {
        match self {
            Self::Staged { temporary, .. } => temporary.as_file_mut(),
            Self::Direct(file) => file,
        }
    }

    fn commit(self) -> Result<()> {
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
