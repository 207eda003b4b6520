//! How long something took, over many calls.

use std::time::Duration;

use serde::Serialize;

/// Upper ends of the buckets, in milliseconds. What took longer than the last counts in none.
const ENDS: [u64; 24] = [
    10, 20, 35, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000,
    5_000, 7_500, 10_000, 15_000, 30_000, 60_000, 120_000,
];

/// How long something took.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Timing {
    /// How often it was measured.
    pub count: u64,
    /// All times together, in milliseconds.
    pub sum_ms: u64,
    /// Their mean, in milliseconds; none if there are none.
    pub mean_ms: Option<u64>,
    /// Half took no longer, in milliseconds: as exact as the buckets are narrow.
    pub p50_ms: Option<u64>,
    /// 95 in 100 took no longer.
    pub p95_ms: Option<u64>,
    /// How many took at most so many milliseconds, each with all that were faster.
    pub buckets: Vec<(u64, u64)>,
}

/// Counts times in buckets.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    counts: [u64; ENDS.len()],
    count: u64,
    sum_ms: u64,
    longest_ms: u64,
}

impl Histogram {
    pub(super) fn add(&mut self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let bucket = ENDS.partition_point(|end| *end < ms);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
        self.sum_ms = self.sum_ms.saturating_add(ms);
        self.longest_ms = self.longest_ms.max(ms);
    }

    pub(super) fn timing(&self) -> Timing {
        let mut sum = 0;
        let buckets = ENDS.iter().zip(&self.counts).map(|(end, count)| {
            sum += count;
            (*end, sum)
        });
        Timing {
            count: self.count,
            sum_ms: self.sum_ms,
            mean_ms: self.sum_ms.checked_div(self.count),
            p50_ms: self.quantile(50),
            p95_ms: self.quantile(95),
            buckets: buckets.collect(),
        }
    }

    /// Within a bucket times are taken to be spread evenly.
    fn quantile(&self, percent: u64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let rank = (self.count * percent).div_ceil(100);
        let (mut below, mut start) = (0, 0);
        for (end, count) in ENDS.iter().zip(&self.counts) {
            if below + count >= rank {
                let inside = (end - start) * (rank - below);
                return Some((start + inside.div_ceil(*count)).min(self.longest_ms));
            }
            (below, start) = (below + count, *end);
        }
        Some(self.longest_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_as_exact_as_the_buckets() {
        let mut times = Histogram::default();
        assert_eq!(times.timing().p50_ms, None);
        for ms in 1..=1_000 {
            times.add(Duration::from_millis(ms));
        }
        let timing = times.timing();
        assert_eq!((timing.count, timing.mean_ms), (1_000, Some(500)));
        assert_eq!((timing.p50_ms, timing.p95_ms), (Some(500), Some(950)));
        assert_eq!(timing.buckets[3], (50, 50));
        times.add(Duration::from_secs(500));
        assert_eq!(times.timing().buckets.last(), Some(&(120_000, 1_000)));
        let mut one = Histogram::default();
        one.add(Duration::from_secs(500));
        assert_eq!(one.timing().p95_ms, Some(500_000));
        one = Histogram::default();
        one.add(Duration::from_millis(12));
        assert_eq!(one.timing().p50_ms, Some(12), "no longer than the longest");
    }
}
