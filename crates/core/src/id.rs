//! Layer ids: the name of a layer and of its folder under the home, checked once so that no id can leave the home.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The end of the name of a folder whose removal was started. No layer id may end in it.
pub const REMOVING_SUFFIX: &str = "-removing";

/// The longest id, in bytes.
pub const MAX_ID_LEN: usize = 128;

/// The id of a layer: `[A-Za-z0-9][A-Za-z0-9_.-]{0,127}`, not ending in `-removing`.
///
/// An id is also the name of the layer's folder. By construction it has no separator, is not `.` or `..`, and is the
/// same file name on every system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LayerId(String);

impl LayerId {
    /// Checks and takes an id.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) naming the rule that `id` breaks.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        match broken_rule(&id) {
            None => Ok(Self(id)),
            Some(rule) => Err(Error::invalid(format!("layer id {id:?} {rule}")).hint(
                "an id has 1 to 128 letters, digits, '_', '.' or '-', and begins with a letter or digit",
            )),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn broken_rule(id: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if id.is_empty() {
        Some("is empty")
    } else if id.len() > MAX_ID_LEN {
        Some("is longer than 128 characters")
    } else if !id.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Some("does not begin with a letter or digit")
    } else if !id.chars().all(allowed) {
        Some("has a character that is not allowed")
    } else if id.ends_with(REMOVING_SUFFIX) {
        Some("ends in '-removing', which marks a folder that is being removed")
    } else {
        None
    }
}

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for LayerId {
    type Error = Error;

    fn try_from(id: String) -> Result<Self> {
        Self::new(id)
    }
}

impl std::str::FromStr for LayerId {
    type Err = Error;

    fn from_str(id: &str) -> Result<Self> {
        Self::new(id)
    }
}

impl From<LayerId> for String {
    fn from(id: LayerId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_ids_are_taken() {
        for id in ["a", "base", "sha256-0f", "A.b_c-d", &"x".repeat(128)] {
            assert_eq!(LayerId::new(id).unwrap().as_str(), id);
        }
    }

    #[test]
    fn ids_that_could_leave_the_home_or_confuse_it_are_refused() {
        for id in [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "-a",
            "_a",
            ".a",
            "a b",
            "é",
            "a\0",
            "x-removing",
            &"x".repeat(129),
        ] {
            assert!(LayerId::new(id).is_err(), "{id:?}");
        }
    }
}
