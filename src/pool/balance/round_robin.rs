//! Everybody in turn.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Balance, Candidate, Rng, Sampling, least};

/// Everybody in turn, whatever the weights: the account that was picked longest ago.
#[derive(Debug, Default)]
pub struct RoundRobin(Mutex<Turns>);

#[derive(Clone, Debug, Default)]
struct Turns {
    now: u64,
    /// When (vendor, place) had its last turn.
    last: HashMap<(usize, usize), u64>,
}

impl RoundRobin {
    /// Nobody had a turn yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Balance for RoundRobin {
    fn pick(&self, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |c: &Candidate<'_>| (c.vendor, c.place);
        let last = &turns.last;
        let index = least(candidates.iter().map(|c| last.get(&key(c))), rng);
        if let Some(picked) = candidates.get(index) {
            turns.now += 1;
            let now = turns.now;
            turns.last.insert(key(picked), now);
        }
        index
    }

    fn reads_minute(&self) -> bool {
        false
    }

    fn sampling(&self) -> Sampling {
        Sampling::InTurn
    }

    fn fork(&self) -> Option<Arc<dyn Balance>> {
        let turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::new(Self(Mutex::new(turns.clone()))))
    }
}
