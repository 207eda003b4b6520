//! What vendors told of their windows, carried on from answer to answer.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    account::WindowStatus,
    history::share,
    known::{Known, Report},
    ledger::Amounts,
};
use crate::{
    dialect::{RateWindow, Resource},
    request::Priority,
    upstream::Limits,
};

/// The windows of a model, or of all of an account.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    known: Vec<Known>,
    /// All that was begun so far.
    begun: Amounts,
}

/// The call whose answer tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// What was begun before it.
    pub(super) before: &'a Amounts,
    /// What it was taken to need.
    pub(super) amounts: &'a Amounts,
    /// When it was sent.
    pub(super) sent: Instant,
    /// When its answer was read.
    pub(super) read: Instant,
}

impl Learned {
    /// More than any vendor tells of.
    const MOST: usize = 16;

    /// Is nothing known?
    pub(super) const fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// A call begins. Returns all that was begun before, for [`told`](Self::told).
    pub(super) fn begin(&mut self, amounts: &Amounts, now: Instant) -> Amounts {
        let amounts = &self.counted(amounts);
        let before = self.begun;
        self.begun.requests = before.requests.saturating_add(amounts.requests);
        self.begun.input = before.input.saturating_add(amounts.input);
        self.begun.output = before.output.saturating_add(amounts.output);
        for known in &mut self.known {
            let resource = known.resource;
            known.begin(of(&before, resource), of(amounts, resource), now);
        }
        before
    }

    /// The call that began at `at` was never sent, or the vendor refused it for a limit.
    pub(super) fn undo(&mut self, amounts: &Amounts, at: Instant) {
        let amounts = &self.counted(amounts);
        for known in &mut self.known {
            known.undo(of(amounts, known.resource), at);
        }
    }

    /// The call that began at `at` and was taken to be `booked` turned out to be `real`.
    pub(super) fn settle(&mut self, booked: &Amounts, real: &Amounts, at: Instant) {
        let (booked, real) = (self.counted(booked), self.counted(real));
        for known in &mut self.known {
            let (booked, real) = (of(&booked, known.resource), of(&real, known.resource));
            let difference = i64::try_from(real.abs_diff(booked)).unwrap_or(i64::MAX);
            let more = if real < booked {
                -difference
            } else {
                difference
            };
            known.settle(more, at);
        }
    }

    /// The vendor told of a window with the answer to a call.
    pub(super) fn told(
        &mut self,
        resource: Resource,
        window: RateWindow,
        asked: &Asked<'_>,
        now: Instant,
    ) {
        let amounts = self.counted(asked.amounts);
        let report = Report {
            resource,
            window,
            requests_before: asked.before.requests,
            before: of(asked.before, resource),
            amount: of(&amounts, resource),
            begun: of(&self.begun, resource),
            sent: asked.sent,
            read: asked.read,
        };
        if let Some(known) = self.known.iter_mut().find(|k| k.is(resource, &window)) {
            known.told(&report, now);
            return;
        }
        if self.known.len() >= Self::MOST {
            self.known.retain(|known| known.is_open(now));
            if self.known.len() >= Self::MOST {
                return;
            }
        }
        self.known.push(Known::new(&report, now));
    }

    /// When all windows have room for a call; none if they have now.
    pub(super) fn room_at(
        &self,
        limits: &Limits,
        model: &str,
        amounts: &Amounts,
        priority: Priority,
        now: Instant,
    ) -> Option<Instant> {
        let amounts = &self.counted(amounts);
        let open = self.open(model, now);
        let ends = open.filter_map(|known| {
            let kept = known
                .window
                .limit
                .map_or(0, |limit| limits.kept(limit, priority));
            // What is larger than the window is sent when all of it is there.
            let most = known.window.limit.map_or(u64::MAX, |limit| limit - kept);
            let need = of(amounts, known.resource).max(1).min(most) + kept;
            known.reaches(need as f64, self.begun_of(known), now)
        });
        ends.max()
    }

    /// Is a limit of so much a minute, declared for the same, counted by the vendor in our sight?
    pub(super) fn stands_for(
        &self,
        resource: Resource,
        limit: u64,
        model: &str,
        now: Instant,
    ) -> bool {
        let for_model = |known: &&Known| known.window.is_for(model);
        let mut known = self.known.iter().filter(for_model);
        known.any(|known| known.stands_for(resource, limit, now))
    }

    /// The share left of the scarcest; 1 if nothing is known.
    pub(super) fn share_left(&self, model: &str, now: Instant) -> f64 {
        let open = self.open(model, now);
        open.filter_map(|known| share(self.level(known, now), known.window.limit?))
            .fold(1.0, f64::min)
    }

    /// Of each window that begins anew: the share that is left of it, when that is lost, and how long the window is at least.
    pub(super) fn perishable<'a>(
        &'a self,
        model: &'a str,
        now: Instant,
    ) -> impl Iterator<Item = (f64, Instant, Duration)> + 'a {
        self.open(model, now).filter_map(move |known| {
            let share = share(self.level(known, now), known.window.limit?)?;
            let (ends, length) = known.ends()?;
            Some((share, ends, length))
        })
    }

    pub(super) fn status(&self, model: Option<&Arc<str>>, now: Instant) -> Vec<WindowStatus> {
        let open = self.known.iter().filter(|known| known.is_open(now));
        let status = open.map(|known| {
            let left = self.level(known, now);
            let limit = known.window.limit;
            WindowStatus {
                what: known.resource.as_str(),
                model: model.cloned().or(known.window.family.map(Into::into)),
                used: limit.map_or(0, |limit| limit.saturating_sub(left)),
                limit,
                resets_in: known
                    .full_at(self.begun_of(known), now)
                    .map(|at| at.saturating_duration_since(now)),
                told: true,
            }
        });
        status.collect()
    }

    fn level(&self, known: &Known, now: Instant) -> u64 {
        known.level(self.begun_of(known), now) as u64
    }

    const fn begun_of(&self, known: &Known) -> u64 {
        of(&self.begun, known.resource)
    }

    /// Vendors that limit the input alone do not count what is read from a cache.
    fn counted(&self, amounts: &Amounts) -> Amounts {
        let apart = |known: &Known| known.resource == Resource::InputTokens;
        match self.known.iter().any(apart) {
            true => Amounts {
                input: amounts.input.saturating_sub(amounts.cached),
                ..*amounts
            },
            false => *amounts,
        }
    }

    /// Those for a model that are not over.
    fn open<'a>(&'a self, model: &'a str, now: Instant) -> impl Iterator<Item = &'a Known> + 'a {
        let known = self.known.iter();
        known.filter(move |known| known.is_open(now) && known.window.is_for(model))
    }
}

const fn of(amounts: &Amounts, resource: Resource) -> u64 {
    match resource {
        Resource::Requests => amounts.requests,
        Resource::Tokens => amounts.tokens(),
        Resource::InputTokens => amounts.input,
        Resource::OutputTokens => amounts.output,
        // Nobody knows what share a call takes.
        Resource::Subscription => 0,
    }
}
