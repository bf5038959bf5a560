//! Several samples of the same work, and what they say together.

use serde::Serialize;

use super::measure::Sample;

/// The middle and the ends of several values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// Of at least one value; of none, zero.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Self { median: 0.0, min: 0.0, max: 0.0 };
        };
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Self { median, min, max }
    }
}

/// What a contender's runs cost.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Series {
    /// Who did the work.
    pub(super) name: String,
    /// Seconds.
    pub(super) wall: Spread,
    /// Seconds.
    pub(super) cpu: Spread,
    /// The largest peak of all runs, in bytes.
    pub(super) peak: u64,
}

impl Series {
    /// Of these samples.
    pub(super) fn new(name: &str, samples: &[Sample]) -> Self {
        Self {
            name: name.to_owned(),
            wall: Spread::of(samples.iter().map(|sample| sample.wall.as_secs_f64())),
            cpu: Spread::of(samples.iter().map(|sample| sample.cpu.as_secs_f64())),
            peak: samples.iter().map(|sample| sample.peak).max().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        let odd = Spread::of([3.0, 1.0, 2.0].into_iter());
        assert_eq!(odd, Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0].into_iter()).median, 2.5);
    }
}
