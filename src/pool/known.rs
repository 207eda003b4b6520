//! One window of a vendor's, carried on from what it last told.
//!
//! Vendors do not say how theirs come back. A *bucket* shows in its figures ([`RateWindow::refill`]). Of the others it is found out at
//! the first reset: either *whole*, all of it at once, or in *pieces*, each call's share when that call is a minute old. Until then it
//! is taken to come back whole.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::cooldown::later;
use crate::dialect::{RateWindow, Resource};

/// A window.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) resource: Resource,
    /// As it was told.
    pub(super) window: RateWindow,
    /// What was begun before the call that told of it.
    pub(super) requests_before: u64,
    /// What is left of it, less what was begun since. Where it is [counted](Self::is_counted): what the vendor has left more than our
    /// own count says, which is less than nothing if others use it too.
    left: f64,
    /// As of when.
    at: Instant,
    /// When it was told of.
    told: Instant,
    /// The longest time to its reset so far: it is at least as long as that.
    length: Duration,
    shape: Shape,
    /// What was begun lately.
    log: Log,
    /// What had been counted when this window began, or was first told of.
    mark: i64,
    /// What began before this is in the mark.
    since: Instant,
    /// Where it began anew without the vendor having said so.
    turn: Option<Turn>,
    /// Does the vendor count down to the reset when it answers, and not when it is asked?
    counts_late: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Unknown,
    Whole,
    Pieces,
}

/// A window was over, and calls began.
#[derive(Clone, Copy, Debug)]
struct Turn {
    at: Instant,
    /// What was begun before.
    begun: u64,
    /// What was left of the last one.
    left: f64,
    /// When the last one ended.
    ended: Instant,
    /// Has nothing been told since?
    guess: bool,
}

/// What a vendor told with the answer to a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) resource: Resource,
    pub(super) window: RateWindow,
    /// What was begun before that call, in requests.
    pub(super) requests_before: u64,
    /// What was begun before that call.
    pub(super) before: u64,
    /// What that call takes.
    pub(super) amount: u64,
    /// What was begun up to now.
    pub(super) begun: u64,
    /// When that call began.
    pub(super) sent: Instant,
    /// When its answer came.
    pub(super) read: Instant,
}

impl Report {
    /// What was begun up to that call, and by it.
    const fn up_to(&self) -> u64 {
        self.before.saturating_add(self.amount)
    }

    /// The figures may be as old as this.
    fn age(&self) -> Duration {
        self.read.saturating_duration_since(self.sent)
    }

    /// Calls overtake each other on their way by about so much.
    fn grace(&self) -> Duration {
        self.age().min(Known::GRACE)
    }

    /// Of all that was begun, the least and the most that the vendor had counted when it told.
    fn counted(&self, log: &Log) -> (i64, i64) {
        if self.age().is_zero() {
            let counted = log.counted(self.up_to());
            return (counted, counted);
        }
        let before = log.until(self.sent.checked_sub(self.grace()));
        let by_then = log.until(Some(later(self.sent, self.grace())));
        (
            before.saturating_add(signed(self.amount)).min(by_then),
            by_then,
        )
    }
}

impl Known {
    /// What vendors have, where they do not say when it begins anew.
    const MINUTE: Duration = Duration::from_secs(60);
    /// Longer ones are not followed piece by piece.
    const LONG: Duration = Duration::from_secs(120);
    /// How long calls are under way, more or less.
    const GRACE: Duration = Duration::from_millis(50);
    /// Resets are told in seconds by some.
    const ROUNDED: Duration = Duration::from_secs(2);

    pub(super) fn new(report: &Report, now: Instant) -> Self {
        let mut known = Self {
            resource: report.resource,
            window: report.window,
            requests_before: report.requests_before,
            left: 0.0,
            at: now,
            told: now,
            length: Duration::ZERO,
            shape: Shape::Unknown,
            log: Log::new(report.begun),
            mark: signed(report.begun),
            since: later(now, Duration::from_nanos(1)),
            turn: None,
            counts_late: false,
        };
        known.set(report, None, now);
        known
    }

