//! The home: where layers live, what is in a layer's folder for every engine, and who may touch it when.
//!
//! ```text
//! HOME/<id>/layerchain.json    the chain: a JSON array of the parents' absolute paths, nearest first; null for a base
//! HOME/<id>/layerId            another id under which the engine knows the layer, if any
//! HOME/<id>-removing/          a removal that was started
//! HOME/.lock-<id>              exists while somebody holds the layer's lock
//! ```
//!
//! Locks are advisory file locks: they vanish with the process that holds them. Readers take none.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::chain::Chain;
use crate::durable::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{LayerId, REMOVING_SUFFIX};
use crate::lock::{FileLock, LockMode};

const CHAIN_FILE: &str = "layerchain.json";
const ALTERNATE_ID_FILE: &str = "layerId";
/// The historical drivers read this spelling and write the other one.
const ALTERNATE_ID_FILE_AS_READ_BY_DOCKER: &str = "layerID";
const LOCK_PREFIX: &str = ".lock-";

/// A folder under the home: a layer's, or what a removal left of one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Folder {
    /// The folder of a layer.
    Layer(LayerId),
    /// The folder of a layer whose removal was started, by its name, which ends in `-removing`.
    Removing(String),
}

impl Folder {
    /// The folder's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Layer(id) => id.as_str(),
            Self::Removing(name) => name,
        }
    }
}

/// The directory that layers live in.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
    disk: Disk,
}

