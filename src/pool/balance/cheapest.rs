//! The lowest price.

use std::{cmp::Reverse, sync::Arc};

use super::{Balance, Candidate, Rng, Sampling, least, least_busy::Load};

/// The account where this call costs least: its input by estimate, and an answer of [500 tokens](Self::answer), at the model's
/// [price](crate::upstream::Deployment::price) there. Who has no known price counts as dearest. Among equals the one with the fewest
/// calls in flight for its weight.
///
/// Who is cheapest takes all calls as long as it has room for them: give it [limits](crate::upstream::Limits). Caches do not count
/// here, because whether one helps is known afterwards only; for long conversations [`Sticky`](super::Sticky) may save more.
///
/// In a pool of more than 32 accounts it is shown the cheapest that are free ([`Sampling::Cheapest`]), so that its choice is exact there
/// too, as long as the pool has at most 64 different prices.
#[derive(Clone, Copy, Debug)]
pub struct Cheapest {
    answer: u64,
}

impl Cheapest {
    /// Answers are taken to be of 500 tokens.
    pub const fn new() -> Self {
        Self { answer: 500 }
    }

    /// How many tokens answers are taken to have, reasoning included.
    #[must_use]
    pub const fn answer(mut self, tokens: u64) -> Self {
        self.answer = tokens;
        self
    }
}

impl Default for Cheapest {
    fn default() -> Self {
        Self::new()
    }
}

impl Balance for Cheapest {
    fn pick(&self, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        let cost = |candidate: &Candidate<'_>| {
            let price = candidate.price;
            let cost = price.map(|price| price.exact(candidate.input_tokens, self.answer));
            // Those that have one come first.
            (Reverse(cost.map(Reverse)), Load::of(candidate))
        };
        least(candidates.iter().map(cost), rng)
    }

    fn reads_minute(&self) -> bool {
        false
    }

    fn sampling(&self) -> Sampling {
        Sampling::Cheapest {
            answer: self.answer,
        }
    }

    fn fork(&self) -> Option<Arc<dyn Balance>> {
        Some(Arc::new(*self))
    }
}