    /// Is it told of again?
    pub(super) fn is(&self, resource: Resource, window: &RateWindow) -> bool {
        let key = |w: &RateWindow| (w.per, w.scope, w.family);
        self.resource == resource && key(&self.window) == key(window)
    }

    /// Is anything known of it still?
    pub(super) fn is_open(&self, now: Instant) -> bool {
        let end = match (self.window.refill, self.window.reset) {
            (Some(refill), _) => later(self.at, refill),
            (None, _) if self.is_in_pieces() => later(self.told, self.span()),
            (None, Some(reset)) => reset,
            (None, None) => later(
                self.told,
                self.window.per.unwrap_or(Self::MINUTE).min(Self::MINUTE),
            ),
        };
        end > now
    }

    /// `amount` is begun, after `before`.
    pub(super) fn begin(&mut self, before: u64, amount: u64, now: Instant) {
        let kept = match self.shape {
            Shape::Whole => Log::LATELY,
            _ if self.window.refill.is_some() => Log::LATELY,
            _ => 2 * self.span().min(Self::LONG),
        };
        self.log.add(before.saturating_add(amount), kept, now);
        if self.is_counted() {
            self.roll(before, now);
            return;
        }
        self.left = self.level(before, now) - amount as f64;
        self.at = now;
    }

    /// What was begun at `at` turned out to be so much more, or less.
    pub(super) fn settle(&mut self, more: i64, at: Instant) {
        self.log.adjust(more, at);
        if at < self.since {
            self.mark = self.mark.saturating_add(more);
        }
    }

    /// `amount` was begun at `at`, but the vendor did not count it.
    pub(super) fn undo(&mut self, amount: u64, at: Instant) {
        self.log.adjust(-signed(amount), at);
        if self.turn.is_some_and(|turn| at < turn.at) {
            self.mark = self.mark.saturating_sub(signed(amount));
        }
        if !self.is_counted() {
            self.left += amount as f64;
        }
    }

    /// The vendor told of it again.
    pub(super) fn told(&mut self, report: &Report, now: Instant) {
        // An older call's figures are older, unless they say that nothing is left; those of the window before say nothing of this one.
        let older = self.requests_before > report.requests_before;
        if older && self.is_open(now) && (report.window.remaining > 0 || self.is_in_pieces()) {
            return;
        }
        if self.turn.is_some_and(|turn| report.sent < turn.at) {
            return;
        }
        self.learn(report, now);
        let known = match self.is_counted() {
            true => self.left,
            false => self.level(report.begun, now),
        };
        self.set(report, Some(known), now);
    }

    /// What is left now; less than nothing if more was begun than there was. `begun` is all that was.
    pub(super) fn level(&self, begun: u64, now: Instant) -> f64 {
        let Some(limit) = self.window.limit.map(|limit| limit as f64) else {
            return self.left;
        };
        if let Some(rate) = self.rate() {
            let passed = now.saturating_duration_since(self.at).as_secs_f64();
            return (self.left + passed * rate).min(limit);
        }
        if !self.is_in_pieces() && self.window.reset.is_some_and(|reset| reset <= now) {
            return limit;
        }
        limit + self.left - (self.log.counted(begun) - self.gone(now)) as f64
    }

