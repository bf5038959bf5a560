//! Extended attributes: the lists of named values that a file's backup stream carries in one piece.
//!
//! [MS-FSCC] 2.4.16 (FILE_FULL_EA_INFORMATION). Each entry is a header of 8 bytes (offset of the next entry or 0, flags,
//! length of the name, length of the value), the name, a NUL and the value.

const HEADER_LEN: usize = 8;
const ALIGNMENT: usize = 4;

/// One extended attribute of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedAttribute {
    /// 0, or [`ExtendedAttribute::NEED_EA`]; other bits are kept.
    pub flags: u8,
    /// The name without its NUL, at most 255 bytes. ASCII and upper case on NTFS, but any bytes are kept.
    pub name: Vec<u8>,
    /// The value, at most 65,535 bytes.
    pub value: Vec<u8>,
}

impl ExtendedAttribute {
    /// FILE_NEED_EA: who does not understand extended attributes must not open the file.
    pub const NEED_EA: u8 = 0x80;

    fn encoded_len(&self) -> usize {
        HEADER_LEN + self.name.len() + 1 + self.value.len()
    }
}

/// Why a list of extended attributes could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EaError {
    /// The list ends inside an entry.
    #[error(
        "extended attribute {index} at byte {offset} needs {needed} bytes, but only {available} are left"
    )]
    Truncated {
        /// Which entry, counted from 0.
        index: usize,
        /// Where the entry starts in the list.
        offset: usize,
        /// How long the entry says it is.
        needed: usize,
        /// How much of the list is left.
        available: usize,
    },
    /// An entry points into itself or beyond the list for the next one.
    #[error(
        "extended attribute {index} at byte {offset} has the next entry {next} bytes on, \
         which must be from {len} to {available}"
    )]
    BadNextOffset {
        /// Which entry, counted from 0.
        index: usize,
        /// Where the entry starts in the list.
        offset: usize,
        /// Where it says that the next one starts, from its own start.
        next: usize,
        /// How long the entry is.
        len: usize,
        /// How much of the list is left.
        available: usize,
    },
    /// A name longer than its length field can say.
    #[error("extended attribute {index} has a name of {len} bytes, at most 255 are possible: {name}")]
    NameTooLong {
        /// Which entry, counted from 0.
        index: usize,
        /// The name's start, for people to read.
        name: String,
        /// The name's length in bytes.
        len: usize,
    },
    /// A value longer than its length field can say.
    #[error("extended attribute {index} ({name}) has a value of {len} bytes, at most 65535 are possible")]
    ValueTooLong {
        /// Which entry, counted from 0.
        index: usize,
        /// The attribute's name, for people to read.
        name: String,
        /// The value's length in bytes.
        len: usize,
    },
    /// More bytes than an offset can bridge.
    #[error("extended attribute {index} ({name}) ends beyond what a 32-bit offset can say")]
    ListTooLong {
        /// Which entry, counted from 0.
        index: usize,
        /// The attribute's name, for people to read.
        name: String,
    },
}

/// Reads a list; an empty one has no bytes. Names that repeat are all kept, in order.
///
/// Padding need not be there, and what lies between entries or behind the last one is ignored, as Windows does.
///
/// # Errors
/// When an entry goes beyond the list or overlaps the next one.
pub fn parse_list(list: &[u8]) -> Result<Vec<ExtendedAttribute>, EaError> {
    let mut attributes = Vec::new();
    let mut offset = 0;
    while let Some(rest) = list.get(offset..).filter(|rest| !rest.is_empty()) {
        let index = attributes.len();
        let (attribute, next) = parse_entry(rest, index, offset)?;
        let len = attribute.encoded_len();
        attributes.push(attribute);
        if next == 0 {
            break;
        }
        if next < len || next > rest.len() {
            return Err(EaError::BadNextOffset { index, offset, next, len, available: rest.len() });
        }
        offset += next;
    }
    Ok(attributes)
}

/// The entry that `rest` starts with, and how far it says the next one is.
fn parse_entry(rest: &[u8], index: usize, offset: usize) -> Result<(ExtendedAttribute, usize), EaError> {
    let truncated = |needed| EaError::Truncated { index, offset, needed, available: rest.len() };
    let Some((header, body)) = rest.split_first_chunk::<HEADER_LEN>() else {
        return Err(truncated(HEADER_LEN));
    };
    let [next @ .., flags, name_len, value_low, value_high] = *header;
    let name_len = usize::from(name_len);
    let value_len = usize::from(u16::from_le_bytes([value_low, value_high]));
    let value_start = name_len + 1;
    let (Some(name), Some(value)) = (body.get(..name_len), body.get(value_start..value_start + value_len))
    else {
        return Err(truncated(HEADER_LEN + value_start + value_len));
    };
    let next = usize::try_from(u32::from_le_bytes(next)).unwrap_or(usize::MAX);
    Ok((ExtendedAttribute { flags, name: name.to_vec(), value: value.to_vec() }, next))
}

