//! What earlier calls have told of an account, model by model.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    account::WindowStatus,
    guess::Guess,
    learned::{Asked, Learned},
    ledger::Amounts,
    models::Models,
};
use crate::{
    chat::Usage,
    dialect::{RateWindow, Resource},
    error::Scope,
    request::Priority,
    upstream::{Limits, Price},
};

/// What is known of the models of one account.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    models: Models<Past>,
    /// The vendor's windows for all models together.
    windows: Learned,
    /// Did a model have windows of its own, told or guessed?
    apart: bool,
}

/// What was begun before a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    /// Of its model.
    model: Amounts,
    all: Amounts,
    at: Instant,
}

impl Begun {
    /// The same, as of when the call is taken to have been sent.
    pub(super) const fn sent(self, at: Instant) -> Self {
        Self { at, ..self }
    }
}

#[derive(Clone, Debug)]
struct Past {
    first_content: Option<PeakEwma>,
    /// The vendor's windows for this model.
    windows: Learned,
    /// How long answers are, in tokens.
    output: Option<Spread>,
    /// How many tokens the vendor counts for one that is estimated: an average.
    factor: Option<f64>,
    /// Which share of the input is read from a cache: an average.
    cached: Option<f64>,
    /// What it takes in a minute, where the vendor only refuses.
    guess: Option<Box<Guess>>,
    /// When something was told last.
    at: Instant,
}

impl History {
    /// More models than any account has. Callers may choose names.
    const MAX_MODELS: usize = 1024;
    /// What is older may be forgotten.
    const STALE: Duration = Duration::from_secs(600);

    /// The first content came after so long.
    pub(super) fn first_content(&mut self, model: &Arc<str>, after: Duration, now: Instant) {
        let past = self.past(model, now);
        match &mut past.first_content {
            Some(ewma) => ewma.add(after, now),
            none => *none = Some(PeakEwma::new(after, now)),
        }
    }

    /// After how long the first content is to be expected.
    pub(super) fn expected(&self, model: &str, now: Instant) -> Option<Duration> {
        let ewma = self.models.get(model)?.first_content.as_ref()?;
        Some(ewma.value(now))
    }

    /// An answer was whole. The call's input was estimated at so many tokens.
    pub(super) fn used(&mut self, model: &Arc<str>, usage: &Usage, estimate: u64, now: Instant) {
        /// Of less the estimate is too rough to learn from.
        const LEAST: u64 = 50;
        let past = self.past(model, now);
        if let Some(output) = usage.total_output() {
            Spread::add(&mut past.output, output as f64);
        }
        if let Some(input) = usage.total_input().filter(|input| *input > 0) {
            if estimate >= LEAST {
                let factor = (input as f64 / estimate as f64).clamp(0.25, 4.0);
                past.factor.get_or_insert(1.0);
                average(&mut past.factor, factor);
            }
            let cached = usage.cache_read.unwrap_or(0) as f64 / input as f64;
            average(&mut past.cached, cached);
        }
    }

    /// Is nothing known of any window of the vendor's?
    pub(super) const fn is_unlimited(&self) -> bool {
        !self.apart && self.windows.is_empty()
    }

    /// What a call of so much input is to be expected to take: as far as is known, what those before it did.
    pub(super) fn foreseen(&self, model: &str, input: u64, price: Option<Price>) -> Amounts {
        foreseen(self.models.get(model), input, price)
    }

    /// A call of so much input begins: what it is taken to need, and what was begun before it.
    pub(super) fn begin(
        &mut self,
        model: &Arc<str>,
        input: u64,
        price: Option<Price>,
        now: Instant,
    ) -> (Amounts, Begun) {
        let past = self.models.get_mut(model);
        let amounts = foreseen(past.as_deref(), input, price);
        let past = match past {
            Some(past) => {
                past.at = now;
                past
            }
            None => self.past(model, now),
        };
        if let Some(guess) = &mut past.guess {
            guess.begin(&amounts, now);
        }
        let own = past.windows.begin(&amounts, now);
        let begun = Begun {
            at: now,
            model: own,
            all: self.windows.begin(&amounts, now),
        };
        (amounts, begun)
    }

    /// The call that began at `at` was never sent, or the vendor refused it for a limit.
    pub(super) fn undo(&mut self, model: &str, amounts: &Amounts, at: Instant) {
        self.windows.undo(amounts, at);
        if let Some(past) = self.models.get_mut(model) {
            past.windows.undo(amounts, at);
            if let Some(guess) = &mut past.guess {
                guess.undo(amounts, at);
            }
        }
    }

