//! What a container engine asks of a graph driver: Docker's and containers/storage's interface, said in Rust.

use std::io::Read;
use std::path::PathBuf;

use winlayer_core::{Chain, Change, Control, Imported, LayerId, Result};

use crate::base_images::RestoredImage;
use crate::diff::{FileGetter, LayerDiff};
use crate::options::StorageOptions;
use crate::remove::CleanupReport;

/// A graph driver: layers by id, each on a parent.
///
/// Ids are the caller's. Where a layer has an alternate id, the engine is called with that one. The historical interface
/// also hands a mount label to `Create` and `Get`, and a parent to `Diff`, `Changes` and `DiffSize`; no version of the
/// Windows drivers ever used them (a layer knows its own chain), so they are not here.
pub trait GraphDriver: Send + Sync {
    /// The driver's name in the registry (`String`).
    fn name(&self) -> &'static str;

    /// Facts for people, name and value, the driver's name first (`Status`).
    fn status(&self) -> Vec<(String, String)>;

    /// Makes an empty read-only layer (`Create`). `options` only matter where
    /// [`WritableRule::ByInitSuffix`](crate::WritableRule::ByInitSuffix) makes it a writable one.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](winlayer_core::ErrorKind::NotFound) if the parent is missing,
    /// [`ErrorKind::AlreadyExists`](winlayer_core::ErrorKind::AlreadyExists),
    /// [`ErrorKind::Busy`](winlayer_core::ErrorKind::Busy) if the parent is being removed, or the engine's. Nothing is
    /// left behind.
    fn create(&self, id: &LayerId, parent: Option<&LayerId>, options: &StorageOptions) -> Result<()>;

    /// Makes a writable layer on a parent (`CreateReadWrite`).
    ///
    /// # Errors
    /// As [`GraphDriver::create`]; [`ErrorKind::InvalidInput`](winlayer_core::ErrorKind::InvalidInput) if neither the
    /// parent nor anything below it has content.
    fn create_read_write(&self, id: &LayerId, parent: &LayerId, options: &StorageOptions) -> Result<()>;

    /// Whether there is such a layer (`Exists`). A failure to find out reads as no.
    fn exists(&self, id: &LayerId) -> bool {
        self.try_exists(id).unwrap_or(false)
    }

    /// Whether there is such a layer.
    ///
    /// # Errors
    /// The engine's, or why the alternate id cannot be read.
    fn try_exists(&self, id: &LayerId) -> Result<bool>;

    /// Makes a read-only layer and fills it from its tar in one step: whole, or no trace of it. The historical
    /// interface does this as `Create` and then `ApplyDiff`.
    ///
    /// # Errors
    /// As [`GraphDriver::create`]; input errors name entry, offset and rule.
    fn import(
        &self,
        id: &LayerId,
        parent: Option<&LayerId>,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<Imported>;

    /// Fills a created layer from its tar (`ApplyDiff`). Gives the sum of the sizes of its regular files in bytes,
    /// alternate streams not counted.
    ///
    /// # Errors
    /// As [`GraphDriver::import`]. The layer is then as it was: still without content.
    fn apply_diff(
        &self,
        id: &LayerId,
        parent: Option<&LayerId>,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<u64>;

    /// The layer's tar (`Diff`). While the reader lives, the layer is not prepared; afterwards it is again.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](winlayer_core::ErrorKind::NotFound), or the engine's.
    fn diff(&self, id: &LayerId) -> Result<LayerDiff>;

    /// What the layer changes against its chain (`Changes`).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](winlayer_core::ErrorKind::NotFound), or the engine's.
    fn changes(&self, id: &LayerId) -> Result<Vec<Change>>;

    /// Sum of the sizes of the changed files in bytes (`DiffSize`); a hard link counts as often as it has names.
    ///
    /// # Errors
    /// As [`GraphDriver::changes`].
    fn diff_size(&self, id: &LayerId) -> Result<u64>;

    /// Opens files of the layer's own diff by name (`DiffGetter`), as tar-split does to put a tar together again.
    ///
    /// # Errors
    /// Why the alternate id cannot be read. That there is no such layer shows when a file is opened.
    fn diff_getter(&self, id: &LayerId) -> Result<FileGetter>;

    /// Mounts the layer and says where (`Get`). Counted: only the first get mounts, the others are told the same path.
    /// The path is the mount path, or the layer's folder if the engine has none.
    ///
    /// # Errors
    /// The engine's. Nothing stays mounted, and the get does not count.
    fn get(&self, id: &LayerId) -> Result<PathBuf>;

    /// Gives back one [`GraphDriver::get`] (`Put`); the last one unmounts. One put too many does nothing.
    ///
    /// # Errors
    /// The engine's. The next put tries again.
    fn put(&self, id: &LayerId) -> Result<()>;

    /// Removes a layer (`Remove`). That there is none is fine. Once the layer is set aside under another name it counts as
    /// removed: what cannot be deleted is logged and left to [`GraphDriver::cleanup`].
    ///
    /// # Errors
    /// [`ErrorKind::InUse`](winlayer_core::ErrorKind::InUse) if other layers have it in their chain (they are named) or it
    /// is mounted through this driver: the historical drivers leave both to their caller.
    /// [`ErrorKind::Busy`](winlayer_core::ErrorKind::Busy) if somebody makes it, fills it or builds on it just now; or
    /// the engine's.
    fn remove(&self, id: &LayerId) -> Result<()>;

    /// Finishes removals that were started (`Cleanup`). One that is stuck does not stop the others.
    ///
    /// # Errors
    /// Only if the home cannot be listed.
    fn cleanup(&self) -> Result<CleanupReport>;

    /// Facts about a layer, by key (`GetMetadata`, `Metadata`): `dir` (its folder), `backend`, `size` (bytes that the files
    /// in its folder have), `chain` (how many layers are below it).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](winlayer_core::ErrorKind::NotFound); why its chain or folder cannot be read.
    fn metadata(&self, id: &LayerId) -> Result<Vec<(&'static str, String)>>;

    /// The layers below this one, nearest first.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](winlayer_core::ErrorKind::Corrupt) if the file is damaged, with how to write it again.
    fn layer_chain(&self, id: &LayerId) -> Result<Chain>;

    /// The id under which the engine knows the layer.
    ///
    /// # Errors
    /// Why the alternate id cannot be read.
    fn resolve_id(&self, id: &LayerId) -> Result<LayerId>;

    /// Notes under which id the engine knows the layer.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](winlayer_core::ErrorKind::NotFound), or why the note cannot be written.
    fn set_alternate_id(&self, id: &LayerId, alternate: &LayerId) -> Result<()>;

    /// Makes a layer for every base image that the system brings (`GetCustomImageInfos`). May be repeated.
    ///
    /// # Errors
    /// The engine's; an image whose folder name cannot be an id. Images before it in the list stay restored.
    fn restore_base_images(&self) -> Result<Vec<RestoredImage>>;

    /// Read-only stores of other people's images that the driver can use (`AdditionalImageStores`): none.
    fn additional_image_stores(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}
