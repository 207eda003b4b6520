//! How a door ends the calls that are still running when its process has to go.

use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tokio::sync::Notify;

use crate::error::{Error, ErrorKind};

/// A switch that ends every running call of a door with an error its caller can read: whole answers with 503, streams with their
/// dialect's own error inside the stream. Clones are the same switch.
///
/// ```
/// use trunkline::{IngressLayer, ingress::Closing};
///
/// let closing = Closing::new();
/// let layer = IngressLayer::new().closing(closing.clone());
/// // When running calls have had their time:
/// closing.cut();
/// # let _ = layer;
/// ```
#[derive(Clone, Default)]
pub struct Closing(Arc<Switch>);

#[derive(Default)]
struct Switch {
    cut: AtomicBool,
    told: Notify,
}

impl Closing {
    /// Not yet cut.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all running calls, and every later one at once.
    pub fn cut(&self) {
        self.0.cut.store(true, Ordering::Release);
        self.0.told.notify_waiters();
    }

    pub(super) fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::Acquire)
    }

    /// Ready once it was cut.
    pub(super) async fn wait(&self) {
        let mut told = pin!(self.0.told.notified());
        // From here on nothing that is told is missed.
        told.as_mut().enable();
        if !self.is_cut() {
            told.await;
        }
    }

    /// For a body to ask.
    pub(super) fn watched(&self) -> Watched {
        let this = self.clone();
        Watched {
            closing: self.clone(),
            cut: Box::pin(async move { this.wait().await }),
            waker: None,
        }
    }

    /// What callers are told.
    pub(super) fn error() -> Error {
        Error::new(
            ErrorKind::Overloaded,
            "the gateway is shutting down, and the time for running calls is over; try again",
        )
        .with_code("shutting_down")
    }
}

impl fmt::Debug for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Closing").field(&self.is_cut()).finish()
    }
}

/// A body's view of the switch.
pub(super) struct Watched {
    closing: Closing,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Who will be woken. The shared list behind the switch is touched only when that changes, not with every event.
    waker: Option<Waker>,
}

impl Watched {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let known = self.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
        if known && !self.closing.is_cut() {
            return Poll::Pending;
        }
        self.waker = Some(cx.waker().clone());
        self.cut.as_mut().poll(cx)
    }
}
