//! The binary form of the conditions of callback ACEs: tokens in postfix order ([MS-DTYP] 2.4.4.17.4).

use super::bytes::Span;
use super::sid::Sid;

/// What every condition starts with.
pub(super) const SIGNATURE: [u8; 4] = *b"artx";

const PADDING: u8 = 0x00;
/// The four integer types; the type says how large the value may be, all take 8 bytes.
const INTEGERS: std::ops::RangeInclusive<u8> = 0x01..=0x04;
const INT64: u8 = 0x04;
const TEXT: u8 = 0x10;
const OCTETS: u8 = 0x18;
const COMPOSITE: u8 = 0x50;
const SID: u8 = 0x51;

/// One token of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Literal(Literal),
    Attribute(Scope, Vec<u16>),
    Operator(&'static Operator),
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Integer(Integer),
    Text(Vec<u16>),
    Octets(Vec<u8>),
    Sid(Sid),
    Composite(Vec<Literal>),
}

/// A 64-bit integer, in two's complement, with the spelling it had in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Integer {
    pub(super) bits: u64,
    pub(super) sign: Sign,
    pub(super) base: Base,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sign {
    Plus = 1,
    Minus = 2,
    None = 3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Base {
    Octal = 1,
    Decimal = 2,
    Hexadecimal = 3,
}

/// Whose attribute is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Scope {
    Local = 0xf8,
    User = 0xf9,
    Resource = 0xfa,
    Device = 0xfb,
}

/// An operator: its byte, its word, and what it takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) code: u8,
    pub(super) word: &'static str,
    pub(super) form: Form,
}

/// What an operator takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// An attribute, then an attribute or value.
    Relation,
    /// An attribute.
    Existence,
    /// A value: a SID or several.
    Membership,
    /// Two conditions.
    And,
    /// Two conditions.
    Or,
    /// One condition.
    Not,
}

const fn operator(code: u8, word: &'static str, form: Form) -> Operator {
    Operator { code, word, form }
}

pub(super) static AND: Operator = operator(0xa0, "&&", Form::And);
pub(super) static OR: Operator = operator(0xa1, "||", Form::Or);
pub(super) static NOT: Operator = operator(0xa2, "!", Form::Not);

/// Every operator but the three logical ones; where one word starts another, the longer comes first.
pub(super) static OPERATORS: [Operator; 20] = [
    operator(0x80, "==", Form::Relation),
    operator(0x81, "!=", Form::Relation),
    operator(0x83, "<=", Form::Relation),
    operator(0x82, "<", Form::Relation),
    operator(0x85, ">=", Form::Relation),
    operator(0x84, ">", Form::Relation),
    operator(0x86, "Contains", Form::Relation),
    operator(0x88, "Any_of", Form::Relation),
    operator(0x8e, "Not_Contains", Form::Relation),
    operator(0x8f, "Not_Any_of", Form::Relation),
    operator(0x87, "Exists", Form::Existence),
    operator(0x8d, "Not_Exists", Form::Existence),
    operator(0x89, "Member_of", Form::Membership),
    operator(0x8a, "Device_Member_of", Form::Membership),
    operator(0x8b, "Member_of_any", Form::Membership),
    operator(0x8c, "Device_Member_of_any", Form::Membership),
    operator(0x90, "Not_Member_of", Form::Membership),
    operator(0x91, "Not_Device_Member_of", Form::Membership),
    operator(0x92, "Not_Member_of_any", Form::Membership),
    operator(0x93, "Not_Device_Member_of_any", Form::Membership),
];

/// Reads the tokens of a condition; the error says what is wrong with it.
pub(super) fn decode(data: &[u8]) -> Result<Vec<Token>, &'static str> {
    let tokens =
        data.strip_prefix(&SIGNATURE).ok_or("it does not start with the signature of a condition")?;
    let mut reader = Reader { rest: tokens };
    let mut out = Vec::new();
    while let Some(code) = reader.next_code() {
        out.push(reader.token(code)?);
    }
    Ok(out)
}

/// Appends a token; a condition is the signature, its tokens and zero bytes up to a multiple of 4.
pub(super) fn encode(token: &Token, out: &mut Vec<u8>) {
    match token {
        Token::Literal(literal) => encode_literal(literal, out),
        Token::Attribute(scope, name) => {
            out.push(*scope as u8);
            sized(out, |out| out.extend(name.iter().flat_map(|unit| unit.to_le_bytes())));
        }
        Token::Operator(operator) => out.push(operator.code),
    }
}

