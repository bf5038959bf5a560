//! Writable (scratch) layers: a directory of changes over a chain.
//!
//! ```text
//! HOME/<id>/layerchain.json   the chain, as for every layer
//! HOME/<id>/scratch/upper/    what was changed, as overlayfs keeps it
//! HOME/<id>/scratch/work/     overlayfs' own
//! HOME/<id>/scratch/disk.img  with a size limit: a file system of that size, which has upper and work
//! HOME/<id>/scratch/disk/     where it is mounted while the layer is
//! ```

mod changes;
#[cfg(target_os = "linux")]
mod diff;
mod disk;
mod export;

use std::path::PathBuf;

use winlayer_core::durable::Disk;
use winlayer_core::lock::LockMode;
use winlayer_core::{Chain, Error, ErrorKind, LayerId, Result};

use crate::Store;
use crate::import::Staging;

pub use export::{DiffPolicy, DiffSummary};

const FOLDER: &str = "scratch";
/// Where the disk of a writable layer is mounted, below the layer's folder.
pub(crate) const DISK_FOLDER: &str = "scratch/disk";

/// The smallest size limit, in bytes: below it there is no room for a file system.
pub const SMALLEST_SCRATCH: u64 = 16 << 20;

impl Store {
    /// Makes a writable layer over a chain.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`], [`ErrorKind::NotFound`] if a layer of the chain is missing, [`ErrorKind::Busy`], or
    /// the system's.
    pub fn create_writable(&self, id: &LayerId, chain: &Chain) -> Result<()> {
        self.create_writable_at(id, chain).map_err(|e| e.stage("create").layer(id))
    }

    fn create_writable_at(&self, id: &LayerId, chain: &Chain) -> Result<()> {
        self.check_is_new(id)?;
        self.check_chain(chain)?;
        self.home().ensure()?;
        let _own = self.home().lock(id, LockMode::Exclusive)?;
        let _parent = chain.parent().map(|parent| self.home().lock(parent, LockMode::Shared)).transpose()?;
        self.check_is_new(id)?;
        self.check_chain(chain)?;
        let staging = Staging::create(self, id)?;
        let disk = self.home().disk();
        let scratch = Scratch { folder: staging.path().join(FOLDER), disk: disk.clone() };
        disk.create_dir(&scratch.folder)?;
        scratch.make_folders(&scratch.folder)?;
        disk.sync_dir(&scratch.folder)?;
        self.home().stage_chain(staging.path(), chain)?;
        disk.sync_dir(staging.path())?;
        disk.rename(staging.path(), &self.home().folder(id))
    }

    /// Limits a writable layer to a size, in bytes, or raises its limit. A limit can be set while the layer is empty and
    /// only grow afterwards.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if the layer is not writable or the size does not fit; [`ErrorKind::InUse`] while it
    /// is mounted; [`ErrorKind::Unsupported`] without root or the tools that it takes.
    pub fn expand_writable(&self, id: &LayerId, bytes: u64) -> Result<()> {
        self.check_exists(id)?;
        if !self.is_writable(id) {
            return Err(Error::invalid("not a writable layer").layer(id));
        }
        if bytes < SMALLEST_SCRATCH {
            return Err(Error::invalid(format!(
                "a size of {bytes} bytes is less than the least, {SMALLEST_SCRATCH}"
            ))
            .layer(id));
        }
        // Whoever mounts the layer holds this lock too, so that what is found under it stays true.
        let _own = self.home().lock(id, LockMode::Exclusive)?;
        if let Some(mounted) = self.mounted(id)? {
            return Err(Error::new(ErrorKind::InUse, format!("it is mounted at {}", mounted.path.display()))
                .layer(id));
        }
        self.scratch_folder(id).limit(bytes).map_err(|e| e.layer(id).stage("expand"))
    }

    /// Whether a layer is writable.
    pub fn is_writable(&self, id: &LayerId) -> bool {
        self.home().folder(id).join(FOLDER).is_dir()
    }

    pub(crate) fn scratch_folder(&self, id: &LayerId) -> Scratch {
        Scratch { folder: self.home().folder(id).join(FOLDER), disk: self.home().disk().clone() }
    }
}

/// Where a writable layer keeps its changes.
pub(crate) struct Scratch {
    folder: PathBuf,
    disk: Disk,
}

impl Scratch {
    fn image(&self) -> PathBuf {
        self.folder.join("disk.img")
    }

    fn mount_point(&self) -> PathBuf {
        self.folder.join("disk")
    }

    /// Makes `upper` and `work` in a folder or on a disk.
    fn make_folders(&self, within: &std::path::Path) -> Result<()> {
        for name in ["upper", "work"] {
            let path = within.join(name);
            match self.disk.create_dir(&path) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                other => other?,
            }
        }
        // What a container sees as C:\ is open to all, as in the layers below.
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            let upper = within.join("upper");
            std::fs::set_permissions(&upper, mode).map_err(|e| Error::io("change", &upper, e))?;
        }
        Ok(())
    }

    /// Gives the directories for overlayfs, on the layer's disk if it has one.
    pub(crate) fn open(&self) -> Result<(PathBuf, PathBuf)> {
        let mut within = self.folder.clone();
        if self.image().exists() {
            within = self.mount_point();
            disk::mount(&self.image(), &within)?;
            self.make_folders(&within)?;
        }
        Ok((within.join("upper"), within.join("work")))
    }

    /// Shows the upper directory to `then`. A disk that is not mounted is, as long as that takes.
    fn read_upper<T>(&self, then: impl FnOnce(&std::path::Path) -> Result<T>) -> Result<T> {
        if !self.image().exists() {
            return then(&self.folder.join("upper"));
        }
        let upper = self.mount_point().join("upper");
        if upper.is_dir() {
            return then(&upper);
        }
        disk::mount(&self.image(), &self.mount_point())?;
        let result = self.make_folders(&self.mount_point()).and_then(|()| then(&upper));
        let unmounted = disk::unmount(&self.mount_point());
        result.and_then(|value| unmounted.map(|()| value))
    }

    /// Sets or raises the size limit.
    fn limit(&self, bytes: u64) -> Result<()> {
        let image = self.image();
        if let Ok(metadata) = std::fs::metadata(&image) {
            if bytes < metadata.len() {
                return Err(Error::invalid(format!(
                    "the size is {} bytes already; it can only grow",
                    metadata.len()
                )));
            }
            return disk::grow(&image, bytes);
        }
        let upper = self.folder.join("upper");
        let mut changes = std::fs::read_dir(&upper).map_err(|e| Error::io("read", &upper, e))?;
        if changes.next().is_some() {
            return Err(Error::invalid(
                "the layer has changes already, without a size limit; one can only be set before",
            ));
        }
        disk::create(&self.disk, &image, bytes)
    }
}
