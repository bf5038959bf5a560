//! Security descriptors in their self-relative form: owner, group, and the two lists.

use std::ops::BitOr;

use super::acl::Acl;
use super::bytes::Span;
use super::error::{Problem, SecurityError};
use super::sid::Sid;

const REVISION: u8 = 1;
const HEADER: usize = 20;
/// Where the header keeps the four offsets.
const OWNER_AT: usize = 4;
const GROUP_AT: usize = 8;
const SACL_AT: usize = 12;
const DACL_AT: usize = 16;

/// A security descriptor ([MS-DTYP] 2.4.6).
///
/// Comparing two descriptors compares what they say, not how their bytes are laid out.
#[derive(Debug, Clone)]
pub struct SecurityDescriptor {
    control: Control,
    rm_control: u8,
    owner: Option<Sid>,
    group: Option<Sid>,
    sacl: AclPresence,
    dacl: AclPresence,
    /// The bytes that this value was parsed from, as long as it was not changed.
    source: Option<Box<[u8]>>,
}

/// A SACL or DACL, or which kind of nothing stands in its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum AclPresence {
    /// The descriptor does not speak of the list.
    #[default]
    Absent,
    /// The list is present and null: a null DACL lets everyone do everything.
    Null,
    /// The list is present; if it is empty, a DACL lets no one do anything.
    Present(Acl),
}

impl AclPresence {
    /// The list, if there is one.
    #[must_use]
    pub fn acl(&self) -> Option<&Acl> {
        match self {
            Self::Present(acl) => Some(acl),
            Self::Absent | Self::Null => None,
        }
    }
}

/// The control flags of a security descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Control(pub u16);

impl Control {
    /// The owner was chosen by default (`OD`).
    pub const OWNER_DEFAULTED: Self = Self(0x0001);
    /// The group was chosen by default (`GD`).
    pub const GROUP_DEFAULTED: Self = Self(0x0002);
    /// There is a DACL, maybe a null one (`DP`).
    pub const DACL_PRESENT: Self = Self(0x0004);
    /// The DACL was chosen by default (`DD`).
    pub const DACL_DEFAULTED: Self = Self(0x0008);
    /// There is a SACL, maybe a null one (`SP`).
    pub const SACL_PRESENT: Self = Self(0x0010);
    /// The SACL was chosen by default (`SD`).
    pub const SACL_DEFAULTED: Self = Self(0x0020);
    /// `SE_DACL_UNTRUSTED` (`DT`).
    pub const DACL_TRUSTED: Self = Self(0x0040);
    /// `SE_SERVER_SECURITY` (`SS`).
    pub const SERVER_SECURITY: Self = Self(0x0080);
    /// The DACL asks to be inherited (`DC`; `AR` in SDDL).
    pub const DACL_AUTO_INHERIT_REQ: Self = Self(0x0100);
    /// The SACL asks to be inherited (`SC`; `AR` in SDDL).
    pub const SACL_AUTO_INHERIT_REQ: Self = Self(0x0200);
    /// The DACL was made by automatic inheritance (`DI`; `AI` in SDDL).
    pub const DACL_AUTO_INHERITED: Self = Self(0x0400);
    /// The SACL was made by automatic inheritance (`SI`; `AI` in SDDL).
    pub const SACL_AUTO_INHERITED: Self = Self(0x0800);
    /// The DACL takes nothing from the parent (`PD`; `P` in SDDL).
    pub const DACL_PROTECTED: Self = Self(0x1000);
    /// The SACL takes nothing from the parent (`PS`; `P` in SDDL).
    pub const SACL_PROTECTED: Self = Self(0x2000);
    /// The byte after the revision is meant for the resource manager (`RM`).
    pub const RM_CONTROL_VALID: Self = Self(0x4000);
    /// The descriptor is self-relative (`SR`), as all binary descriptors here are.
    pub const SELF_RELATIVE: Self = Self(0x8000);

    /// The flags that follow from the descriptor's content.
    const DERIVED: Self = Self(Self::SELF_RELATIVE.0 | Self::DACL_PRESENT.0 | Self::SACL_PRESENT.0);

