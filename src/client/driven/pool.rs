//! Connections nobody uses.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::line::{Line, Origin};

/// Idle connections, by where they lead to. The one used last is used next, so that those that are not needed grow old.
pub(super) struct Pool {
    idle: Mutex<Idle>,
    /// How long one is kept.
    most_time: Duration,
    /// How many are kept for each origin.
    most: usize,
}

#[derive(Default)]
struct Idle {
    /// A list, for they are few, and comparing is cheaper than hashing.
    origins: Vec<(Origin, VecDeque<Kept>)>,
    /// The task that drops the old ones, if there is one.
    sweeper: Option<AbortHandle>,
}

/// A connection and since when nobody uses it.
struct Kept {
    line: Box<Line>,
    since: Instant,
}

impl Pool {
    pub(super) fn new(most_time: Duration, most: usize) -> Self {
        Self {
            idle: Mutex::default(),
            most_time,
            most,
        }
    }

    /// A connection, which the other side may have closed meanwhile: whoever sends on it first finds out.
    pub(super) fn take(&self, origin: &Origin) -> Option<Box<Line>> {
        let Kept { line, since } = self.idle().of(origin)?.pop_back()?;
        // All others are older still.
        (since.elapsed() < self.most_time).then_some(line)
    }

    /// Is there one, as far as is known here?
    pub(super) fn has(&self, origin: &Origin) -> bool {
        let mut idle = self.idle();
        let last = idle.of(origin).and_then(|kept| kept.back());
        last.is_some_and(|kept| kept.since.elapsed() < self.most_time)
    }

    /// Keeps it, or drops it if there are enough.
    pub(super) fn put(self: &Arc<Self>, line: Box<Line>) {
        if self.most == 0 || self.most_time.is_zero() {
            return;
        }
        let since = Instant::now();
        let mut idle = self.idle();
        let surplus = match idle.of(&line.origin) {
            Some(kept) => {
                let oldest = (kept.len() >= self.most).then(|| kept.pop_front());
                kept.push_back(Kept { line, since });
                oldest
            }
            None => {
                let origin = line.origin.clone();
                let kept = VecDeque::from([Kept { line, since }]);
                idle.origins.push((origin, kept));
                None
            }
        };
        if idle.sweeper.is_none()
            && let Ok(runtime) = Handle::try_current()
        {
            let sweeper = runtime.spawn(sweep(Arc::downgrade(self), self.most_time));
            idle.sweeper = Some(sweeper.abort_handle());
        }
        drop(idle);
        // Closing it takes time that nobody should wait for.
        drop(surplus);
    }

    /// Drops what is too old. Are there any left?
    fn drop_old(&self) -> bool {
        let now = Instant::now();
        let mut old = Vec::new();
        let mut idle = self.idle();
        for (_, kept) in &mut idle.origins {
            let young = kept.partition_point(|k| now.duration_since(k.since) >= self.most_time);
            old.extend(kept.drain(..young));
        }
        idle.origins.retain(|(_, kept)| !kept.is_empty());
        let left = !idle.origins.is_empty();
        if !left {
            idle.sweeper = None;
        }
        drop(idle);
        drop(old);
        left
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.idle().origins.iter().map(|(_, kept)| kept.len()).sum()
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Nothing in there is ever left half done.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(sweeper) = self.idle().sweeper.take() {
            sweeper.abort();
        }
    }
}

impl Idle {
    fn of(&mut self, origin: &Origin) -> Option<&mut VecDeque<Kept>> {
        let found = self.origins.iter_mut().find(|(other, _)| other == origin);
        found.map(|(_, kept)| kept)
    }
}

/// Drops old connections from time to time, as long as there are any. An address that is never called again would keep its own.
async fn sweep(pool: Weak<Pool>, every: Duration) {
    loop {
        sleep(every).await;
        if !pool.upgrade().is_some_and(|pool| pool.drop_old()) {
            return;
        }
    }
}
