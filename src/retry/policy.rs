//! How often, and after how long.

use std::{sync::Arc, time::Duration};

use crate::{budget::RetryBudget, rng::Rng};

/// How often a call is tried, and how long to pause between.
#[derive(Clone, Debug)]
#[must_use]
pub struct RetryPolicy {
    pub(super) max_attempts: u32,
    pub(super) budget: RetryBudget,
    pub(super) min_remaining: Duration,
    base: Duration,
    max: Duration,
    rng: Arc<Rng>,
}

impl RetryPolicy {
    /// Four attempts, pauses from 250 ms to 8 s, a fifth of the traffic for second attempts, each with at least a second left.
    pub fn new() -> Self {
        Self {
            max_attempts: 4,
            budget: RetryBudget::default(),
            min_remaining: Duration::from_secs(1),
            base: Duration::from_millis(250),
            max: Duration::from_secs(8),
            rng: Arc::new(Rng::new()),
        }
    }

    /// The most attempts of one call, over all accounts and models. At least one is made.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// The first pause, and the longest. A vendor's `Retry-After` beyond the longest is not waited for.
    pub fn backoff(mut self, base: Duration, max: Duration) -> Self {
        self.base = base;
        self.max = max;
        self
    }

    /// The share of the traffic that may be second attempts. Clones of one budget share it.
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    /// What must be left of the call's time for a further attempt to be made, at whatever account or model: one with less would be
    /// doomed. The caller then learns at once what went wrong. As long as somebody else could be asked, an attempt without content
    /// is given up early enough to leave them that.
    pub fn min_remaining(mut self, time: Duration) -> Self {
        self.min_remaining = time;
        self
    }

    /// Makes the jitter repeatable.
    pub fn seed(mut self, seed: u64) -> Self {
        self.rng = Arc::new(Rng::seeded(seed));
        self
    }

    /// The longest pause.
    pub(super) const fn longest(&self) -> Duration {
        self.max
    }

    /// The pause before try number `retry` (from 0): doubled each time, and between half and whole of that.
    pub(super) fn pause(&self, retry: u32) -> Duration {
        let whole = self
            .base
            .saturating_mul(2_u32.saturating_pow(retry))
            .min(self.max);
        whole.mul_f64(0.5 + self.rng.fraction() / 2.0)
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_jitter_up_to_the_longest() {
        let policy = RetryPolicy::new()
            .backoff(Duration::from_millis(100), Duration::from_millis(1000))
            .seed(7);
        for (retry, whole) in [
            (0, 100),
            (1, 200),
            (2, 400),
            (3, 800),
            (4, 1000),
            (40, 1000),
        ] {
            for _ in 0..100 {
                let pause = policy.pause(retry).as_millis();
                assert!((whole / 2..=whole).contains(&pause), "{retry}: {pause}");
            }
        }
        assert_ne!(policy.pause(3), policy.pause(3));
    }
}
