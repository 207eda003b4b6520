//! What is known of an account while the process runs, shared by every pool that uses it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    adaptive::Adaptive,
    breaker::{BreakerState, Probe},
    cooldown::{Change, Cooldowns, Held, Rules, later},
    history::{Begun, History, share},
    ledger::{Amounts, Ledger},
    roster::Roster,
    window::Window,
};
use crate::{
    chat::Usage,
    dialect::{RateWindows, Resource},
    error::{Blame, Error, ErrorKind, Scope},
    issued::AccountTag,
    request::Priority,
    rng::Rng,
    upstream::{Limits, Price},
};

/// An account as an operator sees it, see [`Pools::snapshot`](super::Pools::snapshot).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountStatus {
    /// The vendor's name.
    pub provider: Arc<str>,
    /// The account's name.
    pub account: Arc<str>,
    /// Calls it serves now, streams to their end.
    pub in_flight: u32,
    /// How many it may serve at once as things are, if that is found out by trying
    /// ([`Limits::adaptive`]) and anything was sent to it.
    pub concurrency: Option<u32>,
    /// Why it is left alone, if it is.
    pub cooldowns: Vec<CooldownStatus>,
    /// The breakers that count failures. One that is not listed is closed, and the last call there went well.
    pub breakers: Vec<BreakerStatus>,
    /// Calls begun in the last minute.
    pub requests_last_minute: u64,
    /// Tokens of the last minute, running calls by estimate.
    pub tokens_last_minute: u64,
    /// Its windows, those that its [limits](Limits::windows) declare and those that the vendor told of.
    pub windows: Vec<WindowStatus>,
}

/// How a window of an account stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WindowStatus {
    /// What it counts: `requests`, `tokens`, `input tokens`, `output tokens`, `micro-usd`, or ten-thousandths of a `subscription`.
    pub what: &'static str,
    /// The model's name at the vendor, or the pattern of several; none if it is for all.
    pub model: Option<Arc<str>>,
    /// How much of it is used, running calls by estimate.
    pub used: u64,
    /// How much there is; none if the vendor did not tell.
    pub limit: Option<u64>,
    /// When all of it is there again; where it slides, when some of it returns. None if nobody knows, or nothing is used.
    pub resets_in: Option<Duration>,
    /// Did the vendor tell of it?
    pub told: bool,
}

/// A time during which an account, or one model of it, is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CooldownStatus {
    /// The model's name at the vendor; none if it is the whole account.
    pub model: Option<Arc<str>>,
    /// How much of it is left.
    pub remaining: Duration,
    /// What it is for.
    pub reason: ErrorKind,
    /// Did the vendor name the end? Then nothing is sent before.
    pub firm: bool,
}

/// The breaker of an account, or of one model of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerStatus {
    /// The model's name at the vendor; none if it is the whole account.
    pub model: Option<Arc<str>>,
    /// Where it stands. When an open one is half-open is told among the [cooldowns](AccountStatus::cooldowns).
    pub state: BreakerState,
    /// Failures in a row.
    pub failures: u32,
}

/// The state of one account.
#[derive(Debug)]
pub(super) struct AccountState {
    pub(super) provider: Arc<str>,
    pub(super) account: Arc<str>,
    pub(super) tag: AccountTag,
    inner: Mutex<Inner>,
    /// A copy for dry runs tells nobody what happens to it.
    quiet: bool,
}

#[derive(Clone, Debug)]
struct Inner {
    in_flight: u32,
    /// None if it is not wanted.
    adaptive: Option<(Adaptive, Option<u32>)>,
    last_start: Option<Instant>,
    requests: Window,
    tokens: Window,
    ledger: Ledger,
    cooldowns: Cooldowns,
    history: History,
    /// Where it is to be told of when it may have become free.
    parked: Vec<Seat>,
}

/// An account's place in a large pool.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) roster: Weak<Roster>,
    pub(super) line: usize,
}

/// Can an account take a call for some model now?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Free,
    /// If it must.
    Soft {
        until: Instant,
    },
    /// Not before `until`; none if a call has to end first.
    Out {
        until: Option<Instant>,
        /// Is there a cooldown, or nothing but limits?
        cooling: bool,
    },
}

impl Standing {
    /// Is it well, but at a limit?
    pub(super) const fn is_busy(&self) -> bool {
        matches!(self, Self::Out { cooling: false, .. })
    }
}

