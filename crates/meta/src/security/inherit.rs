//! The descriptor of a new file or directory, made from its parent's ([MS-DTYP] 2.5.3.4).
//!
//! Where the specification's pseudocode and its table of flags differ, this follows the table, which is what NTFS
//! does: an entry that was inherit-only for the parent takes effect in the child, and an entry that both takes
//! effect and is inherited further stays one entry unless the two need different rights or SIDs.

use super::ace::{Ace, AceBody, AceFlags, PlainKind};
use super::acl::Acl;
use super::descriptor::{AclPresence, Control, SecurityDescriptor};
use super::error::SecurityError;
use super::mask::GenericMapping;
use super::sid::Sid;
use super::well_known;

/// What is being created, by whom.
#[derive(Debug, Clone, Copy)]
pub struct NewObject<'a> {
    /// A file or a directory.
    pub kind: ObjectType,
    /// The descriptor that the creator asked for, if any. What it does not give comes from parent and defaults.
    pub creator: Option<&'a SecurityDescriptor>,
    /// What the creator's token would give.
    pub defaults: &'a Defaults,
    /// Whether the new lists say that they were inherited.
    pub auto_inherit: AutoInherit,
}

/// The two kinds of object that a file system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectType {
    /// A file, or anything else without children.
    File,
    /// A directory.
    Directory,
}

/// What a creator's token gives to a new object that neither creator nor parent say otherwise about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// The owner.
    pub owner: Sid,
    /// The primary group.
    pub group: Sid,
    /// The DACL if there is nothing to inherit; without one everyone has all access.
    pub dacl: Option<Acl>,
}

/// Whether a new list takes part in automatic inheritance: it is flagged as inherited (`AI`), and so are the entries
/// that come from the parent (`ID`), and those follow the creator's own entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AutoInherit {
    /// If the parent's list does, as NTFS has it.
    AsParent,
    /// Always.
    On,
    /// Never: the creator's list, if there is one, replaces what the parent has.
    Off,
}

/// The two lists and the control flags about them.
struct List {
    defaulted: Control,
    protected: Control,
    auto_inherited: Control,
}

const DACL: List = List {
    defaulted: Control::DACL_DEFAULTED,
    protected: Control::DACL_PROTECTED,
    auto_inherited: Control::DACL_AUTO_INHERITED,
};

const SACL: List = List {
    defaulted: Control::SACL_DEFAULTED,
    protected: Control::SACL_PROTECTED,
    auto_inherited: Control::SACL_AUTO_INHERITED,
};

/// A descriptor's control flags and one of its lists.
#[derive(Clone, Copy)]
struct Source<'a> {
    control: Control,
    acl: &'a AclPresence,
}

impl<'a> Source<'a> {
    fn of(descriptor: Option<&'a SecurityDescriptor>, list: fn(&SecurityDescriptor) -> &AclPresence) -> Self {
        match descriptor {
            Some(descriptor) => Self { control: descriptor.control(), acl: list(descriptor) },
            None => Self { control: Control(0), acl: &AclPresence::Absent },
        }
    }
}

