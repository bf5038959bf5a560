//! The pieces of text that descriptors, conditions and attributes have in common.

use std::fmt::{Arguments, Write};

use super::aliases;
use crate::security::sid::Sid;

/// Formats into a string, which cannot fail.
pub(super) fn push(out: &mut String, text: Arguments<'_>) {
    let _infallible = out.write_fmt(text);
}

/// Writes a SID as its alias if it has one, else in full.
pub(super) fn write_sid(sid: &Sid, out: &mut String) {
    match aliases::alias_of(sid) {
        Some(alias) => out.push_str(alias),
        None => push(out, format_args!("{sid}")),
    }
}

/// The characters that an attribute's name can have as they are ([MS-DTYP] 2.5.1.1, `attr-char2`).
pub(super) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "#$'*+-./:;?@[\\]^_`{}~".contains(c)
}

/// Writes an attribute's name; what cannot stand as it is becomes `%` and four hexadecimal digits.
pub(super) fn write_name(name: &[u16], is_plain: impl Fn(usize, char) -> bool, out: &mut String) {
    for (at, &unit) in name.iter().enumerate() {
        match char::from_u32(u32::from(unit)) {
            Some(c) if is_name_char(c) && is_plain(at, c) => out.push(c),
            _ => push(out, format_args!("%{unit:04x}")),
        }
    }
}

/// Writes a text in quotes, which SDDL can do if it holds no quote, no NUL and no half of a surrogate pair.
pub(super) fn write_quoted(text: &[u16], out: &mut String) -> Result<(), &'static str> {
    out.push('"');
    for c in char::decode_utf16(text.iter().copied()) {
        match c {
            Ok(c) if c != '"' && c != '\0' => out.push(c),
            _ => return Err("a text in it has a character that sddl has no spelling for"),
        }
    }
    out.push('"');
    Ok(())
}