    /// When there is so much of it; none if there is now, or if nobody knows.
    pub(super) fn reaches(&self, need: f64, begun: u64, now: Instant) -> Option<Instant> {
        // Sums of fractions are not exact.
        const SLACK: f64 = 1e-6;
        let missing = need - self.level(begun, now);
        if missing <= SLACK {
            return None;
        }
        if self.is_in_pieces() {
            let back = self.gone(now).saturating_add(missing.ceil() as i64);
            let back = self.log.reaches(back);
            let back = back.map(|at| later(at, self.span() + Self::GRACE));
            if self.left >= 0.0 {
                return Some(back.unwrap_or_else(|| later(now, self.span())));
            }
            // Others take of it too. When the vendor said that something is back, one call may find out.
            let reset = self.window.reset.unwrap_or(now);
            if reset <= now && self.log.last().is_none_or(|last| last < reset) {
                return None;
            }
            let known = back.into_iter().chain((reset > now).then_some(reset)).min();
            return Some(known.unwrap_or_else(|| later(self.told, self.span())));
        }
        match self.rate() {
            Some(rate) => {
                let wait = Duration::try_from_secs_f64(missing / rate).unwrap_or(Duration::MAX);
                // Never a moment too early.
                Some(later(now, wait.saturating_add(Duration::from_millis(1))))
            }
            None => self.window.reset.or_else(|| {
                let per = self.window.per.filter(|per| *per <= Self::MINUTE)?;
                Some(later(self.told, per))
            }),
        }
    }

    /// When all of it is there again.
    pub(super) fn full_at(&self, begun: u64, now: Instant) -> Option<Instant> {
        match self.window.limit {
            Some(limit) if self.rate().is_some() => {
                Some(self.reaches(limit as f64, begun, now).unwrap_or(now))
            }
            _ => self.window.reset,
        }
    }

    /// If all of it is lost at once: when, and how long it is at least.
    pub(super) fn ends(&self) -> Option<(Instant, Duration)> {
        if self.window.refill.is_some() || self.is_in_pieces() {
            return None;
        }
        let length = self.length.max(self.window.per.unwrap_or_default());
        Some((self.window.reset?, length))
    }

    /// Is it known so well that a limit of `limit` a minute, declared for the same, need not be counted here too?
    pub(super) fn stands_for(&self, resource: Resource, limit: u64, now: Instant) -> bool {
        let (refill, per) = (self.window.refill, self.window.per);
        let lasts = |length: Option<Duration>| length.is_none_or(|length| length >= Self::MINUTE);
        let is_known = refill.is_some() || self.shape == Shape::Whole;
        self.resource == resource
            && self.window.limit == Some(limit)
            && is_known
            && lasts(refill)
            && lasts(per)
            && self.is_fresh(now)
    }

    /// Was it told of lately?
    fn is_fresh(&self, now: Instant) -> bool {
        const LATELY: Duration = Duration::from_secs(600);
        later(self.told, LATELY) > now
    }

    /// A new one begins if this one is over.
    fn roll(&mut self, begun: u64, now: Instant) {
        let (Some(limit), Some(reset)) = (self.window.limit, self.window.reset) else {
            return;
        };
        if self.is_in_pieces() || reset > now || self.length.is_zero() {
            return;
        }
        let (left, mark) = (self.left_at_end(limit), self.log.counted(begun));
        self.turn = Some(Turn {
            at: now,
            begun,
            left,
            ended: reset,
            guess: true,
        });
        (self.left, self.mark, self.since) = (0.0, mark, now);
        self.window.reset = Some(later(now, self.length));
    }

    /// What was left when it was over: the call that begins now is counted already, but not in it.
    fn left_at_end(&self, limit: u64) -> f64 {
        let before = self
            .log
            .last()
            .map_or(self.mark, |_| self.log.before_last());
        limit as f64 + self.left - (before - self.mark) as f64
    }