impl SecurityDescriptor {
    /// The descriptor of a new object in a directory that has the descriptor `parent`.
    ///
    /// Owner and group are the creator's, else the defaults. A list is the creator's own entries (all of them if the
    /// creator protects the list) followed by what the parent's list passes on; if there is neither, a list that the
    /// creator gave as a default, else the default DACL. In the entries that take effect, `CREATOR OWNER` and
    /// `CREATOR GROUP` become owner and group, and generic rights become those of files.
    ///
    /// Files have no object class, so entries for children of a class never take effect; directories pass them on.
    ///
    /// # Errors
    /// A list would be larger than [`Acl::MAX_BYTES`].
    pub fn for_child(parent: Option<&Self>, child: &NewObject<'_>) -> Result<Self, SecurityError> {
        let given = |part: fn(&Self) -> Option<&Sid>| child.creator.and_then(part).copied();
        let maker = Maker {
            kind: child.kind,
            owner: given(Self::owner).unwrap_or(child.defaults.owner),
            group: given(Self::group).unwrap_or(child.defaults.group),
            auto_inherit: child.auto_inherit,
        };
        let defaults = child.defaults.dacl.clone().map_or(AclPresence::Absent, AclPresence::Present);
        let (dacl_control, dacl) = maker.list(
            &DACL,
            Source::of(parent, Self::dacl),
            Source::of(child.creator, Self::dacl),
            &defaults,
        )?;
        let (sacl_control, sacl) = maker.list(
            &SACL,
            Source::of(parent, Self::sacl),
            Source::of(child.creator, Self::sacl),
            &AclPresence::Absent,
        )?;
        let mut out = Self::new();
        out.set_owner(Some(maker.owner));
        out.set_group(Some(maker.group));
        out.set_control(dacl_control | sacl_control);
        out.set_dacl(dacl);
        out.set_sacl(sacl);
        Ok(out)
    }
}

/// What an entry does in the new object.
#[derive(Debug, Clone, Copy)]
struct Fate {
    takes_effect: bool,
    passes_on: bool,
}

/// What every entry of the new object is made with.
struct Maker {
    kind: ObjectType,
    owner: Sid,
    group: Sid,
    auto_inherit: AutoInherit,
}

impl Maker {
    /// One list of the new object and the control flags about it.
    fn list(
        &self,
        list: &List,
        parent: Source<'_>,
        creator: Source<'_>,
        default: &AclPresence,
    ) -> Result<(Control, AclPresence), SecurityError> {
        let auto_inherits = match self.auto_inherit {
            AutoInherit::AsParent => parent.control.contains(list.auto_inherited),
            AutoInherit::On => true,
            AutoInherit::Off => false,
        };
        let control = if auto_inherits { list.auto_inherited } else { Control::default() };
        let mark = if auto_inherits { AceFlags::INHERITED } else { AceFlags::default() };
        let inherited = entries(parent.acl).flat_map(|ace| self.inherited(ace, mark));
        if *creator.acl != AclPresence::Absent && !creator.control.contains(list.defaulted) {
            let protected = Control(creator.control.0 & list.protected.0);
            let merges = auto_inherits && !creator.control.contains(list.protected);
            let acl = self.creators(creator.acl, merges.then_some(inherited))?;
            return Ok((control | protected, acl));
        }
        let aces: Vec<Ace> = inherited.collect();
        if !aces.is_empty() {
            return Ok((control, AclPresence::Present(Acl::from_aces(aces)?)));
        }
        let fallback = if *creator.acl == AclPresence::Absent { default } else { creator.acl };
        Ok((control, self.creators(fallback, None::<std::iter::Empty<Ace>>)?))
    }

    /// The list that the creator gave. If it is to be merged with inherited entries, they replace those that the
    /// creator's list has from an earlier inheritance.
    fn creators(
        &self,
        acl: &AclPresence,
        inherited: Option<impl Iterator<Item = Ace>>,
    ) -> Result<AclPresence, SecurityError> {
        let AclPresence::Present(acl) = acl else { return Ok(acl.clone()) };
        let is_own = |ace: &&Ace| inherited.is_none() || !ace.flags.contains(AceFlags::INHERITED);
        let mut aces: Vec<Ace> = acl.aces().iter().filter(is_own).flat_map(|ace| self.own(ace)).collect();
        aces.extend(inherited.into_iter().flatten());
        Acl::from_aces(aces).map(AclPresence::Present)
    }

    /// What an entry of the parent becomes.
    fn inherited(&self, ace: &Ace, mark: AceFlags) -> impl Iterator<Item = Ace> + use<> {
        let takes_effect = match self.kind {
            ObjectType::File => ace.flags.contains(AceFlags::OBJECT_INHERIT),
            ObjectType::Directory => ace.flags.contains(AceFlags::CONTAINER_INHERIT),
        };
        let passes_on = is_inheritable(ace.flags) && !ace.flags.contains(AceFlags::NO_PROPAGATE);
        let flags = ace.flags.without(AceFlags::INHERITED) | mark;
        let takes_effect = takes_effect && !is_for_a_class(ace);
        self.split(ace, flags, Fate { takes_effect, passes_on })
    }

