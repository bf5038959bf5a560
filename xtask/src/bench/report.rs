//! What a benchmark found, for people and for programs.

use std::fmt::Write;

use serde::Serialize;

use super::contest::Contest;
use super::place::Machine;
use super::scale::Size;
use super::series::Series;
use super::targets::Target;

const MIB: f64 = 1024.0 * 1024.0;

/// Everything that was measured, and what it means.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    pub(super) machine: &'a Machine,
    pub(super) rounds: u32,
    pub(super) contests: Vec<Contest>,
    pub(super) sizes: Vec<Size>,
    /// None in a quick run, whose inputs are too small to judge by.
    pub(super) targets: Option<Vec<Target>>,
}

impl Report<'_> {
    /// How many targets were missed.
    pub(super) fn missed(&self) -> usize {
        self.targets.iter().flatten().filter(|target| !target.met).count()
    }

    /// As tables.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\nmedians of {} rounds\n", self.machine, self.rounds);
        for contest in &self.contests {
            push_contest(&mut text, contest);
        }
        if !self.sizes.is_empty() {
            push_sizes(&mut text, &self.sizes);
        }
        match &self.targets {
            Some(targets) => push_targets(&mut text, targets),
            None => text.push_str("\nnot judged: a quick run's inputs are too small\n"),
        }
        text
    }
}

// Writing to a string cannot fail, so the results of `write!` are let go.

fn push_contest(text: &mut String, contest: &Contest) {
    let _ = writeln!(text, "\n{}", contest.title);
    let _ = writeln!(
        text,
        "  {:16} {:>10} {:>19} {:>9} {:>10} {:>8}",
        "", "wall", "min - max", "cpu", "peak", "time"
    );
    let Some(first) = contest.series.first() else { return };
    for series in &contest.series {
        let times = series.wall.median / first.wall.median;
        let _ = writeln!(text, "  {} {times:>7.2}x", columns(series));
    }
}

fn columns(series: &Series) -> String {
    let range = format!("{} - {}", seconds(series.wall.min), seconds(series.wall.max));
    format!(
        "{:16} {:>10} {range:>19} {:>9} {:>6.1} MiB",
        series.name,
        seconds(series.wall.median),
        seconds(series.cpu.median),
        series.peak as f64 / MIB,
    )
}

/// Seconds or milliseconds, whichever reads better.
fn seconds(value: f64) -> String {
    if value < 0.1 { format!("{:.1} ms", value * 1e3) } else { format!("{value:.2} s") }
}

fn push_sizes(text: &mut String, sizes: &[Size]) {
    let heads = ["entries", "tar", "import", "an entry", "cpu", "peak", "index", "an entry", "fs stat"];
    let heads: Vec<String> = heads.iter().map(|head| format!("{head:>11}")).collect();
    let _ = writeln!(text, "\ngrowth\n{}", heads.join(""));
    for size in sizes {
        let _ = writeln!(
            text,
            "{:>11}{:>7.0} MiB{:>11}{:>8.2} us{:>11}{:>7.1} MiB{:>7.1} MiB{:>9.1} B{:>11}",
            size.entries,
            size.tar_bytes as f64 / MIB,
            seconds(size.import.wall.median),
            size.micros_an_entry(),
            seconds(size.import.cpu.median),
            size.import.peak as f64 / MIB,
            size.index_bytes as f64 / MIB,
            size.index_bytes_an_entry(),
            seconds(size.stat.wall.median),
        );
    }
}

fn push_targets(text: &mut String, targets: &[Target]) {
    text.push_str("\ntargets\n");
    for target in targets {
        let verdict = if target.met { "pass" } else { "FAIL" };
        let _ = writeln!(text, "  {verdict}  {}: {} (wanted: {})", target.what, target.found, target.wanted);
    }
    let met = targets.iter().filter(|target| target.met).count();
    let _ = writeln!(text, "{met} of {} targets met", targets.len());
}
