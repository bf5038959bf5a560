//! A double of an engine: layers are plain folders, every call is noted with its arguments, and any call can be told to
//! fail.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use tempfile::TempDir;
use winlayer_core::backend::LayerTar;
use winlayer_core::durable::Disk;
use winlayer_core::home::Folder;
use winlayer_core::{
    BaseImage, Chain, Change, ChangeKind, Control, Error, ErrorKind, Home, Imported, LayerBackend, LayerId,
    LayerPath, Result,
};
use winlayer_driver::{DriverKind, GraphDriver, Settings, open};

use crate::plain_tar;

const CONTENT: &str = "content.tar";

/// Which calls fail. Calls are counted from 1, beginning when this is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Failing {
    #[default]
    None,
    Nth(usize),
    From(usize),
}

/// What the double does besides what it should.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Quirk {
    #[default]
    None,
    /// Layers have no mount path.
    NoMountPath,
    /// Layers cannot be prepared.
    CannotMount,
    /// A layer that is made has a folder where its chain should be written.
    ChainInTheWay,
    /// While a layer is made, somebody removes its parent without asking for a lock.
    LosesParent(PathBuf),
    /// Reading an exported tar fails at its end.
    TornExport,
    /// This folder cannot be destroyed.
    Stuck(&'static str),
    /// The system brings these.
    BaseImages(Vec<BaseImage>),
}

#[derive(Default)]
struct State {
    calls: Vec<String>,
    failing: Failing,
    /// How many calls there were since `failing` was set.
    counted: usize,
    quirk: Quirk,
    /// How often each layer is active and prepared.
    standing: BTreeMap<String, (i32, i32)>,
}

pub(crate) struct Double {
    home: Home,
    state: Mutex<State>,
}

impl Double {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { home: Home::new(root, Disk::default()), state: Mutex::default() }
    }

    pub(crate) fn fail(&self, failing: Failing) {
        let mut state = self.state();
        state.failing = failing;
        state.counted = 0;
    }

    pub(crate) fn behave(&self, quirk: Quirk) {
        self.state().quirk = quirk;
    }

    /// All calls since this was last asked for, with `!` behind those that were told to fail.
    pub(crate) fn take_calls(&self) -> String {
        std::mem::take(&mut self.state().calls).join(" ")
    }

    /// The layers that are not as they were at first, each as `id:active+prepared` with how often it is either.
    pub(crate) fn standing(&self) -> String {
        let state = self.state();
        let left = state.standing.iter().filter(|(_, counts)| **counts != (0, 0));
        left.map(|(id, (active, prepared))| format!("{id}:{active}+{prepared}")).collect::<Vec<_>>().join(" ")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn quirk(&self) -> Quirk {
        self.state().quirk.clone()
    }

    fn call(&self, call: String) -> Result<()> {
        let mut state = self.state();
        state.counted += 1;
        let fails = match state.failing {
            Failing::None => false,
            Failing::Nth(n) => state.counted == n,
            Failing::From(n) => state.counted >= n,
        };
        let error = Error::new(ErrorKind::Io, format!("the double fails {call}"));
        state.calls.push(if fails { format!("{call}!") } else { call });
        if fails { Err(error) } else { Ok(()) }
    }

    fn stand(&self, id: &LayerId, change: impl FnOnce(&mut (i32, i32))) {
        change(self.state().standing.entry(id.to_string()).or_default());
    }

    fn make_folder(&self, id: &LayerId) -> Result<()> {
        let folder = self.home.folder(id);
        self.home.disk().create_dir(&folder)?;
        match self.quirk() {
            Quirk::ChainInTheWay => std::fs::create_dir_all(folder.join("layerchain.json/full")).unwrap(),
            Quirk::LosesParent(parent) => std::fs::remove_dir_all(parent).unwrap(),
            _ => {}
        }
        Ok(())
    }

    fn content(&self, id: &LayerId) -> Result<Vec<plain_tar::Entry>> {
        let path = self.home.folder(id).join(CONTENT);
        let tar = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        Ok(plain_tar::read(&tar).unwrap())
    }
}

