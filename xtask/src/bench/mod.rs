//! `bench`: winlayer against the tools that do the same work, on the same machine, in the same run.
//!
//! ```text
//! inputs (made or given) ─► work, lookup, scale ─► contest (rounds, in turns) ─► measure (a process each)
//!                                                      └► series ─► targets ─► report
//! ```

mod contest;
mod inputs;
mod lookup;
mod measure;
mod oci;
mod place;
mod report;
mod scale;
mod series;
mod targets;
mod work;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use contest::Contest;
use inputs::LayerFile;
use inputs::layers::Shape;
pub(crate) use measure::run_measured;
use place::{Caches, Place};
use report::Report;
use targets::Target;

/// The name of our own series.
const WINLAYER: &str = "winlayer";

/// Options of `bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// Entries of the layer with many small files; the base layer has an eighth of it.
    #[arg(long, default_value_t = 40_000, value_name = "N")]
    entries: u64,
    /// Small inputs and two rounds: shows that everything runs, proves nothing.
    #[arg(long, global = true)]
    quick: bool,
    /// How often each work is measured.
    #[arg(long, global = true, default_value_t = 5, value_name = "N")]
    rounds: u32,
    /// Where to work, to choose the file system that is measured [default: the target directory].
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Drop the system's caches before each run (as root).
    #[arg(long, global = true)]
    cold: bool,
    /// Layers to measure instead of made-up ones.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    import: Vec<PathBuf>,
    /// Print one JSON document.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum What {
    /// Layers of 10 thousand, 100 thousand and a million entries: does cost grow as the layer does?
    Scale,
}

/// Measures, prints, and fails if a target was missed.
pub(crate) fn run(root: &Path, args: &BenchArgs) -> Result<()> {
    let caches = if args.cold { Caches::Cold } else { Caches::Warm };
    let place = Place::prepare(root, args.dir.as_deref(), caches)?;
    let rounds = if args.quick { 2 } else { args.rounds.max(1) };
    let mut report =
        Report { machine: &place.machine, rounds, contests: Vec::new(), sizes: Vec::new(), targets: None };
    let targets = match args.what {
        Some(What::Scale) => {
            let sizes: &[u64] = if args.quick { &[1_000, 10_000] } else { &[10_000, 100_000, 1_000_000] };
            report.sizes = scale::measure_sizes(&place, sizes, rounds)?;
            scale::judge(&report.sizes)
        }
        None => against_peers(&place, args, rounds, &mut report.contests)?,
    };
    report.targets = (!args.quick).then_some(targets);
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print!("{}", report.text()),
    }
    match report.missed() {
        0 => Ok(()),
        missed => bail!("{missed} targets missed"),
    }
}

fn against_peers(
    place: &Place,
    args: &BenchArgs,
    rounds: u32,
    contests: &mut Vec<Contest>,
) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    let mut seen = HashSet::new();
    for file in files(place, args)? {
        let facts = work::look_at(place, &file)?;
        let import = work::import(place, &file, &facts, rounds)?;
        targets.extend(targets::import(&file.name, file.form, facts.entries, &import));
        contests.push(import);
        if seen.insert(facts.diff_id.clone()) {
            let export = work::export(place, &file, &facts, rounds)?;
            targets.extend(targets::export(&file.name, &export));
            let remove = work::remove(place, &file, &facts, rounds)?;
            targets.extend(targets::remove(&file.name, &remove));
            contests.extend([export, remove]);
        }
    }
    let entries = if args.quick { 10_000 } else { 100_000 };
    let lookup = lookup::stat_in_a_chain(place, entries, rounds * 4)?;
    targets.extend(targets::lookup(&lookup));
    contests.push(lookup);
    Ok(targets)
}

/// The layers to measure.
fn files(place: &Place, args: &BenchArgs) -> Result<Vec<LayerFile>> {
    if !args.import.is_empty() {
        return args.import.iter().map(|path| LayerFile::given(path)).collect();
    }
    say("inputs");
    let entries = if args.quick { args.entries.min(2_000) } else { args.entries };
    let mut files = inputs::in_all_forms(&place.cache, "base", Shape::Base, entries / 8)?;
    files.extend(inputs::in_all_forms(&place.cache, "packages", Shape::Packages, entries)?);
    Ok(files)
}

/// Tells a waiting person what goes on.
fn say(what: &str) {
    eprintln!("... {what}");
}
