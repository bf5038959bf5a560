//! Verify: is a layer still what came in? And rebuilding an index from its tar.

use std::fmt;
use std::io::Read;

use sha2::{Digest, Sha256};
use winlayer_core::lock::LockMode;
use winlayer_core::{Control, DiffId, Error, ErrorKind, LayerId, Progress, Result, Sha256Digest};

use crate::import::{Scan, TarScan};
use crate::index::Contents;
use crate::record::{LayerRecord, RECORD_FILE};
use crate::{INDEX_FILE, Index, Store, mapping};

/// Something that is wrong with a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The chain cannot be read.
    Chain(String),
    /// A layer of the chain does not exist.
    MissingParent(LayerId),
    /// The record of the import cannot be read.
    Record(String),
    /// The tar is not what was imported.
    TarChanged {
        /// The DiffID that was imported.
        expected: DiffId,
        /// The DiffID of what is there.
        found: DiffId,
    },
    /// The tar cannot be read, or is no layer any more.
    Tar(String),
    /// The index is missing or is not the one that the tar gives. Harmless: it is rebuilt.
    Index(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(why) | Self::Record(why) | Self::Tar(why) => f.write_str(why),
            Self::MissingParent(id) => write!(f, "its parent layer {id} is missing"),
            Self::TarChanged { expected, found } => {
                write!(f, "its tar is not what was imported: DiffID {found}, expected {expected}")
            }
            Self::Index(why) => write!(f, "its index {why}; it is rebuilt when needed"),
        }
    }
}

impl Store {
    /// Compares a layer with what was imported: hashes the tar, makes the index again, follows the chain. Reads all of
    /// the tar. A layer without content has nothing to be wrong but its chain.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] or
    /// [`ErrorKind::Cancelled`]. What is wrong with the layer is the result.
    pub fn verify(&self, id: &LayerId, control: Control<'_>) -> Result<Vec<Problem>> {
        self.check_exists(id)?;
        let mut problems = self.verify_chain(id);
        if !self.has_content(id) {
            return Ok(problems);
        }
        let record = match LayerRecord::read(&self.home().folder(id)) {
            Ok(record) => Some(record),
            Err(error) => {
                problems.push(Problem::Record(error.to_string()));
                None
            }
        };
        match self.check_tar(id, record, control) {
            Ok(found) => problems.extend(found),
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error.layer(id)),
            Err(error) => problems.push(Problem::Tar(error.to_string())),
        }
        Ok(problems)
    }

    /// Reads the tar, by calls rather than through a mapping: a sector that cannot be read is then an error to tell and
    /// not the end of the process.
    fn check_tar(
        &self,
        id: &LayerId,
        record: Option<LayerRecord>,
        control: Control<'_>,
    ) -> Result<Option<Problem>> {
        let mut tar = self.open_tar(id)?;
        let mut scan = TarScan::default();
        let mut scanned = Ok(());
        let total = tar.metadata().ok().map(|metadata| metadata.len());
        let (found, tar_len) = read_through(&mut tar, total, control, |piece| {
            if scanned.is_ok() {
                scanned = scan.scan(piece);
            }
        })?;
        if let Some(expected) = record.map(|record| record.diff_id).filter(|expected| *expected != found) {
            return Ok(Some(Problem::TarChanged { expected, found }));
        }
        let fresh = scanned.and_then(|()| scan.end()).and_then(|()| index_of(scan, found, tar_len));
        let (fresh, contents) = match fresh {
            Ok(fresh) => fresh,
            Err(error) => return Ok(Some(Problem::Tar(format!("its tar is not a layer: {error}")))),
        };
        let counts = |record: LayerRecord| (record.tar_bytes, record.entries, record.file_bytes);
        if record.is_some_and(|r| counts(r) != (tar_len, contents.entries, contents.file_bytes)) {
            return Ok(Some(Problem::Record(format!("{RECORD_FILE} does not say what the tar holds"))));
        }
        Ok(self.check_stored_index(id, &fresh))
    }

    fn check_stored_index(&self, id: &LayerId, fresh: &[u8]) -> Option<Problem> {
        match Index::open(&self.home().folder(id).join(INDEX_FILE)) {
            Err(error) => Some(Problem::Index(format!("cannot be used ({error})"))),
            Ok(stored) if stored.as_bytes() != fresh => {
                Some(Problem::Index("differs from its tar".to_owned()))
            }
            Ok(_) => None,
        }
    }

    fn verify_chain(&self, id: &LayerId) -> Vec<Problem> {
        match self.home().chain(id) {
            Err(error) => vec![Problem::Chain(error.to_string())],
            Ok(chain) => {
                let is_missing = |parent: &&LayerId| !self.home().folder(parent).is_dir();
                chain.layers().iter().filter(is_missing).cloned().map(Problem::MissingParent).collect()
            }
        }
    }

    /// Makes the index of a layer from its tar again, and puts it in place where that is possible.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the tar is no layer.
    pub fn rebuild_index(&self, id: &LayerId) -> Result<Index> {
        let tar = mapping::map(&self.tar_path(id)).map_err(|e| e.layer(id))?;
        let diff_id = LayerRecord::read(&self.home().folder(id)).map(|record| record.diff_id);
        let diff_id = match diff_id {
            Ok(diff_id) => diff_id,
            Err(_) => read_through(&mut &tar[..], None, Control::none(), |_| {})?.0,
        };
        let mut scan = TarScan::default();
        let made = scan.scan_mapped(&tar).and_then(|()| index_of(scan, diff_id, tar.len() as u64));
        let (bytes, _) = made.map_err(|e| {
            Error::corrupt(format!("cannot rebuild the index: {e}"))
                .layer(id)
                .hint("remove the layer and import it again")
        })?;
        self.keep_index(id, &bytes);
        Index::from_bytes(bytes).map_err(|e| e.layer(id))
    }

    /// Puts an index in place, if nobody works on the layer and the home can be written to; it can be looked into in any
    /// case.
    fn keep_index(&self, id: &LayerId, bytes: &[u8]) {
        let path = self.home().folder(id).join(INDEX_FILE);
        let kept = match self.home().lock_if_free(id, LockMode::Exclusive) {
            Ok(Some(_lock)) => self.home().disk().replace_file(&path, bytes),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::info!("the rebuilt index is not kept: {error}");
        }
    }
}

/// The index that a scanned tar gives.
pub(crate) fn index_of(scan: TarScan, diff_id: DiffId, tar_len: u64) -> Result<(Vec<u8>, Contents)> {
    let mut bytes = Vec::new();
    let contents = scan.builder.write(None, diff_id, tar_len, &mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    Ok((bytes, contents))
}

/// Reads all of a tar and gives its digest and length.
fn read_through(
    tar: &mut dyn Read,
    total: Option<u64>,
    control: Control<'_>,
    mut see: impl FnMut(&[u8]),
) -> Result<(DiffId, u64)> {
    let mut buffer = vec![0; 1 << 20];
    let mut hash = Sha256::new();
    let mut done = 0;
    loop {
        control.cancel.check()?;
        let n = match tar.read(&mut buffer) {
            Ok(0) => return Ok((DiffId(Sha256Digest(hash.finalize().into())), done)),
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Error::io_stream(&format!("read its tar at byte {done}"), e)),
        };
        see(&buffer[..n]);
        hash.update(&buffer[..n]);
        done += n as u64;
        control.progress.update(Progress { stage: "verify", done, total });
    }
}
