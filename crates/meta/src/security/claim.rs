//! The binary form of the claim in a resource attribute ACE ([MS-DTYP] 2.4.10.1).

use super::sid::Sid;

const HEADER: usize = 16;

/// A named list of values of one type (`CLAIM_SECURITY_ATTRIBUTE_RELATIVE_V1`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) name: Vec<u16>,
    pub(super) kind: ClaimKind,
    pub(super) flags: u32,
    pub(super) values: Vec<Value>,
}

/// The type of a claim's values. The number is the type field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum ClaimKind {
    Signed = 0x01,
    Unsigned = 0x02,
    Text = 0x03,
    Sid = 0x05,
    Boolean = 0x06,
    Octets = 0x10,
}

impl ClaimKind {
    pub(super) const ALL: [Self; 6] =
        [Self::Signed, Self::Unsigned, Self::Text, Self::Sid, Self::Boolean, Self::Octets];
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// 64 bits: a number of either sign or a boolean.
    Number(u64),
    Text(Vec<u16>),
    Sid(Sid),
    Octets(Vec<u8>),
}

impl Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => out.extend(number.to_le_bytes()),
            Self::Text(text) => write_terminated(text, out),
            Self::Sid(sid) => {
                out.extend(word(sid.byte_len()));
                sid.write(out);
            }
            Self::Octets(octets) => {
                out.extend(word(octets.len()));
                out.extend(octets);
            }
        }
    }

    /// The bytes that the value takes.
    fn byte_len(&self) -> usize {
        match self {
            Self::Number(_) => 8,
            Self::Text(text) => 2 * text.len() + 2,
            Self::Sid(sid) => 4 + sid.byte_len(),
            Self::Octets(octets) => 4 + octets.len(),
        }
    }
}

/// A size or offset field. More than 65,535 bytes do not fit the ACE, which its list refuses.
fn word(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

fn write_terminated(text: &[u16], out: &mut Vec<u8>) {
    out.extend(text.iter().chain(&[0]).flat_map(|unit| unit.to_le_bytes()));
}

impl Claim {
    /// Reads the claim in `data`; the error says what is wrong with it.
    pub(super) fn decode(data: &[u8]) -> Result<Self, &'static str> {
        let kind = u16_at(data, 4)?;
        let kind =
            ClaimKind::ALL.into_iter().find(|known| *known as u16 == kind).ok_or("its type is unknown")?;
        let count = usize::try_from(u32_at(data, 12)?).unwrap_or(usize::MAX);
        let offsets = data.get(HEADER..).unwrap_or_default().as_chunks::<4>().0;
        let offsets = offsets.get(..count).ok_or("it ends within its values")?;
        let mut claim = Self {
            name: text_at(data, u32_at(data, 0)?)?,
            kind,
            flags: u32_at(data, 8)?,
            values: Vec::new(),
        };
        let mut taken = 0;
        for offset in offsets {
            let value = value_at(data, u32::from_le_bytes(*offset), kind)?;
            taken += value.byte_len();
            // Many offsets to one large value would make much out of little.
            if taken > data.len() {
                return Err("its values overlap");
            }
            claim.values.push(value);
        }
        Ok(claim)
    }

    /// The binary form, with zero bytes up to a multiple of 4, laid out as Windows does: header, name, values.
    pub(super) fn encode(&self) -> Vec<u8> {
        let name_at = HEADER + 4 * self.values.len();
        let mut out = Vec::new();
        out.extend(word(name_at));
        out.extend((self.kind as u16).to_le_bytes());
        out.extend([0, 0]);
        out.extend(self.flags.to_le_bytes());
        out.extend(word(self.values.len()));
        let mut value_at = name_at + 2 * self.name.len() + 2;
        for value in &self.values {
            out.extend(word(value_at));
            value_at += value.byte_len();
        }
        write_terminated(&self.name, &mut out);
        self.values.iter().for_each(|value| value.write(&mut out));
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }
}

fn value_at(data: &[u8], offset: u32, kind: ClaimKind) -> Result<Value, &'static str> {
    match kind {
        ClaimKind::Signed | ClaimKind::Unsigned | ClaimKind::Boolean => {
            let bytes = tail(data, offset)?.first_chunk::<8>().ok_or("it ends within a value")?;
            Ok(Value::Number(u64::from_le_bytes(*bytes)))
        }
        ClaimKind::Text => text_at(data, offset).map(Value::Text),
        ClaimKind::Octets => sized_at(data, offset).map(|octets| Value::Octets(octets.to_vec())),
        ClaimKind::Sid => {
            let bytes = sized_at(data, offset)?;
            match Sid::parse(bytes) {
                Ok((sid, len)) if len == bytes.len() => Ok(Value::Sid(sid)),
                _ => Err("a sid in it is damaged"),
            }
        }
    }
}

fn tail(data: &[u8], offset: u32) -> Result<&[u8], &'static str> {
    usize::try_from(offset).ok().and_then(|at| data.get(at..)).ok_or("an offset in it is past its end")
}

fn u32_at(data: &[u8], offset: u32) -> Result<u32, &'static str> {
    tail(data, offset)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)).ok_or("it ends within a field")
}

fn u16_at(data: &[u8], offset: u32) -> Result<u16, &'static str> {
    tail(data, offset)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes)).ok_or("it ends within a field")
}

fn sized_at(data: &[u8], offset: u32) -> Result<&[u8], &'static str> {
    let size = usize::try_from(u32_at(data, offset)?).unwrap_or(usize::MAX);
    let content = tail(data, offset)?.get(4..).unwrap_or_default();
    content.get(..size).ok_or("it ends within a value")
}

fn text_at(data: &[u8], offset: u32) -> Result<Vec<u16>, &'static str> {
    let units = tail(data, offset)?.as_chunks::<2>().0;
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    let len = units.clone().position(|unit| unit == 0).ok_or("a text in it does not end")?;
    Ok(units.take(len).collect())
}