fn list(chain: &Chain) -> String {
    let names: Vec<_> = chain.layers().iter().map(LayerId::as_str).collect();
    format!("[{}]", names.join(" "))
}

impl LayerBackend for Double {
    fn name(&self) -> &'static str {
        "double"
    }

    fn home(&self) -> &Home {
        &self.home
    }

    fn create(&self, id: &LayerId, parent: Option<&LayerId>) -> Result<()> {
        self.call(format!("create({id}, {})", parent.map_or("-", LayerId::as_str)))?;
        self.make_folder(id)
    }

    fn create_scratch(&self, id: &LayerId, chain: &Chain) -> Result<()> {
        self.call(format!("create_scratch({id}, {})", list(chain)))?;
        self.make_folder(id)
    }

    fn expand_scratch(&self, id: &LayerId, bytes: u64) -> Result<()> {
        self.call(format!("expand_scratch({id}, {bytes})"))
    }

    fn activate(&self, id: &LayerId) -> Result<()> {
        self.call(format!("activate({id})"))?;
        self.stand(id, |(active, _)| *active += 1);
        Ok(())
    }

    fn deactivate(&self, id: &LayerId) -> Result<()> {
        self.call(format!("deactivate({id})"))?;
        self.stand(id, |(active, _)| *active -= 1);
        Ok(())
    }

    fn prepare(&self, id: &LayerId, chain: &Chain) -> Result<()> {
        self.call(format!("prepare({id}, {})", list(chain)))?;
        if self.quirk() == Quirk::CannotMount {
            return Err(Error::new(ErrorKind::Unsupported, "the double cannot mount"));
        }
        self.stand(id, |(_, prepared)| *prepared += 1);
        Ok(())
    }

    fn unprepare(&self, id: &LayerId) -> Result<()> {
        self.call(format!("unprepare({id})"))?;
        self.stand(id, |(_, prepared)| *prepared = 0.max(*prepared - 1));
        Ok(())
    }

    fn mount_path(&self, id: &LayerId) -> Result<Option<PathBuf>> {
        self.call(format!("mount_path({id})"))?;
        Ok((self.quirk() != Quirk::NoMountPath).then(|| PathBuf::from(format!("/mnt/{id}"))))
    }

    fn has_files(&self, id: &LayerId) -> Result<bool> {
        self.call(format!("has_files({id})"))?;
        Ok(self.home.folder(id).join(CONTENT).exists())
    }

    fn exists(&self, id: &LayerId) -> Result<bool> {
        self.call(format!("exists({id})"))?;
        Ok(self.home.folder(id).is_dir())
    }

    fn destroy(&self, folder: &Folder) -> Result<()> {
        self.call(format!("destroy({})", folder.name()))?;
        if self.quirk() == Quirk::Stuck("")
            || matches!(self.quirk(), Quirk::Stuck(name) if name == folder.name())
        {
            return Err(Error::new(ErrorKind::Busy, "a file in it is open"));
        }
        self.home.disk().remove_tree(&self.home.path_of(folder))
    }

    fn release(&self, id: &LayerId) -> Result<()> {
        self.call(format!("release({id})"))
    }

    fn detach(&self, id: &LayerId) -> Result<()> {
        self.call(format!("detach({id})"))
    }

    fn import(
        &self,
        id: &LayerId,
        chain: &Chain,
        tar: &mut (dyn Read + Send),
        _: Control<'_>,
    ) -> Result<Imported> {
        self.call(format!("import({id}, {})", list(chain)))?;
        let path = self.home.folder(id).join(CONTENT);
        if path.exists() {
            return Err(Error::new(ErrorKind::AlreadyExists, "the layer has content already"));
        }
        let mut bytes = Vec::new();
        tar.read_to_end(&mut bytes).map_err(|e| Error::io_stream("read the tar", e))?;
        let entries = plain_tar::read(&bytes).ok_or_else(|| Error::invalid("the tar is cut off"))?;
        self.home.disk().write_file(&path, &bytes)?;
        let sizes = entries.iter().map(|entry| entry.content.as_ref().map_or(0, Vec::len) as u64);
        Ok(Imported {
            diff_id: None,
            blob: None,
            entries: entries.len() as u64,
            file_bytes: sizes.sum(),
            tar_bytes: bytes.len() as u64,
        })
    }

    fn export(&self, id: &LayerId, chain: &Chain) -> Result<LayerTar> {
        self.call(format!("export({id}, {})", list(chain)))?;
        let path = self.home.folder(id).join(CONTENT);
        let tar = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        match self.quirk() {
            Quirk::TornExport => Ok(LayerTar::Stream(Box::new(Cursor::new(tar).chain(Torn)))),
            _ => Ok(LayerTar::Stream(Box::new(Cursor::new(tar)))),
        }
    }

    fn changes(&self, id: &LayerId, chain: &Chain) -> Result<Vec<Change>> {
        self.call(format!("changes({id}, {})", list(chain)))?;
        let mut below = Vec::new();
        for parent in chain.layers() {
            below.extend(self.content(parent)?.into_iter().map(|entry| entry.name));
        }
        let change = |entry: plain_tar::Entry| {
            let (path, kind) = match entry.name.rsplit_once("/.wh.") {
                Some((folder, gone)) => (format!("{folder}/{gone}"), ChangeKind::Delete),
                None if below.contains(&entry.name) => (entry.name, ChangeKind::Modify),
                None => (entry.name, ChangeKind::Add),
            };
            let size = entry.content.map_or(0, |content| content.len() as u64);
            Change { path: LayerPath::from_tar(path.as_bytes()).unwrap(), kind, size }
        };
        Ok(self.content(id)?.into_iter().map(change).collect())
    }

    fn open_file(&self, id: &LayerId, path: &LayerPath) -> Result<Box<dyn Read + Send>> {
        self.call(format!("open_file({id}, {path})"))?;
        let named = |entry: &plain_tar::Entry| entry.name.as_bytes() == path.as_bytes();
        match self.content(id)?.into_iter().find(named).and_then(|entry| entry.content) {
            Some(content) => Ok(Box::new(Cursor::new(content))),
            None => Err(Error::new(ErrorKind::NotFound, "no such file").layer(id)),
        }
    }

    fn base_images(&self) -> Result<Vec<BaseImage>> {
        self.call("base_images()".to_owned())?;
        match self.quirk() {
            Quirk::BaseImages(images) => Ok(images),
            _ => Ok(Vec::new()),
        }
    }

    fn status(&self) -> Vec<(String, String)> {
        vec![("Backend".to_owned(), "double".to_owned())]
    }
}

