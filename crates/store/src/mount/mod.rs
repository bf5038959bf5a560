//! Mounts: a layer and its chain as a directory of this machine, counted across processes.
//!
//! ```text
//! HOME/.mounts/<id>        where it is mounted, unless the caller chose another place
//! HOME/.mounts/<id>.lower~ the chain below a writable layer
//! HOME/.mounts/<id>.json~  who holds it: how many, by which strategy, since which boot, where
//! HOME/.mounts/<id>.lock~  exists while a mount is made, counted or undone (no id ends in a tilde)
//! ```
//!
//! A count belongs to nobody's process: `mount` and `unmount` may come from different ones, and any of them may die in
//! between. What a reboot or a crash leaves behind is found by comparing the state with the kernel's list of mounts: a
//! count whose mount is gone counts for nothing.

mod copy;
#[cfg(target_os = "linux")]
mod erofs;
#[cfg(target_os = "linux")]
mod overlay;
mod state;
mod table;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use winlayer_core::lock::LockMode;
use winlayer_core::{Error, ErrorKind, LayerId, Result};

use crate::Store;
use crate::view::ChainView;
use state::State;
pub(crate) use state::StateLock;

/// How a layer is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The kernel mounts a chain image with the layers' tars as its devices. Needs root and Linux 6.12; takes
    /// milliseconds whatever the layer holds.
    Erofs,
    /// The files are copied out. Works for every user on every system; takes time and space like any copy.
    Copy,
}

impl Strategy {
    /// All strategies, the best first.
    pub const ALL: [Self; 2] = [Self::Erofs, Self::Copy];
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Erofs => "erofs",
            Self::Copy => "copy",
        })
    }
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.to_string() == text).ok_or_else(|| {
            Error::invalid(format!("there is no mount strategy {text:?}"))
                .hint("the strategies are erofs and copy")
        })
    }
}

/// How a caller wants a layer mounted.
#[derive(Debug, Clone, Default)]
pub struct MountRequest {
    /// An empty directory to mount it at, which must be absolute; by default a place under the home.
    pub at: Option<PathBuf>,
    /// The strategy; by default the best that works here.
    pub strategy: Option<Strategy>,
}

/// A mounted layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// The layer.
    pub id: LayerId,
    /// Where it can be reached: what a container sees as `C:\`.
    pub path: PathBuf,
    /// How it is mounted.
    pub strategy: Strategy,
    /// How many holders there are.
    pub holders: u32,
}

/// What [`Store::unmount`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmounted {
    /// It was not mounted; nothing was done.
    WasNot,
    /// This many holders are left.
    StillHeld(u32),
    /// That was the last holder; the mount is gone.
    Gone,
}

impl Store {
    /// Mounts a layer with its chain; or, if it is mounted already, counts one more holder. What is done in the mount of a
    /// writable layer is kept in the layer; any other mount is read-only (a copy is merely not kept).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::InvalidInput`] if it is mounted elsewhere or otherwise than asked for;
    /// [`ErrorKind::Unsupported`] or the system's if the strategy does not work here.
    pub fn mount(&self, id: &LayerId, request: &MountRequest) -> Result<Mounted> {
        self.check_exists(id)?;
        // Nobody removes or resizes the layer while it is being mounted; afterwards the state speaks for itself.
        let _kept = self.home().lock(id, LockMode::Shared)?;
        let view = self.stored_view(id)?;
        if !self.has_content(id) && !self.is_writable(id) {
            return Err(Error::invalid("the layer has no content to mount").layer(id));
        }
        let lock = StateLock::take(self.home(), id)?;
        if let Some(mut state) = lock.live_state()? {
            check_same(&state, request).map_err(|e| e.layer(id))?;
            state.holders += 1;
            lock.write(&state)?;
            return Ok(state.mounted(id));
        }
        let at = request.at.clone().unwrap_or_else(|| lock.default_place());
        let strategy = self
            .mount_first_working(id, &view, request, &lock.places(&at))
            .map_err(|e| e.stage("mount").layer(id))?;
        let state = State::new(strategy, at);
        if let Err(error) = lock.write(&state) {
            let _ = lock.places(&state.path).tear_down(strategy);
            return Err(error);
        }
        Ok(state.mounted(id))
    }

    /// Counts one holder less; the last one unmounts.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`] if programs still use the mount; the count is then as before.
    pub fn unmount(&self, id: &LayerId) -> Result<Unmounted> {
        if !StateLock::exists(self.home(), id) {
            return Ok(Unmounted::WasNot);
        }
        let lock = StateLock::take(self.home(), id)?;
        let Some(mut state) = lock.live_state()? else {
            lock.clear()?;
            return Ok(Unmounted::WasNot);
        };
        if state.holders > 1 {
            state.holders -= 1;
            lock.write(&state)?;
            return Ok(Unmounted::StillHeld(state.holders));
        }
        lock.places(&state.path).tear_down(state.strategy).map_err(|e| e.layer(id).stage("unmount"))?;
        lock.clear()?;
        Ok(Unmounted::Gone)
    }

    /// The mount of a layer, if there is one.
    ///
    /// # Errors
    /// An operating system error.
    pub fn mounted(&self, id: &LayerId) -> Result<Option<Mounted>> {
        // A writable layer's disk may have been left mounted without a state, by a diff that was killed.
        if !StateLock::exists(self.home(), id) && !self.is_writable(id) {
            return Ok(None);
        }
        Ok(StateLock::take(self.home(), id)?.live_state()?.map(|state| state.mounted(id)))
    }

