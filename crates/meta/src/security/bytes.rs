//! Bounded reading of the little-endian fields of a descriptor, so that every refusal names its field and byte.

use super::error::{Location, Problem, SecurityError};

/// A run of input bytes that knows where in the whole input it lies and what it is a part of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'a> {
    bytes: &'a [u8],
    base: usize,
    part: &'static str,
    ace: Option<u16>,
}

impl<'a> Span<'a> {
    pub(super) fn new(bytes: &'a [u8], part: &'static str) -> Self {
        Self { bytes, base: 0, part, ace: None }
    }

    pub(super) fn named(self, part: &'static str) -> Self {
        Self { part, ..self }
    }

    pub(super) fn of_ace(self, index: u16) -> Self {
        Self { ace: Some(index), ..self }
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn len(self) -> usize {
        self.bytes.len()
    }

    pub(super) fn error(self, field: &'static str, at: usize, problem: Problem) -> SecurityError {
        let location =
            Location { part: self.part, ace: self.ace, field, offset: self.base.saturating_add(at) };
        SecurityError::Malformed { location, problem }
    }

    /// The bytes from `at` on.
    pub(super) fn tail(self, field: &'static str, at: usize) -> Result<Self, SecurityError> {
        match self.bytes.get(at..) {
            Some(bytes) => Ok(Self { bytes, base: self.base.saturating_add(at), ..self }),
            None => {
                Err(self.error(field, self.len(), Problem::Truncated { needed: at - self.len(), left: 0 }))
            }
        }
    }

    /// The first `len` bytes.
    pub(super) fn head(self, field: &'static str, len: usize) -> Result<Self, SecurityError> {
        match self.bytes.get(..len) {
            Some(bytes) => Ok(Self { bytes, ..self }),
            None => Err(self.error(field, 0, Problem::Truncated { needed: len, left: self.len() })),
        }
    }

    pub(super) fn array<const N: usize>(
        self,
        field: &'static str,
        at: usize,
    ) -> Result<[u8; N], SecurityError> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        match rest.first_chunk::<N>() {
            Some(array) => Ok(*array),
            None => Err(self.error(field, at, Problem::Truncated { needed: N, left: rest.len() })),
        }
    }

    pub(super) fn u8(self, field: &'static str, at: usize) -> Result<u8, SecurityError> {
        self.array::<1>(field, at).map(|[byte]| byte)
    }

    pub(super) fn u16(self, field: &'static str, at: usize) -> Result<u16, SecurityError> {
        self.array(field, at).map(u16::from_le_bytes)
    }

    pub(super) fn u32(self, field: &'static str, at: usize) -> Result<u32, SecurityError> {
        self.array(field, at).map(u32::from_le_bytes)
    }
}
