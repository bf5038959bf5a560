//! File attributes: the 32 bits that say what kind of thing a file is to Windows.
//!
//! [MS-FSCC] 2.6, and the further bits that `winnt.h` defines. Bits without a name are kept.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of file attributes. All 32 bits survive, named or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileAttributes(u32);

macro_rules! attributes {
    ($($(#[$doc:meta])+ $name:ident = $bits:literal;)+) => {
        impl FileAttributes {
            $($(#[$doc])+ pub const $name: Self = Self($bits);)+
        }

        const NAMES: &[(FileAttributes, &str)] = &[$((FileAttributes::$name, stringify!($name)),)+];
    };
}

attributes! {
    /// Cannot be written or deleted.
    READONLY = 0x0000_0001;
    /// Left out of ordinary listings.
    HIDDEN = 0x0000_0002;
    /// Belongs to the operating system.
    SYSTEM = 0x0000_0004;
    /// A directory.
    DIRECTORY = 0x0000_0010;
    /// Changed since the last backup.
    ARCHIVE = 0x0000_0020;
    /// A device; reserved.
    DEVICE = 0x0000_0040;
    /// A file without any other attribute.
    NORMAL = 0x0000_0080;
    /// Temporary: kept in memory as long as possible.
    TEMPORARY = 0x0000_0100;
    /// A sparse file.
    SPARSE_FILE = 0x0000_0200;
    /// Has a reparse point: a symbolic link, a junction or something that a filter understands.
    REPARSE_POINT = 0x0000_0400;
    /// Compressed by the file system.
    COMPRESSED = 0x0000_0800;
    /// Its data is not on this disk.
    OFFLINE = 0x0000_1000;
    /// Left out of the content index.
    NOT_CONTENT_INDEXED = 0x0000_2000;
    /// Encrypted by the file system.
    ENCRYPTED = 0x0000_4000;
    /// Has integrity checksums (ReFS).
    INTEGRITY_STREAM = 0x0000_8000;
    /// Reserved for system use.
    VIRTUAL = 0x0001_0000;
    /// Left out of the background integrity scan (ReFS).
    NO_SCRUB_DATA = 0x0002_0000;
    /// Opening it brings it from remote storage; on older systems it meant that the file has extended attributes.
    RECALL_ON_OPEN = 0x0004_0000;
    /// Should be kept on this disk by a hierarchical storage manager.
    PINNED = 0x0008_0000;
    /// Need not be kept on this disk by a hierarchical storage manager.
    UNPINNED = 0x0010_0000;
    /// Reading its data brings it from remote storage.
    RECALL_ON_DATA_ACCESS = 0x0040_0000;
    /// Writes go sequentially to shingled storage.
    STRICTLY_SEQUENTIAL = 0x2000_0000;
}

impl FileAttributes {
    /// The set with exactly these bits.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// All bits, named or not.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether no bit is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Sets every bit of `other`.
    pub const fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Clears every bit of `other`.
    pub const fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}

impl BitOr for FileAttributes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for FileAttributes {
    fn bitor_assign(&mut self, other: Self) {
        self.insert(other);
    }
}

/// The names joined by `|`, then the bits without a name in hexadecimal: `HIDDEN|SYSTEM|0x80000000`; nothing is `0`.
impl fmt::Display for FileAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("0");
        }
        let mut rest = *self;
        let mut separator = "";
        for (attribute, name) in NAMES {
            if !rest.contains(*attribute) {
                continue;
            }
            rest.remove(*attribute);
            write!(f, "{separator}{name}")?;
            separator = "|";
        }
        if rest.is_empty() {
            return Ok(());
        }
        write!(f, "{separator}{:#x}", rest.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_come_in_bit_order_and_unnamed_bits_as_a_number() {
        assert_eq!(FileAttributes::default().to_string(), "0");
        assert_eq!(FileAttributes::from_bits(0x26).to_string(), "HIDDEN|SYSTEM|ARCHIVE");
        assert_eq!(FileAttributes::from_bits(0x410).to_string(), "DIRECTORY|REPARSE_POINT");
        assert_eq!(FileAttributes::from_bits(0x8000_0008).to_string(), "0x80000008");
        assert_eq!(FileAttributes::from_bits(0x8000_0001).to_string(), "READONLY|0x80000000");
    }

    #[test]
    fn named_attributes_are_single_distinct_bits() {
        let mut seen = FileAttributes::default();
        for (attribute, name) in NAMES {
            assert_eq!(attribute.bits().count_ones(), 1, "{name}");
            assert!(!seen.contains(*attribute), "{name}");
            seen |= *attribute;
        }
    }

    proptest! {
        #[test]
        fn inserting_and_removing_touch_only_their_own_bits(bits: u32, other: u32) {
            let other = FileAttributes::from_bits(other);
            let mut set = FileAttributes::from_bits(bits);
            set.insert(other);
            prop_assert!(set.contains(other));
            prop_assert_eq!(set.bits(), bits | other.bits());
            set.remove(other);
            prop_assert_eq!(set.bits(), bits & !other.bits());
        }
    }
}
