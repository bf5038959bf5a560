//! `layer.json`: what a layer was when it came in, so that a damaged tar or index can be told from a whole one.
//!
//! The index could be rebuilt from a damaged tar without anybody noticing; this file is what `verify` holds both against.

use std::path::Path;

use serde::{Deserialize, Serialize};
use winlayer_core::durable::Disk;
use winlayer_core::{BlobDigest, DiffId, Error, Result};

use crate::import::Compression;

/// The name of the file in a layer's folder.
pub(crate) const RECORD_FILE: &str = "layer.json";

/// What an import found, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerRecord {
    /// Digest of the uncompressed tar.
    pub diff_id: DiffId,
    /// Digest of the input as it came.
    pub blob: BlobDigest,
    /// How the input was compressed.
    pub compression: Compression,
    /// Length of the uncompressed tar, in bytes.
    pub tar_bytes: u64,
    /// Entries in the tar, whiteouts and streams included.
    pub entries: u64,
    /// Sum of the sizes of regular files, in bytes, streams not counted.
    pub file_bytes: u64,
}

impl LayerRecord {
    /// Reads the record of a layer's folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD_FILE);
        let bytes = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        serde_json::from_slice(&bytes).map_err(|e| {
            Error::corrupt(format!("{} is damaged: {e}", path.display()))
                .hint("remove the layer and import it again")
        })
    }

    /// Writes the record into a folder that is not yet in its place.
    pub(crate) fn stage(&self, disk: &Disk, folder: &Path) -> Result<()> {
        let json = serde_json::to_vec(self).map_err(|e| Error::corrupt(e.to_string()))?;
        disk.write_file(&folder.join(RECORD_FILE), &json)
    }
}
