//! How an account stands towards a call.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    pool::cooldown::Held,
    request::Priority,
    upstream::{Limits, Price},
};

/// Can an account take a call for some model now?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pool) enum Standing {
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
    pub(in crate::pool) const fn is_busy(&self) -> bool {
        matches!(self, Self::Out { cooling: false, .. })
    }
}

/// All that stands between an account and a call, each until when.
#[derive(Clone, Copy, Debug)]
pub(in crate::pool) struct Holds {
    /// The least time between two calls.
    pub(in crate::pool) interval: Option<Instant>,
    /// Requests in a minute.
    pub(in crate::pool) requests: Option<Instant>,
    /// Tokens in a minute.
    pub(in crate::pool) tokens: Option<Instant>,
    /// The windows that its limits declare.
    pub(in crate::pool) declared: Option<Instant>,
    /// The windows that the vendor told of.
    pub(in crate::pool) told: Option<Instant>,
    /// As many calls at the same time as there may be, or as may begin while it comes back from a limit.
    pub(in crate::pool) full: bool,
    /// Cooldowns and breakers.
    pub(in crate::pool) held: Held,
}

impl Holds {
    /// What it comes to.
    pub(super) fn standing(&self, now: Instant) -> Standing {
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
pub(in crate::pool) struct Ask<'a> {
    pub(in crate::pool) model: &'a Arc<str>,
    pub(in crate::pool) limits: &'a Limits,
    /// An estimate of the input.
    pub(in crate::pool) tokens: u64,
    pub(in crate::pool) priority: Priority,
    pub(in crate::pool) price: Option<Price>,
}

impl Ask<'_> {
    /// Does the account declare no limits? What it keeps in reserve is a part of limits.
    pub(super) const fn is_unlimited(&self) -> bool {
        let limits = self.limits;
        limits.rpm.is_none()
            && limits.tpm.is_none()
            && limits.concurrency.is_none()
            && !limits.adaptive
            && limits.min_interval.is_zero()
            && limits.windows.is_empty()
    }
}
