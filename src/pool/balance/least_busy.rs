//! The fewest calls in flight.

use std::sync::Arc;

use super::{Balance, Candidate, Rng, least};

/// The account with the fewest calls in flight for its weight.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastBusy;

impl LeastBusy {
    /// It keeps no state.
    pub const fn new() -> Self {
        Self
    }
}

impl Balance for LeastBusy {
    fn pick(&self, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        least(candidates.iter().map(Load::of), rng)
    }

    fn reads_minute(&self) -> bool {
        false
    }

    fn fork(&self) -> Option<Arc<dyn Balance>> {
        Some(Arc::new(*self))
    }
}

/// Calls per weight if this account took one more, compared as fractions.
pub(super) struct Load {
    calls: u128,
    weight: u128,
}

impl Load {
    pub(super) fn of(candidate: &Candidate<'_>) -> Self {
        Self {
            calls: u128::from(candidate.in_flight) + 1,
            weight: u128::from(candidate.vendor_weight.max(1))
                * u128::from(candidate.weight.max(1)),
        }
    }
}

impl Ord for Load {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // At most 33 and 64 bits: the products fit.
        (self.calls * other.weight).cmp(&(other.calls * self.weight))
    }
}

impl PartialOrd for Load {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Load {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Load {}
