//! One connection, which lives while somebody polls it.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use http::{HeaderValue, Request, Response, header, uri::Authority};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{Builder, Connection, SendRequest},
    },
};
use hyper_util::rt::TokioIo;

use super::stream::Stream;
use crate::Body;

/// Whom a connection leads to.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) tls: bool,
    pub(super) authority: Authority,
}

/// A connection and the way to send on it.
pub(super) struct Line {
    pub(super) origin: Origin,
    /// As the origin has it, spelled once for all requests.
    host: Option<HeaderValue>,
    sender: SendRequest<Body>,
    wire: Wire,
}

/// Why there is no answer.
pub(super) enum Unanswered {
    /// Nothing of the request was written.
    Unsent(Box<Request<Body>>, hyper::Error),
    /// Nobody knows what arrived.
    Sent(hyper::Error),
}

impl Origin {
    pub(super) const fn new(tls: bool, authority: Authority) -> Self {
        Self { tls, authority }
    }
}

impl PartialEq for Origin {
    /// Byte by byte: names that differ in their capitals only have connections of their own.
    fn eq(&self, other: &Self) -> bool {
        self.tls == other.tls && self.authority.as_str() == other.authority.as_str()
    }
}

impl From<TrySendError<Request<Body>>> for Unanswered {
    fn from(mut error: TrySendError<Request<Body>>) -> Self {
        match error.take_message() {
            Some(request) => Self::Unsent(Box::new(request), error.into_error()),
            None => Self::Sent(error.into_error()),
        }
    }
}

impl Line {
    pub(super) async fn new(origin: Origin, stream: Stream) -> Result<Box<Self>, hyper::Error> {
        // Head and body go out together; a TLS stream makes one record of them.
        let (sender, connection) = Builder::new()
            .writev(true)
            .handshake(TokioIo::new(stream))
            .await?;
        // What is before an `@` is no part of the host.
        let text = origin.authority.as_str();
        let host = text.rsplit('@').next().unwrap_or(text);
        Ok(Box::new(Self {
            host: HeaderValue::from_str(host).ok(),
            origin,
            sender,
            wire: Wire(Some(connection)),
        }))
    }

    /// May a request be sent?
    pub(super) fn is_ready(&self) -> bool {
        self.wire.0.is_some() && self.sender.is_ready()
    }

    /// Sends the request and waits for the head of its answer.
    pub(super) fn send(
        mut self: Box<Self>,
        mut request: Request<Body>,
    ) -> impl Future<Output = Result<(Box<Self>, Response<Incoming>), Unanswered>> + use<> {
        if let Some(host) = &self.host {
            let headers = request.headers_mut();
            headers.entry(header::HOST).or_insert_with(|| host.clone());
        }
        // This hands the request over at once. The connection reads before it writes: if it finds that the other side has closed it,
        // the request comes back.
        let answer = self.sender.try_send_request(request);
        async move {
            let mut answer = pin!(answer);
            let response = poll_fn(|cx| {
                let driven = self.drive(cx);
                match (answer.as_mut().poll(cx), driven) {
                    (Poll::Ready(answered), _) => Poll::Ready(answered.map_err(Unanswered::from)),
                    (Poll::Pending, Err(error)) => Poll::Ready(Err(Unanswered::Sent(error))),
                    (Poll::Pending, Ok(())) => Poll::Pending,
                }
            })
            .await?;
            Ok((self, response))
        }
    }

    /// Lets the connection read and write whatever it can.
    ///
    /// # Errors
    /// Once, if it broke.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> Result<(), hyper::Error> {
        self.wire.drive(cx)
    }
}

/// A connection that is dropped at its end, so that whoever still waits for something from it is told.
struct Wire(Option<Connection<TokioIo<Stream>, Body>>);

impl Wire {
    fn drive(&mut self, cx: &mut Context<'_>) -> Result<(), hyper::Error> {
        let Some(connection) = &mut self.0 else {
            return Ok(());
        };
        match Pin::new(connection).poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(ended) => {
                self.0 = None;
                ended
            }
        }
    }
}
