//! PAX extended headers: `LENGTH KEY=VALUE\n` records (POSIX.1-2001 pax, "pax Extended Header"), kept byte for byte.

use winlayer_meta::filetime::UnixTime;

use crate::error::Problem;

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// The records of one extended header, in their order, unknown ones included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaxRecords(Vec<u8>);

impl PaxRecords {
    /// Checks and takes the data of an extended header.
    ///
    /// # Errors
    /// [`Problem::PaxRecord`] and the offset within `data` of the record that is malformed.
    pub fn parse(data: Vec<u8>) -> Result<Self, (Problem, usize)> {
        let mut at = 0;
        while at < data.len() {
            let (key, value, len) = split_record(&data[at..]).ok_or((Problem::PaxRecord, at))?;
            if !is_valid(key, value) {
                return Err((Problem::PaxRecord, at));
            }
            at += len;
        }
        Ok(Self(data))
    }

    /// Key and value of every record, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (key, value, len) = split_record(rest)?;
            rest = &rest[len..];
            Some((key, value))
        })
    }

    /// The value that counts for a key: the last one.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.iter().filter(|(other, _)| *other == key).last().map(|(_, value)| value)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The records as the tar has them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Key, value and whole length of the first record.
fn split_record(data: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let space = data.iter().take(21).position(|&b| b == b' ')?;
    let digits = &data[..space];
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let len = digits.iter().try_fold(0usize, |n, d| n.checked_mul(10)?.checked_add(usize::from(d - b'0')))?;
    let record = data.get(space + 1..len)?;
    let (last, record) = record.split_last()?;
    let equals = record.iter().position(|&b| b == b'=')?;
    (*last == b'\n').then_some((&record[..equals], &record[equals + 1..], len))
}

/// What Go's archive/tar, which reads these tars elsewhere, takes for a record.
pub(crate) fn is_valid(key: &[u8], value: &[u8]) -> bool {
    let holder = if matches!(key, b"path" | b"linkpath" | b"uname" | b"gname") { value } else { key };
    !key.is_empty() && !holder.contains(&0)
}

/// A time as PAX writes it: `[-]SECONDS[.FRACTION]`; digits past the ninth are cut off.
pub fn parse_time(value: &[u8]) -> Option<UnixTime> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let secs: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digit = |place: usize| fraction.as_bytes().get(place).map_or(0, |digit| u32::from(digit - b'0'));
    let nanos = (0..9).fold(0, |nanos, place| nanos * 10 + digit(place));
    if nanos > 0 && whole.starts_with('-') {
        return Some(UnixTime { secs: secs.checked_sub(1)?, nanos: NANOS_PER_SECOND - nanos });
    }
    Some(UnixTime { secs, nanos })
}

/// Writes a time as PAX has it, without zeros at the end of the fraction: the inverse of [`parse_time`].
pub fn format_time(time: UnixTime) -> String {
    let whole = time.secs.saturating_add(i64::from(time.nanos / NANOS_PER_SECOND));
    let nanos = time.nanos % NANOS_PER_SECOND;
    if nanos == 0 {
        return whole.to_string();
    }
    let (sign, secs, nanos) = match whole {
        0.. => ("", whole, nanos),
        _ => ("-", -(whole + 1), NANOS_PER_SECOND - nanos),
    };
    let text = format!("{sign}{secs}.{nanos:09}");
    text.trim_end_matches('0').to_owned()
}

/// Appends a record.
pub(crate) fn push_record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let without_len = key.len() + value.len() + b" =\n".len();
    let almost = without_len + digits(without_len);
    // Its own digits may make the number longer.
    let len = without_len + digits(almost);
    out.extend_from_slice(format!("{len} ").as_bytes());
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

fn digits(n: usize) -> usize {
    n.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// A number as PAX writes it, which may be negative.
pub(crate) fn parse_number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// A size as PAX writes it: decimal digits.
pub(crate) fn parse_size(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
        .filter(|&n| n <= i64::MAX.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_order_and_the_last_of_a_key_counts() {
        let records = PaxRecords::parse(b"8 k=abc\n5 a=\n9 k=x=\ny\n".to_vec()).unwrap();
        let all: Vec<_> = records.iter().collect();
        let expected: [(&[u8], &[u8]); 3] = [(b"k", b"abc"), (b"a", b""), (b"k", b"x=\ny")];
        assert_eq!(all, expected);
        assert_eq!(records.get(b"k"), Some(&b"x=\ny"[..]));
        assert_eq!(records.get(b"b"), None);
    }

    #[test]
    fn the_first_malformed_record_is_named_by_its_offset() {
        for (data, at) in [
            (&b"9 k=abc\n"[..], 0),
            (b"7 k=abc\n", 0),
            (b"8 k=abc\n5 a", 8),
            (b"8 k=abc\n4 =\n", 8),
            (b"8 k=abc\n\0\0", 8),
            (b"6 abc\n", 0),
            (b"k=abc\n", 0),
            (b"99999999999999999999 k=abc\n", 0),
            (b"-8 k=abc\n", 0),
        ] {
            assert_eq!(
                PaxRecords::parse(data.to_vec()),
                Err((Problem::PaxRecord, at)),
                "{}",
                data.escape_ascii()
            );
        }
    }

    #[test]
    fn records_count_the_digits_of_their_own_length() {
        for len in (0..200).chain(970..1010).chain(9_980..10_010) {
            let value = vec![b'v'; len];
            let mut data = Vec::new();
            push_record(&mut data, b"k", &value);
            let records = PaxRecords::parse(data).unwrap();
            assert_eq!(records.iter().collect::<Vec<_>>(), [(&b"k"[..], &value[..])]);
        }
    }

    #[test]
    fn times_are_cut_to_nanoseconds_and_go_below_zero() {
        let time = |text: &str| parse_time(text.as_bytes()).map(|t| (t.secs, t.nanos));
        assert_eq!(time("1600000000.5"), Some((1_600_000_000, 500_000_000)));
        assert_eq!(time("-1.5"), Some((-2, 500_000_000)));
        assert_eq!(time("-0.5"), Some((-1, 500_000_000)));
        assert_eq!(time("1.1234567899"), Some((1, 123_456_789)));
        assert_eq!(time("1."), Some((1, 0)));
        assert_eq!(time("x"), None);
        assert_eq!(time("1.x"), None);
    }

    #[test]
    fn times_are_written_as_short_as_they_can_be_read() {
        for (secs, nanos, text) in [
            (0, 0, "0"),
            (1_600_000_000, 123_456_700, "1600000000.1234567"),
            (5, 1, "5.000000001"),
            (-1, 500_000_000, "-0.5"),
            (-2, 999_999_999, "-1.000000001"),
            (-2, 0, "-2"),
            (i64::MIN, 1, "-9223372036854775807.999999999"),
            (i64::MAX, 999_999_999, "9223372036854775807.999999999"),
        ] {
            let time = UnixTime { secs, nanos };
            assert_eq!(format_time(time), text);
            assert_eq!(parse_time(text.as_bytes()), Some(time));
        }
    }
}
