//! Counts what becomes of every exchange, and lets tests wait for it without sleeping.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::watch;

use super::recorded::Progress;

/// How many exchanges are in which state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) received: usize,
    pub(super) waiting: usize,
    pub(super) streaming: usize,
    pub(super) finished: usize,
    pub(super) faulted: usize,
    pub(super) aborted: usize,
}

/// The shared counts of one vendor.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(watch::Sender<Counts>);

/// One exchange, from the received request to the end of its answer. Dropped before that, it counts as aborted.
#[derive(Debug)]
pub(super) struct Exchange {
    tally: Tally,
    fate: Arc<Fate>,
}

/// What one recorded request knows of its answer.
#[derive(Debug)]
pub(super) struct Fate {
    pub(super) progress: Mutex<Progress>,
    pub(super) sent: AtomicUsize,
}

impl Tally {
    pub(super) fn counts(&self) -> Counts {
        *self.0.borrow()
    }

    pub(super) async fn wait_until(&self, is_so: impl Fn(&Counts) -> bool) {
        // It fails only without a sender, and this is one.
        let _ = self.0.subscribe().wait_for(|counts| is_so(counts)).await;
    }

    /// Counts a new exchange. `log` runs before anyone who waits for it can see the count.
    pub(super) fn open(&self, fate: Arc<Fate>, log: impl FnOnce()) -> Exchange {
        self.0.send_modify(|counts| {
            log();
            counts.received += 1;
            counts.waiting += 1;
        });
        Exchange {
            tally: self.clone(),
            fate,
        }
    }
}

impl Counts {
    fn of(&mut self, progress: Progress) -> &mut usize {
        match progress {
            Progress::Waiting => &mut self.waiting,
            Progress::Streaming => &mut self.streaming,
            Progress::Finished => &mut self.finished,
            Progress::Faulted => &mut self.faulted,
            Progress::Aborted => &mut self.aborted,
        }
    }
}

impl Exchange {
    /// So many more bytes of the body were taken by whoever reads it.
    pub(super) fn sent(&self, bytes: usize) {
        self.fate.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Moves to a later state; one that is over stays as it is.
    pub(super) fn enter(&self, next: Progress) {
        self.tally.0.send_if_modified(|counts| {
            let mut now = self
                .fate
                .progress
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if now.is_over() || *now == next {
                return false;
            }
            *counts.of(*now) -= 1;
            *counts.of(next) += 1;
            *now = next;
            true
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.enter(Progress::Aborted);
    }
}
