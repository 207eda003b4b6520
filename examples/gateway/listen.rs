//! Connections: accepted, greeted with TLS if there is a certificate, served over HTTP/1.1 or HTTP/2.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown, graceful::Watcher},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

use trunkline::config::ServerLimits;

use crate::{door::Door, hurried::Hurried, metrics::Metrics, tls::Certificate};

/// How long a client may take for its handshake, and for the head of each request: longer is no client but an attack.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to rest when no connection can be accepted, mostly because there are no file handles left.
const REST: Duration = Duration::from_millis(50);

/// Calls at the same time over one HTTP/2 connection.
const MAX_STREAMS: u32 = 250;

/// Accepts until it is dropped.
pub async fn accept(
    listener: &TcpListener,
    certificate: Option<Certificate>,
    door: &Door,
    limits: ServerLimits,
    metrics: &Arc<Metrics>,
    graceful: &GracefulShutdown,
) {
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // What a client did to its own connection is no trouble of ours.
                if !matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(REST).await;
                }
                continue;
            }
        };
        // Answers are small frames: they must not wait for one another.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let (door, watcher) = (door.for_client(client.ip()), graceful.watcher());
        let open = Open::new(metrics.clone());
        match certificate.clone() {
            None => {
                tokio::spawn(async move {
                    serve(stream, door, limits, watcher).await;
                    drop(open);
                });
            }
            Some(certificate) => {
                tokio::spawn(async move {
                    secured(stream, certificate, door, limits, watcher).await;
                    drop(open);
                });
            }
        }
    }
}

async fn secured(
    stream: TcpStream,
    certificate: Certificate,
    door: Door,
    limits: ServerLimits,
    watcher: Watcher,
) {
    let greeting = certificate.acceptor().accept(stream);
    match tokio::time::timeout(PATIENCE, greeting).await {
        Ok(Ok(stream)) => serve(stream, door, limits, watcher).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn serve<S>(stream: S, door: Door, limits: ServerLimits, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PATIENCE)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS);
    let connection = http
        .serve_connection(TokioIo::new(Hurried::new(stream, PATIENCE)), door)
        .into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// Counts a connection while it lives.
struct Open(Arc<Metrics>);

impl Open {
    fn new(metrics: Arc<Metrics>) -> Self {
        metrics.connections.fetch_add(1, Ordering::Relaxed);
        metrics.open_connections.fetch_add(1, Ordering::Relaxed);
        Self(metrics)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open_connections.fetch_sub(1, Ordering::Relaxed);
    }
}
