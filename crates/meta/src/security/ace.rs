//! Access control entries: one line of an access control list each.

use std::ops::BitOr;

use super::bytes::Span;
use super::error::{Problem, SecurityError};
use super::guid::Guid;
use super::mask::AccessMask;
use super::sid::Sid;

/// Type, flags and size.
const HEADER: usize = 4;
const OBJECT_TYPE_PRESENT: u32 = 1;
const INHERITED_OBJECT_TYPE_PRESENT: u32 = 2;

/// An access control entry ([MS-DTYP] 2.4.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ace {
    /// How the entry is inherited and, in audit entries, when it fires.
    pub flags: AceFlags,
    /// What the entry says, by the layout of its kind.
    pub body: AceBody,
}

/// The content of an ACE after its header.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AceBody {
    /// A kind laid out as mask, SID, data.
    Plain {
        /// The kind.
        kind: PlainKind,
        /// The rights that the entry is about.
        mask: AccessMask,
        /// Whom the entry is about.
        sid: Sid,
        /// What follows the SID: the condition of a callback kind, the claim of a resource attribute, else nothing.
        /// Written with zero bytes added up to a multiple of 4.
        data: Vec<u8>,
    },
    /// A kind that can also name an object class or property.
    Object {
        /// The kind.
        kind: ObjectKind,
        /// The rights that the entry is about.
        mask: AccessMask,
        /// The class, property or extended right that the entry is about.
        object_type: Option<Guid>,
        /// The class of child that inherits the entry.
        inherited_object_type: Option<Guid>,
        /// Whom the entry is about.
        sid: Sid,
        /// What follows the SID, as in [`AceBody::Plain`].
        data: Vec<u8>,
    },
    /// A kind that [MS-DTYP] does not describe, kept as it is.
    Unknown {
        /// The type byte.
        kind: u8,
        /// Everything after the 4 bytes of header; written with zero bytes added up to a multiple of 4.
        bytes: Vec<u8>,
    },
}

/// The kinds of ACE laid out as mask, SID, data. The number is the type byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PlainKind {
    /// `ACCESS_ALLOWED_ACE`.
    Allow = 0x00,
    /// `ACCESS_DENIED_ACE`.
    Deny = 0x01,
    /// `SYSTEM_AUDIT_ACE`.
    Audit = 0x02,
    /// `SYSTEM_ALARM_ACE`.
    Alarm = 0x03,
    /// `ACCESS_ALLOWED_CALLBACK_ACE`: allow under a condition.
    AllowCallback = 0x09,
    /// `ACCESS_DENIED_CALLBACK_ACE`.
    DenyCallback = 0x0a,
    /// `SYSTEM_AUDIT_CALLBACK_ACE`.
    AuditCallback = 0x0d,
    /// `SYSTEM_ALARM_CALLBACK_ACE`.
    AlarmCallback = 0x0e,
    /// `SYSTEM_MANDATORY_LABEL_ACE`: the integrity level.
    MandatoryLabel = 0x11,
    /// `SYSTEM_RESOURCE_ATTRIBUTE_ACE`: a claim about the object.
    ResourceAttribute = 0x12,
    /// `SYSTEM_SCOPED_POLICY_ID_ACE`: the central access policy.
    ScopedPolicyId = 0x13,
    /// `SYSTEM_PROCESS_TRUST_LABEL_ACE`.
    ProcessTrustLabel = 0x14,
    /// `SYSTEM_ACCESS_FILTER_ACE`.
    AccessFilter = 0x15,
}

/// The kinds of ACE that can name an object class. The number is the type byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ObjectKind {
    /// `ACCESS_ALLOWED_OBJECT_ACE`.
    Allow = 0x05,
    /// `ACCESS_DENIED_OBJECT_ACE`.
    Deny = 0x06,
    /// `SYSTEM_AUDIT_OBJECT_ACE`.
    Audit = 0x07,
    /// `SYSTEM_ALARM_OBJECT_ACE`.
    Alarm = 0x08,
    /// `ACCESS_ALLOWED_CALLBACK_OBJECT_ACE`.
    AllowCallback = 0x0b,
    /// `ACCESS_DENIED_CALLBACK_OBJECT_ACE`.
    DenyCallback = 0x0c,
    /// `SYSTEM_AUDIT_CALLBACK_OBJECT_ACE`.
    AuditCallback = 0x0f,
    /// `SYSTEM_ALARM_CALLBACK_OBJECT_ACE`.
    AlarmCallback = 0x10,
}