    /// What it says of how the window comes back.
    fn learn(&mut self, report: &Report, now: Instant) {
        let Some(limit) = report
            .window
            .limit
            .filter(|_| report.window.refill.is_none())
        else {
            return;
        };
        let (half, quarter) = (limit as f64 / 2.0, limit as f64 / 4.0);
        let remaining = report.window.remaining as f64;
        let old = self.window.reset;
        match (self.shape, self.turn) {
            (Shape::Pieces, _) => {
                let limit = limit as f64;
                let before = self.level(report.begun, now);
                let over = old.is_some_and(|old| old <= report.sent);
                if over && before <= quarter && remaining >= limit - quarter {
                    self.shape = Shape::Whole;
                    self.turn = None;
                    let begun = report.sent.checked_sub(report.grace());
                    self.mark = self.log.until(begun);
                    self.since = begun.unwrap_or(now);
                }
            }
            (Shape::Unknown, Some(turn)) => {
                if report.before < turn.begun || turn.left > half {
                    return;
                }
                let expected = limit.saturating_sub(report.up_to() - turn.begun) as f64;
                let at_least = limit.saturating_sub(report.begun - turn.begun) as f64;
                let again = report
                    .window
                    .reset
                    .is_some_and(|reset| reset <= later(turn.ended, Self::ROUNDED));
                if remaining + 1.0 >= expected * 0.9 {
                    self.shape = Shape::Whole;
                } else if again && turn.guess && !self.counts_late {
                    // It was not over yet.
                    self.counts_late = true;
                } else if remaining + quarter <= at_least {
                    self.in_pieces();
                }
            }
            _ => {
                let moved = old.zip(report.window.reset).is_some_and(|(old, new)| {
                    old > later(report.read, Self::ROUNDED)
                        && new > later(later(old, report.age()), Self::ROUNDED)
                });
                if moved {
                    self.in_pieces();
                }
            }
        }
    }

    fn in_pieces(&mut self) {
        if self.span() <= Self::LONG {
            self.shape = Shape::Pieces;
            self.turn = None;
            self.left = 0.0;
        }
    }

    /// From now on it is as it was told. What was known of it so far stands if it may be true.
    fn set(&mut self, report: &Report, known: Option<f64>, now: Instant) {
        let (old, guess) = (self.window.reset, self.turn.is_some_and(|turn| turn.guess));
        self.window = report.window;
        self.requests_before = report.requests_before;
        (self.at, self.told) = (now, now);
        if let Some(turn) = &mut self.turn {
            turn.guess = false;
        }
        let left_to_reset = report
            .window
            .reset
            .map(|at| at.saturating_duration_since(report.read));
        let length = left_to_reset.or(report.window.per).unwrap_or_default();
        self.length = self.length.max(length);
        // The time is counted from when the vendor looked, between the call and its answer.
        let age = if self.counts_late {
            Duration::ZERO
        } else {
            report.age()
        };
        let anchored = report.window.reset.and_then(|at| at.checked_sub(age));
        self.window.reset = anchored.map(|at| later(at, report.grace()));
        let remaining = exact(&report.window, left_to_reset);
        let limit = report.window.limit.map_or(f64::MAX, |limit| limit as f64);
        let (least, most) = report.counted(&self.log);
        let (least, most) = match self.is_counted() {
            true => {
                let gone = self.gone(report.sent);
                let left = |sum: i64| (remaining - limit + (sum - gone) as f64).min(0.0);
                (left(least), left(most))
            }
            false => {
                // What began later is taken for what the vendor had not counted yet.
                let passed = age.saturating_sub(report.grace()).as_secs_f64();
                let back = self.rate().map_or(0.0, |rate| rate * passed);
                let then = (remaining + back).min(limit);
                let (begun, up_to) = (report.begun, report.up_to());
                let left = |sum: i64| then - (self.log.counted(begun) - sum) as f64;
                match self.resource {
                    Resource::Requests => (left(least), left(most)),
                    // More is foreseen than is taken: what the vendor says is nearer.
                    _ => (left(self.log.counted(up_to)), left(self.log.counted(up_to))),
                }
            }
        };
        self.left = known.unwrap_or(least).clamp(least, most);
        // Each answer says when at the earliest: the last of these is the nearest.
        if let (Some(old), Some(new)) = (old, &mut self.window.reset)
            && report.window.refill.is_none()
            && !guess
            && old > *new
            && old <= later(*new, Self::ROUNDED)
        {
            *new = old;
        }
    }

