//! What is made of what came of a call.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{AccountState, Cost, Inner, Seat, Start};
use crate::{
    chat::Usage,
    dialect::RateWindows,
    error::{Blame, Error, ErrorKind, Scope},
    pool::{
        cooldown::{Change, Rules, later},
        ledger::Amounts,
    },
    rng::Rng,
    upstream::Price,
};

impl AccountState {
    /// The call was never sent.
    pub(in crate::pool) fn undo(&self, model: &str, start: &Start) {
        let mut inner = self.lock();
        if inner.last_start == Some(start.at) {
            inner.last_start = start.before;
        }
        inner.history.undo(model, &start.booked, start.at);
        let nothing = Cost::Known(Amounts::default());
        inner.finish(model, start, nothing, Instant::now());
        let parked = inner.parked();
        drop(inner);
        Seat::wake(parked);
    }

    /// The call is over.
    pub(in crate::pool) fn finish(&self, model: &str, start: &Start, cost: Cost) {
        let parked = {
            let mut inner = self.lock();
            inner.finish(model, start, cost, Instant::now());
            inner.parked()
        };
        Seat::wake(parked);
    }

    /// A call, or a check of the whole account where no model is named, failed.
    pub(in crate::pool) fn failed(
        &self,
        model: Option<&Arc<str>>,
        error: &Error,
        rules: &Rules,
        rng: &Rng,
    ) {
        let now = Instant::now();
        let change = self.lock().cooldowns.failed(model, error, rules, rng, now);
        self.log(change, now);
    }

    pub(in crate::pool) fn broke(
        &self,
        model: &Arc<str>,
        reason: ErrorKind,
        rules: &Rules,
        rng: &Rng,
    ) {
        let now = Instant::now();
        let change = self.lock().cooldowns.broke(model, reason, rules, rng, now);
        self.log(change, now);
    }

    /// The first content is there.
    pub(in crate::pool) fn succeeded(
        &self,
        model: &Arc<str>,
        start: &Start,
        windows: &RateWindows,
        forced: bool,
        now: Instant,
    ) {
        let (changes, parked) = {
            let mut inner = self.lock();
            let changes = inner.succeeded(model, start, windows, forced, now);
            (changes, inner.parked())
        };
        self.log(changes, now);
        Seat::wake(parked);
    }

    /// The first content is there, and with it all the rest: the call is over.
    pub(in crate::pool) fn answered(
        &self,
        model: &Arc<str>,
        start: &Start,
        windows: &RateWindows,
        forced: bool,
        bill: (Option<&Usage>, Option<Price>),
        now: Instant,
    ) {
        let (changes, parked) = {
            let mut inner = self.lock();
            let changes = inner.succeeded(model, start, windows, forced, now);
            inner.completed(model, start, forced, bill, now);
            (changes, inner.parked())
        };
        self.log(changes, now);
        Seat::wake(parked);
    }

    /// The vendor pushed back and named no window for it. True if fewer calls at once are all that it takes.
    pub(in crate::pool) fn pushed_back(&self, start: &Start, error: &Error) -> bool {
        let now = Instant::now();
        let named = error.retry_after().is_some_and(|after| !after.is_zero())
            || error.windows().spent_until().is_some();
        let limited = error.kind() == ErrorKind::RateLimited && !named;
        if !start.adaptive || !(limited || error.kind() == ErrorKind::Overloaded) {
            return false;
        }
        let mut inner = self.lock();
        let adaptive = inner.adaptive.as_mut();
        let dealt = adaptive.is_some_and(|(adaptive, _)| adaptive.pushed_back(start.at, now));
        // Overloads count to the breaker as well: the vendor may be down.
        limited && dealt
    }

    /// What a failure told of the vendor's limits. Where it is about a limit and says itself when to come back, that counts. True if
    /// it is about a window that was told of, and has no room for such a call: others may fit.
    pub(in crate::pool) fn told(&self, model: &Arc<str>, start: &Start, error: &Error) -> bool {
        let now = Instant::now();
        let about_limits = matches!(
            error.policy().blame,
            Blame::AccountRate | Blame::AccountQuota
        );
        let named = error.retry_after().filter(|after| !after.is_zero());
        let named = named.filter(|_| about_limits);
        let (spent, explained) = {
            let mut inner = self.lock();
            let limited = error.kind() == ErrorKind::RateLimited;
            if limited {
                inner.history.undo(model, &start.booked, start.at);
            }
            let refused = Start {
                booked: Amounts::default(),
                ..*start
            };
            let counted = if limited { &refused } else { start };
            let spent = inner.told(model, error.windows(), counted, named, now);
            let explained = limited
                && !error.windows().is_empty()
                && inner.history.refuses(model, &start.booked, now);
            // Where nothing is named it may be about how many there are at once.
            if limited && error.windows().is_empty() && (named.is_some() || !start.adaptive) {
                inner.history.refused(model, &start.booked, named, now);
            }
            (spent, explained)
        };
        self.log(spent, now);
        // There may be more left than was thought.
        self.wake();
        explained
    }

    /// The first content was not there even now.
    pub(in crate::pool) fn timed_out(&self, model: &Arc<str>, start: &Start) {
        self.lock().took(model, start, Instant::now());
    }

