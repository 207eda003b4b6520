//! Which models are hedged, and what is known of them.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::{
    histogram::Histogram,
    policy::HedgePolicy,
    share::Share,
    status::{HedgeDelay, HedgeKind, HedgeStatus},
};
use crate::pattern::{Pattern, Patterns};

/// The models whose calls are hedged. Clones share everything. See the [module docs](crate::hedge).
#[derive(Clone, Default)]
pub struct Hedges(Arc<ArcSwap<Rules>>);

#[derive(Clone, Default)]
struct Rules {
    exact: HashMap<Arc<str>, Option<Arc<Rule>>>,
    patterns: Patterns<Option<Arc<Rule>>>,
}

/// What holds for the models of one name.
pub(super) struct Rule {
    name: Arc<str>,
    pub(super) policy: HedgePolicy,
    pub(super) known: Arc<Known>,
}

/// What a change of the policy leaves as it is.
#[derive(Default)]
pub(super) struct Known {
    pub(super) share: Share,
    pub(super) calls: AtomicU64,
    pub(super) hedged: AtomicU64,
    pub(super) won: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) alone: AtomicU64,
    times: Mutex<HashMap<(Arc<str>, HedgeKind), Histogram>>,
}

/// How long calls of one kind are to be expected to take.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usual {
    /// Until then nothing is unusual; none as long as nobody knows.
    pub(super) delay: Option<Duration>,
    /// Half of them take longer.
    pub(super) median: Option<Duration>,
    samples: f64,
}

impl Hedges {
    /// No model is hedged.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the model of this name is hedged; none is not at all. One `*` in the name stands for one or more characters. An exact name
    /// goes before a pattern, and among patterns the more specific. Clones see it too.
    #[must_use]
    pub fn model(
        mut self,
        name: impl Into<Arc<str>>,
        policy: impl Into<Option<HedgePolicy>>,
    ) -> Self {
        let (name, policy) = (name.into(), policy.into());
        // As long as there are no clones, the rules need not be copied for each model.
        if let Some(own) = Arc::get_mut(&mut self.0) {
            let mut rules = std::mem::take(own).into_inner();
            Arc::make_mut(&mut rules).set(name, policy, Arc::default());
            *own = ArcSwap::new(rules);
            return self;
        }
        self.0.rcu(|rules| {
            let mut rules = Rules::clone(rules);
            rules.set(name.clone(), policy.clone(), Arc::default());
            rules
        });
        self
    }

    /// Takes over the policies of `other` in place of its own, for all clones. What is known of models that are in both stays.
    pub fn replace(&self, other: &Self) {
        let other = other.0.load_full();
        self.0.rcu(|old| {
            let mut rules = Rules::default();
            for (name, rule) in other.all() {
                let known = old.named(&name).map(|rule| rule.known.clone());
                let policy = rule.map(|rule| rule.policy.clone());
                rules.set(name, policy, known.unwrap_or_default());
            }
            rules
        });
    }

    /// What came of it, model by model, by name.
    pub fn snapshot(&self) -> Vec<HedgeStatus> {
        let rules = self.0.load();
        let all = rules.all().filter_map(|(_, rule)| rule);
        let mut all: Vec<_> = all.map(|rule| rule.status()).collect();
        all.sort_by(|a, b| a.model.cmp(&b.model));
        all
    }

    pub(super) fn rule(&self, model: &str) -> Option<Arc<Rule>> {
        let rules = self.0.load();
        match rules.exact.get(model) {
            Some(rule) => rule.clone(),
            None => rules.patterns.find(model)?.0.clone(),
        }
    }
}

impl Rules {
    fn set(&mut self, name: Arc<str>, policy: Option<HedgePolicy>, known: Arc<Known>) {
        let rule = policy.map(|policy| {
            Arc::new(Rule {
                name: name.clone(),
                policy,
                known,
            })
        });
        match Pattern::of(&name) {
            None => {
                self.exact.insert(name, rule);
            }
            Some(pattern) => self.patterns.set(pattern, rule),
        }
    }

    fn all(&self) -> impl Iterator<Item = (Arc<str>, Option<&Arc<Rule>>)> {
        let exact = self.exact.iter();
        let exact = exact.map(|(name, rule)| (name.clone(), rule.as_ref()));
        let patterns = self.patterns.iter();
        exact.chain(patterns.map(|(pattern, rule)| (pattern.name().into(), rule.as_ref())))
    }

