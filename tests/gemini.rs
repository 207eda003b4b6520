//! Google's dialect through a whole gateway: as the callers' and as a vendor's, in one piece, as a list and as frames.

mod support;

use serde_json::{Value, json};
use support::{Running, chat, messages, post, served};
use trunkline::testing::{Answer, Script, Server, Vendor};

const CONFIG: &str = r#"
retry: { max_attempts: 2, base: 1ms, max: 2ms }
providers:
  alpha:
    kind: openai-compatible
    base_url: ${ALPHA}
    accounts: [{ api_key: key-alpha }]
  gamma:
    kind: anthropic-compatible
    base_url: ${GAMMA}
    accounts: [{ api_key: key-gamma }]
  delta:
    kind: gemini-compatible
    base_url: ${DELTA}
    accounts: [{ name: one, api_key: key-one }, { name: two, api_key: key-two }]
models:
  gpt: [alpha/gpt-4o]
  claude: [gamma/claude-sonnet-4-5]
  google: [delta/gemini-3-flash-preview]
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
        // No path: the kind's own version is meant.
        ("DELTA", servers[2].url("")),
    ];
    Bed {
        gateway: Running::start(CONFIG, &env).await,
        alpha,
        gamma,
        delta,
        _servers: servers,
    }
}

impl Bed {
    /// Every vendor answers with this, streamed or not.
    fn says(&self, script: &Script, stream: bool) {
        self.alpha.always(script.openai("gpt-4o", stream, true));
        self.gamma
            .always(script.anthropic("claude-sonnet-4-5", stream));
        self.delta
            .always(script.gemini("gemini-3-flash-preview", stream));
    }

    async fn generate(&self, model: &str, verb: &str) -> (u16, http::HeaderMap, String) {
        let path = format!("/v1beta/models/{model}:{verb}");
        post(&self.gateway.url(&path), ASKED).await
    }
}

const ASKED: &str = r#"{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}"#;
const MODELS: [&str; 3] = ["gpt", "claude", "google"];

