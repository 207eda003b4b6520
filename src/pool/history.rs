//! What earlier calls have told of an account, model by model.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::cooldown::later;
use crate::dialect::{RateWindow, RateWindows, Resource};

/// What is known of the models of one account.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    models: HashMap<Arc<str>, Past>,
}

#[derive(Clone, Debug)]
struct Past {
    first_content: Option<PeakEwma>,
    /// Windows of the vendor, and when they were told of.
    windows: Vec<(Resource, RateWindow, Instant)>,
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

    /// The vendor told of its limits.
    pub(super) fn told(&mut self, model: &Arc<str>, windows: &RateWindows, now: Instant) {
        let past = self.past(model, now);
        for (resource, window) in windows.iter() {
            match past.windows.iter_mut().find(|known| known.0 == resource) {
                Some(known) => *known = (resource, window, now),
                None => past.windows.push((resource, window, now)),
            }
        }
    }

    /// The share left of the scarcest of the vendor's windows; 1 if nothing is known. Calls in flight are taken for ones it has not
    /// counted yet.
    pub(super) fn share_left(&self, model: &str, in_flight: u32, now: Instant) -> f64 {
        // What vendors have, where they do not say when it begins anew.
        const MINUTE: Duration = Duration::from_secs(60);
        let past = self.models.get(model);
        past.into_iter()
            .flat_map(|past| &past.windows)
            .filter(|(_, window, told)| window.reset.unwrap_or_else(|| later(*told, MINUTE)) > now)
            .filter_map(|(resource, window, _)| {
                let pending = match resource {
                    Resource::Requests => in_flight.into(),
                    _ => 0,
                };
                share(window.remaining.saturating_sub(pending), window.limit?)
            })
            .fold(1.0, f64::min)
    }

    fn past(&mut self, model: &Arc<str>, now: Instant) -> &mut Past {
        if self.models.len() >= Self::MAX_MODELS && !self.models.contains_key(model) {
            self.models
                .retain(|_, past| now.saturating_duration_since(past.at) < Self::STALE);
            if self.models.len() >= Self::MAX_MODELS {
                self.models.clear();
            }
        }
        let past = self.models.entry(model.clone()).or_insert(Past {
            first_content: None,
            windows: Vec::new(),
            at: now,
        });
        past.at = now;
        past
    }
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
