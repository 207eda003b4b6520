//! For how long an account is left alone, and why.
//!
//! A cooldown is *firm* if the vendor named its end, and *soft* if it is this gateway's guess. Nobody is called before the end
//! of a firm one; a soft one yields when there is nobody else.

use std::{mem, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    breaker::{Breaker, BreakerState, Probe},
    models::Models,
    ramp::Ramp,
};
use crate::{
    error::{Blame, Error, ErrorKind, Scope},
    rng::Rng,
};

/// What the pool of a call says about cooldowns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// How long a soft one lasts, and the first opening of a breaker; zero is never.
    pub(super) cooldown: Duration,
    /// How many failures in a row open the breaker; zero is never.
    pub(super) failures: u32,
}

impl Rules {
    pub(super) const DEFAULT: Self = Self {
        cooldown: Duration::from_secs(30),
        failures: 3,
    };

    /// For a refused key or an empty purse: nothing that mends itself soon.
    const LONG: Duration = Duration::from_secs(600);
}

/// What a failure does to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Nothing,
    /// One more failure in a row.
    Strike,
    Out {
        scope: Scope,
        after: Duration,
        firm: bool,
    },
}

impl Verdict {
    fn of(error: &Error, rules: &Rules) -> Self {
        // A vendor that says "at once" has named no end.
        let named = error.retry_after().filter(|after| !after.is_zero());
        let (scope, guess) = match error.policy().blame {
            Blame::Caller | Blame::Nobody => return Self::Nothing,
            Blame::Breaker => return Self::Strike,
            Blame::AccountRate => (error.scope(), rules.cooldown),
            Blame::AccountQuota => (Scope::Account, Rules::LONG.max(rules.cooldown)),
            // Nobody names an end for a key that is refused.
            Blame::AccountKey => {
                let after = Rules::LONG.max(rules.cooldown);
                return Self::soft(Scope::Account, after, rules);
            }
        };
        match named {
            Some(after) => Self::Out {
                scope,
                after,
                firm: true,
            },
            None => Self::soft(scope, guess, rules),
        }
    }

    const fn soft(scope: Scope, after: Duration, rules: &Rules) -> Self {
        if rules.cooldown.is_zero() {
            return Self::Nothing;
        }
        Self::Out {
            scope,
            after,
            firm: false,
        }
    }
}

/// All that is held against one account: as a whole, and for each model.
#[derive(Clone, Debug, Default)]
pub(super) struct Cooldowns {
    account: Record,
    models: Models<Record>,
    /// So many calls were sent to find out about half-open breakers.
    probes: u64,
}

/// What is held against an account, or against a model of it.
#[derive(Clone, Debug, Default)]
struct Record {
    firm: Option<Cooldown>,
    soft: Option<Cooldown>,
    breaker: Breaker,
    /// It comes back step by step.
    ramp: Option<Ramp>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Cooldown {
    pub(super) until: Instant,
    pub(super) reason: ErrorKind,
}

/// What stands between an account and a call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// The end of the firm cooldown.
    pub(super) firm: Option<Instant>,
    /// The end of the soft one.
    pub(super) soft: Option<Instant>,
    /// A breaker is half-open, and another call is finding out.
    pub(super) probed: bool,
    /// It comes back step by step, and those of this step are under way.
    pub(super) ramping: bool,
}

/// An account, or a model of it, went out or came back: worth one line in the log.
#[derive(Debug)]
pub(super) enum Change {
    Out {
        model: Option<Arc<str>>,
        cooldown: Cooldown,
        firm: bool,
    },
    Back {
        model: Option<Arc<str>>,
    },
}

/// A model's own record, or the account's.
type Which<'a> = Option<&'a Arc<str>>;

impl Cooldowns {
    /// More models than any account has: beyond it, records of mere strikes are forgotten. Callers may choose names.
    const MAX_MODELS: usize = 1024;

    /// Is nothing held against it at all, not even a failure?
    #[inline]
    pub(super) fn is_clear(&self) -> bool {
        self.models.is_empty() && self.account.is_clean() && !self.account.breaker.is_probed()
    }

    /// What stands between this account and a call for `model` at `now`.
    pub(super) fn held(&self, model: &str, now: Instant) -> Held {
        let own = self.models.get(model);
        let mut held = Held::default();
        for record in std::iter::once(&self.account).chain(own) {
            let end =
                |cooldown: Option<Cooldown>| cooldown.map(|c| c.until).filter(|until| *until > now);
            held.firm = held.firm.max(end(record.firm));
            held.soft = held.soft.max(end(record.soft));
            held.probed |= record.breaker.is_probed();
            held.ramping |= record.ramp.is_some_and(|ramp| !ramp.has_room(now));
        }
        held
    }

