//! Takes away what interrupted work left behind: staging folders whose owner is gone, removals that did not finish.
//!
//! A staging folder belongs to whoever holds its layer's exclusive lock. Locks vanish with their process, so a folder
//! whose lock can be had is nobody's.

use std::path::PathBuf;

use winlayer_core::lock::LockMode;
use winlayer_core::{Home, LayerId};

use crate::Store;

const STAGING_PREFIX: &str = ".import-";

impl Store {
    /// The layers whose import is under way, or was interrupted and not yet cleaned up; in no order.
    pub fn unfinished_imports(&self) -> Vec<LayerId> {
        staging_folders(self.home()).into_iter().map(|(id, _)| id).collect()
    }
}

/// Where the import of a layer is staged.
pub(crate) fn staging_path(home: &Home, id: &LayerId) -> PathBuf {
    home.root().join(format!("{STAGING_PREFIX}{id}"))
}

/// The staging folders under a home, with the layers that they were for.
pub(crate) fn staging_folders(home: &Home) -> Vec<(LayerId, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(home.root()) else { return Vec::new() };
    let staged = |name: &str| LayerId::new(name.strip_prefix(STAGING_PREFIX)?).ok();
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((staged(entry.file_name().to_str()?)?, entry.path()))
        })
        .collect()
}

/// Removes the staging folders that nobody works on. Best effort: what cannot be removed is tried again next time.
pub(crate) fn remove_stale_staging(home: &Home) -> Vec<PathBuf> {
    let mut removed = Vec::new();
    for (id, path) in staging_folders(home) {
        let Ok(_lock) = home.lock(&id, LockMode::Exclusive) else { continue };
        match home.disk().remove_tree(&path) {
            Ok(()) => removed.push(path),
            Err(error) => tracing::warn!("cannot remove what an interrupted import left: {error}"),
        }
    }
    removed
}