/// All that stands between an account and a call, each until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holds {
    /// The least time between two calls.
    pub(super) interval: Option<Instant>,
    /// Requests in a minute.
    pub(super) requests: Option<Instant>,
    /// Tokens in a minute.
    pub(super) tokens: Option<Instant>,
    /// The windows that its limits declare.
    pub(super) declared: Option<Instant>,
    /// The windows that the vendor told of.
    pub(super) told: Option<Instant>,
    /// As many calls at the same time as there may be, or as may begin while it comes back from a limit.
    pub(super) full: bool,
    /// Cooldowns and breakers.
    pub(super) held: Held,
}

impl Holds {
    /// What it comes to.
    fn standing(&self, now: Instant) -> Standing {
        let held = &self.held;
        let limits = [self.interval, self.requests, self.tokens];
        let until = limits
            .into_iter()
            .chain([self.declared, self.told, held.firm])
            .flatten()
            .filter(|until| *until > now)
            .max();
        let cooling = held.firm.is_some() || held.soft.is_some() || held.probed;
        match (until, held.soft) {
            (Some(_), _) => Standing::Out { until, cooling },
            (None, _) if self.full => Standing::Out {
                until: None,
                cooling,
            },
            (None, Some(until)) => Standing::Soft { until },
            // Whoever finds out may be back at any moment.
            (None, None) if held.probed => Standing::Soft { until: now },
            (None, None) => Standing::Free,
        }
    }
}

/// What an account is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) model: &'a Arc<str>,
    pub(super) limits: &'a Limits,
    /// An estimate of the input.
    pub(super) tokens: u64,
    pub(super) priority: Priority,
    pub(super) price: Option<Price>,
}

/// How much it has on its hands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) in_flight: u32,
    pub(super) requests: u64,
    pub(super) tokens: u64,
}

/// A call that was begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    at: Instant,
    /// The input, estimated.
    estimate: u64,
    before: Option<Instant>,
    probe: Option<Probe>,
    /// Is the number of calls at once found out by trying?
    adaptive: bool,
    /// What it was taken to need.
    booked: Amounts,
    begun: Begun,
    price: Option<Price>,
}

/// What a call turned out to cost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cost {
    /// Nobody knows: the estimate stands.
    Unknown,
    /// The vendor told.
    Known(Amounts),
}

impl Start {
    /// What it cost by what the vendor told.
    pub(super) fn cost(&self, usage: &Usage) -> Cost {
        if usage.total().is_none() {
            return Cost::Unknown;
        }
        Cost::Known(Amounts {
            requests: self.booked.requests,
            input: usage.total_input().unwrap_or(0),
            cached: usage.cache_read.unwrap_or(0),
            output: usage.total_output().unwrap_or(0),
            money: self.price.map_or(0, |price| price.cost(usage)),
        })
    }

    /// The same, where what was told is a lower bound.
    pub(super) fn cost_at_least(&self, usage: &Usage) -> Cost {
        let Cost::Known(told) = self.cost(usage) else {
            return Cost::Unknown;
        };
        let booked = &self.booked;
        // What is foreseen in all counts, not part by part: the input may have been overrated.
        let input = told.input.max(booked.input.saturating_sub(told.output));
        Cost::Known(Amounts {
            requests: booked.requests,
            input,
            cached: told.cached,
            output: told.output.max(booked.output),
            money: told.money.max(booked.money),
        })
    }

    /// It failed before anything was read or written.
    pub(super) fn no_cost(&self, error: &Error) -> Cost {
        // Most vendors do not count what they refuse for a limit, and those that do say when to come back.
        if error.kind() == ErrorKind::RateLimited {
            return Cost::Known(Amounts::default());
        }
        Cost::Known(Amounts {
            requests: self.booked.requests,
            ..Amounts::default()
        })
    }

    /// How long ago it began.
    pub(super) fn age(&self) -> Duration {
        self.at.elapsed()
    }

    /// Is this the call by which a half-open breaker finds out?
    pub(super) const fn probe(&self) -> Option<Probe> {
        self.probe
    }
}

impl AccountState {
    pub(super) fn new(provider: Arc<str>, account: Arc<str>) -> Self {
        Self {
            tag: AccountTag::of(&provider, &account),
            provider,
            account,
            inner: Mutex::new(Inner::new(Instant::now())),
            quiet: false,
        }
    }

