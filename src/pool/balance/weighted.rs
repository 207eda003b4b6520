//! Shares by weight.

use std::{
    cmp::Reverse,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Balance, Candidate, Rng, Sampling, least};
use crate::pool::table::Line;

/// Shares by weight: first among the vendors that have somebody free, then among that vendor's accounts. The default.
///
/// Smooth: with weights 3 and 1 the heavy one is never called more than three times in a row, and every four calls are
/// split exactly.
#[derive(Debug, Default)]
pub struct Weighted(Mutex<Credits>);

/// What everybody is owed. Each pick pays everybody their weight and charges the picked one for all.
#[derive(Clone, Debug, Default)]
struct Credits {
    /// By the vendor's place in the pool.
    vendors: Vec<i64>,
    /// By that, and the account's place there.
    accounts: Vec<Vec<i64>>,
}

/// An account's part of a pool.
#[derive(Clone, Copy, Debug)]
pub(in crate::pool) struct Share {
    vendor: usize,
    place: usize,
    vendor_weight: u32,
    weight: u32,
}

impl Share {
    pub(in crate::pool) const fn of(line: &Line) -> Self {
        Self {
            vendor: line.vendor,
            place: line.place,
            vendor_weight: line.vendor_weight,
            weight: line.weight,
        }
    }
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

    /// Which one of so many is next, as `share` tells of each.
    pub(in crate::pool) fn pick_nth(
        &self,
        count: usize,
        share: impl Fn(usize) -> Option<Share>,
        rng: &Rng,
    ) -> usize {
        let all = || (0..count).filter_map(|nth| Some((nth, share(nth)?)));
        let Some((_, first)) = all().next() else {
            return 0;
        };
        let mut credits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let vendor = if all().all(|(_, share)| share.vendor == first.vendor) {
            // Whoever is alone is paid and charged the same.
            first.vendor
        } else {
            // Each vendor stands for itself where it first comes.
            let is_first = |nth: usize, vendor: usize| {
                let mut before = (0..nth).rev().filter_map(&share);
                before.all(|other| other.vendor != vendor)
            };
            let vendors = all().filter(|(nth, share)| is_first(*nth, share.vendor));
            let vendors = vendors.map(|(nth, share)| (nth, share.vendor, share.vendor_weight));
            let picked = smooth(&mut credits.vendors, vendors, rng).and_then(&share);
            picked.map_or(first.vendor, |share| share.vendor)
        };
        let accounts = all().filter(|(_, share)| share.vendor == vendor);
        let accounts = accounts.map(|(nth, share)| (nth, share.place, share.weight));
        let credits = at(&mut credits.accounts, vendor);
        credits
            .and_then(|credits| smooth(credits, accounts, rng))
            .unwrap_or(0)
    }
}

impl Balance for Weighted {
    fn pick(&self, candidates: &[Candidate<'_>], rng: &Rng) -> usize {
        let share = |nth: usize| {
            let candidate: &Candidate<'_> = candidates.get(nth)?;
            Some(Share {
                vendor: candidate.vendor,
                place: candidate.place,
                vendor_weight: candidate.vendor_weight,
                weight: candidate.weight,
            })
        };
        self.pick_nth(candidates.len(), share, rng)
    }

    fn reads_minute(&self) -> bool {
        false
    }

    fn shares(&self) -> Option<&Weighted> {
        Some(self)
    }

    fn sampling(&self) -> Sampling {
        Sampling::Weighted
    }

    fn fork(&self) -> Option<Arc<dyn Balance>> {
        Some(Arc::new(self.copied()))
    }
}

/// One step of smooth weighted round robin. Of each it takes who it is, its place among the credits and its weight; says who is picked.
fn smooth(
    credits: &mut Vec<i64>,
    options: impl Iterator<Item = (usize, usize, u32)> + Clone,
    rng: &Rng,
) -> Option<usize> {
    let mut rest = options.clone();
    let (first, ..) = rest.next()?;
    // Whoever is alone is paid and charged the same.
    if rest.next().is_none() {
        return Some(first);
    }
    let mut total = 0;
    let paid = options.clone().map(|(_, place, weight)| {
        let weight = i64::from(weight.max(1));
        total += weight;
        let credit = at(credits, place);
        Reverse(credit.map_or(0, |credit| {
            *credit += weight;
            *credit
        }))
    });
    let nth = least(paid, rng);
    let (picked, place, _) = options.clone().nth(nth)?;
    if let Some(credit) = at(credits, place) {
        *credit -= total;
    }
    Some(picked)
}

/// The one of this place; the list grows as far as it must.
fn at<T: Clone + Default>(list: &mut Vec<T>, place: usize) -> Option<&mut T> {
    if place >= list.len() {
        list.resize(place + 1, T::default());
    }
    list.get_mut(place)
}
