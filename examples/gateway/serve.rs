//! The server: start, drain, end.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use trunkline::{BoxError, config::Gateway};

use crate::{
    door::Door,
    greet::greet,
    listen::accept,
    load::Loaded,
    metrics::Metrics,
    reload::Reloader,
    stop::{Hangup, Stop},
    tls::Certificate,
};

/// How long callers have to read how their calls ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Serves until SIGTERM or Ctrl-C, then lets running calls end within `server.drain`.
pub async fn run(loaded: Loaded) -> Result<(), BoxError> {
    // First of all: a signal that comes early is not to kill what has begun.
    let (mut stop, hangup) = (Stop::new()?, Hangup::new()?);
    let config = &loaded.config;
    let gateway = Arc::new(Gateway::new(config)?);
    let certificate = config
        .server
        .tls
        .as_ref()
        .map(Certificate::load)
        .transpose()?;
    let address = config.server.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    let limits = config.server.limits;

    let metrics = Arc::new(Metrics::default());
    let door = Door::new(gateway.clone(), metrics.clone());
    let watched = gateway.clone();
    let checks = tokio::spawn(async move {
        tokio::join!(watched.watch_health(), watched.warm_up());
    });
    let reloader = Reloader {
        gateway: gateway.clone(),
        metrics: metrics.clone(),
        file: loaded.file.clone(),
        certificate: certificate.clone(),
        config: config.clone(),
    };
    let reloads = tokio::spawn(reloader.run(hangup));
    greet(&loaded, address);

    let graceful = GracefulShutdown::new();
    tokio::select! {
        () = accept(&listener, certificate, &door, limits, &metrics, &graceful) => {}
        () = stop.asked() => {}
    }
    door.drain();
    gateway.stop_shadows();
    drop(listener);
    reloads.abort();
    drain(&gateway, graceful, config.server.drain, &mut stop).await;
    checks.abort();
    Ok(())
}

/// Waits for running calls. Those that are left at the end are told so in their own dialect.
async fn drain(gateway: &Gateway, graceful: GracefulShutdown, limit: Duration, stop: &mut Stop) {
    tracing::info!(
        calls = running(gateway),
        limit_s = limit.as_secs_f64(),
        "draining: no new connections, running calls may end"
    );
    let mut ended = pin!(graceful.shutdown());
    tokio::select! {
        () = &mut ended => {
            tracing::info!("drained");
        }
        () = tokio::time::sleep(limit) => {
            tracing::warn!(calls = running(gateway), "the drain limit was reached: running calls are ended");
            cut(gateway, ended).await;
        }
        () = stop.asked() => {
            tracing::warn!(calls = running(gateway), "asked to stop again: running calls are ended");
            cut(gateway, ended).await;
        }
    }
}

async fn cut(gateway: &Gateway, ended: Pin<&mut impl Future<Output = ()>>) {
    gateway.cut();
    if tokio::time::timeout(LAST_WORDS, ended).await.is_err() {
        tracing::warn!("some callers do not read: their connections are cut");
    }
}

/// The calls that accounts are serving.
fn running(gateway: &Gateway) -> u32 {
    let accounts = gateway.pools().snapshot();
    accounts.iter().map(|account| account.in_flight).sum()
}
