//! The conformance suite passes for every provider of this crate, and names what is wrong with a wrong one.

use std::sync::Arc;

use http::{Uri, request::Parts};
use trunkline::{
    Error, Provider, Secret,
    provider::{
        Azure, Bedrock, BedrockApi, Compatible, PresetDialect, Vertex, aws::AwsKeys, presets,
        secret_header,
    },
    testing::{Fixtures, conformance},
};

mod alien;
mod wrong;

fn fixtures(dialect: &str) -> Fixtures {
    Fixtures::of(dialect).expect("a dialect with scripts")
}

/// Passes, with nothing skipped but what is named.
async fn right(name: &str, provider: impl Provider, fixtures: Fixtures, skipped: &[&str]) {
    let report = conformance(Arc::new(provider), fixtures).await;
    assert!(report.passed(), "{name}: {report}");
    let lacking: Vec<_> = report.skipped().map(|case| case.name).collect();
    assert_eq!(lacking, skipped, "{name}");
}

/// Vendors that sign no thoughts.
const UNSIGNED: &[&str] = &["thinking goes back with its signature"];

/// Vendors whose streams have no lines.
const LINES: &[&str] = &[
    "lines may end in CRLF",
    "lines may end in CR",
    "comments are passed over",
];

#[tokio::test]
async fn every_dialect_conforms() {
    let base = "https://vendor.example/v1";
    let openai = Compatible::openai("v", base).expect("a URL");
    right("openai", openai, fixtures("openai-chat"), UNSIGNED).await;
    let responses = Compatible::responses("v", base).expect("a URL");
    right("responses", responses, fixtures("openai-responses"), &[]).await;
    let anthropic = Compatible::anthropic("v", base).expect("a URL");
    right("anthropic", anthropic, fixtures("anthropic"), &[]).await;
    let gemini = Compatible::gemini("v", base).expect("a URL");
    right("gemini", gemini, fixtures("gemini"), UNSIGNED).await;
    let cohere = Compatible::cohere("v", base).expect("a URL");
    right("cohere", cohere, fixtures("cohere"), UNSIGNED).await;
}

#[tokio::test]
async fn every_cloud_conforms() {
    let azure = || Azure::new("azure", "https://contoso.openai.azure.com").expect("a URL");
    right("azure", azure(), fixtures("openai-chat"), UNSIGNED).await;
    let dated = azure().deployments("2024-10-21").expect("a version");
    right("azure, dated", dated, fixtures("openai-chat"), UNSIGNED).await;

    let vertex = || Vertex::new("vertex", "project", "europe-west1").expect("a place");
    let gemini = fixtures("gemini").model("gemini-2.5-pro");
    right("vertex", vertex(), gemini, UNSIGNED).await;
    let claude = fixtures("anthropic").model("claude-sonnet-4-5");
    right("vertex, claude", vertex(), claude, &[]).await;

    let bedrock = |api| {
        Bedrock::new("bedrock", "us-east-1")
            .expect("a region")
            .api(api)
    };
    let keys = AwsKeys::new("AKIDEXAMPLE", "wJalrXUtnFEMI-a1b2c3d4").to_secret();
    for secret in [Secret::new("bedrock-api-key-a1b2c3"), keys] {
        let model = "anthropic.claude-sonnet-4-5-v1:0";
        let converse = fixtures("bedrock-converse")
            .secret(secret.clone())
            .model(model);
        right("bedrock", bedrock(BedrockApi::Converse), converse, LINES).await;
        let claude = fixtures("anthropic-on-bedrock").secret(secret).model(model);
        right("claude", bedrock(BedrockApi::ByModel), claude, LINES).await;
    }
}

#[tokio::test]
async fn every_preset_conforms() {
    for preset in presets() {
        let (dialect, skipped) = match preset.dialect {
            PresetDialect::Anthropic => ("anthropic", &[][..]),
            PresetDialect::Cohere => ("cohere", UNSIGNED),
            PresetDialect::Gemini => ("gemini", UNSIGNED),
            _ => ("openai-chat", UNSIGNED),
        };
        let provider = preset.provider().expect("a provider");
        right(preset.name, provider, fixtures(dialect), skipped).await;
    }
}

/// The vendor of `examples/custom_provider.rs`.
#[derive(Debug)]
struct Acme(Uri);

impl Provider for Acme {
    fn name(&self) -> &str {
        "acme"
    }
    fn base_url(&self) -> &Uri {
        &self.0
    }
    fn authorize(&self, secret: &Secret, parts: &mut Parts, _body: &[u8]) -> Result<(), Error> {
        let key = secret_header(secret.expose())?;
        parts.headers.insert("x-acme-key", key);
        Ok(())
    }
}

#[tokio::test]
async fn the_vendor_of_the_example_conforms() {
    let acme = Acme(Uri::from_static("https://llm.acme.example/v1"));
    right("acme", acme, fixtures("openai-chat"), UNSIGNED).await;
}
