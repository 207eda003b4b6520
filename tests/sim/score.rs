//! What came of it.

use std::time::Duration;

use trunkline::{ErrorKind, chat::Usage};

use crate::vendor::Tally;

/// One caller's call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub tenant: &'static str,
    pub took: Duration,
    pub usage: Option<Usage>,
    pub failure: Option<ErrorKind>,
    /// It failed though an account had room.
    pub open: Option<&'static str>,
}

#[derive(Debug)]
pub struct Score {
    pub calls: Vec<Call>,
    pub tally: Tally,
}

impl Score {
    pub fn served(&self) -> usize {
        self.calls
            .iter()
            .filter(|call| call.failure.is_none())
            .count()
    }

    pub fn failed(&self) -> usize {
        self.calls.len() - self.served()
    }

    /// Told that there is no room, though there was.
    pub fn turned_away(&self) -> usize {
        let limited = |kind| {
            matches!(
                kind,
                ErrorKind::RateLimited | ErrorKind::Exhausted | ErrorKind::QuotaExhausted
            )
        };
        self.calls
            .iter()
            .filter(|call| call.open.is_some() && call.failure.is_some_and(limited))
            .count()
    }

    pub fn calls_of(&self, tenant: &str) -> usize {
        let calls = self.calls.iter();
        calls.filter(|call| call.tenant == tenant).count()
    }

    pub fn served_of(&self, tenant: &str) -> usize {
        let served = self.calls.iter().filter(|call| call.failure.is_none());
        served.filter(|call| call.tenant == tenant).count()
    }

    /// The longest that anybody had to wait for an answer or a refusal.
    pub fn longest(&self) -> Duration {
        let took = self.calls.iter().map(|call| call.took);
        took.max().unwrap_or_default()
    }

    /// Vendors' calls that served nobody, by calls that were served.
    pub fn extra(&self) -> f64 {
        (self.tally.calls as f64 - self.served() as f64) / self.served() as f64
    }

    /// Tokens of a call, on average.
    pub fn tokens(&self) -> f64 {
        let all: u64 = self
            .calls
            .iter()
            .filter_map(|call| call.usage?.total())
            .sum();
        all as f64 / self.served() as f64
    }

    /// Of the calls that were served, so many of a hundred took at most this long.
    pub fn took(&self, percent: usize) -> Duration {
        let mut all: Vec<_> = self
            .calls
            .iter()
            .filter(|call| call.failure.is_none())
            .map(|call| call.took)
            .collect();
        all.sort();
        all.get(all.len() * percent / 100)
            .or(all.last())
            .copied()
            .unwrap_or_default()
    }

    /// The share of the prompts that the vendors had in their caches.
    pub fn hits(&self) -> f64 {
        self.tally.cached_tokens as f64 / self.tally.prompt_tokens as f64
    }
}
