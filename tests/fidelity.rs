//! All or nothing: requests that a vendor cannot be told all of, over real sockets.

mod support;

use serde_json::Value;
use support::{Running, call, served, whole};
use trunkline::testing::{Answer, Script, Server, Vendor};

const CONFIG: &str = r#"
retry: { max_attempts: 2, base: 1ms, max: 5ms, budget: 0% }
providers:
  alpha:
    kind: openai-compatible
    base_url: ${ALPHA}
    accounts: [{ name: alpha-1, api_key: key-alpha }]
  gamma:
    kind: anthropic-compatible
    base_url: ${GAMMA}
    accounts: [{ name: gamma-1, api_key: key }, { name: gamma-2, api_key: key }, { name: gamma-3, api_key: key }]
  delta:
    kind: responses-compatible
    base_url: ${DELTA}
    accounts: [{ name: delta-1, api_key: key-delta }]
models:
  claude: [gamma/claude-sonnet-4-5]
  open: [delta/gpt-4o]
  picky: { deployments: [gamma/claude-sonnet-4-5], fidelity: strict }
  both: { deployments: [gamma/claude-sonnet-4-5, { provider: alpha, model: gpt-4o, weight: 0 }] }
  next: { deployments: [gamma/claude-sonnet-4-5], fidelity: strict, fallbacks: [last] }
  last: [alpha/gpt-4o]
"#;

struct Bed {
    alpha: Vendor,
    gamma: Vendor,
    delta: Vendor,
    gateway: Running,
    _servers: [Server; 3],
}

async fn bed() -> Bed {
    let (alpha, gamma, delta) = (Vendor::new(), Vendor::new(), Vendor::new());
    let servers = [
        served(&alpha).await,
        served(&gamma).await,
        served(&delta).await,
    ];
    let env = [
        ("ALPHA", servers[0].url("/v1")),
        ("GAMMA", servers[1].url("/v1")),
        ("DELTA", servers[2].url("/v1")),
    ];
    let hello = Script::new().text("Hello.").usage(3, 2);
    alpha.always(hello.openai("gpt-4o", false, false));
    gamma.always(hello.anthropic("claude-sonnet-4-5", false));
    delta.always(hello.responses("gpt-4o", false));
    Bed {
        gateway: Running::start(CONFIG, &env).await,
        alpha,
        gamma,
        delta,
        _servers: servers,
    }
}

impl Bed {
    async fn post(
        &self,
        path: &str,
        mode: Option<&str>,
        body: &str,
    ) -> (u16, http::HeaderMap, String) {
        let mut call = call(&self.gateway.url(path), body);
        if let Some(mode) = mode {
            call = call.header("x-trunkline-fidelity", mode);
        }
        whole(call).await
    }
}

