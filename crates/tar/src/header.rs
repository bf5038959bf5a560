//! The 512-byte header block: V7, ustar, star and GNU (POSIX.1-1988 ustar; GNU tar manual, "Basic Tar Format"; star(5)).

use std::ops::Range;

use crate::error::Problem;

/// Bytes in a block.
pub(crate) const BLOCK: usize = 512;

/// Where the fields are (POSIX.1-1988 ustar, "Header Block").
pub(crate) mod field {
    use std::ops::Range;

    pub(crate) const NAME: Range<usize> = 0..100;
    pub(crate) const MODE: Range<usize> = 100..108;
    pub(crate) const UID: Range<usize> = 108..116;
    pub(crate) const GID: Range<usize> = 116..124;
    pub(crate) const SIZE: Range<usize> = 124..136;
    pub(crate) const MTIME: Range<usize> = 136..148;
    pub(crate) const CHECKSUM: Range<usize> = 148..156;
    pub(crate) const TYPE_FLAG: usize = 156;
    pub(crate) const LINK: Range<usize> = 157..257;
    pub(crate) const MAGIC_AND_VERSION: Range<usize> = 257..265;
    pub(crate) const DEV_MAJOR: Range<usize> = 329..337;
    pub(crate) const DEV_MINOR: Range<usize> = 337..345;
    pub(crate) const PREFIX: Range<usize> = 345..500;
    pub(crate) const GNU_SPARSE_RANGES: Range<usize> = 386..482;
    pub(crate) const GNU_SPARSE_GOES_ON: usize = 482;
    pub(crate) const GNU_REAL_SIZE: Range<usize> = 483..495;
    pub(crate) const STAR_PREFIX: Range<usize> = 345..476;
    pub(crate) const STAR_ATIME: Range<usize> = 476..488;
    pub(crate) const STAR_CTIME: Range<usize> = 488..500;
    pub(crate) const STAR_MAGIC: Range<usize> = 508..512;
}

/// A header block.
pub(crate) struct HeaderBlock<'a>(pub(crate) &'a [u8; BLOCK]);