    /// Whether all of `flags` are set.
    #[must_use]
    pub fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These flags without `flags`.
    #[must_use]
    pub fn without(self, flags: Self) -> Self {
        Self(self.0 & !flags.0)
    }
}

impl BitOr for Control {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Default for SecurityDescriptor {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for SecurityDescriptor {
    fn eq(&self, other: &Self) -> bool {
        self.control == other.control
            && self.rm_control == other.rm_control
            && self.owner == other.owner
            && self.group == other.group
            && self.sacl == other.sacl
            && self.dacl == other.dacl
    }
}

impl Eq for SecurityDescriptor {}

impl SecurityDescriptor {
    /// A descriptor that says nothing: no owner, no group, both lists absent.
    #[must_use]
    pub fn new() -> Self {
        Self {
            control: Control::SELF_RELATIVE,
            rm_control: 0,
            owner: None,
            group: None,
            sacl: AclPresence::Absent,
            dacl: AclPresence::Absent,
            source: None,
        }
    }

    /// Reads a self-relative descriptor, which keeps a copy of `bytes` to write it back as it was.
    ///
    /// Bytes that no field points to are allowed, as Windows allows them.
    ///
    /// # Errors
    /// Exactly when [`Self::validate`] gives one.
    pub fn parse(bytes: &[u8]) -> Result<Self, SecurityError> {
        let header = Header::read(bytes)?;
        let sid = |span: Option<Span<'_>>| span.map(Sid::read).transpose();
        let acl = |place: Place<'_>| {
            Ok(match place {
                Place::Absent => AclPresence::Absent,
                Place::Null => AclPresence::Null,
                Place::At(span) => AclPresence::Present(Acl::read(span)?),
            })
        };
        Ok(Self {
            control: header.control,
            rm_control: header.rm_control,
            owner: sid(header.owner)?,
            group: sid(header.group)?,
            sacl: acl(header.sacl)?,
            dacl: acl(header.dacl)?,
            source: Some(bytes.into()),
        })
    }

    /// Checks a self-relative descriptor without allocating: revision 1, self-relative, every offset a multiple of 4
    /// and between the header and the end, every SID, list and entry within what holds it.
    ///
    /// # Errors
    /// The first rule that `bytes` breaks, with the field and its offset.
    pub fn validate(bytes: &[u8]) -> Result<(), SecurityError> {
        let header = Header::read(bytes)?;
        for sid in [header.owner, header.group].into_iter().flatten() {
            Sid::check(sid)?;
        }
        for acl in [header.sacl, header.dacl] {
            if let Place::At(span) = acl {
                Acl::check(span)?;
            }
        }
        Ok(())
    }

    /// The self-relative binary form: the parsed bytes if this value was parsed and not changed, else header, SACL,
    /// DACL, owner, group without gaps, which is how NTFS gives descriptors and how Windows makes them from SDDL.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if let Some(source) = &self.source {
            return source.to_vec();
        }
        let mut out = vec![REVISION, self.rm_control];
        out.extend(self.control.0.to_le_bytes());
        out.resize(HEADER, 0);
        append(&mut out, SACL_AT, self.sacl.acl(), Acl::write);
        append(&mut out, DACL_AT, self.dacl.acl(), Acl::write);
        append(&mut out, OWNER_AT, self.owner.as_ref(), Sid::write);
        append(&mut out, GROUP_AT, self.group.as_ref(), Sid::write);
        out
    }

    /// The control flags.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control
    }

    /// The resource manager's byte (`Sbz1`), which has meaning if [`Control::RM_CONTROL_VALID`] is set.
    #[must_use]
    pub fn rm_control(&self) -> u8 {
        self.rm_control
    }

    /// The owner.
    #[must_use]
    pub fn owner(&self) -> Option<&Sid> {
        self.owner.as_ref()
    }

    /// The primary group.
    #[must_use]
    pub fn group(&self) -> Option<&Sid> {
        self.group.as_ref()
    }

    /// The list of audits, labels and attributes.
    #[must_use]
    pub fn sacl(&self) -> &AclPresence {
        &self.sacl
    }

    /// The list that decides about access.
    #[must_use]
    pub fn dacl(&self) -> &AclPresence {
        &self.dacl
    }

    /// Sets the control flags, except for those that follow from the content: self-relative, DACL and SACL present.
    pub fn set_control(&mut self, control: Control) {
        self.control = control.without(Control::DERIVED) | Control(self.control.0 & Control::DERIVED.0);
        self.source = None;
    }

    /// Sets the resource manager's byte.
    pub fn set_rm_control(&mut self, rm_control: u8) {
        self.rm_control = rm_control;
        self.source = None;
    }

    /// Sets or removes the owner.
    pub fn set_owner(&mut self, owner: Option<Sid>) {
        self.owner = owner;
        self.source = None;
    }

    /// Sets or removes the primary group.
    pub fn set_group(&mut self, group: Option<Sid>) {
        self.group = group;
        self.source = None;
    }

    /// Sets the SACL.
    pub fn set_sacl(&mut self, sacl: AclPresence) {
        self.control = present(self.control, Control::SACL_PRESENT, &sacl);
        self.sacl = sacl;
        self.source = None;
    }

    /// Sets the DACL.
    pub fn set_dacl(&mut self, dacl: AclPresence) {
        self.control = present(self.control, Control::DACL_PRESENT, &dacl);
        self.dacl = dacl;
        self.source = None;
    }
}

