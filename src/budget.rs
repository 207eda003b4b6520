//! What a call may spend, and what all calls together may spend on trying again.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// One call's deadline and attempts, shared by retry, failover and pool, and by every clone of the request.
#[derive(Clone)]
pub struct CallBudget {
    deadline: Option<Instant>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    made: AtomicU32,
    /// Attempts kept back for models that failover has not tried yet.
    reserved: AtomicU32,
    /// Attempts that had been made when the target at hand got its turn.
    base: AtomicU32,
    /// Microseconds spent waiting for accounts.
    waited: AtomicU64,
    /// How many attempts there may be, and what all calls together may try again.
    limits: OnceLock<(u32, RetryBudget)>,
    /// What a further attempt needs of the call's time.
    room: OnceLock<Duration>,
}

impl Shared {
    /// May another attempt be made after `made` of them, as far as this call is concerned?
    fn has_room(&self, made: u32) -> bool {
        let reserved = self.reserved.load(Ordering::Relaxed);
        let base = self.base.load(Ordering::Relaxed);
        let limit = self.limit();
        made < limit && (made == base || made.saturating_add(reserved) < limit)
    }

    fn limit(&self) -> u32 {
        self.limits.get().map_or(u32::MAX, |(limit, _)| *limit)
    }

    fn retries(&self) -> Option<&RetryBudget> {
        self.limits.get().map(|(_, retries)| retries)
    }

    /// Would all calls together allow one more that is not a first?
    fn has_leave(&self, now: Instant) -> bool {
        let retries = self.retries();
        retries.is_none_or(|retries| retries.has_room(now))
    }
}

impl CallBudget {
    /// No deadline; the number of attempts is for the layers to limit.
    pub fn new() -> Self {
        Self {
            deadline: None,
            shared: Arc::default(),
        }
    }

    /// Ends `timeout` from now, or earlier if it would have anyway.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        let deadline = Instant::now().checked_add(timeout);
        self.deadline = match (self.deadline, deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self
    }

    /// When the call must be over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long it may still take; none if as long as it likes.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Sets the limits. The first to say them wins: they belong to the whole call.
    pub fn limit(&self, attempts: u32, retries: &RetryBudget) {
        let limits = || (attempts.max(1), retries.clone());
        self.shared.limits.get_or_init(limits);
    }

    /// A further attempt is only made while at least so much of the call's time is left. The first to say it wins.
    pub fn leave_room(&self, room: Duration) {
        let _ = self.shared.room.set(room);
    }

    /// What a further attempt needs of the call's time.
    pub fn room(&self) -> Duration {
        self.shared.room.get().copied().unwrap_or_default()
    }

    /// Would there be time for a further attempt after a pause?
    pub(crate) fn has_time_after(&self, pause: Duration) -> bool {
        self.deadline.is_none() || self.has_time_after_at(pause, Instant::now())
    }

    fn has_time_after_at(&self, pause: Duration, now: Instant) -> bool {
        let Some(deadline) = self.deadline else {
            return true;
        };
        let left = deadline.saturating_duration_since(now);
        match self.room() {
            Duration::ZERO => left > pause,
            room => left >= pause.saturating_add(room),
        }
    }

    /// Is there time for the attempt after `made` of them? The first is made with whatever there is.
    fn has_time(&self, made: u32, now: Instant) -> bool {
        match made {
            0 => self.deadline.is_none_or(|deadline| deadline > now),
            _ => self.has_time_after_at(Duration::ZERO, now),
        }
    }

    /// Are attempts kept back for models that come later, and would they be granted?
    pub(crate) fn has_later(&self, now: Instant) -> bool {
        let shared = &*self.shared;
        let limit = shared.limit();
        shared.reserved.load(Ordering::Relaxed) > 0
            && self.attempts() < limit
            && shared.has_leave(now)
    }

    /// The next target gets its turn: keeps back attempts for those that come later. It has at least one itself while any is left.
    pub fn reserve(&self, attempts: u32) {
        self.shared.base.store(self.attempts(), Ordering::Relaxed);
        self.shared.reserved.store(attempts, Ordering::Relaxed);
    }

    /// Takes one attempt. The first is free; further ones need room in this call's limit, [room](Self::leave_room) before its deadline, and the
    /// leave of the shared [`RetryBudget`].
    pub fn try_attempt(&self) -> bool {
        self.try_attempt_at(Instant::now())
    }

