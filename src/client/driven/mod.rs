//! HTTP/1.1 over connections that are driven by the calls that use them.
//!
//! Most clients give a connection a task of its own, and every chunk of an answer passes from that task to the reader's. Here the reader
//! polls the connection itself: no task, no channel between threads, no wake-up for each chunk, and a burst of chunks that came in
//! one packet is there at once.
//!
//! Each call has a connection for itself. Who leaves closes it; whoever reads to the end gives it back to the [`Pool`].

mod answer;
mod connect;
mod line;
mod pool;
mod stream;
mod tls;

use std::{
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
};

use http::{Request, Response, Uri, uri::Scheme};

use self::{
    answer::Answer,
    connect::Connector,
    line::{Line, Origin, Unanswered},
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

    pub(super) fn call(&self, mut request: Request<Body>) -> Answering {
        let origin = match spell(&mut request) {
            Ok(origin) => origin,
            Err(error) => return Box::pin(ready(Err(error))),
        };
        let shared = self.0.clone();
        // A request is large. It goes to an idle connection at once, rather than through the future.
        match shared.pool.take(&origin) {
            Some(line) => {
                let sent = line.send(request);
                Box::pin(async move {
                    match sent.await {
                        // The vendor has closed it meanwhile, and seen nothing of the request.
                        Err(Unanswered::Unsent(request, _)) => {
                            shared.call_again(*request, origin).await
                        }
                        sent => finish(sent, &shared.pool),
                    }
                })
            }
            None => Box::pin(async move {
                let line = shared.connector.connect(origin).await?;
                finish(line.send(request).await, &shared.pool)
            }),
        }
    }
}

impl Shared {
    /// By the other idle connections, as long as there are any, then by a new one.
    async fn call_again(
        &self,
        mut request: Request<Body>,
        origin: Origin,
    ) -> Result<Response<Body>, Error> {
        while let Some(line) = self.pool.take(&origin) {
            match line.send(request).await {
                Err(Unanswered::Unsent(unsent, _)) => request = *unsent,
                sent => return finish(sent, &self.pool),
            }
        }
        let line = self.connector.connect(origin).await?;
        finish(line.send(request).await, &self.pool)
    }
}

/// The request as HTTP/1.1 has it, with no more than the path in its first line; and where it goes.
fn spell(request: &mut Request<Body>) -> Result<Origin, Error> {
    let parts = std::mem::take(request.uri_mut()).into_parts();
    let Some(authority) = parts.authority else {
        return Err(Error::invalid("", "the vendor's URL names no host"));
    };
    *request.uri_mut() = parts.path_and_query.map(Uri::from).unwrap_or_default();
    Ok(Origin::new(parts.scheme == Some(Scheme::HTTPS), authority))
}

fn finish(
    sent: Result<(Box<Line>, Response<hyper::body::Incoming>), Unanswered>,
    pool: &Arc<Pool>,
) -> Result<Response<Body>, Error> {
    match sent {
        Ok((line, response)) => Ok(response.map(|body| Body::new(Answer::new(body, line, pool)))),
        Err(Unanswered::Unsent(_, source)) => Err(broken(source).with_unsent()),
        Err(Unanswered::Sent(source)) => Err(broken(source)),
    }
}

fn broken(source: hyper::Error) -> Error {
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
