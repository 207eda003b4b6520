//! A gateway inside a service of one's own: beside its routes, under its tower-http layers.
//!
//! `cargo run --example axum` answers at http://127.0.0.1:3000/llm/v1 with a scripted vendor; put a real one in its place with
//! `provider::preset` and `client::ReqwestClient`.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use clap::Parser;
use tower::ServiceBuilder;
use tower_http::{set_header::SetResponseHeaderLayer, trace::TraceLayer};
use trunkline::{
    BoxError, IngressLayer, PoolLayer, RetryBackoffLayer, Secret, SseNormalizeLayer, Upstream,
    pool::{Pool, Pools, Vendor},
    provider::Compatible,
    retry::RetryPolicy,
    testing::{self, Demo},
    upstream::Account,
};

#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: String,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments = Arguments::parse();

    let acme = Arc::new(Compatible::openai("acme", "https://llm.acme.example/v1")?);
    let account = Arc::new(Account::new("team-a", Secret::new("sk-1")));
    let pools = Pools::new().pool(
        "demo",
        Pool::new().vendor(Vendor::new(acme, "acme-large").account(account, 1)),
    );
    let names = pools.clone();
    let gateway = ServiceBuilder::new()
        // Layers over HTTP stand outside of the door …
        .layer(TraceLayer::new_for_http())
        .layer(IngressLayer::new().models(move || names.models()))
        .layer(SseNormalizeLayer::new())
        .layer(RetryBackoffLayer::new(RetryPolicy::new()))
        // … and generic ones anywhere inside.
        .timeout(Duration::from_secs(120))
        .concurrency_limit(256)
        .layer(PoolLayer::new(pools))
        .service(Upstream::new(testing::Vendor::from(
            Demo::new().pace(Duration::from_millis(15)),
        )));

    let app = Router::new()
        .route("/hello", get(|| async { "my own route\n" }))
        .nest_service("/llm", gateway)
        .layer(SetResponseHeaderLayer::if_not_present(
            http::header::SERVER,
            http::HeaderValue::from_static("my-service"),
        ));

    let listener = tokio::net::TcpListener::bind(&arguments.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(terminated())
        .await?;
    Ok(())
}

async fn terminated() {
    let signal = tokio::signal::unix::SignalKind::terminate();
    match tokio::signal::unix::signal(signal) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(error) => eprintln!("cannot wait for SIGTERM: {error}"),
    }
}
