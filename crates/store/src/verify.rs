//! Verify: is a layer still what came in? And rebuilding an index from its tar.

use std::fmt;

use memmap2::Mmap;
use sha2::{Digest, Sha256};
use winlayer_core::{CancelToken, Control, DiffId, Error, LayerId, Progress, Result, Sha256Digest};

use crate::import::TarScan;
use crate::record::LayerRecord;
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
    /// [`ErrorKind::NotFound`](winlayer_core::ErrorKind::NotFound) or
    /// [`ErrorKind::Cancelled`](winlayer_core::ErrorKind::Cancelled). What is wrong with the layer is the result.
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
        let tar = match mapping::map(&self.tar_path(id)) {
            Ok(tar) => tar,
            Err(error) => {
                problems.push(Problem::Tar(error.to_string()));
                return Ok(problems);
            }
        };
        let found = hash(&tar, control)?;
        if let Some(expected) = record.map(|record| record.diff_id).filter(|expected| *expected != found) {
            problems.push(Problem::TarChanged { expected, found });
            return Ok(problems);
        }
        problems.extend(self.verify_index(id, &tar, found));
        Ok(problems)
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

    fn verify_index(&self, id: &LayerId, tar: &[u8], diff_id: DiffId) -> Option<Problem> {
        let fresh = match self.make_index(id, tar, diff_id) {
            Ok(fresh) => fresh,
            Err(error) => return Some(Problem::Tar(format!("its tar is not a layer: {error}"))),
        };
        match Index::open(&self.home().folder(id).join(INDEX_FILE)) {
            Err(error) => Some(Problem::Index(format!("cannot be used ({error})"))),
            Ok(stored) if stored.as_bytes() != fresh.as_slice() => {
                Some(Problem::Index("differs from its tar".to_owned()))
            }
            Ok(_) => None,
        }
    }

    /// Makes the index of a layer from its tar again, and puts it in place where that is possible.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](winlayer_core::ErrorKind::Corrupt) if the tar is no layer.
    pub fn rebuild_index(&self, id: &LayerId) -> Result<Index> {
        let tar = mapping::map(&self.tar_path(id)).map_err(|e| e.layer(id))?;
        let diff_id = LayerRecord::read(&self.home().folder(id)).map(|record| record.diff_id);
        let diff_id = match diff_id {
            Ok(diff_id) => diff_id,
            Err(_) => hash(&tar, Control::none())?,
        };
        let bytes = self.make_index(id, &tar, diff_id).map_err(|e| {
            Error::corrupt(format!("cannot rebuild the index: {e}"))
                .layer(id)
                .hint("remove the layer and import it again")
        })?;
        let path = self.home().folder(id).join(INDEX_FILE);
        if let Err(error) = self.home().disk().replace_file(&path, &bytes) {
            // A home that cannot be written to can still be looked into.
            tracing::info!("the rebuilt index is not kept: {error}");
        }
        Index::from_bytes(bytes).map_err(|e| e.layer(id))
    }

    fn make_index(&self, id: &LayerId, tar: &[u8], diff_id: DiffId) -> Result<Vec<u8>> {
        let mut scan = TarScan::default();
        scan.scan_mapped(tar)?;
        let parents = self.union_of(&self.home().chain(id)?)?;
        let mut bytes = Vec::new();
        scan.builder.write(&parents, diff_id, tar.len() as u64, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }
}

fn hash(tar: &Mmap, control: Control<'_>) -> Result<DiffId> {
    const PIECE: usize = 4 << 20;
    let cancel: &CancelToken = control.cancel;
    let mut hash = Sha256::new();
    for (number, piece) in tar.chunks(PIECE).enumerate() {
        cancel.check()?;
        hash.update(piece);
        let done = (number * PIECE + piece.len()) as u64;
        control.progress.update(Progress { stage: "verify", done, total: Some(tar.len() as u64) });
    }
    Ok(DiffId(Sha256Digest(hash.finalize().into())))
}
