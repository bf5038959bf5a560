//! Writing a security descriptor as SDDL.

use super::claim_writer;
use super::condition_writer;
use super::rights::{self, Vocabulary};
use super::text::{push, write_sid};
use super::words::{self, Extra, Kind, List};
use crate::security::ace::{Ace, AceBody, PlainKind};
use crate::security::descriptor::{AclPresence, Control, SecurityDescriptor};
use crate::security::error::SecurityError;
use crate::security::guid::Guid;
use crate::security::mask::AccessMask;
use crate::security::sid::Sid;

/// The whole descriptor.
pub(super) fn descriptor(descriptor: &SecurityDescriptor) -> Result<String, SecurityError> {
    let mut out = String::new();
    for (tag, sid) in [("O:", descriptor.owner()), ("G:", descriptor.group())] {
        if let Some(sid) = sid {
            out.push_str(tag);
            write_sid(sid, &mut out);
        }
    }
    let control = descriptor.control();
    list("D:", List::Dacl, descriptor.dacl(), control, &mut out)?;
    list("S:", List::Sacl, descriptor.sacl(), control, &mut out)?;
    Ok(out)
}

fn list(
    tag: &str,
    list: List,
    acl: &AclPresence,
    control: Control,
    out: &mut String,
) -> Result<(), SecurityError> {
    if matches!(acl, AclPresence::Absent) {
        return Ok(());
    }
    out.push_str(tag);
    for (word, flag) in list.flags() {
        if control.contains(flag) {
            out.push_str(word);
        }
    }
    match acl.acl() {
        None => out.push_str(words::NULL_ACL),
        Some(acl) => acl.aces().iter().try_for_each(|entry| ace(entry, out))?,
    }
    Ok(())
}

fn ace(ace: &Ace, out: &mut String) -> Result<(), SecurityError> {
    match &ace.body {
        AceBody::Plain { kind, mask, sid, data } => {
            let parts = Parts { kind: Kind::Plain(*kind), mask: *mask, guids: [None, None], sid, data };
            parts.write(ace, out)
        }
        AceBody::Object { kind, mask, object_type, inherited_object_type, sid, data } => {
            let guids = [*object_type, *inherited_object_type];
            Parts { kind: Kind::Object(*kind), mask: *mask, guids, sid, data }.write(ace, out)
        }
        AceBody::Unknown { .. } => Err(no_word(ace)),
    }
}

fn no_word(ace: &Ace) -> SecurityError {
    let what = format!("an access control entry of type {:#04x}", ace.kind());
    SecurityError::NoSddl { what, why: "there is no word for the type" }
}

/// What the two layouts of ACE have in common.
struct Parts<'a> {
    kind: Kind,
    mask: AccessMask,
    guids: [Option<Guid>; 2],
    sid: &'a Sid,
    data: &'a [u8],
}

impl Parts<'_> {
    fn write(&self, ace: &Ace, out: &mut String) -> Result<(), SecurityError> {
        push(out, format_args!("({};", self.kind.word().ok_or_else(|| no_word(ace))?));
        words::ace_flag_words(ace.flags, self.kind).for_each(|word| out.push_str(word));
        out.push(';');
        rights::write(self.mask, self.vocabulary(), out);
        for guid in self.guids {
            match guid {
                Some(guid) => push(out, format_args!(";{guid}")),
                None => out.push(';'),
            }
        }
        out.push(';');
        write_sid(self.sid, out);
        self.extra(out)?;
        out.push(')');
        Ok(())
    }

    fn vocabulary(&self) -> Vocabulary {
        match self.kind {
            Kind::Plain(PlainKind::MandatoryLabel) => Vocabulary::Label,
            Kind::Plain(_) | Kind::Object(_) => Vocabulary::Object,
        }
    }

    fn extra(&self, out: &mut String) -> Result<(), SecurityError> {
        let (what, written) = match self.kind.extra() {
            Extra::None => return Ok(()),
            Extra::MaybeCondition if self.data.is_empty() => return Ok(()),
            Extra::Condition | Extra::MaybeCondition => {
                out.push(';');
                ("the condition of an access control entry", condition_writer::write(self.data, out))
            }
            Extra::Attribute => {
                out.push(';');
                ("a resource attribute", claim_writer::write(self.data, out))
            }
        };
        written.map_err(|why| SecurityError::NoSddl { what: what.to_owned(), why })
    }
}
