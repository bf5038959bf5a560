//! Stepping through SDDL text, so that every refusal names the character it happened at.

use super::aliases::{self, Account};
use super::text::is_name_char;
use crate::security::condition::{Base, Integer, Sign};
use crate::security::error::SecurityError;
use crate::security::sid::Sid;

/// A position in the text.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
    domain: Option<&'a Sid>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, domain: Option<&'a Sid>) -> Self {
        Self { text, at: 0, domain }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes `token` if it comes next, letters in either case.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let eats = self.rest().get(..token.len()).is_some_and(|next| next.eq_ignore_ascii_case(token));
        if eats {
            self.at += token.len();
        }
        eats
    }

    /// Takes `token`, maybe after space.
    pub(super) fn expect(&mut self, token: &str, expected: &'static str) -> Result<(), SecurityError> {
        self.skip_space();
        if self.eat(token) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// Takes characters as long as `accept` does.
    pub(super) fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        let (taken, _) = rest.split_at(len);
        self.at += len;
        taken
    }

    /// Takes two letters.
    pub(super) fn pair(&mut self) -> Option<&'a str> {
        let pair = self.rest().get(..2).filter(|pair| pair.bytes().all(|b| b.is_ascii_alphabetic()))?;
        self.at += 2;
        Some(pair)
    }

    /// Goes back by `bytes`, which were taken before.
    pub(super) fn back(&mut self, bytes: usize) {
        self.at = self.at.saturating_sub(bytes);
    }

    fn position(&self) -> usize {
        self.text.get(..self.at).unwrap_or_default().chars().count()
    }

    /// An error at this position.
    pub(super) fn error(&self, expected: &'static str) -> SecurityError {
        const SHOWN: usize = 12;
        let found = match self.rest().char_indices().nth(SHOWN) {
            None if self.rest().is_empty() => "the end".to_owned(),
            None => format!("`{}`", self.rest()),
            Some((end, _)) => format!("`{}…`", self.rest().get(..end).unwrap_or_default()),
        };
        SecurityError::Syntax { position: self.position(), expected, found }
    }

    /// A SID in full or as an alias.
    pub(super) fn sid(&mut self) -> Result<Sid, SecurityError> {
        const EXPECTED: &str = "a sid (S-1-…) or one of its two-letter aliases";
        self.skip_space();
        if self.rest().get(1..2) == Some("-") {
            let len = sid_len(self.rest());
            let sid = self.rest().get(..len).and_then(|text| text.parse().ok());
            let sid = sid.ok_or_else(|| self.error(EXPECTED))?;
            self.at += len;
            return Ok(sid);
        }
        let start = self.at;
        let named = self.pair().and_then(aliases::account);
        let sid = match named {
            Some((_, Account::Fixed(sid))) => return Ok(sid),
            Some((_, Account::OfDomain(rid))) => self.domain.and_then(|domain| domain.with_rid(rid)),
            None => None,
        };
        if let Some(sid) = sid {
            return Ok(sid);
        }
        self.at = start;
        match named {
            Some((alias, Account::OfDomain(rid))) => {
                Err(SecurityError::DomainNeeded { position: self.position(), alias, rid })
            }
            _ => Err(self.error(EXPECTED)),
        }
    }

    /// A number: decimal, octal with a leading `0`, or hexadecimal with a leading `0x`, maybe signed.
    pub(super) fn integer(&mut self) -> Result<Integer, SecurityError> {
        const EXPECTED: &str = "a number of at most 64 bits";
        self.skip_space();
        let start = self.at;
        let sign = match self.peek() {
            Some('+') => Sign::Plus,
            Some('-') => Sign::Minus,
            _ => Sign::None,
        };
        if sign != Sign::None {
            self.at += 1;
        }
        let digits = self.take_while(|c| c.is_ascii_alphanumeric());
        let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
        let (base, parsed) = match hex {
            Some(hex) => (Base::Hexadecimal, u64::from_str_radix(hex, 16)),
            None if digits.len() > 1 && digits.starts_with('0') => {
                (Base::Octal, u64::from_str_radix(digits, 8))
            }
            None => (Base::Decimal, digits.parse()),
        };
        let Ok(magnitude) = parsed else {
            self.at = start;
            return Err(self.error(EXPECTED));
        };
        let bits = if sign == Sign::Minus { magnitude.wrapping_neg() } else { magnitude };
        Ok(Integer { bits, sign, base })
    }

    /// The text between two quotes.
    pub(super) fn quoted(&mut self) -> Result<&'a str, SecurityError> {
        self.expect("\"", "a text in quotes")?;
        let text = self.take_while(|c| c != '"');
        self.expect("\"", "a closing quote")?;
        Ok(text)
    }

    /// An attribute's name, for which `accept` may rule out characters; empty if there is none.
    pub(super) fn name(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        self.take_while(|c| {
            accept(c) && (is_name_char(c) || c == '%' || (!c.is_ascii() && !c.is_whitespace()))
        })
    }

    /// Bytes as pairs of hexadecimal digits.
    pub(super) fn octets(&mut self) -> Result<Vec<u8>, SecurityError> {
        let digits = self.take_while(|c| c.is_ascii_hexdigit()).as_bytes();
        let (pairs, odd) = digits.as_chunks::<2>();
        if !odd.is_empty() {
            return Err(self.error("a second hexadecimal digit"));
        }
        Ok(pairs.iter().map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | nibble(*digit))).collect())
    }
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a' - 10),
    }
}

/// The length of the SID that `text` starts with. A hexadecimal number at its end stops before the `D` of a `D:`.
fn sid_len(text: &str) -> usize {
    let mut len = 1;
    while text[len..].starts_with('-') {
        let part = &text[len + 1..];
        let hex = part.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("0x"));
        let end = match hex {
            true => part[2..].find(|c: char| !c.is_ascii_hexdigit()).map_or(part.len(), |end| end + 2),
            false => part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len()),
        };
        let before_tag = hex && part[..end].ends_with('D') && part[end..].starts_with(':');
        len += 1 + if before_tag { end - 1 } else { end };
    }
    len
}

/// The UTF-16 units of a name in which `%` and four hexadecimal digits stand for one unit.
pub(super) fn name_units(name: &str) -> Vec<u16> {
    let mut units = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let escape =
            rest.get(1..5).filter(|digits| c == '%' && digits.bytes().all(|d| d.is_ascii_hexdigit()));
        let len = match escape.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                units.push(unit);
                5
            }
            None => {
                units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
                c.len_utf8()
            }
        };
        rest = rest.get(len..).unwrap_or_default();
    }
    units
}
