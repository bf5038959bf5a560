//! Mounts a writable layer: overlayfs over the chain's image, with the layer's own directory on top.
//!
//! `index` keeps hard links together when one of them is changed, `redirect_dir` makes renaming a directory cost nothing,
//! `metacopy` keeps content where it is when only metadata change (kernel documentation, overlayfs.rst).

use std::path::Path;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen, move_mount,
};
use winlayer_core::{Error, ErrorKind, Result};

/// Mounts `upper` over the mounted `lower` at `at`. `work` must lie on the file system of `upper` and be empty.
pub(super) fn mount(lower: &Path, upper: &Path, work: &Path, at: &Path) -> Result<()> {
    let refused = |errno: Errno| {
        Error::new(ErrorKind::Unsupported, format!("overlayfs cannot mount the writable layer: {errno}"))
            .hint("the home must lie on a file system that has extended attributes and is no overlayfs, such as ext4 or XFS")
    };
    let filesystem = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(refused)?;
    fsconfig_set_string(&filesystem, "source", "winlayer").map_err(refused)?;
    // "lowerdir+" takes one path as it is; in "lowerdir" a colon would begin another.
    for (key, path) in [("lowerdir+", lower), ("upperdir", upper), ("workdir", work)] {
        fsconfig_set_string(&filesystem, key, path).map_err(refused)?;
    }
    for key in ["index", "redirect_dir", "metacopy"] {
        fsconfig_set_string(&filesystem, key, "on").map_err(refused)?;
    }
    fsconfig_create(&filesystem).map_err(refused)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let mount = fsmount(&filesystem, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(refused)?;
    move_mount(&mount, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|errno| Error::io("mount at", at, errno.into()))
}
