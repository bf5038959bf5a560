//! `cargo xtask`: chores of the project that need more than cargo, and no other language than Rust.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)] // A task talks to the person, or the CI job, who started it.

#[cfg(unix)] // The peers, and the ways to measure, are those of Unix.
mod bench;
mod layers;
mod licences;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

/// Chores of the project.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Prove that crates use only those below them, and that every source file keeps the rules of the house.
    CheckLayers,
    /// Prove that every crate we build on has a licence that deny.toml allows.
    CheckLicences,
    /// Measure winlayer against the tools that do the same work, and hold it to its targets.
    #[cfg(unix)]
    Bench(bench::BenchArgs),
    /// Run steps (JSON) and print what they cost; 'bench' calls this.
    #[cfg(unix)]
    #[command(hide = true)]
    Measured {
        /// A list of commands, each a list of words.
        steps: String,
    },
}

fn main() -> ExitCode {
    match run(Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::CheckLayers => layers::run(&workspace_root()?),
        Task::CheckLicences => licences::run(&workspace_root()?),
        #[cfg(unix)]
        Task::Bench(args) => bench::run(&workspace_root()?, &args),
        #[cfg(unix)]
        Task::Measured { steps } => bench::run_measured(&steps),
    }
}

/// The directory of the workspace's manifest.
fn workspace_root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask lies in the workspace")?.to_owned())
}
