//! Hands out what was changed in a writable layer: as a list, and as a layer tar.

use std::io::Write;
use std::path::Path;

use winlayer_core::{Change, Error, LayerId, Result};
use winlayer_meta::security::Sid;

use crate::Store;
use crate::view::ChainView;

/// What new files and directories are given.
#[derive(Debug, Clone, Default)]
pub struct DiffPolicy {
    /// Their owner; by default `ContainerAdministrator` (S-1-5-93-2-1), as whom containers run.
    pub owner: Option<Sid>,
    /// Their primary group; by default `ContainerAdministrator`.
    pub group: Option<Sid>,
    /// No time taken from the file system, time of creation included, is later than this (`SOURCE_DATE_EPOCH`, in seconds
    /// since 1970).
    pub source_date_epoch: Option<i64>,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiffSummary {
    /// Entries of the tar, whiteouts and streams included.
    pub entries: u64,
    /// Bytes of content, streams included.
    pub file_bytes: u64,
}

impl Store {
    /// Writes what was changed in a writable layer as a layer tar: uncompressed, and the same bytes every time until
    /// something is changed again. It can be imported over the writable layer's parents.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](winlayer_core::ErrorKind::InvalidInput) if the layer is not writable, or, naming the
    /// path, if it has something that no Windows layer can hold: names that Windows does not allow or that differ in
    /// case only, devices, pipes, sockets; or the system's.
    pub fn export_writable(
        &self,
        id: &LayerId,
        policy: &DiffPolicy,
        out: &mut dyn Write,
    ) -> Result<DiffSummary> {
        self.read_changes(id, |upper, below| write_diff(upper, below, policy, out))
            .map_err(|e| e.stage("export").layer(id))
    }

    /// What was changed in a writable layer, in tree order: what the layer that [`Store::export_writable`] writes changes
    /// in its parents.
    ///
    /// # Errors
    /// As [`Store::export_writable`].
    pub fn writable_changes(&self, id: &LayerId) -> Result<Vec<Change>> {
        self.read_changes(id, changes).map_err(|e| e.stage("changes").layer(id))
    }

    fn read_changes<T>(&self, id: &LayerId, then: impl FnOnce(&Path, &ChainView) -> Result<T>) -> Result<T> {
        let below = self.stored_view(id)?;
        if !self.is_writable(id) {
            return Err(Error::invalid("not a writable layer"));
        }
        // While the lock is held nobody mounts or unmounts the layer, nor the disk that it may have.
        let _lock = self.hold_mounts(id)?;
        self.scratch_folder(id).read_upper(|upper| then(upper, &below))
    }
}

#[cfg(target_os = "linux")]
use super::diff::{changes, write_diff};

#[cfg(not(target_os = "linux"))]
fn write_diff(_: &Path, _: &ChainView, _: &DiffPolicy, _: &mut dyn Write) -> Result<DiffSummary> {
    Err(only_on_linux())
}

#[cfg(not(target_os = "linux"))]
fn changes(_: &Path, _: &ChainView) -> Result<Vec<Change>> {
    Err(only_on_linux())
}

#[cfg(not(target_os = "linux"))]
fn only_on_linux() -> Error {
    Error::new(winlayer_core::ErrorKind::Unsupported, "the own engine keeps writable layers on Linux only")
}
