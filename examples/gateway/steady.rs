//! A connection's task that wakes itself.
//!
//! Where hyper hands over a piece of a request's body, it wakes whoever brought it: the same task, which is just running. The runtime
//! then queues the task once more, and wakes up another thread to help, for every request. Here such a task is only polled again.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Nobody polls it: whoever rings wakes the task.
const IDLE: u8 = 0;
/// It is polled, and nobody has rung since.
const POLLED: u8 = 1;
/// It is polled, and has to be again.
const RUNG: u8 = 2;

/// Runs the future to its end.
pub async fn steadily<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    poll_fn(|cx| bell.poll(future.as_mut(), cx.waker(), &waker)).await
}

#[derive(Default)]
struct Bell {
    state: AtomicU8,
    task: Mutex<Option<Waker>>,
}

impl Bell {
    fn poll<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        task: &Waker,
        own: &Waker,
    ) -> Poll<F::Output> {
        self.remember(task);
        let mut cx = Context::from_waker(own);
        // Not more than once: what rings every time has to let others run.
        for _ in 0..2 {
            self.state.store(POLLED, Ordering::SeqCst);
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Poll::Ready(output);
            }
            if self.state.swap(IDLE, Ordering::SeqCst) == POLLED {
                return Poll::Pending;
            }
        }
        task.wake_by_ref();
        Poll::Pending
    }

    fn remember(&self, task: &Waker) {
        let mut known = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *known {
            Some(known) => known.clone_from(task),
            None => *known = Some(task.clone()),
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let polled = |state| (state != IDLE).then_some(RUNG);
        let (set, get) = (Ordering::SeqCst, Ordering::SeqCst);
        if self.state.fetch_update(set, get, polled).is_err() {
            let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(task) = &*task {
                task.wake_by_ref();
            }
        }
    }
}