    /// The same, by a clock that was read just now.
    pub(crate) fn try_attempt_at(&self, now: Instant) -> bool {
        let shared = &*self.shared;
        if !self.has_time(self.attempts(), now) {
            return false;
        }
        let taken = shared
            .made
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |made| {
                shared.has_room(made).then(|| made.saturating_add(1))
            });
        match (taken, shared.retries()) {
            (Err(_), _) => false,
            (Ok(0), Some(retries)) => {
                retries.deposit(now);
                true
            }
            (Ok(_), Some(retries)) => {
                let granted = retries.withdraw(now);
                if !granted {
                    shared.made.fetch_sub(1, Ordering::Relaxed);
                }
                granted
            }
            (Ok(_), None) => true,
        }
    }

    /// Gives back the latest attempt: nobody was asked, because the request could not be said to that vendor. To look for one who
    /// can be told is no second attempt.
    pub(crate) fn give_back(&self) {
        let shared = &*self.shared;
        let taken = shared
            .made
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |made| {
                made.checked_sub(1)
            });
        if let (Ok(made), Some(retries)) = (taken, shared.retries()) {
            retries.give_back(made == 1);
        }
    }

    /// Would an attempt be granted now? A look, not a promise.
    pub fn has_attempt(&self) -> bool {
        self.has_attempt_at(Instant::now())
    }

    /// The same, by a clock that was read just now.
    pub(crate) fn has_attempt_at(&self, now: Instant) -> bool {
        let (shared, made) = (&*self.shared, self.attempts());
        self.has_time(made, now) && shared.has_room(made) && (made == 0 || shared.has_leave(now))
    }

    /// How long the call has waited for accounts so far, all attempts and models together.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_micros(self.shared.waited.load(Ordering::Relaxed))
    }

    /// It has waited so much longer.
    pub(crate) fn add_waited(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.shared.waited.fetch_add(micros, Ordering::Relaxed);
    }

    /// How many attempts were made so far.
    pub fn attempts(&self) -> u32 {
        self.shared.made.load(Ordering::Relaxed)
    }
}

impl Default for CallBudget {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CallBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallBudget")
            .field("remaining", &self.remaining())
            .field("attempts", &self.attempts())
            .field("limit", &self.shared.limits.get().map(|(limit, _)| limit))
            .finish()
    }
}

/// The share of traffic that may be second attempts, over all calls: an outage is never amplified beyond it.
///
/// Second attempts within a sliding window are at most `ratio` of the first ones, but never fewer than `reserve`, so that a
/// quiet gateway can fail over too.
#[derive(Clone)]
pub struct RetryBudget(Arc<Bucket>);

struct Bucket {
    /// The share, as the bits of a float: it may be changed while calls are made.
    ratio: AtomicU64,
    reserve: u64,
    window: Window,
}

/// Two buckets of [`RetryBudget::WINDOW`] each: the running one and the one before.
///
/// Every call counts here, and few ask for more than to be counted: those take no lock. Whoever wants a second attempt takes it, so that
/// no two are granted the same one, and so does whoever begins a new bucket.
#[derive(Default)]
struct Window {
    /// When anything was counted first.
    begun: OnceLock<Instant>,
    /// When the running bucket began, in nanoseconds after that.
    started: AtomicU64,
    now: Counts,
    before: Counts,
    lock: Mutex<()>,
}

#[derive(Default)]
struct Counts {
    first: AtomicU64,
    further: AtomicU64,
}

impl RetryBudget {
    /// How long an attempt counts, at least; at most twice as long.
    pub const WINDOW: Duration = Duration::from_secs(10);

    /// How many second attempts a window always has.
    pub const RESERVE: u64 = 100;

    /// `ratio` is a share: 0.2 allows one second attempt in five calls. Values outside 0…10 are clamped.
    pub fn new(ratio: f64) -> Self {
        Self::with_reserve(ratio, Self::RESERVE)
    }

    /// The same with another reserve.
    pub fn with_reserve(ratio: f64, reserve: u64) -> Self {
        Self(Arc::new(Bucket {
            ratio: AtomicU64::new(share(ratio).to_bits()),
            reserve,
            window: Window::default(),
        }))
    }

    /// Takes another share from now on, for every clone. What was counted stays, so that nobody gets more by changing it.
    pub fn set_ratio(&self, ratio: f64) {
        let bits = share(ratio).to_bits();
        self.0.ratio.store(bits, Ordering::Relaxed);
    }

    fn deposit(&self, now: Instant) {
        let window = &self.0.window;
        window.turn(now);
        window.now.first.fetch_add(1, Ordering::Relaxed);
    }

    fn withdraw(&self, now: Instant) -> bool {
        let window = &self.0.window;
        window.turn(now);
        let _alone = window.lock();
        let granted = self.0.allows();
        if granted {
            window.now.further.fetch_add(1, Ordering::Relaxed);
        }
        granted
    }

