//! A path as people give it on the command line: a file or directory, perhaps one of its alternate data streams.

use winlayer_core::{LayerPath, Result};

/// A path and the stream that is meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UserPath {
    pub(crate) path: LayerPath,
    /// `None` is the main stream.
    pub(crate) stream: Option<Vec<u8>>,
}

impl UserPath {
    /// Reads `PATH`, `PATH:STREAM` or `PATH:STREAM:$DATA`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (file, stream) = split_stream(text);
        Ok(Self { path: LayerPath::from_user(file)?, stream: stream.map(|name| name.as_bytes().to_vec()) })
    }
}

/// Splits at the first colon of the last component; the colon behind a drive's letter is not one.
fn split_stream(text: &str) -> (&str, Option<&str>) {
    let drive = match text.as_bytes() {
        [letter, b':', ..] if letter.is_ascii_alphabetic() => 2,
        _ => 0,
    };
    let last = text.rfind(['/', '\\']).map_or(drive, |slash| slash + 1);
    let Some(colon) = text[last..].find(':') else { return (text, None) };
    let (file, stream) = (&text[..last + colon], &text[last + colon + 1..]);
    let name = match stream.rsplit_once(':') {
        Some((name, kind)) if kind.eq_ignore_ascii_case("$DATA") => name,
        _ => stream,
    };
    // FILE::$DATA is the main stream by its long name.
    let is_main = name.is_empty() && !stream.is_empty();
    (file, (!is_main).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_from_drives() {
        for (text, file, stream) in [
            (r"C:\a\b", r"C:\a\b", None),
            (r"C:\a\b:s", r"C:\a\b", Some("s")),
            ("a/b:Zone.Identifier:$DATA", "a/b", Some("Zone.Identifier")),
            ("a/b::$DATA", "a/b", None),
            ("a/b:", "a/b", Some("")),
            ("notes.txt:s", "notes.txt", Some("s")),
            ("C:", "C:", None),
            ("", "", None),
            ("x/é:ü", "x/é", Some("ü")),
        ] {
            assert_eq!(split_stream(text), (file, stream), "{text}");
        }
    }

    #[test]
    fn a_path_is_looked_up_below_files() {
        let parsed = UserPath::parse(r"c:\Windows\x:s").unwrap();
        assert_eq!(parsed.path.as_bytes(), b"Files/Windows/x");
        assert_eq!(parsed.stream.as_deref(), Some(&b"s"[..]));
    }
}