    /// The same account for a dry run: what happens to it happens to nobody.
    pub(super) fn copied(&self) -> Self {
        Self {
            provider: self.provider.clone(),
            account: self.account.clone(),
            tag: self.tag,
            inner: Mutex::new(Inner {
                parked: Vec::new(),
                ..self.lock().clone()
            }),
            quiet: true,
        }
    }

    /// All that stands between this account and a call.
    pub(super) fn holds(&self, ask: &Ask<'_>, now: Instant) -> Holds {
        self.lock().holds(ask, now)
    }

    pub(super) fn standing(&self, ask: &Ask<'_>, now: Instant) -> (Standing, Load) {
        let (standing, load, back) = {
            let mut inner = self.lock();
            let back = inner.cooldowns.expire(now);
            (inner.standing(ask, now), inner.load(now), back)
        };
        self.log(back, now);
        (standing, load)
    }

    /// As [`standing`](Self::standing); and the standing towards the `least` that could be asked of it, unless it is free for that: then
    /// `seat` is told when that may have changed.
    pub(super) fn judge(
        &self,
        ask: &Ask<'_>,
        least: &Ask<'_>,
        seat: impl FnOnce() -> Seat,
        now: Instant,
    ) -> (Standing, Load, Option<Standing>) {
        let (standing, load, park, back) = {
            let mut inner = self.lock();
            let back = inner.cooldowns.expire(now);
            let standing = inner.standing(ask, now);
            let park = (standing != Standing::Free)
                .then(|| inner.standing(least, now))
                .filter(|least| *least != Standing::Free);
            if park.is_some() {
                inner.park(seat());
            }
            (standing, inner.load(now), park, back)
        };
        self.log(back, now);
        (standing, load, park)
    }

    /// `seat` is to be told when this account may have become free.
    pub(super) fn park(&self, seat: Seat) {
        self.lock().park(seat);
    }

    /// Tells large pools that this account may have become free. Not under the lock: theirs come first.
    fn wake(&self) {
        let parked = std::mem::take(&mut self.lock().parked);
        for seat in parked {
            if let Some(roster) = seat.roster.upgrade() {
                roster.lock().unpark(seat.line);
            }
        }
    }

    /// Not before this can the `nth` call from now begin, as far as is known; no promise that it can then.
    pub(super) fn turn_at(&self, ask: &Ask<'_>, nth: u64, now: Instant) -> Instant {
        const MINUTE: Duration = Duration::from_secs(60);
        let before = nth.saturating_sub(1);
        let limits = ask.limits;
        let mut inner = self.lock();
        let interval = Some(limits.min_interval).filter(|interval| !interval.is_zero());
        let interval = interval.map(|interval| {
            let first = inner.last_start.map_or(now, |last| later(last, interval));
            let further = u32::try_from(before).unwrap_or(u32::MAX);
            later(first.max(now), interval.saturating_mul(further))
        });
        let open = |limit| limits.open(limit, ask.priority);
        let booking = inner.booking(ask);
        let (rpm, tpm) = inner.counted_here(ask, now);
        let requests = rpm.map(|rpm| {
            let rpm = open(rpm).max(1);
            let room = inner.requests.room_at(before % rpm + 1, rpm, now);
            let minutes = u32::try_from(before / rpm).unwrap_or(u32::MAX);
            later(room.unwrap_or(now), MINUTE.saturating_mul(minutes))
        });
        let tokens = tpm.and_then(|tpm| inner.tokens.room_at(booking.tokens(), open(tpm), now));
        let declared = inner
            .ledger
            .room_at(limits, ask.model, &booking, ask.priority, now);
        let told = inner
            .history
            .room_at(limits, ask.model, &booking, ask.priority, now);
        let firm = inner.cooldowns.held(ask.model, now).firm;
        let all = [interval, requests, tokens, declared, told, firm]
            .into_iter()
            .flatten();
        all.fold(now, Instant::max)
    }

