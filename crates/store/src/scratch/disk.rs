//! The disk of a writable layer with a size limit: a sparse file with an ext4 file system in it, so that a container that
//! fills its layer gets "no space left" and nothing else does.

use std::path::Path;
use std::process::Command;

use winlayer_core::durable::Disk;
use winlayer_core::{Error, ErrorKind, Result};

/// Makes a file system of this size. Inodes are large, so that Windows metadata lie in them.
pub(super) fn create(disk: &Disk, image: &Path, bytes: u64) -> Result<()> {
    let failed = |e| Error::io("create", image, e);
    let temporary = image.with_extension("tmp");
    let file = std::fs::File::create(&temporary).map_err(failed)?;
    file.set_len(bytes).map_err(failed)?;
    drop(file);
    let made = run(
        "e2fsprogs",
        Command::new("mkfs.ext4").args(["-q", "-F", "-I", "1024", "-m", "0"]).arg(&temporary),
    );
    // Once it has its name it is used: it must not come out of a power cut with half a file system in it.
    let synced =
        made.and_then(|()| std::fs::File::open(&temporary).and_then(|file| file.sync_all()).map_err(failed));
    let placed = synced.and_then(|()| disk.rename(&temporary, image));
    if placed.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    placed
}

/// Makes the file system larger. It must not be mounted.
pub(super) fn grow(image: &Path, bytes: u64) -> Result<()> {
    let failed = |e| Error::io("grow", image, e);
    let file = std::fs::File::options().write(true).open(image).map_err(failed)?;
    file.set_len(bytes).map_err(failed)?;
    run_tolerating("e2fsprogs", Command::new("e2fsck").args(["-f", "-p"]).arg(image), REPAIRED)?;
    run("e2fsprogs", Command::new("resize2fs").arg(image))
}

/// Mounts it.
pub(super) fn mount(image: &Path, at: &Path) -> Result<()> {
    std::fs::create_dir_all(at).map_err(|e| Error::io("create", at, e))?;
    let options = "loop,nosuid,nodev";
    run("mount", Command::new("mount").args(["-t", "ext4", "-o", options]).arg(image).arg(at))
}

/// Undoes [`mount`].
pub(super) fn unmount(at: &Path) -> Result<()> {
    run("mount", Command::new("umount").arg(at))
}

/// What e2fsck gives when it found something and put it right.
const REPAIRED: i32 = 1;

fn run(package: &str, command: &mut Command) -> Result<()> {
    run_tolerating(package, command, 0)
}

fn run_tolerating(package: &str, command: &mut Command, fine: i32) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| {
        Error::new(
            ErrorKind::Unsupported,
            format!("a size limit needs the program {program}, which does not start: {e}"),
        )
        .hint(format!("install the package {package}, or create the layer without a size"))
    })?;
    if output.status.success() || output.status.code() == Some(fine) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(Error::new(ErrorKind::Io, format!("{program} failed: {said}")).hint("a size limit needs root"))
}
