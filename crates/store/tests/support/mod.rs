//! A home in a temporary directory and hand-made tars, for the tests of the store.
#![allow(
    dead_code,
    clippy::print_stderr,
    reason = "each test binary uses its part of this, and says what it skips"
)]

pub(crate) mod readers;
pub(crate) mod tar;
pub(crate) mod volume;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use winlayer_core::{Chain, Control, Imported, LayerId, LayerPath, Result};
use winlayer_store::{ChainView, Problem, Store};

/// A store in a directory that goes away with this value.
pub(crate) struct TestHome {
    dir: tempfile::TempDir,
    pub(crate) store: Store,
}

impl TestHome {
    pub(crate) fn new() -> Self {
        Self::in_directory(tempfile::tempdir().unwrap())
    }

    /// A home in memory where the system has such a place, for tests that make hundreds of layers.
    pub(crate) fn in_memory() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self::in_directory(dir.unwrap())
    }

    /// A home in a directory of its own below this one.
    pub(crate) fn within(parent: &Path) -> Self {
        Self::in_directory(tempfile::tempdir_in(parent).unwrap())
    }

    fn in_directory(dir: tempfile::TempDir) -> Self {
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

    /// A view of a layer and its chain.
    pub(crate) fn view(&self, id: &str) -> ChainView {
        self.store.view(&layer(id)).unwrap()
    }

    /// What is wrong with a layer.
    pub(crate) fn problems(&self, id: &str) -> Vec<Problem> {
        self.store.verify(&layer(id), Control::none()).unwrap()
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
