//! What winlayer promises, held against what was measured.

use serde::Serialize;

use super::WINLAYER;
use super::contest::Contest;
use super::inputs::Form;
use super::work::{CP, GNU_TAR, RM};

/// The longest that `fs stat` may take, as a whole process.
pub(super) const STAT_MILLIS: f64 = 20.0;

const MIB: f64 = 1024.0 * 1024.0;

/// A promise, and whether it was kept.
#[derive(Debug, Serialize)]
pub(super) struct Target {
    /// What was promised about.
    pub(super) what: String,
    /// The bound, in words.
    pub(super) wanted: String,
    /// What was measured, in words.
    pub(super) found: String,
    pub(super) met: bool,
}

impl Target {
    /// No more than this.
    pub(super) fn at_most(what: String, found: f64, bound: f64, unit: &str) -> Self {
        Self {
            what,
            wanted: format!("at most {bound}{unit}"),
            found: format!("{found:.2}{unit}"),
            met: found <= bound,
        }
    }

    /// No less than this.
    pub(super) fn at_least(what: String, found: f64, bound: f64, unit: &str) -> Self {
        Self {
            what,
            wanted: format!("at least {bound}{unit}"),
            found: format!("{found:.2}{unit}"),
            met: found >= bound,
        }
    }
}

/// Peak memory of the import of so many entries.
pub(super) fn memory(layer: &str, entries: u64, peak: u64) -> Target {
    let bound = 48.0 + 300.0 * entries as f64 / MIB;
    Target {
        what: format!("import {layer}: peak memory"),
        wanted: format!("at most 48 MiB + 300 B an entry = {bound:.1} MiB"),
        found: format!("{:.1} MiB", peak as f64 / MIB),
        met: peak as f64 / MIB <= bound,
    }
}

/// An import against GNU tar's unpacking of the same layer in this form.
pub(super) fn import(layer: &str, form: Form, entries: u64, contest: &Contest) -> Vec<Target> {
    let Some(ours) = contest.of(WINLAYER) else { return Vec::new() };
    let what = format!("{layer}, {}", form.name());
    let mut judged = vec![memory(&what, entries, ours.peak)];
    if let Some(tar) = contest.of(GNU_TAR) {
        let faster = match form {
            Form::Gzip => 4.0,
            Form::Zstd => 2.5,
            Form::Plain => 2.0,
        };
        let (speed, cpu) = (tar.wall.median / ours.wall.median, ours.cpu.median / tar.cpu.median);
        judged.push(Target::at_least(format!("import {what}: speed against {GNU_TAR}"), speed, faster, "x"));
        judged.push(Target::at_most(format!("import {what}: processor time against GNU tar"), cpu, 0.5, "x"));
    }
    judged
}

/// An export against `cp`.
pub(super) fn export(layer: &str, contest: &Contest) -> Option<Target> {
    let times = contest.of(WINLAYER)?.wall.median / contest.of(CP)?.wall.median;
    Some(Target::at_most(format!("export {layer}: time against {CP}"), times, 1.3, "x"))
}

/// A removal against `rm -rf`.
pub(super) fn remove(layer: &str, contest: &Contest) -> Option<Target> {
    let speed = contest.of(RM)?.wall.median / contest.of(WINLAYER)?.wall.median;
    Some(Target::at_least(format!("remove {layer}: speed against {RM}"), speed, 10.0, "x"))
}

/// Looking one path up in a chain.
pub(super) fn lookup(contest: &Contest) -> Option<Target> {
    let millis = contest.of(WINLAYER)?.wall.median * 1e3;
    Some(Target::at_most(contest.title.clone(), millis, STAT_MILLIS, " ms"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::series::{Series, Spread};

    fn series(name: &str, wall: f64, cpu: f64, peak: u64) -> Series {
        let spread = |median| Spread { median, min: median, max: median };
        Series { name: name.to_owned(), wall: spread(wall), cpu: spread(cpu), peak }
    }

    fn contest(ours: Series, theirs: Series) -> Contest {
        Contest { title: String::new(), series: vec![ours, theirs] }
    }

    #[test]
    fn an_import_that_is_too_slow_or_too_large_is_told() {
        let tar = || series(GNU_TAR, 4.0, 2.0, 0);
        let good = contest(series(WINLAYER, 1.0, 1.0, 49 << 20), tar());
        let bad = contest(series(WINLAYER, 1.1, 1.1, 52 << 20), tar());
        let met = |contest: &Contest| {
            import("x", Form::Gzip, 10_000, contest).iter().map(|t| t.met).collect::<Vec<_>>()
        };
        assert_eq!(met(&good), [true, true, true]);
        assert_eq!(met(&bad), [false, false, false]);
    }

    #[test]
    fn what_has_no_peer_is_not_judged() {
        let alone = Contest { title: String::new(), series: vec![series(WINLAYER, 1.0, 1.0, 0)] };
        assert!(export("x", &alone).is_none() && remove("x", &alone).is_none());
        assert_eq!(import("x", Form::Plain, 0, &alone).len(), 1);
    }
}