    /// A call for `model` begins. If a breaker is half-open, this is the one that finds out.
    pub(super) fn begin(&mut self, model: &str) -> Option<Probe> {
        self.both(model)
            .filter_map(|record| record.ramp.as_mut())
            .for_each(Ramp::begin);
        let is_half_open = |record: &Record| record.breaker_state() == BreakerState::HalfOpen;
        if !is_half_open(&self.account) && !self.models.get(model).is_some_and(is_half_open) {
            return None;
        }
        self.probes = self.probes.wrapping_add(1);
        let probe = Probe(self.probes);
        for record in self.both(model).filter(|record| is_half_open(record)) {
            record.breaker.begin(probe);
        }
        Some(probe)
    }

    /// A call is over, however it ended.
    pub(super) fn over(&mut self, model: &str) {
        self.both(model)
            .filter_map(|record| record.ramp.as_mut())
            .for_each(Ramp::over);
    }

    /// The call that was to find out is over.
    pub(super) fn release(&mut self, model: &str, probe: Probe) {
        for record in self.both(model) {
            record.breaker.release(probe);
        }
    }

    /// A call failed.
    pub(super) fn failed(
        &mut self,
        model: Which<'_>,
        error: &Error,
        rules: &Rules,
        rng: &Rng,
        now: Instant,
    ) -> Option<Change> {
        match Verdict::of(error, rules) {
            Verdict::Nothing => None,
            Verdict::Strike => {
                let record = self.record(model);
                record.breaker.failed();
                let opens = record.breaker.judge(record.is_cooling(now), rules, rng)?;
                let after = opens.max(error.retry_after().unwrap_or_default());
                self.cool(model, error.kind(), after, false, now)
            }
            Verdict::Out { scope, after, firm } => {
                let model = model.filter(|_| scope == Scope::Model);
                if error.kind() == ErrorKind::RateLimited && error.windows().is_empty() {
                    let ends = later(now, after.saturating_add(Ramp::LENGTH));
                    self.record(model).ramp = Some(Ramp::until(ends));
                }
                self.cool(model, error.kind(), after, firm, now)
            }
        }
    }

    /// A stream broke after content.
    pub(super) fn broke(
        &mut self,
        model: &Arc<str>,
        reason: ErrorKind,
        rules: &Rules,
        rng: &Rng,
        now: Instant,
    ) -> Option<Change> {
        let record = self.record(Some(model));
        record.breaker.broke();
        let opens = record.breaker.judge(record.is_cooling(now), rules, rng)?;
        self.cool(Some(model), reason, opens, false, now)
    }

    /// The vendor told that nothing is left before `until`, for this model or all.
    pub(super) fn spent(
        &mut self,
        model: Which<'_>,
        until: Instant,
        now: Instant,
    ) -> Option<Change> {
        let after = until.saturating_duration_since(now);
        self.cool(model, ErrorKind::RateLimited, after, true, now)
    }

    /// A call began well. One that was `forced`, sent in spite of a soft cooldown, ends that too.
    pub(super) fn succeeded(
        &mut self,
        model: &Arc<str>,
        probe: Option<Probe>,
        forced: bool,
    ) -> Vec<Change> {
        for record in self.both(model) {
            let finds_out = forced || record.breaker.is_probe(probe);
            record.breaker.began(finds_out);
            // Those that were under way when it was refused tell nothing.
            if !record.is_out()
                && let Some(ramp) = &mut record.ramp
            {
                ramp.grow();
            }
        }
        let mut changes = Vec::new();
        if forced {
            changes.extend(
                self.account
                    .forgive()
                    .then_some(Change::Back { model: None }),
            );
            if self.models.get_mut(model).is_some_and(Record::forgive) {
                let model = Some(model.clone());
                changes.push(Change::Back { model });
            }
        }
        self.forget(model);
        changes
    }

    /// An answer came whole.
    pub(super) fn completed(&mut self, model: &Arc<str>, probe: Option<Probe>, forced: bool) {
        for record in self.both(model) {
            let forced = forced && record.soft.is_none();
            let finds_out = forced || record.breaker.is_probe(probe);
            record.breaker.completed(finds_out);
        }
        self.forget(model);
    }

