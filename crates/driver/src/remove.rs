//! Removal: a rename makes the layer vanish at once; what destroying leaves is finished by a later cleanup.

use winlayer_core::home::Folder;
use winlayer_core::lock::LockMode;
use winlayer_core::{Error, ErrorKind, LayerId, Result};

use crate::driver::LayerDriver;

/// What a cleanup did.
#[derive(Debug, Default)]
pub struct CleanupReport {
    /// Names of the folders that are gone.
    pub removed: Vec<String>,
    /// Names of those that could not be destroyed, and why.
    pub stuck: Vec<(String, Error)>,
}

impl LayerDriver {
    /// Removes what lies under one id, if anything does.
    pub(crate) fn remove_folder(&self, id: &LayerId) -> Result<()> {
        let Some(removing) = self.set_aside(id)? else { return Ok(()) };
        if let Err(error) = self.backend.destroy(&removing) {
            tracing::warn!(layer = %id, "{} is left for cleanup: {error}", removing.name());
        }
        Ok(())
    }

    /// Renames a layer that nobody needs out of the way. `None` if there is none.
    fn set_aside(&self, id: &LayerId) -> Result<Option<Folder>> {
        if !self.home().root().is_dir() {
            return Ok(None);
        }
        let _lock = self.home().lock(id, LockMode::Exclusive)?;
        self.mounts.with_holders(id, |holders| {
            self.check_unused(id, holders)?;
            self.backend.release(id)?;
            let removing = self.home().removing_folder(id);
            let (from, to) = (self.home().folder(id), self.home().path_of(&removing));
            let rename = || match self.home().disk().rename(&from, &to) {
                Ok(()) => Ok(Some(removing.clone())),
                Err(_) if !from.exists() => Ok(None),
                Err(error) => Err(error.layer(id)),
            };
            rename_or_detach(rename, || self.backend.detach(id))
        })
    }

    fn check_unused(&self, id: &LayerId, holders: u64) -> Result<()> {
        if holders > 0 {
            return Err(Error::new(ErrorKind::InUse, "it is mounted").layer(id).hint("unmount it first"));
        }
        let children = self.home().children(id)?;
        if children.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = children.iter().map(LayerId::as_str).collect();
        Err(Error::new(ErrorKind::InUse, format!("other layers are built on it: {}", names.join(", ")))
            .layer(id)
            .hint("remove those first"))
    }

    pub(crate) fn finish_removals(&self) -> Result<CleanupReport> {
        let mut report = CleanupReport::default();
        for folder in self.home().folders()? {
            if !matches!(folder, Folder::Removing(_)) {
                continue;
            }
            match self.backend.destroy(&folder) {
                Ok(()) => report.removed.push(folder.name().to_owned()),
                Err(error) => {
                    tracing::warn!("{} could not be removed: {error}", folder.name());
                    report.stuck.push((folder.name().to_owned(), error));
                }
            }
        }
        Ok(report)
    }
}

/// Renames; if the system refuses, as it does for a disk that a crash left attached, detaches and tries once more.
fn rename_or_detach<T>(rename: impl Fn() -> Result<T>, detach: impl FnOnce() -> Result<()>) -> Result<T> {
    match rename() {
        Err(refused) if refused.kind() == ErrorKind::PermissionDenied => {
            detach().map_err(|e| e.because(refused))?;
            rename()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    /// Renames by a list of outcomes, and notes what was done.
    fn run(outcomes: &[Result<u8, ErrorKind>], detach: Result<(), ErrorKind>) -> (Result<u8>, String) {
        let (next, log) = (Cell::new(0), RefCell::new(String::new()));
        let result = rename_or_detach(
            || {
                log.borrow_mut().push_str("rename ");
                outcomes[next.replace(next.get() + 1)].map_err(|kind| Error::new(kind, "rename failed"))
            },
            || {
                log.borrow_mut().push_str("detach ");
                detach.map_err(|kind| Error::new(kind, "detach failed"))
            },
        );
        (result, log.into_inner())
    }

    #[test]
    fn a_rename_that_is_refused_is_tried_once_more_after_detaching_the_disk() {
        let denied = Err(ErrorKind::PermissionDenied);
        let (result, log) = run(&[denied, Ok(7)], Ok(()));
        assert_eq!((result.unwrap(), log.as_str()), (7, "rename detach rename "));
        let (result, log) = run(&[denied, denied], Ok(()));
        assert_eq!(
            (result.unwrap_err().kind(), log.as_str()),
            (ErrorKind::PermissionDenied, "rename detach rename ")
        );
    }

    #[test]
    fn a_disk_that_cannot_be_detached_is_the_error_and_the_refusal_its_cause() {
        let (result, log) = run(&[Err(ErrorKind::PermissionDenied)], Err(ErrorKind::Io));
        let error = result.unwrap_err();
        assert_eq!((error.to_string().as_str(), log.as_str()), ("detach failed", "rename detach "));
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "rename failed");
    }

    #[test]
    fn other_failures_of_the_rename_are_returned_at_once() {
        let (result, log) = run(&[Err(ErrorKind::Busy)], Ok(()));
        assert_eq!((result.unwrap_err().kind(), log.as_str()), (ErrorKind::Busy, "rename "));
    }
}
