//! Paired measurement: all variants take turns inside one process, so that whatever the machine does, it does to all.

use std::time::Instant;

/// Something to be timed.
pub trait Subject {
    /// Before each timed turn; not timed.
    fn prepare(&mut self, _iterations: u32) {}

    /// The work, `iterations` times.
    fn run(&mut self, iterations: u32);
}

impl<F: FnMut(u32)> Subject for F {
    fn run(&mut self, iterations: u32) {
        self(iterations);
    }
}

/// Nanoseconds of one iteration, one figure a round.
pub struct Series(Vec<f64>);

impl Series {
    /// The middle one.
    pub fn median(&self) -> f64 {
        quantile(&self.0, 0.5)
    }

    /// The quarter that is fastest ends here.
    pub fn best_quartile(&self) -> f64 {
        quantile(&self.0, 0.25)
    }

    /// `self / other` of each round.
    pub fn ratios(&self, other: &Self) -> Ratios {
        Ratios(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }
}

/// Ratios of paired rounds.
pub struct Ratios(Vec<f64>);

impl Ratios {
    /// The middle one.
    pub fn median(&self) -> f64 {
        quantile(&self.0, 0.5)
    }

    /// The quarter of the rounds with the lowest ratios ends here.
    pub fn lower_quartile(&self) -> f64 {
        quantile(&self.0, 0.25)
    }

    /// The quarter of the rounds with the highest ratios begins here.
    pub fn upper_quartile(&self) -> f64 {
        quantile(&self.0, 0.75)
    }
}

fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted[((last as f64) * at).round() as usize]
}

/// Runs all subjects `rounds` times in turn, each turn `iterations` long. The order rotates, so that none is always
/// behind the same neighbour.
pub fn paired(subjects: &mut [&mut dyn Subject], rounds: usize, iterations: u32) -> Vec<Series> {
    let mut series: Vec<Vec<f64>> = subjects.iter().map(|_| Vec::with_capacity(rounds)).collect();
    let warm_up = rounds / 10 + 1;
    for round in 0..rounds + warm_up {
        for turn in 0..subjects.len() {
            let index = (turn + round) % subjects.len();
            subjects[index].prepare(iterations);
            let start = Instant::now();
            subjects[index].run(iterations);
            let nanoseconds = start.elapsed().as_nanos() as f64;
            if round >= warm_up {
                series[index].push(nanoseconds / f64::from(iterations));
            }
        }
    }
    series.into_iter().map(Series).collect()
}
