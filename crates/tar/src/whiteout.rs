//! Whiteouts: entries named `.wh.NAME` that say that NAME is gone (OCI image-spec, layer.md).

/// What the name of an entry says about whiteouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whiteout {
    /// Not one.
    No,
    /// The path with this name is gone.
    Of(Vec<u8>),
}

/// Why a whiteout means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WhiteoutError {
    /// Nothing behind the prefix.
    #[error("a whiteout without a name")]
    Empty,
    /// `.wh..` or `.wh...`.
    #[error("a whiteout of a directory itself or its parent")]
    Dots,
    /// `.wh..wh..opq` and other names that begin with the prefix twice.
    #[error("an opaque or reserved whiteout, which Windows layers do not have")]
    Reserved,
}

const PREFIX: &[u8] = b".wh.";

/// Tells whether an entry is a whiteout, and of what.
///
/// # Errors
/// The name has the prefix and means nothing.
pub fn classify(tar_name: &[u8]) -> Result<Whiteout, WhiteoutError> {
    let end = tar_name.iter().rposition(|&b| b != b'/').map_or(0, |last| last + 1);
    let name = &tar_name[..end];
    let start = name.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
    let Some(target) = name[start..].strip_prefix(PREFIX) else { return Ok(Whiteout::No) };
    match target {
        b"" => Err(WhiteoutError::Empty),
        b"." | b".." => Err(WhiteoutError::Dots),
        _ if target.starts_with(PREFIX) => Err(WhiteoutError::Reserved),
        _ => Ok(Whiteout::Of([&name[..start], target].concat())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(name: &str) -> Result<Option<String>, WhiteoutError> {
        classify(name.as_bytes()).map(|whiteout| match whiteout {
            Whiteout::No => None,
            Whiteout::Of(path) => Some(String::from_utf8_lossy(&path).into_owned()),
        })
    }

    #[test]
    fn the_last_part_of_a_name_tells_what_is_gone() {
        assert_eq!(gone(".wh.a"), Ok(Some("a".to_owned())));
        assert_eq!(gone("Files/Windows/.wh.a.txt"), Ok(Some("Files/Windows/a.txt".to_owned())));
        assert_eq!(gone("Files/.wh.d/"), Ok(Some("Files/d".to_owned())));
        assert_eq!(gone("Files/.wh.a:stream"), Ok(Some("Files/a:stream".to_owned())));
        assert_eq!(gone("Files/.wh...a"), Ok(Some("Files/..a".to_owned())));
    }

    #[test]
    fn other_names_are_no_whiteouts() {
        for name in ["", "/", "Files/a", ".wh", "a.wh.b", "Files/.wh.d/a", "Files/.WH.a"] {
            assert_eq!(gone(name), Ok(None), "{name}");
        }
    }

    #[test]
    fn whiteouts_that_mean_nothing_are_refused() {
        assert_eq!(gone("Files/.wh."), Err(WhiteoutError::Empty));
        assert_eq!(gone("Files/.wh./"), Err(WhiteoutError::Empty));
        assert_eq!(gone("Files/.wh.."), Err(WhiteoutError::Dots));
        assert_eq!(gone("Files/.wh..."), Err(WhiteoutError::Dots));
        assert_eq!(gone("Files/.wh..wh..opq"), Err(WhiteoutError::Reserved));
        assert_eq!(gone(".wh..wh.plnk"), Err(WhiteoutError::Reserved));
    }
}
