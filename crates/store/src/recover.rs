//! Takes away what interrupted work left behind: staging folders whose owner is gone, removals that did not finish.
//!
//! A staging folder belongs to whoever holds its layer's exclusive lock. Locks vanish with their process, so a folder
//! whose lock can be had is nobody's.

use std::path::{Path, PathBuf};

use winlayer_core::durable::TEMPORARY_SUFFIX;
use winlayer_core::lock::LockMode;
use winlayer_core::{Home, LayerId, Result};

use crate::{INDEX_FILE, Store};

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
pub(crate) fn remove_stale_staging(store: &Store) -> Vec<PathBuf> {
    let mut removed = Vec::new();
    for (id, path) in staging_folders(store.home()) {
        match remove_if_stale(store.home(), &id, &path) {
            Ok(true) => removed.push(path),
            Ok(false) => {}
            Err(error) => tracing::warn!("cannot remove what an interrupted import left: {error}"),
        }
    }
    removed
}

/// The lock is held for a rename only, so that somebody who wants to import this layer now need not wait.
fn remove_if_stale(home: &Home, id: &LayerId, path: &Path) -> Result<bool> {
    let Some(lock) = home.lock_if_free(id, LockMode::Exclusive)? else { return Ok(false) };
    if !path.exists() {
        return Ok(false);
    }
    let removing = home.path_of(&home.removing_folder(id));
    home.disk().rename(path, &removing)?;
    drop(lock);
    home.disk().remove_tree(&removing)?;
    Ok(true)
}

/// Removes what a killed process left of an index that it was about to put in place.
pub(crate) fn remove_stale_index(store: &Store, id: &LayerId) -> Result<()> {
    let folder = store.home().folder(id);
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(()) };
    let is_left_over = |name: &str| name.starts_with(INDEX_FILE) && name.ends_with(TEMPORARY_SUFFIX);
    let left_over: Vec<_> =
        entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_left_over)).collect();
    if left_over.is_empty() {
        return Ok(());
    }
    let Some(_lock) = store.home().lock_if_free(id, LockMode::Exclusive)? else { return Ok(()) };
    left_over.iter().try_for_each(|entry| store.home().disk().remove_file(&entry.path()))
}
