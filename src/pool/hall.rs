//! Where calls wait: one [`Queue`] for all that wait for the same, and who is called when.
//!
//! When a place is given back, only the first of each queue that the account matters to is called. It tries; if it gets a place, it
//! calls the next, for there may be more; if not, it waits on, and watches the clock for all. Whoever was called, or watches, and
//! leaves calls the next instead. So a place that comes back wakes two or three calls of thousands, and none is lost.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::queue::{Entry, Number, Queue};
use crate::{
    issued::AccountTag,
    request::{Caller, Priority},
};

/// All queues.
#[derive(Debug, Default)]
pub(super) struct Hall {
    rooms: Mutex<Rooms>,
    /// How many wait, in all queues.
    waiting: AtomicUsize,
    /// How often somebody was called.
    calls: AtomicU64,
}

/// Calls with the same key can be served by the same accounts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The model asked for.
    pub(super) model: Arc<str>,
    /// The only account that will do.
    pub(super) pin: Option<AccountTag>,
    /// How many deployments can hold it: the larger it is, the fewer.
    pub(super) deployments: usize,
}

/// How many may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) size: usize,
    pub(super) per_caller: usize,
}

/// Why a call may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Too many wait.
    All(usize),
    /// Too many of the same caller wait.
    Caller(usize),
}

/// What a call that comes now finds in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// How many wait there.
    pub(super) waiting: usize,
    /// At least so many of them would go before it.
    pub(super) ahead: u64,
    /// Is everybody there less urgent, so that it may try at once?
    pub(super) open: bool,
    /// Would it be the first of them, so that it is called at once?
    pub(super) leads: bool,
}

/// A call's place in its queue, given up when this is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    hall: Arc<Hall>,
    key: Key,
    number: Number,
    entry: Entry,
    bell: Arc<Bell>,
    /// So many calls were answered.
    answered: u64,
    /// When this one looks for all whether somebody is back.
    watch: Option<Instant>,
    /// It has left already.
    gone: bool,
}

#[derive(Debug, Default)]
struct Rooms {
    queues: HashMap<Key, Waiting>,
    numbers: Number,
}

/// A queue, and what is known of it.
#[derive(Debug)]
struct Waiting {
    queue: Queue<Arc<Bell>>,
    /// Whose places matter; none if anybody's may.
    accounts: Option<HashSet<AccountTag>>,
    pace: Pace,
}

/// How one who waits is told.
#[derive(Debug, Default)]
struct Bell {
    notify: Notify,
    /// How often its turn was called.
    calls: AtomicU64,
}

/// How long it takes until the next is served.
#[derive(Debug, Default)]
struct Pace {
    last: Option<Instant>,
    seconds: Option<f64>,
}

impl Hall {
    /// Beyond so many accounts it is cheaper to call in vain than to know whose places matter.
    const KNOWN: usize = 256;

