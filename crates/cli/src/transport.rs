//! `transport`: layer tars to and from the directories that the Host Compute Service imports and exports.

use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use sha2::{Digest, Sha256};
use winlayer_core::{CancelToken, Control, Error, LayerPath, Result, Sha256Digest};
use winlayer_hcs::transport::{self, Leftover, Unpacked};

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::input::Input;
use crate::interrupt::NOTHING_KEPT;
use crate::target::{Target, stdout_for_tar};
use crate::text::{count, json_name, printable, size};

/// The commands of the group.
#[derive(Debug, Subcommand)]
pub(crate) enum TransportCommand {
    /// Make a directory of a layer tar (plain, gzip or zstd), in the form that ExportLayer makes.
    Unpack(UnpackArgs),
    /// Make a layer tar of such a directory.
    Pack(PackArgs),
}

/// Options of `transport unpack`.
#[derive(Debug, Args)]
pub(crate) struct UnpackArgs {
    /// The tar; '-' reads standard input.
    tar: PathBuf,
    /// The directory, which must be empty or not exist.
    dir: PathBuf,
}

/// Options of `transport pack`.
#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    /// The directory.
    dir: PathBuf,
    /// The file to write; '-' is standard output.
    tar: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
}

impl TransportCommand {
    /// Does it.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        match self {
            Self::Unpack(args) => args.run(context),
            Self::Pack(args) => args.run(context),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnpackFacts {
    files: u64,
    has_utility_vm: bool,
    /// Whiteouts that are in `tombstones.txt`.
    tombstones: usize,
    /// What the format cannot hold.
    left_out: LeftOut,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LeftOut {
    tombstones: Vec<String>,
    links: Vec<Link>,
}

#[derive(Serialize)]
struct Link {
    path: String,
    target: String,
}

impl UnpackArgs {
    fn run(&self, context: &Context) -> Outcome {
        let input = Input::open(&self.tar, context.interrupt.token())?;
        let meter = context.reports.meter("unpack".to_owned(), input.len);
        let control = Control { progress: &meter, cancel: context.interrupt.begin_work(NOTHING_KEPT) };
        let mut tar = input.decompressed()?;
        let unpacked = transport::unpack(&mut tar, &self.dir, control)?;
        let completed = read_to_end(&mut tar).and_then(|()| transport::complete(&self.dir, &unpacked));
        let leftover = completed.map_err(|error| undo(&self.dir, error))?;
        drop(meter);
        let facts = UnpackFacts::new(&unpacked, &leftover);
        context.out.facts(&facts, facts.text(&self.dir))
    }
}

/// What follows the tar's end must be as whole as the tar: checksums come last.
fn read_to_end(tar: &mut dyn Read) -> Result<()> {
    io::copy(tar, &mut io::sink()).map(drop).map_err(|e| Error::io_stream("read the input to its end", e))
}

/// Takes away what was made before a failure, or says that it is still there.
fn undo(dir: &Path, error: Error) -> Error {
    match std::fs::remove_dir_all(dir) {
        Ok(()) => error,
        Err(left) => error.hint(format!("{} could not be removed: {left}", dir.display())),
    }
}

impl UnpackFacts {
    fn new(unpacked: &Unpacked, leftover: &Leftover) -> Self {
        let name = |path: &LayerPath| json_name(path.as_bytes());
        Self {
            files: unpacked.files,
            has_utility_vm: unpacked.has_utility_vm,
            tombstones: unpacked.tombstones.len() - leftover.tombstones.len(),
            left_out: LeftOut {
                tombstones: leftover.tombstones.iter().map(name).collect(),
                links: leftover
                    .links
                    .iter()
                    .map(|link| Link { path: name(&link.name), target: name(&link.target) })
                    .collect(),
            },
        }
    }

    fn text(&self, dir: &Path) -> String {
        let files = usize::try_from(self.files).unwrap_or(usize::MAX);
        let what = [count(files, "file"), count(self.tombstones, "whiteout")].join(" and ");
        let mut text = format!("unpacked {what} to {}\n", dir.display());
        for path in &self.left_out.tombstones {
            text.push_str(&format!("left out: the whiteout of {}\n", printable(path.as_bytes())));
        }
        for Link { path, target } in &self.left_out.links {
            let (path, target) = (printable(path.as_bytes()), printable(target.as_bytes()));
            text.push_str(&format!(
                "left out: the hard link {path} to {target}, which is in no file of this layer\n"
            ));
        }
        text
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PackFacts {
    diff_id: Sha256Digest,
    tar_bytes: u64,
}

impl PackArgs {
    fn run(&self, context: &Context) -> Outcome {
        if self.tar == Path::new("-") {
            let mut out = Watched::new(stdout_for_tar()?);
            // Nothing is left behind on standard output, so Ctrl-C may simply end the process.
            let packed = pack(context, &self.dir, &mut out, context.interrupt.token());
            return packed.map_err(|error| if out.is_closed { Failure::StdoutClosed } else { error.into() });
        }
        let mut target = Target::create(&self.tar, self.force.into())?;
        let mut out = Watched::new(target.file());
        pack(context, &self.dir, &mut out, context.interrupt.begin_work(NOTHING_KEPT))?;
        let facts = PackFacts { diff_id: Sha256Digest(out.hash.finalize().into()), tar_bytes: out.len };
        target.commit()?;
        let text = format!("packed {} as {}, {}\n", self.dir.display(), facts.diff_id, size(facts.tar_bytes));
        context.out.facts(&facts, text)
    }
}

fn pack<W: Write>(context: &Context, dir: &Path, out: &mut Watched<W>, cancel: &CancelToken) -> Result<()> {
    let meter = context.reports.meter("pack".to_owned(), None);
    let control = Control { progress: &meter, cancel };
    let mut out = transport::pack(dir, BufWriter::with_capacity(BUFFER, out), control)?;
    out.flush().map_err(|e| Error::io_stream("write the tar", e))
}

/// Bytes that are written at once.
const BUFFER: usize = 256 << 10;

/// Hashes and counts what goes through, and remembers whether the reader at the other end has gone.
struct Watched<W> {
    inner: W,
    hash: Sha256,
    len: u64,
    is_closed: bool,
}

impl<W: Write> Watched<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), len: 0, is_closed: false }
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self
            .inner
            .write(bytes)
            .inspect_err(|e| self.is_closed |= e.kind() == io::ErrorKind::BrokenPipe)?;
        self.hash.update(&bytes[..written]);
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
