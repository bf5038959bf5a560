//! Reading a layer's own content: its tar, between unprepare and prepare, and its files by name.

use std::io::Read;
use std::sync::Arc;

use winlayer_core::backend::LayerTar;
use winlayer_core::{Chain, ErrorKind, LayerBackend, LayerId, LayerPath, Result};

use crate::driver::{DiffRule, LayerDriver, warn_if_failed};
use crate::mount::Mounts;

/// A layer's tar on its way out. The layer is not prepared while this value lives; it is again when the value is closed or
/// dropped, whether the tar was read to its end, half, or failed.
pub struct LayerDiff {
    // In this order: an engine may still read from the layer until the tar is dropped.
    tar: LayerTar,
    restore: Restore,
}

impl LayerDiff {
    pub(crate) fn new(tar: LayerTar, restore: Restore) -> Self {
        Self { tar, restore }
    }

    /// The tar, for those who can copy it faster than by reading ([`LayerTar::copy_to_file`]).
    pub fn tar(&mut self) -> &mut LayerTar {
        &mut self.tar
    }

    /// Ends the diff and tells if the layer could not be prepared again. (Dropping it logs that.)
    ///
    /// # Errors
    /// The engine's.
    pub fn close(self) -> Result<()> {
        let Self { tar, mut restore } = self;
        drop(tar);
        restore.finish()
    }
}

impl Read for LayerDiff {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.tar.read(buffer)
    }
}

/// Brings a layer back to how it stood before a diff, at the latest when dropped.
pub(crate) struct Restore {
    backend: Arc<dyn LayerBackend>,
    mounts: Arc<Mounts>,
    own: LayerId,
    undo: Undo,
}

enum Undo {
    Resume { chain: Chain, was: Held },
    Deactivate,
    Nothing,
}

/// Whether somebody holds a layer through this driver.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Yes,
    No,
}

impl Held {
    fn by(holders: u64) -> Self {
        if holders > 0 { Self::Yes } else { Self::No }
    }
}

impl Restore {
    /// Makes a layer ready for export.
    pub(crate) fn after_diff_of(driver: &LayerDriver, own: &LayerId, chain: &Chain) -> Result<Self> {
        let undo =
            driver.mounts.with_holders(own, |holders| match (driver.settings.diff, Held::by(holders)) {
                (DiffRule::ActivateIfUnmounted, Held::No) => {
                    driver.backend.activate(own).map(|()| Undo::Deactivate)
                }
                (_, was) => driver.backend.suspend(own).map(|()| Undo::Resume { chain: chain.clone(), was }),
            })?;
        Ok(Self { backend: driver.backend.clone(), mounts: driver.mounts.clone(), own: own.clone(), undo })
    }

    fn finish(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.undo, Undo::Nothing) {
            Undo::Nothing => Ok(()),
            Undo::Deactivate => self.backend.deactivate(&self.own),
            Undo::Resume { chain, was } => self.mounts.with_holders(&self.own, |holders| {
                if Held::by(holders) != was {
                    // A get or the last put came in between and has left the layer as its callers want it.
                    return Ok(());
                }
                resume(self.backend.as_ref(), &self.own, &chain)
            }),
        }
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        let restored = self.finish();
        warn_if_failed(&self.own, restored);
    }
}

/// An engine that cannot mount had nothing prepared before either.
fn resume(backend: &dyn LayerBackend, own: &LayerId, chain: &Chain) -> Result<()> {
    match backend.resume(own, chain) {
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
        other => other,
    }
}

/// Opens files of one layer's own diff, not of the layers below it.
///
/// Names go to the engine as they are. An engine that changes files while it imports, as HCS does with the boot
/// files below `UtilityVM/Files/EFI/Microsoft/Boot`, keeps them as they were in the tar and gives those.
#[derive(Clone)]
pub struct FileGetter {
    backend: Arc<dyn LayerBackend>,
    own: LayerId,
}

impl FileGetter {
    pub(crate) fn new(backend: Arc<dyn LayerBackend>, own: LayerId) -> Self {
        Self { backend, own }
    }

    /// Opens a file by the name that the layer's tar gives it, such as `Files/Windows/win.ini`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if no layer can have such a name, [`ErrorKind::NotFound`] if this layer has no such
    /// file, or the engine's.
    pub fn get(&self, tar_name: &[u8]) -> Result<Box<dyn Read + Send>> {
        let path = LayerPath::from_tar(tar_name).map_err(|e| e.entry(tar_name).layer(&self.own))?;
        self.backend.open_file(&self.own, &path)
    }
}