    /// Another account had content first. That counts only if it took longer than was expected: it may have had no time at all.
    pub(in crate::pool) fn outrun(&self, model: &Arc<str>, start: &Start) {
        let now = Instant::now();
        let after = now.saturating_duration_since(start.at);
        let mut inner = self.lock();
        let expected = inner.history.expected(model, now);
        if expected.is_none_or(|expected| after > expected) {
            inner.took(model, start, now);
        }
    }

    /// An answer came whole, and the call is over.
    pub(in crate::pool) fn completed(
        &self,
        model: &Arc<str>,
        start: &Start,
        forced: bool,
        usage: Option<&Usage>,
        price: Option<Price>,
    ) {
        let now = Instant::now();
        let parked = {
            let mut inner = self.lock();
            inner.completed(model, start, forced, (usage, price), now);
            inner.parked()
        };
        Seat::wake(parked);
    }

    pub(in crate::pool) fn healthy(&self) {
        let changes = self.lock().cooldowns.healthy();
        self.log(changes, Instant::now());
        self.wake();
    }

    pub(in crate::pool) fn reset(&self) {
        let changes = {
            let mut inner = self.lock();
            inner.history.forget_windows();
            inner.cooldowns.reset()
        };
        self.log(changes, Instant::now());
        self.wake();
    }
}

impl Inner {
    fn succeeded(
        &mut self,
        model: &Arc<str>,
        start: &Start,
        windows: &RateWindows,
        forced: bool,
        now: Instant,
    ) -> Vec<Change> {
        self.took(model, start, now);
        if let Some((adaptive, ceiling)) = self.adaptive.as_mut().filter(|_| start.adaptive) {
            adaptive.succeeded(*ceiling, start.at, now);
        }
        let mut changes = match self.cooldowns.is_clear() {
            true => Vec::new(),
            false => self.cooldowns.succeeded(model, start.probe, forced),
        };
        changes.extend(self.told(model, windows, start, None, now));
        changes
    }

    fn completed(
        &mut self,
        model: &Arc<str>,
        start: &Start,
        forced: bool,
        (usage, price): (Option<&Usage>, Option<Price>),
        now: Instant,
    ) {
        if !self.cooldowns.is_clear() {
            self.cooldowns.completed(model, start.probe, forced);
        }
        if let Some(usage) = usage {
            self.history.used(model, usage, start.estimate, now);
        }
        let cost = usage.map_or(Cost::Unknown, |usage| start.cost(usage, price));
        self.finish(model, start, cost, now);
    }

    fn took(&mut self, model: &Arc<str>, start: &Start, now: Instant) {
        let after = now.saturating_duration_since(start.at);
        self.history.first_content(model, after, now);
    }

    /// A window that has nothing left is not sent into before its reset, unless the vendor `named` another end.
    fn told(
        &mut self,
        model: &Arc<str>,
        windows: &RateWindows,
        start: &Start,
        named: Option<Duration>,
        now: Instant,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        if windows.is_empty() {
            return changes;
        }
        let mut ends = [(Scope::Account, None), (Scope::Model, None)];
        // What is counted down began when the vendor looked, and that was before its answer came.
        let read = windows.read().unwrap_or(now);
        let sent = windows.read().map_or(now, |_| start.at);
        let (begun, booked) = (&start.begun.sent(sent), &start.booked);
        for (resource, window) in windows.iter().filter(|(_, window)| window.is_for(model)) {
            // Where the vendor named another end than this, that counts.
            let other = |named: Duration| {
                let named = later(read, named.saturating_add(Duration::from_secs(1)));
                window.reset.is_none_or(|reset| reset > named)
            };
            if window.remaining == 0 && window.refill.is_none() && named.is_some_and(other) {
                continue;
            }
            let told = (resource, window);
            self.history.told(model, told, begun, booked, read, now);
            // What comes back little by little is not out: it is known at each moment how much there is.
            if window.refill.is_none() && named.is_none() {
                let slot = ends.iter_mut().find(|(scope, _)| *scope == window.scope);
                if let Some((_, end)) = slot {
                    let age = read.saturating_duration_since(sent);
                    let spent = window.spent_until(resource);
                    *end = (*end).max(spent.and_then(|at| at.checked_sub(age)));
                }
            }
        }
        for (scope, end) in ends {
            let model = (scope == Scope::Model).then_some(model);
            if let Some(until) = end.filter(|until| *until > now) {
                changes.extend(self.cooldowns.spent(model, until, now));
            }
        }
        changes
    }

    fn finish(&mut self, model: &str, start: &Start, cost: Cost, now: Instant) {
        if !self.cooldowns.is_clear() {
            if let Some(probe) = start.probe {
                self.cooldowns.release(model, probe);
            }
            self.cooldowns.over(model);
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        let Cost::Known(real) = cost else {
            return;
        };
        self.ledger
            .settle(model, &start.booked, &real, start.at, now);
        if real.requests < start.booked.requests {
            let fewer = start.booked.requests - real.requests;
            self.requests.take_back(fewer, start.at);
        } else if !self.history.is_unlimited() {
            self.history.settle(model, &start.booked, &real, start.at);
        }
        let real = real.tokens();
        let booked = start.booked.tokens();
        if let Some(more) = real.checked_sub(booked) {
            // What nobody foresaw was mostly written since: it counts from now.
            self.tokens.add(more, now);
        } else {
            self.tokens.take_back(booked - real, start.at);
        }
    }
}
