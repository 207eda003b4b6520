//! The gateway, set up from YAML and served by the example's own code: three accounts, failover, retries, usage, logs.

use std::sync::Arc;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use trunkline::config::{Config, Gateway};

use crate::{door::Door, listen::accept, metrics::Metrics};

/// `quiet` is without the line of log that every call writes.
pub async fn run(listener: TcpListener, vendor: String, quiet: bool) {
    let level = if quiet { "warn" } else { "info" };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let config = Config::from_yaml(&yaml(&vendor), &|_| None).expect("a right configuration");
    let gateway = Arc::new(Gateway::new(&config).expect("a client"));
    let metrics = Arc::new(Metrics::default());
    let door = Door::new(gateway.clone(), metrics.clone());
    let health = async {
        gateway.watch_health().await;
        std::future::pending::<()>().await;
    };
    let graceful = GracefulShutdown::new();
    tokio::select! {
        () = accept(&listener, None, &door, &metrics, &graceful) => {}
        () = health => {}
    }
}

/// One provider for each thing the vendor can do; models are named like it.
fn yaml(vendor: &str) -> String {
    let mut providers = String::from("providers:\n");
    let mut models = String::from("models:\n");
    for (dialect, ways) in [
        ("openai", &["0/0", "50/0", "100/20", "1000/1000"][..]),
        ("anthropic", &["0/0", "50/0"]),
    ] {
        for way in ways {
            let name = format!("{dialect}-{}", way.replace('/', "-"));
            providers.push_str(&format!(
                "  {name}:\n    kind: {dialect}-compatible\n    base_url: http://{vendor}/{way}/v1\n    accounts:\n"
            ));
            for account in ["a", "b", "c"] {
                providers.push_str(&format!(
                    "      - {{ name: {name}-{account}, api_key: bench-key-{account} }}\n"
                ));
            }
            models.push_str(&format!(
                "  {name}: {{ deployments: [{name}/upstream-model], fallbacks: [spare] }}\n"
            ));
        }
    }
    models.push_str("  spare: [openai-0-0/spare-model]\n");
    providers + &models
}
