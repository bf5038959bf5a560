//! From what `ImportLayer` takes to what `ExportLayer` makes: with whiteouts and hard links.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use winlayer_core::{Error, LayerPath, Result};

use super::disk::canonical;
use super::names::on_disk;
use super::tombstones;
use super::unpack::{LateLink, LinkTarget, Unpacked};

/// What a transport directory cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leftover {
    /// Whiteouts outside of `Files`.
    pub tombstones: Vec<LayerPath>,
    /// Hard links to files of parent layers, and to such links.
    pub links: Vec<LateLink>,
}

/// Puts what [`unpack`](super::unpack) gave back into the directory that it made: whiteouts as `tombstones.txt`, hard
/// links as such, so that [`pack`](super::pack) finds them. Gives what cannot be put there.
///
/// # Errors
/// The directory is not as it was left, or the system's errors.
pub fn complete(dir: &Path, unpacked: &Unpacked) -> Result<Leftover> {
    let root = canonical(dir)?;
    let (inside, outside): (Vec<_>, Vec<_>) = unpacked
        .tombstones
        .iter()
        .map(|tombstone| &tombstone.path)
        .partition(|path| path.in_files().is_some());
    tombstones::write(&root, &inside)?;
    let mut leftover = Leftover { tombstones: outside.into_iter().cloned().collect(), links: Vec::new() };
    let mut not_made = HashSet::new();
    for link in &unpacked.late_links {
        if link.found == LinkTarget::Parents || not_made.contains(&link.target) {
            not_made.insert(&link.name);
            leftover.links.push(link.clone());
            continue;
        }
        let name = on_disk(&root, link.name.as_bytes());
        fs::hard_link(on_disk(&root, link.target.as_bytes()), &name)
            .map_err(|error| Error::io("make the hard link", &name, error))?;
    }
    Ok(leftover)
}
