//! How long it takes to look one path up in a long chain, as a whole process.

use anyhow::Result;

use super::WINLAYER;
use super::contest::{self, Contender, Contest};
use super::inputs;
use super::inputs::layers::{Shape, small_file};
use super::place::{Caches, Place};

const HOME: &str = "chain";

/// Layers of the chain.
pub(super) const LAYERS: u32 = 10;

/// `fs stat` of a path that only the lowest of ten layers has, which together have `entries` entries.
pub(super) fn stat_in_a_chain(place: &Place, entries: u64, rounds: u32) -> Result<Contest> {
    let per_layer = entries / u64::from(LAYERS);
    for number in 0..LAYERS {
        let file = inputs::plain(&place.cache, &format!("chain{number}"), Shape::Small(number), per_layer)?;
        let (id, path) = (format!("c{number}"), file.path.to_string_lossy());
        let parent = format!("c{}", number.saturating_sub(1));
        let step = match number {
            0 => place.winlayer(HOME, ["layer", "import", &id, &path]),
            _ => place.winlayer(HOME, ["layer", "import", &id, &path, "--parent", &parent]),
        };
        step.run()?;
    }
    let top = format!("c{}", LAYERS - 1);
    let stat = place.winlayer(HOME, ["fs", "stat", &top, &small_file(0, per_layer)]);
    let title = format!("fs stat of a path of the lowest layer: {entries} entries in {LAYERS} layers");
    let contenders = [Contender {
        name: WINLAYER,
        // Cold caches stay cold; otherwise a first run warms them.
        prepare: Box::new(|| if place.caches() == Caches::Cold { Ok(()) } else { stat.run() }),
        work: vec![stat.clone()],
    }];
    let contest = contest::hold(place, title, rounds, &contenders);
    place.clear(HOME)?;
    contest
}
