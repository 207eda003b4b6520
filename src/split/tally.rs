//! The results of arms.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Arm, ArmReport, ArmTokens, Shadow, Splits, timing::Histogram};
use crate::{
    chat::Usage,
    error::Error,
    response::{ModelResponse, Outcome, Reply},
    trail::wall_clock,
    upstream::Price,
};

/// The results of all arms, as long as the process lives. Clones share them.
///
/// They belong to the split's name, the arm's and its model: who puts another model in an arm begins to count anew.
#[derive(Clone, Default)]
pub struct Arms(Arc<Mutex<BTreeMap<Key, Arc<Tally>>>>);

/// Which arm it is. Arms come before their split's shadow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    split: Arc<str>,
    shadow: bool,
    arm: Arc<str>,
    model: Arc<str>,
}

impl Arms {
    /// Nothing was counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was counted so far, by split, arm and model; shadows after the arms.
    pub fn report(&self) -> Vec<ArmReport> {
        let all: Vec<_> = self.lock().clone().into_iter().collect();
        all.iter().map(|(key, tally)| tally.report(key)).collect()
    }

    /// Begins to count anew. Calls that are under way are not counted as requests once more, only their ends.
    pub fn reset(&self) {
        for tally in self.lock().values() {
            let mut counts = tally.lock();
            let (running, role) = (counts.running, counts.role);
            *counts = Counts::new(role);
            counts.running = running;
        }
    }

    /// Forgets the results of arms that are not in these splits.
    pub fn retain(&self, splits: &Splits) {
        let known: HashSet<Key> = splits
            .each()
            .flat_map(|(name, split)| {
                let arms = split.arms.iter().map(|arm| Key::of_arm(name, arm));
                let shadow = split.shadow.iter().map(|s| Key::of_shadow(name, s));
                arms.chain(shadow)
            })
            .collect();
        self.lock().retain(|key, _| known.contains(key));
    }

    pub(super) fn arm(&self, split: &Arc<str>, arm: &Arm) -> Arc<Tally> {
        self.tally(Key::of_arm(split, arm), Role::Arm(arm.weight))
    }

    pub(super) fn shadow(&self, split: &Arc<str>, shadow: &Shadow) -> Arc<Tally> {
        self.tally(Key::of_shadow(split, shadow), Role::Shadow(shadow.share))
    }

    fn tally(&self, key: Key, role: Role) -> Arc<Tally> {
        let mut all = self.lock();
        let new = || Arc::new(Tally(Mutex::new(Counts::new(role))));
        let tally = all.entry(key).or_insert_with(new).clone();
        tally.lock().role = role;
        tally
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<Tally>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Arms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().keys()).finish()
    }
}

impl Key {
    fn of_arm(split: &Arc<str>, arm: &Arm) -> Self {
        Self {
            split: split.clone(),
            shadow: false,
            arm: arm.name.clone(),
            model: arm.model.clone(),
        }
    }

    fn of_shadow(split: &Arc<str>, shadow: &Shadow) -> Self {
        Self {
            split: split.clone(),
            shadow: true,
            arm: shadow.name.clone(),
            model: shadow.model.clone(),
        }
    }
}

/// The results of one arm.
#[derive(Debug)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Clone, Copy, Debug)]
enum Role {
    /// Its weight.
    Arm(u32),
    /// Its share.
    Shadow(f64),
}

#[derive(Debug)]
struct Counts {
    role: Role,
    since: u64,
    requests: u64,
    running: u64,
    completed: u64,
    cancelled: u64,
    errors: BTreeMap<&'static str, u64>,
    attempts: u64,
    first_content: Histogram,
    whole: Histogram,
    tokens: ArmTokens,
    cost_micros: u64,
    unpriced: u64,
    skipped: BTreeMap<&'static str, u64>,
    /// When the shadow's present day began, and what that has cost.
    day: Option<(Instant, u64)>,
}

impl Counts {
    fn new(role: Role) -> Self {
        Self {
            role,
            since: wall_clock(),
            requests: 0,
            running: 0,
            completed: 0,
            cancelled: 0,
            errors: BTreeMap::new(),
            attempts: 0,
            first_content: Histogram::default(),
            whole: Histogram::default(),
            tokens: ArmTokens::default(),
            cost_micros: 0,
            unpriced: 0,
            skipped: BTreeMap::new(),
            day: None,
        }
    }

    /// What the present day has cost.
    fn spent(&mut self, now: Instant) -> u64 {
        const DAY: Duration = Duration::from_secs(86_400);
        let today = |(began, _): &(Instant, u64)| now.saturating_duration_since(*began) < DAY;
        let (began, spent) = self.day.filter(today).unwrap_or((now, 0));
        self.day = Some((began, spent));
        spent
    }

