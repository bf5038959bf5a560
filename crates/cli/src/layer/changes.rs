//! `layer changes`: what a layer adds, changes and deletes.

use std::fmt;

use clap::Args;
use serde::Serialize;
use winlayer_core::{Change, ChangeKind, LayerId};

use crate::context::Context;
use crate::failure::Outcome;
use crate::text::{json_name, printable};

/// Options of `layer changes`.
#[derive(Debug, Args)]
pub(crate) struct ChangesArgs {
    /// The layer.
    id: String,
}

/// One change: a line such as `C Files/Windows/notepad.exe`, with the letters of `docker diff`.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    path: String,
    size: u64,
    #[serde(skip)]
    change: &'a Change,
}

impl<'a> From<&'a Change> for Line<'a> {
    fn from(change: &'a Change) -> Self {
        let kind = match change.kind {
            ChangeKind::Add => "add",
            ChangeKind::Modify => "modify",
            ChangeKind::Delete => "delete",
        };
        Self { kind, path: json_name(change.path.as_bytes()), size: change.size, change }
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.change.kind.letter(), printable(self.change.path.as_bytes()))
    }
}

impl ChangesArgs {
    /// Prints the changes in tree order.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let id = LayerId::new(&self.id)?;
        context.require(&id)?;
        let changes = context.driver()?.changes(&id)?;
        let mut list = context.out.list();
        for change in &changes {
            list.push(&Line::from(change))?;
        }
        list.finish()
    }
}
