//! `layer inspect`: all about one layer.

use std::path::Path;

use clap::Args;
use serde::Serialize;
use winlayer_core::{LayerId, LayerView};
use winlayer_store::LayerRecord;

use super::state::{LayerFacts, State};
use crate::context::Context;
use crate::failure::Outcome;
use crate::table::Table;
use crate::text::{printable, size};

/// Options of `layer inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The layer.
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    id: &'a LayerId,
    engine_id: LayerId,
    folder: &'a Path,
    chain: &'a [LayerId],
    children: Vec<LayerId>,
    #[serde(flatten)]
    state: &'a State,
    #[serde(flatten)]
    record: Option<LayerRecord>,
    allocated_bytes: u64,
    paths: Option<u32>,
}

impl InspectArgs {
    /// Prints the facts.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let id = LayerId::new(&self.id)?;
        context.require(&id)?;
        let store = context.store();
        let engine_id = context.driver()?.resolve_id(&id)?;
        let layer = LayerFacts::of(store, id);
        let folder = store.home().folder(&layer.id);
        let usage = store.usage()?;
        let facts = Facts {
            id: &layer.id,
            engine_id,
            folder: &folder,
            chain: layer.chain.layers(),
            children: store.home().children(&layer.id)?,
            state: &layer.state,
            record: layer.record,
            allocated_bytes: usage
                .iter()
                .find(|usage| usage.id == layer.id)
                .map_or(0, |usage| usage.exclusive),
            paths: layer.record.and_then(|_| store.index(&layer.id).ok()).map(|index| index.len()),
        };
        context.out.facts(&facts, text(&facts))
    }
}

fn text(facts: &Facts<'_>) -> Table {
    let joined = |ids: &[LayerId]| match ids {
        [] => "none".to_owned(),
        ids => ids.iter().map(LayerId::as_str).collect::<Vec<_>>().join(", "),
    };
    let mut table = Table::of_facts();
    table.fact("id", facts.id);
    if facts.engine_id != *facts.id {
        table.fact("engine's id", &facts.engine_id);
    }
    table.fact("folder", facts.folder.display());
    table.fact("state", printable(facts.state.to_string().as_bytes()));
    table.fact("chain", joined(facts.chain));
    table.fact("children", joined(&facts.children));
    if let Some(record) = &facts.record {
        table.fact("diff id", record.diff_id);
        table.fact("blob digest", record.blob);
        table.fact("compression", format!("{:?}", record.compression).to_lowercase());
        table.fact("entries", record.entries);
        table.fact("tar size", format!("{} ({} bytes)", size(record.tar_bytes), record.tar_bytes));
        table.fact("file size", format!("{} ({} bytes)", size(record.file_bytes), record.file_bytes));
    }
    table.fact("on disk", size(facts.allocated_bytes));
    table
}