fn hello() -> Script {
    Script::new()
        .thinking("Somebody greets me.")
        .text("Hello there.")
        .tool_call("call_1", "weather", r#"{"city":"Berlin"}"#)
        .usage(10, 9)
}

/// The text, the calls and the end of a list of Google's chunks.
fn told(chunks: &[Value]) -> (String, Vec<Value>, Value, Value) {
    let (mut text, mut calls, mut finish, mut usage) =
        (String::new(), Vec::new(), Value::Null, Value::Null);
    for chunk in chunks {
        assert!(chunk["error"].is_null(), "{chunk}");
        let candidate = &chunk["candidates"][0];
        for part in candidate["content"]["parts"].as_array().unwrap() {
            if part["thought"] != true {
                text.push_str(part["text"].as_str().unwrap_or_default());
            }
            if part["functionCall"].is_object() {
                calls.push(part["functionCall"].clone());
            }
        }
        finish = candidate["finishReason"].clone();
        usage = chunk["usageMetadata"].clone();
    }
    (text, calls, finish, usage)
}

fn frames(body: &str) -> Vec<Value> {
    body.split("\n\n")
        .flat_map(|frame| frame.split("\r\n\r\n"))
        .filter(|frame| !frame.is_empty())
        .map(|frame| {
            let data = frame.strip_prefix("data: ");
            serde_json::from_str(data.unwrap_or_else(|| panic!("{frame:?}"))).unwrap()
        })
        .collect()
}

#[tokio::test]
async fn googles_callers_meet_every_vendor() {
    let bed = bed().await;
    for (verb, stream) in [
        ("generateContent", false),
        ("streamGenerateContent?alt=sse", true),
        ("streamGenerateContent", true),
    ] {
        bed.says(&hello(), stream);
        for model in MODELS {
            let (status, headers, body) = bed.generate(model, verb).await;
            assert_eq!(status, 200, "{model} {verb}: {body}");
            let kind = headers["content-type"].to_str().unwrap();
            let chunks = match verb {
                "generateContent" => vec![serde_json::from_str(&body).unwrap()],
                "streamGenerateContent" => {
                    assert!(kind.starts_with("application/json"), "{kind}");
                    serde_json::from_str(&body).unwrap()
                }
                _ => {
                    assert!(kind.starts_with("text/event-stream"), "{kind}");
                    frames(&body)
                }
            };
            let (text, calls, finish, usage) = told(&chunks);
            assert_eq!(text, "Hello there.", "{model} {verb}");
            assert_eq!(calls.len(), 1, "{model} {verb}: {body}");
            assert_eq!(calls[0]["name"], "weather");
            assert_eq!(calls[0]["args"], json!({"city": "Berlin"}));
            assert_eq!(finish, "STOP");
            assert_eq!(usage["promptTokenCount"], 10, "{body}");
            assert_eq!(usage["totalTokenCount"], 19, "{body}");
        }
    }
    let asked = bed.delta.requests();
    assert_eq!(
        asked[0].header("x-goog-api-key").map(|k| &k[..4]),
        Some("key-")
    );
    assert!(asked.iter().all(|one| one.text() == ASKED));
    assert_eq!(
        asked[1].path(),
        "/v1beta/models/gemini-3-flash-preview:streamGenerateContent"
    );
}

#[tokio::test]
async fn other_callers_meet_google() {
    let bed = bed().await;
    for stream in [false, true] {
        bed.says(&hello(), stream);
        let (status, _, body) = post(
            &bed.gateway.url("/v1/chat/completions"),
            chat("google", stream),
        )
        .await;
        assert_eq!(status, 200, "{body}");
        for word in [
            "reasoning_content",
            "weather",
            "thought_signature",
            "tool_calls",
        ] {
            assert!(body.contains(word), "{word}: {body}");
        }
        let (status, _, body) =
            post(&bed.gateway.url("/v1/messages"), messages("google", stream)).await;
        assert_eq!(status, 200, "{body}");
        for word in ["tl1.gemini.tlo1.", ".c2Ny", "weather", "\"tool_use\""] {
            assert!(body.contains(word), "{word}: {body}");
        }
    }
}

#[tokio::test]
async fn the_same_dialect_passes_byte_for_byte() {
    let bed = bed().await;
    let answer = hello().gemini("gemini-3-flash-preview", true);
    let sent = String::from_utf8(answer.content().to_vec()).unwrap();
    bed.delta.always(answer.chunks_of(5));
    let (_, _, body) = bed
        .generate("google", "streamGenerateContent?alt=sse")
        .await;
    assert_eq!(body, sent);
}

#[tokio::test]
async fn signatures_come_back_through_other_dialects() {
    let bed = bed().await;
    bed.says(&hello(), false);
    let (_, _, body) = post(
        &bed.gateway.url("/v1/chat/completions"),
        chat("google", false),
    )
    .await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    let next = json!({"model": "google", "messages": [
        {"role": "user", "content": "Hello"},
        answer["choices"][0]["message"],
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]});
    post(&bed.gateway.url("/v1/chat/completions"), next.to_string()).await;

    let (_, _, body) = post(&bed.gateway.url("/v1/messages"), messages("google", false)).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    let next = json!({"model": "google", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "rain"}]},
    ]});
    post(&bed.gateway.url("/v1/messages"), next.to_string()).await;

    let asked = bed.delta.requests();
    for at in [1, 3] {
        let body: Value = serde_json::from_str(&asked[at].text()).unwrap();
        let parts = body["contents"][1]["parts"].as_array().unwrap();
        let call = parts.iter().find(|part| part["functionCall"].is_object());
        assert_eq!(
            call.unwrap()["thoughtSignature"],
            "c2NyaXB0ZWQgc2lnbmF0dXJl",
            "{body}"
        );
        let result = &body["contents"][2]["parts"][0]["functionResponse"];
        assert_eq!(result["name"], "weather");
        assert_eq!(result["response"], json!({"output": "rain"}));
    }
}

