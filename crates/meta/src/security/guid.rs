//! GUIDs, which name object classes and properties in object ACEs.

use std::fmt;

/// A GUID ([MS-DTYP] 2.3.4), kept as its 16 bytes in the packet representation (first three fields little-endian).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid([u8; 16]);

impl Guid {
    /// A GUID from its packet representation.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The packet representation.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Reads the form `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` (hexadecimal digits in either case, no braces).
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 36 || [8, 13, 18, 23].iter().any(|&dash| text[dash] != b'-') {
            return None;
        }
        let mut nibbles =
            text.iter().enumerate().filter(|(at, _)| ![8, 13, 18, 23].contains(at)).map(|(_, c)| c);
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            *byte = hex(*nibbles.next()?)? << 4 | hex(*nibbles.next()?)?;
        }
        Some(Self(swap_fields(bytes)))
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Text order to packet order and back: the first three fields are little-endian in packets.
fn swap_fields(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    bytes
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in swap_fields(self.0).iter().enumerate() {
            if [4, 6, 8, 10].contains(&at) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_reads_and_writes_its_text() {
        let guid = Guid::from_text("BF967ABA-0de6-11d0-a285-00aa003049e2").unwrap();
        assert_eq!(guid.to_bytes()[..8], [0xba, 0x7a, 0x96, 0xbf, 0xe6, 0x0d, 0xd0, 0x11]);
        assert_eq!(guid.to_string(), "bf967aba-0de6-11d0-a285-00aa003049e2");
    }

    #[test]
    fn anything_but_36_characters_of_hex_and_dashes_is_no_guid() {
        for text in
            ["", "bf967aba", "{bf967aba-0de6-11d0-a285-00aa003049e}", "bf967aba-0de6-11d0-a285-00aa003049eg"]
        {
            assert_eq!(Guid::from_text(text), None, "{text}");
        }
    }
}
