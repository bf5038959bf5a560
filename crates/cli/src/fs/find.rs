//! `fs find`: paths of a chain by name and type.

use std::fmt;

use clap::{Args, ValueEnum};
use serde::Serialize;
use winlayer_core::Node;
use winlayer_core::path::file_name;
use winlayer_core::union::{Descend, NodeKind};

use super::glob::Glob;
use super::place::UserPath;
use super::stat::kind_name;
use crate::context::Context;
use crate::failure::Outcome;
use crate::text::{json_name, printable};

/// Options of `fs find`.
#[derive(Debug, Args)]
pub(crate) struct FindArgs {
    /// The layer.
    layer: String,
    /// Where to begin; everything, Hives and UtilityVM included, if left out.
    path: Option<String>,
    /// Only names that match, in any case: '*' is anything, '?' one character.
    #[arg(long, value_name = "GLOB")]
    name: Option<String>,
    /// Only this type.
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    kind: Option<Kind>,
}

/// A type by its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Regular files.
    #[value(name = "f")]
    File,
    /// Directories.
    #[value(name = "d")]
    Directory,
    /// Symbolic links and junctions.
    #[value(name = "l")]
    Link,
}

impl Kind {
    fn fits(self, kind: NodeKind) -> bool {
        match self {
            Self::File => kind == NodeKind::File,
            Self::Directory => kind == NodeKind::Directory,
            Self::Link => kind == NodeKind::Symlink,
        }
    }
}

#[derive(Serialize)]
struct Found<'a> {
    path: String,
    kind: &'static str,
    size: u64,
    #[serde(skip)]
    node: &'a Node,
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(self.node.path.as_bytes()))
    }
}

impl FindArgs {
    /// Prints the paths in tree order.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let view = super::view(context, &self.layer)?;
        let starts = match &self.path {
            Some(path) => vec![view.find(&UserPath::parse(path)?.path)?],
            None => view.roots(),
        };
        let glob = self.name.as_deref().map(Glob::new);
        let fits = |node: &Node| {
            self.kind.is_none_or(|kind| kind.fits(node.kind))
                && glob.as_ref().is_none_or(|glob| glob.matches(file_name(node.path.as_bytes())))
        };
        let mut list = context.out.list();
        for start in starts {
            let mut result = Ok(());
            view.walk(&start.path, |node| {
                if result.is_ok() && fits(node) {
                    let path = json_name(node.path.as_bytes());
                    result =
                        list.push(&Found { path, kind: kind_name(node.kind), size: view.size(node), node });
                }
                // Once the output is closed, the walk only goes on over what lies beside its way.
                if result.is_ok() { Descend::Into } else { Descend::Past }
            });
            result?;
        }
        list.finish()
    }
}
