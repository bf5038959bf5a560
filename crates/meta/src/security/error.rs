//! What can be wrong with a security descriptor or its SDDL text, and where.

use std::fmt;

/// Why a security descriptor, or one of its parts, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecurityError {
    /// The binary form breaks a rule of [MS-DTYP] 2.4.
    #[error("{location}: {problem}")]
    Malformed {
        /// Which field, at which byte.
        location: Location,
        /// Which rule.
        problem: Problem,
    },
    /// The text is not SDDL ([MS-DTYP] 2.5.1).
    #[error("sddl character {position}: expected {expected}, found {found}")]
    Syntax {
        /// Position of the unexpected text, in characters from the start of the string.
        position: usize,
        /// What could have stood there.
        expected: &'static str,
        /// What stood there.
        found: String,
    },
    /// The text names an account relative to a domain, and no domain was given.
    #[error(
        "sddl character {position}: alias {alias} is an account of a domain: give the domain's SID, or write S-1-5-21-…-{rid}"
    )]
    DomainNeeded {
        /// Position of the alias, in characters from the start of the string.
        position: usize,
        /// The alias, such as `DA`.
        alias: &'static str,
        /// The relative id that the alias adds to the domain's SID.
        rid: u32,
    },
    /// The value is sound, but SDDL has no words for it.
    #[error("{what} cannot be written as sddl: {why}")]
    NoSddl {
        /// The part that has no text form.
        what: String,
        /// Why not.
        why: &'static str,
    },
    /// The value does not fit the 16-bit sizes of the binary form.
    #[error("{what} needs {size} bytes, the most is {limit}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The size it would have.
        size: usize,
        /// The largest size there is.
        limit: usize,
    },
}

/// A field of a binary descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// The part of the descriptor: `header`, `owner`, `group`, `sacl`, `dacl`, or what was parsed alone (`sid`, `acl`).
    pub part: &'static str,
    /// The index of the access control entry within the part, where the field is in one.
    pub ace: Option<u16>,
    /// The field, such as `size`.
    pub field: &'static str,
    /// The field's offset in bytes from the start of the input.
    pub offset: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.part)?;
        if let Some(index) = self.ace {
            write!(f, " ace {index}")?;
        }
        write!(f, ", {} at byte {}", self.field, self.offset)
    }
}

/// The rule that a binary descriptor breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The input ends before the field does.
    #[error("needs {needed} bytes, {left} are left")]
    Truncated {
        /// Bytes that the field needs.
        needed: usize,
        /// Bytes that there are.
        left: usize,
    },
    /// A revision that is not defined.
    #[error("revision {found} is not known")]
    Revision {
        /// The revision found.
        found: u8,
    },
    /// More than 15 sub-authorities.
    #[error("{found} sub-authorities, the most is 15")]
    SubAuthorities {
        /// The count found.
        found: u8,
    },
    /// `SE_SELF_RELATIVE` is not set.
    #[error("control flags {found:#06x} do not say self-relative (0x8000)")]
    NotSelfRelative {
        /// The control flags found.
        found: u16,
    },
    /// An offset that points into the header or past the end.
    #[error("offset {found} is outside {first}..{end}")]
    Offset {
        /// The offset found.
        found: u32,
        /// The first offset allowed.
        first: usize,
        /// The end of the input.
        end: usize,
    },
    /// An offset or size that is not a multiple of 4.
    #[error("{found} is not a multiple of 4")]
    Unaligned {
        /// The number found.
        found: u32,
    },
    /// A size smaller than what it must hold.
    #[error("size {found} is smaller than its content of {needed}")]
    TooSmall {
        /// The size found.
        found: usize,
        /// The size of the content.
        needed: usize,
    },
}
