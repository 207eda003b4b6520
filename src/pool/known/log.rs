//! What was begun when.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// What was begun when, as a sum.
#[derive(Clone, Debug)]
pub(super) struct Log {
    /// The sum before the first.
    pub(super) base: i64,
    /// When, and the sum then.
    sums: VecDeque<(Instant, i64)>,
    /// How much more the vendor counted than was begun.
    more: i64,
}

impl Log {
    /// What is begun so close together is one.
    const CLOSE: Duration = Duration::from_millis(20);
    /// For as long the order matters in which calls come to the vendor.
    pub(super) const LATELY: Duration = Duration::from_secs(10);

    pub(super) const fn new(base: u64) -> Self {
        Self {
            base: signed(base),
            sums: VecDeque::new(),
            more: 0,
        }
    }

    /// `begun` is all that was. What is older than `kept` is forgotten.
    pub(super) fn add(&mut self, begun: u64, kept: Duration, now: Instant) {
        let sum = self.counted(begun);
        while let Some((at, oldest)) = self.sums.front() {
            if now.saturating_duration_since(*at) < kept {
                break;
            }
            self.base = *oldest;
            self.sums.pop_front();
        }
        let len = self.sums.len();
        // An entry stands for its youngest call: nothing is back too early.
        if let Some(before) = len.checked_sub(2).and_then(|index| self.sums.get(index))
            && now.saturating_duration_since(before.0) < Self::CLOSE
        {
            self.sums.pop_back();
        }
        self.sums.push_back((now, sum));
    }

    /// What was begun at `at` was so much more.
    pub(super) fn adjust(&mut self, more: i64, at: Instant) {
        self.more = self.more.saturating_add(more);
        let mut sums = self.sums.iter_mut().rev();
        let is_later = |entry: &&mut (Instant, i64)| entry.0 >= at;
        for (_, sum) in sums.by_ref().take_while(is_later) {
            *sum = sum.saturating_add(more);
        }
        if self.sums.front().is_none_or(|(first, _)| *first > at) {
            self.base = self.base.saturating_add(more);
        }
    }

    /// How much was counted of all that was begun.
    pub(super) const fn counted(&self, begun: u64) -> i64 {
        signed(begun).saturating_add(self.more)
    }

    /// What was counted by `at`.
    pub(super) fn until(&self, at: Option<Instant>) -> i64 {
        let index = at.map_or(0, |at| self.sums.partition_point(|(begun, _)| *begun <= at));
        let before = index.checked_sub(1).and_then(|index| self.sums.get(index));
        before.map_or(self.base, |(_, sum)| *sum)
    }

    /// When so much was counted. What was taken back since makes no difference that matters.
    pub(super) fn reaches(&self, sum: i64) -> Option<Instant> {
        let index = self.sums.partition_point(|(_, reached)| *reached < sum);
        self.sums.get(index).map(|(at, _)| *at)
    }

    pub(super) fn last(&self) -> Option<Instant> {
        self.sums.back().map(|(at, _)| *at)
    }

    pub(super) fn before_last(&self) -> i64 {
        let before = self.sums.len().checked_sub(2);
        let before = before.and_then(|index| self.sums.get(index));
        before.map_or(self.base, |(_, sum)| *sum)
    }
}

pub(super) const fn signed(amount: u64) -> i64 {
    if amount > i64::MAX as u64 {
        return i64::MAX;
    }
    amount as i64
}
