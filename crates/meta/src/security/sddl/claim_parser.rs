//! Reading a resource attribute from text into its binary form.

use super::scanner::{Scanner, name_units};
use super::words;
use crate::security::claim::{Claim, ClaimKind, Value};
use crate::security::condition::Sign;
use crate::security::error::SecurityError;

/// Reads `("name",TI,0x0,1)` and gives its binary form.
pub(super) fn claim(scanner: &mut Scanner<'_>) -> Result<Vec<u8>, SecurityError> {
    scanner.expect("(", "a resource attribute in parentheses")?;
    let name = name_units(scanner.quoted()?);
    if name.is_empty() || name.contains(&0) {
        return Err(scanner.error("a name before this that is not empty and has no NUL"));
    }
    comma(scanner)?;
    scanner.skip_space();
    let kind = words::claim_kind(scanner.rest().get(..2).unwrap_or_default())
        .ok_or_else(|| scanner.error("a type of attribute: TI, TU, TS, TD, TX or TB"))?;
    scanner.eat(words::claim_kind_word(kind));
    comma(scanner)?;
    let flags = u32::try_from(scanner.integer()?.bits)
        .map_err(|_| scanner.error("flags of at most 32 bits before this"))?;
    let mut values = Vec::new();
    scanner.skip_space();
    while !scanner.eat(")") {
        comma(scanner)?;
        scanner.skip_space();
        values.push(value(scanner, kind)?);
        scanner.skip_space();
    }
    Ok(Claim { name, kind, flags, values }.encode())
}

fn comma(scanner: &mut Scanner<'_>) -> Result<(), SecurityError> {
    scanner.expect(",", "a comma")
}

fn value(scanner: &mut Scanner<'_>, kind: ClaimKind) -> Result<Value, SecurityError> {
    match kind {
        ClaimKind::Signed | ClaimKind::Unsigned | ClaimKind::Boolean => number(scanner, kind),
        ClaimKind::Text => Ok(Value::Text(scanner.quoted()?.encode_utf16().collect())),
        ClaimKind::Octets => {
            scanner.eat("#");
            scanner.octets().map(Value::Octets)
        }
        ClaimKind::Sid if scanner.eat("SID") => {
            scanner.expect("(", "a sid in parentheses")?;
            let sid = scanner.sid()?;
            scanner.expect(")", "a closing parenthesis")?;
            Ok(Value::Sid(sid))
        }
        ClaimKind::Sid => scanner.sid().map(Value::Sid),
    }
}

fn number(scanner: &mut Scanner<'_>, kind: ClaimKind) -> Result<Value, SecurityError> {
    let before = scanner.rest();
    let integer = scanner.integer()?;
    let negative = integer.bits.cast_signed() < 0;
    let fits = match (kind, integer.sign) {
        (ClaimKind::Signed, Sign::Minus) => negative || integer.bits == 0,
        (ClaimKind::Signed, _) => !negative,
        (_, sign) => sign != Sign::Minus,
    };
    if !fits {
        scanner.back(before.len() - scanner.rest().len());
        return Err(scanner.error("a number that fits the type of the attribute"));
    }
    Ok(Value::Number(integer.bits))
}
