//! Storage options as people write them: `size=20GB`.

use winlayer_core::{Error, Result};

/// Options of a writable layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StorageOptions {
    /// How large the layer may grow, in bytes. 0 leaves it at the engine's own limit; `None` says nothing.
    pub size: Option<u64>,
}

impl StorageOptions {
    /// Reads options from their keys (in any case) and values. The last of several equal keys counts.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](winlayer_core::ErrorKind::InvalidInput) naming a key that is not known or a value
    /// that is none.
    pub fn parse<'a>(options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut parsed = Self::default();
        for (key, value) in options {
            if !key.eq_ignore_ascii_case("size") {
                return Err(Error::invalid(format!("unknown storage option {key:?}"))
                    .hint("the only storage option is size, as in size=20GB"));
            }
            parsed.size = Some(parse_size(value)?);
        }
        Ok(parsed)
    }

    /// These options, with `defaults` where they say nothing.
    #[must_use]
    pub fn or(self, defaults: Self) -> Self {
        Self { size: self.size.or(defaults.size) }
    }
}

/// The largest size, in bytes: what fits the signed 64-bit number that the historical drivers use.
const MAX_SIZE: u64 = i64::MAX as u64;

/// The longest number that is read, in digits: more than any size needs.
const MAX_DIGITS: usize = 20;

/// Reads a size in Docker's units, all binary: `1024`, `512m`, `10G`, `10GB`, `10GiB`, `1.5t`, in any case, with at most one
/// space before the unit. A fraction of a byte is dropped.
///
/// # Errors
/// [`ErrorKind::InvalidInput`](winlayer_core::ErrorKind::InvalidInput) with what a size looks like.
pub fn parse_size(text: &str) -> Result<u64> {
    read_size(text).ok_or_else(|| {
        Error::invalid(format!("{text:?} is not a size")).hint(
            "write a number of bytes below 8 EiB, or a number and one of K, M, G, T, P, as in 512m or 20GB",
        )
    })
}

fn read_size(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let scale = read_unit(unit)?;
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    if whole.is_empty() || whole.len() > MAX_DIGITS || fraction.len() > MAX_DIGITS {
        return None;
    }
    let whole = whole.parse::<u128>().ok()?.checked_mul(scale)?;
    let part = match fraction {
        "" => 0,
        digits => read_fraction(digits, scale)?,
    };
    u64::try_from(whole + part).ok().filter(|size| *size <= MAX_SIZE)
}

/// The digits behind the point times `scale`, rounded down.
fn read_fraction(digits: &str, scale: u128) -> Option<u128> {
    let ten_to = 10u128.checked_pow(u32::try_from(digits.len()).ok()?)?;
    Some(digits.parse::<u128>().ok()?.checked_mul(scale)? / ten_to)
}

/// What a unit (`""`, `" k"`, `"GiB"` …) stands for in bytes.
fn read_unit(text: &str) -> Option<u128> {
    let unit = text.strip_prefix(' ').unwrap_or(text).to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let letter = unit.strip_suffix('i').unwrap_or(unit);
    let power = match letter {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    Some(1 << (10 * power))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_in_docker_units() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("4096b", 4096),
            ("4096 ", 4096),
            ("512m", 512 << 20),
            ("10G", 10 << 30),
            ("10GB", 10 << 30),
            ("10gb", 10 << 30),
            ("10 GiB", 10 << 30),
            ("1.5k", 1536),
            ("0.3k", 307),
            ("1T", 1 << 40),
            ("2p", 2 << 50),
            ("9223372036854775807", MAX_SIZE),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused_and_quoted() {
        for text in
            ["", "G", "-1", "1..5", "1.", ".5g", "10  g", "10x", "1e3", "9223372036854775808", "8192p", "٣"]
        {
            let error = parse_size(text).unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
            assert!(error.advice().is_some());
        }
    }

    #[test]
    fn an_unknown_storage_option_is_an_error_that_names_it() {
        assert_eq!(StorageOptions::parse([("SIZE", "1k")]).unwrap().size, Some(1024));
        assert_eq!(StorageOptions::parse([]).unwrap(), StorageOptions::default());
        let error = StorageOptions::parse([("size", "1k"), ("iops", "7")]).unwrap_err();
        assert_eq!(error.to_string(), "unknown storage option \"iops\"");
    }

    #[test]
    fn an_option_of_the_layer_goes_before_the_default() {
        let size = |size| StorageOptions { size };
        assert_eq!(size(None).or(size(Some(7))), size(Some(7)));
        assert_eq!(size(Some(0)).or(size(Some(7))), size(Some(0)));
    }

    proptest! {
        #[test]
        fn reading_a_size_never_panics(text in ".{0,40}") {
            let _ = parse_size(&text);
        }

        #[test]
        fn a_plain_number_is_itself(bytes in 0..=MAX_SIZE) {
            prop_assert_eq!(parse_size(&bytes.to_string()).unwrap(), bytes);
        }
    }
}
