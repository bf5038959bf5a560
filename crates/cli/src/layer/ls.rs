//! `layer ls`: the layers of the home.

use serde::Serialize;
use winlayer_core::LayerId;

use super::state::{LayerFacts, State};
use crate::context::Context;
use crate::failure::Outcome;
use crate::table::{Align, Table};
use crate::text::{printable, size};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    id: &'a LayerId,
    parent: Option<&'a LayerId>,
    tar_bytes: Option<u64>,
    entries: Option<u64>,
    #[serde(flatten)]
    state: &'a State,
}

impl<'a> From<&'a LayerFacts> for Row<'a> {
    fn from(layer: &'a LayerFacts) -> Self {
        Self {
            id: &layer.id,
            parent: layer.chain.parent(),
            tar_bytes: layer.record.map(|record| record.tar_bytes),
            entries: layer.record.map(|record| record.entries),
            state: &layer.state,
        }
    }
}

/// Prints the layers, sorted by id.
pub(crate) fn run(context: &Context) -> Outcome {
    let layers = LayerFacts::of_all(context.store())?;
    let rows: Vec<Row<'_>> = layers.iter().map(Row::from).collect();
    let mut table = Table::with_heading([
        ("ID", Align::Left),
        ("PARENT", Align::Left),
        ("SIZE", Align::Right),
        ("ENTRIES", Align::Right),
        ("STATE", Align::Left),
    ]);
    let or_dash = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
    for row in &rows {
        table.push([
            row.id.to_string(),
            or_dash(row.parent.map(LayerId::to_string)),
            or_dash(row.tar_bytes.map(size)),
            or_dash(row.entries.map(|entries| entries.to_string())),
            printable(row.state.to_string().as_bytes()),
        ]);
    }
    context.out.facts(&rows, table)
}
