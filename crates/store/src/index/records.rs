//! How an index keeps PAX records: values that repeat are kept once for the layer, short ones in place.
//!
//! A layer has a few hundred distinct security descriptors but a new time for nearly every file. So a list of records is
//! a byte string of items, each one of
//!
//! ```text
//! 0, number: u32       the record with this number in the table ("key=value")
//! key: 1.., len: u8, value    one of SHORT_KEYS with a value of at most 255 bytes
//! ```
//!
//! `path`, `linkpath` and `size` are not kept: the row has what they say.

use super::format::Span;

/// Keys whose values are short and mostly differ from file to file. The place in the list is the item's tag; it may only
/// grow at its end.
const SHORT_KEYS: [&[u8]; 5] =
    [b"mtime", b"atime", b"ctime", b"LIBARCHIVE.creationtime", b"MSWINDOWS.fileattr"];

const INTERNED: u8 = 0;

/// Whether a record is left out because the row says the same.
pub(super) fn is_in_row(key: &[u8]) -> bool {
    matches!(key, b"path" | b"linkpath" | b"size")
}

/// Appends a record as a short item, if it is one.
pub(super) fn push_short(items: &mut Vec<u8>, key: &[u8], value: &[u8]) -> bool {
    let Some(place) = SHORT_KEYS.iter().position(|short| *short == key) else { return false };
    let (Ok(tag), Ok(len)) = (u8::try_from(place + 1), u8::try_from(value.len())) else { return false };
    items.push(tag);
    items.push(len);
    items.extend_from_slice(value);
    true
}

/// Appends a record by its number in the table.
pub(super) fn push_interned(items: &mut Vec<u8>, number: u32) {
    items.push(INTERNED);
    items.extend_from_slice(&number.to_le_bytes());
}

/// Reads a list of records, key and value. Damaged lists end early.
pub(super) struct Items<'a> {
    pub(super) items: &'a [u8],
    pub(super) table: &'a [Span],
    pub(super) heap: &'a [u8],
}

impl<'a> Iterator for Items<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&tag, rest) = self.items.split_first()?;
        if tag == INTERNED {
            let (number, rest) = rest.split_first_chunk()?;
            self.items = rest;
            let span = self.table.get(u32::from_le_bytes(*number) as usize)?;
            let record = self.heap.get(span.range())?;
            let equals = record.iter().position(|&b| b == b'=')?;
            return Some((&record[..equals], &record[equals + 1..]));
        }
        let key = *SHORT_KEYS.get(usize::from(tag) - 1)?;
        let (&len, rest) = rest.split_first()?;
        let value = rest.get(..usize::from(len))?;
        self.items = &rest[usize::from(len)..];
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_interned_records_come_back_in_their_order() {
        let heap = b"MSWINDOWS.rawsd=AQAE";
        let table = [Span::new(0, 20)];
        let mut items = Vec::new();
        assert!(push_short(&mut items, b"mtime", b"1.5"));
        push_interned(&mut items, 0);
        assert!(push_short(&mut items, b"MSWINDOWS.fileattr", b""));
        let all: Vec<_> = Items { items: &items, table: &table, heap }.collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"mtime", b"1.5"), (b"MSWINDOWS.rawsd", b"AQAE"), (b"MSWINDOWS.fileattr", b"")];
        assert_eq!(all, expected);
    }

    #[test]
    fn long_values_and_other_keys_are_not_short() {
        let mut items = Vec::new();
        assert!(!push_short(&mut items, b"mtime", &[b'1'; 256]));
        assert!(!push_short(&mut items, b"comment", b"x"));
        assert!(items.is_empty());
    }

    #[test]
    fn damaged_lists_end_early() {
        for items in [&[0u8, 1][..], &[0, 9, 0, 0, 0], &[77, 1, 0], &[1, 200, 1]] {
            assert_eq!(Items { items, table: &[], heap: &[] }.next(), None);
        }
    }
}
