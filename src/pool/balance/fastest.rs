//! The soonest first content.

use std::{sync::Arc, time::Duration};

use super::{Balance, Candidate, Rng, least};

/// The account whose first content is to be expected soonest: its time to first content for this model (a peak-sensitive average
/// of the last ten seconds or so) times the calls it would then have in flight. Weights do not count.
///
/// Who is not known yet is expected to be fast, and so is tried. Who was slow and had no calls since is tried again after a while.
#[derive(Clone, Copy, Debug)]
pub struct Fastest {
    seed: Duration,
}

impl Fastest {
    /// An account that is not known yet counts as one that takes 250 ms.
    pub const fn new() -> Self {
        Self {
            seed: Duration::from_millis(250),
        }
    }

    /// What an account counts as while it is not known.
    #[must_use]
    pub const fn seed(mut self, seed: Duration) -> Self {
        self.seed = seed;
        self
    }
}

impl Default for Fastest {
    fn default() -> Self {
        Self::new()
    }
}

impl Balance for Fastest {
    fn pick(&self, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        let cost = |candidate: &Candidate<'_>| {
            let expected = candidate.first_content().unwrap_or(self.seed);
            expected
                .as_nanos()
                .saturating_mul(u128::from(candidate.in_flight) + 1)
        };
        least(candidates.iter().map(cost), rng)
    }

    fn reads_minute(&self) -> bool {
        false
    }

    fn fork(&self) -> Option<Arc<dyn Balance>> {
        Some(Arc::new(*self))
    }
}
