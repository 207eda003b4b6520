//! reqwest as a tower service, with its own retries and redirects off.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http_body_util::BodyExt;
use tower_service::Service;

use super::ClientOptions;
use crate::{
    Body,
    error::{Error, ErrorKind},
};

/// reqwest over rustls: HTTP/2 where the vendor speaks it, proxies.
#[derive(Clone)]
pub struct ReqwestClient(reqwest::Client);

impl ReqwestClient {
    /// A client of its own.
    ///
    /// # Errors
    /// If the proxy is not a URL of a known scheme, or the system's certificates cannot be read.
    pub fn new(options: &ClientOptions) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(options.idle_timeout)
            .pool_max_idle_per_host(options.max_idle)
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
