//! The stack behind the door.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use pin_project_lite::pin_project;
use tower::ServiceExt;
use tower_service::Service;

use crate::{BoxError, error::Error, request::ModelRequest, response::ModelResponse};

/// Where calls go that have been read. The requests of one connection share it, so that none of them needs a clone of the stack.
pub(super) struct Desk<S>(Arc<Mutex<S>>);

type Boxed = Pin<Box<dyn Future<Output = Result<ModelResponse, Error>> + Send>>;

pin_project! {
    /// A call that was made.
    #[project = Project]
    pub(super) enum Called<F> {
        Now { #[pin] answer: F },
        // Apart: a stack is hardly ever busy.
        Later { answer: Boxed },
        Failed { error: Option<Error> },
    }
}

impl<S> Desk<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(super) fn of(stack: &S) -> Self {
        Self(Arc::new(Mutex::new(stack.clone())))
    }

    /// Calls the stack, as soon as it is ready.
    pub(super) fn call(&self, request: ModelRequest) -> Called<S::Future> {
        let mut stack = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is to be woken: a stack that is not ready is asked again by the call that takes it away. It may hold a place in a
        // queue, which must not be left with those who come later.
        let mut nobody = Context::from_waker(Waker::noop());
        match stack.poll_ready(&mut nobody) {
            Poll::Ready(Ok(())) => Called::Now {
                answer: stack.call(request),
            },
            Poll::Ready(Err(error)) => Called::Failed {
                error: Some(ours(error)),
            },
            Poll::Pending => {
                let fresh = stack.clone();
                let busy = mem::replace(&mut *stack, fresh);
                Called::Later {
                    answer: Box::pin(async move { busy.oneshot(request).await.map_err(ours) }),
                }
            }
        }
    }
}

impl<F, E> Future for Called<F>
where
    F: Future<Output = Result<ModelResponse, E>>,
    E: Into<BoxError>,
{
    type Output = Result<ModelResponse, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Now { answer } => answer.poll(cx).map_err(ours),
            Project::Later { answer } => answer.as_mut().poll(cx),
            Project::Failed { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            },
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
