//! The layer and its service.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use super::{request, resumed::Resumed};
use crate::{
    BoxError,
    error::Error,
    request::ModelRequest,
    response::{EventStream, ModelResponse, Reply},
    response_future::ResponseFuture,
    spare::Spare,
};

/// Continues broken streams. See the [module docs](crate::continuation) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct ContinueLayer {
    most: u32,
    counts: Continuations,
}

impl ContinueLayer {
    /// So often within one call at most; 0 is never.
    pub fn new(most: u32) -> Self {
        Self {
            most,
            counts: Continuations::new(),
        }
    }

    /// Where they are counted.
    pub fn counts(mut self, counts: Continuations) -> Self {
        self.counts = counts;
        self
    }
}

impl<S: Clone> Layer<S> for ContinueLayer {
    type Service = Continue<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Continue {
            spare: Spare::of(&inner),
            inner,
            most: self.most,
            counts: self.counts.clone(),
        }
    }
}

/// How often it was tried to continue a stream, and how often the answer came to its end so. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Continuations(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    tried: AtomicU64,
    succeeded: AtomicU64,
}

impl Continuations {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Broken streams for which somebody else was asked.
    pub fn tried(&self) -> u64 {
        self.0.tried.load(Ordering::Relaxed)
    }

    /// Streams that broke and ended well nevertheless.
    pub fn succeeded(&self) -> u64 {
        self.0.succeeded.load(Ordering::Relaxed)
    }

    pub(super) fn one_tried(&self) {
        self.0.tried.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn one_succeeded(&self) {
        self.0.succeeded.fetch_add(1, Ordering::Relaxed);
    }
}

/// The service of [`ContinueLayer`].
#[derive(Clone, Debug)]
pub struct Continue<S> {
    inner: S,
    spare: Spare<S>,
    most: u32,
    counts: Continuations,
}

impl_inner!(Continue);

impl<S> Service<ModelRequest> for Continue<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = ModelResponse;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner
            .poll_ready(cx)
            .map_err(|e| Error::from_box(e.into()))
    }

    fn call(&mut self, asked: ModelRequest) -> Self::Future {
        let front = asked.payload.dialect().and_then(|d| Some((d, d.front()?)));
        let Some((dialect, front)) =
            front.filter(|_| self.most > 0 && request::may_continue(&asked))
        else {
            return ResponseFuture::plain(self.inner.call(asked));
        };
        let spare = self.spare.clone();
        let (most, counts) = (self.most, self.counts.clone());
        let kept = asked.clone();
        let called = self.inner.call(asked);
        ResponseFuture::boxed(async move {
            let mut response = called.await.map_err(ours)?;
            response.reply = match response.reply {
                Reply::Stream(stream) if stream.dialect().name() == dialect.name() => {
                    let served = response.served.clone();
                    let resumed = Resumed::new(spare, kept, front, stream, served)
                        .most(most)
                        .counts(counts);
                    Reply::Stream(EventStream::new(dialect, resumed))
                }
                reply => reply,
            };
            Ok(response)
        })
    }
}

fn ours(error: impl Into<BoxError>) -> Error {
    Error::from_box(error.into())
}