    /// May a call that comes now try at once? Only if it overtakes nobody.
    pub(super) fn is_open(&self, key: &Key, priority: Priority) -> bool {
        if self.is_empty() {
            return true;
        }
        let rooms = self.lock();
        let waiting = rooms.queues.get(key);
        waiting.is_none_or(|waiting| waiting.queue.yields_to(priority))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// How many of those who wait for this would go before it.
    pub(super) fn ahead(&self, key: &Key, entry: &Entry) -> u64 {
        let rooms = self.lock();
        let waiting = rooms.queues.get(key);
        waiting.map_or(0, |waiting| waiting.queue.ahead(entry))
    }

    /// What a call would find if it came now; none if nobody waits for this.
    pub(super) fn line(&self, key: &Key, entry: &Entry) -> Option<Line> {
        let rooms = self.lock();
        let queue = &rooms.queues.get(key)?.queue;
        Some(Line {
            waiting: queue.len(),
            ahead: queue.ahead(entry),
            open: queue.yields_to(entry.priority),
            leads: queue.leads(entry),
        })
    }

    /// Why a call may not wait, if it may not.
    pub(super) fn full(&self, key: &Key, caller: &Caller, room: Room) -> Option<Full> {
        self.lock().full(key, caller, room)
    }

    /// How long it would take to serve all who wait for this, if it goes on as it did; none if nobody knows.
    pub(super) fn backlog(&self, key: &Key) -> Option<Duration> {
        let rooms = self.lock();
        let waiting = rooms.queues.get(key)?;
        let seconds = waiting.pace.seconds? * waiting.queue.len() as f64;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Joins the queue. Whoever is first there is called at once: what came back meanwhile is not missed.
    pub(super) fn join(
        self: &Arc<Self>,
        key: Key,
        entry: Entry,
        room: Room,
        accounts: impl Iterator<Item = AccountTag>,
    ) -> Result<Ticket, Full> {
        let mut rooms = self.lock();
        let rooms = &mut *rooms;
        if let Some(full) = rooms.full(&key, &entry.caller, room) {
            return Err(full);
        }
        rooms.numbers += 1;
        let number = rooms.numbers;
        let waiting = rooms.queues.entry(key.clone()).or_insert_with(|| {
            let accounts: HashSet<_> = accounts.take(Self::KNOWN + 1).collect();
            Waiting {
                queue: Queue::new(),
                accounts: (accounts.len() <= Self::KNOWN).then_some(accounts),
                pace: Pace::default(),
            }
        });
        let bell = Arc::new(Bell::default());
        waiting.queue.push(number, &entry, bell.clone());
        self.waiting.fetch_add(1, Ordering::AcqRel);
        if waiting.queue.head().is_some_and(|(head, _)| head == number) {
            self.ring(&bell);
        }
        Ok(Ticket {
            hall: self.clone(),
            key,
            number,
            entry,
            bell,
            answered: 0,
            watch: None,
            gone: false,
        })
    }

    /// Something came back at this account.
    pub(super) fn freed(&self, account: AccountTag) {
        if self.is_empty() {
            return;
        }
        let rooms = self.lock();
        let mut heads: Vec<_> = rooms
            .queues
            .values()
            .filter(|waiting| {
                let known = waiting.accounts.as_ref();
                known.is_none_or(|known| known.contains(&account))
            })
            .filter_map(|waiting| waiting.queue.head())
            .collect();
        // Who has waited longest runs first.
        heads.sort_unstable_by_key(|(number, _)| *number);
        for (_, bell) in heads {
            self.ring(bell);
        }
    }

    /// The pools are other ones: everybody looks where to wait now.
    pub(super) fn replaced(&self) {
        let mut rooms = self.lock();
        for waiting in rooms.queues.values_mut() {
            waiting.accounts = None;
            if let Some((_, head)) = waiting.queue.head() {
                self.ring(head);
            }
            for bell in waiting.queue.all() {
                bell.notify.notify_one();
            }
        }
    }

    /// How often somebody was called, ever.
    #[cfg(test)]
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Is nothing left of those who waited?
    #[cfg(test)]
    pub(super) fn is_clean(&self) -> bool {
        self.is_empty() && self.lock().queues.is_empty()
    }

    fn call(&self, key: &Key) {
        let rooms = self.lock();
        if let Some((_, bell)) = rooms.queues.get(key).and_then(|w| w.queue.head()) {
            self.ring(bell);
        }
    }

    fn ring(&self, bell: &Bell) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        bell.calls.fetch_add(1, Ordering::AcqRel);
        bell.notify.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rooms {
    fn full(&self, key: &Key, caller: &Caller, room: Room) -> Option<Full> {
        let queue = self.queues.get(key).map(|waiting| &waiting.queue);
        let (all, own) = queue.map_or((0, 0), |queue| (queue.len(), queue.of(caller)));
        if all >= room.size {
            return Some(Full::All(all));
        }
        (own >= room.per_caller).then_some(Full::Caller(own))
    }
}

impl Ticket {
    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    /// Is it its turn?
    pub(super) fn is_called(&self) -> bool {
        self.calls() > self.answered
    }

    /// How often it was called. Taken before a try, so that a call in the middle of it counts for the next one.
    pub(super) fn calls(&self) -> u64 {
        self.bell.calls.load(Ordering::Acquire)
    }

    /// Waits until it is called, its watch is over or the queues have to be looked at again; at the latest until `end`.
    pub(super) async fn wait(&mut self, end: Instant) {
        if self.is_called() {
            return;
        }
        let wake = self.watch.map_or(end, |watch| watch.min(end));
        tokio::select! {
            () = self.bell.notify.notified() => {}
            () = sleep_until(wake) => {
                if self.watch.take_if(|watch| *watch <= wake).is_some() {
                    self.hall.call(&self.key);
                }
            }
        }
    }

    /// It tried in vain, having been called so often before; somebody may be back at `watch`.
    pub(super) fn tried(&mut self, calls: u64, watch: Option<Instant>) {
        self.answered = calls;
        self.watch = watch;
        // It may have had its turn because others had been before it so often. What is kept for the urgent is not for it.
        let rooms = self.hall.lock();
        let waiting = rooms.queues.get(&self.key);
        if let Some((_, bell)) = waiting.and_then(|w| w.queue.head_above(&self.entry))
            && waiting
                .and_then(|w| w.queue.head())
                .is_some_and(|(head, _)| head == self.number)
        {
            self.hall.ring(bell);
        }
    }

    /// It has its place.
    pub(super) fn served(mut self) {
        self.leave(true);
    }

    fn leave(&mut self, served: bool) {
        if std::mem::replace(&mut self.gone, true) {
            return;
        }
        let mut rooms = self.hall.lock();
        let Some(waiting) = rooms.queues.get_mut(&self.key) else {
            return;
        };
        if waiting.queue.remove(self.number, &self.entry, served) {
            self.hall.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        if served {
            waiting.pace.served(Instant::now());
        }
        if waiting.queue.len() == 0 {
            rooms.queues.remove(&self.key);
            return;
        }
        // There may be more; or nobody else would look.
        if (served || self.is_called() || self.watch.is_some())
            && let Some((_, bell)) = waiting.queue.head()
        {
            self.hall.ring(bell);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.leave(false);
    }
}

impl Pace {
    fn served(&mut self, now: Instant) {
        /// How much the latest counts.
        const LATEST: f64 = 0.1;
        let Some(last) = self.last.replace(now) else {
            return;
        };
        let seconds = now.saturating_duration_since(last).as_secs_f64();
        self.seconds = Some(match self.seconds {
            Some(known) => known + (seconds - known) * LATEST,
            None => seconds,
        });
    }
}