/// The layout that a type byte asks for.
enum Layout {
    Plain(PlainKind),
    Object(ObjectKind),
    Unknown,
}

impl Layout {
    fn of(kind: u8) -> Self {
        use {ObjectKind as O, PlainKind as P};
        match kind {
            0x00 => Self::Plain(P::Allow),
            0x01 => Self::Plain(P::Deny),
            0x02 => Self::Plain(P::Audit),
            0x03 => Self::Plain(P::Alarm),
            0x05 => Self::Object(O::Allow),
            0x06 => Self::Object(O::Deny),
            0x07 => Self::Object(O::Audit),
            0x08 => Self::Object(O::Alarm),
            0x09 => Self::Plain(P::AllowCallback),
            0x0a => Self::Plain(P::DenyCallback),
            0x0b => Self::Object(O::AllowCallback),
            0x0c => Self::Object(O::DenyCallback),
            0x0d => Self::Plain(P::AuditCallback),
            0x0e => Self::Plain(P::AlarmCallback),
            0x0f => Self::Object(O::AuditCallback),
            0x10 => Self::Object(O::AlarmCallback),
            0x11 => Self::Plain(P::MandatoryLabel),
            0x12 => Self::Plain(P::ResourceAttribute),
            0x13 => Self::Plain(P::ScopedPolicyId),
            0x14 => Self::Plain(P::ProcessTrustLabel),
            0x15 => Self::Plain(P::AccessFilter),
            _ => Self::Unknown,
        }
    }
}

/// The flag byte of an ACE header ([MS-DTYP] 2.4.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AceFlags(pub u8);

impl AceFlags {
    /// Files inherit the entry (`OI`).
    pub const OBJECT_INHERIT: Self = Self(0x01);
    /// Directories inherit the entry (`CI`).
    pub const CONTAINER_INHERIT: Self = Self(0x02);
    /// Children inherit the entry without its inheritance flags (`NP`).
    pub const NO_PROPAGATE: Self = Self(0x04);
    /// The entry is only for children (`IO`).
    pub const INHERIT_ONLY: Self = Self(0x08);
    /// The entry came from a parent (`ID`).
    pub const INHERITED: Self = Self(0x10);
    /// Windows must not change the entry (`CR`).
    pub const CRITICAL: Self = Self(0x20);
    /// An audit entry fires on success (`SA`); on an access filter: trust-protected (`TP`).
    pub const SUCCESSFUL_ACCESS: Self = Self(0x40);
    /// An audit entry fires on failure (`FA`).
    pub const FAILED_ACCESS: Self = Self(0x80);

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

impl BitOr for AceFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Ace {
    /// An ACE of a plain kind without data.
    #[must_use]
    pub fn new(kind: PlainKind, flags: AceFlags, mask: AccessMask, sid: Sid) -> Self {
        Self { flags, body: AceBody::Plain { kind, mask, sid, data: Vec::new() } }
    }