    fn give_back(&self, first: bool) {
        let window = &self.0.window;
        window.turn(Instant::now());
        let _alone = window.lock();
        let count = match first {
            true => &window.now.first,
            false => &window.now.further,
        };
        let less = |count: u64| Some(count.saturating_sub(1));
        let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    fn has_room(&self, now: Instant) -> bool {
        self.0.window.turn(now);
        self.0.allows()
    }
}

impl Window {
    /// Begins a new bucket once the running one is full of time.
    fn turn(&self, now: Instant) {
        let begun = *self.begun.get_or_init(|| now);
        let at = now.saturating_duration_since(begun).as_nanos();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        let age = || Duration::from_nanos(at.saturating_sub(self.started.load(Ordering::Acquire)));
        if age() < RetryBudget::WINDOW {
            return;
        }
        let _alone = self.lock();
        // Another call may have been faster.
        let age = age();
        if age < RetryBudget::WINDOW {
            return;
        }
        let recent = age < RetryBudget::WINDOW * 2;
        for (now, before) in [
            (&self.now.first, &self.before.first),
            (&self.now.further, &self.before.further),
        ] {
            // What is counted meanwhile falls into one of the two.
            let count = now.swap(0, Ordering::Relaxed);
            before.store(if recent { count } else { 0 }, Ordering::Relaxed);
        }
        self.started.store(at, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn share(ratio: f64) -> f64 {
    if ratio.is_finite() {
        ratio.clamp(0.0, 10.0)
    } else {
        0.0
    }
}

impl Bucket {
    fn ratio(&self) -> f64 {
        f64::from_bits(self.ratio.load(Ordering::Relaxed))
    }

    fn allows(&self) -> bool {
        let Window { now, before, .. } = &self.window;
        let sum =
            |a: &AtomicU64, b: &AtomicU64| a.load(Ordering::Relaxed) + b.load(Ordering::Relaxed);
        let first = sum(&now.first, &before.first);
        let further = sum(&now.further, &before.further);
        further < ((first as f64 * self.ratio()) as u64).max(self.reserve)
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new(0.2)
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget")
            .field("ratio", &self.0.ratio())
            .field("reserve", &self.0.reserve)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_not_amplified() {
        let retries = RetryBudget::new(0.2);
        let mut calls = 0;
        for _ in 0..10_000 {
            let budget = CallBudget::new();
            budget.limit(4, &retries);
            while budget.try_attempt() {
                calls += 1;
            }
        }
        assert!(calls <= 12_000, "{calls}");
        assert!(calls > 11_900, "{calls}");
        tokio::time::advance(RetryBudget::WINDOW * 3).await;
        let budget = CallBudget::new();
        budget.limit(4, &retries);
        for _ in 0..4 {
            assert!(budget.try_attempt());
        }
        assert!(!budget.try_attempt(), "the call's own limit");
    }

    #[tokio::test(start_paused = true)]
    async fn another_share_keeps_what_was_counted() {
        let retries = RetryBudget::with_reserve(0.5, 0);
        for _ in 0..10 {
            retries.deposit(Instant::now());
        }
        let granted =
            |retries: &RetryBudget| (0..20).filter(|_| retries.withdraw(Instant::now())).count();
        assert_eq!(granted(&retries), 5);
        for (ratio, more) in [(0.5, 0), (0.8, 3), (f64::NAN, 0), (0.2, 0), (1.0, 2)] {
            retries.clone().set_ratio(ratio);
            assert_eq!(granted(&retries), more, "{ratio}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_kept_for_later_models() {
        let budget = CallBudget::new();
        budget.limit(3, &RetryBudget::default());
        budget.reserve(1);
        assert!(budget.try_attempt() && budget.try_attempt());
        assert!(!budget.try_attempt(), "one is kept");
        assert!(budget.has_later(Instant::now()));
        budget.reserve(7);
        assert!(budget.clone().try_attempt());
        assert!(!budget.try_attempt());
        assert_eq!(budget.attempts(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_tried_after_the_deadline() {
        let budget = CallBudget::new()
            .with_timeout(Duration::from_secs(2))
            .with_timeout(Duration::from_secs(9));
        assert_eq!(budget.remaining(), Some(Duration::from_secs(2)));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!budget.try_attempt());
    }

    #[tokio::test(start_paused = true)]
    async fn a_further_attempt_needs_room_before_the_deadline_and_the_first_does_not() {
        let budget = CallBudget::new().with_timeout(Duration::from_secs(4));
        budget.leave_room(Duration::from_secs(3));
        budget.leave_room(Duration::ZERO);
        assert_eq!(budget.room(), Duration::from_secs(3));
        tokio::time::advance(Duration::from_millis(1_001)).await;
        assert!(budget.has_attempt() && budget.try_attempt());
        assert!(!budget.has_attempt() && !budget.try_attempt());
        let budget = CallBudget::new().with_timeout(Duration::from_secs(4));
        budget.leave_room(Duration::from_secs(3));
        assert!(budget.try_attempt());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(budget.try_attempt(), "exactly enough is enough");
        assert!(!budget.has_time_after(Duration::from_millis(1)));
    }
}
