//! Comparing names as NTFS does, without case, fast enough to sort a million paths.
//!
//! A name is *folded* when every character is replaced by its upper-case form ([`upcase`](super::upcase())). All
//! functions agree: they compare, hash or write the bytes of the folded name. Bytes that are not WTF-8 stand for
//! themselves, so the order is total on all byte strings.

use std::cmp::Ordering;
use std::hash::Hasher;
use std::ops::Range;
use std::slice::from_ref;

use super::upcase::upcase;
use super::wtf8::{decode_first, three_bytes};

/// Compares two names without case.
#[must_use]
pub fn fold_cmp(a: &[u8], b: &[u8]) -> Ordering {
    compare(a, b, u16::from)
}

/// Whether two names are one to NTFS.
#[must_use]
pub fn fold_eq(a: &[u8], b: &[u8]) -> bool {
    fold_cmp(a, b).is_eq()
}

/// Compares two paths without case so that each directory is followed by all that lies in it.
///
/// `/` sorts before every other character: `a`, `a/b`, `a.txt`.
#[must_use]
pub fn tree_cmp(a: &[u8], b: &[u8]) -> Ordering {
    compare(a, b, |byte| if byte == b'/' { 0 } else { u16::from(byte) + 1 })
}

/// Appends the folded name; two names are one exactly when these bytes are the same.
pub fn write_folded(name: &[u8], out: &mut Vec<u8>) {
    if name.is_ascii() {
        out.extend(name.iter().map(u8::to_ascii_uppercase));
        return;
    }
    out.reserve(name.len());
    out.extend(FoldedBytes::new(name));
}

/// Hashes the folded name, so that names that are one have one hash.
pub fn fold_hash<H: Hasher>(name: &[u8], state: &mut H) {
    // Hashers may tell one long write from two short ones: the pieces must depend on the folded bytes alone.
    let mut piece = [0; 64];
    let mut folded = FoldedBytes::new(name);
    loop {
        let mut len = 0;
        for (slot, byte) in piece.iter_mut().zip(&mut folded) {
            *slot = byte;
            len += 1;
        }
        state.write(&piece[..len]);
        if len < piece.len() {
            // No folded name has this byte at its end, so that no name's hash is the start of another's.
            return state.write_u8(0xFF);
        }
    }
}

/// Compares folded bytes by their `rank`.
fn compare(a: &[u8], b: &[u8], rank: impl Fn(u8) -> u16) -> Ordering {
    let same = common_prefix(a, b);
    let (Some(&x), Some(&y)) = (a.get(same), b.get(same)) else {
        return a.len().cmp(&b.len());
    };
    if x.is_ascii() && y.is_ascii() {
        return rank(x.to_ascii_uppercase()).cmp(&rank(y.to_ascii_uppercase()));
    }
    let character = a[..same].iter().rposition(u8::is_ascii).map_or(0, |ascii| ascii + 1);
    let ranks = |bytes| FoldedBytes::new(bytes).map(&rank);
    ranks(&a[character..]).cmp(ranks(&b[character..]))
}

/// How many bytes `a` and `b` have in common at their start, ASCII letters without case.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    // Most names that are compared are written alike, and looking for that is much cheaper.
    let same = prefix_len(a, b, |x, y| x == y);
    match (a.get(same), b.get(same)) {
        (Some(x), Some(y)) if x.eq_ignore_ascii_case(y) => {
            same + prefix_len(&a[same..], &b[same..], <[u8]>::eq_ignore_ascii_case)
        }
        _ => same,
    }
}

fn prefix_len(a: &[u8], b: &[u8], same: impl Fn(&[u8], &[u8]) -> bool) -> usize {
    let (a_words, b_words) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    let start = a_words.iter().zip(b_words).take_while(|(x, y)| same(*x, *y)).count() * 8;
    let rest = a[start..].iter().zip(&b[start..]);
    start + rest.take_while(|(x, y)| same(from_ref(x), from_ref(y))).count()
}

/// The bytes of a folded name, one by one.
struct FoldedBytes<'a> {
    rest: &'a [u8],
    character: [u8; 4],
    pending: Range<usize>,
}

impl<'a> FoldedBytes<'a> {
    fn new(name: &'a [u8]) -> Self {
        Self { rest: name, character: [0; 4], pending: 0..0 }
    }

    /// Folds the character at the start of `rest` and returns its first byte; the others become pending.
    fn fold_character(&mut self) -> u8 {
        let (code_point, len) = decode_first(self.rest);
        let (source, rest) = self.rest.split_at(len);
        self.rest = rest;
        let folded_len = match code_point.map(u16::try_from) {
            Some(Ok(unit)) => encode(upcase(unit), &mut self.character),
            _ => {
                self.character[..len].copy_from_slice(source);
                len
            }
        };
        self.pending = 1..folded_len;
        self.character[0]
    }
}

impl Iterator for FoldedBytes<'_> {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        if let Some(index) = self.pending.next() {
            return Some(self.character[index]);
        }
        let (&first, rest) = self.rest.split_first()?;
        if first.is_ascii() {
            self.rest = rest;
            return Some(first.to_ascii_uppercase());
        }
        Some(self.fold_character())
    }
}

/// Writes the WTF-8 form of a unit from U+0080 on and returns its length.
fn encode(unit: u16, out: &mut [u8; 4]) -> usize {
    let [first, second, third] = three_bytes(unit);
    if unit < 0x800 {
        *out = [0xC0 | second & 0x1F, third, 0, 0];
        return 2;
    }
    *out = [first, second, third, 0];
    3
}
