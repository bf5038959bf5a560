//! Removal: a rename makes the layer vanish at once, deleting comes after and can be finished by anybody.

use winlayer_core::home::Folder;
use winlayer_core::lock::{FileLock, LockMode};
use winlayer_core::{Error, ErrorKind, LayerId, Result};

use crate::{Store, recover};

/// What [`Store::cleanup`] did.
#[derive(Debug, Default)]
pub struct CleanedUp {
    /// Names of what was removed.
    pub removed: Vec<String>,
    /// What could not be removed, and why.
    pub stuck: Vec<(String, Error)>,
}

impl Store {
    /// Deletes a folder with all that is in it. A missing one is fine.
    ///
    /// # Errors
    /// An operating system error; part of the folder may be gone.
    pub fn destroy(&self, folder: &Folder) -> Result<()> {
        match folder {
            Folder::Removing(_) => self.home().disk().remove_tree(&self.home().path_of(folder)),
            Folder::Layer(id) if self.home().path_of(folder).exists() => {
                let lock = self.home().lock(id, LockMode::Exclusive)?;
                self.destroy_locked(id, lock)
            }
            Folder::Layer(_) => Ok(()),
        }
    }

    /// The lock is held until the layer has another name; deleting is nobody else's concern.
    fn destroy_locked(&self, id: &LayerId, lock: FileLock) -> Result<()> {
        let removing = self.home().path_of(&self.home().removing_folder(id));
        self.home().disk().rename(&self.home().folder(id), &removing).map_err(|e| e.layer(id))?;
        drop(lock);
        self.home().disk().remove_tree(&removing).map_err(|e| e.layer(id))
    }

    /// Removes a layer that no other layer needs.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::InUse`] naming the layers on top of it, [`ErrorKind::Busy`]. If deleting
    /// fails after the rename, the layer is gone and [`Store::cleanup`] finishes the rest.
    pub fn remove(&self, id: &LayerId) -> Result<()> {
        self.check_exists(id)?;
        let lock = self.home().lock(id, LockMode::Exclusive)?;
        // Under the lock, which whoever imports a child holds too: nobody can build on the layer from here on.
        self.check_exists(id)?;
        let children = self.home().children(id)?;
        if !children.is_empty() {
            let names: Vec<_> = children.iter().map(LayerId::as_str).collect();
            return Err(Error::new(
                ErrorKind::InUse,
                format!("other layers are built on it: {}", names.join(", ")),
            )
            .layer(id)
            .hint("remove those first"));
        }
        self.release(id)?;
        self.destroy_locked(id, lock)
    }

    /// Lets go of what hangs on a layer and would outlive it: its chain's image.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`] if it is mounted.
    pub(crate) fn release(&self, id: &LayerId) -> Result<()> {
        if let Some(mounted) = self.mounted(id)? {
            return Err(Error::new(ErrorKind::InUse, format!("it is mounted at {}", mounted.path.display()))
                .layer(id)
                .hint(format!("'winlayer layer unmount {id}' unmounts it")));
        }
        self.drop_chain_image(id);
        Ok(())
    }

    /// Finishes removals and takes away what interrupted imports left. One stuck folder does not stop the others.
    ///
    /// # Errors
    /// Only if the home cannot be listed.
    pub fn cleanup(&self) -> Result<CleanedUp> {
        let mut done = CleanedUp::default();
        for path in recover::remove_stale_staging(self) {
            done.removed.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        for folder in self.home().folders()? {
            let result = match &folder {
                Folder::Layer(id) => recover::remove_stale_index(self, id),
                Folder::Removing(_) => {
                    self.destroy(&folder).map(|()| done.removed.push(folder.name().to_owned()))
                }
            };
            if let Err(error) = result {
                done.stuck.push((folder.name().to_owned(), error));
            }
        }
        Ok(done)
    }
}
