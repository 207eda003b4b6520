//! A small random number generator that tests can seed. Not for secrets.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::atomic::{AtomicU64, Ordering},
};

/// A source of randomness that tests can seed, shared by reference. Not for secrets.
///
/// SplitMix64 on a shared counter: every clone of a layer draws from the same sequence without a lock.
#[derive(Debug)]
pub struct Rng(AtomicU64);

impl Rng {
    /// The same seed gives the same sequence.
    pub const fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Seeded by the operating system.
    pub fn new() -> Self {
        Self::seeded(RandomState::new().hash_one(0_u8))
    }

    /// Another that will draw what this one would have drawn next.
    pub(crate) fn fork(&self) -> Self {
        Self::seeded(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn next(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if `n` is 0.
    pub fn below(&self, n: usize) -> usize {
        // The high half of the product: no bias worth mentioning for small `n`.
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// A share of 1, without 1 itself.
    pub(crate) fn fraction(&self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Default for Rng {
    fn default() -> Self {
        Self::new()
    }
}
