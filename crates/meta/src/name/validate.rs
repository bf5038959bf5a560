//! Which names a Windows file can have, so that a layer that Windows could not hold is refused by name.

use super::wtf8::{decode_first, is_low_surrogate};

/// The longest name of a file, in UTF-16 units.
const MAX_UNITS: usize = 255;

/// Why NTFS in a Windows image cannot have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No name at all.
    #[error("the name is empty")]
    Empty,
    /// `.` or `..`.
    #[error("the name stands for a directory itself or its parent")]
    Dots,
    /// Longer than a directory entry holds.
    #[error("the name has {units} UTF-16 units, at most {MAX_UNITS} are possible")]
    TooLong {
        /// Its length in UTF-16 units.
        units: usize,
    },
    /// A control character or one of `" * / : < > ? \ |`.
    #[error("the name has the character {character:?} at byte {offset}, which Windows does not allow")]
    Forbidden {
        /// The first such character.
        character: char,
        /// Where it is.
        offset: usize,
    },
    /// Bytes that are no character.
    #[error("the name is not UTF-8 at byte {offset}")]
    NotWtf8 {
        /// The first such byte.
        offset: usize,
    },
}

/// Whether a file in a Windows image can have this name, which is one component of a path and has no stream part.
///
/// # Errors
/// Says the first reason why not.
pub fn check_component(name: &[u8]) -> Result<(), NameError> {
    match name {
        b"" => return Err(NameError::Empty),
        b"." | b".." => return Err(NameError::Dots),
        // Nearly every name is short and ASCII.
        _ if name.len() <= MAX_UNITS && name.iter().all(|&byte| byte.is_ascii() && !is_forbidden(byte)) => {
            return Ok(());
        }
        _ => {}
    }
    let units = count_units(name)?;
    if units > MAX_UNITS {
        return Err(NameError::TooLong { units });
    }
    Ok(())
}

fn count_units(name: &[u8]) -> Result<usize, NameError> {
    let (mut units, mut offset, mut previous) = (0, 0, 0);
    while let Some(&byte) = name.get(offset) {
        if byte.is_ascii() {
            if is_forbidden(byte) {
                return Err(NameError::Forbidden { character: byte.into(), offset });
            }
            (units, offset, previous) = (units + 1, offset + 1, 0);
            continue;
        }
        let (Some(code_point), len) = decode_first(&name[offset..]) else {
            return Err(NameError::NotWtf8 { offset });
        };
        // A pair of surrogates has another form, so in this one it is not WTF-8.
        if is_low_surrogate(code_point) && (0xD800..0xDC00).contains(&previous) {
            return Err(NameError::NotWtf8 { offset });
        }
        units += if len == 4 { 2 } else { 1 };
        (offset, previous) = (offset + len, code_point);
    }
    Ok(units)
}

fn is_forbidden(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'*' | b'/' | b':' | b'<' | b'>' | b'?' | b'\\' | b'|')
}

/// Whether ordinary Windows paths take this name for a device, whatever its extension: `CON`, `nul.txt`, `COM1`.
///
/// NTFS stores such names, and programs reach them through paths that begin with `\\?\`.
#[must_use]
pub fn is_reserved_name(name: &[u8]) -> bool {
    let base = name.split(|&byte| byte == b'.' || byte == b':').next().unwrap_or_default();
    let base = base.trim_ascii_end();
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
        .iter()
        .any(|device| base.eq_ignore_ascii_case(device.as_bytes()))
    {
        return true;
    }
    let Some((port, number)) = base.split_at_checked(3) else {
        return false;
    };
    let is_port = port.eq_ignore_ascii_case(b"COM") || port.eq_ignore_ascii_case(b"LPT");
    is_port && matches!(number, [b'0'..=b'9'] | [0xC2, 0xB9 | 0xB2 | 0xB3])
}

/// Whether ordinary Windows paths lose this name's end: they drop dots and spaces there.
#[must_use]
pub fn has_trailing_dot_or_space(name: &[u8]) -> bool {
    matches!(name, [.., b'.' | b' '])
}