    /// Is it followed by our own count of what was begun in it?
    const fn is_counted(&self) -> bool {
        self.window.limit.is_some() && self.window.refill.is_none()
    }

    fn is_in_pieces(&self) -> bool {
        self.shape == Shape::Pieces
    }

    /// How long it is, where it returns in pieces.
    fn span(&self) -> Duration {
        self.window.per.unwrap_or(self.length.max(Self::MINUTE))
    }

    /// What was begun before this window, or so long ago that it is back.
    fn gone(&self, now: Instant) -> i64 {
        match self.shape {
            Shape::Pieces => self.log.until(now.checked_sub(self.span() + Self::GRACE)),
            _ => self.mark,
        }
    }

    /// What comes back in a second.
    fn rate(&self) -> Option<f64> {
        let refill = self.window.refill.filter(|refill| !refill.is_zero())?;
        Some(self.window.limit? as f64 / refill.as_secs_f64())
    }
}

/// What is left, with the fraction that vendors leave out: of a bucket that fills little by little the time until it is full tells it.
fn exact(window: &RateWindow, reset: Option<Duration>) -> f64 {
    let remaining = window.remaining as f64;
    let (Some(refill), Some(limit), Some(reset)) = (window.refill, window.limit, reset) else {
        return remaining;
    };
    let missing = reset.as_secs_f64() / refill.as_secs_f64().max(f64::MIN_POSITIVE);
    (limit as f64 * (1.0 - missing)).clamp(remaining, remaining + 1.0)
}

const fn signed(amount: u64) -> i64 {
    if amount > i64::MAX as u64 {
        return i64::MAX;
    }
    amount as i64
}

/// What was begun when, as a sum.
#[derive(Clone, Debug)]
struct Log {
    /// The sum before the first.
    base: i64,
    /// When, and the sum then.
    sums: VecDeque<(Instant, i64)>,
    /// How much more the vendor counted than was begun.
    more: i64,
}

impl Log {
    /// What is begun so close together is one.
    const CLOSE: Duration = Duration::from_millis(20);
    /// For as long the order matters in which calls come to the vendor.
    const LATELY: Duration = Duration::from_secs(10);

    const fn new(base: u64) -> Self {
        Self {
            base: signed(base),
            sums: VecDeque::new(),
            more: 0,
        }
    }

