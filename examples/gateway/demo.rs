//! The demo: a scripted vendor in this process, called in both dialects like any other.

use std::time::Duration;

use trunkline::{
    BoxError,
    config::Config,
    testing::{Demo, Vendor},
};

use crate::load::Loaded;

/// Starts the vendor and a configuration that pools it: two accounts of one dialect, one of the other, and a fallback.
pub async fn load() -> Result<Loaded, BoxError> {
    let demo = Demo::new()
        .models(["demo", "demo-claude"])
        .pace(Duration::from_millis(15));
    let vendor = Vendor::from(demo).serve().await?;
    let base_url = vendor.url("/v1");
    let text = format!(
        "
providers:
  demo:
    kind: openai-compatible
    base_url: {base_url}
    accounts:
      - {{ name: demo-a, api_key: demo-key-a, weight: 2 }}
      - {{ name: demo-b, api_key: demo-key-b }}
  demo-anthropic:
    kind: anthropic-compatible
    base_url: {base_url}
    accounts: [{{ name: demo-c, api_key: demo-key-c }}]
models:
  demo: {{ deployments: [demo/demo], fallbacks: [demo-claude] }}
  demo-claude: [demo-anthropic/demo-claude]
  \"gpt-*\": demo
  \"claude-*\": demo-anthropic
"
    );
    Ok(Loaded {
        config: Config::from_yaml(&text, &|_| None)?,
        source: "the built-in demo".to_owned(),
        file: None,
        demo: Some(vendor),
    })
}
