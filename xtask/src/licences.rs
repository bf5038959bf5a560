//! `check-licences`: every crate that we build on has a licence of deny.toml's list, and none is banned there.
//!
//! `cargo deny` does this and more, and reads the same file; this needs nothing installed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// The parts of deny.toml that are checked here.
#[derive(Debug, Deserialize)]
struct Rules {
    licenses: Allowed,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Allowed {
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Debug, Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

/// Checks all crates that the workspace at `root` builds on.
pub(crate) fn run(root: &Path) -> Result<()> {
    let rules = std::fs::read_to_string(root.join("deny.toml")).context("cannot read deny.toml")?;
    let rules: Rules = toml::from_str(&rules).context("cannot read deny.toml")?;
    let packages = packages(root)?;
    let violations: Vec<String> = packages.iter().filter_map(|package| check(package, &rules)).collect();
    if !violations.is_empty() {
        bail!("{}", violations.join("; "));
    }
    println!("check-licences: {} crates have allowed licences and none is banned", packages.len());
    Ok(())
}

fn packages(root: &Path) -> Result<Vec<Package>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cannot read cargo metadata")?;
    Ok(metadata.packages)
}

/// What is wrong with a crate, if anything.
fn check(package: &Package, rules: &Rules) -> Option<String> {
    let Package { name, version, license } = package;
    if let Some(ban) = rules.bans.deny.iter().find(|ban| ban.name == *name) {
        return Some(format!("{name} {version} is banned: {}", ban.reason));
    }
    match license.as_deref() {
        None => Some(format!("{name} {version} names no licence")),
        Some(licence) if !is_allowed(licence, &rules.licenses.allow) => {
            Some(format!("{name} {version} has the licence {licence:?}, which deny.toml does not allow"))
        }
        Some(_) => None,
    }
}

/// Whether an SPDX expression (SPDX 2.3, annex D; or the old form with slashes) can be met with these licences.
/// Parentheses around anything but a list of alternatives are not understood, and not met.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let has = |licence: &str| allowed.iter().any(|known| known == licence.trim());
    let any_of = |alternatives: &str| alternatives.replace('/', " OR ").split(" OR ").any(has);
    if expression.contains('(') {
        return expression.split(" AND ").all(|part| any_of(part.trim().trim_matches(['(', ')'])));
    }
    // AND binds closer than OR.
    expression.replace('/', " OR ").split(" OR ").any(|alternative| alternative.split(" AND ").all(has))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        toml::from_str(
            r#"
            [licenses]
            allow = ["MIT", "Zlib"]
            [bans]
            deny = [{ crate = "bad", reason = "GPL" }]
            "#,
        )
        .unwrap()
    }

    fn verdict(name: &str, license: Option<&str>) -> Option<String> {
        let package = Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
        };
        check(&package, &rules())
    }

    #[test]
    fn a_licence_is_fine_if_one_alternative_is() {
        for licence in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "MIT AND Zlib", "(GPL-3.0 OR MIT) AND Zlib"] {
            assert_eq!(verdict("x", Some(licence)), None, "{licence}");
        }
    }

    #[test]
    fn a_licence_that_binds_is_found() {
        for licence in ["GPL-3.0", "MIT AND GPL-3.0", "MIT WITH exception", "(MIT OR Zlib) AND GPL-3.0"] {
            let found = verdict("x", Some(licence)).unwrap();
            assert!(found.starts_with("x 1.0.0 has the licence"), "{licence}: {found}");
        }
        assert_eq!(verdict("x", None).unwrap(), "x 1.0.0 names no licence");
    }

    #[test]
    fn a_banned_crate_is_found_whatever_its_licence() {
        assert_eq!(verdict("bad", Some("MIT")).unwrap(), "bad 1.0.0 is banned: GPL");
    }

    #[test]
    fn the_rules_of_the_project_can_be_read() {
        let text = std::fs::read_to_string(crate::workspace_root().unwrap().join("deny.toml")).unwrap();
        let rules: Rules = toml::from_str(&text).unwrap();
        assert!(rules.licenses.allow.iter().any(|licence| licence == "MIT"));
        assert!(rules.bans.deny.iter().any(|ban| ban.name == "sddl"));
    }
}
