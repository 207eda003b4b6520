//! The lines of a large pool by what they cost.
//!
//! Lines that cost the same make a class; there are as many as there are prices, which is few. A call's own cost is worked out for at
//! most [`LOOKED_AT`] classes at a time, those first that are cheapest for most calls, so that picking never depends on the pool's size.

use std::collections::VecDeque;

use super::{
    roster::{Entry, Place, Reach, one_of},
    sums::Sums,
};
use crate::rng::Rng;

/// So many classes are put in order for a call at a time.
const LOOKED_AT: usize = 64;

/// A tier's lines class by class, the cheapest class first; in a class in the order of their windows.
#[derive(Clone, Debug)]
pub(super) struct Prices {
    pub(super) lines: Vec<usize>,
    /// Their windows; unknown is the largest.
    windows: Vec<u64>,
    /// Where each class begins, and at last where all ends.
    starts: Vec<usize>,
    /// Which lines can be drawn.
    counts: Sums,
    /// Which classes have such lines.
    live: Sums,
}

/// How far the search for a call has come.
#[derive(Debug, Default)]
pub(super) struct Cheap {
    pub(super) tier: usize,
    /// The first class that was not looked at.
    pub(super) next: usize,
    /// Those that were, the cheapest for this call first.
    pub(super) order: VecDeque<usize>,
}

impl Prices {
    pub(super) fn new(entries: &[Entry], lines: &[usize], classes: usize) -> Self {
        let key = |line: &usize| {
            let entry = entries.get(*line);
            entry.map(|e| (e.price_class, e.context_window.unwrap_or(u64::MAX), *line))
        };
        let mut lines = lines.to_vec();
        lines.sort_by_key(key);
        let class = |line: &usize| entries.get(*line).map_or(0, |entry| entry.price_class);
        let start = |number| lines.partition_point(|line| class(line) < number);
        let starts = (0..=classes).map(start).collect();
        let windows = lines.iter().filter_map(|line| entries.get(*line));
        let windows = windows.map(|entry| entry.context_window.unwrap_or(u64::MAX));
        Self {
            windows: windows.collect(),
            starts,
            counts: Sums::new(lines.len()),
            live: Sums::new(classes),
            lines,
        }
    }

    pub(super) fn set(&mut self, place: &Place, live: bool) {
        self.counts.set(place.rank, u64::from(live));
        let (start, end) = self.stretch(place.price_class);
        let any = self.counts.between(start, end) > 0;
        self.live.set(place.price_class, u64::from(any));
    }

    /// Classes that can be drawn from, from this one on.
    pub(super) fn live_from(&self, first: usize) -> Vec<usize> {
        let before = self.live.before(first);
        let next = |nth: usize| self.live.find(before + nth as u64);
        (0..LOOKED_AT).map_while(next).collect()
    }

    /// Any line of a class whose window is large enough.
    pub(super) fn draw(&self, class: usize, reach: Reach, rng: &Rng) -> Option<usize> {
        let (start, end) = self.stretch(class);
        let windows = self.windows.get(start..end)?;
        let below = |limit: u64| start + windows.partition_point(|window| *window < limit);
        let low = below(reach.least);
        let (low, high) = match reach.above {
            None => (low, end),
            Some(above) => (low.max(below(above.saturating_add(1))), below(u64::MAX)),
        };
        let rank = one_of(&self.counts, low, high, rng)?;
        self.lines.get(rank).copied()
    }

    fn stretch(&self, class: usize) -> (usize, usize) {
        let at = |class: usize| self.starts.get(class).copied().unwrap_or(0);
        (at(class), at(class + 1))
    }
}