    /// Takes a place for one call, at once or not at all, so that calls at the same time never overshoot a limit together. One that
    /// is `forced` minds no soft cooldown.
    pub(super) fn start(&self, ask: &Ask<'_>, forced: bool, now: Instant) -> Option<Start> {
        let mut inner = self.lock();
        match inner.standing(ask, now) {
            Standing::Free => {}
            Standing::Soft { .. } if forced => {}
            Standing::Soft { .. } | Standing::Out { .. } => return None,
        }
        let probe = (!forced)
            .then(|| inner.cooldowns.begin(ask.model))
            .flatten();
        inner.in_flight = inner.in_flight.saturating_add(1);
        inner.began(ask.limits, now);
        inner.requests.add(1, now);
        let booked = inner.booking(ask);
        inner.tokens.add(booked.tokens(), now);
        inner.ledger.add(ask.model, &booked, now);
        Some(Start {
            at: now,
            estimate: ask.tokens,
            before: inner.last_start.replace(now),
            probe,
            adaptive: ask.limits.adaptive,
            booked,
            begun: inner.history.begin(ask.model, &booked, now),
            price: ask.price,
        })
    }

    /// The call was never sent.
    pub(super) fn undo(&self, model: &str, start: &Start) {
        let mut inner = self.lock();
        if inner.last_start == Some(start.at) {
            inner.last_start = start.before;
        }
        inner.history.undo(model, &start.booked, start.at);
        inner.finish(model, start, Cost::Known(Amounts::default()));
        drop(inner);
        self.wake();
    }

    /// The call is over.
    pub(super) fn finish(&self, model: &str, start: &Start, cost: Cost) {
        self.lock().finish(model, start, cost);
        self.wake();
    }

    /// A call, or a check of the whole account where no model is named, failed.
    pub(super) fn failed(&self, model: Option<&Arc<str>>, error: &Error, rules: &Rules, rng: &Rng) {
        let now = Instant::now();
        let change = self.lock().cooldowns.failed(model, error, rules, rng, now);
        self.log(change, now);
    }

    pub(super) fn broke(&self, model: &Arc<str>, reason: ErrorKind, rules: &Rules, rng: &Rng) {
        let now = Instant::now();
        let change = self.lock().cooldowns.broke(model, reason, rules, rng, now);
        self.log(change, now);
    }

    /// The first content is there.
    pub(super) fn succeeded(
        &self,
        model: &Arc<str>,
        start: &Start,
        windows: &RateWindows,
        forced: bool,
    ) {
        let now = Instant::now();
        let (changes, spent) = {
            let mut inner = self.lock();
            inner.took(model, start, now);
            if let Some((adaptive, ceiling)) = inner.adaptive.as_mut().filter(|_| start.adaptive) {
                adaptive.succeeded(*ceiling, start.at, now);
            }
            let changes = inner.cooldowns.succeeded(model, start.probe, forced);
            (changes, inner.told(model, windows, start, None, now))
        };
        self.log(changes.into_iter().chain(spent), now);
        self.wake();
    }

