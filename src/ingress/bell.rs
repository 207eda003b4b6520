//! Whether anything has happened since a body was asked last.
//!
//! Servers ask a body again right after it had nothing more: hyper twice for each piece it sends, before and after it writes. Each time all
//! that is behind the body would be asked in vain.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

/// Passes the wake-ups for one task on to it, and notes that there were any.
pub(super) struct Bell {
    signal: Arc<Signal>,
    /// Rings it.
    waker: Waker,
}

struct Signal {
    rung: AtomicBool,
    task: Waker,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl Bell {
    /// The bell of the task that asks, which is this one unless another task had it. From here on it has not been rung.
    pub(super) fn heard(bell: Option<Self>, cx: &Context<'_>) -> Self {
        match bell.filter(|bell| bell.is_for(cx)) {
            Some(bell) => {
                bell.signal.rung.swap(false, Ordering::AcqRel);
                bell
            }
            None => Self::new(cx.waker().clone()),
        }
    }

    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Whoever holds its waker would wake the task that asks now, and has not done so since it was heard last.
    #[inline]
    pub(super) fn is_silent(&self, cx: &Context<'_>) -> bool {
        self.is_for(cx) && !self.signal.rung.load(Ordering::Acquire)
    }

    fn new(task: Waker) -> Self {
        let rung = AtomicBool::new(false);
        let signal = Arc::new(Signal { rung, task });
        // A clone of it, as all those are that it is compared with: what they are made of need not stand in the same place otherwise.
        let waker = Waker::from(signal.clone()).clone();
        Self { signal, waker }
    }

    fn is_for(&self, cx: &Context<'_>) -> bool {
        self.signal.task.will_wake(cx.waker())
    }
}
