//! The default client: two transports behind one service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Uri;
use tower_service::Service;

use super::{ClientOptions, ReqwestClient, driven::DrivenClient};
use crate::{Body, error::Error};

/// The gateway's client: HTTP/1.1 over connections that the calls themselves drive.
///
/// With a proxy everything goes through reqwest; with [`ClientOptions::http2`] everything with TLS.
#[derive(Clone)]
pub struct Client {
    driven: Option<DrivenClient>,
    /// For whatever the other one does not serve.
    reqwest: Option<ReqwestClient>,
}

impl Client {
    /// A client of its own.
    ///
    /// # Errors
    /// If the proxy is not a URL of a known scheme, or the system's certificates cannot be read.
    pub fn new(options: &ClientOptions) -> Result<Self, Error> {
        let (driven, reqwest) = match (&options.proxy, options.http2) {
            (Some(_), _) => (None, Some(ReqwestClient::new(options)?)),
            (None, true) => {
                let driven = DrivenClient::plain(options);
                (Some(driven), Some(ReqwestClient::new(options)?))
            }
            (None, false) => (Some(DrivenClient::new(options)?), None),
        };
        Ok(Self { driven, reqwest })
    }

    /// Opens a connection to where the URL leads, if none is idle, so that the first call need not wait for it: for looking up the name, for TCP, for
    /// TLS. It is kept for [`ClientOptions::idle_timeout`]. What goes through a proxy or over HTTP/2 is connected by its first call.
    ///
    /// # Errors
    /// If the other side cannot be reached, or not in time.
    pub async fn connect(&self, url: &Uri) -> Result<(), Error> {
        match &self.driven {
            Some(driven) if driven.serves(url) => driven.connect(url).await,
            _ => Ok(()),
        }
    }
}

impl Service<http::Request<Body>> for Client {
    type Response = http::Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match (&self.driven, &mut self.reqwest) {
            (Some(driven), _) if driven.serves(request.uri()) => driven.call(request),
            (_, Some(reqwest)) => reqwest.call(request),
            (_, None) => {
                let error = Error::invalid("", "the vendor's URL is neither http nor https");
                Box::pin(std::future::ready(Err(error)))
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}
