//! The server: routes, start, drain.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use tokio::{
    net::TcpListener,
    sync::Notify,
    task::{JoinError, JoinHandle},
};
use trunkline::{BoxError, config::Gateway};

use crate::{greet::greet, load::Loaded, stop::Stop};

/// Serves until SIGTERM or Ctrl-C, then lets running calls end within `server.drain`.
pub async fn run(loaded: Loaded) -> Result<(), BoxError> {
    // First of all: a signal that comes early is not to kill what has begun.
    let mut stop = Stop::new()?;
    let config = &loaded.config;
    let gateway = Arc::new(Gateway::new(config)?);
    let address = config.server.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;

    let health = gateway.clone();
    let checks = tokio::spawn(async move { health.watch_health().await });
    let draining = Arc::new(AtomicBool::new(false));
    let stopping = Arc::new(Notify::new());
    let app = routes(&gateway, draining.clone());
    greet(&loaded, address);

    // Answers are small frames: they must not wait for one another.
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let closing = stopping.clone();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        closing.notified().await;
    });
    let mut server = tokio::spawn(server.into_future());

    tokio::select! {
        ended = &mut server => over(ended)?,
        () = stop.asked() => {
            draining.store(true, Ordering::Relaxed);
            stopping.notify_one();
            drain(&gateway, server, config.server.drain, &mut stop).await?;
        }
    }
    checks.abort();
    Ok(())
}

/// Waits for running calls. Those that are left at the end are cut with the process, which no caller takes for a whole answer.
async fn drain(
    gateway: &Gateway,
    mut server: JoinHandle<std::io::Result<()>>,
    limit: Duration,
    stop: &mut Stop,
) -> Result<(), BoxError> {
    tracing::info!(
        calls = running(gateway),
        limit_s = limit.as_secs_f64(),
        "draining: no new connections, running calls may end"
    );
    tokio::select! {
        ended = &mut server => {
            over(ended)?;
            tracing::info!("drained");
        }
        () = tokio::time::sleep(limit) => {
            tracing::warn!(calls = running(gateway), "the drain limit was reached: running calls are cut");
        }
        () = stop.asked() => {
            tracing::warn!(calls = running(gateway), "asked to stop again: running calls are cut");
        }
    }
    Ok(())
}

fn over(ended: Result<std::io::Result<()>, JoinError>) -> Result<(), BoxError> {
    Ok(ended??)
}

/// The calls that accounts are serving.
fn running(gateway: &Gateway) -> u32 {
    let accounts = gateway.pools().snapshot();
    accounts.iter().map(|account| account.in_flight).sum()
}

fn routes(gateway: &Arc<Gateway>, draining: Arc<AtomicBool>) -> Router {
    let pools = gateway.pools().clone();
    let ready = move || {
        let usable = pools.any_in_service();
        let draining = draining.load(Ordering::Relaxed);
        async move {
            match (draining, usable) {
                (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
                (_, false) => (StatusCode::SERVICE_UNAVAILABLE, "no usable account\n"),
                _ => (StatusCode::OK, "ready\n"),
            }
        }
    };
    Router::new()
        // Clients probe the root before they begin.
        .route("/", get(|| async { "trunkline\n" }))
        .route("/api/hello", get(|| async { "trunkline\n" }))
        .route("/health", get(|| async { "alive\n" }))
        .route("/health/ready", get(ready))
        .fallback_service(gateway.service())
}
