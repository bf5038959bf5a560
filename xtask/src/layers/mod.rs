//! `check-layers`: the rules of the architecture that the compiler does not check.

mod edges;
mod sources;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

/// A rule that is broken: where, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    place: String,
    rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.rule)
    }
}

/// Checks the workspace at `root` and says what was proved.
pub(crate) fn run(root: &Path) -> Result<()> {
    let packages = edges::packages(root)?;
    let files = sources::read_tree(root)?;
    let mut violations = edges::check(&packages);
    violations.extend(sources::check(&files));
    if !violations.is_empty() {
        for violation in &violations {
            println!("{violation}");
        }
        bail!("{} rules are broken", violations.len());
    }
    let edge_count: usize = packages.iter().map(|package| package.edges().count()).sum();
    println!(
        "check-layers: {} crates with {edge_count} edges point downwards only; {} files keep the rules",
        packages.len(),
        files.len()
    );
    Ok(())
}
