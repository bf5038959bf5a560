//! Names of layers as names on this system's disks, and the names that the format has for itself.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use winlayer_meta::name;

/// What the file beside a directory, which tells its metadata, has behind the directory's name.
pub(super) const RECORD_SUFFIX: &str = ".$wcidirs$";
/// Lists the whiteouts.
pub(super) const TOMBSTONES: &str = "tombstones.txt";
/// The hive whose times are those of `Files` and `Hives`.
pub(super) const SYSTEM_DELTA: &[u8] = b"Hives/System_Delta";

/// Whether only the record of a directory may have this name.
pub(super) fn is_record(name: &[u8]) -> bool {
    directory_of_record(name).is_some()
}

/// The directory that a record is for.
pub(super) fn directory_of_record(name: &[u8]) -> Option<&[u8]> {
    let (directory, suffix) = name.split_at_checked(name.len().checked_sub(RECORD_SUFFIX.len())?)?;
    name::fold_eq(suffix, RECORD_SUFFIX.as_bytes()).then_some(directory)
}

/// Where a path of the layer, checked before, lies below `root`.
pub(super) fn on_disk(root: &Path, layer_path: &[u8]) -> PathBuf {
    let mut path = root.to_owned();
    path.extend(layer_path.split(|&b| b == b'/').map(to_os));
    path
}

/// Where the record of a directory lies.
pub(super) fn record_on_disk(root: &Path, directory: &[u8]) -> PathBuf {
    let mut path = on_disk(root, directory).into_os_string();
    path.push(RECORD_SUFFIX);
    path.into()
}

#[cfg(unix)]
fn to_os(component: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(component).to_owned()
}

#[cfg(windows)]
fn to_os(component: &[u8]) -> OsString {
    use std::os::windows::ffi::OsStringExt;
    OsString::from_wide(&name::to_utf16(component).unwrap_or_else(|_| name::to_utf16_lossy(component)))
}

/// The name of a layer that a name on disk stands for, in WTF-8.
#[cfg(unix)]
pub(super) fn from_os(component: &OsStr) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    component.as_bytes().to_vec()
}

/// The name of a layer that a name on disk stands for, in WTF-8.
#[cfg(windows)]
pub(super) fn from_os(component: &OsStr) -> Vec<u8> {
    use std::os::windows::ffi::OsStrExt;
    name::from_utf16(&component.encode_wide().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_known_by_their_suffix_in_any_case() {
        assert_eq!(directory_of_record(b"a.$wcidirs$"), Some(&b"a"[..]));
        assert_eq!(directory_of_record(b"a.$WciDirs$"), Some(&b"a"[..]));
        assert_eq!(directory_of_record(b".$wcidirs$"), Some(&b""[..]));
        for other in [&b"a"[..], b"a.$wcidirs", b"$wcidirs$", "é$wcidirs$".as_bytes()] {
            assert!(!is_record(other), "{}", other.escape_ascii());
        }
    }
}
