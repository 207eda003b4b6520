//! The vendor as an HTTP/1.1 server on a free port.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use super::{
    connection::{Connection, Open},
    vendor::Vendor,
};

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
pub(super) enum Order {
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
