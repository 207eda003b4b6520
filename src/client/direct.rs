//! The default client: two transports behind one service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::uri::Scheme;
use tower_service::Service;

use super::{ClientOptions, ReqwestClient, plain::PlainClient};
use crate::{Body, error::Error};

/// The gateway's client: HTTP/1.1 over connections that the calls themselves drive for `http://`, reqwest for everything else.
///
/// With a proxy everything goes through reqwest.
#[derive(Clone)]
pub struct Client {
    reqwest: ReqwestClient,
    plain: Option<PlainClient>,
}

impl Client {
    /// A client of its own.
    ///
    /// # Errors
    /// As [`ReqwestClient::new`].
    pub fn new(options: &ClientOptions) -> Result<Self, Error> {
        Ok(Self {
            reqwest: ReqwestClient::new(options)?,
            plain: options.proxy.is_none().then(|| PlainClient::new(options)),
        })
    }
}

impl Service<http::Request<Body>> for Client {
    type Response = http::Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.reqwest.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match &self.plain {
            Some(plain) if request.uri().scheme() == Some(&Scheme::HTTP) => {
                let plain = plain.clone();
                Box::pin(async move { plain.call(request).await })
            }
            _ => self.reqwest.call(request),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}
