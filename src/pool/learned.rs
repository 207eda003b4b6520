//! What vendors told of their windows, carried on from answer to answer.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{account::WindowStatus, cooldown::later, history::share, ledger::Amounts};
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

/// A window.
#[derive(Clone, Debug)]
struct Known {
    resource: Resource,
    /// As it was told.
    window: RateWindow,
    /// What is left of it, less what was begun since.
    left: f64,
    /// As of when.
    at: Instant,
    /// When it was told of.
    told: Instant,
    /// The longest time to its reset so far: it is at least as long as that.
    length: Duration,
    /// What was begun before the call that told of it.
    before: Amounts,
}

impl Learned {
    /// More than any vendor tells of.
    const MOST: usize = 16;

    /// A call begins. Returns all that was begun before, for [`told`](Self::told).
    pub(super) fn begin(&mut self, amounts: &Amounts, now: Instant) -> Amounts {
        let amounts = &self.counted(amounts);
        let before = self.begun;
        self.begun.requests = before.requests.saturating_add(amounts.requests);
        self.begun.input = before.input.saturating_add(amounts.input);
        self.begun.output = before.output.saturating_add(amounts.output);
        for known in &mut self.known {
            known.left = known.level(now) - of(amounts, known.resource) as f64;
            known.at = now;
        }
        before
    }

    /// The call was never sent.
    pub(super) fn undo(&mut self, amounts: &Amounts) {
        let amounts = &self.counted(amounts);
        for known in &mut self.known {
            known.left += of(amounts, known.resource) as f64;
        }
    }