    /// Keeps a layer mounted, or unmounted, as it is now until the lock is dropped.
    pub(crate) fn hold_mounts(&self, id: &LayerId) -> Result<StateLock> {
        StateLock::take(self.home(), id)
    }

    /// Which strategies work here, best first, and why not where they do not.
    pub fn strategies(&self) -> Vec<(Strategy, Result<()>)> {
        Strategy::ALL.map(|strategy| (strategy, self.probe(strategy))).into()
    }

    fn probe(&self, strategy: Strategy) -> Result<()> {
        match strategy {
            Strategy::Copy => Ok(()),
            #[cfg(target_os = "linux")]
            Strategy::Erofs => erofs::probe(self.home().root()),
            #[cfg(not(target_os = "linux"))]
            Strategy::Erofs => Err(Error::new(ErrorKind::Unsupported, "EROFS is a file system of Linux")),
        }
    }

    fn mount_first_working(
        &self,
        id: &LayerId,
        view: &ChainView,
        request: &MountRequest,
        places: &Places,
    ) -> Result<Strategy> {
        prepare_place(&places.at)?;
        let strategies = request.strategy.map_or(Strategy::ALL.to_vec(), |strategy| vec![strategy]);
        let mut first_error = None;
        for strategy in strategies {
            match self.mount_by(strategy, id, view, places) {
                Ok(()) => return Ok(strategy),
                // What another strategy cannot do better either.
                Err(error) if error.kind() == ErrorKind::NoSpace => return Err(error),
                Err(error) => {
                    tracing::debug!("{strategy}: {error}");
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| Error::new(ErrorKind::Unsupported, "no way to mount")))
    }

    fn mount_by(&self, strategy: Strategy, id: &LayerId, view: &ChainView, places: &Places) -> Result<()> {
        match strategy {
            #[cfg(target_os = "linux")]
            Strategy::Erofs => {
                erofs::probe(self.home().root())?;
                let mounted = self.mount_image(id, view, places);
                if mounted.is_err() {
                    let _ = places.tear_down(strategy);
                    prepare_place(&places.at)?;
                }
                mounted
            }
            #[cfg(not(target_os = "linux"))]
            Strategy::Erofs => self.probe(strategy),
            Strategy::Copy if self.is_writable(id) => Err(Error::new(
                ErrorKind::Unsupported,
                "a writable layer can only be mounted by erofs, as root",
            )
            .hint("run as root on Linux 6.12 or newer")),
            Strategy::Copy => copy::populate(view, &places.at),
        }
    }

    #[cfg(target_os = "linux")]
    fn mount_image(&self, id: &LayerId, view: &ChainView, places: &Places) -> Result<()> {
        let image = self.chain_image(view)?;
        let devices: Vec<PathBuf> = view.layers().iter().map(|id| self.tar_path(id)).collect();
        if !self.is_writable(id) {
            return erofs::mount(&image, &devices, &places.at);
        }
        std::fs::create_dir_all(&places.lower).map_err(|e| Error::io("create", &places.lower, e))?;
        erofs::mount(&image, &devices, &places.lower)?;
        let scratch = self.scratch_folder(id);
        let (upper, work) = scratch.open()?;
        overlay::mount(&places.lower, &upper, &work, &places.at)
    }
}

/// Where the parts of a layer's mount are.
struct Places {
    /// What the caller sees.
    at: PathBuf,
    /// The chain below a writable layer.
    lower: PathBuf,
    /// The file system in which a writable layer with a size limit is kept.
    disk: PathBuf,
}

impl Places {
    /// Undoes a mount, or what there is of one.
    fn tear_down(&self, strategy: Strategy) -> Result<()> {
        match strategy {
            #[cfg(target_os = "linux")]
            Strategy::Erofs => {
                [&self.at, &self.lower, &self.disk].into_iter().try_for_each(|place| erofs::unmount(place))
            }
            #[cfg(not(target_os = "linux"))]
            Strategy::Erofs => Ok(()),
            Strategy::Copy => copy::remove(&self.at),
        }
    }
}

/// An empty directory, made if it is missing.
fn prepare_place(at: &Path) -> Result<()> {
    if !at.is_absolute() {
        return Err(Error::invalid(format!("the place to mount at, {}, is not absolute", at.display())));
    }
    std::fs::create_dir_all(at).map_err(|e| Error::io("create", at, e))?;
    let mut entries = std::fs::read_dir(at).map_err(|e| Error::io("read", at, e))?;
    if entries.next().is_some() {
        return Err(
            Error::invalid(format!("{} is not empty", at.display())).hint("choose an empty directory")
        );
    }
    Ok(())
}

fn check_same(state: &State, request: &MountRequest) -> Result<()> {
    if request.at.as_ref().is_some_and(|at| *at != state.path) {
        return Err(Error::invalid(format!("it is mounted already, at {}", state.path.display()))
            .hint("leave out --at to share that mount"));
    }
    if request.strategy.is_some_and(|strategy| strategy != state.strategy) {
        return Err(Error::invalid(format!("it is mounted already, by {}", state.strategy)));
    }
    Ok(())
}
