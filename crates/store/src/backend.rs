//! The store as an engine for the graph drivers: HCS's words, answered by tar and index.

use std::io::Read;
use std::path::PathBuf;

use winlayer_core::home::Folder;
use winlayer_core::lock::LockMode;
use winlayer_core::{
    Chain, Change, Control, Error, ErrorKind, Home, Imported, LayerBackend, LayerId, LayerPath, Result,
    backend::LayerTar,
};

use crate::view::ChainView;
use crate::{MountRequest, Store};

impl LayerBackend for Store {
    fn name(&self) -> &'static str {
        "store"
    }

    fn home(&self) -> &Home {
        Store::home(self)
    }

    fn create(&self, id: &LayerId, _parent: Option<&LayerId>) -> Result<()> {
        self.home().ensure()?;
        let _lock = self.home().lock(id, LockMode::Exclusive)?;
        self.home().disk().create_dir(&self.home().folder(id)).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => {
                Error::new(ErrorKind::AlreadyExists, "a layer with this id exists").layer(id)
            }
            _ => e.layer(id),
        })?;
        self.home().disk().sync_dir(self.home().root())
    }

    fn create_scratch(&self, id: &LayerId, chain: &Chain) -> Result<()> {
        self.create_writable(id, chain)
    }

    fn expand_scratch(&self, id: &LayerId, bytes: u64) -> Result<()> {
        self.expand_writable(id, bytes)
    }

    fn activate(&self, id: &LayerId) -> Result<()> {
        self.check_exists(id)
    }

    fn deactivate(&self, _id: &LayerId) -> Result<()> {
        Ok(())
    }

    /// Mounts the layer; whoever else has mounted it keeps it mounted.
    fn prepare(&self, id: &LayerId, _chain: &Chain) -> Result<()> {
        self.mount(id, &MountRequest::default()).map(drop)
    }

    fn unprepare(&self, id: &LayerId) -> Result<()> {
        self.unmount(id).map(drop)
    }

    /// Nothing: a tar can be read whether its layer is mounted or not.
    fn suspend(&self, _id: &LayerId) -> Result<()> {
        Ok(())
    }

    fn resume(&self, _id: &LayerId, _chain: &Chain) -> Result<()> {
        Ok(())
    }

    fn mount_path(&self, id: &LayerId) -> Result<Option<PathBuf>> {
        self.check_exists(id)?;
        Ok(self.mounted(id)?.map(|mounted| mounted.path))
    }

    fn has_files(&self, id: &LayerId) -> Result<bool> {
        Ok(self.has_content(id))
    }

    fn exists(&self, id: &LayerId) -> Result<bool> {
        Ok(self.home().folder(id).is_dir())
    }

    fn destroy(&self, folder: &Folder) -> Result<()> {
        Store::destroy(self, folder)
    }

    fn release(&self, id: &LayerId) -> Result<()> {
        Store::release(self, id)
    }

    fn import(
        &self,
        id: &LayerId,
        chain: &Chain,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<Imported> {
        self.import_into(id, chain, tar, control)
    }

    fn import_new(
        &self,
        id: &LayerId,
        chain: &Chain,
        tar: &mut (dyn Read + Send),
        control: Control<'_>,
    ) -> Result<Imported> {
        Store::import_new(self, id, chain, tar, control)
    }

    fn export(&self, id: &LayerId, _chain: &Chain) -> Result<LayerTar> {
        if self.is_writable(id) {
            return self.changes_as_tar(id).map(LayerTar::File);
        }
        self.open_tar(id).map(LayerTar::File)
    }

    fn changes(&self, id: &LayerId, chain: &Chain) -> Result<Vec<Change>> {
        if self.is_writable(id) {
            return self.writable_changes(id);
        }
        self.index(id)?;
        let own = Chain::default().below(id.clone());
        let nearest_first = own.layers().iter().chain(chain.layers()).cloned().collect();
        Ok(self.union_of(&Chain::new(nearest_first))?.changes())
    }

    fn open_file(&self, id: &LayerId, path: &LayerPath) -> Result<Box<dyn Read + Send>> {
        let view = ChainView::of_layer_alone(self, id)?;
        Ok(Box::new(view.open(&view.find(path)?, None)?))
    }

    fn status(&self) -> Vec<(String, String)> {
        let mut facts = vec![
            ("Backend".into(), "store".into()),
            ("Home".into(), self.home().root().display().to_string()),
        ];
        for (strategy, works) in self.strategies() {
            let state = works.map_or_else(|why| format!("no: {why}"), |()| "yes".to_owned());
            facts.push((format!("Mounts by {strategy}"), state));
        }
        facts
    }
}
