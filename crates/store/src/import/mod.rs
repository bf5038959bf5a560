//! Import: a tar comes in and is a layer, whole or not at all.
//!
//! ```text
//! HOME/.import-<id>/layer.tar    written and synced by the pipeline
//!                  /layer.idx    the index, built while the tar went by
//!                  /layer.json   digests and counts, for verify
//!                  /layerchain.json
//! ```
//!
//! Then one rename makes it the layer: of the whole folder for a new layer, of `layer.tar` (last) for a folder that a
//! graph driver made before. Until then a crash leaves only a staging folder, which the next writer removes.

mod buffer;
mod input;
mod pipeline;

use std::cell::OnceCell;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use winlayer_core::durable::DurableFile;
use winlayer_core::lock::LockMode;
use winlayer_core::union::NodeKind;
use winlayer_core::{
    BlobDigest, Chain, Control, DiffId, Error, ErrorKind, Imported, LayerId, LayerPath, Result,
};
use winlayer_tar::{Event, Parser, Problem, TarError};

pub use input::Compression;
pub(crate) use pipeline::Scan;

use crate::index::build::{Hive, IndexBuilder};
use crate::record::{LayerRecord, RECORD_FILE};
use crate::{INDEX_FILE, Store, TAR_FILE, recover};

/// Where the finished layer goes.
enum Destination {
    /// There is no folder yet; the staging folder becomes it.
    New,
    /// A folder without content, which the files are moved into.
    Created,
}

