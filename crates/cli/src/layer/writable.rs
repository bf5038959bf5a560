//! `layer create`, `layer expand`, `layer commit`: layers that can be written to, and what becomes of their changes.

use clap::Args;
use serde::Serialize;
use winlayer_core::{Control, DiffId, Error, LayerId};
use winlayer_driver::StorageOptions;

use crate::context::Context;
use crate::failure::Outcome;
use crate::interrupt::NOTHING_KEPT;
use crate::table::Table;
use crate::text::size;

/// Options of `layer create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The id of the new layer.
    id: String,
    /// The layer that it is built on.
    #[arg(long, value_name = "ID")]
    parent: String,
    /// What it may hold at the most, such as 20G; needs root. Without it, what the volume has room for.
    #[arg(long, value_name = "SIZE")]
    size: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created<'a> {
    id: &'a LayerId,
    parent: &'a LayerId,
}

impl CreateArgs {
    /// Makes a writable layer.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let id = LayerId::new(&self.id)?;
        let parent = LayerId::new(&self.parent)?;
        let options = storage_options(self.size.as_deref())?;
        context.driver()?.create_read_write(&id, &parent, &options)?;
        let mut table = Table::of_facts();
        table.fact("created", &id);
        table.fact("on", &parent);
        context.out.facts(&Created { id: &id, parent: &parent }, table)
    }
}

fn storage_options(size: Option<&str>) -> Result<StorageOptions, Error> {
    StorageOptions::parse(size.map(|size| ("size", size)))
}

/// Options of `layer expand`.
#[derive(Debug, Args)]
pub(crate) struct ExpandArgs {
    /// The writable layer.
    id: String,
    /// What it may hold at the most from now on, such as 40G.
    size: String,
}

impl ExpandArgs {
    /// Raises the limit of a writable layer.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let id = LayerId::new(&self.id)?;
        let bytes = winlayer_driver::parse_size(&self.size)?;
        context.store().expand_writable(&id, bytes)?;
        context.out.say(&format!("{id} may hold {} now\n", size(bytes)))
    }
}

/// Options of `layer commit`.
#[derive(Debug, Args)]
pub(crate) struct CommitArgs {
    /// The writable layer.
    id: String,
    /// The id of the new read-only layer.
    new_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Committed<'a> {
    id: &'a LayerId,
    from: &'a LayerId,
    diff_id: Option<DiffId>,
    entries: u64,
    tar_bytes: u64,
}

impl CommitArgs {
    /// Makes a read-only layer of what was changed in a writable one.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let id = LayerId::new(&self.id)?;
        let new_id = LayerId::new(&self.new_id)?;
        context.require(&id)?;
        let driver = context.driver()?;
        let chain = driver.layer_chain(&id)?;
        let meter = context.reports.meter(format!("commit {id}"), None);
        let control = Control { progress: &meter, cancel: context.interrupt.begin_work(NOTHING_KEPT) };
        let mut diff = driver.diff(&id)?;
        let imported = driver.import(&new_id, chain.parent(), &mut diff, control)?;
        diff.close()?;
        drop(meter);
        let facts = Committed {
            id: &new_id,
            from: &id,
            diff_id: imported.diff_id,
            entries: imported.entries,
            tar_bytes: imported.tar_bytes,
        };
        let mut table = Table::of_facts();
        table.fact("committed", format!("{id} as {new_id}"));
        if let Some(diff_id) = facts.diff_id {
            table.fact("diff id", diff_id);
        }
        table.fact("entries", facts.entries);
        table.fact("tar size", size(facts.tar_bytes));
        context.out.facts(&facts, table)
    }
}
