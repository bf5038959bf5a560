//! The home itself: is it there, ours, on a volume that can hold layers?

use std::path::Path;

use winlayer_core::Home;

use super::Finding;
use crate::text::size;
use crate::volume::Volume;

/// Below this, an import of a Windows base layer will most likely fail.
const LITTLE_SPACE: u64 = 2 << 30;

/// File systems that other machines write to as well: file locks and mapped files are not what they are on a local one.
const SHARED: [&str; 5] = ["nfs", "cifs", "smb2", "9p", "fuse"];

/// Looks at the home and its volume.
pub(super) fn check(home: &Home) -> Vec<Finding> {
    let root = home.root();
    let shown = root.display();
    let mut findings = match std::fs::metadata(root) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            vec![Finding::good("home", format!("home {shown} does not exist yet; the first layer makes it"))]
        }
        Err(e) => vec![Finding::problem("home", format!("home {shown} cannot be used: {e}"), CHOOSE_ANOTHER)],
        Ok(found) if !found.is_dir() => {
            vec![Finding::problem("home", format!("home {shown} is not a directory"), CHOOSE_ANOTHER)]
        }
        Ok(found) => vec![permissions(root, &found)],
    };
    findings.extend(volume(root));
    findings
}

const CHOOSE_ANOTHER: &str = "choose another home with --home or WINLAYER_HOME";

#[cfg(unix)]
fn permissions(root: &Path, found: &std::fs::Metadata) -> Finding {
    use std::os::unix::fs::MetadataExt;
    let (shown, mode) = (root.display(), found.mode() & 0o7777);
    if rustix::fs::access(root, rustix::fs::Access::READ_OK | rustix::fs::Access::EXEC_OK).is_err() {
        let advice = format!("become its owner, or: chmod u+rx {shown}");
        return Finding::problem("permissions", format!("home {shown} cannot be read"), advice);
    }
    if mode & 0o022 != 0 {
        let advice = format!("chmod go-w {shown}");
        let found = format!("others may write to home {shown} (mode {mode:o}) and so change layers");
        return Finding::problem("permissions", found, advice);
    }
    if rustix::fs::access(root, rustix::fs::Access::WRITE_OK).is_err() {
        let found = format!(
            "home {shown} is read-only for this user: looking and exporting work, importing does not"
        );
        return Finding::warning("permissions", found, "run as its owner to change it");
    }
    Finding::good("permissions", format!("home {shown} can be read and written (mode {mode:o})"))
}

#[cfg(not(unix))]
fn permissions(root: &Path, found: &std::fs::Metadata) -> Finding {
    if found.permissions().readonly() {
        return Finding::problem(
            "permissions",
            format!("home {} is read-only", root.display()),
            CHOOSE_ANOTHER,
        );
    }
    Finding::good("permissions", format!("home {} can be read and written", root.display()))
}

fn volume(root: &Path) -> Vec<Finding> {
    let volume = Volume::of(root);
    let file_system = volume.file_system.map(|name| match name.as_str() {
        shared if SHARED.contains(&shared) => Finding::warning(
            "fileSystem",
            format!("the file system is {shared}, which other machines may write to"),
            "keep one home to one machine, or use a local volume",
        ),
        "tmpfs" => Finding::warning(
            "fileSystem",
            "the file system is tmpfs: layers are gone with the next boot",
            "use a volume that lasts, unless this is what you want",
        ),
        local => Finding::good("fileSystem", format!("the file system is {local}")),
    });
    let space = volume.free.map(|free| match free {
        0..LITTLE_SPACE => {
            let found = format!("only {} are free; a Windows base layer may take more", size(free));
            Finding::warning("freeSpace", found, "free some space, or choose another home with --home")
        }
        _ => Finding::good("freeSpace", format!("{} are free", size(free))),
    });
    file_system.into_iter().chain(space).collect()
}
