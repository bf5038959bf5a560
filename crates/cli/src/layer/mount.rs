//! `layer mount`, `layer unmount`: a layer and its chain as a directory of this machine.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use winlayer_core::{Error, ErrorKind, LayerId};
use winlayer_store::{MountRequest, Mounted, Strategy, Unmounted};

use crate::context::Context;
use crate::failure::Outcome;

/// Options of `layer mount`.
#[derive(Debug, Args)]
pub(crate) struct MountArgs {
    /// The layer.
    id: String,
    /// An empty directory to mount it at; by default a place under the home.
    #[arg(long, value_name = "DIR")]
    at: Option<PathBuf>,
    /// How: erofs or copy; by default the best that works here.
    #[arg(long, value_name = "NAME")]
    strategy: Option<Strategy>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    id: &'a LayerId,
    path: &'a PathBuf,
    strategy: Strategy,
    holders: u32,
}

impl<'a> From<&'a Mounted> for Facts<'a> {
    fn from(mounted: &'a Mounted) -> Self {
        let Mounted { id, path, strategy, holders } = mounted;
        Self { id, path, strategy: *strategy, holders: *holders }
    }
}

impl MountArgs {
    /// Mounts a layer and prints where.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let id = LayerId::new(&self.id)?;
        context.require(&id)?;
        let at = self.at.as_deref().map(std::path::absolute).transpose();
        let at = at.map_err(|e| Error::io_stream("find the directory to mount at", e))?;
        let mounted = context.store().mount(&id, &MountRequest { at, strategy: self.strategy })?;
        context.out.facts(&Facts::from(&mounted), format!("{}\n", mounted.path.display()))
    }
}

/// Options of `layer unmount`.
#[derive(Debug, Args)]
pub(crate) struct UnmountArgs {
    /// The layer.
    id: String,
}

#[derive(Serialize)]
struct Left<'a> {
    id: &'a LayerId,
    holders: u32,
}

impl UnmountArgs {
    /// Takes one holder away; the last one unmounts.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let id = LayerId::new(&self.id)?;
        context.require(&id)?;
        let (holders, text) = match context.store().unmount(&id)? {
            Unmounted::Gone => (0, format!("unmounted {id}\n")),
            Unmounted::StillHeld(holders) => {
                (holders, format!("{id} is still mounted, for {holders} other(s)\n"))
            }
            Unmounted::WasNot => {
                return Err(Error::new(ErrorKind::NotFound, "not mounted").layer(&id).into());
            }
        };
        context.out.facts(&Left { id: &id, holders }, text)
    }
}
