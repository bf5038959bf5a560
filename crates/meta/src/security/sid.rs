//! Security identifiers: the names that Windows gives to accounts and groups.

use std::fmt;
use std::str::FromStr;

use super::bytes::Span;
use super::error::{Problem, SecurityError};

/// The only revision of SIDs there is.
const REVISION: u8 = 1;
const HEADER: usize = 8;

/// A security identifier ([MS-DTYP] 2.4.2): a 48-bit authority and 0 to 15 sub-authorities.
///
/// The order is that of the authority, then of the sub-authorities one by one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid {
    authority: [u8; 6],
    /// Zero from `count` on, so that the derived comparisons see only what is there.
    sub_authorities: [u32; Self::MAX_SUB_AUTHORITIES],
    count: u8,
}

impl Sid {
    /// The most sub-authorities that a SID can have.
    pub const MAX_SUB_AUTHORITIES: usize = 15;

    /// A SID of authority 0–255 with these sub-authorities, for tables of well-known SIDs.
    ///
    /// At most 15 sub-authorities fit, which the compiler checks.
    #[must_use]
    pub const fn known<const N: usize>(authority: u8, sub_authorities: [u32; N]) -> Self {
        const { assert!(N <= Self::MAX_SUB_AUTHORITIES) };
        let mut sid = Self { authority: [0, 0, 0, 0, 0, authority], sub_authorities: [0; 15], count: 0 };
        let mut at = 0;
        while at < N {
            sid.sub_authorities[at] = sub_authorities[at];
            sid.count += 1;
            at += 1;
        }
        sid
    }

    /// A SID of a 48-bit authority, or `None` if the authority is larger or there are more than 15 sub-authorities.
    #[must_use]
    pub fn new(authority: u64, sub_authorities: &[u32]) -> Option<Self> {
        let [0, 0, authority @ ..] = authority.to_be_bytes() else { return None };
        let mut sid =
            Self { authority, sub_authorities: [0; 15], count: u8::try_from(sub_authorities.len()).ok()? };
        sid.sub_authorities.get_mut(..sub_authorities.len())?.copy_from_slice(sub_authorities);
        Some(sid)
    }

    /// Reads the SID that `bytes` starts with; gives it and the bytes it took (8 to 68).
    ///
    /// # Errors
    /// A revision other than 1, more than 15 sub-authorities, or too few bytes.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), SecurityError> {
        let sid = Self::read(Span::new(bytes, "sid"))?;
        Ok((sid, sid.byte_len()))
    }

    pub(super) fn read(span: Span<'_>) -> Result<Self, SecurityError> {
        let span = span.head("sid", Self::check(span)?)?;
        let count = span.u8("sub-authority count", 1)?;
        let mut sid = Self { authority: span.array("authority", 2)?, sub_authorities: [0; 15], count };
        for (at, sub_authority) in sid.sub_authorities.iter_mut().take(usize::from(count)).enumerate() {
            *sub_authority = span.u32("sub-authority", HEADER + 4 * at)?;
        }
        Ok(sid)
    }

    /// Checks the SID that `span` starts with, as [`Self::read`] does; gives its length in bytes.
    pub(super) fn check(span: Span<'_>) -> Result<usize, SecurityError> {
        let len = HEADER + 4 * usize::from(check_header(span)?);
        span.head("sid", len).map(|_| len)
    }

    /// The length of the binary form: 8 + 4 bytes per sub-authority.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        HEADER + 4 * usize::from(self.count)
    }

    /// Appends the binary form.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend([REVISION, self.count]);
        out.extend(self.authority);
        for sub_authority in self.sub_authorities() {
            out.extend(sub_authority.to_le_bytes());
        }
    }

    /// The identifier authority, 0 to 2^48 - 1.
    #[must_use]
    pub fn authority(&self) -> u64 {
        let [a, b, c, d, e, f] = self.authority;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The sub-authorities.
    #[must_use]
    pub fn sub_authorities(&self) -> &[u32] {
        self.sub_authorities.get(..usize::from(self.count)).unwrap_or_default()
    }

    /// The account `rid` of the domain that this SID names, or `None` if 15 sub-authorities are there already.
    #[must_use]
    pub fn with_rid(mut self, rid: u32) -> Option<Self> {
        *self.sub_authorities.get_mut(usize::from(self.count))? = rid;
        self.count += 1;
        Some(self)
    }
}