    /// The account was found healthy. What vendors named still stands, and what a check does not come up against: limits, empty
    /// purses, and models that fail at an account which is otherwise well. The account's own breaker closes; those of models are
    /// half-open at most, for a check asks no model.
    pub(super) fn healthy(&mut self) -> Vec<Change> {
        self.account.breaker.close();
        // The account's own record comes first.
        let mut whole = true;
        self.each(|record| {
            let whole = mem::replace(&mut whole, false);
            let mended = record.soft.is_some_and(|cooldown| match cooldown.reason {
                ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Authentication => true,
                ErrorKind::RateLimited | ErrorKind::QuotaExhausted => false,
                _ => whole,
            });
            mended && record.forgive()
        })
    }

    /// An operator says that all is well.
    pub(super) fn reset(&mut self) -> Vec<Change> {
        self.each(|record| {
            let was_out = record.is_out();
            *record = Record::default();
            was_out
        })
    }

    /// Lets go of what is over.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Change> {
        let is_idle = |record: &Record| !record.is_out() && record.ramp.is_none();
        if is_idle(&self.account) && self.models.iter().all(|(_, record)| is_idle(record)) {
            return Vec::new();
        }
        self.each(|record| {
            record.ramp = record.ramp.filter(|ramp| !ramp.is_over(now));
            let was_out = record.is_out();
            for slot in [&mut record.firm, &mut record.soft] {
                *slot = slot.filter(|cooldown| cooldown.until > now);
            }
            was_out && !record.is_out()
        })
    }

    /// Every cooldown: whose, which, and whether it is firm.
    pub(super) fn list(&self) -> impl Iterator<Item = (Which<'_>, Cooldown, bool)> {
        let models = self.models.iter();
        let models = models.map(|(model, record)| (Some(model), record));
        std::iter::once((None, &self.account))
            .chain(models)
            .flat_map(|(model, record)| {
                let firm = record.firm.map(|cooldown| (model, cooldown, true));
                let soft = record.soft.map(|cooldown| (model, cooldown, false));
                firm.into_iter().chain(soft)
            })
    }

    /// Every breaker that is not closed without a failure.
    pub(super) fn breakers(&self) -> impl Iterator<Item = (Which<'_>, BreakerState, u32)> {
        let models = self.models.iter();
        let models = models.map(|(model, record)| (Some(model), record));
        std::iter::once((None, &self.account))
            .chain(models)
            .filter(|(_, record)| !record.breaker.is_clean())
            .map(|(model, record)| (model, record.breaker_state(), record.breaker.strikes()))
    }

    fn cool(
        &mut self,
        model: Which<'_>,
        reason: ErrorKind,
        after: Duration,
        firm: bool,
        now: Instant,
    ) -> Option<Change> {
        let cooldown = Cooldown {
            until: later(now, after),
            reason,
        };
        let record = self.record(model);
        let was_out = record.is_out();
        let slot = if firm {
            &mut record.firm
        } else {
            &mut record.soft
        };
        // The later end counts: a second failure never shortens a cooldown.
        if slot.is_none_or(|standing| standing.until < cooldown.until) {
            *slot = Some(cooldown);
        }
        (!was_out).then(|| Change::Out {
            model: model.cloned(),
            cooldown,
            firm,
        })
    }

    fn record(&mut self, model: Which<'_>) -> &mut Record {
        let Some(model) = model else {
            return &mut self.account;
        };
        if self.models.len() >= Self::MAX_MODELS && self.models.get(model).is_none() {
            self.models.retain(|_, record| record.is_out());
        }
        self.models.entry(model, Record::default)
    }

    fn both(&mut self, model: &str) -> impl Iterator<Item = &mut Record> {
        std::iter::once(&mut self.account).chain(self.models.get_mut(model))
    }

    /// Applies `act` to every record; says for which of them it was true.
    fn each(&mut self, mut act: impl FnMut(&mut Record) -> bool) -> Vec<Change> {
        let mut changes = Vec::new();
        changes.extend(act(&mut self.account).then_some(Change::Back { model: None }));
        self.models.retain(|model, record| {
            if act(record) {
                let model = Some(model.clone());
                changes.push(Change::Back { model });
            }
            !record.is_clean()
        });
        changes
    }

    fn forget(&mut self, model: &str) {
        if self.models.get(model).is_some_and(Record::is_clean) {
            self.models.remove(model);
        }
    }
}

impl Record {
    const fn is_out(&self) -> bool {
        self.firm.is_some() || self.soft.is_some()
    }

    const fn is_clean(&self) -> bool {
        !self.is_out() && self.breaker.is_clean() && self.ramp.is_none()
    }

