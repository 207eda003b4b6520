//! HTTP/1.1 over connections that are driven by the calls that use them.
//!
//! Most clients give a connection a task of its own, and every chunk of an answer passes from that task to the reader's. Here the reader
//! polls the connection itself: no task, no channel between threads, no wake-up for each chunk, and a burst of chunks that came in
//! one packet is there at once.
//!
//! Each call has a connection for itself. Who leaves closes it; whoever reads to the end gives it back to the [`Pool`], unless anything
//! about the answer leaves a doubt where it ends (RFC 9112, section 6.3). A request that was not begun may go out by another connection;
//! one whose body failed never does.
//!
//! A request is written by [`Message`]; the answer is read as a [`Head`], then as the data between its [`framing`]; a [`Line`] does both
//! at a time, since an answer may begin before its request was written.

mod answer;
mod connect;
mod framing;
mod head;
mod line;
mod message;
mod pool;
mod stream;
mod tls;

use std::{
    fmt,
    future::{Future, ready},
    io,
    pin::Pin,
    sync::Arc,
};

use http::{
    Request, Response, Uri,
    uri::{Authority, Scheme},
};

use self::{
    answer::Answer,
    connect::Connector,
    head::Head,
    line::{Line, Origin, Unanswered},
    message::Message,
    pool::Pool,
};
use super::ClientOptions;
use crate::{
    Body,
    error::{Error, ErrorKind},
};

/// Calls `http://` URLs and, if it was made with TLS, `https://` URLs.
#[derive(Clone)]
pub(super) struct DrivenClient(Arc<Shared>);

/// The answer to a call, to come.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

struct Shared {
    connector: Connector,
    pool: Arc<Pool>,
}

impl DrivenClient {
    /// With TLS, trusting whom the system trusts.
    ///
    /// # Errors
    /// If the system's certificates cannot be read.
    pub(super) fn new(options: &ClientOptions) -> Result<Self, Error> {
        let tls = tls::of_the_system().map_err(|error| {
            Error::new(ErrorKind::Server, "the HTTP client could not be set up").with_source(error)
        })?;
        Ok(Self::over(Connector::new(options, Some(tls)), options))
    }

    /// Without TLS.
    pub(super) fn plain(options: &ClientOptions) -> Self {
        Self::over(Connector::new(options, None), options)
    }

    fn over(connector: Connector, options: &ClientOptions) -> Self {
        let pool = Arc::new(Pool::new(options.idle_timeout, options.max_idle));
        Self(Arc::new(Shared { connector, pool }))
    }

    /// Can it call URLs of that scheme?
    pub(super) fn serves(&self, uri: &Uri) -> bool {
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => true,
            Some(scheme) if *scheme == Scheme::HTTPS => self.0.connector.has_tls(),
            _ => false,
        }
    }

    /// Opens a connection to where this URL leads, for the next call, if none is there.
    pub(super) async fn connect(&self, url: &Uri) -> Result<(), Error> {
        let (tls, authority) = leads_to(url)?;
        if !self.0.pool.has(tls, authority) {
            let origin = Origin::new(tls, authority.clone());
            let line = self.0.connector.connect(origin).await?;
            self.0.pool.put(line);
        }
        Ok(())
    }

    pub(super) fn call(&self, request: Request<Body>) -> Answering {
        let (tls, authority) = match leads_to(request.uri()) {
            Ok(place) => place,
            Err(error) => return Box::pin(ready(Err(error))),
        };
        let shared = self.0.clone();
        // What few calls need is apart, so that it makes nobody else's future large.
        match shared.pool.take(tls, authority) {
            Some(mut line) => {
                let message = Message::new(request);
                Box::pin(async move {
                    match line.send(message).await {
                        Ok(head) => Ok(shared.answer(line, head)),
                        Err(Unanswered::Sent(source)) => Err(broken(source)),
                        // The vendor has closed it meanwhile, and seen nothing of the request.
                        Err(Unanswered::Unsent(message, _)) => {
                            let origin = line.origin.clone();
                            drop(line);
                            Box::pin(shared.call_again(*message, origin)).await
                        }
                    }
                })
            }
            None => {
                let origin = Origin::new(tls, authority.clone());
                let message = Message::new(request);
                Box::pin(async move { shared.call_anew(message, origin).await })
            }
        }
    }
}

impl Shared {
    /// By the other idle connections, as long as there are any, then by a new one.
    async fn call_again(
        &self,
        mut message: Message,
        origin: Origin,
    ) -> Result<Response<Body>, Error> {
        while let Some(mut line) = self.pool.take(origin.tls, &origin.authority) {
            match line.send(message).await {
                Ok(head) => return Ok(self.answer(line, head)),
                Err(Unanswered::Sent(source)) => return Err(broken(source)),
                Err(Unanswered::Unsent(unsent, _)) => message = *unsent,
            }
        }
        self.call_anew(message, origin).await
    }

    /// By a new connection.
    async fn call_anew(&self, message: Message, origin: Origin) -> Result<Response<Body>, Error> {
        let mut line = self.connector.connect(origin).await?;
        match line.send(message).await {
            Ok(head) => Ok(self.answer(line, head)),
            Err(Unanswered::Sent(source)) => Err(broken(source)),
            Err(Unanswered::Unsent(_, source)) => Err(broken(source).with_unsent()),
        }
    }

    fn answer(&self, line: Box<Line>, head: Head) -> Response<Body> {
        let answer = Answer::new(head.framing, line, &self.pool);
        head.response.map(|()| Body::boxed(answer))
    }
}

/// Is it over TLS, and with whom?
fn leads_to(url: &Uri) -> Result<(bool, &Authority), Error> {
    let authority = url.authority();
    let authority =
        authority.ok_or_else(|| Error::invalid("", "the vendor's URL names no host"))?;
    Ok((url.scheme() == Some(&Scheme::HTTPS), authority))
}

fn broken(source: io::Error) -> Error {
    Error::new(
        ErrorKind::Connection,
        "the connection to the vendor broke before it answered",
    )
    .with_source(source)
}

impl fmt::Debug for DrivenClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DrivenClient")
    }
}

#[cfg(test)]
mod tests;
