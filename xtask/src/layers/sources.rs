//! Rules for the files of the tree: each says why it exists, is short or says why not, has no `unsafe` out of place, and
//! stands alone.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Violation;

/// Files past this many lines have to justify themselves.
const LONG: usize = 600;

/// How a long file begins its justification, within its first lines.
const JUSTIFIED: &str = "//! Long because ";
const FIRST_LINES: usize = 20;

/// The only files that may have `unsafe` blocks.
const MAY_BE_UNSAFE: [&str; 1] = ["crates/store/src/mapping.rs"];

/// The keyword, in two halves so that this file does not have it.
const UNSAFE: &str = concat!("un", "safe");

/// What no file may mention: places that a clone of this repository does not have.
const OUTSIDE: [&str; 4] = [
    concat!("../", "shared"),
    concat!(".", "library"),
    concat!("/work", "/main"),
    concat!("/work", "/scratch"),
];

/// Directories that are not part of the tree.
const SKIPPED: [&str; 3] = [".git", "target", "artifacts"];

/// A file of the tree: its path from the root, with `/`, and its content.
pub(super) struct SourceFile {
    path: String,
    content: Vec<u8>,
}

/// Reads all files below `root` but those that are built.
pub(super) fn read_tree(root: &Path) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    read_directory(root, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn read_directory(directory: &Path, prefix: &str, files: &mut Vec<SourceFile>) -> Result<()> {
    let cannot_read = || format!("cannot read {}", directory.display());
    for entry in fs::read_dir(directory).with_context(cannot_read)? {
        let entry = entry.with_context(cannot_read)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().with_context(cannot_read)?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            read_directory(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() {
            let content = fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
            files.push(SourceFile { path, content });
        }
    }
    Ok(())
}

/// Every rule that a file breaks.
pub(super) fn check(files: &[SourceFile]) -> Vec<Violation> {
    files.iter().flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Violation> {
    let text = String::from_utf8_lossy(&file.content);
    let mut rules = Vec::new();
    for place in OUTSIDE.iter().filter(|place| text.contains(**place)) {
        rules.push(format!("it mentions {place:?}, which is not part of the project"));
    }
    if file.path.ends_with(".rs") {
        check_rust(&file.path, &text, &mut rules);
    }
    if file.path.ends_with("/Cargo.toml") && !text.contains("[lints]\nworkspace = true") {
        rules.push("it does not take the workspace's lints".to_owned());
    }
    rules.into_iter().map(|rule| Violation { place: file.path.clone(), rule }).collect()
}

fn check_rust(path: &str, text: &str, rules: &mut Vec<String>) {
    if !text.starts_with("//! ") {
        rules.push("it does not open with a //! line that says why it exists".to_owned());
    }
    let lines = text.lines().count();
    if lines > LONG && !text.lines().take(FIRST_LINES).any(|line| line.starts_with(JUSTIFIED)) {
        rules.push(format!("it has {lines} lines and no line \"{JUSTIFIED}…\" near its top"));
    }
    if MAY_BE_UNSAFE.contains(&path) {
        return;
    }
    for (number, line) in text.lines().enumerate().filter(|(_, line)| has_unsafe(line)) {
        rules.push(format!(
            "line {} has {UNSAFE} code, which only {MAY_BE_UNSAFE:?} may: {}",
            number + 1,
            line.trim()
        ));
    }
}

/// Whether a line of code, comments left out, has the keyword as a word of its own.
fn has_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or(line);
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == UNSAFE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_broken_by(path: &str, content: &str) -> Vec<String> {
        let file = SourceFile { path: path.to_owned(), content: content.as_bytes().to_vec() };
        check(&[file]).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn a_file_that_says_why_it_exists_is_fine() {
        assert_eq!(rules_broken_by("crates/a/src/lib.rs", "//! Why.\n#![forbid(unsafe_code)]\n"), [""; 0]);
    }

    #[test]
    fn a_file_without_a_reason_is_found() {
        assert_eq!(
            rules_broken_by("crates/a/src/lib.rs", "use std::fs;\n"),
            ["crates/a/src/lib.rs: it does not open with a //! line that says why it exists"]
        );
    }

    #[test]
    fn a_long_file_has_to_justify_itself() {
        let long = "x\n".repeat(600);
        let found = rules_broken_by("a.rs", &format!("//! Why.\n{long}"));
        assert_eq!(found, ["a.rs: it has 601 lines and no line \"//! Long because …\" near its top"]);
        assert_eq!(rules_broken_by("a.rs", &format!("//! Why.\n//! Long because it is.\n{long}")), [""; 0]);
    }

    #[test]
    fn unsafe_code_is_found_outside_its_place_and_comments_are_not_code() {
        let code = format!("//! Why.\n// {UNSAFE} in a comment\n{UNSAFE} {{ f() }}\n");
        let found = rules_broken_by("crates/tar/src/lib.rs", &code);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/tar/src/lib.rs: line 3 has "), "{}", found[0]);
        assert_eq!(rules_broken_by(MAY_BE_UNSAFE[0], &code), [""; 0]);
    }

    #[test]
    fn a_file_that_leans_on_something_outside_is_found() {
        for place in OUTSIDE {
            let found = rules_broken_by("docs/x.md", &format!("see {place}x"));
            assert_eq!(
                found,
                [format!("docs/x.md: it mentions {place:?}, which is not part of the project")]
            );
        }
    }

    #[test]
    fn a_manifest_without_the_lints_is_found() {
        assert_eq!(
            rules_broken_by("crates/a/Cargo.toml", "[package]\n"),
            ["crates/a/Cargo.toml: it does not take the workspace's lints"]
        );
    }

    #[test]
    fn a_tree_is_read_without_what_is_built() {
        let root = tempfile::tempdir().unwrap();
        for directory in ["a", "target", ".git"] {
            fs::create_dir(root.path().join(directory)).unwrap();
            fs::write(root.path().join(directory).join("x.rs"), "").unwrap();
        }
        let paths: Vec<_> = read_tree(root.path()).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["a/x.rs"]);
    }
}
