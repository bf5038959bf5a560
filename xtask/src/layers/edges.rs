//! Dependencies between the crates of the workspace: downwards only, tests included.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Violation;

/// The crates from bottom to top. Each may use only those before it.
const BOTTOM_TO_TOP: [&str; 10] = [
    "winlayer-meta",
    "winlayer-backup",
    "winlayer-erofs",
    "winlayer-tar",
    "winlayer-core",
    "winlayer-store",
    "winlayer-hcs",
    "winlayer-driver",
    "winlayer",
    "xtask",
];

/// Edges that point downwards and still may not be, except in tests: user, used, why.
const FORBIDDEN: [(&str, &str, &str); 3] = [
    ("winlayer-driver", "winlayer-store", "the driver must not know which engine it drives"),
    ("winlayer-driver", "winlayer-hcs", "the driver must not know which engine it drives"),
    ("winlayer-hcs", "winlayer-store", "the engines must not know each other"),
];

/// A crate, as `cargo metadata` tells of it.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<Kind>,
    /// Only dependencies inside the workspace have one.
    path: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Dev,
    Build,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

impl Package {
    /// What it uses of the workspace.
    pub(super) fn edges(&self) -> impl Iterator<Item = &str> {
        self.inner().map(|dependency| dependency.name.as_str())
    }

    fn inner(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies.iter().filter(|dependency| dependency.path.is_some())
    }
}

/// The crates of the workspace at `root`.
pub(super) fn packages(root: &Path) -> Result<Vec<Package>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    parse(&output.stdout)
}

fn parse(json: &[u8]) -> Result<Vec<Package>> {
    let metadata: Metadata = serde_json::from_slice(json).context("cannot read cargo metadata")?;
    Ok(metadata.packages)
}

/// Every edge that points upwards or sideways, or that the architecture forbids, and every crate without a place.
pub(super) fn check(packages: &[Package]) -> Vec<Violation> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Violation> {
    let Some(place) = place_of(&package.name) else {
        return vec![Violation {
            place: package.name.clone(),
            rule: "the crate has no place in the order of xtask/src/layers/edges.rs".to_owned(),
        }];
    };
    package.inner().filter_map(|used| check_edge(package, place, used)).collect()
}

fn check_edge(package: &Package, place: usize, used: &Dependency) -> Option<Violation> {
    let kind = match used.kind {
        None => "uses",
        Some(Kind::Dev) => "uses, in tests,",
        Some(Kind::Build) => "uses, to build,",
    };
    let reason = match place_of(&used.name) {
        Some(below) if below < place => forbidden(&package.name, used)?,
        Some(_) => "which is not below it",
        None => "which has no place in the order",
    };
    let edge = format!("{} {kind} {}", package.name, used.name);
    Some(Violation { place: edge, rule: reason.to_owned() })
}

fn forbidden(user: &str, used: &Dependency) -> Option<&'static str> {
    if used.kind == Some(Kind::Dev) {
        return None;
    }
    FORBIDDEN.iter().find(|(from, to, _)| *from == user && *to == used.name).map(|(_, _, why)| *why)
}

fn place_of(name: &str) -> Option<usize> {
    BOTTOM_TO_TOP.iter().position(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace in which `user` uses `used`, as a dependency of this kind (JSON).
    fn workspace(user: &str, used: &str, kind: &str) -> Vec<Package> {
        let json = format!(
            r#"{{"packages": [
                {{"name": "{used}", "dependencies": [{{"name": "serde", "kind": null}}]}},
                {{"name": "{user}", "dependencies": [
                    {{"name": "{used}", "kind": {kind}, "path": "/x"}},
                    {{"name": "winlayer-meta", "kind": null, "path": "/m"}}
                ]}}
            ]}}"#
        );
        parse(json.as_bytes()).unwrap()
    }

    fn violations(user: &str, used: &str, kind: &str) -> Vec<String> {
        check(&workspace(user, used, kind)).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn an_edge_downwards_is_fine() {
        assert_eq!(violations("winlayer-store", "winlayer-core", "null"), [""; 0]);
        assert_eq!(violations("winlayer", "winlayer-driver", "null"), [""; 0]);
    }

    #[test]
    fn an_edge_upwards_is_found_and_named() {
        assert_eq!(
            violations("winlayer-core", "winlayer-store", "null"),
            ["winlayer-core uses winlayer-store: which is not below it"]
        );
    }

    #[test]
    fn tests_may_not_look_upwards_either() {
        assert_eq!(
            violations("winlayer-tar", "winlayer-core", r#""dev""#),
            ["winlayer-tar uses, in tests, winlayer-core: which is not below it"]
        );
    }

    #[test]
    fn the_driver_may_know_an_engine_in_tests_only() {
        assert_eq!(violations("winlayer-driver", "winlayer-store", r#""dev""#), [""; 0]);
        assert_eq!(
            violations("winlayer-driver", "winlayer-store", "null"),
            ["winlayer-driver uses winlayer-store: the driver must not know which engine it drives"]
        );
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        let found = violations("winlayer-new", "winlayer-core", "null");
        assert_eq!(found, ["winlayer-new: the crate has no place in the order of xtask/src/layers/edges.rs"]);
    }

    #[test]
    fn this_workspace_is_in_order() {
        let root = crate::workspace_root().unwrap();
        assert_eq!(check(&packages(&root).unwrap()), []);
    }
}