    /// What an entry that the creator gave becomes.
    fn own(&self, ace: &Ace) -> impl Iterator<Item = Ace> + use<> {
        let takes_effect = !ace.flags.contains(AceFlags::INHERIT_ONLY);
        let fate = Fate { takes_effect, passes_on: is_inheritable(ace.flags) };
        self.split(ace, ace.flags.without(AceFlags::INHERITED), fate)
    }

    /// An entry that takes effect, one that children inherit, both in one if they say the same, or nothing.
    fn split(&self, ace: &Ace, flags: AceFlags, fate: Fate) -> impl Iterator<Item = Ace> + use<> {
        let passes_on = fate.passes_on && self.kind == ObjectType::Directory;
        let effective = fate.takes_effect.then(|| self.effective(&ace.body));
        let is_one = passes_on && effective.as_ref() == Some(&ace.body);
        let inheritable = passes_on.then(|| {
            let only = if is_one { AceFlags::default() } else { AceFlags::INHERIT_ONLY };
            Ace { flags: flags.without(AceFlags::INHERIT_ONLY) | only, body: ace.body.clone() }
        });
        let effective =
            effective.filter(|_| !is_one).map(|body| Ace { flags: flags.without(INHERITANCE), body });
        effective.into_iter().chain(inheritable)
    }

    /// The body of an entry with creator SIDs and generic rights replaced by what they mean for the new object.
    fn effective(&self, body: &AceBody) -> AceBody {
        let mut body = body.clone();
        match &mut body {
            // The masks of the other kinds are policies, which have no generic rights.
            AceBody::Plain { kind, mask, sid, .. } => {
                self.substitute(sid);
                if has_access_mask(*kind) {
                    *mask = mask.map_generic(&GenericMapping::FILE);
                }
            }
            AceBody::Object { mask, sid, .. } => {
                self.substitute(sid);
                *mask = mask.map_generic(&GenericMapping::FILE);
            }
            AceBody::Unknown { .. } => {}
        }
        body
    }

    fn substitute(&self, sid: &mut Sid) {
        match *sid {
            well_known::CREATOR_OWNER => *sid = self.owner,
            well_known::CREATOR_GROUP => *sid = self.group,
            _ => {}
        }
    }
}

const INHERITANCE: AceFlags = AceFlags(
    AceFlags::OBJECT_INHERIT.0
        | AceFlags::CONTAINER_INHERIT.0
        | AceFlags::NO_PROPAGATE.0
        | AceFlags::INHERIT_ONLY.0,
);

fn entries(acl: &AclPresence) -> impl Iterator<Item = &Ace> {
    acl.acl().into_iter().flat_map(Acl::aces)
}

fn is_inheritable(flags: AceFlags) -> bool {
    flags.contains(AceFlags::OBJECT_INHERIT) || flags.contains(AceFlags::CONTAINER_INHERIT)
}

fn is_for_a_class(ace: &Ace) -> bool {
    matches!(ace.body, AceBody::Object { inherited_object_type: Some(_), .. })
}

fn has_access_mask(kind: PlainKind) -> bool {
    match kind {
        PlainKind::Allow
        | PlainKind::Deny
        | PlainKind::Audit
        | PlainKind::Alarm
        | PlainKind::AllowCallback
        | PlainKind::DenyCallback
        | PlainKind::AuditCallback
        | PlainKind::AlarmCallback
        | PlainKind::AccessFilter => true,
        PlainKind::MandatoryLabel
        | PlainKind::ResourceAttribute
        | PlainKind::ScopedPolicyId
        | PlainKind::ProcessTrustLabel => false,
    }
}
