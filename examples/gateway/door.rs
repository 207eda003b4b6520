//! What a request meets first: the few paths that are the server's own, and the gateway behind them.

use std::{
    convert::Infallible,
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
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
pub struct Door {
    gateway: Arc<Gateway>,
    /// One for each connection, whose requests come one by one, or few at a time.
    service: Mutex<GatewayService>,
    draining: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    /// Is the client on this machine?
    local: bool,
}

impl Door {
    pub fn new(gateway: Arc<Gateway>, metrics: Arc<Metrics>) -> Self {
        Self {
            service: Mutex::new(gateway.service()),
            gateway,
            draining: Arc::default(),
            metrics,
            local: false,
        }
    }

    /// The door as this client finds it.
    pub fn for_client(&self, client: IpAddr) -> Self {
        Self {
            gateway: self.gateway.clone(),
            service: Mutex::new(self.gateway.service()),
            draining: self.draining.clone(),
            metrics: self.metrics.clone(),
            local: client.to_canonical().is_loopback(),
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
        if request.uri().path().starts_with("/admin/") {
            if !self.local || !is_direct(&request) {
                return Box::pin(async { Ok(forbidden()) });
            }
            let gateway = self.gateway.clone();
            return Box::pin(async move { Ok(gateway.admin(request).await) });
        }
        match self.own(request.method(), request.uri().path()) {
            Some(response) => Box::pin(async { Ok(response) }),
            // The gateway is always ready: it finds out what it needs when it is known to be needed.
            None => {
                let service = self.service.lock();
                service
                    .unwrap_or_else(PoisonError::into_inner)
                    .call(request)
            }
        }
    }
}

/// Does it come from this machine and nowhere else? A proxy on this machine says for whom it asks, and a page in a browser by which
/// name it got here.
fn is_direct<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via", "origin"];
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.or_else(|| Some(request.uri().authority()?.as_str()));
    let is_local = |host: &str| {
        let name = host.rsplit_once(':').map_or(host, |(name, port)| {
            match port.bytes().all(|digit| digit.is_ascii_digit()) {
                true => name,
                false => host,
            }
        });
        let ip = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || ip.parse::<IpAddr>().is_ok()
    };
    !forwarded.iter().any(|name| headers.contains_key(*name)) && host.is_none_or(is_local)
}

fn forbidden() -> Response<Body> {
    let text = "this is for clients on the gateway's own machine\n";
    let mut response = Response::new(Body::new(Full::new(Bytes::from(text))));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}