    /// The call that began at `at` and was taken to be `booked` turned out to be `real`.
    pub(super) fn settle(&mut self, model: &str, booked: &Amounts, real: &Amounts, at: Instant) {
        self.windows.settle(booked, real, at);
        if let Some(past) = self.models.get_mut(model) {
            past.windows.settle(booked, real, at);
            if let Some(guess) = &mut past.guess {
                guess.settle(booked, real, at);
            }
        }
    }

    /// The vendor told of a window, with the answer to a call that took `amounts`, which was read at `read`.
    pub(super) fn told(
        &mut self,
        model: &Arc<str>,
        (resource, window): (Resource, RateWindow),
        begun: &Begun,
        amounts: &Amounts,
        read: Instant,
        now: Instant,
    ) {
        let (windows, before) = match window.scope {
            Scope::Account => (&mut self.windows, &begun.all),
            Scope::Model => {
                self.apart = true;
                (&mut self.past(model, now).windows, &begun.model)
            }
        };
        let asked = Asked {
            before,
            amounts,
            sent: begun.at,
            read,
        };
        windows.told(resource, window, &asked, now);
    }

    /// A call was refused for a limit of which nothing was told, but perhaps when to come back.
    pub(super) fn refused(
        &mut self,
        model: &Arc<str>,
        amounts: &Amounts,
        after: Option<Duration>,
        now: Instant,
    ) {
        self.apart = true;
        let guess = &mut self.past(model, now).guess;
        let guess = guess.get_or_insert_with(|| Box::new(Guess::new(now)));
        guess.refused(amounts, after, now);
    }

    /// Has one of the vendor's windows no room for a call?
    pub(super) fn refuses(&mut self, model: &str, amounts: &Amounts, now: Instant) -> bool {
        let limits = &Limits::none();
        let room = self.room_at(limits, model, amounts, Priority::High, now);
        room.is_some()
    }

    /// See [`Learned::stands_for`].
    pub(super) fn stands_for(
        &self,
        resource: Resource,
        limit: u64,
        model: &str,
        now: Instant,
    ) -> bool {
        !self.is_unlimited()
            && self
                .windows(model)
                .any(|windows| windows.stands_for(resource, limit, model, now))
    }

    /// When the vendor's windows have room for a call, as far as they are known or guessed; none if they have now.
    pub(super) fn room_at(
        &mut self,
        limits: &Limits,
        model: &str,
        amounts: &Amounts,
        priority: Priority,
        now: Instant,
    ) -> Option<Instant> {
        if self.is_unlimited() {
            return None;
        }
        let windows = self.windows(model);
        let ends = windows.map(|windows| windows.room_at(limits, model, amounts, priority, now));
        let told = ends.max().flatten();
        let guess = self
            .models
            .get_mut(model)
            .and_then(|past| past.guess.as_mut());
        told.max(guess.and_then(|guess| guess.room_at(amounts, now)))
    }

    /// The share left of the scarcest of the vendor's windows; 1 if nothing is known.
    pub(super) fn share_left(&self, model: &str, now: Instant) -> f64 {
        let windows = self.windows(model);
        let shares = windows.map(|windows| windows.share_left(model, now));
        shares.fold(1.0, f64::min)
    }

    /// See [`Learned::perishable`].
    pub(super) fn perishable<'a>(
        &'a self,
        model: &'a str,
        now: Instant,
    ) -> impl Iterator<Item = (f64, Instant, Duration)> + 'a {
        let windows = self.windows(model);
        windows.flat_map(move |windows| windows.perishable(model, now))
    }

    /// The vendor's windows, as an operator sees them.
    pub(super) fn status(&self, now: Instant) -> Vec<WindowStatus> {
        let mut all = self.windows.status(None, now);
        let mut models: Vec<_> = self.models.iter().collect();
        models.sort_by_key(|(model, _)| *model);
        for (model, past) in models {
            all.extend(past.windows.status(Some(model), now));
        }
        all
    }

    /// Whatever vendors told of their windows no longer counts.
    pub(super) fn forget_windows(&mut self) {
        self.windows = Learned::default();
        self.apart = false;
        for past in self.models.values_mut() {
            past.windows = Learned::default();
            past.guess = None;
        }
    }

    /// Those for a model.
    fn windows<'a>(&'a self, model: &str) -> impl Iterator<Item = &'a Learned> + use<'a> {
        let own = self.models.get(model).map(|past| &past.windows);
        std::iter::once(&self.windows).chain(own)
    }

    fn past(&mut self, model: &Arc<str>, now: Instant) -> &mut Past {
        if self.models.len() >= Self::MAX_MODELS && self.models.get(model).is_none() {
            self.models
                .retain(|_, past| now.saturating_duration_since(past.at) < Self::STALE);
            if self.models.len() >= Self::MAX_MODELS {
                self.models.clear();
            }
        }
        let past = self.models.entry(model, || Past {
            first_content: None,
            windows: Learned::default(),
            output: None,
            factor: None,
            cached: None,
            guess: None,
            at: now,
        });
        past.at = now;
        past
    }
}

