//! Counted tokens, as callers of three dialects ask for them: real sockets, scripted vendors.

mod support;

use serde_json::{Value, json};
use support::{Running, post, served};
use trunkline::testing::{Answer, Script, Server, Vendor};

const CONFIG: &str = r#"
retry: { max_attempts: 2, base: 1ms, max: 5ms }
providers:
  a: { kind: anthropic-compatible, base_url: "${A}", accounts: [{ name: k, api_key: x, limits: { rpm: 2 } }] }
  g: { kind: gemini-compatible, base_url: "${G}", accounts: [k] }
  r: { kind: responses-compatible, base_url: "${R}", accounts: [k] }
  o: { kind: openai-compatible, base_url: "${O}", accounts: [k] }
models:
  claude: [a/claude-sonnet-4-5]
  gemini: [g/gemini-2.5-pro]
  gpt: [r/gpt-5]
  plain: [o/llama]
"#;

struct Bed {
    vendors: [Vendor; 4],
    gateway: Running,
    _servers: Vec<Server>,
}

async fn bed() -> Bed {
    let vendors: [Vendor; 4] = std::array::from_fn(|_| Vendor::new());
    let mut servers = Vec::new();
    for vendor in &vendors {
        servers.push(served(vendor).await);
    }
    let env = [
        ("A", servers[0].url("/v1")),
        ("G", servers[1].url("/v1beta")),
        ("R", servers[2].url("/v1")),
        ("O", servers[3].url("/v1")),
    ];
    Bed {
        gateway: Running::start(CONFIG, &env).await,
        vendors,
        _servers: servers,
    }
}