impl Store {
    /// Imports a layer that does not exist yet: afterwards it is there as a whole, or there is no trace of it.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`], [`ErrorKind::Busy`] if another process imports the same id,
    /// [`ErrorKind::NotFound`] if a layer of the chain is missing; input errors name entry, offset and rule.
    pub fn import_new(
        &self,
        id: &LayerId,
        chain: &Chain,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<Imported> {
        self.import_to(&Destination::New, id, chain, tar, control).map_err(|e| e.stage("import").layer(id))
    }

    /// Fills a layer whose folder exists and has no content yet.
    ///
    /// # Errors
    /// As [`Store::import_new`].
    pub fn import_into(
        &self,
        id: &LayerId,
        chain: &Chain,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<Imported> {
        self.import_to(&Destination::Created, id, chain, tar, control)
            .map_err(|e| e.stage("import").layer(id))
    }

    fn import_to(
        &self,
        destination: &Destination,
        id: &LayerId,
        chain: &Chain,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<Imported> {
        self.check_destination(destination, id)?;
        self.check_chain(chain)?;
        self.home().ensure()?;
        recover::remove_stale_staging(self);
        let _own = self.home().lock(id, LockMode::Exclusive)?;
        let _parent = chain.parent().map(|parent| self.home().lock(parent, LockMode::Shared)).transpose()?;
        // Again, now that nobody else can make or remove them.
        self.check_destination(destination, id)?;
        self.check_chain(chain)?;
        let staging = Staging::create(self, id)?;
        let record = self.fill(&staging.path, chain, tar, control)?;
        control.cancel.check()?;
        self.commit(destination, id, staging)?;
        Ok(Imported {
            diff_id: Some(record.diff_id),
            blob: Some(record.blob),
            entries: record.entries,
            file_bytes: record.file_bytes,
            tar_bytes: record.tar_bytes,
        })
    }

    fn check_destination(&self, destination: &Destination, id: &LayerId) -> Result<()> {
        match destination {
            Destination::New => self.check_is_new(id),
            Destination::Created if !self.home().folder(id).exists() => {
                Err(Error::new(ErrorKind::NotFound, "no such layer"))
            }
            Destination::Created if self.is_writable(id) => {
                Err(Error::invalid("the layer is writable: it takes changes, not a tar"))
            }
            Destination::Created if self.has_content(id) => {
                Err(Error::new(ErrorKind::AlreadyExists, "the layer has content already"))
            }
            Destination::Created => Ok(()),
        }
    }

    pub(crate) fn check_is_new(&self, id: &LayerId) -> Result<()> {
        if self.home().folder(id).exists() {
            return Err(Error::new(ErrorKind::AlreadyExists, "a layer with this id exists")
                .hint("choose another id, or remove the layer first"));
        }
        Ok(())
    }

    pub(crate) fn check_chain(&self, chain: &Chain) -> Result<()> {
        match chain.layers().iter().find(|parent| !self.home().folder(parent).exists()) {
            Some(missing) => {
                Err(Error::new(ErrorKind::NotFound, format!("its parent layer {missing} does not exist"))
                    .hint("import the parent first, and name it with --parent"))
            }
            None => Ok(()),
        }
    }

    /// Writes everything into the staging folder.
    fn fill(
        &self,
        staging: &Path,
        chain: &Chain,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<LayerRecord> {
        let disk = self.home().disk();
        let mut tar_file: DurableFile = disk.create_file(&staging.join(TAR_FILE))?;
        tar_file.bypass_cache();
        let mut scan = TarScan::default();
        let flow = pipeline::run(tar, &mut scan, tar_file, control)?;
        if flow.tar_len == 0 {
            return Err(Error::invalid("the input is empty").hint(
                "a tar without entries is 1024 zero bytes; did the program that makes the input fail?",
            ));
        }
        let below = self.looks_below(chain);
        let diff_id = DiffId(flow.diff_id);
        let mut index_file = disk.create_file(&staging.join(INDEX_FILE))?;
        let mut output = |bytes: &[u8]| index_file.append(bytes);
        let contents = scan.builder.write(Some(&below), diff_id, flow.tar_len, &mut output)?;
        index_file.finish()?;
        check_hives(staging, &contents.hives)?;
        let record = LayerRecord {
            diff_id,
            blob: BlobDigest(flow.blob),
            compression: flow.compression,
            tar_bytes: flow.tar_len,
            entries: contents.entries,
            file_bytes: contents.file_bytes,
        };
        record.stage(disk, staging)?;
        self.home().stage_chain(staging, chain)?;
        disk.sync_dir(staging)?;
        Ok(record)
    }

    /// Tells what a chain has at a path. Its indexes are opened when that is first asked for, which most layers never do.
    fn looks_below(&self, chain: &Chain) -> impl Fn(&LayerPath) -> Result<Option<NodeKind>> {
        let union = OnceCell::new();
        move |path| {
            if union.get().is_none() {
                let _ = union.set(self.union_of(chain)?);
            }
            Ok(union.get().and_then(|union| union.find(path)).map(|node| node.kind))
        }
    }

    fn commit(&self, destination: &Destination, id: &LayerId, staging: Staging<'_>) -> Result<()> {
        let disk = self.home().disk();
        let folder = self.home().folder(id);
        match destination {
            Destination::New => disk.rename(&staging.path, &folder),
            // The tar last: a folder without it has no content, whatever else lies there.
            Destination::Created => [RECORD_FILE, INDEX_FILE, TAR_FILE]
                .iter()
                .try_for_each(|name| disk.rename(&staging.path.join(name), &folder.join(name))),
        }
    }
}

/// A staging folder; what is left of it goes away with this value.
pub(crate) struct Staging<'a> {
    store: &'a Store,
    path: PathBuf,
}

impl<'a> Staging<'a> {
    /// Makes one. The layer's exclusive lock must be held: it is what tells others that the folder is in use.
    pub(crate) fn create(store: &'a Store, id: &LayerId) -> Result<Self> {
        let path = recover::staging_path(store.home(), id);
        store.home().disk().remove_tree(&path)?;
        store.home().disk().create_dir(&path)?;
        Ok(Self { store, path })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.store.home().disk().remove_tree(&self.path) {
            tracing::warn!("{error}; the next import or cleanup removes it");
        }
    }
}

/// Parses the tar as it goes by and builds the index.
#[derive(Default)]
pub(crate) struct TarScan {
    parser: Parser,
    pub(crate) builder: IndexBuilder,
}

impl TarScan {
    /// Parses a whole tar without touching the pages that hold file data.
    pub(crate) fn scan_mapped(&mut self, tar: &[u8]) -> Result<()> {
        let mut at = 0;
        loop {
            let (used, event) = self.parser.advance(tar.get(at..).unwrap_or_default()).map_err(tar_error)?;
            at += used;
            match event {
                Event::Entry(entry) => {
                    self.builder.push(&entry)?;
                    if entry.stored > (tar.len() - at) as u64 {
                        return Err(Error::invalid("the tar ends within the data of this entry")
                            .entry(&entry.path)
                            .offset(tar.len() as u64));
                    }
                    // The padding of the last entry may be missing.
                    let skipped = usize::try_from(self.parser.skip_data()).unwrap_or(usize::MAX);
                    at = at.saturating_add(skipped).min(tar.len());
                }
                Event::Data(_) => {}
                Event::NeedInput | Event::End => return self.end(),
            }
        }
    }
}

impl Scan for TarScan {
    fn scan(&mut self, bytes: &[u8]) -> Result<()> {
        let mut at = 0;
        loop {
            let (used, event) =
                self.parser.advance(bytes.get(at..).unwrap_or_default()).map_err(tar_error)?;
            at += used;
            match event {
                Event::Entry(entry) => self.builder.push(&entry)?,
                Event::Data(_) => {}
                Event::NeedInput | Event::End => return Ok(()),
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        match self.parser.finish() {
            Err(error) if error.problem == Problem::LoneExtension => Err(damaged(
                Error::invalid("the tar ends between an extension header and its entry"),
                error.offset,
            )),
            other => other.map_err(tar_error),
        }
    }
}

fn tar_error(error: TarError) -> Error {
    let why = Error::invalid(error.problem.to_string());
    damaged(if let Some(entry) = &error.entry { why.entry(entry) } else { why }, error.offset)
}

fn damaged(error: Error, offset: u64) -> Error {
    error.offset(offset).hint("the tar is damaged or is not a tar: fetch it again and compare its digest")
}

/// Refuses hives that the registry could not load, before Windows would fail on them without a word.
fn check_hives(staging: &Path, hives: &[Hive]) -> Result<()> {
    const SIGNATURE: &[u8] = b"regf";
    let path = staging.join(TAR_FILE);
    let mut tar = std::fs::File::open(&path).map_err(|e| Error::io("open", &path, e))?;
    for hive in hives {
        let mut head = [0; 4];
        let is_hive = hive.size >= 4
            && tar.seek(SeekFrom::Start(hive.data_offset)).and_then(|_| tar.read_exact(&mut head)).is_ok()
            && head == SIGNATURE;
        if !is_hive {
            return Err(Error::invalid("not a registry hive: it does not begin with \"regf\"")
                .entry(hive.path.as_bytes())
                .offset(hive.entry_offset));
        }
    }
    Ok(())
}
