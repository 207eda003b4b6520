//! Seeded chance.

use trunkline::pool::Rng;

#[derive(Debug)]
pub struct Chance(Rng);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(Rng::seeded(seed))
    }

    pub fn below(&self, n: usize) -> usize {
        self.0.below(n)
    }

    /// Above 0, below 1.
    pub fn fraction(&self) -> f64 {
        (self.0.below(1 << 52) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    pub fn between(&self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.fraction()
    }

    /// The time between two arrivals of a Poisson process.
    pub fn gap(&self, per_second: f64) -> f64 {
        -self.fraction().ln() / per_second
    }

    /// Lognormal about its median.
    pub fn lognormal(&self, median: f64, sigma: f64) -> f64 {
        // Twelve throws make a normal one.
        let normal = (0..12).map(|_| self.fraction()).sum::<f64>() - 6.0;
        median * (normal * sigma).exp()
    }
}