#[tokio::test]
async fn e37_a_dead_key_is_passed_over_and_never_shown() {
    let bed = bed().await;
    let dead = r#"{"error":{"code":400,"message":"API key not valid: key-one","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#;
    bed.delta.on(move |request: &trunkline::testing::Recorded| {
        match request.header("x-goog-api-key") {
            Some("key-one") => Some(Answer::json(400, dead)),
            _ => Some(Script::new().text("ok").gemini("m", false)),
        }
    });
    for _ in 0..3 {
        let (status, _, body) = bed.generate("google", "generateContent").await;
        assert_eq!(status, 200, "{body}");
    }
    let all_dead = self::bed().await;
    all_dead.delta.always(Answer::json(400, dead));
    let (status, _, body) = all_dead.generate("google", "generateContent").await;
    assert!(
        status >= 429 && !body.contains("key-one"),
        "{status} {body}"
    );
}

#[tokio::test]
async fn e38_a_wait_in_the_body_is_waited_for_and_told() {
    let bed = bed().await;
    let hasty = r#"{"error":{"code":429,"message":"You exceeded your current quota. Please retry in 34.07s.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.07s"}]}}"#;
    bed.delta.always(Answer::json(429, hasty));
    let told = |headers: &http::HeaderMap| {
        let after: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((30..=35).contains(&after), "{after}");
    };
    let (status, headers, body) = bed.generate("google", "generateContent").await;
    assert_eq!(status, 429, "{body}");
    told(&headers);
    // Either key has been tried, and neither is again while the wait lasts.
    assert_eq!(bed.delta.requests().len(), 2);
    let (status, headers, body) = bed.generate("google", "generateContent").await;
    assert_eq!(status, 429, "{body}");
    told(&headers);
    assert!(body.contains("RetryInfo"), "{body}");
    assert_eq!(bed.delta.requests().len(), 2);
}

#[tokio::test]
async fn e34_a_failure_in_the_stream_is_told_in_it() {
    let bed = bed().await;
    let frames = [
        r#"{"candidates":[{"content":{"parts":[{"text":"Hel"}],"role":"model"},"index":0}]}"#,
        r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#,
    ];
    bed.delta.always(Answer::data(frames));
    let response = reqwest::Client::new()
        .post(bed.gateway.url("/v1/chat/completions"))
        .body(chat("google", true))
        .send()
        .await
        .unwrap();
    let mut seen = String::new();
    let mut body = response;
    let mut cut = false;
    loop {
        match body.chunk().await {
            Ok(Some(bytes)) => seen.push_str(&String::from_utf8_lossy(&bytes)),
            Ok(None) => break,
            Err(_) => {
                cut = true;
                break;
            }
        }
    }
    assert!(
        cut && seen.contains("overloaded") && !seen.contains("[DONE]"),
        "{seen}"
    );
}

#[tokio::test]
async fn refusals_come_in_googles_shape() {
    let bed = bed().await;
    for (path, body, status, name) in [
        (
            "/v1beta/models/none:generateContent",
            ASKED,
            404,
            "NOT_FOUND",
        ),
        (
            "/v1/models/gpt:generateContent",
            "[]",
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "/v1/models/gpt:generateContent",
            r#"{"contents":[]}"#,
            400,
            "INVALID_ARGUMENT",
        ),
        ("/v1beta/models/gpt:predict", ASKED, 404, "NOT_FOUND"),
        (
            "/v1beta/models/..%2Fgpt:generateContent",
            ASKED,
            400,
            "INVALID_ARGUMENT",
        ),
    ] {
        let (found, _, text) = post(&bed.gateway.url(path), body).await;
        let error: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (found, &error["error"]["code"]),
            (status, &json!(status)),
            "{path} {text}"
        );
        assert_eq!(error["error"]["status"], name, "{path} {text}");
    }
    let list = reqwest::get(bed.gateway.url("/v1beta/models"))
        .await
        .unwrap();
    let list: Value = serde_json::from_str(&list.text().await.unwrap()).unwrap();
    let names: Vec<&str> = list["models"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|model| model["name"].as_str())
        .collect();
    for model in MODELS {
        assert!(names.contains(&&*format!("models/{model}")), "{list}");
    }
    let one = reqwest::get(bed.gateway.url("/v1beta/models/gpt"))
        .await
        .unwrap();
    assert!(one.text().await.unwrap().contains("\"models/gpt\""));
}
