//! What is known of an account while the process runs, shared by every pool that uses it.

mod outcome;
mod standing;
mod start;
mod status;

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

pub use self::status::{AccountStatus, BreakerStatus, CooldownStatus, WindowStatus};
pub(super) use self::{
    standing::{Ask, Holds, Standing},
    start::{Cost, Start},
};
use super::{
    adaptive::Adaptive,
    cooldown::{Change, Cooldowns, later},
    history::{History, share},
    ledger::{Amounts, Ledger},
    roster::Roster,
    window::Window,
};
use crate::{dialect::Resource, issued::AccountTag, upstream::Limits};

/// The state of one account.
#[derive(Debug)]
pub(super) struct AccountState {
    pub(super) provider: Arc<str>,
    pub(super) account: Arc<str>,
    pub(super) tag: AccountTag,
    inner: Mutex<Inner>,
    /// The [gist](Inner::gist) of `inner`, to be read without the lock.
    gist: AtomicU64,
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

/// What is known, under the lock. What others read without it is brought up to date at the end.
struct Locked<'a> {
    inner: MutexGuard<'a, Inner>,
    gist: &'a AtomicU64,
}

impl Deref for Locked<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        &mut self.inner
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.gist.store(self.inner.gist(), Ordering::Release);
    }
}

/// An account's place in a large pool.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) roster: Weak<Roster>,
    pub(super) line: usize,
}

impl Seat {
    /// Tells large pools that an account may have become free. Not under its lock: theirs come first.
    fn wake(parked: Vec<Self>) {
        if parked.is_empty() {
            return;
        }
        for seat in parked {
            if let Some(roster) = seat.roster.upgrade() {
                roster.lock().unpark(seat.line);
            }
        }
    }
}

impl AccountState {
    pub(super) fn new(provider: Arc<str>, account: Arc<str>) -> Self {
        Self {
            tag: AccountTag::of(&provider, &account),
            provider,
            account,
            inner: Mutex::new(Inner::new(Instant::now())),
            gist: AtomicU64::new(Inner::CLEAR),
            quiet: false,
        }
    }

    /// The same account for a dry run: what happens to it happens to nobody.
    pub(super) fn copied(&self) -> Self {
        let inner = Inner {
            parked: Vec::new(),
            ..self.lock().clone()
        };
        Self {
            provider: self.provider.clone(),
            account: self.account.clone(),
            tag: self.tag,
            gist: AtomicU64::new(inner.gist()),
            inner: Mutex::new(inner),
            quiet: true,
        }
    }

    /// All that stands between this account and a call.
    pub(super) fn holds(&self, ask: &Ask<'_>, now: Instant) -> Holds {
        self.lock().holds(ask, now)
    }

    pub(super) fn standing(&self, ask: &Ask<'_>, now: Instant) -> Standing {
        if ask.is_unlimited() && self.is_clear() {
            return Standing::Free;
        }
        let (standing, back) = {
            let mut inner = self.lock();
            let back = inner.cooldowns.expire(now);
            (inner.standing(ask, now), back)
        };
        self.log(back, now);
        standing
    }

    /// As [`standing`](Self::standing); and the standing towards the `least` that could be asked of it, unless it is free for that: then
    /// `seat` is told when that may have changed.
    pub(super) fn judge(
        &self,
        ask: &Ask<'_>,
        least: &Ask<'_>,
        seat: impl FnOnce() -> Seat,
        now: Instant,
    ) -> (Standing, Option<Standing>) {
        if ask.is_unlimited() && self.is_clear() {
            return (Standing::Free, None);
        }
        let (standing, park, back) = {
            let mut inner = self.lock();
            let back = inner.cooldowns.expire(now);
            let standing = inner.standing(ask, now);
            let park = (standing != Standing::Free)
                .then(|| inner.standing(least, now))
                .filter(|least| *least != Standing::Free);
            if park.is_some() {
                inner.park(seat());
            }
            (standing, park, back)
        };
        self.log(back, now);
        (standing, park)
    }

    /// How many calls it has in flight.
    pub(super) fn in_flight(&self) -> u32 {
        (self.gist.load(Ordering::Acquire) >> 32) as u32
    }

