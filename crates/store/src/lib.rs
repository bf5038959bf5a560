//! The own engine: keeps each layer's tar as it came, a small index beside it, and views everything else.
//!
//! ```text
//! HOME/<id>/layerchain.json   the parents (winlayer_core::home)
//! HOME/<id>/layer.tar         the layer's tar, verbatim: the truth
//! HOME/<id>/layer.json        its digests, for verify
//! HOME/<id>/layer.idx         its index: a cache, rebuilt from the tar
//! HOME/.import-<id>/          an import that is under way, or was
//! HOME/<id>-removing/         a removal that is under way, or was
//! ```
//!
//! Invariants. A folder with `layer.tar` in it is a whole layer: the tar comes into place last, by a rename, after all
//! else is synced. Nothing in a layer's folder is changed in place. Readers take no locks; whoever makes, fills or
//! removes a layer holds its lock (see [`winlayer_core::home`]). Exporting is handing the tar back.
#![deny(unsafe_code)]

mod backend;
mod image;
mod import;
mod index;
mod links;
mod mapping;
mod mount;
mod record;
mod recover;
mod remove;
mod scratch;
mod usage;
mod verify;
mod view;
mod xattrs;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use winlayer_core::durable::Disk;
use winlayer_core::{Chain, Error, ErrorKind, Home, LayerId, Result, Union};

pub use import::Compression;
pub use index::{Index, StreamEntry};
pub use mount::{MountRequest, Mounted, Strategy, Unmounted};
pub use record::LayerRecord;
pub use remove::CleanedUp;
pub use scratch::{DiffPolicy, DiffSummary, SMALLEST_SCRATCH};
pub use usage::LayerUsage;
pub use verify::Problem;
pub use view::{ChainView, FileReader, Stat, StreamStat, Times};

const TAR_FILE: &str = "layer.tar";
const INDEX_FILE: &str = "layer.idx";

/// An engine over one home. Cheap to make; holds nothing open.
#[derive(Debug, Clone)]
pub struct Store {
    home: Home,
}

impl Store {
    /// The store at this path, which must be absolute. Nothing is read or made yet.
    pub fn new(root: PathBuf) -> Self {
        Self::on_disk(root, Disk::default())
    }

    /// As [`Store::new`], writing through `disk`.
    pub fn on_disk(root: PathBuf, disk: Disk) -> Self {
        Self { home: Home::new(root, disk) }
    }

    /// Where the layers are.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Whether a layer has content: an imported tar.
    pub fn has_content(&self, id: &LayerId) -> bool {
        self.tar_path(id).exists()
    }

    /// What was noted when the layer was imported.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Corrupt`].
    pub fn record(&self, id: &LayerId) -> Result<LayerRecord> {
        self.check_exists(id)?;
        LayerRecord::read(&self.home.folder(id)).map_err(|e| e.layer(id))
    }

    /// Opens the layer's tar.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such layer or it has no content.
    pub fn open_tar(&self, id: &LayerId) -> Result<File> {
        self.check_exists(id)?;
        let path = self.tar_path(id);
        File::open(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => no_content(id),
            _ => Error::io("open", &path, e).layer(id),
        })
    }

    /// The layer's index, mapped; rebuilt from the tar if it is missing or damaged.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such layer or it has no content; [`ErrorKind::Corrupt`] if its tar is
    /// damaged too.
    pub fn index(&self, id: &LayerId) -> Result<Arc<Index>> {
        self.check_exists(id)?;
        let path = self.home.folder(id).join(INDEX_FILE);
        let index = match Index::open(&path) {
            Ok(index) => index,
            Err(_) if !self.has_content(id) => return Err(no_content(id)),
            Err(why) => {
                tracing::info!(layer = %id, "rebuilding the index: {why}");
                self.rebuild_index(id)?
            }
        };
        Ok(Arc::new(index))
    }

    /// Whether the layer's index can be used as it is. [`Store::index`] makes it again if not.
    ///
    /// # Errors
    /// Why it cannot: missing, damaged, or of another version.
    pub fn check_index(&self, id: &LayerId) -> Result<()> {
        Index::open(&self.home.folder(id).join(INDEX_FILE)).map(drop)
    }

    /// The union of these layers, nearest first; layers without content take no part in it.
    pub(crate) fn union_of(&self, chain: &Chain) -> Result<Union<Arc<Index>>> {
        let with_content = chain.layers().iter().filter(|id| self.has_content(id));
        Ok(Union::new(with_content.map(|id| self.index(id)).collect::<Result<_>>()?))
    }

    fn tar_path(&self, id: &LayerId) -> PathBuf {
        self.home.folder(id).join(TAR_FILE)
    }

    fn check_exists(&self, id: &LayerId) -> Result<()> {
        if self.home.folder(id).is_dir() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no layer {id} in {}", self.home.root().display()),
        )
        .hint("'winlayer layer ls' shows the layers; --home or WINLAYER_HOME chooses another home"))
    }
}

fn no_content(id: &LayerId) -> Error {
    Error::new(ErrorKind::NotFound, "the layer has no content")
        .layer(id)
        .hint("it was created and never imported to")
}