struct Torn;

impl Read for Torn {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the layer went away"))
    }
}

/// A driver over a double, and the double to look into.
pub(crate) struct Fixture {
    _dir: TempDir,
    pub(crate) double: Arc<Double>,
    pub(crate) driver: Box<dyn GraphDriver>,
}

impl Fixture {
    /// Three layers: `base` and `mid` on it have content, `init` on both has none.
    pub(crate) fn new(settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let double = Arc::new(Double::new(dir.path().join("home")));
        let driver = open(DriverKind::WindowsFilter, settings, |_| Ok(double.clone())).unwrap();
        let fixture = Self { _dir: dir, double, driver };
        fixture.import("base", None);
        fixture.import("mid", Some("base"));
        fixture
            .driver
            .create(&id("init"), Some(&id("mid")), &winlayer_driver::StorageOptions::default())
            .unwrap();
        fixture.double.take_calls();
        fixture
    }

    fn import(&self, name: &str, parent: Option<&str>) {
        let tar = plain_tar::write(&[plain_tar::directory("Files"), plain_tar::file("Files/a.txt", name)]);
        let parent = parent.map(id);
        self.driver.import(&id(name), parent.as_ref(), &mut &tar[..], Control::none()).unwrap();
    }

    /// What lies in the home: folders, locks, anything.
    pub(crate) fn home_names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.double.home().root()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn id(name: &str) -> LayerId {
    LayerId::new(name).unwrap()
}
