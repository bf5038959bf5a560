//! `cargo xtask`: chores of the project that need more than cargo, and no other language than Rust.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // A task talks to the person, or the CI job, who started it.

mod layers;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;

/// Chores of the project.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Prove that crates use only those below them, and that every source file keeps the rules of the house.
    CheckLayers,
}

fn main() -> Result<()> {
    match Task::parse() {
        Task::CheckLayers => layers::run(&workspace_root()?),
    }
}

/// The directory of the workspace's manifest.
fn workspace_root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask lies in the workspace")?.to_owned())
}
