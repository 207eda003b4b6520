//! The stack behind the door.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use tower::ServiceExt;
use tower_service::Service;

use crate::{BoxError, error::Error, request::ModelRequest, response::ModelResponse};

/// Where calls go that have been read. The requests of one connection share it, so that none of them needs a clone of the stack.
pub(super) struct Desk<S>(Arc<Mutex<S>>);

/// A call that was made, or a stack to be waited for.
enum Called<S: Service<ModelRequest>> {
    Now(S::Future),
    Busy(Box<(S, ModelRequest)>),
}

impl<S> Desk<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone,
    S::Error: Into<BoxError>,
{
    pub(super) fn of(stack: &S) -> Self {
        Self(Arc::new(Mutex::new(stack.clone())))
    }

    /// Calls the stack as soon as it is ready.
    pub(super) async fn call(&self, request: ModelRequest) -> Result<ModelResponse, Error> {
        match self.try_call(request)? {
            Called::Now(answer) => answer.await.map_err(ours),
            // Apart: a stack is hardly ever busy.
            Called::Busy(busy) => {
                let (stack, request) = *busy;
                Box::pin(stack.oneshot(request)).await.map_err(ours)
            }
        }
    }

    fn try_call(&self, request: ModelRequest) -> Result<Called<S>, Error> {
        let mut stack = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is to be woken: a stack that is not ready is asked again by the call that takes it away. It may hold a place in a
        // queue, which must not be left with those who come later.
        let mut nobody = Context::from_waker(Waker::noop());
        match stack.poll_ready(&mut nobody).map_err(ours)? {
            Poll::Ready(()) => Ok(Called::Now(stack.call(request))),
            Poll::Pending => {
                let fresh = stack.clone();
                let busy = mem::replace(&mut *stack, fresh);
                Ok(Called::Busy(Box::new((busy, request))))
            }
        }
    }
}

impl<S> Clone for Desk<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

fn ours(error: impl Into<BoxError>) -> Error {
    Error::from_box(error.into())
}
