//! The command line: global options and the command groups.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use winlayer_driver::DriverKind;

use crate::completions::CompletionsArgs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::fs::FsCommand;
use crate::layer::LayerCommand;
use crate::transport::TransportCommand;
use crate::{demo, doctor, status};

/// Stores, inspects, verifies and exports Windows container layers, on any machine.
#[derive(Debug, Parser)]
#[command(name = "winlayer", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed, with one 'error:' line; 2 wrong usage; 130 cancelled by Ctrl-C or SIGTERM; \
141 standard output was closed early, as by '| head'.";

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where the layers are [default: $WINLAYER_HOME, else a directory of the system or the user; see 'status'].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// The engine that keeps the layers.
    #[arg(long, global = true, value_enum, default_value_t = Backend::Auto)]
    pub(crate) backend: Backend,
    /// The graph driver: windowsfilter or windowsdiff.
    #[arg(long, global = true, value_name = "NAME", default_value = "windowsfilter")]
    pub(crate) driver: DriverKind,
    /// Print facts as one JSON document.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say more on standard error; twice for still more.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// An engine by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// The best one that this system has.
    Auto,
    /// winlayer's own: keeps the tars.
    Store,
    /// The Host Compute Service of Windows.
    Hcs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take a small Windows image through everything, in a temporary home, explaining each step.
    Demo,
    /// Bring layers in and out, list, verify and remove them.
    #[command(subcommand)]
    Layer(LayerCommand),
    /// Look into a layer and its chain without mounting.
    #[command(subcommand)]
    Fs(FsCommand),
    /// Turn layer tars into the directories that Windows' Host Compute Service imports, and back.
    #[command(subcommand)]
    Transport(TransportCommand),
    /// Show the home, the engine and the volume that they use.
    Status,
    /// Look for what is wrong with the home, and say what to do about it.
    Doctor,
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
}

impl Command {
    /// Does it.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        match self {
            Self::Demo => demo::run(context),
            Self::Layer(command) => command.run(context),
            Self::Fs(command) => command.run(context),
            Self::Transport(command) => command.run(context),
            Self::Status => status::run(context),
            Self::Doctor => doctor::run(context),
            Self::Completions(args) => args.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
