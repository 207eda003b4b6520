//! What expires first.

use std::sync::Arc;

use super::{Balance, Candidate, Headroom, Rng};
use crate::pool::Session;

/// The account of which most would be lost: what is left of a window is gone when that begins anew, so an account with half of its
/// five hours left and half an hour to go is called before one with all of its week. See [`Candidate::waste`].
///
/// Among those where about as much would be lost, and where nothing is known to expire, another balance picks: [`Headroom`] unless
/// told otherwise. Sessions are left to it altogether.
#[derive(Clone, Copy, Debug, Default)]
pub struct UseBeforeReset<B = Headroom>(B);

impl UseBeforeReset {
    /// The most left among equals.
    pub const fn new() -> Self {
        Self(Headroom)
    }
}

impl<B> UseBeforeReset<B> {
    /// `balance` among equals.
    pub const fn then(balance: B) -> Self {
        Self(balance)
    }
}

impl<B: Balance> Balance for UseBeforeReset<B> {
    fn pick(&self, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        pick(&self.0, candidates, rng)
    }

    fn keeps_sessions(&self) -> bool {
        self.0.keeps_sessions()
    }

    fn reads_minute(&self) -> bool {
        self.0.reads_minute()
    }

    fn pick_for(&self, session: &Session<'_>, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        self.0.pick_for(session, candidates, rng)
    }

    fn owner(&self, session: u64) -> Option<u64> {
        self.0.owner(session)
    }

    fn fork(&self) -> Option<Arc<dyn Balance>> {
        Some(Arc::new(Forked(self.0.fork()?)))
    }
}

/// The same over a copy of the other balance.
#[derive(Debug)]
struct Forked(Arc<dyn Balance>);

impl Balance for Forked {
    fn pick(&self, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        pick(&*self.0, candidates, rng)
    }

    fn keeps_sessions(&self) -> bool {
        self.0.keeps_sessions()
    }

    fn reads_minute(&self) -> bool {
        self.0.reads_minute()
    }

    fn pick_for(&self, session: &Session<'_>, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        self.0.pick_for(session, candidates, rng)
    }

    fn owner(&self, session: u64) -> Option<u64> {
        self.0.owner(session)
    }

    fn fork(&self) -> Option<Arc<dyn Balance>> {
        Some(Arc::new(Self(self.0.fork()?)))
    }
}

fn pick(balance: &dyn Balance, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
    /// So near to the most is as good.
    const NEAR: f64 = 0.9;
    let waste: Vec<f64> = candidates.iter().map(Candidate::waste).collect();
    let most = waste.iter().copied().fold(0.0, f64::max);
    let (indices, shown): (Vec<_>, Vec<_>) = waste
        .iter()
        .zip(candidates)
        .enumerate()
        .filter(|(_, (waste, _))| **waste >= most * NEAR)
        .map(|(index, (_, candidate))| (index, *candidate))
        .unzip();
    let picked = balance.pick(&shown, rng);
    *indices.get(picked).or(indices.first()).unwrap_or(&0)
}
