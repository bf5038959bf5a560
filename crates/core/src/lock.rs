//! Advisory file locks that leave no files behind.
//!
//! A lock is an empty file that exists while somebody holds it. The kernel drops the lock when its holder dies; the file
//! then stays until the next holder takes it away.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// How a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// By one holder alone.
    Exclusive,
    /// Together with others that share it.
    Shared,
}

/// A lock, held until dropped.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Takes a lock if nobody is in the way; `None` if somebody is.
    ///
    /// # Errors
    /// The operating system's.
    pub fn try_take(path: &Path, mode: LockMode) -> io::Result<Option<Self>> {
        Self::take(path, |file| match mode {
            LockMode::Exclusive => file.try_lock(),
            LockMode::Shared => file.try_lock_shared(),
        })
    }

    /// Takes an exclusive lock, however long that takes.
    ///
    /// # Errors
    /// The operating system's.
    pub fn wait_for(path: &Path) -> io::Result<Self> {
        match Self::take(path, |file| file.lock().map_err(TryLockError::Error))? {
            Some(lock) => Ok(lock),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn take(path: &Path, lock: impl Fn(&File) -> Result<(), TryLockError>) -> io::Result<Option<Self>> {
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            match lock(&file) {
                Ok(()) if is_still_at(&file, path) => return Ok(Some(Self { file, path: path.to_owned() })),
                // Its last holder removed it between our open and our lock.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // The last holder takes the file away. Only an exclusive lock proves that there is no other; whoever opened the
        // file before it went notices in `take`.
        let _ = self.file.unlock();
        if self.file.try_lock().is_ok() && is_still_at(&self.file, &self.path) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether the open file is (still) the one with this name.
#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// On Windows the name of a removed file stays taken until the last handle to it is closed, so a file that can be
/// locked is the one with the name.
#[cfg(not(unix))]
fn is_still_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_or_several_that_share_and_no_trace_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let try_take = |mode| FileLock::try_take(&path, mode).unwrap();
        let held = try_take(LockMode::Exclusive).unwrap();
        assert!(try_take(LockMode::Shared).is_none());
        drop(held);
        let first = try_take(LockMode::Shared).unwrap();
        let second = try_take(LockMode::Shared).unwrap();
        drop(first);
        assert!(try_take(LockMode::Exclusive).is_none());
        drop(second);
        drop(try_take(LockMode::Exclusive).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn waiting_for_a_lock_gives_it_to_one_after_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _lock = FileLock::wait_for(&path).unwrap();
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(!path.exists());
    }
}
