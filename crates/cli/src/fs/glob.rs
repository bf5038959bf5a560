//! Name patterns as Windows' `dir` has them: `*` and `?`, and upper and lower case are one.

use winlayer_meta::name;

use crate::text::utf16;

/// A pattern for one path component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob(Vec<u16>);

const ANY: u16 = b'*' as u16;
const ONE: u16 = b'?' as u16;

impl Glob {
    /// Takes a pattern; every text is one.
    pub(crate) fn new(pattern: &str) -> Self {
        Self(folded(pattern.as_bytes()))
    }

    /// Whether a whole name (WTF-8) fits. O(pattern · name).
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        let (pattern, name) = (self.0.as_slice(), folded(name));
        let (mut p, mut n) = (0, 0);
        // Where to go on when what followed the last `*` does not fit: one unit further.
        let mut retry: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some(&ANY) => {
                    retry = Some((p + 1, n));
                    p += 1;
                }
                Some(&unit) if unit == ONE || unit == name[n] => {
                    p += 1;
                    n += 1;
                }
                _ => {
                    let Some((after_star, from)) = retry else { return false };
                    retry = Some((after_star, from + 1));
                    (p, n) = (after_star, from + 1);
                }
            }
        }
        pattern[p..].iter().all(|&unit| unit == ANY)
    }
}

fn folded(name: &[u8]) -> Vec<u16> {
    utf16(name).into_iter().map(name::upcase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names_in_any_case() {
        for (pattern, name, expected) in [
            ("*.DLL", "ntdll.dll", true),
            ("*.dll", "ntdll.dll.mui", false),
            ("nt*l.d?l", "NTDLL.DLL", true),
            ("?", "", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("**a*", "bca", true),
            ("ÄPFEL", "äpfel", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let name = "a".repeat(255);
        assert!(!Glob::new(&format!("{}b", "a*".repeat(100))).matches(name.as_bytes()));
    }
}
