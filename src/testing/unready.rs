//! A service that is strict about readiness.

use std::task::{Context, Poll};

use tower_service::Service;

/// A probe for middleware: panics if it is called without having been polled ready itself.
///
/// tower allows a service to hold something for a caller once it is ready: a permit, a connection. A clone has none of it. Here a
/// clone starts unready, and says so once before it is ready, so that middleware which calls a clone of what it polled, or goes
/// on before it is ready, is found out.
///
/// ```
/// use std::convert::Infallible;
///
/// use tower::{ServiceExt, service_fn};
/// use trunkline::testing::Unready;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let probe = Unready::new(service_fn(|n: u32| async move { Ok::<_, Infallible>(n + 1) }));
/// // `oneshot` waits until it is ready, and calls the same.
/// assert_eq!(probe.clone().oneshot(1).await, Ok(2));
/// # }
/// ```
#[derive(Debug)]
pub struct Unready<S> {
    inner: S,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Not polled since it was made, or called.
    Unasked,
    /// It has said that it is not.
    Asked,
    Ready,
}

impl<S> Unready<S> {
    /// The probe in front of `inner`.
    #[must_use]
    pub const fn new(inner: S) -> Self {
        Self {
            inner,
            state: State::Unasked,
        }
    }
}

impl<S: Clone> Clone for Unready<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<S, R> Service<R> for Unready<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.state == State::Unasked {
            self.state = State::Asked;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let ready = self.inner.poll_ready(cx);
        if matches!(ready, Poll::Ready(Ok(()))) {
            self.state = State::Ready;
        }
        ready
    }

    /// # Panics
    /// If this very service has not been polled ready since it was made, or called last.
    fn call(&mut self, request: R) -> S::Future {
        let before = std::mem::replace(&mut self.state, State::Unasked);
        assert!(
            before == State::Ready,
            "a service was called that had not been polled ready: call the one that was, not a clone of it"
        );
        self.inner.call(request)
    }
}
