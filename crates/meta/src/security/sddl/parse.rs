//! Reading a security descriptor from SDDL.

use super::claim_parser;
use super::condition_parser;
use super::rights;
use super::scanner::Scanner;
use super::words::{self, Extra, Kind, List};
use crate::security::ace::{Ace, AceBody, AceFlags};
use crate::security::acl::Acl;
use crate::security::descriptor::{AclPresence, Control, SecurityDescriptor};
use crate::security::error::SecurityError;
use crate::security::guid::Guid;
use crate::security::mask::AccessMask;

/// The whole text.
pub(super) fn descriptor(scanner: &mut Scanner<'_>) -> Result<SecurityDescriptor, SecurityError> {
    let mut out = SecurityDescriptor::new();
    loop {
        scanner.skip_space();
        let tag = scanner.rest().get(..2).unwrap_or(scanner.rest());
        match tag {
            "" => return Ok(out),
            "O:" if out.owner().is_none() => {
                scanner.eat(tag);
                out.set_owner(Some(scanner.sid()?));
            }
            "G:" if out.group().is_none() => {
                scanner.eat(tag);
                out.set_group(Some(scanner.sid()?));
            }
            "D:" if *out.dacl() == AclPresence::Absent => {
                scanner.eat(tag);
                let control = flags(scanner, List::Dacl, out.control());
                out.set_control(control);
                out.set_dacl(list(scanner)?);
            }
            "S:" if *out.sacl() == AclPresence::Absent => {
                scanner.eat(tag);
                let control = flags(scanner, List::Sacl, out.control());
                out.set_control(control);
                out.set_sacl(list(scanner)?);
            }
            _ => return Err(scanner.error("O:, G:, D: or S:, each once")),
        }
    }
}

fn flags(scanner: &mut Scanner<'_>, list: List, control: Control) -> Control {
    let mut control = control;
    loop {
        scanner.skip_space();
        let Some((_, flag)) = list.flags().into_iter().find(|(word, _)| scanner.eat(word)) else {
            return control;
        };
        control = control | flag;
    }
}

fn list(scanner: &mut Scanner<'_>) -> Result<AclPresence, SecurityError> {
    scanner.skip_space();
    if scanner.eat(words::NULL_ACL) {
        return Ok(AclPresence::Null);
    }
    let mut aces = Vec::new();
    while scanner.eat("(") {
        aces.push(ace(scanner)?);
        scanner.skip_space();
    }
    Acl::from_aces(aces).map(AclPresence::Present)
}

/// An entry after its opening parenthesis.
fn ace(scanner: &mut Scanner<'_>) -> Result<Ace, SecurityError> {
    let kind = kind(scanner)?;
    let flags = ace_flags(scanner)?;
    let mask = mask(scanner)?;
    let object_type = guid(scanner, kind)?;
    let inherited_object_type = guid(scanner, kind)?;
    let sid = scanner.sid()?;
    let data = extra(scanner, kind.extra())?;
    scanner.expect(")", "a closing parenthesis")?;
    let body = match kind {
        Kind::Plain(kind) => AceBody::Plain { kind, mask, sid, data },
        Kind::Object(kind) => AceBody::Object { kind, mask, object_type, inherited_object_type, sid, data },
    };
    Ok(Ace { flags, body })
}

fn semicolon(scanner: &mut Scanner<'_>) -> Result<(), SecurityError> {
    scanner.expect(";", "a semicolon")
}

fn kind(scanner: &mut Scanner<'_>) -> Result<Kind, SecurityError> {
    scanner.skip_space();
    let word = scanner.take_while(|c| c.is_ascii_alphabetic());
    let Some(kind) = Kind::of_word(word) else {
        scanner.back(word.len());
        return Err(scanner.error("a type of access control entry, such as A or D"));
    };
    semicolon(scanner)?;
    Ok(kind)
}

/// Words of two letters up to a semicolon, put together by `add`.
fn pairs(
    scanner: &mut Scanner<'_>,
    expected: &'static str,
    mut add: impl FnMut(&str) -> Option<()>,
) -> Result<(), SecurityError> {
    loop {
        scanner.skip_space();
        if scanner.eat(";") {
            return Ok(());
        }
        let pair = scanner.pair().ok_or_else(|| scanner.error(expected))?;
        if add(pair).is_none() {
            scanner.back(pair.len());
            return Err(scanner.error(expected));
        }
    }
}

fn ace_flags(scanner: &mut Scanner<'_>) -> Result<AceFlags, SecurityError> {
    let mut flags = AceFlags::default();
    pairs(scanner, "a flag (OI, CI, NP, IO, ID, CR, SA, FA, TP) or a semicolon", |word| {
        flags = flags | words::ace_flag(word)?;
        Some(())
    })?;
    Ok(flags)
}

fn mask(scanner: &mut Scanner<'_>) -> Result<AccessMask, SecurityError> {
    scanner.skip_space();
    if scanner.peek().is_some_and(|c| c.is_ascii_digit()) {
        let digits = scanner.rest();
        let number = scanner.integer()?;
        let Ok(mask) = u32::try_from(number.bits) else {
            scanner.back(digits.len() - scanner.rest().len());
            return Err(scanner.error("an access mask of at most 32 bits"));
        };
        semicolon(scanner)?;
        return Ok(AccessMask(mask));
    }
    let mut mask = AccessMask::default();
    pairs(scanner, "a right, such as FA or GR, a number or a semicolon", |word| {
        mask = mask | rights::mask_of(word)?;
        Some(())
    })?;
    Ok(mask)
}

fn guid(scanner: &mut Scanner<'_>, kind: Kind) -> Result<Option<Guid>, SecurityError> {
    scanner.skip_space();
    if scanner.eat(";") {
        return Ok(None);
    }
    if matches!(kind, Kind::Plain(_)) {
        return Err(scanner.error("a semicolon, for only the types OA, OD, OU, OL and ZA have guids"));
    }
    let text = scanner.take_while(|c| c.is_ascii_hexdigit() || c == '-');
    let Some(guid) = Guid::from_text(text) else {
        scanner.back(text.len());
        return Err(scanner.error("a guid or a semicolon"));
    };
    semicolon(scanner)?;
    Ok(Some(guid))
}

fn extra(scanner: &mut Scanner<'_>, extra: Extra) -> Result<Vec<u8>, SecurityError> {
    scanner.skip_space();
    match extra {
        Extra::None => Ok(Vec::new()),
        Extra::MaybeCondition if !scanner.rest().starts_with(';') => Ok(Vec::new()),
        Extra::Condition | Extra::MaybeCondition => {
            semicolon(scanner)?;
            condition_parser::condition(scanner)
        }
        Extra::Attribute => {
            semicolon(scanner)?;
            claim_parser::claim(scanner)
        }
    }
}
