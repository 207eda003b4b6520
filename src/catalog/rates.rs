//! What tokens cost.

use crate::chat::Usage;

/// What a million tokens cost, in millionths of a US dollar. None is unknown; zero is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rates {
    /// Input that is not from a cache.
    pub input: Option<u64>,
    /// Output, reasoning included.
    pub output: Option<u64>,
    /// Input read from a cache; as input unless known.
    pub cache_read: Option<u64>,
    /// Input written to a cache; as input unless known.
    pub cache_write: Option<u64>,
    /// Input written to a cache that keeps it for an hour or more; as the other unless known.
    pub cache_write_long: Option<u64>,
}

impl Rates {
    /// These for input and output, in millionths of a dollar for a million tokens.
    pub const fn new(input: u64, output: u64) -> Self {
        Self {
            input: Some(input),
            output: Some(output),
            cache_read: None,
            cache_write: None,
            cache_write_long: None,
        }
    }

    /// What a call cost, in millionths of a dollar, rounded up; none if a rate that it needs is unknown.
    ///
    /// ```
    /// use trunkline::{catalog::Rates, chat::Usage};
    ///
    /// let mut usage = Usage::default();
    /// usage.input = Some(1_000);
    /// usage.output = Some(100);
    /// assert_eq!(Rates::new(3_000_000, 15_000_000).cost(&usage), Some(4_500));
    /// ```
    pub fn cost(&self, usage: &Usage) -> Option<u64> {
        let written = usage.cache_write.unwrap_or_default();
        let long = usage.cache_write_long.unwrap_or_default().min(written);
        let write = self.cache_write.or(self.input);
        let parts = [
            (usage.input.unwrap_or_default(), self.input),
            (
                usage.cache_read.unwrap_or_default(),
                self.cache_read.or(self.input),
            ),
            (written.saturating_sub(long), write),
            (long, self.cache_write_long.or(write)),
            (usage.total_output().unwrap_or_default(), self.output),
        ];
        let mut sum: u128 = 0;
        for (tokens, rate) in parts {
            if tokens > 0 {
                // Both are 64 bits wide: the product fits, and so do five of them, saturated.
                sum = sum.saturating_add(u128::from(tokens) * u128::from(rate?));
            }
        }
        u64::try_from(sum.div_ceil(1_000_000)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_has_its_rate() {
        let mut rates = Rates::new(3_000_000, 15_000_000);
        let usage = Usage {
            input: Some(100),
            cache_read: Some(1_000),
            cache_write: Some(300),
            cache_write_long: Some(200),
            output: Some(10),
            reasoning: Some(10),
            ..Usage::default()
        };
        // Everything read at the price of input: 1,400 × 3 + 20 × 15.
        assert_eq!(rates.cost(&usage), Some(4_500));
        rates.cache_read = Some(300_000);
        rates.cache_write = Some(3_750_000);
        rates.cache_write_long = Some(6_000_000);
        assert_eq!(rates.cost(&usage), Some(300 + 300 + 375 + 1_200 + 300));
    }

    #[test]
    fn what_is_unknown_is_not_free() {
        let rates = Rates {
            output: None,
            ..Rates::new(1, 1)
        };
        let mut usage = Usage {
            input: Some(1),
            ..Usage::default()
        };
        assert_eq!(rates.cost(&usage), Some(1), "rounded up");
        usage.output = Some(1);
        assert_eq!(rates.cost(&usage), None);
        let most = Usage {
            input: Some(u64::MAX),
            ..Usage::default()
        };
        assert_eq!(Rates::new(u64::MAX, 0).cost(&most), None);
    }
}
