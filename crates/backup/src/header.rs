//! The header before each stream, WIN32_STREAM_ID: [MS-BKUP] 2.1.

use std::fmt;

/// The longest stream name that is accepted, in bytes; what NTFS allows is far shorter.
pub const MAX_NAME_LEN: u64 = 64 * 1024;

pub(crate) const FIXED_LEN: usize = 20;

const COLON: u16 = b':' as u16;
/// `:$DATA`
const DATA_TYPE: [u16; 6] = [COLON, b'$' as u16, b'D' as u16, b'A' as u16, b'T' as u16, b'A' as u16];

/// What a stream holds. Any 32 bits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

impl StreamId {
    /// The file's data.
    pub const DATA: Self = Self(1);
    /// Extended attributes, [MS-FSCC] 2.4.16.
    pub const EA_DATA: Self = Self(2);
    /// A self-relative security descriptor, [MS-DTYP] 2.4.6.
    pub const SECURITY_DATA: Self = Self(3);
    /// The data of an alternate stream, which the header names.
    pub const ALTERNATE_DATA: Self = Self(4);
    /// Hard links.
    pub const LINK: Self = Self(5);
    /// Properties.
    pub const PROPERTY_DATA: Self = Self(6);
    /// An object identifier.
    pub const OBJECT_ID: Self = Self(7);
    /// A reparse point, [MS-FSCC] 2.1.2.
    pub const REPARSE_DATA: Self = Self(8);
    /// A range of a sparse file: its offset, 8 bytes, and its data.
    pub const SPARSE_BLOCK: Self = Self(9);
    /// Data of transactional NTFS.
    pub const TXFS_DATA: Self = Self(10);
    /// Extents of a file whose data is elsewhere.
    pub const GHOSTED_FILE_EXTENTS: Self = Self(11);

    /// The name that Windows' headers give this id, without `BACKUP_`.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::DATA => "DATA",
            Self::EA_DATA => "EA_DATA",
            Self::SECURITY_DATA => "SECURITY_DATA",
            Self::ALTERNATE_DATA => "ALTERNATE_DATA",
            Self::LINK => "LINK",
            Self::PROPERTY_DATA => "PROPERTY_DATA",
            Self::OBJECT_ID => "OBJECT_ID",
            Self::REPARSE_DATA => "REPARSE_DATA",
            Self::SPARSE_BLOCK => "SPARSE_BLOCK",
            Self::TXFS_DATA => "TXFS_DATA",
            Self::GHOSTED_FILE_EXTENTS => "GHOSTED_FILE_EXTENTS",
            _ => return None,
        })
    }
}

/// The name, or the number where there is none.
impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The attributes of a stream. Any 32 bits are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StreamAttributes(pub u32);

impl StreamAttributes {
    /// The data changed while it was read.
    pub const MODIFIED_WHEN_READ: Self = Self(0x01);
    /// The stream holds security data.
    pub const CONTAINS_SECURITY: Self = Self(0x02);
    /// The stream holds properties.
    pub const CONTAINS_PROPERTIES: Self = Self(0x04);
    /// The stream is sparse.
    pub const SPARSE: Self = Self(0x08);
    /// The stream's data is elsewhere.
    pub const CONTAINS_GHOSTED_FILE_EXTENTS: Self = Self(0x10);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What stands before the data of each stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamHeader {
    /// What the stream holds.
    pub id: StreamId,
    /// Its attributes.
    pub attributes: StreamAttributes,
    /// The size of its data in bytes, at most 2^63 - 1; for a sparse block the offset's 8 bytes included.
    pub size: u64,
    /// Its name in UTF-16, empty but for alternate streams: `:NAME:$DATA`.
    pub name: Vec<u16>,
}

impl StreamHeader {
    /// The header of a stream without name and attributes.
    #[must_use]
    pub const fn new(id: StreamId, size: u64) -> Self {
        Self { id, attributes: StreamAttributes(0), size, name: Vec::new() }
    }

    /// The header of the alternate stream `name`, given without colons and type.
    #[must_use]
    pub fn alternate(name: &[u16], size: u64) -> Self {
        let name = [&[COLON], name, &DATA_TYPE].concat();
        Self { name, ..Self::new(StreamId::ALTERNATE_DATA, size) }
    }

    /// The name of an alternate stream without colons and type: `NAME` of `:NAME:$DATA`.
    ///
    /// `None` for other streams, and for streams that do not hold data or have no name.
    #[must_use]
    pub fn alternate_name(&self) -> Option<&[u16]> {
        if self.id != StreamId::ALTERNATE_DATA {
            return None;
        }
        let name = self.name.strip_prefix(&[COLON])?;
        let name = name.strip_suffix(&DATA_TYPE).unwrap_or(name);
        (!name.is_empty() && !name.contains(&COLON)).then_some(name)
    }

    /// Whether ranges of the stream may follow as sparse blocks.
    #[must_use]
    pub const fn is_sparse(&self) -> bool {
        self.attributes.contains(StreamAttributes::SPARSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn alternate_streams_are_named_with_colons_and_type() {
        let header = StreamHeader::alternate(&utf16("s1"), 3);
        assert_eq!(header.name, utf16(":s1:$DATA"));
        assert_eq!(header.alternate_name(), Some(&*utf16("s1")));
    }

    #[test]
    fn only_named_data_streams_have_an_alternate_name() {
        let named =
            |name| StreamHeader { name: utf16(name), ..StreamHeader::new(StreamId::ALTERNATE_DATA, 0) };
        assert_eq!(named(":s1").alternate_name(), Some(&*utf16("s1")));
        for name in ["", "s1", ":", "::$DATA", ":s1:$INDEX_ALLOCATION"] {
            assert_eq!(named(name).alternate_name(), None, "{name}");
        }
        assert_eq!(StreamHeader { id: StreamId::DATA, ..named(":s1:$DATA") }.alternate_name(), None);
    }

    #[test]
    fn ids_without_a_name_are_shown_as_numbers() {
        assert_eq!(StreamId(9).to_string(), "SPARSE_BLOCK");
        assert_eq!(StreamId(99).to_string(), "99");
    }
}
