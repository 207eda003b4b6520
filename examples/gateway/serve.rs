//! The server: routes, start, drain.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use tokio::{net::TcpListener, sync::Notify};
use trunkline::{
    BoxError,
    config::{Config, Gateway},
};

use crate::load::Loaded;

/// Serves until SIGTERM or Ctrl-C, then lets running calls end within `server.drain`.
pub async fn run(loaded: Loaded, listen: Option<SocketAddr>) -> Result<(), BoxError> {
    let config = &loaded.config;
    let gateway = Arc::new(Gateway::new(config)?);
    let address = listen.unwrap_or(config.server.listen);
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
    let stop = stopping.clone();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        stop.notified().await;
    });
    let mut server = tokio::spawn(server.into_future());

    tokio::select! {
        ended = &mut server => ended??,
        () = asked_to_stop() => {
            draining.store(true, Ordering::Relaxed);
            stopping.notify_one();
            drain(server, config.server.drain).await?;
        }
    }
    checks.abort();
    Ok(())
}

async fn drain(
    mut server: tokio::task::JoinHandle<std::io::Result<()>>,
    limit: Duration,
) -> Result<(), BoxError> {
    tracing::info!(
        limit_s = limit.as_secs_f64(),
        "draining: no new connections, running calls may end"
    );
    match tokio::time::timeout(limit, &mut server).await {
        Ok(ended) => {
            ended??;
            tracing::info!("drained");
        }
        Err(_) => {
            tracing::warn!("the drain limit was reached: the calls still running are cut");
            server.abort();
        }
    }
    Ok(())
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

/// What is served, and a line that works.
fn greet(loaded: &Loaded, address: SocketAddr) {
    let Config {
        providers, models, ..
    } = &loaded.config;
    println!("trunkline, from {}, on http://{address}", loaded.source);
    println!("  POST /v1/chat/completions, /v1/messages; GET /v1/models, /health, /health/ready");
    for model in models {
        println!("  model {}", model.name);
    }
    let vendors: Vec<&str> = providers.iter().map(|p| p.name.as_str()).collect();
    println!("  over {}", vendors.join(", "));
    let example = match &loaded.demo {
        Some(_) => "demo",
        None => models
            .iter()
            .map(|model| model.name.as_str())
            .find(|name| !name.contains('*'))
            .unwrap_or("<model>"),
    };
    println!(
        "\ncurl -N http://{address}/v1/chat/completions -H 'content-type: application/json' \\\n  \
         -d '{{\"model\":\"{example}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n"
    );
    tracing::info!(%address, source = loaded.source, models = models.len(), "listening");
}

async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        tracing::warn!("SIGTERM cannot be waited for; stop with Ctrl-C");
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