impl Home {
    /// A home at this absolute path. Nothing is read or made yet.
    pub fn new(root: PathBuf, disk: Disk) -> Self {
        Self { root, disk }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How it is written to.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Makes the home's directory, and those above it, if they are missing.
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn ensure(&self) -> Result<()> {
        let mut missing: Vec<&Path> = self.root.ancestors().take_while(|path| !path.exists()).collect();
        while let Some(path) = missing.pop() {
            match self.disk.create_dir(path) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                other => other?,
            }
            path.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Ok(()), |p| self.disk.sync_dir(p))?;
        }
        Ok(())
    }

    /// The path of a layer's folder.
    pub fn folder(&self, id: &LayerId) -> PathBuf {
        self.root.join(id.as_str())
    }

    /// The path of any folder.
    pub fn path_of(&self, folder: &Folder) -> PathBuf {
        self.root.join(folder.name())
    }

    /// All folders under the home, sorted by name. A home that does not exist has none.
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn folders(&self) -> Result<Vec<Folder>> {
        let entries = match std::fs::read_dir(&self.root) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|e| Error::io("list", &self.root, e))?,
        };
        let mut folders = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| Error::io("list", &self.root, e))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if name.ends_with(REMOVING_SUFFIX) && !name.starts_with('.') {
                folders.push(Folder::Removing(name));
            } else if let Ok(id) = LayerId::new(name) {
                folders.push(Folder::Layer(id));
            }
        }
        folders.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(folders)
    }

    /// The ids of all layers, sorted.
    ///
    /// # Errors
    /// As [`Home::folders`].
    pub fn layers(&self) -> Result<Vec<LayerId>> {
        let only_layers = |folder| match folder {
            Folder::Layer(id) => Some(id),
            Folder::Removing(_) => None,
        };
        Ok(self.folders()?.into_iter().filter_map(only_layers).collect())
    }

    /// The chain of a layer; empty where the file is missing or says `null`.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where the file is damaged.
    pub fn chain(&self, id: &LayerId) -> Result<Chain> {
        let path = self.folder(id).join(CHAIN_FILE);
        let bytes = match std::fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Chain::default()),
            other => other.map_err(|e| Error::io("read", &path, e).layer(id))?,
        };
        parse_chain(&bytes).map_err(|why| {
            Error::corrupt(format!("{} is damaged: {why}", path.display())).layer(id).hint(
                "write it again as a JSON array of the parents' folders, nearest first (null for a base layer), \
                 or remove the layer and import it again",
            )
        })
    }

    /// Writes the chain of a layer.
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn set_chain(&self, id: &LayerId, chain: &Chain) -> Result<()> {
        let path = self.folder(id).join(CHAIN_FILE);
        self.disk.replace_file(&path, self.chain_json(chain).as_bytes()).map_err(|e| e.layer(id))
    }

    /// Writes the chain of a layer into a folder that is not yet in its place.
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn stage_chain(&self, staging: &Path, chain: &Chain) -> Result<()> {
        self.disk.write_file(&staging.join(CHAIN_FILE), self.chain_json(chain).as_bytes())
    }

    fn chain_json(&self, chain: &Chain) -> String {
        if chain.is_empty() {
            return "null".to_owned();
        }
        let paths: Vec<_> =
            chain.layers().iter().map(|id| self.folder(id).to_string_lossy().into_owned()).collect();
        serde_json::Value::from(paths).to_string()
    }

    /// The id under which the engine knows a layer: the content of `layerId`, or the id itself.
    ///
    /// # Errors
    /// An operating system error; [`ErrorKind::Corrupt`] where the file holds no valid id.
    pub fn resolve(&self, id: &LayerId) -> Result<LayerId> {
        let folder = self.folder(id);
        for name in [ALTERNATE_ID_FILE, ALTERNATE_ID_FILE_AS_READ_BY_DOCKER] {
            let path = folder.join(name);
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    return LayerId::new(text.trim_end()).map_err(|e| {
                        Error::corrupt(format!("{} does not hold an id: {e}", path.display())).layer(id)
                    });
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("read", &path, e).layer(id)),
            }
        }
        Ok(id.clone())
    }

    /// Notes another id for a layer.
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn set_alternate_id(&self, id: &LayerId, alternate: &LayerId) -> Result<()> {
        let path = self.folder(id).join(ALTERNATE_ID_FILE);
        self.disk.replace_file(&path, alternate.as_str().as_bytes()).map_err(|e| e.layer(id))
    }

    /// The layers that have `id` in their chain.
    ///
    /// # Errors
    /// An operating system error. Layers whose chain is damaged are passed over: they cannot be used anyway.
    pub fn children(&self, id: &LayerId) -> Result<Vec<LayerId>> {
        let has_parent = |child: &LayerId| self.chain(child).is_ok_and(|chain| chain.layers().contains(id));
        Ok(self.layers()?.into_iter().filter(has_parent).collect())
    }

    /// A name for the folder of a layer that is to be removed, which nothing has yet.
    pub fn removing_folder(&self, id: &LayerId) -> Folder {
        let plain = Folder::Removing(format!("{id}{REMOVING_SUFFIX}"));
        if !self.path_of(&plain).exists() {
            return plain;
        }
        let numbered = |n: u32| Folder::Removing(format!("{id}.{n}{REMOVING_SUFFIX}"));
        (1..).map(numbered).find(|folder| !self.path_of(folder).exists()).unwrap_or(plain)
    }

    /// Takes the lock of a layer, which keeps other writers off, or says who is in the way.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if another process (or thread) has it.
    pub fn lock(&self, id: &LayerId, mode: LockMode) -> Result<FileLock> {
        /// A lock that is being given back, or that is held only to look whether it is free, is gone sooner.
        const PATIENCE: Duration = Duration::from_millis(100);
        let start = Instant::now();
        loop {
            if let Some(lock) = self.lock_if_free(id, mode)? {
                return Ok(lock);
            }
            if start.elapsed() > PATIENCE {
                return Err(Error::new(ErrorKind::Busy, "another process is working on this layer")
                    .layer(id)
                    .hint("wait for it to finish; locks of processes that died are gone by themselves"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Takes the lock of a layer if nobody has it at this moment.
    ///
    /// # Errors
    /// An operating system error that names the path.
    pub fn lock_if_free(&self, id: &LayerId, mode: LockMode) -> Result<Option<FileLock>> {
        let path = self.root.join(format!("{LOCK_PREFIX}{id}"));
        FileLock::try_take(&path, mode).map_err(|e| Error::io("lock", &path, e).layer(id))
    }
}

fn parse_chain(bytes: &[u8]) -> Result<Chain, String> {
    if !bytes.is_empty() && bytes.iter().all(|&b| b == 0) {
        return Err("it is filled with NULs, as after a power cut".to_owned());
    }
    let paths: Option<Vec<String>> = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let id_of = |path: String| {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        LayerId::new(name).map_err(|e| e.to_string())
    };
    paths.unwrap_or_default().into_iter().map(id_of).collect::<Result<_, _>>().map(Chain::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> LayerId {
        LayerId::new(text).unwrap()
    }

    fn home_with(layers: &[&str]) -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("home"), Disk::default());
        home.ensure().unwrap();
        for layer in layers {
            std::fs::create_dir(home.folder(&id(layer))).unwrap();
        }
        (dir, home)
    }

    #[test]
    fn a_chain_is_written_as_the_graph_driver_writes_it() {
        let (_dir, home) = home_with(&["top", "mid", "base"]);
        let chain = Chain::new(vec![id("mid"), id("base")]);
        home.set_chain(&id("top"), &chain).unwrap();
        home.set_chain(&id("base"), &Chain::default()).unwrap();
        let text = std::fs::read_to_string(home.folder(&id("top")).join("layerchain.json")).unwrap();
        assert_eq!(text, format!("[\"{0}/mid\",\"{0}/base\"]", home.root().display()));
        assert_eq!(std::fs::read(home.folder(&id("base")).join("layerchain.json")).unwrap(), b"null");
        assert_eq!(home.chain(&id("top")).unwrap(), chain);
        assert_eq!(home.chain(&id("mid")).unwrap(), Chain::default());
        assert_eq!(home.children(&id("base")).unwrap(), [id("top")]);
    }

    #[test]
    fn a_damaged_chain_says_how_to_rebuild_it() {
        let (_dir, home) = home_with(&["a"]);
        for bytes in [&[0u8; 40][..], b"[", b"{}", b"[\"/x/..\"]", b""] {
            std::fs::write(home.folder(&id("a")).join("layerchain.json"), bytes).unwrap();
            let error = home.chain(&id("a")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.advice().unwrap().contains("JSON array"), "{error}");
        }
    }

    #[test]
    fn paths_written_by_windows_are_understood() {
        assert_eq!(
            parse_chain(br#"["C:\\ProgramData\\docker\\windowsfilter\\abc","D:\\x\\base"]"#).unwrap(),
            Chain::new(vec![id("abc"), id("base")])
        );
    }

    #[test]
    fn both_spellings_of_the_alternate_id_are_read_and_one_is_written() {
        let (_dir, home) = home_with(&["a"]);
        assert_eq!(home.resolve(&id("a")).unwrap(), id("a"));
        std::fs::write(home.folder(&id("a")).join("layerID"), "old").unwrap();
        assert_eq!(home.resolve(&id("a")).unwrap(), id("old"));
        home.set_alternate_id(&id("a"), &id("new")).unwrap();
        assert_eq!(home.resolve(&id("a")).unwrap(), id("new"));
        assert!(home.folder(&id("a")).join("layerId").exists());
    }

    #[test]
    fn a_layer_that_is_being_worked_on_is_busy() {
        let (_dir, home) = home_with(&[]);
        let held = home.lock(&id("a"), LockMode::Exclusive).unwrap();
        assert_eq!(home.lock(&id("a"), LockMode::Shared).unwrap_err().kind(), ErrorKind::Busy);
        assert!(home.lock(&id("b"), LockMode::Exclusive).is_ok());
        drop(held);
        assert!(home.lock(&id("a"), LockMode::Shared).is_ok());
    }

    #[test]
    fn only_folders_with_valid_names_are_layers() {
        let (_dir, home) = home_with(&["b", "a"]);
        for name in ["a-removing", ".import-x", "bad name"] {
            std::fs::create_dir(home.root().join(name)).unwrap();
        }
        std::fs::write(home.root().join("file"), "").unwrap();
        assert_eq!(home.layers().unwrap(), [id("a"), id("b")]);
        assert_eq!(home.folders().unwrap().len(), 3);
        assert_eq!(home.removing_folder(&id("a")).name(), "a.1-removing");
    }
}
