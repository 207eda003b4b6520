//! What is known of an account while the process runs, shared by every pool that uses it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    cooldown::{Change, Cooldowns, Rules, later},
    window::Window,
};
use crate::{
    error::{Error, ErrorKind},
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

/// The state of one account.
#[derive(Debug)]
pub(super) struct AccountState {
    pub(super) provider: Arc<str>,
    pub(super) account: Arc<str>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    in_flight: u32,
    last_start: Option<Instant>,
    requests: Window,
    tokens: Window,
    cooldowns: Cooldowns,
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
    },
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
}

impl AccountState {
    pub(super) fn new(provider: Arc<str>, account: Arc<str>) -> Self {
        Self {
            provider,
            account,
            inner: Mutex::default(),
        }
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

    /// Takes a place for one call, at once or not at all, so that calls at the same time never overshoot a limit together.
    pub(super) fn start(&self, ask: &Ask<'_>, probe: bool, now: Instant) -> Option<Start> {
        let mut inner = self.lock();
        match inner.standing(ask, now) {
            Standing::Free => {}
            Standing::Soft { .. } if probe => {}
            Standing::Soft { .. } | Standing::Out { .. } => return None,
        }
        inner.in_flight = inner.in_flight.saturating_add(1);
        inner.requests.add(1, now);
        inner.tokens.add(ask.tokens, now);
        Some(Start {
            at: now,
            tokens: ask.tokens,
            before: inner.last_start.replace(now),
        })
    }

    /// The call was never sent.
    pub(super) fn undo(&self, start: &Start) {
        let mut inner = self.lock();
        inner.requests.take_back(1, start.at);
        if inner.last_start == Some(start.at) {
            inner.last_start = start.before;
        }
        inner.finish(start, Cost::Tokens(0));
    }

    /// The call is over.
    pub(super) fn finish(&self, start: &Start, cost: Cost) {
        self.lock().finish(start, cost);
    }

    /// A call, or a check of the whole account where no model is named, failed.
    pub(super) fn failed(&self, model: Option<&Arc<str>>, error: &Error, rules: &Rules) {
        let now = Instant::now();
        let change = self.lock().cooldowns.failed(model, error, rules, now);
        self.log(change, now);
    }

    pub(super) fn broke(&self, model: &Arc<str>, reason: ErrorKind, rules: &Rules) {
        let now = Instant::now();
        let change = self.lock().cooldowns.broke(model, reason, rules, now);
        self.log(change, now);
    }

    pub(super) fn succeeded(&self, model: &Arc<str>, probe: bool) {
        let changes = self.lock().cooldowns.succeeded(model, probe);
        self.log(changes, Instant::now());
    }

    pub(super) fn completed(&self, model: &Arc<str>) {
        self.lock().cooldowns.completed(model);
    }

    pub(super) fn healthy(&self) {
        let changes = self.lock().cooldowns.healthy();
        self.log(changes, Instant::now());
    }

    pub(super) fn reset(&self) {
        let changes = self.lock().cooldowns.reset();
        self.log(changes, Instant::now());
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
            let status = AccountStatus {
                provider: self.provider.clone(),
                account: self.account.clone(),
                in_flight: load.in_flight,
                cooldowns,
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
        let limits = ask.limits;
        let interval = self
            .last_start
            .filter(|_| !limits.min_interval.is_zero())
            .map(|last| later(last, limits.min_interval));
        let requests = limits
            .rpm
            .and_then(|rpm| self.requests.room_at(1, rpm, now));
        let tokens = limits
            .tpm
            .and_then(|tpm| self.tokens.room_at(ask.tokens, tpm, now));
        let (firm, soft) = self.cooldowns.until(ask.model);
        let after_now = |until: &Instant| *until > now;
        let until = [interval, requests, tokens, firm]
            .into_iter()
            .flatten()
            .filter(after_now)
            .max();
        let busy = limits.concurrency.is_some_and(|max| self.in_flight >= max);
        match (until, soft.filter(after_now)) {
            (Some(until), _) => Standing::Out { until: Some(until) },
            (None, _) if busy => Standing::Out { until: None },
            (None, Some(until)) => Standing::Soft { until },
            (None, None) => Standing::Free,
        }
    }

    fn load(&mut self, now: Instant) -> Load {
        Load {
            in_flight: self.in_flight,
            requests: self.requests.total(now),
            tokens: self.tokens.total(now),
        }
    }

    fn finish(&mut self, start: &Start, cost: Cost) {
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
