//! `status`: which home, engine and volume commands use.

use std::path::Path;

use serde::Serialize;
use winlayer_core::{Error, Result};
use winlayer_store::Strategy;

use crate::context::Context;
use crate::failure::Outcome;
use crate::table::Table;
use crate::text::size;
use crate::volume::Volume;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    version: &'static str,
    home: &'a Path,
    home_exists: bool,
    layers: usize,
    leftovers: usize,
    driver: &'static str,
    backend: &'static str,
    file_system: Option<String>,
    free_bytes: Option<u64>,
    mounts: Vec<Mounts>,
}

/// Whether a way to mount layers works here.
#[derive(Serialize)]
struct Mounts {
    strategy: Strategy,
    /// Why not, if it does not.
    problem: Option<String>,
}

/// Prints the facts.
pub(crate) fn run(context: &Context) -> Outcome {
    let driver = context.driver()?;
    let home = context.store().home();
    let volume = Volume::of(home.root());
    let folders = home.folders()?.len();
    let layers = home.layers()?.len();
    let facts = Facts {
        version: env!("CARGO_PKG_VERSION"),
        home: home.root(),
        home_exists: home.root().is_dir(),
        layers,
        leftovers: folders - layers,
        driver: driver.name(),
        backend: context.backend_name(),
        file_system: volume.file_system,
        free_bytes: volume.free,
        mounts: context.store().strategies().into_iter().map(mounts).collect(),
    };
    context.out.facts(&facts, text(&facts))
}

fn mounts((strategy, works): (Strategy, Result<()>)) -> Mounts {
    let advice = |error: &Error| error.advice().map(|hint| format!("; {hint}")).unwrap_or_default();
    Mounts { strategy, problem: works.err().map(|error| format!("{error}{}", advice(&error))) }
}

fn text(facts: &Facts<'_>) -> Table {
    let unknown = || "unknown".to_owned();
    let mut table = Table::of_facts();
    table.fact("version", facts.version);
    let note = if facts.home_exists { "" } else { " (made with the first layer)" };
    table.fact("home", format!("{}{note}", facts.home.display()));
    table.fact("layers", facts.layers);
    if facts.leftovers > 0 {
        table.fact(
            "unfinished removals",
            format!("{}; 'winlayer layer cleanup' finishes them", facts.leftovers),
        );
    }
    table.fact("driver", facts.driver);
    table.fact("backend", facts.backend);
    table.fact("file system", facts.file_system.clone().unwrap_or_else(unknown));
    table.fact("free", facts.free_bytes.map_or_else(unknown, size));
    for way in &facts.mounts {
        let state = way.problem.as_ref().map_or("yes".to_owned(), |why| format!("no: {why}"));
        table.fact(&format!("mounts by {}", way.strategy), state);
    }
    table
}