/// Writes a list, every entry padded with zeros to 4 bytes, the last one too.
///
/// # Errors
/// When a name is longer than 255 bytes or a value longer than 65,535; the error says which.
pub fn write_list(attributes: &[ExtendedAttribute]) -> Result<Vec<u8>, EaError> {
    let mut list = Vec::new();
    for (index, attribute) in attributes.iter().enumerate() {
        let readable_name =
            || attribute.name.get(..255).unwrap_or(&attribute.name).escape_ascii().to_string();
        let (name_len, value_len) = (attribute.name.len(), attribute.value.len());
        let Ok(name_field) = u8::try_from(name_len) else {
            return Err(EaError::NameTooLong { index, name: readable_name(), len: name_len });
        };
        let Ok(value_field) = u16::try_from(value_len) else {
            return Err(EaError::ValueTooLong { index, name: readable_name(), len: value_len });
        };
        let padded_len = attribute.encoded_len().next_multiple_of(ALIGNMENT);
        let is_last = index + 1 == attributes.len();
        let Ok(next_field) = u32::try_from(if is_last { 0 } else { padded_len }) else {
            return Err(EaError::ListTooLong { index, name: readable_name() });
        };
        let end = list.len() + padded_len;
        list.extend_from_slice(&next_field.to_le_bytes());
        list.extend_from_slice(&[attribute.flags, name_field]);
        list.extend_from_slice(&value_field.to_le_bytes());
        list.extend_from_slice(&attribute.name);
        list.push(0);
        list.extend_from_slice(&attribute.value);
        list.resize(end, 0);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(name: &str, value: &str) -> ExtendedAttribute {
        ExtendedAttribute { flags: 0, name: name.into(), value: value.into() }
    }

    #[test]
    fn a_list_is_written_with_every_entry_padded() {
        let list = write_list(&[attribute("B", "bb"), attribute("A", "a"), attribute("C", "cccc")]).unwrap();
        let expected =
            b"\x0c\0\0\0\0\x01\x02\0B\0bb\x0c\0\0\0\0\x01\x01\0A\0a\0\0\0\0\0\0\x01\x04\0C\0cccc\0\0";
        assert_eq!(list, expected);
        assert_eq!(parse_list(&list).unwrap().len(), 3);
    }

    #[test]
    fn empty_lists_names_and_values_are_allowed() {
        assert_eq!(write_list(&[]).unwrap(), b"");
        assert_eq!(parse_list(b"").unwrap(), []);
        assert_eq!(write_list(&[attribute("E", "")]).unwrap(), b"\0\0\0\0\0\x01\0\0E\0\0\0");
        assert_eq!(write_list(&[attribute("", "v")]).unwrap(), b"\0\0\0\0\0\0\x01\0\0v\0\0");
    }

    #[test]
    fn the_last_entry_may_lack_its_padding() {
        assert_eq!(parse_list(b"\0\0\0\0\0\x01\x01\0A\x001").unwrap(), [attribute("A", "1")]);
    }

    #[test]
    fn repeated_names_and_unknown_flags_are_kept_in_order() {
        let list = [
            attribute("A", "1"),
            ExtendedAttribute { flags: ExtendedAttribute::NEED_EA | 1, ..attribute("A", "2") },
        ];
        assert_eq!(parse_list(&write_list(&list).unwrap()).unwrap(), list);
    }

    #[test]
    fn a_truncated_entry_is_named_with_its_offset() {
        let cut = parse_list(b"\x0c\0\0\0\0\x01\x01\0A\x001\0\0\0\0\0\0\x01\x07\0A\x0012").unwrap_err();
        assert_eq!(cut, EaError::Truncated { index: 1, offset: 12, needed: 17, available: 12 });
        let short = parse_list(b"\0\0\0").unwrap_err();
        assert_eq!(short.to_string(), "extended attribute 0 at byte 0 needs 8 bytes, but only 3 are left");
    }

    #[test]
    fn entries_that_overlap_or_point_beyond_the_list_are_refused() {
        for next in [1, 10, 13, 255] {
            let mut list = write_list(&[attribute("A", "1")]).unwrap();
            list[0] = next;
            let expected =
                EaError::BadNextOffset { index: 0, offset: 0, next: next.into(), len: 11, available: 12 };
            assert_eq!(parse_list(&list).unwrap_err(), expected);
        }
    }

    #[test]
    fn names_and_values_that_do_not_fit_are_refused_by_name() {
        let value = ExtendedAttribute { value: vec![0; 65_536], ..attribute("BIG", "") };
        assert_eq!(
            write_list(&[attribute("A", ""), value]).unwrap_err().to_string(),
            "extended attribute 1 (BIG) has a value of 65536 bytes, at most 65535 are possible"
        );
        let name = attribute(&"N".repeat(256), "");
        assert!(matches!(write_list(&[name]), Err(EaError::NameTooLong { index: 0, len: 256, .. })));
    }

    fn any_attribute() -> impl Strategy<Value = ExtendedAttribute> {
        let bytes = proptest::collection::vec(any::<u8>(), 0..=255);
        (any::<u8>(), bytes.clone(), bytes).prop_map(|(flags, name, value)| ExtendedAttribute {
            flags,
            name,
            value,
        })
    }

    proptest! {
        #[test]
        fn every_list_survives_the_round_trip(list in proptest::collection::vec(any_attribute(), 0..8)) {
            prop_assert_eq!(parse_list(&write_list(&list).unwrap()).unwrap(), list);
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_never_grow(bytes in proptest::collection::vec(0_u8..16, 0..200)) {
            if let Ok(list) = parse_list(&bytes) {
                let total: usize = list.iter().map(ExtendedAttribute::encoded_len).sum();
                prop_assert!(total <= bytes.len());
            }
        }
    }
}
