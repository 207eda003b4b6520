//! Shares by weight.

use std::{
    cmp::Reverse,
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Balance, Candidate, Rng, Sampling, least};

/// Shares by weight: first among the vendors that have somebody free, then among that vendor's accounts. The default.
///
/// Smooth: with weights 3 and 1 the heavy one is never called more than three times in a row, and every four calls are
/// split exactly.
#[derive(Debug, Default)]
pub struct Weighted(Mutex<Credits>);

/// What everybody is owed. Each pick pays everybody their weight and charges the picked one for all.
#[derive(Clone, Debug, Default)]
struct Credits {
    vendors: HashMap<usize, i64>,
    accounts: HashMap<(usize, usize), i64>,
}

impl Weighted {
    /// Nobody is owed anything yet.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn copied(&self) -> Self {
        let credits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Self(Mutex::new(credits.clone()))
    }
}

impl Balance for Weighted {
    fn pick(&self, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        let mut vendors: Vec<(usize, u32)> = Vec::new();
        for candidate in candidates {
            if !vendors
                .iter()
                .any(|(vendor, _)| *vendor == candidate.vendor)
            {
                vendors.push((candidate.vendor, candidate.vendor_weight));
            }
        }
        let mut credits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(vendor) = smooth(&mut credits.vendors, &vendors, rng) else {
            return 0;
        };
        let accounts: Vec<_> = candidates
            .iter()
            .filter(|candidate| candidate.vendor == vendor)
            .map(|candidate| ((vendor, candidate.place), candidate.weight))
            .collect();
        let picked = smooth(&mut credits.accounts, &accounts, rng);
        candidates
            .iter()
            .position(|candidate| Some((candidate.vendor, candidate.place)) == picked)
            .unwrap_or(0)
    }

    fn sampling(&self) -> Sampling {
        Sampling::Weighted
    }

    fn fork(&self) -> Option<Arc<dyn Balance>> {
        Some(Arc::new(self.copied()))
    }
}

/// One step of smooth weighted round robin.
fn smooth<K: Copy + Eq + Hash>(
    credits: &mut HashMap<K, i64>,
    options: &[(K, u32)],
    rng: &Rng,
) -> Option<K> {
    // Whoever is alone is paid and charged the same.
    if let [(only, _)] = options {
        return Some(*only);
    }
    let weight = |weight: u32| i64::from(weight.max(1));
    let total: i64 = options.iter().map(|(_, share)| weight(*share)).sum();
    let paid = options.iter().map(|(key, share)| {
        let credit = credits.entry(*key).or_default();
        *credit += weight(*share);
        Reverse(*credit)
    });
    let (picked, _) = options.get(least(paid, rng))?;
    *credits.entry(*picked).or_default() -= total;
    Some(*picked)
}
