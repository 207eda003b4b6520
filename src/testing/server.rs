//! The vendor as an HTTP/1.1 server on a free port.

use std::{
    error::Error,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::{JoinHandle, JoinSet},
};
use tower_service::Service;

use super::{playback::ClosesIdle, vendor::Vendor};
use crate::{Body, BoxError};

/// A [`Vendor`] that listens on 127.0.0.1. Dropping it closes every connection at once.
///
/// [`go_down`](Self::go_down) and [`come_back`](Self::come_back) are the death of the vendor's process and its return.
#[derive(Debug)]
#[must_use = "dropping the server closes it"]
pub struct Server {
    addr: SocketAddr,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    order: watch::Sender<Order>,
    up: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

/// What the server is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Serve,
    /// Refuse connections, and close those that are open.
    Down,
    /// Refuse connections, and let those that are open come to their end.
    Stop,
}

impl Server {
    pub(super) async fn bind(vendor: Vendor, addr: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let (order, orders) = watch::channel(Order::Serve);
        let up = Arc::new(AtomicBool::new(true));
        let accepted = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(AtomicUsize::new(0));
        let accepting = tokio::spawn(accept(
            listener,
            vendor,
            Arc::clone(&accepted),
            Arc::clone(&open),
            orders,
            Arc::clone(&up),
        ));
        Ok(Self {
            addr,
            accepted,
            open,
            order,
            up,
            accepting,
        })
    }

    /// Dies: every connection is closed at once, and new ones are refused. Returns when that is so.
    pub async fn go_down(&self) {
        self.order.send_replace(Order::Down);
        self.reach(false).await;
    }

    /// Listens again, at the same address, and returns when it does. Never, if something else has taken the address since.
    pub async fn come_back(&self) {
        self.order.send_replace(Order::Serve);
        self.reach(true).await;
    }

    async fn reach(&self, up: bool) {
        let is_so = || self.up.load(Ordering::Acquire) == up;
        while !(is_so() && (up || self.open_connections() == 0)) && !self.accepting.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL of a path: `server.url("/v1")` is `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Connections accepted so far: tells whether a client reuses them.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Refuses new connections, lets the answers under way come to their end, and returns when all are closed.
    ///
    /// An answer that never ends holds it up until its caller goes.
    pub async fn shutdown(mut self) {
        self.order.send_replace(Order::Stop);
        // An error is a panic or an abort of the task: closed as well.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The task owns the connections' tasks, and takes them along.
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    vendor: Vendor,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    mut orders: watch::Receiver<Order>,
    up: Arc<AtomicBool>,
) {
    let mut connections = JoinSet::new();
    let addr = listener.local_addr();
    let mut listener = Some(listener);
    loop {
        // Without a sender the server is gone, which is a reason to stop too.
        let order = *orders.borrow_and_update();
        match order {
            Order::Stop => break,
            Order::Down => {
                listener = None;
                connections.shutdown().await;
            }
            Order::Serve if listener.is_none() => {
                if let Ok(addr) = addr {
                    listener = TcpListener::bind(addr).await.ok();
                }
                if listener.is_none() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            }
            Order::Serve => {}
        }
        up.store(listener.is_some(), Ordering::Release);
        tokio::select! {
            stream = accepted_by(listener.as_ref()) => match stream {
                Ok((stream, _)) => {
                    accepted.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(Connection::new(stream, vendor.clone(), Open::new(&open), orders.clone()));
                }
                // Out of file handles, most likely: some are about to come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
            changed = orders.changed() => if changed.is_err() { break },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn accepted_by(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
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

/// One connection, from the accepted socket to its close.
struct Connection {
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
    fn new(stream: TcpStream, vendor: Vendor, open: Open, orders: watch::Receiver<Order>) -> Self {
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
            // A zero linger never blocks, which is what the deprecation is about; its successor needs a newer tokio.
            #[allow(deprecated)]
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
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