    /// The rule of exactly this name.
    fn named(&self, name: &str) -> Option<&Arc<Rule>> {
        match Pattern::of(name) {
            None => self.exact.get(name)?.as_ref(),
            Some(pattern) => self.patterns.get(&pattern)?.as_ref(),
        }
    }
}

impl Rule {
    pub(super) fn usual(&self, model: &Arc<str>, kind: HedgeKind) -> Usual {
        let times = self.known.times.lock();
        let times = times.unwrap_or_else(PoisonError::into_inner);
        self.by(times.get(&(model.clone(), kind)))
    }

    fn by(&self, times: Option<&Histogram>) -> Usual {
        let samples = times.map_or(0.0, Histogram::samples);
        let percentile = self.policy.quantile();
        let percentile = percentile.and_then(|share| times?.quantile(share));
        Usual {
            delay: self.policy.delay(percentile, samples),
            median: times.and_then(|times| times.quantile(0.5)),
            samples,
        }
    }

    fn status(&self) -> HedgeStatus {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let known = &*self.known;
        let times = known.times.lock().unwrap_or_else(PoisonError::into_inner);
        let delays = times.iter().map(|((model, kind), times)| {
            let usual = self.by(Some(times));
            HedgeDelay {
                model: model.clone(),
                kind: *kind,
                samples: usual.samples as u64,
                delay: usual.delay,
            }
        });
        let mut delays: Vec<_> = delays.collect();
        drop(times);
        delays.sort_by(|a, b| (&a.model, a.kind).cmp(&(&b.model, b.kind)));
        HedgeStatus {
            model: self.name.clone(),
            calls: read(&known.calls),
            hedged: read(&known.hedged),
            won: read(&known.won),
            refused: read(&known.refused),
            alone: read(&known.alone),
            delays,
        }
    }
}

impl Known {
    /// More names than any pattern is asked for. Callers may choose them.
    const MAX_MODELS: usize = 512;

    /// A first attempt took so long, or had no content even then.
    pub(super) fn took(&self, model: &Arc<str>, kind: HedgeKind, after: Duration) {
        let now = Instant::now();
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (model.clone(), kind);
        if times.len() >= Self::MAX_MODELS && !times.contains_key(&key) {
            times.clear();
        }
        let times = times.entry(key).or_insert_with(|| Histogram::new(now));
        times.add(after, now);
    }
}

impl fmt::Debug for Hedges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = self.0.load();
        let all = rules.all();
        f.debug_map()
            .entries(all.map(|(name, rule)| (name, rule.map(|rule| rule.policy.clone()))))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_most_specific_name_counts_and_what_is_known_outlives_a_change() {
        let of = |percent| HedgePolicy::new().percentile(percent).min_samples(1);
        let hedges = Hedges::new()
            .model("claude-*", of(90.0))
            .model("claude-o*", of(80.0))
            .model("claude-one", None);
        let found = |model: &str| hedges.rule(model).map(|rule| rule.policy.clone());
        assert_eq!(found("claude-two"), Some(of(90.0)));
        assert_eq!(found("claude-old"), Some(of(80.0)));
        assert_eq!(found("claude-one"), None, "not by the pattern either");
        assert_eq!(found("gpt"), None);

        let rule = hedges.rule("claude-two").unwrap();
        let took = Duration::from_millis(300);
        for n in 0..2_000 {
            let name = format!("claude-{n}").into();
            rule.known.took(&name, HedgeKind::Stream, took);
        }
        assert!(rule.status().delays.len() <= Known::MAX_MODELS);
        rule.known.calls.store(7, Ordering::Relaxed);
        hedges.replace(&Hedges::new().model("claude-*", of(70.0)));
        assert_eq!(found("claude-one"), Some(of(70.0)));
        let [status] = hedges.snapshot().try_into().unwrap();
        assert_eq!((&*status.model, status.calls), ("claude-*", 7));
        let delay = status.delays[0].delay.unwrap();
        assert!(delay >= took && delay <= took.mul_f64(1.1), "{delay:?}");
    }
}
