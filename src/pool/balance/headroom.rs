//! The most left.

use std::{cmp::Reverse, sync::Arc};

use super::{Balance, Candidate, Rng, least};

/// The account with the largest share left of its scarcest limit, be it the vendor's, as its last answers told, or one of its own
/// [limits](crate::upstream::Limits). Among equals the one with the fewest calls in flight. Weights do not count.
///
/// An account of which nothing is known has everything left.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headroom;

impl Headroom {
    /// It keeps no state: what is left is known of the accounts.
    pub const fn new() -> Self {
        Self
    }
}

impl Balance for Headroom {
    fn pick(&self, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        let room = |candidate: &Candidate<'_>| {
            // Closer than that is equal.
            let share = (candidate.headroom() * 10_000.0) as u32;
            (Reverse(share), candidate.in_flight)
        };
        least(candidates.iter().map(room), rng)
    }

    fn reads_minute(&self) -> bool {
        false
    }

    fn fork(&self) -> Option<Arc<dyn Balance>> {
        Some(Arc::new(*self))
    }
}
