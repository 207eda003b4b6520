//! reqwest as a tower service, with its own retries and redirects off.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::BodyExt;
use tower_service::Service;

use crate::{
    Body,
    error::{Error, ErrorKind},
};

/// The default client: reqwest over rustls, one connection pool.
#[derive(Clone)]
pub struct ReqwestClient(reqwest::Client);

/// How a [`ReqwestClient`] connects.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct ClientOptions {
    /// The most time to connect, TLS included.
    pub connect_timeout: Duration,
    /// How long an idle connection is kept. Short, because vendors close theirs without a word.
    pub idle_timeout: Duration,
    /// `http://`, `https://`, `socks5://` or `socks5h://` proxy that every call goes through.
    pub proxy: Option<String>,
}

impl ClientOptions {
    /// Five seconds to connect, 30 seconds idle, no proxy (those of the environment are ignored).
    pub const fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            proxy: None,
        }
    }

    /// The most time to connect.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long an idle connection is kept.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// The proxy that every call goes through.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl ReqwestClient {
    /// A client of its own.
    ///
    /// # Errors
    /// If the proxy is not a URL of a known scheme, or the system's certificates cannot be read.
    pub fn new(options: &ClientOptions) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(options.idle_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // Another crate may have switched these on for all. Who reads an answer decides what to make of it.
            .no_brotli()
            .no_deflate()
            .no_gzip()
            .no_zstd()
            .tcp_nodelay(true)
            .no_proxy();
        if let Some(url) = &options.proxy {
            // The URL may hold a password: it is not part of the message.
            let proxy = reqwest::Proxy::all(url).map_err(|_| {
                Error::invalid(
                    "proxy",
                    "the proxy is not a URL of http, https, socks5 or socks5h",
                )
            })?;
            builder = builder.proxy(proxy);
        }
        let client = builder.build().map_err(|error| {
            Error::new(ErrorKind::Server, "the HTTP client could not be set up").with_source(error)
        })?;
        Ok(Self(client))
    }

    /// Wraps a client that was set up elsewhere. Its own retries and redirects should be off.
    pub const fn from_reqwest(client: reqwest::Client) -> Self {
        Self(client)
    }
}

impl Service<http::Request<Body>> for ReqwestClient {
    type Response = http::Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let request = request.map(|body| match body.try_into_bytes() {
                Ok(bytes) => reqwest::Body::from(bytes),
                Err(body) => reqwest::Body::wrap_stream(body.into_data_stream()),
            });
            let request = reqwest::Request::try_from(request).map_err(transport)?;
            let response = client.execute(request).await.map_err(transport)?;
            Ok(http::Response::from(response).map(Body::new))
        })
    }
}

/// reqwest's error without its URL, which is nobody's business.
fn transport(error: reqwest::Error) -> Error {
    let error = error.without_url();
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => Error::new(ErrorKind::Timeout, "connecting to the vendor took too long")
            .with_code("connect_timeout")
            .with_unsent(),
        (true, false) => Error::new(
            ErrorKind::Connection,
            "the vendor could not be connected to",
        )
        .with_unsent(),
        (false, true) => Error::new(ErrorKind::Timeout, "the vendor did not answer in time"),
        (false, false) => Error::new(
            ErrorKind::Connection,
            "the connection to the vendor broke before it answered",
        ),
    }
    .with_source(error)
}

impl fmt::Debug for ReqwestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestClient")
    }
}
