//! A small volume in memory, for what only a mount can show: a full disk, a read-only home. Needs root.

use std::path::Path;
use std::process::Command;

/// A tmpfs that is unmounted with this value.
pub(crate) struct Volume(tempfile::TempDir);

impl Volume {
    /// A volume of this many bytes; `None`, and a loud word, where mounting is not allowed.
    pub(crate) fn new(test: &str, bytes: u64) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={bytes}");
        if !mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], dir.path()) {
            eprintln!("SKIPPED {test}: only root can mount a tmpfs");
            return None;
        }
        Some(Self(dir))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Nothing can be written from here on.
    pub(crate) fn make_read_only(&self) {
        assert!(mount(&["-o", "remount,ro"], self.path()));
    }

    pub(crate) fn make_writable(&self) {
        assert!(mount(&["-o", "remount,rw"], self.path()));
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let output = Command::new("mount").args(arguments).arg(at).output();
    output.is_ok_and(|output| output.status.success())
}