fn encode_literal(literal: &Literal, out: &mut Vec<u8>) {
    match literal {
        Literal::Integer(integer) => {
            out.push(INT64);
            out.extend(integer.bits.to_le_bytes());
            out.extend([integer.sign as u8, integer.base as u8]);
        }
        Literal::Text(text) => {
            out.push(TEXT);
            sized(out, |out| out.extend(text.iter().flat_map(|unit| unit.to_le_bytes())));
        }
        Literal::Octets(octets) => {
            out.push(OCTETS);
            sized(out, |out| out.extend(octets));
        }
        Literal::Sid(sid) => {
            out.push(SID);
            sized(out, |out| sid.write(out));
        }
        Literal::Composite(items) => {
            out.push(COMPOSITE);
            sized(out, |out| items.iter().for_each(|item| encode_literal(item, out)));
        }
    }
}

/// Appends what `content` appends, with its size in front.
fn sized(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend([0; 4]);
    content(out);
    // More than 65,535 bytes do not fit the ACE either, which its list refuses.
    let size = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(at..at + 4) {
        field.copy_from_slice(&size.to_le_bytes());
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The next type byte that is not padding.
    fn next_code(&mut self) -> Option<u8> {
        let start = self.rest.iter().position(|&code| code != PADDING)?;
        let (&code, rest) = self.rest.get(start..)?.split_first()?;
        self.rest = rest;
        Some(code)
    }

    fn token(&mut self, code: u8) -> Result<Token, &'static str> {
        for scope in [Scope::Local, Scope::User, Scope::Resource, Scope::Device] {
            if scope as u8 == code {
                return Ok(Token::Attribute(scope, self.utf16()?));
            }
        }
        let logical = [&AND, &OR, &NOT];
        if let Some(operator) = OPERATORS.iter().chain(logical).find(|operator| operator.code == code) {
            return Ok(Token::Operator(operator));
        }
        if code == COMPOSITE {
            return Ok(Token::Literal(Literal::Composite(self.items()?)));
        }
        self.literal(code).map(Token::Literal)
    }

    fn items(&mut self) -> Result<Vec<Literal>, &'static str> {
        let mut content = Reader { rest: self.block()? };
        let mut items = Vec::new();
        while let Some(code) = content.next_code() {
            items.push(content.literal(code)?);
        }
        Ok(items)
    }

    /// A value that is not a list.
    fn literal(&mut self, code: u8) -> Result<Literal, &'static str> {
        match code {
            TEXT => self.utf16().map(Literal::Text),
            OCTETS => self.block().map(|octets| Literal::Octets(octets.to_vec())),
            SID => {
                let block = Span::new(self.block()?, "sid");
                let sid = Sid::read(block).map_err(|_| "a sid in it is damaged")?;
                if sid.byte_len() != block.len() {
                    return Err("a sid in it does not fill its size");
                }
                Ok(Literal::Sid(sid))
            }
            code if INTEGERS.contains(&code) => self.integer().map(Literal::Integer),
            _ => Err("it has a token of an unknown type"),
        }
    }

    fn integer(&mut self) -> Result<Integer, &'static str> {
        let bits = u64::from_le_bytes(self.array()?);
        let [sign, base] = self.array()?;
        let sign = match sign {
            1 => Sign::Plus,
            2 => Sign::Minus,
            3 => Sign::None,
            _ => return Err("the sign of a number in it is unknown"),
        };
        let base = match base {
            1 => Base::Octal,
            2 => Base::Decimal,
            3 => Base::Hexadecimal,
            _ => return Err("the base of a number in it is unknown"),
        };
        Ok(Integer { bits, sign, base })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (array, rest) = self.rest.split_first_chunk().ok_or("it ends within a token")?;
        self.rest = rest;
        Ok(*array)
    }

    fn block(&mut self) -> Result<&'a [u8], &'static str> {
        let size = usize::try_from(u32::from_le_bytes(self.array()?)).unwrap_or(usize::MAX);
        let (block, rest) = self.rest.split_at_checked(size).ok_or("it ends within a token")?;
        self.rest = rest;
        Ok(block)
    }

    fn utf16(&mut self) -> Result<Vec<u16>, &'static str> {
        let (units, odd) = self.block()?.as_chunks::<2>();
        if !odd.is_empty() {
            return Err("a text in it has half a character");
        }
        Ok(units.iter().map(|unit| u16::from_le_bytes(*unit)).collect())
    }
}
