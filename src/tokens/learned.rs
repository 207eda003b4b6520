//! What real counts teach of the estimate.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// One call in so many is learned from. Of a model that is known, one in so many of those: its whole body is read for it.
const EVERY: u64 = 16;
const RARELY: u64 = 16;
/// A body of so many bytes more is read as many times more rarely, so that reading costs no more for each byte.
const LONG: usize = 8 << 10;
/// So many calls make a model known.
const KNOWN: u32 = 8;
/// What the latest call counts for, once a model is known; before, all count the same.
const SHARE: f64 = 0.1;
/// The bounds of a factor.
const LEAST: f64 = 0.25;
const MOST: f64 = 4.0;
/// Smaller calls are mostly what vendors add of their own.
const SMALL: u64 = 64;
/// The most models that are remembered: their names are the configuration's, but patterns let callers choose.
const MODELS: usize = 1024;
/// How long a vendor that counts nothing is not asked again.
const REST: Duration = Duration::from_secs(600);

/// The factor of each model, and who counts nothing. Shared by all calls.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    turn: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    models: HashMap<Arc<str>, Factor>,
    /// By vendor and model: some vendors say of an unknown model what others say of an unknown endpoint.
    silent: HashMap<(String, String), Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Factor {
    value: f64,
    calls: u32,
}

impl Learned {
    /// Is a call of this model to be learned from, whose body has so many bytes? `decoded`: its conversation was read anyway.
    pub(crate) fn wants(&self, model: &str, decoded: bool, bytes: usize) -> bool {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let due = turn.is_multiple_of(EVERY);
        let rare = EVERY * RARELY * (1 + bytes / LONG) as u64;
        if !due && !decoded {
            return false;
        }
        let known = |factor: &Factor| factor.calls >= KNOWN;
        let known = self.lock().models.get(model).is_some_and(known);
        !known || turn.is_multiple_of(if decoded { EVERY } else { rare })
    }

    /// A vendor counted `real` tokens where `estimate` were expected.
    pub(crate) fn note(&self, model: &Arc<str>, estimate: u64, real: u64) {
        if estimate < SMALL || real == 0 {
            return;
        }
        let ratio = (real as f64 / estimate as f64).clamp(LEAST, MOST);
        let mut inner = self.lock();
        if inner.models.len() >= MODELS && !inner.models.contains_key(model) {
            return;
        }
        let factor = inner.models.entry(model.clone()).or_insert(Factor {
            value: ratio,
            calls: 0,
        });
        factor.calls = factor.calls.saturating_add(1);
        let share = SHARE.max(1.0 / f64::from(factor.calls));
        factor.value += share * (ratio - factor.value);
    }

    /// The estimate, corrected.
    pub(crate) fn corrected(&self, model: &str, estimate: u64) -> u64 {
        let factor = self.lock().models.get(model).map_or(1.0, |f| f.value);
        (estimate as f64 * factor).round() as u64
    }

    /// This vendor counts nothing of this model's.
    pub(crate) fn silent(&self, provider: &str, model: &str) {
        let mut inner = self.lock();
        if inner.silent.len() >= MODELS {
            inner.silent.clear();
        }
        let key = (provider.to_owned(), model.to_owned());
        inner.silent.insert(key, Instant::now());
    }

    /// Is it known to count nothing?
    pub(crate) fn is_silent(&self, provider: &str, model: &str) -> bool {
        let key = (provider.to_owned(), model.to_owned());
        let told = self.lock().silent.get(&key).copied();
        told.is_some_and(|told| told.elapsed() < REST)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn factors_follow_what_is_counted_within_bounds() {
        let learned = Learned::default();
        let model: Arc<str> = "m".into();
        assert_eq!(learned.corrected("m", 100), 100);
        learned.note(&model, 10, 1_000);
        assert_eq!(learned.corrected("m", 100), 100, "too small to tell");
        learned.note(&model, 100, 150);
        assert_eq!(learned.corrected("m", 100), 150);
        learned.note(&model, 100, 130);
        assert_eq!(
            learned.corrected("m", 100),
            140,
            "the first ones count the same"
        );
        for _ in 0..100 {
            learned.note(&model, 100, 1_000_000);
        }
        assert_eq!(learned.corrected("m", 100), 400);
        assert_eq!(learned.corrected("other", 100), 100);
        for n in 0..2 * MODELS {
            learned.note(&format!("m{n}").into(), 100, 200);
        }
        assert_eq!(learned.lock().models.len(), MODELS);

        learned.silent("v", "m");
        assert!(learned.is_silent("v", "m"));
        assert!(!learned.is_silent("w", "m") && !learned.is_silent("v", "n"));
        tokio::time::advance(REST).await;
        assert!(!learned.is_silent("v", "m"));
    }

    #[test]
    fn only_some_calls_are_learned_from() {
        let learned = Learned::default();
        let model: Arc<str> = "m".into();
        let wanted = |decoded| {
            let wants = |_: &i32| learned.wants("m", decoded, 0);
            (0..160).filter(wants).count()
        };
        assert_eq!((wanted(false), wanted(true)), (10, 160));
        for _ in 0..KNOWN {
            learned.note(&model, 100, 100);
        }
        assert_eq!(wanted(true), 10);
        let of = |bytes| {
            let wants = |_: &u64| learned.wants("m", false, bytes);
            (0..EVERY * RARELY * 6).filter(wants).count()
        };
        assert_eq!((of(0), of(LONG - 1), of(2 * LONG)), (6, 6, 2));
    }
}