    fn used(&mut self, usage: Option<Usage>, price: Option<Price>) {
        let (Some(usage), Some(price)) = (usage, price) else {
            self.unpriced += 1;
            self.tokens.add(&usage.unwrap_or_default());
            return;
        };
        self.tokens.add(&usage);
        let cost = price.cost(&usage);
        self.cost_micros = self.cost_micros.saturating_add(cost);
        if let Some((_, spent)) = &mut self.day {
            *spent = spent.saturating_add(cost);
        }
    }
}

impl ArmTokens {
    fn add(&mut self, usage: &Usage) {
        for (sum, tokens) in [
            (&mut self.input, usage.input),
            (&mut self.cache_read, usage.cache_read),
            (&mut self.cache_write, usage.cache_write),
            (&mut self.output, usage.output),
            (&mut self.reasoning, usage.reasoning),
        ] {
            *sum = sum.saturating_add(tokens.unwrap_or(0));
        }
    }
}

impl Tally {
    /// A call begins.
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        let mut counts = self.lock();
        counts.requests += 1;
        counts.running += 1;
        drop(counts);
        Running::new(self.clone())
    }

    /// A copy begins, if fewer are under way and less was spent on this day than may be; else why it does not.
    pub(super) fn begin_copy(self: &Arc<Self>, shadow: &Shadow) -> Result<Running, &'static str> {
        let mut counts = self.lock();
        let spent = counts.spent(Instant::now());
        if counts.running >= u64::from(shadow.concurrency) {
            return Err("busy");
        }
        if shadow.budget.is_some_and(|budget| spent >= budget) {
            return Err("budget");
        }
        counts.requests += 1;
        counts.running += 1;
        drop(counts);
        Ok(Running::new(self.clone()))
    }

    /// A copy was not made.
    pub(super) fn skipped(&self, why: &'static str) {
        *self.lock().skipped.entry(why).or_default() += 1;
    }

    fn report(&self, key: &Key) -> ArmReport {
        let counts = self.lock();
        let (weight, share) = match counts.role {
            Role::Arm(weight) => (Some(weight), None),
            Role::Shadow(share) => (None, Some(share)),
        };
        ArmReport {
            split: key.split.to_string(),
            arm: key.arm.to_string(),
            model: key.model.to_string(),
            shadow: key.shadow,
            weight,
            share,
            since: counts.since,
            requests: counts.requests,
            running: counts.running,
            completed: counts.completed,
            cancelled: counts.cancelled,
            errors: counts.errors.clone(),
            attempts: counts.attempts,
            first_content: counts.first_content.timing(),
            whole: counts.whole.timing(),
            tokens: counts.tokens,
            cost_micros: counts.cost_micros,
            unpriced: counts.unpriced,
            skipped: counts.skipped.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is under way. Dropped before its end was told, it was cancelled.
#[derive(Debug)]
pub(super) struct Running {
    tally: Arc<Tally>,
    began: Instant,
    price: Option<Price>,
    over: bool,
}

impl Running {
    fn new(tally: Arc<Tally>) -> Self {
        Self {
            tally,
            began: Instant::now(),
            price: None,
            over: false,
        }
    }

    /// It was answered; the answer may still be running.
    pub(super) fn answered(&mut self, response: &ModelResponse) {
        self.price = response.price;
        let mut counts = self.tally.lock();
        counts.attempts += u64::from(response.served.attempts);
        if matches!(response.reply, Reply::Stream(_)) {
            counts.first_content.add(self.began.elapsed());
        }
    }

    /// It failed before it was answered.
    pub(super) fn failed(mut self, error: &Error) {
        self.over(|counts| *counts.errors.entry(error.kind().as_str()).or_default() += 1);
    }

    /// The answer is over.
    pub(super) fn ended(mut self, outcome: &Outcome) {
        let (took, price) = (self.began.elapsed(), self.price);
        self.over(|counts| {
            match outcome {
                Outcome::Completed { .. } => {
                    counts.completed += 1;
                    counts.whole.add(took);
                }
                Outcome::Broken { error, .. } => {
                    *counts.errors.entry(error.kind().as_str()).or_default() += 1;
                }
                Outcome::Cancelled { .. } => counts.cancelled += 1,
            }
            counts.used(outcome.usage(), price);
        });
    }

    /// It is not to be counted after all.
    pub(super) fn undone(mut self, why: &'static str) {
        self.over(|counts| {
            counts.requests = counts.requests.saturating_sub(1);
            *counts.skipped.entry(why).or_default() += 1;
        });
    }

    fn over(&mut self, note: impl FnOnce(&mut Counts)) {
        if !std::mem::replace(&mut self.over, true) {
            let mut counts = self.tally.lock();
            counts.running = counts.running.saturating_sub(1);
            note(&mut counts);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.over(|counts| counts.cancelled += 1);
    }
}
