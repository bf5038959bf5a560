//! `layer import`: a tar comes in and is a layer, whole or not at all.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use winlayer_core::{BlobDigest, Control, DiffId, Error, ErrorKind, Imported, LayerId, Result, Sha256Digest};
use winlayer_driver::GraphDriver;

use crate::context::Context;
use crate::failure::Outcome;
use crate::input::Input;
use crate::interrupt::NOTHING_KEPT;
use crate::table::Table;
use crate::text::size;
use crate::volume::Volume;

/// Options of `layer import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The id of the new layer.
    id: String,
    /// The tar: plain, gzip or zstd, told apart by its content; '-' reads standard input.
    file: PathBuf,
    /// The layer that it is built on.
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Keep the layer only if this is the digest of the tar (the DiffID) or of FILE as it is (the blob).
    #[arg(long, value_name = "DIGEST")]
    expect: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    id: &'a LayerId,
    parent: Option<&'a LayerId>,
    diff_id: Option<DiffId>,
    blob: Option<BlobDigest>,
    entries: u64,
    file_bytes: u64,
    tar_bytes: u64,
}

impl ImportArgs {
    /// Imports the layer and prints its digests.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let id = LayerId::new(&self.id)?;
        let parent = self.parent.as_deref().map(LayerId::new).transpose()?;
        let expected = self.expect.as_deref().map(str::parse).transpose()?;
        // Opening may wait for a pipe's other end; nothing is made before that.
        let input = Input::open(&self.file, context.interrupt.token())?;
        let imported = import(context, &id, parent.as_ref(), input, expected)?;
        let facts = Facts {
            id: &id,
            parent: parent.as_ref(),
            diff_id: imported.diff_id,
            blob: imported.blob,
            entries: imported.entries,
            file_bytes: imported.file_bytes,
            tar_bytes: imported.tar_bytes,
        };
        context.out.facts(&facts, text(&facts))
    }
}

fn text(facts: &Facts<'_>) -> Table {
    let mut table = Table::of_facts();
    table.fact("imported", facts.id);
    if let Some(parent) = facts.parent {
        table.fact("on", parent);
    }
    if let Some(diff_id) = facts.diff_id {
        table.fact("diff id", diff_id);
    }
    if let Some(blob) = facts.blob {
        table.fact("blob", blob);
    }
    table.fact("entries", facts.entries);
    table.fact("tar size", size(facts.tar_bytes));
    table
}

/// Imports a layer with everything around it: room, progress, Ctrl-C, and the digest that it should have.
pub(crate) fn import(
    context: &Context,
    id: &LayerId,
    parent: Option<&LayerId>,
    mut input: Input,
    expected: Option<Sha256Digest>,
) -> Result<Imported> {
    check_room(context, input.len)?;
    let driver = context.driver()?;
    let imported = {
        let meter = context.reports.meter(format!("import {id}"), input.len);
        let control = Control { progress: &meter, cancel: context.interrupt.begin_work(NOTHING_KEPT) };
        driver.import(id, parent, &mut input.reader, control)?
    };
    match expected {
        Some(expected) => keep_if_expected(&*driver, id, imported, expected),
        None => Ok(imported),
    }
}

/// A tar takes at least as much room as it has bytes, compressed or not.
fn check_room(context: &Context, input_len: Option<u64>) -> Result<()> {
    let home = context.store().home().root();
    match (input_len, Volume::of(home).free) {
        (Some(needed), Some(free)) if needed > free => Err(Error::new(
            ErrorKind::NoSpace,
            format!("the tar has {}, but only {} are free in {}", size(needed), size(free), home.display()),
        )
        .hint("free some space on the volume, or choose another home with --home")),
        _ => Ok(()),
    }
}

/// Removes a layer again that is not what it should be.
fn keep_if_expected(
    driver: &dyn GraphDriver,
    id: &LayerId,
    imported: Imported,
    expected: Sha256Digest,
) -> Result<Imported> {
    let found = [imported.diff_id.map(|digest| digest.0), imported.blob.map(|digest| digest.0)];
    if found.contains(&Some(expected)) {
        return Ok(imported);
    }
    driver.remove(id)?;
    let is = |digest: Option<Sha256Digest>| digest.map_or("unknown".to_owned(), |digest| digest.to_string());
    let [diff_id, blob] = found.map(is);
    Err(Error::invalid(format!("the digest is not the expected {expected}: diff id {diff_id}, blob {blob}"))
        .layer(id)
        .stage("import")
        .hint("nothing was kept; fetch the blob again, or compare with the manifest it came from"))
}
