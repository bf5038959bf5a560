//! What the kernel says is mounted, and which boot this is.

use std::path::Path;

/// Whether something is mounted at exactly this path, by whatever name it is called.
pub(super) fn is_mounted(path: &Path) -> bool {
    let Ok(table) = std::fs::read("/proc/self/mountinfo") else { return false };
    // The kernel knows places without links and dots.
    let Ok(place) = path.canonicalize() else { return false };
    let wanted = place.as_os_str().as_encoded_bytes();
    // Field 5 is the mount point (proc(5)), with blanks and backslashes in octal.
    table
        .split(|&b| b == b'\n')
        .filter_map(|line| line.split(|&b| b == b' ').nth(4))
        .any(|at| unescape(at) == wanted)
}

/// `\040` and its like as the bytes that they stand for.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, behind)) = rest.split_first() {
        let octal = |b: u8| (b'0'..=b'7').contains(&b).then(|| u32::from(b - b'0'));
        let code = match behind {
            [a, b, c, ..] if first == b'\\' => octal(*a).zip(octal(*b)).zip(octal(*c)),
            _ => None,
        };
        match code.map(|((a, b), c)| a * 64 + b * 8 + c).and_then(|code| u8::try_from(code).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = &behind[3..];
            }
            None => {
                plain.push(first);
                rest = behind;
            }
        }
    }
    plain
}

/// A text that differs from boot to boot; empty where there is none.
pub(super) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_as_the_kernel_escapes_them() {
        assert_eq!(unescape(br"/a\040b\134c"), b"/a b\\c");
        assert_eq!(unescape(br"/a\04"), br"/a\04");
        assert_eq!(unescape(br"\777"), br"\777");
    }

    #[test]
    fn the_root_is_mounted_and_a_made_up_path_is_not() {
        if cfg!(target_os = "linux") {
            assert!(is_mounted(Path::new("/")));
        }
        assert!(!is_mounted(Path::new("/no/such/place")));
    }
}
