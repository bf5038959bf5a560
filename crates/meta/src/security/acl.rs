//! Access control lists: the entries that decide about access (DACL) or auditing and labels (SACL), in order.

use super::ace::{self, Ace, AceBody};
use super::bytes::Span;
use super::error::{Problem, SecurityError};

const HEADER: usize = 8;

/// An access control list ([MS-DTYP] 2.4.5): entries that fit 65,535 bytes together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Acl {
    revision: AclRevision,
    aces: Vec<Ace>,
}

/// The revision of an ACL, which says what kinds of ACE a reader must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AclRevision {
    /// `ACL_REVISION`: no object ACEs.
    Basic = 2,
    /// `ACL_REVISION_DS`: object ACEs too.
    DirectoryService = 4,
}

impl AclRevision {
    /// The lowest revision that allows every one of `aces`, which is what Windows writes.
    #[must_use]
    pub fn for_aces(aces: &[Ace]) -> Self {
        if aces.iter().any(|ace| matches!(ace.body, AceBody::Object { .. })) {
            return Self::DirectoryService;
        }
        Self::Basic
    }
}

impl Acl {
    /// The largest binary form, in bytes.
    pub const MAX_BYTES: usize = 0xffff;

    /// A list of these entries, in this order.
    ///
    /// # Errors
    /// The binary form would be larger than [`Self::MAX_BYTES`].
    pub fn new(revision: AclRevision, aces: Vec<Ace>) -> Result<Self, SecurityError> {
        let acl = Self { revision, aces };
        let size = acl.byte_len();
        if size > Self::MAX_BYTES {
            return Err(SecurityError::TooLarge {
                what: "access control list",
                size,
                limit: Self::MAX_BYTES,
            });
        }
        Ok(acl)
    }

    /// A list of these entries with the revision that they need.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_aces(aces: Vec<Ace>) -> Result<Self, SecurityError> {
        Self::new(AclRevision::for_aces(&aces), aces)
    }

    /// Reads the ACL that `bytes` starts with; its size field says how many bytes it takes.
    ///
    /// # Errors
    /// A revision other than 2 and 4, sizes that exceed what holds them, or a damaged entry.
    pub fn parse(bytes: &[u8]) -> Result<Self, SecurityError> {
        Self::read(Span::new(bytes, "acl"))
    }

    pub(super) fn read(span: Span<'_>) -> Result<Self, SecurityError> {
        let (revision, aces) = frames(span)?;
        let aces = aces.map(|ace| Ace::read(ace?)).collect::<Result<_, _>>()?;
        Ok(Self { revision, aces })
    }

    /// Checks the ACL that `span` starts with as [`Self::read`] does, without allocating.
    pub(super) fn check(span: Span<'_>) -> Result<(), SecurityError> {
        let (_, mut aces) = frames(span)?;
        aces.try_for_each(|ace| Ace::check(ace?))
    }

    /// The revision.
    #[must_use]
    pub fn revision(&self) -> AclRevision {
        self.revision
    }

    /// The entries, in order.
    #[must_use]
    pub fn aces(&self) -> &[Ace] {
        &self.aces
    }

    /// The length of the binary form in bytes.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        HEADER + self.aces.iter().map(Ace::byte_len).sum::<usize>()
    }

    /// Appends the binary form: no unused bytes after the last entry, reserved fields zero.
    pub fn write(&self, out: &mut Vec<u8>) {
        // `new` has bounded the size; an entry takes 4 bytes at least, so that the count fits as well.
        let field = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).to_le_bytes();
        out.extend([self.revision as u8, 0]);
        out.extend(field(self.byte_len()));
        out.extend(field(self.aces.len()));
        out.extend([0, 0]);
        for ace in &self.aces {
            ace.write(out);
        }
    }
}

/// The revision of the ACL that `span` starts with, and its entries, each cut to its size.
fn frames<'a>(
    span: Span<'a>,
) -> Result<(AclRevision, impl Iterator<Item = Result<Span<'a>, SecurityError>>), SecurityError> {
    let revision = match span.u8("revision", 0)? {
        2 => AclRevision::Basic,
        4 => AclRevision::DirectoryService,
        found => return Err(span.error("revision", 0, Problem::Revision { found })),
    };
    let size = usize::from(span.u16("size", 2)?);
    let count = span.u16("ace count", 4)?;
    if size < HEADER {
        return Err(span.error("size", 2, Problem::TooSmall { found: size, needed: HEADER }));
    }
    let mut rest = span.head("acl", size)?.tail("aces", HEADER)?;
    let aces = (0..count).map(move |index| {
        let ace = ace::frame(rest.of_ace(index))?;
        rest = rest.tail("ace", ace.len())?;
        Ok(ace)
    });
    Ok((revision, aces))
}
