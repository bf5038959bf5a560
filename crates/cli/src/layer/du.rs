//! `layer du`: what layers take on the disk, in allocated bytes.

use serde::Serialize;
use winlayer_core::LayerId;
use winlayer_store::LayerUsage;

use crate::context::Context;
use crate::failure::Outcome;
use crate::table::{Align, Table};
use crate::text::size;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    id: &'a LayerId,
    exclusive_bytes: u64,
    shared_bytes: u64,
    used_by: usize,
}

impl<'a> From<&'a LayerUsage> for Row<'a> {
    fn from(usage: &'a LayerUsage) -> Self {
        Self {
            id: &usage.id,
            exclusive_bytes: usage.exclusive,
            shared_bytes: usage.shared,
            used_by: usage.used_by,
        }
    }
}

/// Prints what each layer takes, and all of them together.
pub(crate) fn run(context: &Context) -> Outcome {
    let usage = context.store().usage()?;
    let rows: Vec<Row<'_>> = usage.iter().map(Row::from).collect();
    let mut table = Table::with_heading([
        ("ID", Align::Left),
        ("OWN", Align::Right),
        ("BELOW", Align::Right),
        ("USED BY", Align::Right),
    ]);
    for row in &rows {
        table.push([
            row.id.to_string(),
            size(row.exclusive_bytes),
            size(row.shared_bytes),
            row.used_by.to_string(),
        ]);
    }
    let total = rows.iter().map(|row| row.exclusive_bytes).sum();
    table.push(["total".to_owned(), size(total), String::new(), String::new()]);
    context.out.facts(&rows, table)
}