    /// Does the soft cooldown still run?
    fn is_cooling(&self, now: Instant) -> bool {
        self.soft.is_some_and(|cooldown| cooldown.until > now)
    }

    const fn breaker_state(&self) -> BreakerState {
        self.breaker.state(self.soft.is_some())
    }

    /// Ends the soft cooldown; true if nothing else stands.
    fn forgive(&mut self) -> bool {
        self.soft.take().is_some() && self.firm.is_none()
    }
}

/// `now + after`; vendors name what they like.
pub(super) fn later(now: Instant, after: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    now.checked_add(after.min(CENTURY)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Arc<str> {
        "large".into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_state_is_told_once() {
        let now = Instant::now();
        let mut cooldowns = Cooldowns::default();
        let rng = Rng::seeded(1);
        let mut fail = |kind, seconds, at| {
            let after = Duration::from_secs(seconds);
            let error = Error::new(kind, "").with_retry_after(after);
            cooldowns.failed(Some(&model()), &error, &Rules::DEFAULT, &rng, at)
        };
        let out = fail(ErrorKind::RateLimited, 10, now);
        assert!(matches!(
            out,
            Some(Change::Out {
                model: Some(_),
                firm: true,
                ..
            })
        ));
        assert!(
            fail(ErrorKind::RateLimited, 20, now).is_none(),
            "it was out"
        );
        let later = now + Duration::from_secs(19);
        assert!(cooldowns.expire(later).is_empty());
        let later = now + Duration::from_secs(20);
        assert!(matches!(
            &*cooldowns.expire(later),
            [Change::Back { model: Some(_) }]
        ));
        assert!(cooldowns.expire(later).is_empty(), "it was back");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_limit_of_unknown_size_one_call_finds_out() {
        let now = Instant::now();
        let mut cooldowns = Cooldowns::default();
        let rng = Rng::seeded(1);
        let error = Error::new(ErrorKind::RateLimited, "").with_retry_after(Duration::from_secs(5));
        cooldowns.failed(Some(&model()), &error, &Rules::DEFAULT, &rng, now);
        let back = now + Duration::from_secs(5);
        cooldowns.expire(back);
        assert!(!cooldowns.held("large", back).ramping);
        cooldowns.begin("large");
        assert!(cooldowns.held("large", back).ramping, "one is enough");
        assert!(!cooldowns.held("small", back).ramping);
        cooldowns.succeeded(&model(), None, false);
        cooldowns.begin("large");
        assert!(!cooldowns.held("large", back).ramping, "two may go now");
        cooldowns.begin("large");
        assert!(cooldowns.held("large", back).ramping);
        cooldowns.over("large");
        assert!(!cooldowns.held("large", back).ramping, "a place is free");
        cooldowns.expire(back + Ramp::LENGTH);
        assert!(cooldowns.models.is_empty(), "nothing is left of it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_ends_only_what_it_can_see() {
        let now = Instant::now();
        for (kind, whole, mended) in [
            (ErrorKind::Connection, false, true),
            (ErrorKind::Timeout, false, true),
            (ErrorKind::Authentication, false, true),
            (ErrorKind::Server, true, true),
            (ErrorKind::Server, false, false),
            (ErrorKind::Overloaded, false, false),
            (ErrorKind::RateLimited, false, false),
            (ErrorKind::QuotaExhausted, false, false),
        ] {
            let mut cooldowns = Cooldowns::default();
            let model = model();
            for _ in 0..3 {
                let error = Error::new(kind, "");
                let of = (!whole).then_some(&model);
                cooldowns.failed(of, &error, &Rules::DEFAULT, &Rng::seeded(1), now);
            }
            assert_eq!(cooldowns.list().count(), 1, "{kind}");
            let changes = cooldowns.healthy();
            assert_eq!(changes.len(), usize::from(mended), "{kind}");
            assert_eq!(cooldowns.list().count(), usize::from(!mended), "{kind}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn names_that_callers_choose_do_not_fill_the_memory() {
        let now = Instant::now();
        let mut cooldowns = Cooldowns::default();
        for index in 0..10_000 {
            let model: Arc<str> = format!("m{index}").into();
            let error = Error::new(ErrorKind::Server, "");
            cooldowns.failed(Some(&model), &error, &Rules::DEFAULT, &Rng::seeded(1), now);
        }
        assert!(cooldowns.models.len() <= Cooldowns::MAX_MODELS);
        cooldowns.reset();
        assert!(cooldowns.models.is_empty());
    }
}
