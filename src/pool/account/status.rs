//! An account as an operator sees it.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::AccountState;
use crate::{error::ErrorKind, pool::breaker::BreakerState};

/// An account as an operator sees it, see [`Pools::snapshot`](crate::pool::Pools::snapshot).
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
    /// ([`Limits::adaptive`](crate::upstream::Limits::adaptive)) and anything was sent to it.
    pub concurrency: Option<u32>,
    /// Why it is left alone, if it is.
    pub cooldowns: Vec<CooldownStatus>,
    /// The breakers that count failures. One that is not listed is closed, and the last call there went well.
    pub breakers: Vec<BreakerStatus>,
    /// Calls begun in the last minute.
    pub requests_last_minute: u64,
    /// Tokens of the last minute, running calls by estimate.
    pub tokens_last_minute: u64,
    /// Its windows, those that its [limits](crate::upstream::Limits::windows) declare and those that the vendor told of.
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

impl AccountState {
    pub(in crate::pool) fn status(&self) -> AccountStatus {
        let now = Instant::now();
        let (status, back) = {
            let mut inner = self.lock();
            let back = inner.cooldowns.expire(now);
            let (requests, tokens) = inner.minute(now);
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
                in_flight: inner.in_flight,
                concurrency: inner
                    .adaptive
                    .as_ref()
                    .map(|(a, ceiling)| a.limit(*ceiling)),
                cooldowns,
                breakers,
                requests_last_minute: requests,
                tokens_last_minute: tokens,
                windows,
            };
            (status, back)
        };
        self.log(back, now);
        status
    }
}
