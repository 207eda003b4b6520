//! hyper's clock for the heads of requests: one for a whole connection.
//!
//! hyper sets a clock before each request and puts it away when the head is there. Setting one and taking it back both go through a
//! list that all connections share. This one stays set, may ring early, and is only then set anew.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::{self, Timer};
use tokio::time::{self, Sleep};

/// The timer of one connection. Its users wait one after another.
#[derive(Clone, Default)]
pub struct Patience(Arc<Mutex<Option<Pin<Box<Sleep>>>>>);

impl Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Rest {
            clock: self.clone(),
            deadline: deadline.into(),
        })
    }

    /// By the clock that sleeps.
    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }
}

/// Over at its deadline.
struct Rest {
    clock: Patience,
    deadline: time::Instant,
}

impl rt::Sleep for Rest {}

impl Future for Rest {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut clock = self.clock.0.lock().unwrap_or_else(PoisonError::into_inner);
        let clock = clock.get_or_insert_with(|| Box::pin(time::sleep_until(self.deadline)));
        if clock.deadline() <= self.deadline {
            ready!(clock.as_mut().poll(cx));
        }
        if clock.deadline() == self.deadline {
            return Poll::Ready(());
        }
        // It rang for an earlier one, or would ring too late.
        clock.as_mut().reset(self.deadline);
        clock.as_mut().poll(cx)
    }
}
