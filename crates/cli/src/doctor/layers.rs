//! The layers in the home, so far as can be seen without reading their tars, and what interrupted work left.

use winlayer_core::home::Folder;
use winlayer_core::{Error, LayerId, Result};
use winlayer_store::Store;

use super::Finding;
use crate::layer::state::missing_in;
use crate::text::count;

/// Looks at every layer and leftover.
pub(super) fn check(store: &Store) -> Vec<Finding> {
    let folders = match store.home().folders() {
        Ok(folders) => folders,
        Err(error) => return vec![Finding::problem("home", error.to_string(), "see the home's permissions")],
    };
    let mut findings: Vec<Finding> = folders.iter().flat_map(|folder| check_folder(store, folder)).collect();
    findings.extend(store.unfinished_imports().into_iter().map(|id| {
        Finding::warning(
            "leftover",
            format!("layer {id}: its import is under way, or was interrupted"),
            "if no import is running: winlayer layer cleanup",
        )
    }));
    let layers = folders.iter().filter(|folder| matches!(folder, Folder::Layer(_))).count();
    if findings.is_empty() {
        let found = format!("{}, all as they should be at first sight", count(layers, "layer"));
        findings.push(Finding::good("layers", found));
    }
    findings
}

fn check_folder(store: &Store, folder: &Folder) -> Vec<Finding> {
    match folder {
        Folder::Layer(id) => check_layer(store, id),
        Folder::Removing(name) => vec![Finding::warning(
            "leftover",
            format!("folder {name}: a removal is under way, or was interrupted"),
            "winlayer layer cleanup",
        )],
    }
}

fn check_layer(store: &Store, id: &LayerId) -> Vec<Finding> {
    let mut findings: Vec<Finding> = check_chain(store, id).into_iter().collect();
    if !store.has_content(id) {
        let found = format!("layer {id} has no content");
        let advice = format!("if nobody is going to fill it: winlayer layer rm {id}");
        findings.push(Finding::warning("content", found, advice));
        return findings;
    }
    if let Err(error) = store.record(id) {
        findings.push(from_error("record", &error));
    }
    if let Err(error) = store.check_index(id) {
        let found = format!("layer {id}: its index cannot be used: {error}");
        findings.push(Finding::warning(
            "index",
            found,
            "nothing; it is made again when the layer is next looked into",
        ));
    }
    findings
}

fn check_chain(store: &Store, id: &LayerId) -> Option<Finding> {
    let chain: Result<_> = store.home().resolve(id).and_then(|own| store.home().chain(&own));
    let chain = match chain {
        Ok(chain) => chain,
        Err(error) => return Some(from_error("chain", &error)),
    };
    let missing: Vec<_> = missing_in(store, &chain).map(LayerId::as_str).collect();
    if missing.is_empty() {
        return None;
    }
    let found = format!("layer {id} is built on layers that are missing: {}", missing.join(", "));
    let advice = format!("import them again under the same ids, or: winlayer layer rm {id}");
    Some(Finding::problem("chain", found, advice))
}

fn from_error(check: &'static str, error: &Error) -> Finding {
    Finding::problem(
        check,
        error.to_string(),
        error.advice().unwrap_or("remove the layer and import it again"),
    )
}
