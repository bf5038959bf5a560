//! `layer`: bring layers in and out, list, compare, verify and remove them.

mod changes;
mod du;
mod export;
mod import;
mod inspect;
mod ls;
mod rm;
pub(crate) mod state;
mod verify;

use clap::Subcommand;
use winlayer_core::{LayerId, Result};

use crate::context::Context;
use crate::failure::Outcome;

/// The commands of the group.
#[derive(Debug, Subcommand)]
pub(crate) enum LayerCommand {
    /// Make a read-only layer from a tar (plain, gzip or zstd).
    Import(import::ImportArgs),
    /// Show what a layer changes against the layers below it.
    Changes(changes::ChangesArgs),
    /// Write a layer's tar, bit for bit as it came in.
    Export(export::ExportArgs),
    /// List the layers.
    #[command(visible_alias = "list")]
    Ls,
    /// Show all about a layer.
    Inspect(inspect::InspectArgs),
    /// Remove layers.
    #[command(visible_alias = "remove")]
    Rm(rm::RmArgs),
    /// Finish removals and imports that were interrupted.
    Cleanup,
    /// Compare layers with what was imported.
    Verify(verify::VerifyArgs),
    /// Show what layers take on the disk.
    Du,
}

impl LayerCommand {
    /// Does it.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        match self {
            Self::Import(args) => args.run(context),
            Self::Changes(args) => args.run(context),
            Self::Export(args) => args.run(context),
            Self::Ls => ls::run(context),
            Self::Inspect(args) => args.run(context),
            Self::Rm(args) => args.run(context),
            Self::Cleanup => rm::cleanup(context),
            Self::Verify(args) => args.run(context),
            Self::Du => du::run(context),
        }
    }
}

/// Reads ids as people give them. (A wrong one is a failure like any other, not wrong usage.)
fn parse_ids(ids: &[String]) -> Result<Vec<LayerId>> {
    ids.iter().map(LayerId::new).collect()
}
