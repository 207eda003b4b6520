//! Connections: accepted, greeted with TLS if there is a certificate, and served.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use trunkline::config::ServerLimits;

use crate::{
    connection::{PATIENCE, serve},
    door::Door,
    metrics::Metrics,
    tls::Certificate,
};

/// How long to rest when no connection can be accepted, mostly because there are no file handles left.
const REST: Duration = Duration::from_millis(50);

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