    /// The type byte.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match &self.body {
            AceBody::Plain { kind, .. } => *kind as u8,
            AceBody::Object { kind, .. } => *kind as u8,
            AceBody::Unknown { kind, .. } => *kind,
        }
    }

    /// The rights that the entry is about, where its kind is known.
    #[must_use]
    pub fn mask(&self) -> Option<AccessMask> {
        match &self.body {
            AceBody::Plain { mask, .. } | AceBody::Object { mask, .. } => Some(*mask),
            AceBody::Unknown { .. } => None,
        }
    }

    /// Whom the entry is about, where its kind is known.
    #[must_use]
    pub fn sid(&self) -> Option<&Sid> {
        match &self.body {
            AceBody::Plain { sid, .. } | AceBody::Object { sid, .. } => Some(sid),
            AceBody::Unknown { .. } => None,
        }
    }

    /// The length of the binary form, a multiple of 4.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let body = match &self.body {
            AceBody::Plain { sid, data, .. } => 4 + sid.byte_len() + data.len(),
            AceBody::Object { object_type, inherited_object_type, sid, data, .. } => {
                let guids = usize::from(object_type.is_some()) + usize::from(inherited_object_type.is_some());
                8 + 16 * guids + sid.byte_len() + data.len()
            }
            AceBody::Unknown { bytes, .. } => bytes.len(),
        };
        (HEADER + body).next_multiple_of(4)
    }

    /// Reads the ACE that fills `span`, which [`frame`] cut to the ACE's size.
    pub(super) fn read(span: Span<'_>) -> Result<Self, SecurityError> {
        let (kind, flags) = (span.u8("type", 0)?, AceFlags(span.u8("flags", 1)?));
        let body = match Layout::of(kind) {
            Layout::Plain(kind) => {
                let mask = AccessMask(span.u32("mask", HEADER)?);
                let (sid, data) = sid_and_data(span, HEADER + 4)?;
                AceBody::Plain { kind, mask, sid, data }
            }
            Layout::Object(kind) => {
                let mask = AccessMask(span.u32("mask", HEADER)?);
                let guids = ObjectTypes::read(span)?;
                let (sid, data) = sid_and_data(span, guids.end)?;
                let (object_type, inherited_object_type) = (guids.object, guids.inherited);
                AceBody::Object { kind, mask, object_type, inherited_object_type, sid, data }
            }
            Layout::Unknown => AceBody::Unknown { kind, bytes: span.tail("data", HEADER)?.bytes().to_vec() },
        };
        Ok(Self { flags, body })
    }

    /// Checks the ACE that fills `span` as [`Self::read`] does, without allocating.
    pub(super) fn check(span: Span<'_>) -> Result<(), SecurityError> {
        let layout = Layout::of(span.u8("type", 0)?);
        if matches!(layout, Layout::Unknown) {
            return Ok(());
        }
        span.u32("mask", HEADER)?;
        let sid_at = match layout {
            Layout::Object(_) => ObjectTypes::read(span)?.end,
            Layout::Plain(_) | Layout::Unknown => HEADER + 4,
        };
        Sid::check(span.tail("sid", sid_at)?).map(|_| ())
    }

    /// Appends the binary form. [`super::acl::Acl`] has made sure that its size fits the size field.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let size = u16::try_from(self.byte_len()).unwrap_or(u16::MAX);
        out.extend([self.kind(), self.flags.0]);
        out.extend(size.to_le_bytes());
        match &self.body {
            AceBody::Plain { mask, sid, data, .. } => {
                out.extend(mask.0.to_le_bytes());
                sid.write(out);
                out.extend(data);
            }
            AceBody::Object { mask, object_type, inherited_object_type, sid, data, .. } => {
                out.extend(mask.0.to_le_bytes());
                write_object_types(*object_type, *inherited_object_type, out);
                sid.write(out);
                out.extend(data);
            }
            AceBody::Unknown { bytes, .. } => out.extend(bytes),
        }
        out.resize(start + self.byte_len(), 0);
    }
}

/// Cuts `span` to the ACE that it starts with.
pub(super) fn frame(span: Span<'_>) -> Result<Span<'_>, SecurityError> {
    let size = span.u16("size", 2)?;
    if size % 4 != 0 {
        return Err(span.error("size", 2, Problem::Unaligned { found: u32::from(size) }));
    }
    let size = usize::from(size);
    if size < HEADER {
        return Err(span.error("size", 2, Problem::TooSmall { found: size, needed: HEADER }));
    }
    span.head("ace", size)
}

fn sid_and_data(span: Span<'_>, sid_at: usize) -> Result<(Sid, Vec<u8>), SecurityError> {
    let rest = span.tail("sid", sid_at)?;
    let sid = Sid::read(rest)?;
    Ok((sid, rest.tail("data", sid.byte_len())?.bytes().to_vec()))
}

/// The optional GUIDs of an object ACE and where they end.
struct ObjectTypes {
    object: Option<Guid>,
    inherited: Option<Guid>,
    end: usize,
}

impl ObjectTypes {
    fn read(span: Span<'_>) -> Result<Self, SecurityError> {
        let flags = span.u32("object flags", HEADER + 4)?;
        let mut end = HEADER + 8;
        let mut guid = |field, flag| -> Result<Option<Guid>, SecurityError> {
            if flags & flag == 0 {
                return Ok(None);
            }
            let guid = Guid::from_bytes(span.array(field, end)?);
            end += 16;
            Ok(Some(guid))
        };
        let object = guid("object type", OBJECT_TYPE_PRESENT)?;
        let inherited = guid("inherited object type", INHERITED_OBJECT_TYPE_PRESENT)?;
        Ok(Self { object, inherited, end })
    }
}

fn write_object_types(object: Option<Guid>, inherited: Option<Guid>, out: &mut Vec<u8>) {
    let flag = |guid: Option<Guid>, flag| if guid.is_some() { flag } else { 0 };
    let flags = flag(object, OBJECT_TYPE_PRESENT) | flag(inherited, INHERITED_OBJECT_TYPE_PRESENT);
    out.extend(flags.to_le_bytes());
    for guid in [object, inherited].into_iter().flatten() {
        out.extend(guid.to_bytes());
    }
}
