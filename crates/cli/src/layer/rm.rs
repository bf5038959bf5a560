//! `layer rm` and `layer cleanup`: layers go, at once to the eye, and what could not be deleted goes later.

use std::collections::BTreeSet;
use std::fmt::Write;

use clap::Args;
use serde::Serialize;
use winlayer_core::{Error, ErrorKind, LayerId, Result};

use super::parse_ids;
use crate::context::Context;
use crate::failure::Outcome;
use crate::text::{count, printable};

/// Removals are short: one that was begun is finished even then.
const WHAT_WAS_BEGUN: &str = "removals that were begun are finished, the others were left alone";

/// Options of `layer rm`.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The layers. Those that are built on others go first, whatever the order.
    #[arg(required = true)]
    ids: Vec<String>,
}

impl RmArgs {
    /// Removes the layers; nothing is touched if one of them does not exist or is needed by another layer.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let ids = in_order_of_removal(context, parse_ids(&self.ids)?)?;
        let driver = context.driver()?;
        let cancel = context.interrupt.begin_work(WHAT_WAS_BEGUN);
        for id in &ids {
            cancel.check()?;
            driver.remove(id)?;
        }
        let lines: String = ids.iter().map(|id| format!("removed {id}\n")).collect();
        context.out.facts(&ids, lines)
    }
}

/// The layers once each, children before their parents. Fails if one is missing, or has a child that stays.
fn in_order_of_removal(context: &Context, ids: Vec<LayerId>) -> Result<Vec<LayerId>> {
    let ids: BTreeSet<LayerId> = ids.into_iter().collect();
    let home = context.store().home();
    let mut by_depth = Vec::new();
    for id in &ids {
        context.require(id)?;
        let stays: Vec<_> = home.children(id)?.into_iter().filter(|child| !ids.contains(child)).collect();
        if !stays.is_empty() {
            let names: Vec<_> = stays.iter().map(LayerId::as_str).collect();
            return Err(Error::new(
                ErrorKind::InUse,
                format!("other layers are built on it: {}", names.join(", ")),
            )
            .layer(id)
            .hint("remove those first, or together with it"));
        }
        by_depth.push((home.chain(id).map_or(0, |chain| chain.len()), id.clone()));
    }
    by_depth.sort_by(|a, b| b.cmp(a));
    Ok(by_depth.into_iter().map(|(_, id)| id).collect())
}

#[derive(Serialize)]
struct Cleaned {
    removed: Vec<String>,
    stuck: Vec<Stuck>,
}

#[derive(Serialize)]
struct Stuck {
    name: String,
    why: String,
}

/// Finishes what was interrupted; fails if something could not be finished.
pub(crate) fn cleanup(context: &Context) -> Outcome {
    context.interrupt.begin_work(WHAT_WAS_BEGUN);
    let staging = context.store().cleanup()?;
    let removals = context.driver()?.cleanup()?;
    let stuck = removals.stuck.into_iter().map(|(name, why)| Stuck { name, why: why.to_string() });
    let cleaned = Cleaned {
        removed: staging.removed.into_iter().chain(removals.removed).collect(),
        stuck: stuck.collect(),
    };
    context.out.facts(&cleaned, text(&cleaned))?;
    match cleaned.stuck.len() {
        0 => Ok(()),
        n => Err(Error::new(ErrorKind::Io, format!("{} could not be removed", count(n, "folder")))
            .hint("the list above says why; run 'winlayer layer cleanup' again when that is solved")
            .into()),
    }
}

fn text(cleaned: &Cleaned) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for name in &cleaned.removed {
        let _ = writeln!(text, "removed {}", printable(name.as_bytes()));
    }
    for stuck in &cleaned.stuck {
        let _ =
            writeln!(text, "stuck {}: {}", printable(stuck.name.as_bytes()), printable(stuck.why.as_bytes()));
    }
    if text.is_empty() { "nothing to clean up\n".to_owned() } else { text }
}
