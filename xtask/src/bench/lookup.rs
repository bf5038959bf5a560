//! How long it takes to look one path up in a long chain, as a whole process.

use anyhow::Result;

use super::WINLAYER;
use super::contest::{self, Contender, Contest};
use super::inputs::layers::{Shape, small_file};
use super::inputs::{self};
use super::place::Place;

const HOME: &str = "chain";

/// Layers of the chain.
pub(super) const LAYERS: u32 = 10;

/// The names of the series: how the work begins.
pub(super) const WARM: &str = "winlayer, warm";
const COLD: &str = "winlayer, cold";

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
    let mut contenders =
        vec![Contender { name: WARM, prepare: Box::new(|| stat.run()), work: vec![stat.clone()] }];
    if place.is_root() {
        contenders.push(Contender { name: COLD, prepare: Box::new(|| Ok(())), work: vec![stat.clone()] });
    }
    debug_assert!(contenders.iter().all(|contender| contender.name.starts_with(WINLAYER)));
    let contest = contest::hold(place, title, rounds, &contenders);
    place.clear(HOME)?;
    contest
}
