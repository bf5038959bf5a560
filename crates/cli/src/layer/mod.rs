//! `layer`: bring layers in and out, list, compare, mount, change, verify and remove them.

mod changes;
mod du;
mod export;
mod import;
mod inspect;
mod ls;
mod mount;
mod rm;
pub(crate) mod state;
mod verify;
mod writable;

use clap::Subcommand;
use winlayer_core::{LayerId, Result};

use crate::context::Context;
use crate::failure::Outcome;

/// The commands of the group.
#[derive(Debug, Subcommand)]
pub(crate) enum LayerCommand {
    /// Make a read-only layer from a tar (plain, gzip or zstd).
    Import(import::ImportArgs),
    /// Make a writable layer.
    Create(writable::CreateArgs),
    /// Mount a layer and its chain, and print where; a second time counts one more holder.
    Mount(mount::MountArgs),
    /// Take one holder of a mount away; the last one unmounts.
    #[command(visible_alias = "umount")]
    Unmount(mount::UnmountArgs),
    /// Make a read-only layer of what was changed in a writable one.
    Commit(writable::CommitArgs),
    /// Raise the size limit of a writable layer.
    Expand(writable::ExpandArgs),
    /// Show what a layer changes against the layers below it.
    Changes(changes::ChangesArgs),
    /// Write a layer's tar: bit for bit as it came in, or what was changed in a writable layer.
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
            Self::Create(args) => args.run(context),
            Self::Mount(args) => args.run(context),
            Self::Unmount(args) => args.run(context),
            Self::Commit(args) => args.run(context),
            Self::Expand(args) => args.run(context),
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
