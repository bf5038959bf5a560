//! A home in a temporary directory and hand-made tars, for the tests of the store.
#![allow(dead_code, reason = "each test binary uses its part of this")]

pub(crate) mod tar;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use winlayer_core::{Chain, Control, Imported, LayerId, LayerPath, Result};
use winlayer_store::Store;

/// A store in a directory that goes away with this value.
pub(crate) struct TestHome {
    dir: tempfile::TempDir,
    pub(crate) store: Store,
}

impl TestHome {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().join("home"));
        store.home().ensure().unwrap();
        Self { dir, store }
    }

    /// A home with one base layer, `base`, of these entries.
    pub(crate) fn with_base(entries: &[tar::Entry]) -> Self {
        let home = Self::new();
        home.import("base", &[], &tar::tar(entries)).unwrap();
        home
    }

    pub(crate) fn root(&self) -> &Path {
        self.store.home().root()
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// Imports a new layer on top of these, nearest first.
    pub(crate) fn import(&self, id: &str, parents: &[&str], mut tar: &[u8]) -> Result<Imported> {
        self.store.import_new(&layer(id), &chain(parents), &mut tar, Control::none())
    }

    /// Everything below the home: relative paths, and the bytes of files.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        snapshot(self.root())
    }
}

/// Everything below a directory: relative paths, and the bytes of files.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(root).unwrap().to_owned();
            if path.is_dir() {
                found.insert(relative, None);
                open.push(path);
            } else {
                found.insert(relative, Some(std::fs::read(&path).unwrap()));
            }
        }
    }
    found
}

pub(crate) fn layer(id: &str) -> LayerId {
    LayerId::new(id).unwrap()
}

/// A chain of these layers, nearest first.
pub(crate) fn chain(nearest_first: &[&str]) -> Chain {
    Chain::new(nearest_first.iter().map(|id| layer(id)).collect())
}

pub(crate) fn path(text: &str) -> LayerPath {
    LayerPath::from_user(text).unwrap()
}
