//! Writing a resource attribute as text.

use super::text::{push, write_name, write_quoted, write_sid};
use super::words;
use crate::security::claim::{Claim, ClaimKind, Value};

/// Writes the claim in `data` as `("name",TI,0x0,1)`; the error says why it cannot be written.
pub(super) fn write(data: &[u8], out: &mut String) -> Result<(), &'static str> {
    let claim = Claim::decode(data)?;
    if claim.name.is_empty() {
        return Err("it has no name");
    }
    out.push_str("(\"");
    write_name(&claim.name, |_, _| true, out);
    push(out, format_args!("\",{},{:#x}", words::claim_kind_word(claim.kind), claim.flags));
    for value in &claim.values {
        out.push(',');
        write_value(value, claim.kind, out)?;
    }
    out.push(')');
    Ok(())
}

fn write_value(value: &Value, kind: ClaimKind, out: &mut String) -> Result<(), &'static str> {
    match value {
        Value::Number(number) if kind == ClaimKind::Signed => {
            push(out, format_args!("{}", number.cast_signed()))
        }
        Value::Number(number) => push(out, format_args!("{number}")),
        Value::Text(text) => write_quoted(text, out)?,
        Value::Sid(sid) => {
            out.push_str("SID(");
            write_sid(sid, out);
            out.push(')');
        }
        Value::Octets(octets) => octets.iter().for_each(|octet| push(out, format_args!("{octet:02x}"))),
    }
    Ok(())
}
