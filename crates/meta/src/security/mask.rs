//! Access masks: what an ACE grants, denies or audits.

use std::ops::{BitAnd, BitOr, Not};

/// An access mask ([MS-DTYP] 2.4.3): object-specific rights in bits 0–15, standard rights in 16–20, generic in 28–31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AccessMask(pub u32);

impl AccessMask {
    /// `DELETE`.
    pub const DELETE: Self = Self(0x0001_0000);
    /// `READ_CONTROL`.
    pub const READ_CONTROL: Self = Self(0x0002_0000);
    /// `WRITE_DAC`.
    pub const WRITE_DAC: Self = Self(0x0004_0000);
    /// `WRITE_OWNER`.
    pub const WRITE_OWNER: Self = Self(0x0008_0000);
    /// `SYNCHRONIZE`.
    pub const SYNCHRONIZE: Self = Self(0x0010_0000);
    /// `GENERIC_ALL`.
    pub const GENERIC_ALL: Self = Self(0x1000_0000);
    /// `GENERIC_EXECUTE`.
    pub const GENERIC_EXECUTE: Self = Self(0x2000_0000);
    /// `GENERIC_WRITE`.
    pub const GENERIC_WRITE: Self = Self(0x4000_0000);
    /// `GENERIC_READ`.
    pub const GENERIC_READ: Self = Self(0x8000_0000);
    /// `FILE_ALL_ACCESS`: full control of a file or directory.
    pub const FILE_ALL_ACCESS: Self = Self(0x001f_01ff);
    /// `FILE_GENERIC_READ`.
    pub const FILE_GENERIC_READ: Self = Self(0x0012_0089);
    /// `FILE_GENERIC_WRITE`.
    pub const FILE_GENERIC_WRITE: Self = Self(0x0012_0116);
    /// `FILE_GENERIC_EXECUTE`.
    pub const FILE_GENERIC_EXECUTE: Self = Self(0x0012_00a0);

    const GENERIC: Self = Self(0xf000_0000);

    /// Whether any generic right is in the mask.
    #[must_use]
    pub fn has_generic(self) -> bool {
        self & Self::GENERIC != Self(0)
    }

    /// The mask with its generic rights replaced by what they mean for a kind of object.
    #[must_use]
    pub fn map_generic(self, mapping: &GenericMapping) -> Self {
        let rights = [
            (Self::GENERIC_READ, mapping.read),
            (Self::GENERIC_WRITE, mapping.write),
            (Self::GENERIC_EXECUTE, mapping.execute),
            (Self::GENERIC_ALL, mapping.all),
        ];
        let specific = self & !Self::GENERIC;
        rights
            .into_iter()
            .filter(|&(generic, _)| self & generic != Self(0))
            .fold(specific, |mask, (_, add)| mask | add)
    }
}

impl BitOr for AccessMask {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for AccessMask {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for AccessMask {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}

/// What the four generic rights mean for one kind of object (`GENERIC_MAPPING`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenericMapping {
    /// The rights of `GENERIC_READ`.
    pub read: AccessMask,
    /// The rights of `GENERIC_WRITE`.
    pub write: AccessMask,
    /// The rights of `GENERIC_EXECUTE`.
    pub execute: AccessMask,
    /// The rights of `GENERIC_ALL`.
    pub all: AccessMask,
}

impl GenericMapping {
    /// The mapping of files and directories.
    pub const FILE: Self = Self {
        read: AccessMask::FILE_GENERIC_READ,
        write: AccessMask::FILE_GENERIC_WRITE,
        execute: AccessMask::FILE_GENERIC_EXECUTE,
        all: AccessMask::FILE_ALL_ACCESS,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_rights_become_file_rights_and_the_rest_stays() {
        let mask = AccessMask::GENERIC_READ | AccessMask::GENERIC_EXECUTE | AccessMask::DELETE;
        assert_eq!(mask.map_generic(&GenericMapping::FILE), AccessMask(0x0013_00a9));
        assert_eq!(AccessMask::GENERIC_ALL.map_generic(&GenericMapping::FILE), AccessMask::FILE_ALL_ACCESS);
        assert_eq!(AccessMask(0x1301bf).map_generic(&GenericMapping::FILE), AccessMask(0x1301bf));
    }
}
