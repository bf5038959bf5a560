//! Maps a file that is never changed in place into memory.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;
use winlayer_core::{Error, Result};

/// Maps a file of a layer: its index or its tar.
///
/// # Errors
/// An operating system error that names the path.
#[allow(unsafe_code)]
pub(crate) fn map(path: &Path) -> Result<Mmap> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    // SAFETY: the bytes of a mapping may not change while it lives. Files of a layer are written under another name,
    // synced, renamed into place and from then on only ever unlinked, which leaves the mapping intact. Somebody else
    // with write access to the home could break that; the home is private to its owner (mode 0700), and such a person
    // could as well replace this program's data wholesale.
    unsafe { Mmap::map(&file) }.map_err(|e| Error::io("map", path, e))
}
