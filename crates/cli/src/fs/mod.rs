//! `fs`: look into a layer and its chain, as Windows would show it, without mounting.

mod cat;
mod find;
mod glob;
mod ls;
mod place;
mod stat;

use clap::Subcommand;
use winlayer_core::LayerId;
use winlayer_store::ChainView;

use crate::context::Context;
use crate::failure::Outcome;

/// The commands of the group.
#[derive(Debug, Subcommand)]
#[command(after_help = PATHS)]
pub(crate) enum FsCommand {
    /// List a directory.
    #[command(after_help = PATHS)]
    Ls(ls::LsArgs),
    /// Write a file, or an alternate data stream, to standard output.
    #[command(after_help = PATHS)]
    Cat(cat::CatArgs),
    /// Show all that is known of a path: attributes, times, security descriptor, streams, the layer that has it.
    #[command(after_help = PATHS)]
    Stat(stat::StatArgs),
    /// Find paths by name and type.
    #[command(after_help = PATHS)]
    Find(find::FindArgs),
}

const PATHS: &str = "\
Paths may be written in any case, with either slash, with or without 'C:\\' or 'Files/' in front; 'Hives' and \
'UtilityVM' are the other roots of a layer. FILE:STREAM is an alternate data stream.";

impl FsCommand {
    /// Does it.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        match self {
            Self::Ls(args) => args.run(context),
            Self::Cat(args) => args.run(context),
            Self::Stat(args) => args.run(context),
            Self::Find(args) => args.run(context),
        }
    }
}

/// The layer and its chain as one tree.
fn view(context: &Context, layer: &str) -> Outcome<ChainView> {
    let id = context.driver()?.resolve_id(&LayerId::new(layer)?)?;
    Ok(context.store().view(&id)?)
}
