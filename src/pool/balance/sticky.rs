//! Every session where it was.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Balance, Candidate, Rng, Sampling, Weighted};
use crate::pool::session::{Hash, Session};

/// Every session at the account where it was, so that what the vendor has cached of it is used. Sessions are shared out by weight.
///
/// A session moves only when its account is out: in a cooldown, or its breaker open. It does not move back when that account
/// returns. While its account is merely busy, or has failed this one call, the call is served elsewhere and the session stays.
/// Calls of no session are shared out by weight.
///
/// A session begins at an account that the session's key alone decides (rendezvous hashing; in large pools by the digits of its hash), so that several gateways, or one after a
/// restart, choose the same. The latest 100 000 sessions or so are remembered beyond that.
#[derive(Debug, Default)]
pub struct Sticky {
    owners: Mutex<Owners>,
    others: Weighted,
}

impl Sticky {
    /// No sessions yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Balance for Sticky {
    fn pick(&self, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        self.others.pick(candidates, rng)
    }

    fn keeps_sessions(&self) -> bool {
        true
    }

    fn pick_for(&self, session: &Session<'_>, candidates: &[Candidate<'_>], _rng: &Rng) -> usize {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = owners.find(session.key) {
            let owns = |candidate: &Candidate<'_>| candidate.identity() == owner;
            if let Some(index) = candidates.iter().position(owns) {
                return index;
            }
            if session.busy.iter().any(owns) {
                return rendezvous(session.key, candidates);
            }
        }
        let index = rendezvous(session.key, candidates);
        if let Some(owner) = candidates.get(index) {
            owners.set(session.key, owner.identity());
        }
        index
    }

    fn shares(&self) -> Option<&Weighted> {
        Some(&self.others)
    }

    fn reads_minute(&self) -> bool {
        false
    }

    fn sampling(&self) -> Sampling {
        Sampling::Weighted
    }

    fn owner(&self, session: u64) -> Option<u64> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.find(session)
    }

    fn fork(&self) -> Option<Arc<dyn Balance>> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::new(Self {
            owners: Mutex::new(owners.clone()),
            others: self.others.copied(),
        }))
    }
}

/// Who has which session, in two generations: when the young are many, the old are forgotten.
#[derive(Clone, Debug, Default)]
struct Owners {
    young: HashMap<u64, u64>,
    old: HashMap<u64, u64>,
}

impl Owners {
    const GENERATION: usize = 50_000;

    /// The owner, who is young again.
    fn find(&mut self, session: u64) -> Option<u64> {
        if let Some(owner) = self.young.get(&session) {
            return Some(*owner);
        }
        let owner = self.old.remove(&session)?;
        self.set(session, owner);
        Some(owner)
    }

    fn set(&mut self, session: u64, owner: u64) {
        if self.young.len() >= Self::GENERATION && !self.young.contains_key(&session) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&session);
        self.young.insert(session, owner);
    }
}

fn hash(seed: u64, names: &[&str]) -> u64 {
    let mut hash = Hash::default();
    hash.add(&seed.to_le_bytes());
    for name in names {
        hash.add(name.as_bytes());
    }
    hash.finish()
}

/// Highest random weight: first among the vendors, then among that vendor's accounts, so that shares are as with [`Weighted`]. Who
/// leaves takes only his own sessions along. Spares only if there is nobody else.
fn rendezvous(session: u64, candidates: &[Candidate<'_>]) -> usize {
    let is_spare = |c: &Candidate<'_>| c.vendor_weight == 0 || c.weight == 0;
    let spares_only = candidates.iter().all(is_spare);
    let eligible = || {
        candidates
            .iter()
            .enumerate()
            .filter(move |(_, c)| spares_only || !is_spare(c))
    };
    let vendor = eligible()
        .max_by(|(_, a), (_, b)| {
            let score =
                |c: &Candidate<'_>| score(hash(session, &[c.provider, c.model]), c.vendor_weight);
            score(a).total_cmp(&score(b))
        })
        .map(|(_, c)| c.vendor);
    eligible()
        .filter(|(_, c)| Some(c.vendor) == vendor)
        .max_by(|(_, a), (_, b)| {
            let score = |c: &Candidate<'_>| {
                let names = [c.provider, c.model, c.account];
                score(hash(session, &names), c.weight)
            };
            score(a).total_cmp(&score(b))
        })
        .map_or(0, |(index, _)| index)
}

/// The larger wins, and that as often as the weights say.
fn score(hash: u64, weight: u32) -> f64 {
    // Between 0 and 1, without either.
    let share = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -f64::from(weight.max(1)) / share.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_sessions_are_remembered_than_fit() {
        let mut owners = Owners::default();
        owners.set(0, 7);
        for session in 1..200_000 {
            owners.set(session, 1);
            if session % 10_000 == 0 {
                assert_eq!(owners.find(0), Some(7), "in use");
            }
            assert!(owners.young.len() + owners.old.len() <= 2 * Owners::GENERATION);
        }
        assert_eq!(owners.find(1), None, "long ago");
        assert_eq!(owners.find(199_999), Some(1));
    }
}
