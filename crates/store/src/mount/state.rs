//! Who holds a mount: a small file for each mounted layer, and the lock that serialises its changes.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use winlayer_core::durable::Disk;
use winlayer_core::lock::FileLock;
use winlayer_core::{Error, Home, LayerId, Result};

use super::{Mounted, Places, Strategy, table};
use crate::scratch::DISK_FOLDER;

const FOLDER: &str = ".mounts";

/// What is known of a mount.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    pub(super) strategy: Strategy,
    pub(super) path: PathBuf,
    pub(super) holders: u32,
    /// The boot that the mount was made in; mounts do not outlive it, copies do.
    boot: String,
}

impl State {
    pub(super) fn new(strategy: Strategy, path: PathBuf) -> Self {
        Self { strategy, path, holders: 1, boot: table::boot_id() }
    }

    pub(super) fn mounted(&self, id: &LayerId) -> Mounted {
        Mounted { id: id.clone(), path: self.path.clone(), strategy: self.strategy, holders: self.holders }
    }

    /// Whether the mount that the state speaks of is still there.
    fn is_live(&self) -> bool {
        match self.strategy {
            Strategy::Erofs => self.boot == table::boot_id() && table::is_mounted(&self.path),
            Strategy::Copy => self.path.is_dir(),
        }
    }
}

/// The right to change the state of one layer's mount.
pub(crate) struct StateLock {
    state: PathBuf,
    place: PathBuf,
    lower: PathBuf,
    /// Where a disk of the layer itself is mounted.
    layer_disk: PathBuf,
    disk: Disk,
    _lock: FileLock,
}

impl StateLock {
    /// Whether there may be a state at all.
    pub(super) fn exists(home: &Home, id: &LayerId) -> bool {
        file(home, id, "json").exists()
    }

    /// Waits for the lock.
    pub(super) fn take(home: &Home, id: &LayerId) -> Result<Self> {
        let folder = home.root().join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e).layer(id))?;
        let path = file(home, id, "lock");
        let lock = FileLock::wait_for(&path).map_err(|e| Error::io("lock", &path, e).layer(id))?;
        Ok(Self {
            state: file(home, id, "json"),
            place: folder.join(id.as_str()),
            lower: file(home, id, "lower"),
            layer_disk: home.folder(id).join(DISK_FOLDER),
            disk: home.disk().clone(),
            _lock: lock,
        })
    }

    /// Where the layer is mounted unless the caller says otherwise.
    pub(super) fn default_place(&self) -> PathBuf {
        self.place.clone()
    }

    /// The state, if its mount is there. What a crash or a reboot left of one is cleared away.
    pub(super) fn live_state(&self) -> Result<Option<State>> {
        let bytes = match std::fs::read(&self.state) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                self.clear()?;
                return Ok(None);
            }
            other => other.map_err(|e| Error::io("read", &self.state, e))?,
        };
        match serde_json::from_slice::<State>(&bytes) {
            Ok(state) if state.is_live() => Ok(Some(state)),
            Ok(_) | Err(_) => {
                tracing::info!("{} speaks of a mount that is gone", self.state.display());
                self.clear()?;
                Ok(None)
            }
        }
    }

    /// Notes a state.
    pub(super) fn write(&self, state: &State) -> Result<()> {
        let json = serde_json::to_vec(state).map_err(|e| Error::corrupt(e.to_string()))?;
        self.disk.replace_file(&self.state, &json)
    }

    /// Forgets the state, and takes away what lies at the default place: nothing, or a copy that was not finished.
    pub(super) fn clear(&self) -> Result<()> {
        self.disk.remove_file(&self.state)?;
        let places = self.places(&self.place);
        if [&places.at, &places.lower, &places.disk].into_iter().any(|place| table::is_mounted(place)) {
            places.tear_down(Strategy::Erofs)?;
        }
        self.disk.remove_tree(&self.place)
    }

    /// Where the parts of the layer's mount are if the caller sees it at `at`.
    pub(super) fn places(&self, at: &Path) -> Places {
        Places { at: at.to_owned(), lower: self.lower.clone(), disk: self.layer_disk.clone() }
    }
}

fn file(home: &Home, id: &LayerId, extension: &str) -> PathBuf {
    // An id may end in what looks like an extension: this one is appended, never in its place.
    home.root().join(FOLDER).join(format!("{id}.{extension}~"))
}
