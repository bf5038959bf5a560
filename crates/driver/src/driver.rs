//! The one driver behind both names: what it is made of, and which part of it answers which question.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use winlayer_core::{
    Chain, Change, Control, Error, ErrorKind, Home, Imported, LayerBackend, LayerId, Result,
};

use crate::base_images::RestoredImage;
use crate::create::Kind;
use crate::diff::{FileGetter, LayerDiff, Restore};
use crate::graph_driver::GraphDriver;
use crate::mount::Mounts;
use crate::options::StorageOptions;
use crate::registry::DriverKind;
use crate::remove::CleanupReport;

/// Which layers are writable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WritableRule {
    /// Those that [`GraphDriver::create_read_write`] makes. A parent without content (Docker's `-init` layer) is left out
    /// of the chain. As in 2019.
    #[default]
    AsAsked,
    /// Also those that [`GraphDriver::create`] makes on a parent whose id ends in `-init`; that parent is left out of the
    /// chain, and no other is. As in 2016.
    ByInitSuffix,
}

/// How a layer is made ready for [`GraphDriver::diff`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DiffRule {
    /// The caller has mounted it: it is unprepared, and prepared again afterwards. As in 2019.
    #[default]
    PrepareAgain,
    /// As above if this driver has it mounted; else it is activated, and deactivated afterwards. As in March 2016.
    ActivateIfUnmounted,
}

/// How a driver was set up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Options for writable layers that say nothing themselves.
    pub defaults: StorageOptions,
    /// Which layers are writable.
    pub writable: WritableRule,
    /// How layers are made ready for export.
    pub diff: DiffRule,
}

/// The graph driver over an engine. See [`GraphDriver`] for what it does.
pub struct LayerDriver {
    pub(crate) kind: DriverKind,
    pub(crate) backend: Arc<dyn LayerBackend>,
    pub(crate) settings: Settings,
    pub(crate) mounts: Arc<Mounts>,
}

impl LayerDriver {
    /// A driver over this engine. Nothing is read or made yet.
    pub fn new(kind: DriverKind, backend: Arc<dyn LayerBackend>, settings: Settings) -> Self {
        Self { kind, backend, settings, mounts: Arc::default() }
    }

    pub(crate) fn home(&self) -> &Home {
        self.backend.home()
    }

    fn mount(&self, own: &LayerId) -> Result<PathBuf> {
        let chain = self.home().chain(own)?;
        self.backend.activate(own)?;
        let prepared = self.backend.prepare(own, &chain);
        let found = prepared.and_then(|()| {
            self.backend.mount_path(own).inspect_err(|_| warn_if_failed(own, self.backend.unprepare(own)))
        });
        let path = found.inspect_err(|_| warn_if_failed(own, self.backend.deactivate(own)))?;
        Ok(path.unwrap_or_else(|| self.home().folder(own)))
    }

    fn unmount(&self, own: &LayerId) -> Result<()> {
        self.backend.unprepare(own)?;
        self.backend.deactivate(own)
    }

    fn check_exists(&self, id: &LayerId) -> Result<()> {
        if self.home().folder(id).is_dir() {
            return Ok(());
        }
        let home = self.home().root().display();
        Err(Error::new(ErrorKind::NotFound, format!("there is no such layer in {home}")).layer(id))
    }
}

/// Logs a failure that must not hide the one that led to it.
pub(crate) fn warn_if_failed(id: &LayerId, undone: Result<()>) {
    if let Err(error) = undone {
        tracing::warn!(layer = %id, "while cleaning up: {error}");
    }
}

impl GraphDriver for LayerDriver {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn status(&self) -> Vec<(String, String)> {
        let mut facts = vec![("Driver".to_owned(), self.name().to_owned())];
        facts.extend(self.backend.status());
        facts
    }

    fn create(&self, id: &LayerId, parent: Option<&LayerId>, options: &StorageOptions) -> Result<()> {
        let kind = self.kind_on(parent, options)?;
        self.make(id, parent, kind)
    }

    fn create_read_write(&self, id: &LayerId, parent: &LayerId, options: &StorageOptions) -> Result<()> {
        self.make(id, Some(parent), Kind::writable(options.or(self.settings.defaults)))
    }

