//! Sums over the last minute, or whatever time.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::cooldown::later;

/// What was begun in the last minute, or whatever time, in buckets so narrow that it is as good as exact, and so few that it stays
/// small.
#[derive(Clone, Debug)]
pub(super) struct Window {
    length: Duration,
    buckets: VecDeque<Bucket>,
    total: u64,
    /// Nothing leaves before this; none if there is nothing.
    due: Option<Instant>,
    /// Until then it is the newest bucket that is filled.
    fills: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Bucket {
    first: Instant,
    last: Instant,
    amount: u64,
}

impl Window {
    /// How many buckets fill it, about.
    const BUCKETS: u32 = 600;

    /// Of the last `length`.
    pub(super) const fn new(length: Duration) -> Self {
        Self {
            length,
            buckets: VecDeque::new(),
            total: 0,
            due: None,
            fills: None,
        }
    }

    /// The sum.
    pub(super) fn total(&mut self, now: Instant) -> u64 {
        if self.due.is_none_or(|due| now < due) {
            return self.total;
        }
        while let Some(oldest) = self.buckets.front() {
            // A bucket leaves with its youngest entry: never too early.
            if now.saturating_duration_since(oldest.last) < self.length {
                break;
            }
            self.total = self.total.saturating_sub(oldest.amount);
            self.buckets.pop_front();
        }
        self.due = self.next();
        self.total
    }

    /// Counts `amount` now.
    pub(super) fn add(&mut self, amount: u64, now: Instant) {
        self.total = self.total.saturating_add(amount);
        match self.buckets.back_mut() {
            Some(bucket) if self.fills.is_some_and(|fills| now < fills) => {
                bucket.amount = bucket.amount.saturating_add(amount);
                bucket.last = bucket.last.max(now);
            }
            _ => {
                self.fills = Some(later(now, self.length / Self::BUCKETS));
                self.due.get_or_insert_with(|| later(now, self.length));
                self.buckets.push_back(Bucket {
                    first: now,
                    last: now,
                    amount,
                });
            }
        }
    }

    /// Counts more of what began at `at`, if that still counts.
    pub(super) fn add_at(&mut self, amount: u64, at: Instant) {
        let counted = |bucket: &&mut Bucket| bucket.first <= at && at <= bucket.last;
        if let Some(bucket) = self.buckets.iter_mut().rev().find(counted) {
            bucket.amount = bucket.amount.saturating_add(amount);
            self.total = self.total.saturating_add(amount);
        }
    }

    /// Takes back what was counted at `at`, if it still counts.
    pub(super) fn take_back(&mut self, amount: u64, at: Instant) {
        let counted = |bucket: &&mut Bucket| bucket.first <= at && at <= bucket.last;
        if let Some(bucket) = self.buckets.iter_mut().rev().find(counted) {
            let amount = amount.min(bucket.amount);
            bucket.amount -= amount;
            self.total = self.total.saturating_sub(amount);
        }
    }

    /// When the oldest leaves; none if there is nothing.
    pub(super) fn next(&self) -> Option<Instant> {
        let oldest = self.buckets.front()?;
        Some(later(oldest.last, self.length))
    }

    /// When there is room for `amount` more under `limit`; none if there is now. An empty window takes any amount: what is larger
    /// than the limit would never get its turn otherwise.
    pub(super) fn room_at(&mut self, amount: u64, limit: u64, now: Instant) -> Option<Instant> {
        let total = self.total(now);
        if total == 0 {
            return None;
        }
        let excess = total
            .saturating_add(amount)
            .checked_sub(limit)
            .filter(|excess| *excess > 0)?
            .min(total);
        let mut freed = 0_u64;
        let bucket = self.buckets.iter().find(|bucket| {
            freed = freed.saturating_add(bucket.amount);
            freed >= excess
        })?;
        Some(later(bucket.last, self.length))
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::new(Duration::from_secs(60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn room_comes_back_as_entries_grow_a_minute_old() {
        let start = Instant::now();
        let mut window = Window::default();
        window.add(3, start);
        window.add(4, start + secs(10));
        assert_eq!(window.room_at(3, 10, start + secs(10)), None);
        assert_eq!(
            window.room_at(4, 10, start + secs(10)),
            Some(start + secs(60))
        );
        assert_eq!(
            window.room_at(9, 10, start + secs(10)),
            Some(start + secs(70))
        );
        assert_eq!(window.total(start + secs(59)), 7);
        assert_eq!(window.total(start + secs(60)), 4);
        assert_eq!(
            window.room_at(99, 10, start + secs(60)),
            Some(start + secs(70))
        );
        assert_eq!(
            window.room_at(99, 10, start + secs(70)),
            None,
            "an empty window takes anything"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_taken_back_no_longer_counts() {
        let start = Instant::now();
        let mut window = Window::default();
        window.add(5, start);
        window.add(5, start + secs(1));
        window.take_back(3, start);
        assert_eq!(window.total(start + secs(1)), 7);
        window.take_back(99, start + secs(1));
        assert_eq!(
            window.total(start + secs(1)),
            2,
            "no more than was counted there"
        );
        assert_eq!(window.total(start + secs(61)), 0);
        window.take_back(3, start);
        assert_eq!(window.total(start + secs(61)), 0, "it had left already");
    }

    #[tokio::test(start_paused = true)]
    async fn heavy_traffic_stays_small() {
        let start = Instant::now();
        let mut window = Window::default();
        for i in 0..120_000 {
            let now = start + Duration::from_millis(i);
            window.total(now);
            window.add(1, now);
        }
        assert!(window.buckets.len() <= 602, "{}", window.buckets.len());
        let total = window.total(start + secs(120));
        assert!((59_900..=60_100).contains(&total), "{total}");
    }
}