    /// `begun` is all that was. What is older than `kept` is forgotten.
    fn add(&mut self, begun: u64, kept: Duration, now: Instant) {
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
    fn adjust(&mut self, more: i64, at: Instant) {
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
    const fn counted(&self, begun: u64) -> i64 {
        signed(begun).saturating_add(self.more)
    }

    /// What was counted by `at`.
    fn until(&self, at: Option<Instant>) -> i64 {
        let index = at.map_or(0, |at| self.sums.partition_point(|(begun, _)| *begun <= at));
        let before = index.checked_sub(1).and_then(|index| self.sums.get(index));
        before.map_or(self.base, |(_, sum)| *sum)
    }

    /// When so much was counted. What was taken back since makes no difference that matters.
    fn reaches(&self, sum: i64) -> Option<Instant> {
        let index = self.sums.partition_point(|(_, reached)| *reached < sum);
        self.sums.get(index).map(|(at, _)| *at)
    }

    fn last(&self) -> Option<Instant> {
        self.sums.back().map(|(at, _)| *at)
    }

    fn before_last(&self) -> i64 {
        let before = self.sums.len().checked_sub(2);
        let before = before.and_then(|index| self.sums.get(index));
        before.map_or(self.base, |(_, sum)| *sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::RateWindow;

    /// A window of ten requests, and the gateway that calls.
    struct Play {
        known: Option<Known>,
        begun: u64,
    }

    struct Sent {
        before: u64,
        at: Instant,
    }

    impl Play {
        const fn new() -> Self {
            Self {
                known: None,
                begun: 0,
            }
        }

        fn send(&mut self) -> Sent {
            let (before, at) = (self.begun, Instant::now());
            self.begun += 1;
            if let Some(known) = &mut self.known {
                known.begin(before, 1, at);
            }
            Sent { before, at }
        }

        /// The answer comes, with so many left and so many seconds to the reset.
        fn told(&mut self, sent: &Sent, remaining: u64, reset: u64) {
            let now = Instant::now();
            let reset = later(now, Duration::from_secs(reset));
            let report = Report {
                resource: Resource::Requests,
                window: RateWindow::new(remaining, Some(10), Some(reset)),
                requests_before: sent.before,
                before: sent.before,
                amount: 1,
                begun: self.begun,
                sent: sent.at,
                read: now,
            };
            match &mut self.known {
                Some(known) => known.told(&report, now),
                none => *none = Some(Known::new(&report, now)),
            }
        }

        /// In how many ms there is room for one more.
        fn room(&self) -> u128 {
            let now = Instant::now();
            let known = self.known.as_ref().unwrap();
            let at = known.reaches(1.0, self.begun, now);
            at.map_or(0, |at| at.saturating_duration_since(now).as_millis())
        }
    }

    async fn pass(ms: u64) {
        tokio::time::advance(Duration::from_millis(ms)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_counted_from_when_the_call_was_sent() {
        let mut play = Play::new();
        let sent = play.send();
        pass(5_000).await;
        // The vendor looked when the call came: its reset is 5 s nearer than the answer says, but for the way.
        play.told(&sent, 0, 30);
        assert_eq!(play.room(), 25_050);
    }

    #[tokio::test(start_paused = true)]
    async fn of_calls_that_are_sent_together_any_may_come_first() {
        let mut play = Play::new();
        let first = play.send();
        pass(20).await;
        play.told(&first, 9, 60);
        pass(60_000).await;
        let together: Vec<_> = (0..4).map(|_| play.send()).collect();
        pass(100).await;
        // The last one came first there.
        play.told(&together[3], 9, 60);
        let left = |play: &Play| {
            let known = play.known.as_ref().unwrap();
            known.level(play.begun, Instant::now())
        };
        assert_eq!(left(&play), 6.0, "all four are counted");
        play.told(&together[0], 6, 60);
        assert_eq!(left(&play), 6.0);
    }

    #[tokio::test(start_paused = true)]
    async fn how_it_comes_back_is_found_out() {
        let mut whole = Play::new();
        for _ in 0..2 {
            for left in (0..10).rev() {
                let sent = whole.send();
                pass(10).await;
                whole.told(&sent, left, 60);
            }
            assert!(whole.room() > 50_000);
            pass(60_100).await;
            assert_eq!(whole.room(), 0);
        }
        let known = whole.known.as_ref().unwrap();
        let now = Instant::now();
        assert_eq!(known.shape, Shape::Whole);
        assert!(known.stands_for(Resource::Requests, 10, now));
        assert!(!known.stands_for(Resource::Requests, 9, now));
        assert!(!known.stands_for(Resource::Tokens, 10, now));

        // One each six seconds, each back a minute later.
        let mut pieces = Play::new();
        for call in 0..10_u64 {
            let sent = pieces.send();
            pass(10).await;
            pieces.told(&sent, 9 - call, 60 - 6 * call);
            pass(5_990).await;
        }
        pass(100).await;
        let sent = pieces.send();
        pass(10).await;
        pieces.told(&sent, 0, 6);
        assert_eq!(pieces.known.as_ref().unwrap().shape, Shape::Pieces);
        let next = pieces.room();
        assert!((5_900..6_100).contains(&next), "{next}");
        pass(next as u64).await;
        assert_eq!(pieces.room(), 0);
        pieces.send();
        assert!(pieces.room() > 5_000, "and no more than that");
    }
}