/// The question in each dialect, and where the number is in the answer.
fn questions(model: &str) -> [(String, Value, &'static str); 3] {
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    [
        (
            "/v1/messages/count_tokens?beta=true".into(),
            json!({"model": model, "system": "Be brief.", "messages": [{"role": "user", "content": "hi"}],
                "tools": [{"name": "f", "input_schema": schema}]}),
            "input_tokens",
        ),
        (
            format!("/v1beta/models/{model}:countTokens"),
            json!({"generateContentRequest": {"model": "models/x",
                "systemInstruction": {"parts": [{"text": "Be brief."}]},
                "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
                "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]}}),
            "totalTokens",
        ),
        (
            "/v1/responses/input_tokens".into(),
            json!({"model": model, "instructions": "Be brief.", "input": "hi",
                "tools": [{"type": "function", "name": "f", "parameters": schema}]}),
            "input_tokens",
        ),
    ]
}

impl Bed {
    async fn ask(&self, path: &str, body: &Value, member: &str) -> (u64, bool) {
        let (status, headers, text) = post(&self.gateway.url(path), body.to_string()).await;
        assert_eq!(status, 200, "{path} {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let estimated = headers.contains_key("x-trunkline-lossy");
        (answer[member].as_u64().expect(&text), estimated)
    }
}

#[tokio::test]
async fn vendors_count_for_callers_of_every_dialect() {
    let bed = bed().await;
    let [claude, gemini, gpt, _] = &bed.vendors;
    claude.always(Answer::json(200, r#"{"input_tokens":41}"#));
    gemini.always(Answer::json(
        200,
        r#"{"totalTokens":42,"promptTokensDetails":[]}"#,
    ));
    gpt.always(Answer::json(
        200,
        r#"{"object":"response.input_tokens","input_tokens":43}"#,
    ));
    for (model, want) in [("claude", 41), ("gemini", 42), ("gpt", 43)] {
        for (path, body, member) in questions(model) {
            assert_eq!(bed.ask(&path, &body, member).await, (want, false), "{path}");
        }
    }
    // Three questions were more than the account's two requests a minute: they take no place there.
    assert_eq!(claude.requests().len(), 3);
    for request in claude.requests() {
        assert_eq!(request.path(), "/v1/messages/count_tokens");
        let sent: Value = serde_json::from_str(&request.text()).unwrap();
        assert_eq!(sent["model"], "claude-sonnet-4-5");
        assert!(sent.get("max_tokens").is_none() && sent.get("stream").is_none());
        assert_eq!(sent["tools"][0]["name"], "f");
        assert!(sent["system"].to_string().contains("Be brief."));
    }
    for request in gemini.requests() {
        assert_eq!(request.path(), "/v1beta/models/gemini-2.5-pro:countTokens");
        let sent: Value = serde_json::from_str(&request.text()).unwrap();
        let whole = &sent["generateContentRequest"];
        assert_eq!(whole["model"], "models/gemini-2.5-pro");
        assert!(whole["contents"].is_array() && whole["tools"].is_array());
    }
    for request in gpt.requests() {
        assert_eq!(request.path(), "/v1/responses/input_tokens");
        let sent: Value = serde_json::from_str(&request.text()).unwrap();
        assert!(sent.get("store").is_none() && sent.get("include").is_none());
    }
    // The same dialect passes byte for byte.
    let own = r#"{"messages" : [{"role":"user","content":"hi"}], "model":"claude","novel":1.0}"#;
    post(&bed.gateway.url("/v1/messages/count_tokens"), own).await;
    let passed = claude.requests().pop().unwrap();
    assert_eq!(
        passed.text(),
        own.replace("\"claude\"", "\"claude-sonnet-4-5\"")
    );
}

#[tokio::test]
async fn nobody_hears_that_a_vendor_does_not_count() {
    let bed = bed().await;
    let mut counts = Vec::new();
    // No counter at all; none here, which is remembered; out of order.
    for (model, status) in [("plain", 0), ("claude", 404), ("gpt", 503)] {
        for vendor in &bed.vendors {
            vendor.always(Answer::json(
                status.max(400),
                r#"{"error":{"message":"no"}}"#,
            ));
        }
        for (path, body, member) in questions(model) {
            let (tokens, estimated) = bed.ask(&path, &body, member).await;
            assert!(estimated, "{path}");
            counts.push(tokens);
        }
    }
    assert!(counts.iter().all(|n| (60..140).contains(n)), "{counts:?}");
    let asked = |at: usize| bed.vendors[at].requests().len();
    assert_eq!((asked(0), asked(3)), (1, 0));
    let accounts = bed.gateway.gateway.pools().snapshot();
    assert!(accounts.iter().all(|account| account.cooldowns.is_empty()));

    let url = bed.gateway.url("/v1/messages/count_tokens");
    for (body, status) in [
        (json!({"model": "plain"}), 400),
        (
            json!({"model": "plain", "messages": [{"role": "user"}]}),
            400,
        ),
        (
            json!({"model": "nobody's", "messages": [{"role": "user", "content": "hi"}]}),
            404,
        ),
    ] {
        let (got, _, text) = post(&url, body.to_string()).await;
        assert_eq!(got, status, "{text}");
        assert!(text.contains(r#""type":"error""#), "{text}");
    }
    // What the caller did wrong is said in the vendor's words.
    bed.vendors[1].always(Answer::json(
        400,
        r#"{"error":{"code":400,"message":"odd","status":"INVALID_ARGUMENT"}}"#,
    ));
    let url = bed.gateway.url("/v1beta/models/gemini:countTokens");
    let (status, _, text) = post(&url, r#"{"contents":[{"parts":[{"text":"x"}]}]}"#).await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("odd"), "{text}");
}

#[tokio::test]
async fn estimates_learn_from_what_answers_cost() {
    let bed = bed().await;
    let (path, mut body, member) = questions("plain").into_iter().next().unwrap();
    let (before, _) = bed.ask(&path, &body, member).await;
    let answer = Script::new().text("Hi.").usage(before * 3, 1);
    bed.vendors[3].always(answer.openai("llama", false, true));
    body["max_tokens"] = 10.into();
    for _ in 0..4 {
        let (status, _, text) = post(&bed.gateway.url("/v1/messages"), body.to_string()).await;
        assert_eq!(status, 200, "{text}");
    }
    let (after, _) = bed.ask(&path, &body, member).await;
    assert!(after.abs_diff(before * 3) <= 1, "{before} became {after}");
}
