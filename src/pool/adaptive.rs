//! How many calls at once an account can bear, found out by trying.
//!
//! The limit grows by one for about as many good answers as it has places, if all places were taken: otherwise nothing was learned.
//! Before the first setback it grows by one with each. It shrinks by a part when the vendor pushes back, or when the first content
//! takes many times as long as it can; once for all calls that had been begun before it last shrank, for they tell the same. Near
//! where it shrank last it grows slowly, so that it seldom runs into the same wall.

use std::time::Duration;

use tokio::time::Instant;

/// The limit of one account.
#[derive(Clone, Debug)]
pub(super) struct Adaptive {
    limit: f64,
    /// When all places were taken last.
    full: Option<Instant>,
    /// When it shrank last.
    shrunk: Option<Instant>,
    /// Where it shrank last.
    wall: Option<f64>,
    pace: Pace,
}

impl Adaptive {
    /// Where it begins.
    const FIRST: f64 = 8.0;
    /// What is left after a setback.
    const LEFT: f64 = 0.85;
    /// How fast it grows near the wall.
    const SLOW: f64 = 0.25;

    pub(super) fn new() -> Self {
        Self {
            limit: Self::FIRST,
            full: None,
            shrunk: None,
            wall: None,
            pace: Pace::default(),
        }
    }

    /// How many calls at once, under this ceiling; at least one.
    pub(super) fn limit(&self, ceiling: Option<u32>) -> u32 {
        (self.limit as u32).min(ceiling.unwrap_or(u32::MAX)).max(1)
    }

    /// A call began, and `in_flight` are under way now.
    pub(super) fn began(&mut self, in_flight: u32, ceiling: Option<u32>, now: Instant) {
        if in_flight >= self.limit(ceiling) {
            self.full = Some(now);
        }
    }

    /// A call that began at `at` has its first content.
    pub(super) fn succeeded(&mut self, ceiling: Option<u32>, at: Instant, now: Instant) {
        let slow = self.pace.add(now.saturating_duration_since(at), now);
        if self.knows(at) {
            return;
        }
        // Were all places taken while it was under way?
        let full = self.full.is_some_and(|full| full >= at);
        if slow && full {
            self.shrink(now);
            self.pace.restart();
            return;
        }
        if !full {
            return;
        }
        self.limit += match self.wall {
            _ if self.shrunk.is_none() => 1.0,
            Some(wall) if self.limit >= wall - 1.0 && self.limit < wall + 1.0 => {
                Self::SLOW / self.limit
            }
            _ => 1.0 / self.limit,
        };
        // What lies beyond the ceiling cannot be tried.
        let ceiling = ceiling.map_or(f64::MAX, f64::from).max(1.0);
        self.limit = self.limit.min(ceiling);
    }

    /// The vendor pushed back. True if that was a matter of how many calls there were at once: then it is dealt with here.
    pub(super) fn pushed_back(&mut self, at: Instant, now: Instant) -> bool {
        if self.knows(at) {
            return true;
        }
        let could = self.limit >= 2.0;
        self.shrink(now);
        could
    }

    /// Was it begun before the limit shrank last?
    fn knows(&self, at: Instant) -> bool {
        self.shrunk.is_some_and(|shrunk| at < shrunk)
    }

    fn shrink(&mut self, now: Instant) {
        self.wall = Some(self.limit);
        self.limit = (self.limit * Self::LEFT).max(1.0);
        self.shrunk = Some(now);
    }
}

/// How long the first content takes, and how long it takes at best.
#[derive(Clone, Debug, Default)]
struct Pace {
    average: f64,
    samples: u32,
    /// The least of this span of time.
    least: Option<f64>,
    /// The least of the one before.
    before: Option<f64>,
    since: Option<Instant>,
}

impl Pace {
    /// So many times the least is too long, if it is longer by a second at least: prompts differ.
    const FAR: f64 = 5.0;
    const LEEWAY: f64 = 1.0;
    /// So few say nothing.
    const ENOUGH: u32 = 20;
    /// How much the latest counts.
    const LATEST: f64 = 0.1;
    /// For how long a least time is remembered, at least.
    const SPAN: Duration = Duration::from_secs(300);

    /// Has it become far too slow?
    fn add(&mut self, took: Duration, now: Instant) -> bool {
        let seconds = took.as_secs_f64();
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= Self::SPAN {
            self.since = Some(now);
            self.before = self.least.take();
        }
        let least = self.least.map_or(seconds, |least| least.min(seconds));
        self.least = Some(least);
        self.average = match self.samples {
            0 => seconds,
            _ => self.average + (seconds - self.average) * Self::LATEST,
        };
        self.samples = self.samples.saturating_add(1);
        let floor = self.before.map_or(least, |before| before.min(least));
        self.samples >= Self::ENOUGH
            && self.average > floor * Self::FAR
            && self.average > floor + Self::LEEWAY
    }

    /// What was slow was slow under the old limit.
    fn restart(&mut self) {
        self.samples = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_setback_is_one_however_many_calls_tell_of_it() {
        let begun = Instant::now();
        let mut limit = Adaptive::new();
        tokio::time::advance(Duration::from_secs(1)).await;
        let now = Instant::now();
        for _ in 0..8 {
            assert!(limit.pushed_back(begun, now));
        }
        assert_eq!(limit.limit(None), 6);
        limit.began(8, None, now);
        limit.succeeded(None, begun, now);
        assert_eq!(limit.limit, 8.0 * 0.85, "from before, too");
        for _ in 0..40 {
            limit.pushed_back(now, now);
        }
        assert_eq!(limit.limit(None), 1, "never less");
        assert!(
            !limit.pushed_back(now, now),
            "a single call is not too many"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn it_grows_where_it_was_the_limit_and_not_beyond_the_ceiling() {
        let now = Instant::now();
        let mut limit = Adaptive::new();
        for _ in 0..100 {
            limit.began(7, None, now);
            limit.succeeded(None, now, now);
        }
        assert_eq!(limit.limit(None), 8);
        let ceiling = Some(12);
        for _ in 0..100 {
            limit.began(12, ceiling, now);
            limit.succeeded(ceiling, now, now);
        }
        assert_eq!((limit.limit(ceiling), limit.limit(Some(5))), (12, 5));
        assert_eq!(limit.limit(Some(0)), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn it_shrinks_when_first_contents_take_far_too_long() {
        let mut limit = Adaptive::new();
        let mut at = Instant::now();
        let mut serve = async |limit: &mut Adaptive, ms: u64| {
            let before = at;
            limit.began(1_000, None, before);
            tokio::time::advance(Duration::from_millis(ms)).await;
            at = Instant::now();
            limit.succeeded(None, before, at);
        };
        for _ in 0..30 {
            serve(&mut limit, 400).await;
        }
        let fast = limit.limit;
        for _ in 0..60 {
            serve(&mut limit, 4_000).await;
        }
        assert!(limit.limit < fast * 0.9, "{} of {fast}", limit.limit);
        let slow = limit.limit;
        for _ in 0..600 {
            serve(&mut limit, 400).await;
        }
        assert!(limit.limit > slow + 3.0);
    }
}