    /// The vendor told of a window with the answer to a call of these `amounts`, that began when `before` had begun. What began later
    /// is taken for what the vendor had not counted yet.
    pub(super) fn told(
        &mut self,
        resource: Resource,
        window: RateWindow,
        before: &Amounts,
        amounts: &Amounts,
        now: Instant,
    ) {
        let amounts = &self.counted(amounts);
        let earlier = of(before, resource).saturating_add(of(amounts, resource));
        let later_ones = of(&self.begun, resource).saturating_sub(earlier);
        let key = |w: &RateWindow| (w.per, w.scope, w.family);
        let is_it =
            |known: &Known| known.resource == resource && key(&known.window) == key(&window);
        let reset = window.reset.map(|at| at.saturating_duration_since(now));
        let mut length = reset.or(window.per).unwrap_or_default();
        if let Some(index) = self.known.iter().position(is_it) {
            // An older call's figures are older, unless they say that nothing is left.
            let stale = self
                .known
                .get(index)
                .is_some_and(|known| known.is_open(now) && known.before.requests > before.requests);
            if stale && window.remaining > 0 {
                return;
            }
            length = length.max(self.known.swap_remove(index).length);
        } else if self.known.len() >= Self::MOST {
            self.known.retain(|known| known.is_open(now));
            if self.known.len() >= Self::MOST {
                return;
            }
        }
        self.known.push(Known {
            resource,
            window,
            left: exact(&window, reset) - later_ones as f64,
            at: now,
            told: now,
            length,
            before: *before,
        });
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
            known.reaches(need as f64, now)
        });
        ends.max()
    }

    /// The share left of the scarcest; 1 if nothing is known.
    pub(super) fn share_left(&self, model: &str, now: Instant) -> f64 {
        let open = self.open(model, now);
        open.filter_map(|known| share(known.level(now) as u64, known.window.limit?))
            .fold(1.0, f64::min)
    }

    /// Of each window that begins anew: the share that is left of it, when that is lost, and how long the window is at least.
    pub(super) fn perishable<'a>(
        &'a self,
        model: &'a str,
        now: Instant,
    ) -> impl Iterator<Item = (f64, Instant, Duration)> + 'a {
        self.open(model, now).filter_map(move |known| {
            let share = share(known.level(now) as u64, known.window.limit?)?;
            let reset = known
                .window
                .reset
                .filter(|_| known.window.refill.is_none())?;
            Some((
                share,
                reset,
                known.length.max(known.window.per.unwrap_or_default()),
            ))
        })
    }

    pub(super) fn status(&self, model: Option<&Arc<str>>, now: Instant) -> Vec<WindowStatus> {
        let open = self.known.iter().filter(|known| known.is_open(now));
        let status = open.map(|known| {
            let left = known.level(now) as u64;
            let limit = known.window.limit;
            WindowStatus {
                what: known.resource.as_str(),
                model: model.cloned().or(known.window.family.map(Into::into)),
                used: limit.map_or(0, |limit| limit.saturating_sub(left)),
                limit,
                resets_in: known
                    .full_at(now)
                    .map(|at| at.saturating_duration_since(now)),
                told: true,
            }
        });
        status.collect()
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

impl Known {
    /// What vendors have, where they do not say when it begins anew.
    const MINUTE: Duration = Duration::from_secs(60);

    /// Is anything known of it still?
    fn is_open(&self, now: Instant) -> bool {
        let end = match (self.window.refill, self.window.reset) {
            (Some(refill), _) => later(self.at, refill),
            (None, Some(reset)) => reset,
            (None, None) => later(
                self.told,
                self.window.per.unwrap_or(Self::MINUTE).min(Self::MINUTE),
            ),
        };
        end > now
    }

    /// What comes back in a second.
    fn rate(&self) -> Option<f64> {
        let refill = self.window.refill.filter(|refill| !refill.is_zero())?;
        Some(self.window.limit? as f64 / refill.as_secs_f64())
    }

    /// What is left now; less than nothing if more was begun than there was.
    fn level(&self, now: Instant) -> f64 {
        let (Some(rate), Some(limit)) = (self.rate(), self.window.limit) else {
            return self.left;
        };
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + passed * rate).min(limit as f64)
    }

    /// When there is so much of it; none if there is now, or if nobody knows.
    fn reaches(&self, need: f64, now: Instant) -> Option<Instant> {
        // Sums of fractions are not exact.
        const SLACK: f64 = 1e-6;
        let missing = need - self.level(now);
        if missing <= SLACK {
            return None;
        }
        match self.rate() {
            Some(rate) => {
                let wait = Duration::try_from_secs_f64(missing / rate).unwrap_or(Duration::MAX);
                // Never a moment too early.
                Some(later(now, wait.saturating_add(Duration::from_millis(1))))
            }
            None => self.window.reset.or_else(|| {
                let per = self.window.per.filter(|per| *per <= Self::MINUTE)?;
                Some(later(self.told, per))
            }),
        }
    }

    /// When all of it is there again.
    fn full_at(&self, now: Instant) -> Option<Instant> {
        match self.window.limit {
            Some(limit) if self.rate().is_some() => {
                Some(self.reaches(limit as f64, now).unwrap_or(now))
            }
            _ => self.window.reset,
        }
    }
}

/// What is left, with the fraction that vendors leave out: of a bucket that fills little by little the time until it is full tells it.
fn exact(window: &RateWindow, reset: Option<Duration>) -> f64 {
    let remaining = window.remaining as f64;
    let (Some(refill), Some(limit), Some(reset)) = (window.refill, window.limit, reset) else {
        return remaining;
    };
    let missing = reset.as_secs_f64() / refill.as_secs_f64().max(f64::MIN_POSITIVE);
    (limit as f64 * (1.0 - missing)).clamp(remaining, remaining + 1.0)
}

fn of(amounts: &Amounts, resource: Resource) -> u64 {
    match resource {
        Resource::Requests => amounts.requests,
        Resource::Tokens => amounts.tokens(),
        Resource::InputTokens => amounts.input,
        Resource::OutputTokens => amounts.output,
        // Nobody knows what share a call takes.
        Resource::Subscription => 0,
    }
}
