//! What is known of an account while the process runs, shared by every pool that uses it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    breaker::{BreakerState, Probe},
    cooldown::{Change, Cooldowns, Held, Rules, later},
    history::{History, share},
    roster::Roster,
    window::Window,
};
use crate::{
    dialect::RateWindows,
    error::{Blame, Error, ErrorKind},
    issued::AccountTag,
    rng::Rng,
    upstream::Limits,
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
    /// Why it is left alone, if it is.
    pub cooldowns: Vec<CooldownStatus>,
    /// The breakers that count failures. One that is not listed is closed, and the last call there went well.
    pub breakers: Vec<BreakerStatus>,
    /// Calls begun in the last minute.
    pub requests_last_minute: u64,
    /// Tokens of the last minute, running calls by estimate.
    pub tokens_last_minute: u64,
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

#[derive(Clone, Debug, Default)]
struct Inner {
    in_flight: u32,
    last_start: Option<Instant>,
    requests: Window,
    tokens: Window,
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
    /// As many calls at the same time as there may be.
    pub(super) full: bool,
    /// Cooldowns and breakers.
    pub(super) held: Held,
}

impl Holds {
    /// What it comes to.
    fn standing(&self, now: Instant) -> Standing {
        let held = &self.held;
        let until = [self.interval, self.requests, self.tokens, held.firm]
            .into_iter()
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
    pub(super) model: &'a str,
    pub(super) limits: &'a Limits,
    /// An estimate.
    pub(super) tokens: u64,
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
    tokens: u64,
    before: Option<Instant>,
    probe: Option<Probe>,
}

/// What a call turned out to cost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cost {
    /// Nobody knows: the estimate stands.
    Unknown,
    /// So many tokens.
    Tokens(u64),
}

impl Start {
    pub(super) const fn tokens(&self) -> u64 {
        self.tokens
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
            inner: Mutex::default(),
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
        inner.requests.add(1, now);
        inner.tokens.add(ask.tokens, now);
        Some(Start {
            at: now,
            tokens: ask.tokens,
            before: inner.last_start.replace(now),
            probe,
        })
    }

    /// The call was never sent.
    pub(super) fn undo(&self, model: &str, start: &Start) {
        let mut inner = self.lock();
        inner.requests.take_back(1, start.at);
        if inner.last_start == Some(start.at) {
            inner.last_start = start.before;
        }
        inner.finish(model, start, Cost::Tokens(0));
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
            let changes = inner.cooldowns.succeeded(model, start.probe, forced);
            (changes, inner.told(model, windows, true, now))
        };
        self.log(changes.into_iter().chain(spent), now);
        self.wake();
    }

    /// What a failure told of the vendor's limits. Where it is about a limit and says itself when to come back, that counts.
    pub(super) fn told(&self, model: &Arc<str>, error: &Error) {
        let now = Instant::now();
        let about_limits = matches!(
            error.policy().blame,
            Blame::AccountRate | Blame::AccountQuota
        );
        let named = error.retry_after().is_some_and(|after| !after.is_zero());
        let firm = !(about_limits && named);
        let spent = self.lock().told(model, error.windows(), firm, now);
        self.log(spent, now);
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
        [
            left(load.requests, limits.rpm),
            left(load.tokens, limits.tpm),
            left(load.in_flight.into(), limits.concurrency.map(u64::from)),
        ]
        .into_iter()
        .flatten()
        .fold(
            inner.history.share_left(model, load.in_flight, now),
            f64::min,
        )
    }

    /// The first content was not there even now.
    pub(super) fn timed_out(&self, model: &Arc<str>, start: &Start) {
        self.lock().took(model, start, Instant::now());
    }

    /// How long the first content is to be expected to take.
    pub(super) fn expected(&self, model: &str) -> Option<Duration> {
        self.lock().history.expected(model, Instant::now())
    }

    pub(super) fn completed(&self, model: &Arc<str>, probe: Option<Probe>, forced: bool) {
        self.lock().cooldowns.completed(model, probe, forced);
        self.wake();
    }

    pub(super) fn healthy(&self) {
        let changes = self.lock().cooldowns.healthy();
        self.log(changes, Instant::now());
        self.wake();
    }

    pub(super) fn reset(&self) {
        let changes = self.lock().cooldowns.reset();
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
            let status = AccountStatus {
                provider: self.provider.clone(),
                account: self.account.clone(),
                in_flight: load.in_flight,
                cooldowns,
                breakers,
                requests_last_minute: load.requests,
                tokens_last_minute: load.tokens,
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
    fn standing(&mut self, ask: &Ask<'_>, now: Instant) -> Standing {
        self.holds(ask, now).standing(now)
    }

    fn holds(&mut self, ask: &Ask<'_>, now: Instant) -> Holds {
        let limits = ask.limits;
        Holds {
            interval: self
                .last_start
                .filter(|_| !limits.min_interval.is_zero())
                .map(|last| later(last, limits.min_interval)),
            requests: limits
                .rpm
                .and_then(|rpm| self.requests.room_at(1, rpm, now)),
            tokens: limits
                .tpm
                .and_then(|tpm| self.tokens.room_at(ask.tokens, tpm, now)),
            full: limits.concurrency.is_some_and(|max| self.in_flight >= max),
            held: self.cooldowns.held(ask.model, now),
        }
    }

    fn park(&mut self, seat: Seat) {
        let same = |other: &Seat| other.line == seat.line && other.roster.ptr_eq(&seat.roster);
        if !self.parked.iter().any(same) {
            // Pools that were replaced meanwhile.
            self.parked.retain(|other| other.roster.strong_count() > 0);
            self.parked.push(seat);
        }
    }

    fn took(&mut self, model: &Arc<str>, start: &Start, now: Instant) {
        let after = now.saturating_duration_since(start.at);
        self.history.first_content(model, after, now);
    }

    /// A window that has nothing left is not sent into before its reset, if `firm`.
    fn told(
        &mut self,
        model: &Arc<str>,
        windows: &RateWindows,
        firm: bool,
        now: Instant,
    ) -> Option<Change> {
        if windows.is_empty() {
            return None;
        }
        self.history.told(model, windows, now);
        let until = windows.spent_until().filter(|until| firm && *until > now)?;
        self.cooldowns.spent(model, until, now)
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
        self.in_flight = self.in_flight.saturating_sub(1);
        let Cost::Tokens(real) = cost else {
            return;
        };
        if let Some(more) = real.checked_sub(start.tokens) {
            // What nobody foresaw was mostly written since: it counts from now.
            self.tokens.add(more, Instant::now());
        } else {
            self.tokens.take_back(start.tokens - real, start.at);
        }
    }
}
