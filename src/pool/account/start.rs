//! A call that was begun, and what it cost.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    chat::Usage,
    error::{Error, ErrorKind},
    pool::{breaker::Probe, history::Begun, ledger::Amounts},
    upstream::Price,
};

/// A call that was begun.
#[derive(Clone, Copy, Debug)]
pub(in crate::pool) struct Start {
    pub(super) at: Instant,
    /// The input, estimated.
    pub(super) estimate: u64,
    pub(super) before: Option<Instant>,
    pub(super) probe: Option<Probe>,
    /// Is the number of calls at once found out by trying?
    pub(super) adaptive: bool,
    /// What it was taken to need.
    pub(super) booked: Amounts,
    pub(super) begun: Begun,
}

/// What a call turned out to cost.
#[derive(Clone, Copy, Debug)]
pub(in crate::pool) enum Cost {
    /// Nobody knows: the estimate stands.
    Unknown,
    /// The vendor told.
    Known(Amounts),
}

impl Start {
    /// What it cost by what the vendor told.
    pub(in crate::pool) fn cost(&self, usage: &Usage, price: Option<Price>) -> Cost {
        let (input, output) = (usage.total_input(), usage.total_output());
        if input.or(output).is_none() {
            return Cost::Unknown;
        }
        Cost::Known(Amounts {
            requests: self.booked.requests,
            input: input.unwrap_or(0),
            cached: usage.cache_read.unwrap_or(0),
            output: output.unwrap_or(0),
            money: price.map_or(0, |price| price.cost(usage)),
        })
    }

    /// The same, where what was told is a lower bound.
    pub(in crate::pool) fn cost_at_least(&self, usage: &Usage, price: Option<Price>) -> Cost {
        let Cost::Known(told) = self.cost(usage, price) else {
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
    pub(in crate::pool) fn no_cost(&self, error: &Error) -> Cost {
        // Most vendors do not count what they refuse for a limit, and those that do say when to come back.
        if error.kind() == ErrorKind::RateLimited {
            return Cost::Known(Amounts::default());
        }
        Cost::Known(Amounts {
            requests: self.booked.requests,
            ..Amounts::default()
        })
    }

    pub(in crate::pool) const fn at(&self) -> Instant {
        self.at
    }

    /// How long ago it began.
    pub(in crate::pool) fn age(&self) -> Duration {
        self.at.elapsed()
    }

    /// Is this the call by which a half-open breaker finds out?
    pub(in crate::pool) const fn probe(&self) -> Option<Probe> {
        self.probe
    }
}
