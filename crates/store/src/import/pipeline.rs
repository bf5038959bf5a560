//! The import pipeline: every byte is read once, hashed once and written once, by stages that work side by side.
//!
//! ```text
//! compressed:  read + sha256(blob) ─► inflate ─► sha256(DiffID) + parse ─► write
//! plain:                       read ───────────► sha256(DiffID) + parse ─► write
//! ```
//!
//! Buffers travel down and come back empty; there are a fixed number, so memory does not grow with the layer. When a
//! stage fails it drops its ends of the channels; its neighbours notice and stop without an error of their own.

use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use sha2::{Digest, Sha256};
use winlayer_core::durable::DurableFile;
use winlayer_core::{Control, Error, Progress, Result, Sha256Digest};

use super::buffer::{Buffer, Pool};
use super::input::{Compression, Decoder, Input, Pieces, cannot_read, read_pieces};

/// Buffers of one MiB in a pipeline: enough that inflating goes on while a write waits for the disk.
const BUFFERS: usize = 16;

/// Pieces of compressed input on their way.
const PIECES: usize = 8;

/// What the pipeline is for: sees the uncompressed tar go by.
pub(crate) trait Scan {
    /// The next bytes.
    fn scan(&mut self, bytes: &[u8]) -> Result<()>;
    /// That was all.
    fn end(&mut self) -> Result<()>;
}

/// What went through.
pub(super) struct Flow {
    /// Digest of the input.
    pub(super) blob: Sha256Digest,
    /// Digest of the uncompressed tar.
    pub(super) diff_id: Sha256Digest,
    /// How the input was compressed.
    pub(super) compression: Compression,
    /// Length of the uncompressed tar.
    pub(super) tar_len: u64,
}

/// Runs an input through `scan` into `file`, and makes the file durable.
pub(super) fn run(
    input: &mut (dyn std::io::Read + Send),
    scan: &mut dyn Scan,
    file: DurableFile,
    control: Control<'_>,
) -> Result<Flow> {
    let (input, compression) = Input::new(input)?;
    let (empty, give_back) = Pool::new(BUFFERS).split();
    let (to_scan, from_source) = sync_channel(BUFFERS);
    let (to_write, from_scan) = sync_channel(BUFFERS);
    thread::scope(|scope| {
        let writer = scope.spawn(move || write(file, &from_scan, &give_back));
        let source = scope.spawn(move || match compression {
            Compression::None => read_plain(input, &empty, &to_scan, control).map(|()| None),
            compressed => inflate(input, compressed, &empty, &to_scan, control).map(Some),
        });
        let scanned = scan_all(scan, &from_source, &to_write, control);
        drop((from_source, to_write));
        // A stage that fails makes its neighbours stop quietly: those before it see nobody take their buffers, those
        // behind it see the end too early. What the scan refuses came before anything that the source, which runs
        // ahead, may have met since: so one input always gives one error.
        let (blob, file) = (join(source)?, join(writer)?);
        let (diff_id, tar_len) = scanned?;
        let (blob, file) = (blob?, file?);
        scan.end()?;
        file.finish()?;
        Ok(Flow { blob: blob.unwrap_or(diff_id), diff_id, compression, tar_len })
    })
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> Result<T> {
    thread.join().map_err(|_| Error::new(winlayer_core::ErrorKind::Io, "a thread of the import died"))
}

fn read_plain(
    mut input: Input<'_>,
    empty: &Receiver<Buffer>,
    full: &SyncSender<Buffer>,
    control: Control<'_>,
) -> Result<()> {
    let mut stream = input.stream();
    let mut done = 0;
    while let Ok(mut buffer) = empty.recv() {
        control.cancel.check()?;
        buffer.fill(&mut stream).map_err(cannot_read)?;
        done += buffer.filled().len() as u64;
        control.progress.update(Progress { stage: "import", done, total: None });
        if buffer.filled().is_empty() || full.send(buffer).is_err() {
            break;
        }
    }
    Ok(())
}

fn inflate(
    input: Input<'_>,
    compression: Compression,
    empty: &Receiver<Buffer>,
    full: &SyncSender<Buffer>,
    control: Control<'_>,
) -> Result<Sha256Digest> {
    let (pieces_in, pieces_out) = sync_channel(PIECES);
    let (used_in, used_out) = channel();
    thread::scope(|scope| {
        let reader = scope.spawn(move || read_pieces(input, &pieces_in, &used_out, control));
        let inflated = inflate_pieces(compression, Pieces::new(pieces_out, used_in), empty, full);
        // A failure to read looks like an early end to the decoder, so it is told first.
        let blob = join(reader)??;
        inflated.map(|()| blob)
    })
}

fn inflate_pieces(
    compression: Compression,
    pieces: Pieces,
    empty: &Receiver<Buffer>,
    full: &SyncSender<Buffer>,
) -> Result<()> {
    let mut decoder =
        Decoder::new(compression, pieces).map_err(|e| Error::io_stream("start to decompress", e))?;
    while let Ok(mut buffer) = empty.recv() {
        buffer.fill(&mut decoder).map_err(|e| decoder.explain(&e))?;
        if buffer.filled().is_empty() || full.send(buffer).is_err() {
            break;
        }
    }
    Ok(())
}

/// Gives digest and length of what it passed on; it stops early if the writer did.
fn scan_all(
    scan: &mut dyn Scan,
    full: &Receiver<Buffer>,
    to_write: &SyncSender<Buffer>,
    control: Control<'_>,
) -> Result<(Sha256Digest, u64)> {
    let mut hash = Sha256::new();
    let mut len = 0;
    while let Ok(buffer) = full.recv() {
        control.cancel.check()?;
        scan.scan(buffer.filled())?;
        hash.update(buffer.filled());
        len += buffer.filled().len() as u64;
        if to_write.send(buffer).is_err() {
            break;
        }
    }
    Ok((Sha256Digest(hash.finalize().into()), len))
}

fn write(
    mut file: DurableFile,
    full: &Receiver<Buffer>,
    give_back: &SyncSender<Buffer>,
) -> Result<DurableFile> {
    while let Ok(buffer) = full.recv() {
        file.append(buffer.filled())?;
        // Nobody wants it any more once the input is at its end.
        let _ = give_back.send(buffer);
    }
    Ok(file)
}
