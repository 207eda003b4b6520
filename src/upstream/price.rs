//! What tokens cost.

use crate::chat::Usage;

/// What a model costs at a vendor, in millionths of a US dollar for a million tokens: 3 $ is 3,000,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Price {
    /// Input that no cache had a part in.
    pub input: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// Input read from a cache; none if it costs what all input does.
    pub cache_read: Option<u64>,
    /// Input written to a cache; none if it costs what all input does.
    pub cache_write: Option<u64>,
    /// Input written to a cache that keeps it for an hour or more; none if it costs what [`cache_write`](Self::cache_write) does.
    pub cache_write_long: Option<u64>,
}

impl Price {
    /// So much for input and output.
    pub const fn new(input: u64, output: u64) -> Self {
        Self {
            input,
            output,
            cache_read: None,
            cache_write: None,
            cache_write_long: None,
        }
    }

    /// What input read from a cache costs.
    #[must_use]
    pub const fn with_cache_read(mut self, price: u64) -> Self {
        self.cache_read = Some(price);
        self
    }

    /// What input written to a cache costs.
    #[must_use]
    pub const fn with_cache_write(mut self, price: u64) -> Self {
        self.cache_write = Some(price);
        self
    }

    /// What input written to a cache costs that keeps it for an hour or more.
    #[must_use]
    pub const fn with_cache_write_long(mut self, price: u64) -> Self {
        self.cache_write_long = Some(price);
        self
    }

    /// What a call cost, in millionths of a dollar: the whole sum is rounded up, once, so that no call that cost something is free.
    /// Input counts by what a cache did with it, reasoning counts as output, and what the vendor did not tell counts as nothing.
    pub fn cost(&self, usage: &Usage) -> u64 {
        let write = self.cache_write.unwrap_or(self.input);
        // It is a part of what was written.
        let long = usage.cache_write_long.unwrap_or(0);
        let long = long.min(usage.cache_write.unwrap_or(0));
        let short = usage.cache_write.map(|all| all.saturating_sub(long));
        bill([
            (usage.input, self.input),
            (usage.cache_read, self.cache_read.unwrap_or(self.input)),
            (short, write),
            (Some(long), self.cache_write_long.unwrap_or(write)),
            (usage.total_output(), self.output),
        ])
    }

    /// What so many tokens cost, in millionths of a dollar, rounded up, if no cache helps.
    pub fn estimate(&self, input: u64, output: u64) -> u64 {
        bill([(Some(input), self.input), (Some(output), self.output)])
    }

    /// The same, not rounded: to compare by.
    pub(crate) fn exact(&self, input: u64, output: u64) -> u128 {
        sum([(Some(input), self.input), (Some(output), self.output)])
    }
}

fn bill<const N: usize>(items: [(Option<u64>, u64); N]) -> u64 {
    u64::try_from(sum(items).div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn sum<const N: usize>(items: [(Option<u64>, u64); N]) -> u128 {
    items.into_iter().fold(0_u128, |sum, (tokens, price)| {
        sum.saturating_add(u128::from(tokens.unwrap_or(0)) * u128::from(price))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_token_has_its_price_and_the_sum_is_rounded_once() {
        let price = Price::new(3_000_000, 15_000_000)
            .with_cache_read(300_000)
            .with_cache_write(3_750_000);
        let usage = Usage {
            input: Some(1_000),
            cache_read: Some(10_000),
            cache_write: Some(100),
            output: Some(10),
            reasoning: Some(10),
            ..Usage::default()
        };
        assert_eq!(price.cost(&usage), 3_000 + 3_000 + 375 + 300);
        assert_eq!(price.estimate(1_000, 20), 3_300);
        let long = Usage {
            cache_write: Some(100),
            cache_write_long: Some(40),
            ..Usage::default()
        };
        assert_eq!(price.cost(&long), 375, "no price of its own");
        assert_eq!(
            price.with_cache_write_long(6_000_000).cost(&long),
            225 + 240
        );
        let cheap = Price::new(37_500, 150_000);
        let one = Usage {
            input: Some(1),
            cache_read: Some(1),
            output: Some(1),
            ..Usage::default()
        };
        assert_eq!(cheap.cost(&one), 1, "0.225 is not nothing");
        assert_eq!(cheap.cost(&Usage::default()), 0);
        let dear = Price::new(u64::MAX, u64::MAX);
        assert_eq!(dear.estimate(u64::MAX, u64::MAX), u64::MAX);
    }
}
