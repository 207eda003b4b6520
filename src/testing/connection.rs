//! One connection of a server.

use std::{
    error::Error,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::{oneshot, watch},
};
use tower_service::Service;

use super::{playback::ClosesIdle, server::Order, vendor::Vendor};
use crate::{Body, BoxError};

/// One connection, from the accepted socket to its close.
pub(super) struct Connection {
    /// None once it is closed.
    http: Option<http1::Connection<TokioIo<TcpStream>, Answering>>,
    /// None once it has happened.
    stop: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _open: Open,
}

/// The vendor as hyper's kind of service.
struct Answering {
    vendor: Vendor,
    /// Told to close the connection, by the first answer that wants it closed.
    close: Arc<Mutex<Option<oneshot::Sender<Duration>>>>,
}

impl hyper::service::Service<Request<Incoming>> for Answering {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = <Vendor as tower_service::Service<Request<Body>>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let answer = self.vendor.clone().call(request.map(Body::new));
        let close = Arc::clone(&self.close);
        Box::pin(async move {
            let response = answer.await?;
            let Some(ClosesIdle(pause)) = response.extensions().get().copied() else {
                return Ok(response);
            };
            let close = close.lock().unwrap_or_else(PoisonError::into_inner).take();
            Ok(response.map(|body| Body::new(Last { body, close, pause })))
        })
    }
}

/// A body after which the connection is closed.
struct Last {
    body: Body,
    close: Option<oneshot::Sender<Duration>>,
    pause: Duration,
}

impl http_body::Body for Last {
    type Data = bytes::Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        if let Some(close) = self.close.take() {
            // The connection may be gone already.
            let _ = close.send(self.pause);
        }
    }
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        vendor: Vendor,
        open: Open,
        orders: watch::Receiver<Order>,
    ) -> Self {
        // Small chunks are to leave when they are written. Failing that, they leave later.
        let _ = stream.set_nodelay(true);
        let (close, closed) = oneshot::channel();
        let answering = Answering {
            vendor,
            close: Arc::new(Mutex::new(Some(close))),
        };
        Self {
            http: Some(http1::Builder::new().serve_connection(TokioIo::new(stream), answering)),
            stop: Some(Box::pin(stopping(orders, closed))),
            _open: open,
        }
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(http) = &mut this.http else {
            return Poll::Ready(());
        };
        if let Some(stop) = &mut this.stop
            && stop.as_mut().poll(cx).is_ready()
        {
            this.stop = None;
            Pin::new(&mut *http).graceful_shutdown();
        }
        let result = std::task::ready!(Pin::new(http).poll(cx));
        if let Some(http) = this.http.take()
            && result.is_err_and(|error| asks_for_reset(&error))
        {
            let stream = http.into_parts().io.into_inner();
            #[allow(
                deprecated,
                reason = "a zero linger never blocks, which is what the deprecation is about"
            )]
            let _ = stream.set_linger(Some(Duration::ZERO));
        }
        Poll::Ready(())
    }
}

fn asks_for_reset(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
            );
        }
        cause = error.source();
    }
    false
}

/// Counts one open connection, until it is dropped.
pub(super) struct Open(Arc<AtomicUsize>);

impl Open {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn stopping(mut orders: watch::Receiver<Order>, idle: oneshot::Receiver<Duration>) {
    let closed_idle = async {
        match idle.await {
            Ok(pause) => tokio::time::sleep(pause).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = orders.wait_for(|order| *order == Order::Stop) => {}
        () = closed_idle => {}
    }
}
