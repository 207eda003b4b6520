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

use http::{Request, Response, Uri, uri::Scheme};

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
        let origin = origin(url)?;
        if !self.0.pool.has(&origin) {
            let line = self.0.connector.connect(origin).await?;
            self.0.pool.put(line);
        }
        Ok(())
    }

    pub(super) fn call(&self, request: Request<Body>) -> Answering {
        let origin = match origin(request.uri()) {
            Ok(origin) => origin,
            Err(error) => return Box::pin(ready(Err(error))),
        };
        let message = Message::new(request, &origin.authority);
        let shared = self.0.clone();
        let idle = shared.pool.take(&origin);
        Box::pin(async move {
            let sent = match idle {
                Some(line) => line.send(message).await,
                None => {
                    let line = shared.connector.connect(origin).await?;
                    return finish(line.send(message).await, &shared.pool);
                }
            };
            match sent {
                // The vendor has closed it meanwhile, and seen nothing of the request. Apart: that is rare.
                Err(Unanswered::Unsent(message, _)) => {
                    Box::pin(shared.call_again(*message, origin)).await
                }
                sent => finish(sent, &shared.pool),
            }
        })
    }
}

impl Shared {
    /// By the other idle connections, as long as there are any, then by a new one.
    async fn call_again(
        &self,
        mut message: Message,
        origin: Origin,
    ) -> Result<Response<Body>, Error> {
        while let Some(line) = self.pool.take(&origin) {
            match line.send(message).await {
                Err(Unanswered::Unsent(unsent, _)) => message = *unsent,
                sent => return finish(sent, &self.pool),
            }
        }
        let line = self.connector.connect(origin).await?;
        finish(line.send(message).await, &self.pool)
    }
}

fn origin(url: &Uri) -> Result<Origin, Error> {
    let authority = url.authority().cloned();
    let authority =
        authority.ok_or_else(|| Error::invalid("", "the vendor's URL names no host"))?;
    Ok(Origin::new(url.scheme() == Some(&Scheme::HTTPS), authority))
}

fn finish(
    sent: Result<(Box<Line>, Head), Unanswered>,
    pool: &Arc<Pool>,
) -> Result<Response<Body>, Error> {
    match sent {
        Ok((line, head)) => {
            let answer = Answer::new(head.framing, line, pool);
            Ok(head.response.map(|()| Body::new(answer)))
        }
        Err(Unanswered::Unsent(_, source)) => Err(broken(source).with_unsent()),
        Err(Unanswered::Sent(source)) => Err(broken(source)),
    }
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
