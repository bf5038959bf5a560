//! What a layer changes against the chain below it.

use std::fmt;

use crate::path::LayerPath;

/// How a path changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// The path is new.
    Add,
    /// The path was there below; this layer has its own version. Engines that cannot tell say this for every
    /// present path, as the historical driver does.
    Modify,
    /// A whiteout: the path was there below and is gone.
    Delete,
}

impl ChangeKind {
    /// The one-letter form of `docker diff`: `A`, `C` or `D`.
    pub fn letter(self) -> char {
        match self {
            Self::Add => 'A',
            Self::Modify => 'C',
            Self::Delete => 'D',
        }
    }
}

/// One changed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path inside the layer.
    pub path: LayerPath,
    /// How it changed.
    pub kind: ChangeKind,
    /// Size in bytes of the file's main stream as this layer has it; 0 for directories and deletions.
    pub size: u64,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.letter(), self.path)
    }
}
