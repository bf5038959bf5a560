//! `layer export`: a layer's tar goes out, bit for bit as it came in.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use winlayer_core::backend::LayerTar;
use winlayer_core::{CancelToken, Error, LayerId, Progress, ProgressSink, Result};

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::interrupt::NOTHING_KEPT;
use crate::progress::Meter;
use crate::target::{Target, stdout_for_tar};

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

/// The same for tars that are made on the way, which go through memory.
const STREAM_PIECE: u64 = 1 << 20;

impl ExportArgs {
    /// Writes the tar.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let id = LayerId::new(&self.id)?;
        context.require(&id)?;
        if self.output != Path::new("-") {
            return Ok(self.export_to_file(context, &id)?);
        }
        let mut out = stdout_for_tar()?;
        let mut diff = context.driver()?.diff(&id)?;
        // Nothing is left behind on standard output, so Ctrl-C may simply end the process.
        copy(diff.tar(), &mut out, &meter(context, &id), context.interrupt.token(), Failure::stdout)?;
        out.flush().map_err(Failure::stdout)?;
        Ok(diff.close()?)
    }

    fn export_to_file(&self, context: &Context, id: &LayerId) -> Result<()> {
        let mut target = Target::create(&self.output, self.force.into())?;
        let meter = meter(context, id);
        let cancel = context.interrupt.begin_work(NOTHING_KEPT);
        let mut diff = context.driver()?.diff(id)?;
        let failed = |e| Error::io("write", &self.output, e);
        copy(diff.tar(), target.file(), &meter, cancel, failed)?;
        diff.close()?;
        target.commit()
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
            LayerTar::File(file) => io::copy(&mut file.take(PIECE), out).map_err(&failed)?,
            LayerTar::Stream(stream) => {
                let mut piece = Vec::new();
                let made = stream.take(STREAM_PIECE).read_to_end(&mut piece);
                made.map_err(|e| Error::io_stream("make the layer's tar", e))?;
                out.write_all(&piece).map_err(&failed)?;
                piece.len() as u64
            }
        };
        if copied == 0 {
            return Ok(());
        }
        done += copied;
        progress.update(Progress { stage: "export", done, total: None });
    }
}
