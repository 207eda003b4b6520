//! A clock that is set anew with every event, and costs none of them much.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use tokio::{
    task::coop,
    time::{Instant, Sleep, sleep_until},
};

/// Rings when it is due. The timer behind it is set seldom: it may ring early, and is then set to the time that was told last.
pub(crate) struct Alarm {
    timer: Pin<Box<Sleep>>,
    due: Instant,
    /// Whom the timer wakes. As long as that is the one who asks, it need not be told again.
    waker: Option<Waker>,
}

impl Alarm {
    pub(crate) fn new(due: Instant) -> Self {
        Self {
            timer: Box::pin(sleep_until(due)),
            due,
            waker: None,
        }
    }

    /// From now on it is due then.
    pub(crate) fn set(&mut self, due: Instant) {
        self.due = due;
        if due < self.timer.deadline() {
            self.reset();
        }
    }

    /// Ready once it is due, and as often as it is asked after that.
    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_known = self.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
        if is_known && !self.timer.is_elapsed() {
            return Poll::Pending;
        }
        self.ask(cx)
    }

    fn ask(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            // A task that has had its turn is woken soon, but the timer does not know it by then.
            let is_told = coop::has_budget_remaining();
            self.waker = is_told.then(|| cx.waker().clone());
            ready!(self.timer.as_mut().poll(cx));
            if self.timer.deadline() >= self.due {
                return Poll::Ready(());
            }
            self.reset();
        }
    }

    fn reset(&mut self) {
        self.timer.as_mut().reset(self.due);
        self.waker = None;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        task::Wake,
        time::Duration,
    };

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_time_that_was_told_last() {
        let start = Instant::now();
        for times in [&[3][..], &[3, 5], &[5, 3], &[3, 5, 4], &[2, 9, 1]] {
            let now = Instant::now();
            let mut alarm = Alarm::new(now + SECOND * 4);
            for time in times {
                assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx))).await.is_pending());
                alarm.set(now + SECOND * *time);
            }
            poll_fn(|cx| alarm.poll(cx)).await;
            assert_eq!(now.elapsed(), SECOND * times[times.len() - 1]);
            assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx))).await.is_ready());
            // And again.
            alarm.set(Instant::now() + SECOND);
            poll_fn(|cx| alarm.poll(cx)).await;
            assert_eq!(now.elapsed(), SECOND * (times[times.len() - 1] + 1));
        }
        assert_eq!(start.elapsed(), SECOND * 21);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asked_last_is_woken() {
        let wakers: [Arc<Count>; 2] = Default::default();
        let mut alarm = Alarm::new(Instant::now() + SECOND);
        for at in [0, 0, 1, 1, 0, 1] {
            let waker = Waker::from(wakers[at].clone());
            assert!(alarm.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        tokio::time::sleep(SECOND * 2).await;
        assert_eq!(wakers.each_ref().map(|count| count.0.load(SeqCst)), [0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_had_its_turn_is_woken_nevertheless() {
        let start = Instant::now();
        let mut alarm = Alarm::new(start + SECOND);
        let mut spent = false;
        poll_fn(|cx| {
            if !std::mem::replace(&mut spent, true) {
                while coop::has_budget_remaining() {
                    let used = std::pin::pin!(coop::consume_budget()).poll(cx);
                    assert!(used.is_ready());
                }
            }
            alarm.poll(cx)
        })
        .await;
        assert_eq!(start.elapsed(), SECOND);
    }
}
