//! Who has which layer mounted: the first get mounts, the last put unmounts, and a layer's turns do not overlap.
//!
//! The counts live in this process. Everything that needs them goes through [`Mounts`], so that counts which live beside the
//! layers, and outlast a process, can take its place.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use winlayer_core::{LayerId, Result};

/// How a layer stands, as far as this driver knows.
#[derive(Debug, Default)]
enum State {
    #[default]
    Unmounted,
    Mounted {
        /// How many gets there were without a put; at least 1.
        holders: u64,
        path: PathBuf,
    },
    /// The last put failed half-way; the next one tries again.
    PutFailed,
}

/// The mount counts of all layers, by the engine's ids.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    states: Mutex<HashMap<LayerId, Arc<Mutex<State>>>>,
}

impl Mounts {
    /// Counts one more holder. The first calls `mount`; if that fails it does not count. The others get its path.
    pub(crate) fn enter(&self, id: &LayerId, mount: impl FnOnce() -> Result<PathBuf>) -> Result<PathBuf> {
        self.with_state(id, |state| {
            if let State::Mounted { holders, path } = state {
                *holders += 1;
                return Ok(path.clone());
            }
            let path = mount()?;
            *state = State::Mounted { holders: 1, path: path.clone() };
            Ok(path)
        })
    }

    /// Counts one holder less. The last calls `unmount`; if that fails, the next leave tries again. With no holder it does
    /// nothing.
    pub(crate) fn leave(&self, id: &LayerId, unmount: impl FnOnce() -> Result<()>) -> Result<()> {
        self.with_state(id, |state| match state {
            State::Unmounted => Ok(()),
            State::Mounted { holders, .. } if *holders > 1 => {
                *holders -= 1;
                Ok(())
            }
            State::Mounted { .. } | State::PutFailed => {
                *state = State::PutFailed;
                unmount()?;
                *state = State::Unmounted;
                Ok(())
            }
        })
    }

    /// Does something that depends on how many hold the layer, while nobody enters or leaves.
    pub(crate) fn with_holders<T>(&self, id: &LayerId, work: impl FnOnce(u64) -> T) -> T {
        self.with_state(id, |state| match state {
            State::Mounted { holders, .. } => work(*holders),
            State::Unmounted | State::PutFailed => work(0),
        })
    }

    fn with_state<T>(&self, id: &LayerId, work: impl FnOnce(&mut State) -> T) -> T {
        let cell = self.states().entry(id.clone()).or_default().clone();
        // The lock of one layer is held while it is mounted; the lock of the map never is.
        let result = work(&mut lock(&cell));
        let mut states = self.states();
        drop(cell);
        // Only the map has it, and nobody can ask the map: what the state says now is the last word.
        let is_forgettable = |cell: &Arc<Mutex<State>>| {
            Arc::strong_count(cell) == 1 && matches!(*lock(cell), State::Unmounted)
        };
        if states.get(id).is_some_and(is_forgettable) {
            states.remove(id);
        }
        result
    }

    fn states(&self) -> MutexGuard<'_, HashMap<LayerId, Arc<Mutex<State>>>> {
        lock(&self.states)
    }
}

/// A panic elsewhere leaves no state half-written: each is written in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use winlayer_core::Error;

    fn id() -> LayerId {
        LayerId::new("a").unwrap()
    }

    #[test]
    fn counts_of_layers_that_nobody_holds_are_forgotten() {
        let mounts = Mounts::default();
        mounts.enter(&id(), || Ok("/m".into())).unwrap();
        mounts.leave(&id(), || Ok(())).unwrap();
        mounts.leave(&id(), || Err(Error::invalid("not called"))).unwrap();
        mounts.enter(&id(), || Err(Error::invalid("no"))).unwrap_err();
        assert!(mounts.states().is_empty());
    }

    #[test]
    fn many_gets_at_once_mount_once_and_all_get_the_path() {
        let mounts = Mounts::default();
        let (mounted, unmounted) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let path = mounts.enter(&id(), || {
                        std::thread::sleep(std::time::Duration::from_millis(5));
                        mounted.fetch_add(1, Ordering::SeqCst);
                        Ok("/m".into())
                    });
                    assert_eq!(path.unwrap(), PathBuf::from("/m"));
                });
            }
        });
        assert_eq!(mounted.load(Ordering::SeqCst), 1);
        assert_eq!(mounts.with_holders(&id(), |holders| holders), 8);
        for _ in 0..9 {
            let unmount = || {
                unmounted.fetch_add(1, Ordering::SeqCst);
                Ok(())
            };
            mounts.leave(&id(), unmount).unwrap();
        }
        assert_eq!(unmounted.load(Ordering::SeqCst), 1);
    }
}
