//! `fs ls`: what is in a directory.

use clap::Args;
use serde::Serialize;
use winlayer_core::path::file_name;
use winlayer_core::union::NodeKind;
use winlayer_core::{Node, Result};
use winlayer_meta::attributes::FileAttributes;
use winlayer_store::{ChainView, Stat};

use super::place::UserPath;
use crate::context::Context;
use crate::failure::Outcome;
use crate::fs::stat::{kind_name, target};
use crate::table::{Align, Table};
use crate::text::{json_name, printable, seconds};

/// Options of `fs ls`.
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// The layer.
    layer: String,
    /// The directory, or one file.
    #[arg(default_value = "C:\\")]
    path: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    kind: &'static str,
    size: u64,
    attributes: u32,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    streams: usize,
    layer: String,
}

impl LsArgs {
    /// Prints attributes, size, time and name of everything in the directory.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let view = super::view(context, &self.layer)?;
        let node = view.find(&UserPath::parse(&self.path)?.path)?;
        let nodes = match node.kind {
            NodeKind::Directory => view.list(&node.path)?,
            _ => vec![node],
        };
        let stats = nodes.iter().map(|node| stat(&view, node)).collect::<Result<Vec<_>>>()?;
        let rows: Vec<Row> = stats.iter().map(row).collect();
        context.out.facts(&rows, table(&stats))
    }
}

fn stat(view: &ChainView, node: &Node) -> Result<Stat> {
    view.stat(node)
}

fn row(stat: &Stat) -> Row {
    Row {
        name: json_name(file_name(stat.path.as_bytes())),
        kind: kind_name(stat.kind),
        size: stat.size,
        attributes: stat.attributes.bits(),
        modified: stat.times.modified.to_string(),
        target: target(stat).map(|units| json_name(&winlayer_meta::name::from_utf16(&units))),
        streams: stat.streams.len(),
        layer: stat.layer.to_string(),
    }
}

fn table(stats: &[Stat]) -> Table {
    let mut table = Table::new(&[Align::Left, Align::Right, Align::Left, Align::Left]);
    for stat in stats {
        let mut name = printable(file_name(stat.path.as_bytes()));
        if let Some(units) = target(stat) {
            name.push_str(" -> ");
            name.push_str(&crate::text::printable_utf16(&units));
        }
        table.push([letters(stat), stat.size.to_string(), seconds(stat.times.modified), name]);
    }
    table
}

/// One letter for each attribute that people look for, in the order of PowerShell's `Mode`: directory, archive, read-only,
/// hidden, system, link.
fn letters(stat: &Stat) -> String {
    let has = |attribute| stat.attributes.contains(attribute);
    [
        ('d', stat.kind == NodeKind::Directory || has(FileAttributes::DIRECTORY)),
        ('a', has(FileAttributes::ARCHIVE)),
        ('r', has(FileAttributes::READONLY)),
        ('h', has(FileAttributes::HIDDEN)),
        ('s', has(FileAttributes::SYSTEM)),
        ('l', stat.kind == NodeKind::Symlink || has(FileAttributes::REPARSE_POINT)),
    ]
    .into_iter()
    .map(|(letter, is_set)| if is_set { letter } else { '-' })
    .collect()
}
