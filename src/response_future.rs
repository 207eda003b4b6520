//! The future of a call to a layer that mostly leaves calls alone.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use crate::{BoxError, error::Error, response::ModelResponse};

type Boxed = Pin<Box<dyn Future<Output = Result<ModelResponse, Error>> + Send>>;

pin_project! {
    /// The answer of a layer: that of the service below, or what the layer makes of several.
    pub struct ResponseFuture<F> {
        #[pin]
        way: Way<F>,
    }
}

pin_project! {
    #[project = Project]
    enum Way<F> {
        // Most calls have no use for the layer: they pay nothing for it.
        Plain { #[pin] future: F },
        Boxed { future: Boxed },
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn plain(future: F) -> Self {
        Self {
            way: Way::Plain { future },
        }
    }

    pub(crate) fn boxed(
        future: impl Future<Output = Result<ModelResponse, Error>> + Send + 'static,
    ) -> Self {
        Self {
            way: Way::Boxed {
                future: Box::pin(future),
            },
        }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ModelResponse, E>>,
    E: Into<BoxError>,
{
    type Output = Result<ModelResponse, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().way.project() {
            Project::Plain { future } => future
                .poll(cx)
                .map_err(|error| Error::from_box(error.into())),
            Project::Boxed { future } => future.as_mut().poll(cx),
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