/// Whose fields a block has behind those of V7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl HeaderBlock<'_> {
    pub(crate) fn is_zero(&self) -> bool {
        self.0.iter().all(|&b| b == 0)
    }

    /// Checks the checksum, for which its own field counts as spaces; old programs summed signed bytes.
    pub(crate) fn check_sum(&self) -> Result<(), Problem> {
        let stored = octal(&self.0[field::CHECKSUM]).ok_or(Problem::Checksum)?;
        let spaces = 8 * i64::from(b' ');
        let is_sum = |of: fn(&[u8]) -> i64| stored == of(self.0) - of(&self.0[field::CHECKSUM]) + spaces;
        if is_sum(sum_unsigned) || is_sum(sum_signed) { Ok(()) } else { Err(Problem::Checksum) }
    }

    /// Prefix and name, joined.
    pub(crate) fn path(&self) -> Vec<u8> {
        let prefix: &[u8] = match self.dialect() {
            Dialect::Ustar => until_nul(&self.0[field::PREFIX]),
            Dialect::Star => until_nul(&self.0[field::STAR_PREFIX]),
            Dialect::V7 | Dialect::Gnu => b"",
        };
        let slash: &[u8] = if prefix.is_empty() { b"" } else { b"/" };
        [prefix, slash, until_nul(&self.0[field::NAME])].concat()
    }

    pub(crate) fn link(&self) -> &[u8] {
        until_nul(&self.0[field::LINK])
    }

    pub(crate) fn type_flag(&self) -> u8 {
        self.0[field::TYPE_FLAG]
    }

    pub(crate) fn mode(&self) -> Result<u32, Problem> {
        let mode = number(&self.0[field::MODE]).ok_or(Problem::Number("mode"))?;
        u32::try_from(mode).map_err(|_| Problem::Range("mode"))
    }

    pub(crate) fn size(&self) -> Result<u64, Problem> {
        let size = number(&self.0[field::SIZE]).ok_or(Problem::Number("size"))?;
        u64::try_from(size).map_err(|_| Problem::Range("size"))
    }

    pub(crate) fn mtime(&self) -> Result<i64, Problem> {
        number(&self.0[field::MTIME]).ok_or(Problem::Number("mtime"))
    }

    /// Checks all numbers, also those that nobody here needs: a tar that Go refuses is no layer elsewhere.
    pub(crate) fn check_numbers(&self) -> Result<(), Problem> {
        const ALL: [(Range<usize>, &str); 5] = [
            (field::MODE, "mode"),
            (field::UID, "uid"),
            (field::GID, "gid"),
            (field::SIZE, "size"),
            (field::MTIME, "mtime"),
        ];
        const NOT_V7: [(Range<usize>, &str); 2] =
            [(field::DEV_MAJOR, "devmajor"), (field::DEV_MINOR, "devminor")];
        const STAR: [(Range<usize>, &str); 2] = [(field::STAR_ATIME, "atime"), (field::STAR_CTIME, "ctime")];

        let dialect = self.dialect();
        let not_v7 = NOT_V7.into_iter().filter(|_| dialect != Dialect::V7);
        let star = STAR.into_iter().filter(|_| dialect == Dialect::Star);
        for (field, name) in ALL.into_iter().chain(not_v7).chain(star) {
            number(&self.0[field]).ok_or(Problem::Number(name))?;
        }
        Ok(())
    }

    pub(crate) fn is_gnu(&self) -> bool {
        self.dialect() == Dialect::Gnu
    }

    fn dialect(&self) -> Dialect {
        match &self.0[field::MAGIC_AND_VERSION] {
            b"ustar  \0" => Dialect::Gnu,
            magic if !magic.starts_with(b"ustar\0") => Dialect::V7,
            _ if &self.0[field::STAR_MAGIC] == b"tar\0" => Dialect::Star,
            _ => Dialect::Ustar,
        }
    }
}

fn sum_unsigned(bytes: &[u8]) -> i64 {
    bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>().into()
}

fn sum_signed(bytes: &[u8]) -> i64 {
    bytes.iter().map(|&byte| i32::from(byte.cast_signed())).sum::<i32>().into()
}

pub(crate) fn until_nul(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    &field[..end]
}

/// A numeric field: octal digits, or base-256 where the first bit is set.
pub(crate) fn number(field: &[u8]) -> Option<i64> {
    if field[0] & 0x80 != 0 { base_256(field) } else { octal(field) }
}

/// Octal digits between spaces and NULs; none at all is 0. What follows a NUL behind the digits does not matter.
fn octal(field: &[u8]) -> Option<i64> {
    let is_digit = |b: &u8| !matches!(b, b' ' | 0);
    let start = field.iter().position(is_digit).unwrap_or(field.len());
    let end = field.iter().rposition(is_digit).map_or(start, |last| last + 1);
    until_nul(&field[start..end]).iter().try_fold(0i64, |value, &digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// Two's complement, most significant byte first; the topmost bit only marks the encoding.
fn base_256(field: &[u8]) -> Option<i64> {
    let negative = field[0] & 0x40 != 0;
    let first = if negative { field[0] | 0x80 } else { field[0] & 0x7f };
    let mut value = i128::from(first.cast_signed());
    for &byte in &field[1..] {
        value = value.checked_mul(256)?.checked_add(i128::from(byte))?;
    }
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_tars_write_them() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"000755 \0"), Some(0o755));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"12\x003456\0"), Some(0o12));
        assert_eq!(number(b"0000648\0"), None);
        assert_eq!(number(b"12 \x00345\0"), None);
        assert_eq!(number(b"\x80\0\0\0\0\0\0\0\0\0\x01\0"), Some(256));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"), Some(-2));
        assert_eq!(number(b"\x80\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }
}
