//! `layer verify`: is every layer still what was imported?

use std::fmt::Write;

use clap::Args;
use serde::Serialize;
use winlayer_core::{Control, Error, LayerId};
use winlayer_store::Problem;

use super::parse_ids;
use crate::context::Context;
use crate::failure::Outcome;
use crate::text::{count, printable};

/// Options of `layer verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The layers; all of them if none is named.
    ids: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    id: LayerId,
    whole: bool,
    problems: Vec<Finding>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    what: &'static str,
    text: String,
}

impl From<&Problem> for Finding {
    fn from(problem: &Problem) -> Self {
        let what = match problem {
            Problem::Chain(_) => "chain",
            Problem::MissingParent(_) => "missingParent",
            Problem::Record(_) => "record",
            Problem::TarChanged { .. } => "tarChanged",
            Problem::Tar(_) => "tar",
            Problem::Index(_) => "index",
            _ => "other",
        };
        Self { what, text: problem.to_string() }
    }
}

impl VerifyArgs {
    /// Prints a verdict for every layer; fails if one is not whole.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let ids = match self.ids.as_slice() {
            [] => context.store().home().layers()?,
            named => parse_ids(named)?,
        };
        ids.iter().try_for_each(|id| context.require(id))?;
        let verdicts = ids.into_iter().map(|id| verify(context, id)).collect::<Outcome<Vec<_>>>()?;
        context.out.facts(&verdicts, text(&verdicts))?;
        let damaged = verdicts.iter().filter(|verdict| !verdict.whole).count();
        if damaged == 0 {
            return Ok(());
        }
        Err(Error::corrupt(format!("{damaged} of {} not whole", count(verdicts.len(), "layer")))
            .hint("remove what is damaged and import it again; an index repairs itself when it is used")
            .into())
    }
}

fn verify(context: &Context, id: LayerId) -> Outcome<Verdict> {
    let total = context.store().record(&id).ok().map(|record| record.tar_bytes);
    let meter = context.reports.meter(format!("verify {id}"), total);
    // Nothing is changed, so Ctrl-C may simply end the process.
    let control = Control { progress: &meter, ..Control::none() };
    let problems: Vec<Finding> = context.store().verify(&id, control)?.iter().map(Finding::from).collect();
    Ok(Verdict { id, whole: problems.is_empty(), problems })
}

fn text(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for Verdict { id, whole, problems } in verdicts {
        if *whole {
            let _ = writeln!(text, "{id}: whole");
        }
        for problem in problems {
            let _ = writeln!(text, "{id}: {}", printable(problem.text.as_bytes()));
        }
    }
    text
}