/// See [`History::foreseen`].
fn foreseen(past: Option<&Past>, input: u64, price: Option<Price>) -> Amounts {
    let cached = past.and_then(|past| past.cached).unwrap_or(0.0);
    let factor = past.and_then(|past| past.factor).unwrap_or(1.0);
    let output = past.and_then(|past| past.output.as_ref());
    let input = rounded_up(input as f64 * factor);
    let cached = ((input as f64 * cached) as u64).min(input);
    let output = output.map_or(0, |output| rounded_up(output.most()));
    let money = price.map_or(0, |price| {
        price.cost(&Usage {
            input: Some(input - cached),
            cache_read: Some(cached),
            output: Some(output),
            ..Usage::default()
        })
    });
    Amounts {
        requests: 1,
        input,
        cached,
        output,
        money,
    }
}

/// What `ceil` says, where that is a call into a library on most machines.
fn rounded_up(amount: f64) -> u64 {
    let whole = amount as u64;
    whole.saturating_add(u64::from((whole as f64) < amount))
}

/// An average, and how far off it single ones are.
#[derive(Clone, Debug)]
struct Spread {
    mean: f64,
    off: f64,
    /// The most of late.
    top: f64,
}

impl Spread {
    fn add(slot: &mut Option<Self>, newest: f64) {
        /// How much it counts. Those that are begun at the same time have to fit together, so this is no matter of a few.
        const NEWEST: f64 = 0.1;
        /// How much of the most is forgotten with each.
        const FORGOTTEN: f64 = 0.005;
        match slot {
            Some(known) => {
                known.off += ((newest - known.mean).abs() - known.off) * NEWEST;
                known.mean += (newest - known.mean) * NEWEST;
                known.top = newest.max(known.top - (known.top - known.mean) * FORGOTTEN);
            }
            none => {
                *none = Some(Self {
                    mean: newest,
                    off: 0.0,
                    top: newest,
                })
            }
        }
    }

    /// Hardly any is more.
    fn most(&self) -> f64 {
        (self.mean + 2.0 * self.off).min(self.top)
    }
}

/// The newest one counts a fifth.
fn average(slot: &mut Option<f64>, newest: f64) {
    let old = slot.unwrap_or(newest);
    *slot = Some(old + (newest - old) / 5.0);
}

/// `part` of `whole`; none of nothing.
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64).min(1.0))
}

/// An average that follows a rise at once and a fall slowly.
#[derive(Clone, Debug)]
struct PeakEwma {
    seconds: f64,
    at: Instant,
}

impl PeakEwma {
    /// What came before a new sample counts by this: after so long, e times less.
    const DECAY: Duration = Duration::from_secs(10);
    /// Without new samples it falls by this, so that who was slow once is tried again; slowly, because a try is somebody's call.
    const FADE: Duration = Duration::from_secs(100);

    const fn new(sample: Duration, now: Instant) -> Self {
        Self {
            seconds: sample.as_secs_f64(),
            at: now,
        }
    }

    fn add(&mut self, sample: Duration, now: Instant) {
        let sample = sample.as_secs_f64();
        let old = self.weight(Self::DECAY, now);
        self.seconds = (self.seconds * old + sample * (1.0 - old)).max(sample);
        self.at = now;
    }

    fn value(&self, now: Instant) -> Duration {
        let seconds = self.seconds * self.weight(Self::FADE, now);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    fn weight(&self, decay: Duration, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at);
        (-passed.as_secs_f64() / decay.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn a_rise_counts_at_once_and_a_fall_bit_by_bit() {
        let start = Instant::now();
        let mut ewma = PeakEwma::new(secs(1), start);
        ewma.add(secs(8), start);
        assert_eq!(ewma.value(start), secs(8));
        ewma.add(secs(1), start + secs(1));
        let soon = ewma.value(start + secs(1));
        assert!(soon > secs(7) && soon < secs(8), "{soon:?}");
        ewma.add(secs(1), start + secs(61));
        let later = ewma.value(start + secs(61));
        assert!(later < Duration::from_millis(1_050), "{later:?}");
        let faded = ewma.value(start + secs(1_061));
        assert!(faded < Duration::from_millis(1), "{faded:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn names_that_callers_choose_do_not_fill_the_memory() {
        let now = Instant::now();
        let mut history = History::default();
        for index in 0..5_000 {
            history.first_content(&format!("m{index}").into(), secs(1), now);
        }
        assert!(history.models.len() <= History::MAX_MODELS);
        assert_eq!(history.expected("m4999", now), Some(secs(1)));
    }
}
