//! Windows paths and the NT paths inside links: `C:\x` is `\??\C:\x` to the object manager.

use std::borrow::Cow;

const BACKSLASH: u16 = b'\\' as u16;
const SLASH: u16 = b'/' as u16;
const COLON: u16 = b':' as u16;

/// `\\`
const UNC: [u16; 2] = [BACKSLASH; 2];
/// `\\?\`
const VERBATIM: [u16; 4] = [BACKSLASH, BACKSLASH, b'?' as u16, BACKSLASH];
/// `\??\`
const NT: [u16; 4] = [BACKSLASH, b'?' as u16, b'?' as u16, BACKSLASH];
/// `UNC\`
const NT_UNC: [u16; 4] = [b'U' as u16, b'N' as u16, b'C' as u16, BACKSLASH];

pub(super) fn with_backslashes(path: &[u16]) -> Vec<u16> {
    path.iter().map(|&unit| if unit == SLASH { BACKSLASH } else { unit }).collect()
}

/// The NT path of an absolute Windows path; `None` for a relative one, to which rooted paths (`\x`) belong.
///
/// Drive-relative paths (`c:x`) count as absolute, as the reference implementation of layer tars has them.
pub(super) fn to_nt_path(path: &[u16]) -> Option<Vec<u16>> {
    if let Some(rest) = path.strip_prefix(&VERBATIM) {
        return Some([&NT, rest].concat());
    }
    if let Some(rest) = path.strip_prefix(&UNC) {
        return Some([&NT[..], &NT_UNC, rest].concat());
    }
    has_drive(path).then(|| [&NT, path].concat())
}

/// The Windows path of an NT path; a path without the prefix `\??\` stays as it is.
pub(super) fn from_nt_path(path: &[u16]) -> Cow<'_, [u16]> {
    let Some(rest) = path.strip_prefix(&NT) else {
        return path.into();
    };
    if let Some(share) = rest.strip_prefix(&NT_UNC) {
        return [&UNC, share].concat().into();
    }
    if has_drive(rest) { rest.into() } else { [&VERBATIM, rest].concat().into() }
}

fn has_drive(path: &[u16]) -> bool {
    matches!(path, [letter, COLON, ..] if char::from_u32(u32::from(*letter)).is_some_and(|c| c.is_ascii_alphabetic()))
}
