//! `bench scale`: the same layer ten and a hundred times as large. What an entry costs should stay what it is.

use anyhow::{Context, Result};
use serde::Serialize;

use super::inputs;
use super::inputs::layers::{Shape, small_file};
use super::measure::measure;
use super::place::{Place, read_ahead};
use super::series::Series;
use super::targets::{self, Target};

const HOME: &str = "scale";
const ID: &str = "layer";

/// What a layer of one size cost.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Size {
    pub(super) entries: u64,
    pub(super) tar_bytes: u64,
    pub(super) index_bytes: u64,
    pub(super) import: Series,
    pub(super) stat: Series,
}

impl Size {
    /// Microseconds that an entry's import takes, fixed costs included.
    pub(super) fn micros_an_entry(&self) -> f64 {
        self.import.wall.median * 1e6 / self.entries as f64
    }

    /// Bytes that an entry takes in the index.
    pub(super) fn index_bytes_an_entry(&self) -> f64 {
        self.index_bytes as f64 / self.entries as f64
    }
}

/// Measures layers of these sizes.
pub(super) fn measure_sizes(place: &Place, sizes: &[u64], rounds: u32) -> Result<Vec<Size>> {
    sizes.iter().map(|&entries| measure_size(place, entries, rounds)).collect()
}

fn measure_size(place: &Place, entries: u64, rounds: u32) -> Result<Size> {
    super::say(&format!("import and stat: {entries} entries"));
    // The largest are too large to be kept.
    let file = inputs::plain(&place.work, "scale", Shape::Small(0), entries)?;
    let path = file.path.to_string_lossy();
    let import = [place.winlayer(HOME, ["layer", "import", ID, &path])];
    let stat = [place.winlayer(HOME, ["fs", "stat", ID, &small_file(0, entries)])];
    let (mut imports, mut stats) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        place.clear(HOME)?;
        place.settle()?;
        read_ahead(&file.path)?;
        imports.push(measure(&import)?);
        measure(&stat)?;
        stats.push(measure(&stat)?);
    }
    let index = place.work.join(HOME).join(ID).join("layer.idx");
    let index_bytes = std::fs::metadata(&index).context("a layer has an index")?.len();
    let tar_bytes = std::fs::metadata(&file.path)?.len();
    std::fs::remove_file(&file.path)?;
    place.clear(HOME)?;
    let (import, stat) = (Series::new("import", &imports), Series::new("stat", &stats));
    Ok(Size { entries, tar_bytes, index_bytes, import, stat })
}

/// What growth has to be like.
pub(super) fn judge(sizes: &[Size]) -> Vec<Target> {
    let mut judged: Vec<Target> = sizes
        .iter()
        .map(|size| targets::memory(&size.entries.to_string(), size.entries, size.import.peak))
        .collect();
    judged.extend(sizes.windows(2).flat_map(|pair| {
        let [small, large] = pair else { return Vec::new() };
        let from_to = format!("{} to {} entries", small.entries, large.entries);
        let growth = large.micros_an_entry() / small.micros_an_entry();
        let index_growth = large.index_bytes_an_entry() / small.index_bytes_an_entry();
        vec![
            Target::at_most(format!("import time of an entry, {from_to}"), growth, 1.2, "x"),
            Target::at_most(format!("index size of an entry, {from_to}"), index_growth, 1.05, "x"),
        ]
    }));
    judged.extend(sizes.iter().map(|size| {
        let millis = size.stat.wall.median * 1e3;
        Target::at_most(format!("fs stat, {} entries", size.entries), millis, targets::STAT_MILLIS, " ms")
    }));
    judged
}
