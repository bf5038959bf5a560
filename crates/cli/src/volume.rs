//! The volume that the home is on: its free space and its file system.

use std::path::Path;

/// What is known of a volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Volume {
    /// Bytes that we may still use, where the system tells.
    pub(crate) free: Option<u64>,
    /// The file system, where the system tells.
    pub(crate) file_system: Option<String>,
}

impl Volume {
    /// The volume of a path, or of the nearest directory above it that exists.
    pub(crate) fn of(path: &Path) -> Self {
        path.ancestors().find(|path| path.exists()).map(ask).unwrap_or_default()
    }
}

#[cfg(unix)]
fn ask(path: &Path) -> Volume {
    let free = rustix::fs::statvfs(path).ok().map(|volume| volume.f_bavail.saturating_mul(volume.f_frsize));
    Volume { free, file_system: file_system(path) }
}

#[cfg(not(unix))]
fn ask(_: &Path) -> Volume {
    Volume::default()
}

#[cfg(target_os = "linux")]
fn file_system(path: &Path) -> Option<String> {
    /// linux/magic.h, and the file systems' own headers for what is not in it.
    const NAMES: [(u32, &str); 14] = [
        (0xef53, "ext4"),
        (0x5846_5342, "xfs"),
        (0x9123_683e, "btrfs"),
        (0x0102_1994, "tmpfs"),
        (0x794c_7630, "overlay"),
        (0x2fc1_2fc1, "zfs"),
        (0xf2f5_2010, "f2fs"),
        (0xca45_1a4e, "bcachefs"),
        (0x6969, "nfs"),
        (0xff53_4d42, "cifs"),
        (0xfe53_4d42, "smb2"),
        (0x0102_1997, "9p"),
        (0x6573_5546, "fuse"),
        (0x4d44, "vfat"),
    ];
    let magic = rustix::fs::statfs(path).ok()?.f_type;
    // The type of the field differs between architectures; only 32 bits of it are used.
    let magic = u32::try_from(magic & 0xffff_ffff).ok()?;
    let known = NAMES.iter().find(|(number, _)| *number == magic);
    Some(known.map_or_else(|| format!("{magic:#x}"), |(_, name)| (*name).to_owned()))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn file_system(_: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_does_not_exist_yet_has_the_volume_it_would_be_on() {
        let here = Volume::of(Path::new("/"));
        assert_eq!(Volume::of(Path::new("/no/such/path")).file_system, here.file_system);
    }
}
