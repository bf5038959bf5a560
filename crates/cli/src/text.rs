//! Text for people: names without surprises for the terminal, sizes in units, times to the second.

use std::fmt::Write;

use winlayer_meta::filetime::FileTime;
use winlayer_meta::name;

/// A name (WTF-8) in a form that is safe to print: control characters, direction marks and lone surrogates are written
/// as `\u{…}`.
pub(crate) fn printable(name: &[u8]) -> String {
    escaped(name, |c| c.is_control() || is_direction_mark(c))
}

/// A name (WTF-8) as JSON can carry it: only lone surrogates, which no JSON string has, are written as `\u{…}`.
pub(crate) fn json_name(name: &[u8]) -> String {
    escaped(name, |_| false)
}

/// A UTF-16 text in a form that is safe to print.
pub(crate) fn printable_utf16(units: &[u16]) -> String {
    printable(&name::from_utf16(units))
}

fn escaped(name: &[u8], is_escaped: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(name.len());
    for unit in char::decode_utf16(utf16(name)) {
        // Writing to a string cannot fail.
        let _ = match unit {
            Ok(c) if is_escaped(c) => write!(text, "\\u{{{:x}}}", u32::from(c)),
            Ok(c) => text.write_char(c),
            Err(lone) => write!(text, "\\u{{{:x}}}", lone.unpaired_surrogate()),
        };
    }
    text
}

/// A name in UTF-16, as Windows has it. (Indexes are checked where they are used, so bytes that are no WTF-8 are possible.)
pub(crate) fn utf16(name: &[u8]) -> Vec<u16> {
    name::to_utf16(name).unwrap_or_else(|_| name::to_utf16_lossy(name))
}

/// Characters that change the order in which others are shown (UAX #9, 2).
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number of bytes in the largest binary unit that leaves at least 1, with one decimal.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let power = usize::try_from(bytes.ilog2() / 10).unwrap_or(1).min(UNITS.len());
    let tenths = (u128::from(bytes) * 10) >> (10 * power);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[power - 1])
}

/// A time to the second, in UTC: `2024-05-01 12:34:56`.
pub(crate) fn seconds(time: FileTime) -> String {
    let text = time.to_string();
    text.split('.').next().unwrap_or_default().replace('T', " ")
}

/// `1 layer`, `2 layers`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(printable("naïve 文\x1b[2J\u{202e}".as_bytes()), "naïve 文\\u{1b}[2J\\u{202e}");
        assert_eq!(printable(b"lone \xed\xa0\x80"), "lone \\u{d800}");
        assert_eq!(json_name(b"tab\t \xed\xa0\x80"), "tab\t \\u{d800}");
    }

    #[test]
    fn sizes_have_the_largest_fitting_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1023.9 KiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn times_are_shown_to_the_second() {
        assert_eq!(seconds(FileTime::UNIX_EPOCH), "1970-01-01 00:00:00");
    }
}
