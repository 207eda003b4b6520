//! HTTP/1.1 without TLS, for vendors in one's own network: each connection is driven by the call that uses it.
//!
//! Most clients give a connection a task of its own, and every chunk of an answer passes from that task to the reader's. Here the reader
//! polls the connection itself: no task, no channel between threads, no wake-up for each chunk, and a burst of chunks that came in
//! one packet is there at once.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header, uri::Authority};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::http1::{Connection, SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

use super::ClientOptions;
use crate::{
    Body, BoxError,
    error::{Error, ErrorKind},
};

/// Calls `http://` URLs, with a pool of idle connections for each address.
#[derive(Clone)]
pub(super) struct PlainClient(Arc<Shared>);

struct Shared {
    idle: Mutex<HashMap<Authority, VecDeque<Idle>>>,
    connect_timeout: Duration,
    idle_timeout: Duration,
}

/// A connection nobody uses, and since when.
struct Idle {
    line: Box<Line>,
    since: Instant,
}

/// A connection and the way to send on it.
struct Line {
    sender: SendRequest<Body>,
    wire: Wire,
}

/// A connection that is never polled beyond its end.
struct Wire {
    connection: Connection<TokioIo<TcpStream>, Body>,
    over: bool,
}

impl PlainClient {
    pub(super) fn new(options: &ClientOptions) -> Self {
        Self(Arc::new(Shared {
            idle: Mutex::default(),
            connect_timeout: options.connect_timeout,
            idle_timeout: options.idle_timeout,
        }))
    }

    pub(super) async fn call(&self, mut request: Request<Body>) -> Result<Response<Body>, Error> {
        let Some(authority) = request.uri().authority().cloned() else {
            return Err(Error::invalid("", "the vendor's URL names no host"));
        };
        let mut line = match self.0.take(&authority).await {
            Some(line) => line,
            None => self.0.connect(&authority).await?,
        };
        spell(&mut request, &authority);
        let response = line.send(request).await.map_err(broken)?;
        let (shared, line) = (self.0.clone(), Some(line));
        Ok(response.map(|body| {
            let mut body = PlainBody {
                body,
                line,
                shared,
                authority,
            };
            body.give_back_at_end();
            Body::new(body)
        }))
    }
}

/// The request as HTTP/1.1 has it: the path in its first line, the address in `host`.
fn spell(request: &mut Request<Body>, authority: &Authority) {
    // What is before an `@` is no part of the host.
    let text = authority.as_str();
    let host = text.rsplit('@').next().unwrap_or(text);
    if let Ok(host) = HeaderValue::from_str(host) {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
}

impl Shared {
    /// The connection that was used last, if the vendor has not closed it since.
    async fn take(&self, authority: &Authority) -> Option<Box<Line>> {
        loop {
            let Idle { mut line, since } = self.idle().get_mut(authority)?.pop_back()?;
            if since.elapsed() < self.idle_timeout && line.is_open().await {
                return Some(line);
            }
        }
    }

    fn put(&self, authority: &Authority, line: Box<Line>) {
        let now = Instant::now();
        let mut all = self.idle();
        let idle = match all.get_mut(authority) {
            Some(idle) => idle,
            None => all.entry(authority.clone()).or_default(),
        };
        let old = |idle: &Idle| now.duration_since(idle.since) >= self.idle_timeout;
        while idle.front().is_some_and(old) {
            idle.pop_front();
        }
        idle.push_back(Idle { line, since: now });
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, HashMap<Authority, VecDeque<Idle>>> {
        // Nothing in there is ever left half done.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self, authority: &Authority) -> Result<Box<Line>, Error> {
        let host = authority.host();
        // An IPv6 address stands in brackets.
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let port = authority.port_u16().unwrap_or(80);
        let work = async {
            let stream = TcpStream::connect((host, port)).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = match timeout(self.connect_timeout, work).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(source)) => return Err(unreachable(source)),
            Err(_) => {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    "connecting to the vendor took too long",
                )
                .with_code("connect_timeout")
                .with_unsent());
            }
        };
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let wire = Wire {
            connection,
            over: false,
        };
        Ok(Box::new(Line { sender, wire }))
    }
}

impl Line {
    /// Looks once whether the vendor has closed it.
    async fn is_open(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.wire.drive(cx))).await.is_ok() && self.is_ready()
    }

    fn is_ready(&self) -> bool {
        !self.wire.over && self.sender.is_ready()
    }

    async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, hyper::Error> {
        let Self { sender, wire } = self;
        if !sender.is_ready() {
            wire.work(sender.ready()).await?;
        }
        wire.work(sender.send_request(request)).await
    }
}

impl Wire {
    /// Lets the connection read and write whatever it can.
    ///
    /// # Errors
    /// Once, if it broke.
    fn drive(&mut self, cx: &mut Context<'_>) -> Result<(), hyper::Error> {
        if self.over {
            return Ok(());
        }
        match Pin::new(&mut self.connection).poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(ended) => {
                self.over = true;
                ended
            }
        }
    }

    /// Drives the connection until that is done.
    async fn work<T>(
        &mut self,
        work: impl Future<Output = Result<T, hyper::Error>>,
    ) -> Result<T, hyper::Error> {
        let mut work = std::pin::pin!(work);
        poll_fn(|cx| {
            // A request is handed over when it is polled first.
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            let driven = self.drive(cx);
            match (work.as_mut().poll(cx), driven) {
                (Poll::Pending, Err(error)) => Poll::Ready(Err(error)),
                // A connection at its end has told everybody who waits.
                (done, _) => done,
            }
        })
        .await
    }
}

/// The body of an answer, which drives its connection and gives it back.
struct PlainBody {
    body: Incoming,
    /// None once it was given back, or is of no use any more.
    line: Option<Box<Line>>,
    shared: Arc<Shared>,
    authority: Authority,
}

impl PlainBody {
    fn give_back_at_end(&mut self) {
        if self.body.is_end_stream() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some(mut line) = self.line.take() {
            // One more turn, in which it finds that the answer is over. Whoever takes it next polls it with a waker of theirs.
            let mut cx = Context::from_waker(std::task::Waker::noop());
            if line.wire.drive(&mut cx).is_ok() && line.is_ready() {
                self.shared.put(&self.authority, line);
            }
        }
    }
}

impl HttpBody for PlainBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let mut next = Pin::new(&mut this.body).poll_frame(cx);
        if next.is_pending()
            && let Some(line) = &mut this.line
        {
            let driven = line.wire.drive(cx);
            next = Pin::new(&mut this.body).poll_frame(cx);
            if let (Poll::Pending, Err(error)) = (&next, driven) {
                this.line = None;
                return Poll::Ready(Some(Err(error.into())));
            }
        }
        match &next {
            Poll::Ready(None) => this.give_back(),
            Poll::Ready(Some(Ok(_))) => this.give_back_at_end(),
            Poll::Ready(Some(Err(_))) => this.line = None,
            Poll::Pending => {}
        }
        next.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn unreachable(source: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Connection,
        "the vendor could not be connected to",
    )
    .with_unsent()
    .with_source(source)
}

fn broken(error: hyper::Error) -> Error {
    let ours = Error::new(
        ErrorKind::Connection,
        "the connection to the vendor broke before it answered",
    );
    if error.is_canceled() {
        ours.with_unsent().with_source(error)
    } else {
        ours.with_source(error)
    }
}

impl fmt::Debug for PlainClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainClient")
    }
}

#[cfg(test)]
mod tests;