fn present(control: Control, flag: Control, acl: &AclPresence) -> Control {
    match acl {
        AclPresence::Absent => control.without(flag),
        AclPresence::Null | AclPresence::Present(_) => control | flag,
    }
}

/// Appends an item and puts its offset where the header keeps it.
fn append<T>(out: &mut Vec<u8>, offset_at: usize, item: Option<&T>, write: fn(&T, &mut Vec<u8>)) {
    let Some(item) = item else { return };
    // Two ACLs and one SID come before the last item: less than 2^18 bytes.
    let offset = u32::try_from(out.len()).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(offset_at..offset_at + 4) {
        field.copy_from_slice(&offset.to_le_bytes());
    }
    write(item, out);
}

/// The header's fields, offsets resolved.
struct Header<'a> {
    control: Control,
    rm_control: u8,
    owner: Option<Span<'a>>,
    group: Option<Span<'a>>,
    sacl: Place<'a>,
    dacl: Place<'a>,
}

/// Where an ACL is.
enum Place<'a> {
    Absent,
    Null,
    At(Span<'a>),
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, SecurityError> {
        let span = Span::new(bytes, "header");
        let revision = span.u8("revision", 0)?;
        if revision != REVISION {
            return Err(span.error("revision", 0, Problem::Revision { found: revision }));
        }
        let control = Control(span.u16("control", 2)?);
        if !control.contains(Control::SELF_RELATIVE) {
            return Err(span.error("control", 2, Problem::NotSelfRelative { found: control.0 }));
        }
        span.head("header", HEADER)?;
        let acl = |field, at, part, flag| {
            let target = target(span, field, at)?;
            // Windows ignores the offset of a list that is not flagged as present.
            Ok(match (control.contains(flag), target) {
                (false, _) => Place::Absent,
                (true, None) => Place::Null,
                (true, Some(target)) => Place::At(target.named(part)),
            })
        };
        Ok(Self {
            control,
            rm_control: span.u8("resource manager control", 1)?,
            owner: target(span, "owner offset", OWNER_AT)?.map(|span| span.named("owner")),
            group: target(span, "group offset", GROUP_AT)?.map(|span| span.named("group")),
            sacl: acl("sacl offset", SACL_AT, "sacl", Control::SACL_PRESENT)?,
            dacl: acl("dacl offset", DACL_AT, "dacl", Control::DACL_PRESENT)?,
        })
    }
}

/// What the offset field at `at` points to; zero points to nothing.
fn target<'a>(span: Span<'a>, field: &'static str, at: usize) -> Result<Option<Span<'a>>, SecurityError> {
    let found = span.u32(field, at)?;
    if found == 0 {
        return Ok(None);
    }
    let offset = usize::try_from(found).unwrap_or(usize::MAX);
    if offset < HEADER || offset >= span.len() {
        return Err(span.error(field, at, Problem::Offset { found, first: HEADER, end: span.len() }));
    }
    if offset % 4 != 0 {
        return Err(span.error(field, at, Problem::Unaligned { found }));
    }
    span.tail(field, offset).map(Some)
}
