//! The words that SDDL has for kinds of ACE and for flags.

use crate::security::ace::{AceFlags, ObjectKind, PlainKind};
use crate::security::claim::ClaimKind;
use crate::security::descriptor::Control;

/// A kind of ACE that SDDL has a word for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A kind without room for GUIDs.
    Plain(PlainKind),
    /// A kind with room for GUIDs.
    Object(ObjectKind),
}

/// What stands after the SID of an ACE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extra {
    /// Nothing.
    None,
    /// A conditional expression.
    Condition,
    /// A conditional expression, or nothing.
    MaybeCondition,
    /// A resource attribute.
    Attribute,
}

const KINDS: [(&str, Kind); 17] = [
    ("A", Kind::Plain(PlainKind::Allow)),
    ("D", Kind::Plain(PlainKind::Deny)),
    ("AU", Kind::Plain(PlainKind::Audit)),
    ("AL", Kind::Plain(PlainKind::Alarm)),
    ("OA", Kind::Object(ObjectKind::Allow)),
    ("OD", Kind::Object(ObjectKind::Deny)),
    ("OU", Kind::Object(ObjectKind::Audit)),
    ("OL", Kind::Object(ObjectKind::Alarm)),
    ("ML", Kind::Plain(PlainKind::MandatoryLabel)),
    ("XA", Kind::Plain(PlainKind::AllowCallback)),
    ("XD", Kind::Plain(PlainKind::DenyCallback)),
    ("XU", Kind::Plain(PlainKind::AuditCallback)),
    ("ZA", Kind::Object(ObjectKind::AllowCallback)),
    ("RA", Kind::Plain(PlainKind::ResourceAttribute)),
    ("SP", Kind::Plain(PlainKind::ScopedPolicyId)),
    ("TL", Kind::Plain(PlainKind::ProcessTrustLabel)),
    ("FL", Kind::Plain(PlainKind::AccessFilter)),
];

impl Kind {
    /// The word, or `None` for the callback kinds that SDDL leaves out.
    pub(super) fn word(self) -> Option<&'static str> {
        KINDS.iter().find(|(_, kind)| *kind == self).map(|(word, _)| *word)
    }

    /// The kind that a word names; the case of the letters does not matter.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, kind)| *kind)
    }

    pub(super) fn extra(self) -> Extra {
        match self {
            Self::Plain(PlainKind::ResourceAttribute) => Extra::Attribute,
            Self::Plain(PlainKind::AccessFilter) => Extra::MaybeCondition,
            Self::Plain(
                PlainKind::AllowCallback
                | PlainKind::DenyCallback
                | PlainKind::AuditCallback
                | PlainKind::AlarmCallback,
            )
            | Self::Object(
                ObjectKind::AllowCallback
                | ObjectKind::DenyCallback
                | ObjectKind::AuditCallback
                | ObjectKind::AlarmCallback,
            ) => Extra::Condition,
            Self::Plain(_) | Self::Object(_) => Extra::None,
        }
    }
}

/// The flags of ACEs in the order in which Windows writes them.
const ACE_FLAGS: [(&str, AceFlags); 8] = [
    ("OI", AceFlags::OBJECT_INHERIT),
    ("CI", AceFlags::CONTAINER_INHERIT),
    ("NP", AceFlags::NO_PROPAGATE),
    ("IO", AceFlags::INHERIT_ONLY),
    ("ID", AceFlags::INHERITED),
    ("CR", AceFlags::CRITICAL),
    ("SA", AceFlags::SUCCESSFUL_ACCESS),
    ("FA", AceFlags::FAILED_ACCESS),
];

/// The bit of `SA` is called so in an access filter.
const TRUST_PROTECTED: &str = "TP";

/// The flag that a word names; the case of the letters does not matter.
pub(super) fn ace_flag(word: &str) -> Option<AceFlags> {
    if word.eq_ignore_ascii_case(TRUST_PROTECTED) {
        return Some(AceFlags::SUCCESSFUL_ACCESS);
    }
    ACE_FLAGS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, flag)| *flag)
}

/// The words for the flags of an ACE.
pub(super) fn ace_flag_words(flags: AceFlags, kind: Kind) -> impl Iterator<Item = &'static str> {
    ACE_FLAGS.into_iter().filter(move |(_, flag)| flags.contains(*flag)).map(move |(word, flag)| {
        let trust = flag == AceFlags::SUCCESSFUL_ACCESS && kind == Kind::Plain(PlainKind::AccessFilter);
        if trust { TRUST_PROTECTED } else { word }
    })
}

/// The text for a list that is present and null.
pub(super) const NULL_ACL: &str = "NO_ACCESS_CONTROL";

/// The two lists of a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// The DACL, `D:`.
    Dacl,
    /// The SACL, `S:`.
    Sacl,
}

impl List {
    /// The words for the control flags about this list, in the order in which Windows writes them.
    pub(super) fn flags(self) -> [(&'static str, Control); 3] {
        match self {
            Self::Dacl => [
                ("P", Control::DACL_PROTECTED),
                ("AR", Control::DACL_AUTO_INHERIT_REQ),
                ("AI", Control::DACL_AUTO_INHERITED),
            ],
            Self::Sacl => [
                ("P", Control::SACL_PROTECTED),
                ("AR", Control::SACL_AUTO_INHERIT_REQ),
                ("AI", Control::SACL_AUTO_INHERITED),
            ],
        }
    }
}

/// The word for the type of a resource attribute.
pub(super) fn claim_kind_word(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::Signed => "TI",
        ClaimKind::Unsigned => "TU",
        ClaimKind::Text => "TS",
        ClaimKind::Sid => "TD",
        ClaimKind::Octets => "TX",
        ClaimKind::Boolean => "TB",
    }
}

/// The type of a resource attribute that a word names; the case of the letters does not matter.
pub(super) fn claim_kind(word: &str) -> Option<ClaimKind> {
    ClaimKind::ALL.into_iter().find(|kind| claim_kind_word(*kind).eq_ignore_ascii_case(word))
}