    /// The vendor pushed back and named no window for it. True if fewer calls at once are all that it takes.
    pub(super) fn pushed_back(&self, start: &Start, error: &Error) -> bool {
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
    pub(super) fn told(&self, model: &Arc<str>, start: &Start, error: &Error) -> bool {
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

    /// The share left of the scarcest limit, the vendor's and our own.
    pub(super) fn share_left(&self, model: &str, limits: &Limits) -> f64 {
        let now = Instant::now();
        let mut inner = self.lock();
        let load = inner.load(now);
        let left = |used: u64, limit: Option<u64>| {
            let limit = limit?;
            share(limit.saturating_sub(used), limit)
        };
        let known = [
            left(load.requests, limits.rpm),
            left(load.tokens, limits.tpm),
            left(load.in_flight.into(), inner.places(limits).map(u64::from)),
        ];
        let Inner {
            history, ledger, ..
        } = &mut *inner;
        let declared = ledger
            .levels(limits, model, now)
            .map(|level| left(level.used, Some(level.limit)));
        known
            .into_iter()
            .chain(declared)
            .flatten()
            .fold(history.share_left(model, now), f64::min)
    }

    /// The share of a window that is lost in an hour if nobody calls; the largest, of the windows that begin anew at once.
    pub(super) fn waste(&self, model: &str, limits: &Limits) -> f64 {
        /// Shorter ones limit the pace, and are none to be used up.
        const SHORT: Duration = Duration::from_secs(300);
        const HOUR: f64 = 3_600.0;
        let now = Instant::now();
        let mut inner = self.lock();
        let Inner {
            history, ledger, ..
        } = &mut *inner;
        let declared = ledger.levels(limits, model, now).filter_map(|level| {
            let share = share(level.limit.saturating_sub(level.used), level.limit)?;
            Some((share, level.ends?, level.length))
        });
        history
            .perishable(model, now)
            .chain(declared)
            .filter(|(_, _, length)| *length >= SHORT)
            .map(|(share, ends, _)| {
                let left = ends.saturating_duration_since(now).as_secs_f64();
                share * HOUR / left.max(1.0)
            })
            .fold(0.0, f64::max)
    }

    /// The first content was not there even now.
    pub(super) fn timed_out(&self, model: &Arc<str>, start: &Start) {
        self.lock().took(model, start, Instant::now());
    }

    /// Another account had content first. That counts only if it took longer than was expected: it may have had no time at all.
    pub(super) fn outrun(&self, model: &Arc<str>, start: &Start) {
        let now = Instant::now();
        let after = now.saturating_duration_since(start.at);
        let mut inner = self.lock();
        let expected = inner.history.expected(model, now);
        if expected.is_none_or(|expected| after > expected) {
            inner.took(model, start, now);
        }
    }

    /// How long the first content is to be expected to take.
    pub(super) fn expected(&self, model: &str) -> Option<Duration> {
        self.lock().history.expected(model, Instant::now())
    }

    /// An answer came whole.
    pub(super) fn completed(
        &self,
        model: &Arc<str>,
        start: &Start,
        forced: bool,
        usage: Option<&Usage>,
    ) {
        {
            let mut inner = self.lock();
            inner.cooldowns.completed(model, start.probe, forced);
            if let Some(usage) = usage {
                let estimate = start.estimate;
                inner.history.used(model, usage, estimate, Instant::now());
            }
        }
        self.wake();
    }

    pub(super) fn healthy(&self) {
        let changes = self.lock().cooldowns.healthy();
        self.log(changes, Instant::now());
        self.wake();
    }

    pub(super) fn reset(&self) {
        let changes = {
            let mut inner = self.lock();
            inner.history.forget_windows();
            inner.cooldowns.reset()
        };
        self.log(changes, Instant::now());
        self.wake();
    }

    pub(super) fn status(&self) -> AccountStatus {
        let now = Instant::now();
        let (status, back) = {
            let mut inner = self.lock();
            let back = inner.cooldowns.expire(now);
            let load = inner.load(now);
            let mut cooldowns: Vec<_> = inner
                .cooldowns
                .list()
                .map(|(model, cooldown, firm)| CooldownStatus {
                    model: model.cloned(),
                    remaining: cooldown.until.saturating_duration_since(now),
                    reason: cooldown.reason,
                    firm,
                })
                .collect();
            cooldowns.sort_by(|a, b| (&a.model, a.remaining).cmp(&(&b.model, b.remaining)));
            let mut breakers: Vec<_> = inner
                .cooldowns
                .breakers()
                .map(|(model, state, failures)| BreakerStatus {
                    model: model.cloned(),
                    state,
                    failures,
                })
                .collect();
            breakers.sort_by(|a, b| a.model.cmp(&b.model));
            let mut windows = inner.ledger.status(now);
            windows.extend(inner.history.status(now));
            let status = AccountStatus {
                provider: self.provider.clone(),
                account: self.account.clone(),
                in_flight: load.in_flight,
                concurrency: inner
                    .adaptive
                    .as_ref()
                    .map(|(a, ceiling)| a.limit(*ceiling)),
                cooldowns,
                breakers,
                requests_last_minute: load.requests,
                tokens_last_minute: load.tokens,
                windows,
            };
            (status, back)
        };
        self.log(back, now);
        status
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never under the lock: a subscriber may ask for a snapshot.
    fn log(&self, changes: impl IntoIterator<Item = Change>, now: Instant) {
        if self.quiet {
            return;
        }
        let (provider, account) = (&*self.provider, &*self.account);
        for change in changes {
            match change {
                Change::Out {
                    model,
                    cooldown,
                    firm,
                } => {
                    let seconds = cooldown.until.saturating_duration_since(now).as_secs_f64();
                    let kind = cooldown.reason.as_str();
                    let model = model.as_deref();
                    tracing::warn!(provider, account, model, kind, seconds, firm, "account out");
                }
                Change::Back { model } => {
                    tracing::warn!(provider, account, model = model.as_deref(), "account back");
                }
            }
        }
    }
}

impl Inner {
    fn new(now: Instant) -> Self {
        Self {
            in_flight: 0,
            adaptive: None,
            last_start: None,
            requests: Window::default(),
            tokens: Window::default(),
            ledger: Ledger::new(now),
            cooldowns: Cooldowns::default(),
            history: History::default(),
            parked: Vec::new(),
        }
    }

    /// What a call is taken to need.
    fn booking(&self, ask: &Ask<'_>) -> Amounts {
        let foreseen = self.history.foreseen(ask.model, ask.tokens);
        let usage = Usage {
            input: Some(foreseen.input - foreseen.cached),
            cache_read: Some(foreseen.cached),
            output: Some(foreseen.output),
            ..Usage::default()
        };
        Amounts {
            money: ask.price.map_or(0, |price| price.cost(&usage)),
            ..foreseen
        }
    }

    fn standing(&mut self, ask: &Ask<'_>, now: Instant) -> Standing {
        self.holds(ask, now).standing(now)
    }

    fn holds(&mut self, ask: &Ask<'_>, now: Instant) -> Holds {
        let limits = ask.limits;
        let open = |limit| limits.open(limit, ask.priority);
        let booking = self.booking(ask);
        let (rpm, tpm) = self.counted_here(ask, now);
        let held = self.cooldowns.held(ask.model, now);
        Holds {
            interval: self
                .last_start
                .filter(|_| !limits.min_interval.is_zero())
                .map(|last| later(last, limits.min_interval)),
            requests: rpm.and_then(|rpm| self.requests.room_at(1, open(rpm), now)),
            tokens: tpm.and_then(|tpm| {
                let tokens = booking.tokens();
                self.tokens.room_at(tokens, open(tpm), now)
            }),
            declared: self
                .ledger
                .room_at(limits, ask.model, &booking, ask.priority, now),
            told: self
                .history
                .room_at(limits, ask.model, &booking, ask.priority, now),
            full: held.ramping
                || self
                    .places(limits)
                    .is_some_and(|max| u64::from(self.in_flight) >= open(max.into())),
            held,
        }
    }

    /// The requests and tokens of a minute that are counted here. Where the vendor tells of the very same limit, its own count is
    /// better: it knows when its minute begins.
    fn counted_here(&self, ask: &Ask<'_>, now: Instant) -> (Option<u64>, Option<u64>) {
        let counted = |resource, limit: Option<u64>| {
            limit.filter(|limit| !self.history.stands_for(resource, *limit, ask.model, now))
        };
        (
            counted(Resource::Requests, ask.limits.rpm),
            counted(Resource::Tokens, ask.limits.tpm),
        )
    }

    fn park(&mut self, seat: Seat) {
        let same = |other: &Seat| other.line == seat.line && other.roster.ptr_eq(&seat.roster);
        if !self.parked.iter().any(same) {
            // Pools that were replaced meanwhile.
            self.parked.retain(|other| other.roster.strong_count() > 0);
            self.parked.push(seat);
        }
    }

    /// How many calls it may serve at once.
    fn places(&self, limits: &Limits) -> Option<u32> {
        if !limits.adaptive {
            return limits.concurrency;
        }
        let fresh = Adaptive::new();
        let adaptive = self.adaptive.as_ref().map_or(&fresh, |(known, _)| known);
        Some(adaptive.limit(limits.concurrency))
    }

    /// A call has just begun.
    fn began(&mut self, limits: &Limits, now: Instant) {
        if !limits.adaptive {
            self.adaptive = None;
            return;
        }
        let (adaptive, ceiling) = self
            .adaptive
            .get_or_insert_with(|| (Adaptive::new(), limits.concurrency));
        *ceiling = limits.concurrency;
        adaptive.began(self.in_flight, *ceiling, now);
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

    fn load(&mut self, now: Instant) -> Load {
        Load {
            in_flight: self.in_flight,
            requests: self.requests.total(now),
            tokens: self.tokens.total(now),
        }
    }

    fn finish(&mut self, model: &str, start: &Start, cost: Cost) {
        if let Some(probe) = start.probe {
            self.cooldowns.release(model, probe);
        }
        self.cooldowns.over(model);
        self.in_flight = self.in_flight.saturating_sub(1);
        let Cost::Known(real) = cost else {
            return;
        };
        let now = Instant::now();
        self.ledger
            .settle(model, &start.booked, &real, start.at, now);
        if real.requests < start.booked.requests {
            let fewer = start.booked.requests - real.requests;
            self.requests.take_back(fewer, start.at);
        } else {
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
