//! The gateway, set up from YAML and served by the example's own code: three accounts, failover, retries, usage, logs.

use std::sync::Arc;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use trunkline::config::{Config, Gateway};

use crate::{door::Door, listen::accept, logging, metrics::Metrics};

/// What the vendor can be asked for: by dialect, so many events at such a pace in ms.
pub type Ways = &'static [(&'static str, &'static [&'static str])];

/// `flags` are `quiet`, which is without the line of log that every call writes, and `limited`, which is with limits of every kind
/// that are never reached.
pub async fn run(listener: TcpListener, vendor: String, ways: Ways, flags: Vec<String>) {
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let level = if has("quiet") { "warn" } else { "info" };
    let _written = logging::start_with(level.parse().expect("a level"));
    let config = Config::from_yaml(&yaml(&vendor, ways, has("limited")), &|_| None)
        .expect("a right configuration");
    let gateway = Arc::new(Gateway::new(&config).expect("a client"));
    let metrics = Arc::new(Metrics::default());
    let door = Door::new(gateway.clone(), metrics.clone());
    let health = async {
        gateway.watch_health().await;
        std::future::pending::<()>().await;
    };
    let (graceful, limits) = (GracefulShutdown::new(), config.server.limits);
    tokio::select! {
        () = accept(&listener, None, &door, limits, &metrics, &graceful) => {}
        () = health => {}
    }
}

/// Every limit that an account can have, and the queue of those who have to wait. Limits of tokens and money are what costs: the
/// tokens of each request are estimated before it is sent.
const LIMITS: &str = "    limits:
      rpm: 100000000
      tpm: 1000000000000
      rpd: 100000000000
      tpd: 1000000000000000
      concurrency: 100000
      reserve: 10%
      windows:
        - { requests: 1000000000, per: 5h, sliding: false }
        - { output_tokens: 100000000000, per: day }
        - { usd: 1000000000, per: month }
";
const QUEUE: &str =
    ", wait: 10s, queue: { size: 1000, per_caller: 100 }, price: { input: 3, output: 15 }";

/// One provider for each thing the vendor can do; models are named like it.
fn yaml(vendor: &str, ways: Ways, limited: bool) -> String {
    let mut providers = String::from("providers:\n");
    let mut models = String::from("models:\n");
    let (limits, queue) = if limited { (LIMITS, QUEUE) } else { ("", "") };
    for (dialect, ways) in ways {
        for way in *ways {
            let name = format!("{dialect}-{}", way.replace('/', "-"));
            providers.push_str(&format!(
                "  {name}:\n    kind: {dialect}-compatible\n    base_url: http://{vendor}/{way}/v1\n{limits}    accounts:\n"
            ));
            for account in ["a", "b", "c"] {
                providers.push_str(&format!(
                    "      - {{ name: {name}-{account}, api_key: bench-key-{account} }}\n"
                ));
            }
            models.push_str(&format!(
                "  {name}: {{ deployments: [{name}/upstream-model], fallbacks: [spare]{queue} }}\n"
            ));
        }
    }
    models.push_str("  spare: [openai-0-0/spare-model]\n");
    providers + &models
}