    fn try_exists(&self, id: &LayerId) -> Result<bool> {
        self.backend.exists(&self.resolve_id(id)?)
    }

    fn import(
        &self,
        id: &LayerId,
        parent: Option<&LayerId>,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<Imported> {
        let base = self.base(id, parent)?;
        self.backend.import_new(id, base.chain(), tar, control)
    }

    fn apply_diff(
        &self,
        id: &LayerId,
        parent: Option<&LayerId>,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<u64> {
        let own = self.resolve_id(id)?;
        self.check_exists(&own)?;
        let base = self.base(&own, parent)?;
        self.fill(&own, base.chain(), tar, control).map(|imported| imported.file_bytes)
    }

    fn diff(&self, id: &LayerId) -> Result<LayerDiff> {
        let own = self.resolve_id(id)?;
        let chain = self.home().chain(&own)?;
        let restore = Restore::after_diff_of(self, &own, &chain)?;
        let tar = self.backend.export(&own, &chain)?;
        Ok(LayerDiff::new(tar, restore))
    }

    fn changes(&self, id: &LayerId) -> Result<Vec<Change>> {
        let own = self.resolve_id(id)?;
        let chain = self.home().chain(&own)?;
        self.backend.activate(&own)?;
        let changes = self.backend.changes(&own, &chain);
        warn_if_failed(&own, self.backend.deactivate(&own));
        changes
    }

    fn diff_size(&self, id: &LayerId) -> Result<u64> {
        let add = |sum: u64, change: &Change| sum.saturating_add(change.size);
        Ok(self.changes(id)?.iter().fold(0, add))
    }

    fn diff_getter(&self, id: &LayerId) -> Result<FileGetter> {
        Ok(FileGetter::new(self.backend.clone(), self.resolve_id(id)?))
    }

    fn get(&self, id: &LayerId) -> Result<PathBuf> {
        let own = self.resolve_id(id)?;
        self.mounts.enter(&own, || self.mount(&own))
    }

    fn put(&self, id: &LayerId) -> Result<()> {
        let own = self.resolve_id(id)?;
        self.mounts.leave(&own, || self.unmount(&own))
    }

    fn remove(&self, id: &LayerId) -> Result<()> {
        let own = self.resolve_id(id)?;
        self.remove_folder(&own)?;
        if own != *id {
            // What holds the alternate id goes too, or the id would stay taken.
            self.remove_folder(id)?;
        }
        Ok(())
    }

    fn cleanup(&self) -> Result<CleanupReport> {
        self.finish_removals()
    }

    fn metadata(&self, id: &LayerId) -> Result<Vec<(&'static str, String)>> {
        self.check_exists(id)?;
        let dir = self.home().folder(id);
        let size = folder_size(&dir)?;
        let chain = self.layer_chain(id)?;
        Ok(vec![
            ("dir", dir.display().to_string()),
            ("backend", self.backend.name().to_owned()),
            ("size", size.to_string()),
            ("chain", chain.len().to_string()),
        ])
    }

    fn layer_chain(&self, id: &LayerId) -> Result<Chain> {
        self.home().chain(&self.resolve_id(id)?)
    }

    fn resolve_id(&self, id: &LayerId) -> Result<LayerId> {
        self.home().resolve(id)
    }

    fn set_alternate_id(&self, id: &LayerId, alternate: &LayerId) -> Result<()> {
        self.check_exists(id)?;
        self.home().set_alternate_id(id, alternate)
    }

    fn restore_base_images(&self) -> Result<Vec<RestoredImage>> {
        self.backend.base_images()?.iter().map(|image| self.restore_base_image(image)).collect()
    }
}

/// Sum of the lengths of all files below a folder, links not followed.
fn folder_size(folder: &std::path::Path) -> Result<u64> {
    let mut size = 0u64;
    let mut to_list = vec![folder.to_owned()];
    while let Some(folder) = to_list.pop() {
        let failed = |e| Error::io("list", &folder, e);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let facts = entry.metadata().map_err(|e| Error::io("look at", &entry.path(), e))?;
            if facts.is_dir() {
                to_list.push(entry.path());
            } else {
                size = size.saturating_add(facts.len());
            }
        }
    }
    Ok(size)
}