/// With a seed, which Anthropic does not know.
fn seeded(model: &str) -> String {
    format!(
        r#"{{"model":"{model}","seed":7,"max_tokens":9,"messages":[{{"role":"user","content":"x"}}]}}"#
    )
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn strict_names_the_field_in_every_dialect_and_asks_nobody() {
    let bed = bed().await;
    let hello = r#"[{"role":"user","content":"x"}]"#;
    for (path, body, field, at) in [
        (CHAT, seeded("claude"), "seed", "/error/param"),
        (
            "/v1/responses",
            format!(r#"{{"model":"claude","max_tool_calls":3,"input":{hello}}}"#),
            "max_tool_calls",
            "/error/param",
        ),
        (
            "/v1/messages",
            format!(
                r#"{{"model":"open","max_tokens":99,"stop_sequences":["x"],"messages":{hello}}}"#
            ),
            "stop_sequences",
            "/error/message",
        ),
        (
            "/v1beta/models/open:generateContent",
            r#"{"generationConfig":{"topK":4},"contents":[{"parts":[{"text":"x"}]}]}"#.to_owned(),
            "generationConfig.topK",
            "/error/message",
        ),
    ] {
        let (status, _, text) = bed.post(path, Some("strict"), &body).await;
        assert_eq!(status, 400, "{path}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let named = answer.pointer(at).and_then(Value::as_str).unwrap();
        assert!(named.contains(field), "{path}: {text}");
        assert!(text.contains(&format!("`{field}`")), "{path}: {text}");
        // And the other way, in the caller's own words.
        let (status, headers, text) = bed.post(path, Some("Lenient"), &body).await;
        assert_eq!(status, 200, "{path}: {text}");
        let lossy = headers["x-trunkline-lossy"].to_str().unwrap();
        assert!(lossy.contains(&format!("{field}=dropped")), "{lossy}");
    }
    assert_eq!(
        (bed.gamma.requests().len(), bed.delta.requests().len()),
        (2, 2)
    );
    for asked in bed.gamma.requests() {
        assert_eq!(asked.header("x-trunkline-fidelity"), None);
    }
}

#[tokio::test]
async fn strict_looks_for_a_vendor_who_can_be_told_all() {
    let bed = bed().await;
    // All three accounts of the other dialect are passed over, though a call has two attempts and the budget none to spare.
    let (status, headers, text) = bed.post(CHAT, Some("strict"), &seeded("both")).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(headers["x-trunkline-provider"], "alpha");
    assert_eq!(headers["x-trunkline-attempts"], "1");
    assert!(!headers.contains_key("x-trunkline-lossy"));
    // Without it the first choice serves.
    let (_, headers, _) = bed.post(CHAT, None, &seeded("both")).await;
    assert_eq!(headers["x-trunkline-provider"], "gamma");
    // The next model counts too.
    let (status, headers, text) = bed.post(CHAT, None, &seeded("next")).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(headers["x-trunkline-provider"], "alpha");
    assert_eq!(bed.alpha.requests().len(), 2);
    // Nobody's account is to blame.
    let accounts = bed.gateway.gateway.pools().snapshot();
    assert!(accounts.iter().all(|account| account.cooldowns.is_empty()));
}

#[tokio::test]
async fn a_model_may_be_strict_and_the_header_has_the_last_word() {
    let bed = bed().await;
    let (status, _, text) = bed.post(CHAT, None, &seeded("picky")).await;
    assert_eq!(status, 400, "{text}");
    let (status, headers, _) = bed.post(CHAT, Some("lenient"), &seeded("picky")).await;
    assert_eq!(
        (status, &headers["x-trunkline-lossy"]),
        (200, &"seed=dropped".parse().unwrap())
    );
    // What is filled in is no loss, and what the vendor's own dialect says is none either.
    let plain = r#"{"model":"picky","messages":[{"role":"user","content":"x"}]}"#;
    let (status, headers, text) = bed.post(CHAT, None, plain).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(headers["x-trunkline-lossy"], "max_tokens=defaulted");
    let own = r#"{"model":"picky","max_tokens":9,"top_k":3,"whatever":1,"messages":[{"role":"user","content":"x"}]}"#;
    let (status, _, text) = bed.post("/v1/messages", None, own).await;
    assert_eq!(status, 200, "{text}");
}

#[tokio::test]
async fn another_word_is_refused_by_the_headers_name() {
    let bed = bed().await;
    let (status, _, text) = bed.post(CHAT, Some("exact"), &seeded("claude")).await;
    assert_eq!(status, 400);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["error"]["param"], "x-trunkline-fidelity");
    assert!(
        text.contains("strict") && text.contains("lenient") && text.contains("exact"),
        "{text}"
    );
}

#[tokio::test]
async fn what_of_an_answer_is_not_told_is_in_the_header_too() {
    let bed = bed().await;
    let answer = r#"{"id":"m","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[
        {"type":"server_tool_use","id":"s","name":"web_search","input":{}},
        {"type":"text","text":"Hi.","citations":[{"type":"char_location","cited_text":"x","document_index":0,"document_title":"t","start_char_index":0,"end_char_index":1}]}],
        "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#;
    bed.gamma.always(Answer::json(200, answer));
    let body = r#"{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
    let (status, headers, text) = bed.post(CHAT, Some("strict"), body).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(
        headers["x-trunkline-lossy"],
        "response.content=dropped, response.citations=dropped"
    );
}

#[tokio::test]
async fn the_capabilities_tell_of_the_models_that_are_served() {
    let bed = bed().await;
    let response = support::client().get(bed.gateway.url("/v1/capabilities"));
    let (status, headers, text) = whole(response).await;
    assert_eq!(
        (status, &headers["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        all["models"]["both"]["dialects"],
        serde_json::json!(["anthropic", "openai-chat"])
    );
    assert_eq!(all["fronts"].as_array().unwrap().len(), 5);
    let refused = support::call(&bed.gateway.url("/v1/capabilities"), "{}");
    assert_eq!(whole(refused).await.0, 405);
}
