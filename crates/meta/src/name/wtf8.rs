//! WTF-8 and UTF-16: the two forms of a name, so that names with lone surrogates survive outside Windows.

/// Bytes that are not WTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not UTF-8 at byte {offset}")]
pub struct NotWtf8 {
    /// The first byte that belongs to no character.
    pub offset: usize,
}

/// The UTF-16 units of a name in WTF-8.
///
/// # Errors
/// When the name is not WTF-8. A surrogate pair must be written as the one character that it is.
pub fn to_utf16(name: &[u8]) -> Result<Vec<u16>, NotWtf8> {
    let mut units = Vec::with_capacity(name.len());
    let mut offset = 0;
    while let Some(rest) = name.get(offset..).filter(|rest| !rest.is_empty()) {
        let (Some(code_point), len) = decode_first(rest) else {
            return Err(NotWtf8 { offset });
        };
        if is_low_surrogate(code_point) && units.last().is_some_and(|&unit| is_high_surrogate(unit)) {
            return Err(NotWtf8 { offset });
        }
        push_utf16(code_point, &mut units);
        offset += len;
    }
    Ok(units)
}

/// The UTF-16 units of a name in UTF-8, with U+FFFD for each byte that is not part of a character, as Go has it.
#[must_use]
pub fn to_utf16_lossy(name: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        units.extend(chunk.valid().encode_utf16());
        units.extend(chunk.invalid().iter().map(|_| 0xFFFD));
    }
    units
}

/// The WTF-8 form of any UTF-16 units.
#[must_use]
pub fn from_utf16(units: &[u16]) -> Vec<u8> {
    let mut name = Vec::with_capacity(units.len());
    for decoded in char::decode_utf16(units.iter().copied()) {
        match decoded {
            Ok(character) => name.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => name.extend_from_slice(&three_bytes(lone.unpaired_surrogate())),
        }
    }
    name
}

/// The first code point, surrogates included, and its length; `(None, 1)` for a byte that starts none.
///
/// `bytes` must not be empty.
pub(super) fn decode_first(bytes: &[u8]) -> (Option<u32>, usize) {
    let bits = |byte: u8| u32::from(byte & 0x3F);
    match *bytes {
        [a @ ..0x80, ..] => (Some(a.into()), 1),
        [a @ 0xC2..=0xDF, b @ 0x80..=0xBF, ..] => (Some(u32::from(a & 0x1F) << 6 | bits(b)), 2),
        [a @ 0xE0..=0xEF, b @ 0x80..=0xBF, c @ 0x80..=0xBF, ..] if a > 0xE0 || b >= 0xA0 => {
            (Some(u32::from(a & 0x0F) << 12 | bits(b) << 6 | bits(c)), 3)
        }
        [a @ 0xF0..=0xF4, b @ 0x80..=0xBF, c @ 0x80..=0xBF, d @ 0x80..=0xBF, ..]
            if (a > 0xF0 || b >= 0x90) && (a < 0xF4 || b < 0x90) =>
        {
            (Some(u32::from(a & 0x07) << 18 | bits(b) << 12 | bits(c) << 6 | bits(d)), 4)
        }
        _ => (None, 1),
    }
}

/// The three bytes of a code point from U+0800 to U+FFFF, surrogates included.
pub(super) fn three_bytes(unit: u16) -> [u8; 3] {
    let [high, low] = unit.to_be_bytes();
    [0xE0 | high >> 4, 0x80 | (high & 0x0F) << 2 | low >> 6, 0x80 | low & 0x3F]
}

fn push_utf16(code_point: u32, units: &mut Vec<u16>) {
    match (u16::try_from(code_point), char::from_u32(code_point)) {
        (Ok(unit), _) => units.push(unit),
        (_, Some(character)) => units.extend_from_slice(character.encode_utf16(&mut [0; 2])),
        // Beyond U+FFFF every code point up to U+10FFFF is a character, and decoding goes no further.
        (_, None) => {}
    }
}

pub(super) fn is_low_surrogate(code_point: u32) -> bool {
    (0xDC00..0xE000).contains(&code_point)
}

fn is_high_surrogate(unit: u16) -> bool {
    (0xD800..0xDC00).contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lone_surrogates_have_a_form_of_three_bytes() {
        let units = [0xD801, 0x61, 0xDC37, 0xD801, 0xDC37];
        let name = from_utf16(&units);
        assert_eq!(name, b"\xED\xA0\x81a\xED\xB0\xB7\xF0\x90\x90\xB7");
        assert_eq!(to_utf16(&name).unwrap(), units);
    }

    #[test]
    fn what_is_not_wtf8_is_refused_with_its_offset() {
        for (name, offset) in [
            (&b"inv\xff"[..], 3),
            (b"\x80", 0),
            (b"a\xC0\x80", 1),
            (b"\xE0\x80\x80", 0),
            (b"\xF0\x80\x80\x80", 0),
            (b"\xF4\x90\x80\x80", 0),
            (b"ab\xE6\x97", 2),
            (b"\xED\xA0\x81\xED\xB0\xB7", 3),
        ] {
            assert_eq!(to_utf16(name), Err(NotWtf8 { offset }), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn each_stray_byte_becomes_one_replacement_character() {
        assert_eq!(to_utf16_lossy(b"a\xED\xA0\x80"), [0x61, 0xFFFD, 0xFFFD, 0xFFFD]);
        assert_eq!(to_utf16_lossy(b"\xE6\x97z"), [0xFFFD, 0xFFFD, 0x7A]);
        assert_eq!(to_utf16_lossy("é𐐷".as_bytes()), [0xE9, 0xD801, 0xDC37]);
    }

    proptest! {
        #[test]
        fn every_utf16_string_survives(units: Vec<u16>) {
            prop_assert_eq!(to_utf16(&from_utf16(&units)).unwrap(), units);
        }

        #[test]
        fn every_utf8_string_has_its_usual_utf16(text: String) {
            let expected: Vec<u16> = text.encode_utf16().collect();
            prop_assert_eq!(to_utf16(text.as_bytes()).unwrap(), &*expected);
            prop_assert_eq!(to_utf16_lossy(text.as_bytes()), expected);
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_have_no_other_form(bytes: Vec<u8>) {
            if let Ok(units) = to_utf16(&bytes) {
                prop_assert_eq!(from_utf16(&units), bytes);
            }
        }
    }
}
