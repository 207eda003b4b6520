//! The service.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use tower_service::Service;

use super::{
    Attempt,
    exchange::{self, Room},
};
use crate::{
    Body, BoxError, Buffers,
    error::{Error, ErrorKind},
    media::MediaSource,
    response::ModelResponse,
};

/// Turns attempts into HTTP calls of `C`. See the [module docs](crate::upstream) for an example.
#[derive(Clone)]
pub struct Upstream<C> {
    client: C,
    egress: Arc<HashMap<Arc<str>, C>>,
    media: Option<Arc<dyn MediaSource>>,
    max_body: usize,
    buffers: Buffers,
}

impl<C> Upstream<C> {
    /// The most bytes of a whole answer, unless set otherwise: 64 MiB.
    pub const DEFAULT_MAX_BODY: usize = 64 << 20;

    /// Calls go through `client`.
    pub fn new(client: C) -> Self {
        Self {
            client,
            egress: Arc::default(),
            media: None,
            max_body: Self::DEFAULT_MAX_BODY,
            buffers: Buffers::unlimited(),
        }
    }

    /// Calls of accounts with that [`egress`](super::Account::egress) go through `client` instead.
    #[must_use]
    pub fn with_egress(mut self, name: impl Into<Arc<str>>, client: C) -> Self
    where
        C: Clone,
    {
        let mut egress = Arc::unwrap_or_clone(self.egress);
        egress.insert(name.into(), client);
        self.egress = Arc::new(egress);
        self
    }

    /// Media at addresses are fetched by `media` for vendors that take bytes only.
    #[must_use]
    pub fn with_media(mut self, media: Arc<dyn MediaSource>) -> Self {
        self.media = Some(media);
        self
    }

    /// The most bytes of a whole answer, and of one event of a stream.
    #[must_use]
    pub const fn with_max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// The memory for the answers of all calls together. Not limited unless set.
    #[must_use]
    pub fn with_buffers(mut self, buffers: Buffers) -> Self {
        self.buffers = buffers;
        self
    }
}

impl<C, B> Service<Attempt> for Upstream<C>
where
    C: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = ModelResponse;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<ModelResponse, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.client.poll_ready(cx).map_err(transport_error)
    }

    fn call(&mut self, attempt: Attempt) -> Self::Future {
        // The clone takes over: the readiness belongs to the one we were polled as.
        let clone = self.client.clone();
        let ready = mem::replace(&mut self.client, clone);
        let media = self.media.clone();
        let room = Room {
            max_body: self.max_body,
            buffers: self.buffers.clone(),
        };
        let other = match attempt.deployment.account.egress.as_ref() {
            None => None,
            Some(name) => match self.egress.get(name) {
                Some(client) => Some(client.clone()),
                // Going out without the proxy that was asked for would be worse than not going.
                None => {
                    let error = Error::new(
                        ErrorKind::Server,
                        format!("no client named `{name}` was given to this gateway's upstream"),
                    );
                    return Box::pin(async { Err(error) });
                }
            },
        };
        let (client, is_ready) = match other {
            Some(client) => (client, false),
            None => (ready, true),
        };
        Box::pin(exchange::run(client, is_ready, attempt, media, room))
    }
}

/// A client's error: ours if it is one, a failed connection otherwise. The stranger's text may hold an address: it is kept as the
/// source only.
pub(super) fn transport_error(error: impl Into<BoxError>) -> Error {
    match error.into().downcast::<Error>() {
        Ok(ours) => *ours,
        Err(stranger) => Error::new(ErrorKind::Connection, "the connection to the vendor failed")
            .with_source(stranger),
    }
}

impl<C> fmt::Debug for Upstream<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("egress", &self.egress.keys())
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}
