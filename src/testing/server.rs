//! The vendor as an HTTP/1.1 server on a free port.

use std::{
    error::Error,
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tower_service::Service;

use super::vendor::Vendor;
use crate::{Body, BoxError};

/// A [`Vendor`] that listens on 127.0.0.1. Dropping it closes every connection at once.
#[derive(Debug)]
#[must_use = "dropping the server closes it"]
pub struct Server {
    addr: SocketAddr,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(super) async fn bind(vendor: Vendor) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let accepted = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(AtomicUsize::new(0));
        let accepting = tokio::spawn(accept(
            listener,
            vendor,
            Arc::clone(&accepted),
            Arc::clone(&open),
            stopped,
        ));
        Ok(Self {
            addr,
            accepted,
            open,
            stop,
            accepting,
        })
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
        self.stop.send_replace(true);
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
    stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut stop = pin!(stopping(stopped.clone()));
    loop {
        tokio::select! {
            stream = listener.accept() => match stream {
                Ok((stream, _)) => {
                    accepted.fetch_add(1, Ordering::Relaxed);
                    let stop = Box::pin(stopping(stopped.clone()));
                    connections.spawn(Connection::new(stream, vendor.clone(), Open::new(&open), stop));
                }
                // Out of file handles, most likely: some are about to come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
            () = &mut stop => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn stopping(mut stopped: watch::Receiver<bool>) {
    // Without a sender the server is gone, which is a reason to stop too.
    let _ = stopped.wait_for(|stop| *stop).await;
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
struct Answering(Vendor);

impl hyper::service::Service<Request<Incoming>> for Answering {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = <Vendor as tower_service::Service<Request<Body>>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.0.clone().call(request.map(Body::new))
    }
}

impl Connection {
    fn new(
        stream: TcpStream,
        vendor: Vendor,
        open: Open,
        stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Self {
        // Small chunks are to leave when they are written. Failing that, they leave later.
        let _ = stream.set_nodelay(true);
        Self {
            http: Some(
                http1::Builder::new().serve_connection(TokioIo::new(stream), Answering(vendor)),
            ),
            stop: Some(stop),
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
