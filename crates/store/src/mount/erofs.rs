//! Mounts a chain image from files (Linux 6.12 and newer): `fsopen`, one `fsconfig` a device, `fsmount`.
//!
//! mount(2) takes 4 KiB of options, too little for a long chain; the newer calls take one option at a time.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, unmount as unmount_at,
};
use winlayer_core::{Error, ErrorKind, Result};

/// Whether this process may mount EROFS images at all, and whether the home lies on a file system that can back them.
pub(super) fn probe(home: &Path) -> Result<()> {
    open_filesystem()?;
    let nearest = home.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let magic = rustix::fs::statfs(nearest).map(|status| status.f_type).unwrap_or_default();
    // linux/magic.h. What has no block device or file of its own beneath cannot back a file-backed mount.
    let kind = match magic {
        0x794c_7630 => "overlayfs",
        0x0102_1994 => "tmpfs",
        _ => return Ok(()),
    };
    Err(unsupported(format!("the home lies on {kind}, which cannot back a mount from files"))
        .hint("choose a home on ext4, XFS or Btrfs, with --home or WINLAYER_HOME"))
}

fn unsupported(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, why)
}

fn open_filesystem() -> Result<OwnedFd> {
    fsopen("erofs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(|errno| match errno {
        Errno::PERM => {
            unsupported("mounting needs root (CAP_SYS_ADMIN)").hint("run as root, or use the copy strategy")
        }
        Errno::NODEV => unsupported("this kernel has no EROFS").hint("load the module: modprobe erofs"),
        Errno::NOSYS => unsupported("this kernel is older than Linux 5.2"),
        other => unsupported(format!("cannot use EROFS: {other}")),
    })
}

/// Mounts an image and its devices, read-only.
pub(super) fn mount(image: &Path, devices: &[PathBuf], at: &Path) -> Result<()> {
    let filesystem = open_filesystem()?;
    configure(&filesystem, image, devices).map_err(|errno| explain(errno, &filesystem))?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV;
    let mount = fsmount(&filesystem, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
        .map_err(|errno| explain(errno, &filesystem))?;
    move_mount(&mount, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|errno| Error::io("mount at", at, errno.into()))
}

fn configure(filesystem: &OwnedFd, image: &Path, devices: &[PathBuf]) -> rustix::io::Result<()> {
    fsconfig_set_flag(filesystem, "ro")?;
    fsconfig_set_string(filesystem, "source", image)?;
    for device in devices {
        fsconfig_set_string(filesystem, "device", device)?;
    }
    fsconfig_create(filesystem)
}

fn explain(errno: Errno, filesystem: &OwnedFd) -> Error {
    let said = messages(filesystem);
    let said = said.trim();
    match errno {
        Errno::NOTBLK => unsupported("mounting from files needs Linux 6.12 and a home on a real file system")
            .hint("choose a home on ext4, XFS or Btrfs, or use the copy strategy"),
        other if said.is_empty() => unsupported(format!("the kernel refuses the image: {other}")),
        other => unsupported(format!("the kernel refuses the image: {other}: {said}")),
    }
}

/// What the kernel says about the failure.
fn messages(filesystem: &OwnedFd) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(len @ 1..) = rustix::io::read(filesystem, &mut buffer) {
        text.extend_from_slice(&buffer[..len]);
        text.push(b' ');
    }
    String::from_utf8_lossy(&text).replace('\n', " ")
}

/// Unmounts.
pub(super) fn unmount(at: &Path) -> Result<()> {
    match unmount_at(at, UnmountFlags::NOFOLLOW) {
        // Not mounted (any more).
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => {}
        Err(Errno::BUSY) => {
            return Err(Error::new(ErrorKind::InUse, format!("programs still use {}", at.display()))
                .hint(format!("'fuser -vm {}' shows them", at.display())));
        }
        Err(errno) => return Err(Error::io("unmount", at, errno.into())),
    }
    let _ = std::fs::remove_dir(at);
    Ok(())
}