    /// The requests and tokens of the last minute.
    pub(super) fn minute(&self, now: Instant) -> (u64, u64) {
        self.lock().minute(now)
    }

    /// Is there nothing that could keep it from a call but declared limits? Takes no lock.
    fn is_clear(&self) -> bool {
        self.gist.load(Ordering::Acquire) & Inner::CLEAR != 0
    }

    /// `seat` is to be told when this account may have become free.
    pub(super) fn park(&self, seat: Seat) {
        self.lock().park(seat);
    }

    /// This account may have become free.
    fn wake(&self) {
        Seat::wake(self.lock().parked());
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
        let clear = inner.is_clear();
        if !(clear && ask.is_unlimited()) {
            match inner.standing(ask, now) {
                Standing::Free => {}
                Standing::Soft { .. } if forced => {}
                Standing::Soft { .. } | Standing::Out { .. } => return None,
            }
        }
        let probe = match forced || clear {
            true => None,
            false => inner.cooldowns.begin(ask.model),
        };
        inner.in_flight = inner.in_flight.saturating_add(1);
        inner.began(ask.limits, now);
        inner.requests.add(1, now);
        let (booked, begun) = inner.history.begin(ask.model, ask.tokens, ask.price, now);
        inner.tokens.add(booked.tokens(), now);
        inner.ledger.add(ask.model, &booked, now);
        Some(Start {
            at: now,
            estimate: ask.tokens,
            before: inner.last_start.replace(now),
            probe,
            adaptive: ask.limits.adaptive,
            booked,
            begun,
        })
    }

    /// The share left of the scarcest limit, the vendor's and our own.
    pub(super) fn share_left(&self, model: &str, limits: &Limits) -> f64 {
        let now = Instant::now();
        let mut inner = self.lock();
        let (requests, tokens) = inner.minute(now);
        let left = |used: u64, limit: Option<u64>| {
            let limit = limit?;
            share(limit.saturating_sub(used), limit)
        };
        let known = [
            left(requests, limits.rpm),
            left(tokens, limits.tpm),
            left(inner.in_flight.into(), inner.places(limits).map(u64::from)),
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

    /// How long the first content is to be expected to take.
    pub(super) fn expected(&self, model: &str) -> Option<Duration> {
        self.lock().history.expected(model, Instant::now())
    }

    fn lock(&self) -> Locked<'_> {
        Locked {
            inner: self.inner.lock().unwrap_or_else(PoisonError::into_inner),
            gist: &self.gist,
        }
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

    /// In a gist: nothing but declared limits could keep it from a call.
    const CLEAR: u64 = 1;

    /// What most picks need to know: is it [clear](Self::is_clear), and above that the number of calls in flight.
    #[inline]
    fn gist(&self) -> u64 {
        let clear = match self.is_clear() {
            true => Self::CLEAR,
            false => 0,
        };
        (u64::from(self.in_flight) << 32) | clear
    }

    /// Is nothing held against it, and nothing known of the vendor's windows?
    #[inline]
    fn is_clear(&self) -> bool {
        self.history.is_unlimited() && self.cooldowns.is_clear()
    }

    /// What a call is taken to need.
    fn booking(&self, ask: &Ask<'_>) -> Amounts {
        self.history.foreseen(ask.model, ask.tokens, ask.price)
    }

    /// Those who are to be told that it may have become free, now that something happened.
    fn parked(&mut self) -> Vec<Seat> {
        std::mem::take(&mut self.parked)
    }

    fn standing(&mut self, ask: &Ask<'_>, now: Instant) -> Standing {
        self.holds(ask, now).standing(now)
    }

    fn holds(&mut self, ask: &Ask<'_>, now: Instant) -> Holds {
        let limits = ask.limits;
        let open = |limit| limits.open(limit, ask.priority);
        let (rpm, tpm) = self.counted_here(ask, now);
        // Of requests every call needs one.
        let counts = tpm.is_some() || !limits.windows.is_empty() || !self.history.is_unlimited();
        let booking = match counts {
            true => self.booking(ask),
            false => Amounts::default(),
        };
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

    /// The requests and tokens of the last minute.
    fn minute(&mut self, now: Instant) -> (u64, u64) {
        (self.requests.total(now), self.tokens.total(now))
    }
}