/// Splits `FILE:STREAM:TYPE`, a component with an alternate stream, into its parts; `None` for those not there.
///
/// The type is everything behind the second colon, so that a third one makes it an unknown type.
#[must_use]
pub fn split_stream(component: &[u8]) -> (&[u8], Option<&[u8]>, Option<&[u8]>) {
    let mut parts = component.splitn(3, |&byte| byte == b':');
    (parts.next().unwrap_or_default(), parts.next(), parts.next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{from_utf16, to_utf16};
    use proptest::prelude::*;

    #[test]
    fn names_that_ntfs_holds_are_allowed() {
        for name in
            ["a", "...", "..a", " a ", "a.", "CON", "日本語", "a;b,c=d+[e]", ".wh.x", &"𐐷".repeat(127)]
        {
            assert_eq!(check_component(name.as_bytes()), Ok(()), "{name}");
        }
        assert_eq!(check_component(b"lone-\xED\xA0\x80"), Ok(()));
        assert_eq!(check_component("é".repeat(255).as_bytes()), Ok(()));
    }

    #[test]
    fn names_that_ntfs_cannot_hold_are_refused_with_the_reason() {
        assert_eq!(check_component(b""), Err(NameError::Empty));
        assert_eq!(check_component(b"."), Err(NameError::Dots));
        assert_eq!(check_component(b".."), Err(NameError::Dots));
        assert_eq!(check_component("é".repeat(256).as_bytes()), Err(NameError::TooLong { units: 256 }));
        assert_eq!(check_component("𐐷".repeat(128).as_bytes()), Err(NameError::TooLong { units: 256 }));
        assert_eq!(check_component(b"a\xff"), Err(NameError::NotWtf8 { offset: 1 }));
        assert_eq!(check_component(b"\xED\xA0\x81\xED\xB0\xB7"), Err(NameError::NotWtf8 { offset: 3 }));
        for character in "\"*/:<>?\\|\0\t\n\x1f".chars() {
            let name = format!("é{character}");
            assert_eq!(check_component(name.as_bytes()), Err(NameError::Forbidden { character, offset: 2 }));
        }
    }

    #[test]
    fn device_names_are_reserved_in_any_case_and_with_any_extension() {
        for name in [
            "CON",
            "nul",
            "Aux.txt",
            "PRN .a.b",
            "conin$",
            "CONOUT$.x",
            "com0",
            "LPT9.tar.gz",
            "COM¹",
            "lpt³",
            "NUL:x",
        ] {
            assert!(is_reserved_name(name.as_bytes()), "{name}");
        }
        for name in ["", "co", "CON1", "CONSOLE", "COM", "COM10", "COMé", "COM⁴", "XCON", ".con", " con"] {
            assert!(!is_reserved_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn dots_and_spaces_at_the_end_are_noticed() {
        assert!(has_trailing_dot_or_space(b"a.") && has_trailing_dot_or_space(b"a "));
        assert!(!has_trailing_dot_or_space(b".a") && !has_trailing_dot_or_space(b""));
    }

    #[test]
    fn stream_names_are_split_at_their_colons() {
        assert_eq!(split_stream(b"a.txt"), (&b"a.txt"[..], None, None));
        assert_eq!(split_stream(b"a:s"), (&b"a"[..], Some(&b"s"[..]), None));
        assert_eq!(split_stream(b"a:s:$DATA"), (&b"a"[..], Some(&b"s"[..]), Some(&b"$DATA"[..])));
        assert_eq!(split_stream(b"a::$DATA"), (&b"a"[..], Some(&b""[..]), Some(&b"$DATA"[..])));
        assert_eq!(split_stream(b":s:t:u"), (&b""[..], Some(&b"s"[..]), Some(&b"t:u"[..])));
    }

    proptest! {
        #[test]
        fn an_allowed_name_is_wtf8_of_at_most_255_units(units in proptest::collection::vec(any::<u16>(), 0..300)) {
            let name = from_utf16(&units);
            match check_component(&name) {
                Ok(()) => prop_assert!(units.len() <= 255),
                Err(NameError::TooLong { units: counted }) => prop_assert_eq!(counted, units.len()),
                Err(NameError::NotWtf8 { .. }) => prop_assert!(false, "it is WTF-8"),
                Err(_) => {}
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_wtf8_is_judged_alike(name: Vec<u8>) {
            let not_wtf8 = matches!(check_component(&name), Err(NameError::NotWtf8 { .. }));
            prop_assert!(!not_wtf8 || to_utf16(&name).is_err());
            prop_assert_eq!(is_reserved_name(&name), is_reserved_name(&name.to_ascii_uppercase()));
        }
    }
}