fn check_header(span: Span<'_>) -> Result<u8, SecurityError> {
    let revision = span.u8("revision", 0)?;
    if revision != REVISION {
        return Err(span.error("revision", 0, Problem::Revision { found: revision }));
    }
    let count = span.u8("sub-authority count", 1)?;
    if usize::from(count) > Sid::MAX_SUB_AUTHORITIES {
        return Err(span.error("sub-authority count", 1, Problem::SubAuthorities { found: count }));
    }
    Ok(count)
}

impl fmt::Display for Sid {
    /// `S-1-5-32-544`; the authority is hexadecimal from 2^32 on ([MS-DTYP] 2.4.2.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.authority() {
            small @ 0..=0xffff_ffff => write!(f, "S-1-{small}")?,
            large => write!(f, "S-1-{large:#014x}")?,
        }
        self.sub_authorities().iter().try_for_each(|sub_authority| write!(f, "-{sub_authority}"))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sid({self})")
    }
}

/// The text is not a SID in the form `S-1-5-32-544`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sid: expected S-1, an authority below 2^48 and up to 15 numbers below 2^32, joined by dashes")]
pub struct NotASid;

impl FromStr for Sid {
    type Err = NotASid;

    /// Numbers may be decimal or hexadecimal (`0x…`), `S` in either case, as Windows reads them.
    fn from_str(text: &str) -> Result<Self, NotASid> {
        let mut parts = text.split('-');
        if !parts.next().is_some_and(|s| s.eq_ignore_ascii_case("s")) || parts.next() != Some("1") {
            return Err(NotASid);
        }
        let authority = parts.next().and_then(number).ok_or(NotASid)?;
        let mut sid = Self::new(authority, &[]).ok_or(NotASid)?;
        for part in parts {
            let sub_authority = number(part).and_then(|n| u32::try_from(n).ok()).ok_or(NotASid)?;
            sid = sid.with_rid(sub_authority).ok_or(NotASid)?;
        }
        Ok(sid)
    }
}

fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // from_str_radix would take a sign.
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_reads_and_writes_its_text() {
        for text in [
            "S-1-5-18",
            "S-1-1-0",
            "S-1-5",
            "S-1-4294967295-1",
            "S-1-0x000100000000-7",
            "S-1-0xffffffffffff-1-2-3-4-5-6-7-8-9-10-11-12-13-14-4294967295",
        ] {
            assert_eq!(text.parse::<Sid>().unwrap().to_string(), text);
        }
        assert_eq!("s-1-0x5-0x20-544".parse::<Sid>().unwrap().to_string(), "S-1-5-32-544");
    }

    #[test]
    fn text_that_is_not_a_sid_is_refused() {
        for text in [
            "",
            "S",
            "S-1",
            "S-2-5-18",
            "S-1-",
            "S-1-5-",
            "S-1-5--18",
            "S-1-5-+18",
            "S-1-5-4294967296",
            "S-1-0x1000000000000-1",
            "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16",
        ] {
            assert_eq!(text.parse::<Sid>(), Err(NotASid), "{text}");
        }
    }

    #[test]
    fn a_sid_reads_and_writes_its_bytes_and_ignores_what_follows() {
        let bytes = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0, 0xff];
        let (sid, len) = Sid::parse(&bytes).unwrap();
        assert_eq!((sid.to_string().as_str(), len), ("S-1-5-32-544", 16));
        let mut out = Vec::new();
        sid.write(&mut out);
        assert_eq!(out, bytes[..16]);
    }

    #[test]
    fn a_damaged_sid_names_the_field_and_the_byte() {
        let error = |bytes: &[u8]| Sid::parse(bytes).unwrap_err().to_string();
        assert_eq!(error(&[]), "sid, revision at byte 0: needs 1 bytes, 0 are left");
        assert_eq!(error(&[2, 1]), "sid, revision at byte 0: revision 2 is not known");
        assert_eq!(error(&[1, 16]), "sid, sub-authority count at byte 1: 16 sub-authorities, the most is 15");
        let cut = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20];
        assert_eq!(error(&cut), "sid, sid at byte 0: needs 16 bytes, 13 are left");
    }

    #[test]
    fn sids_sort_by_authority_and_then_by_each_sub_authority() {
        let order =
            ["S-1-1-0", "S-1-5", "S-1-5-0", "S-1-5-18", "S-1-5-32-544", "S-1-5-32-545", "S-1-0x010000000000"];
        let sids: Vec<Sid> = order.iter().map(|text| text.parse().unwrap()).collect();
        assert!(sids.is_sorted());
    }
}
