//! A call's place at an account.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    account::{AccountState, Cost, Start},
    breaker::Probe,
    cooldown::Rules,
    pools::Common,
    silence::{GIVEN_UP, Silence},
};
use crate::{
    chat::Usage,
    dialect::RateWindows,
    error::{Error, ErrorKind},
    response::Outcome,
    upstream::Deployment,
};

/// A call's place at an account, given back exactly once: however the call ends, and at the latest when this is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) state: Arc<AccountState>,
    pub(super) deployment: Arc<Deployment>,
    pub(super) rules: Rules,
    /// None once it was given back.
    pub(super) start: Option<Start>,
    /// Was it taken in spite of a soft cooldown?
    pub(super) forced: bool,
    pub(super) common: Arc<Common>,
}

impl Lease {
    /// The model's name at the vendor.
    pub(super) fn model(&self) -> &Arc<str> {
        &self.deployment.model
    }

    /// Nothing was sent.
    pub(super) fn unused(mut self) {
        if let Some(start) = self.start.take() {
            self.state.undo(self.model(), &start);
            self.common.hall.freed(self.state.tag);
        }
    }

    /// The account answered. The answer may still be running.
    pub(super) fn succeeded(&self, windows: &RateWindows, now: Instant) {
        if let Some(start) = &self.start {
            self.state
                .succeeded(self.model(), start, windows, self.forced, now);
            // It may have found out that all is well, or earned a place more.
            self.common.hall.freed(self.state.tag);
        }
    }

    /// The account gave its whole answer at once.
    pub(super) fn answered(mut self, windows: &RateWindows, usage: Option<&Usage>, now: Instant) {
        if let Some(start) = self.start.take() {
            let (forced, price) = (self.forced, self.deployment.price);
            self.state
                .answered(self.model(), &start, windows, forced, (usage, price), now);
            self.common.hall.freed(self.state.tag);
        }
    }

    /// The account failed before it answered, which costs no tokens.
    pub(super) fn failed(mut self, error: &Error) {
        if let Some(start) = &self.start
            && error.kind() == ErrorKind::Timeout
            // Else it would be given more time each time.
            && error.code() != Some(GIVEN_UP)
        {
            self.state.timed_out(self.model(), start);
        }
        let start = self.start.as_ref();
        let explained = start.is_some_and(|start| self.state.told(self.model(), start, error));
        if !explained && !start.is_some_and(|start| self.state.pushed_back(start, error)) {
            self.state
                .failed(Some(self.model()), error, &self.rules, &self.common.rng);
        }
        self.give_back(
            self.start
                .map_or(Cost::Unknown, |start| start.no_cost(error)),
        );
    }

    /// The answer is over.
    pub(super) fn ended(mut self, outcome: &Outcome) {
        let usage = match outcome {
            Outcome::Completed { usage } => {
                if let Some(start) = self.start.take() {
                    let usage = usage.as_ref();
                    let (forced, price) = (self.forced, self.deployment.price);
                    self.state
                        .completed(self.model(), &start, forced, usage, price);
                    self.common.hall.freed(self.state.tag);
                }
                return;
            }
            Outcome::Broken { error, usage } => {
                self.state
                    .broke(self.model(), error.kind(), &self.rules, &self.common.rng);
                usage
            }
            Outcome::Cancelled { usage } => usage,
        };
        let cost = match (&self.start, usage) {
            // What was told by the break is a lower bound.
            (Some(start), Some(usage)) => start.cost_at_least(usage, self.deployment.price),
            _ => Cost::Unknown,
        };
        self.give_back(cost);
    }

    /// When it was taken; none if it was given back.
    pub(super) fn begun(&self) -> Option<Instant> {
        self.start.as_ref().map(Start::at)
    }

    /// Set if a half-open breaker finds out by this call.
    pub(super) fn probe(&self) -> Option<Probe> {
        self.start.as_ref().and_then(Start::probe)
    }

    fn give_back(&mut self, cost: Cost) {
        if let Some(start) = self.start.take() {
            self.state.finish(self.model(), &start, cost);
            self.common.hall.freed(self.state.tag);
        }
    }
}

impl Drop for Lease {
    /// The caller left before there was an answer. That says nothing about the account, unless it had hung for long.
    fn drop(&mut self) {
        if let Some(start) = &self.start {
            let expected = self.state.expected(self.model());
            if Silence::hangs(expected, start.age()) {
                let error = Error::new(ErrorKind::Timeout, "the caller left an account that hangs");
                self.state
                    .failed(Some(self.model()), &error, &self.rules, &self.common.rng);
            }
        }
        self.give_back(Cost::Unknown);
    }
}
