//! What a request meets first: the few paths that are the server's own, and the gateway behind them.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, service::Service};
use tower::Service as _;
use trunkline::{
    Body,
    config::{Gateway, GatewayService},
};

use crate::metrics::Metrics;

/// The server's own paths, and the gateway behind them.
#[derive(Clone)]
pub struct Door {
    gateway: Arc<Gateway>,
    service: GatewayService,
    draining: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
}

impl Door {
    pub fn new(gateway: Arc<Gateway>, metrics: Arc<Metrics>) -> Self {
        Self {
            service: gateway.service(),
            gateway,
            draining: Arc::default(),
            metrics,
        }
    }

    /// From now on it says that it is not ready.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// The answer of a path of the server's own; clients probe the root before they begin.
    fn own(&self, method: &Method, path: &str) -> Option<Response<Body>> {
        let (status, text) = match path {
            "/" | "/api/hello" => (StatusCode::OK, "trunkline\n".to_owned()),
            "/health" => (StatusCode::OK, "alive\n".to_owned()),
            "/health/ready" => self.ready(),
            "/metrics" => (StatusCode::OK, self.metrics.text(&self.gateway)),
            _ => return None,
        };
        // Other methods get the gateway's own refusal.
        if *method != Method::GET && *method != Method::HEAD {
            return None;
        }
        let body = match *method {
            Method::HEAD => Body::empty(),
            _ => Body::new(Full::new(Bytes::from(text))),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        Some(response)
    }

    fn ready(&self) -> (StatusCode, String) {
        let no = StatusCode::SERVICE_UNAVAILABLE;
        if self.draining.load(Ordering::Relaxed) {
            (no, "draining\n".to_owned())
        } else if self.gateway.pools().any_in_service() {
            (StatusCode::OK, "ready\n".to_owned())
        } else {
            (no, "no usable account\n".to_owned())
        }
    }
}

impl Service<Request<Incoming>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        match self.own(request.method(), request.uri().path()) {
            Some(response) => Box::pin(async { Ok(response) }),
            // The gateway is always ready: it finds out what it needs when it is known to be needed.
            None => self.service.clone().call(request),
        }
    }
}
