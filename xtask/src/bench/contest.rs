//! The same work by several contenders, in turns: A B A B, so that what the machine does meanwhile hits all alike.

use anyhow::{Context, Result};
use serde::Serialize;

use super::measure::{self, Step};
use super::place::Place;
use super::series::Series;

/// One who does the work.
pub(super) struct Contender<'a> {
    pub(super) name: &'static str,
    /// Brings about what the work begins with. Not measured.
    pub(super) prepare: Box<dyn Fn() -> Result<()> + 'a>,
    /// What is measured.
    pub(super) work: Vec<Step>,
}

/// What all contenders took for the same work, winlayer first.
#[derive(Debug, Serialize)]
pub(super) struct Contest {
    /// What was done.
    pub(super) title: String,
    pub(super) series: Vec<Series>,
}

/// Lets the contenders take turns for some rounds.
pub(super) fn hold(
    place: &Place,
    title: String,
    rounds: u32,
    contenders: &[Contender<'_>],
) -> Result<Contest> {
    super::say(&title);
    let mut samples = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (contender, samples) in contenders.iter().zip(&mut samples) {
            let sample = one_run(place, contender).with_context(|| format!("{title}: {}", contender.name))?;
            samples.push(sample);
        }
    }
    let series =
        contenders.iter().zip(&samples).map(|(contender, samples)| Series::new(contender.name, samples));
    Ok(Contest { title, series: series.collect() })
}

fn one_run(place: &Place, contender: &Contender<'_>) -> Result<measure::Sample> {
    place.settle()?;
    (contender.prepare)()?;
    measure::measure(&contender.work)
}

impl Contest {
    /// The series of this contender.
    pub(super) fn of(&self, name: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.name == name)
    }
}
