//! One window of a vendor's, carried on from what it last told.
//!
//! Vendors do not say how theirs come back. A *bucket* shows in its figures ([`RateWindow::refill`]). Of the others it is found out at
//! the first reset: either *whole*, all of it at once, or in *pieces*, each call's share when that call is a minute old. Until then it
//! is taken to come back whole.

mod log;
mod report;
mod shape;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::Instant;

pub(super) use self::report::Report;
use self::{
    log::{Log, signed},
    shape::{Shape, Turn},
};
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
