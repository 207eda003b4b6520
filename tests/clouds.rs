//! Azure and Vertex through a whole gateway: what arrives there, and the tokens it takes.

mod support;

use std::sync::{
    LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use support::{Running, call, chat, messages, post, served, whole};
use trunkline::{
    dialect::{Call, Dialect, anthropic::Anthropic},
    provider::{Provider, Vertex},
    request::Operation,
    testing::{Answer, Recorded, Script, Server, Vendor},
};

const CONFIG: &str = r#"
retry: { max_attempts: 3, base: 1ms, max: 2ms }
providers:
  vertex:
    project: p-1
    location: us-east5
    base_url: ${CLOUD}
    accounts: [{ name: robot, credentials_json: "${ROBOT}" }]
  express:
    kind: vertex
    base_url: ${CLOUD}
    accounts: [{ api_key: AIza-key }]
  azure:
    base_url: ${CLOUD}
    accounts: [{ api_key: azure-key }]
  older:
    kind: azure
    base_url: ${CLOUD}
    api_version: 2024-10-21
    accounts: [{ entra: { tenant: contoso.example, client_id: app, client_secret: entra-secret, authority: "${TOKENS}" } }]
models:
  gemini: vertex/gemini-3-flash-preview
  claude: vertex/claude-sonnet-4-5@20250929
  llama: vertex/meta/llama-4-scout
  mistral: vertex/mistral-medium-3
  quick: express/gemini-2.5-flash
  gpt: azure/gpt-prod
  old: older/gpt-old
  foundry: azure/claude-prod
  texts: vertex/text-embedding-005
  text: vertex/gemini-embedding-001
  newer: vertex/gemini-embedding-2
"#;

/// A key of a service account, made once for all tests.
static KEY: LazyLock<String> = LazyLock::new(|| {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let lines = STANDARD.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n")
});

fn robot(token_uri: &str) -> String {
    json!({
        "type": "service_account", "project_id": "elsewhere", "private_key_id": "kid-1", "private_key": *KEY,
        "client_email": "robot@p-1.example", "token_uri": token_uri,
    })
    .to_string()
}

fn person(token_uri: &str, refresh_token: &str) -> String {
    json!({
        "type": "authorized_user", "client_id": "id", "client_secret": "user-secret",
        "refresh_token": refresh_token, "token_uri": token_uri,
    })
    .to_string()
}

/// Hands out `token-1`, `token-2` …, each a little late.
fn token_server() -> Vendor {
    let (tokens, count) = (Vendor::new(), AtomicUsize::new(0));
    tokens.on(move |_: &Recorded| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let body = json!({"access_token": format!("token-{number}"), "expires_in": 3599, "token_type": "Bearer"});
        let late = std::time::Duration::from_millis(5);
        Some(Answer::json(200, body.to_string()).delay(late))
    });
    tokens
}

/// Answers in the dialect that the path is of.
fn answer(request: &Recorded) -> Option<Answer> {
    let script = Script::new().text("Servus").usage(10, 9);
    let path = request.path();
    if let Some(answer) = other_answer(path, request) {
        return Some(answer);
    }
    let streamed = request.field("/stream").as_deref() == Some("true");
    Some(if path.contains("enerateContent") {
        script.gemini(
            "gemini-3-flash-preview",
            path.ends_with(":streamGenerateContent"),
        )
    } else if path.ends_with("/messages") || path.contains("/publishers/anthropic/") {
        script.anthropic("claude-sonnet-4-5", streamed)
    } else if path.ends_with("/responses") {
        script.responses("gpt-4o", streamed)
    } else {
        script.openai("gpt-4o", streamed, true)
    })
}

/// Answers to what is no conversation.
fn other_answer(path: &str, request: &Recorded) -> Option<Answer> {
    let vector = json!([0.5, -1.0]);
    let answer = if path.ends_with(":predict") {
        let instances: Value = serde_json::from_str(&request.field("/instances")?).ok()?;
        let one = json!({"embeddings": {"values": vector, "statistics": {"token_count": 2.0}}});
        json!({"predictions": vec![one; instances.as_array()?.len()]})
    } else if path.ends_with(":embedContent") {
        json!({"embedding": {"values": vector}, "usageMetadata": {"promptTokenCount": 2}})
    } else if path.ends_with(":countTokens") {
        json!({"totalTokens": 7, "totalBillableCharacters": 20})
    } else if path.contains("count") {
        json!({"input_tokens": 7})
    } else if path.ends_with("/embeddings") {
        json!({"object": "list", "data": [{"index": 0, "embedding": vector}], "usage": {"prompt_tokens": 2, "total_tokens": 2}})
    } else if path.contains("/images/") || path.contains("/audio/") {
        json!({"data": []})
    } else if path.contains("/files") || path.contains("/batches") {
        json!({"object": "list", "data": []})
    } else {
        return None;
    };
    Some(Answer::json(200, answer.to_string()))
}

struct Bed {
    cloud: Vendor,
    tokens: Vendor,
    gateway: Running,
    _servers: [Server; 2],
}

async fn bed() -> Bed {
    let (cloud, tokens) = (Vendor::new(), token_server());
    cloud.on(answer);
    let servers = [served(&cloud).await, served(&tokens).await];
    let env = [
        ("CLOUD", servers[0].url("")),
        ("TOKENS", servers[1].url("")),
        ("ROBOT", robot(&servers[1].url("/token"))),
    ];
    Bed {
        gateway: Running::start(CONFIG, &env).await,
        cloud,
        tokens,
        _servers: servers,
    }
}

impl Bed {
    async fn chat(&self, model: &str) -> (u16, String) {
        let url = self.gateway.url("/v1/chat/completions");
        let (status, _, body) = post(&url, chat(model, false)).await;
        (status, body)
    }

    /// What arrived since `before`, the only one.
    fn arrived(&self, before: usize) -> Recorded {
        let mut all = self.cloud.requests();
        assert_eq!(all.len(), before + 1);
        all.remove(before)
    }
}

fn form(request: &Recorded) -> Vec<(String, String)> {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    };
    let text = request.text().into_owned();
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Header and body of the claim that a service account signed.
fn claims(request: &Recorded) -> Vec<Value> {
    let (_, assertion) = form(request).remove(1);
    let parts = assertion.split('.').take(2);
    parts
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect()
}

/// Front, path and body for a model.
fn asked(front: &str, model: &str, stream: bool) -> (String, String) {
    match front {
        "openai" => ("/v1/chat/completions".to_owned(), chat(model, stream)),
        // Served by chat: of none of these models is it known that it completes.
        "completions" => (
            "/v1/completions".to_owned(),
            json!({"model": model, "stream": stream, "prompt": "Hello"}).to_string(),
        ),
        "responses" => (
            "/v1/responses".to_owned(),
            json!({"model": model, "stream": stream, "store": false, "input": "Hello"}).to_string(),
        ),
        "anthropic" => ("/v1/messages".to_owned(), messages(model, stream)),
        _ => {
            let verb = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            let body = json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]});
            (format!("/v1beta/models/{model}:{verb}"), body.to_string())
        }
    }
}

#[tokio::test]
async fn every_front_reaches_every_cloud() {
    let bed = bed().await;
    let place = "/v1/projects/p-1/locations/us-east5";
    let google = |model: &str, stream| {
        let verb = if stream {
            "streamGenerateContent?alt=sse"
        } else {
            "generateContent"
        };
        format!("/publishers/google/models/{model}:{verb}")
    };
    let raw = |stream| {
        if stream {
            "streamRawPredict"
        } else {
            "rawPredict"
        }
    };
    for front in ["openai", "completions", "responses", "anthropic", "gemini"] {
        for stream in [false, true] {
            let chat = "/openai/v1/chat/completions";
            let gpt = if front == "responses" {
                "/openai/v1/responses"
            } else {
                chat
            };
            // The model, the path, the header of the key, the body's model.
            for (model, path, key, named) in [
                (
                    "gemini",
                    format!("{place}{}", google("gemini-3-flash-preview", stream)),
                    "authorization",
                    None,
                ),
                (
                    "claude",
                    format!(
                        "{place}/publishers/anthropic/models/claude-sonnet-4-5@20250929:{}",
                        raw(stream)
                    ),
                    "authorization",
                    None,
                ),
                (
                    "llama",
                    format!("{place}/endpoints/openapi/chat/completions"),
                    "authorization",
                    Some("meta/llama-4-scout"),
                ),
                (
                    "mistral",
                    format!(
                        "{place}/publishers/mistralai/models/mistral-medium-3:{}",
                        raw(stream)
                    ),
                    "authorization",
                    Some("mistral-medium-3"),
                ),
                (
                    "quick",
                    format!("/v1{}", google("gemini-2.5-flash", stream)),
                    "x-goog-api-key",
                    None,
                ),
                ("gpt", gpt.to_owned(), "api-key", Some("gpt-prod")),
                (
                    "old",
                    "/openai/deployments/gpt-old/chat/completions?api-version=2024-10-21"
                        .to_owned(),
                    "authorization",
                    Some("gpt-old"),
                ),
                (
                    "foundry",
                    "/anthropic/v1/messages".to_owned(),
                    "x-api-key",
                    Some("claude-prod"),
                ),
            ] {
                let what = format!("{front} → {model}, {stream}");
                let before = bed.cloud.requests().len();
                let (at, body) = asked(front, model, stream);
                let mut request =
                    call(&bed.gateway.url(&at), body).header("authorization", "Bearer callers-key");
                if front == "anthropic" {
                    request = request.header("anthropic-version", "2023-06-01");
                }
                let (status, headers, text) = whole(request).await;
                assert_eq!(status, 200, "{what}: {text}");
                assert!(text.contains("Servus"), "{what}: {text}");
                let kind = headers["content-type"].to_str().unwrap();
                assert_eq!(
                    kind.starts_with("text/event-stream"),
                    stream,
                    "{what}: {kind}"
                );

                let arrived = bed.arrived(before);
                assert_eq!(arrived.path_and_query(), path, "{what}");
                let keys = ["authorization", "api-key", "x-api-key", "x-goog-api-key"];
                let found: Vec<_> = keys
                    .into_iter()
                    .filter(|name| arrived.header(name).is_some())
                    .collect();
                assert_eq!(found, [key], "{what}");
                let value = arrived.header(key).unwrap();
                assert!(
                    key != "authorization" || value.starts_with("Bearer token-"),
                    "{what}: {value}"
                );
                assert_eq!(arrived.string("/model").as_deref(), named, "{what}");
                let in_body = arrived.field("/stream").as_deref() == Some("true");
                assert_eq!(
                    in_body,
                    stream && !path.contains("enerateContent"),
                    "{what}"
                );
                let claude = model == "claude";
                let version = arrived.string("/anthropic_version");
                assert_eq!(
                    version.as_deref(),
                    claude.then_some("vertex-2023-10-16"),
                    "{what}"
                );
                let version = arrived.header("anthropic-version");
                assert_eq!(version.is_some(), model == "foundry", "{what}");
            }
        }
    }
    // One token for Google's, one for Microsoft's.
    assert_eq!(bed.tokens.requests().len(), 2);
}

#[tokio::test]
async fn the_other_operations_reach_each_cloud_at_its_own_paths() {
    let bed = bed().await;
    let place = "/v1/projects/p-1/locations/us-east5";
    let older = |path: &str| format!("/openai/deployments/gpt-old/{path}?api-version=2024-10-21");
    let embed = |model: &str| json!({"model": model, "input": ["a", "b"]});
    let claude =
        |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    let contents = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
    let system = json!({"parts": [{"text": "Be brief."}]});
    let asked = json!({"contents": contents, "systemInstruction": system, "toolConfig": {}});
    let asked = json!({"generateContentRequest": asked});
    // What is asked, the path and the body that arrive, what the answer holds.
    for (path, body, arrives, said, told) in [
        (
            "/v1/embeddings",
            embed("gpt"),
            "/openai/v1/embeddings".to_owned(),
            embed("gpt-prod"),
            "0.5",
        ),
        (
            "/v1/embeddings",
            embed("old"),
            older("embeddings"),
            embed("gpt-old"),
            "0.5",
        ),
        (
            "/v1/images/generations",
            json!({"model": "old", "prompt": "x"}),
            older("images/generations"),
            json!({"model": "gpt-old", "prompt": "x"}),
            "data",
        ),
        (
            "/v1/images/generations",
            json!({"model": "gpt", "prompt": "x"}),
            "/openai/v1/images/generations".to_owned(),
            json!({"model": "gpt-prod", "prompt": "x"}),
            "data",
        ),
        (
            "/v1/audio/speech",
            json!({"model": "old", "input": "x"}),
            older("audio/speech"),
            json!({"model": "gpt-old", "input": "x"}),
            "data",
        ),
        (
            "/v1/embeddings",
            json!({"model": "texts", "input": ["a", "b"], "dimensions": 2, "input_type": "query"}),
            format!("{place}/publishers/google/models/text-embedding-005:predict"),
            json!({"instances": [{"content": "a", "task_type": "RETRIEVAL_QUERY"}, {"content": "b", "task_type": "RETRIEVAL_QUERY"}], "parameters": {"outputDimensionality": 2}}),
            r#""total_tokens":4"#,
        ),
        (
            "/v1/embeddings",
            json!({"model": "text", "input": "a"}),
            format!("{place}/publishers/google/models/gemini-embedding-001:predict"),
            json!({"instances": [{"content": "a"}]}),
            r#""total_tokens":2"#,
        ),
        (
            "/v1beta/models/newer:embedContent",
            json!({"content": {"parts": [{"text": "a"}]}, "taskType": "CLUSTERING"}),
            format!("{place}/publishers/google/models/gemini-embedding-2:embedContent"),
            json!({"content": {"parts": [{"text": "a"}]}, "taskType": "CLUSTERING"}),
            r#""embedding":{"values":[0.5,"#,
        ),
        (
            "/v1/messages/count_tokens",
            claude("claude"),
            format!("{place}/publishers/anthropic/models/count-tokens:rawPredict"),
            json!({"anthropic_version": "vertex-2023-10-16", "model": "claude-sonnet-4-5@20250929", "messages": [{"role": "user", "content": "hi"}]}),
            r#""input_tokens": 7"#,
        ),
        (
            "/v1/messages/count_tokens",
            claude("foundry"),
            "/anthropic/v1/messages/count_tokens".to_owned(),
            claude("claude-prod"),
            r#""input_tokens": 7"#,
        ),
        (
            "/v1beta/models/gemini:countTokens",
            asked,
            format!("{place}/publishers/google/models/gemini-3-flash-preview:countTokens"),
            json!({"contents": contents, "systemInstruction": system}),
            r#""totalTokens": 7"#,
        ),
        (
            "/v1/batches?model=gpt",
            json!({"x": 1}),
            "/openai/v1/batches".to_owned(),
            json!({"x": 1}),
            "list",
        ),
        (
            "/v1/batches?model=old&a=b",
            json!({"x": 1}),
            "/openai/batches?a=b&api-version=2024-10-21".to_owned(),
            json!({"x": 1}),
            "list",
        ),
    ] {
        let before = bed.cloud.requests().len();
        let (status, _, text) = post(&bed.gateway.url(path), body.to_string()).await;
        assert_eq!(status, 200, "{path} {body}: {text}");
        let told = told.replace(' ', "");
        assert!(text.replace(' ', "").contains(&told), "{path}: {text}");
        let arrived = bed.arrived(before);
        assert_eq!(arrived.path_and_query(), arrives, "{path} {body}");
        let sent: Value = serde_json::from_str(&arrived.text()).unwrap();
        assert_eq!(sent, said, "{path}");
    }
    // One text a call.
    let before = bed.cloud.requests().len();
    let (status, _, text) = post(
        &bed.gateway.url("/v1/embeddings"),
        embed("text").to_string(),
    )
    .await;
    assert_eq!(
        (status, bed.cloud.requests().len() - before),
        (200, 2),
        "{text}"
    );
    // What a cloud has not is refused before it is asked.
    let before = bed.cloud.requests().len();
    for (path, body) in [
        (
            "/v1/images/generations",
            json!({"model": "gemini", "prompt": "x"}),
        ),
        ("/v1/moderations", json!({"model": "gpt", "input": "x"})),
        (
            "/v1/images/generations",
            json!({"model": "foundry", "prompt": "x"}),
        ),
        ("/v1/embeddings", embed("claude")),
        (
            "/v1/rerank",
            json!({"model": "gpt", "query": "q", "documents": ["d"]}),
        ),
        ("/v1/batches?model=gemini", json!({})),
    ] {
        let (status, _, text) = post(&bed.gateway.url(path), body.to_string()).await;
        assert_eq!(status, 400, "{path} {body}: {text}");
        assert!(text.contains("does not offer"), "{path}: {text}");
    }
    assert_eq!(bed.cloud.requests().len(), before);
}

#[tokio::test]
async fn anthropics_callers_reach_claude_on_vertex_almost_untouched() {
    let bed = bed().await;
    let body = r#"{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"a","x":1.0}]}],"service_tier":"auto","context_management":{"edits":[]}}"#;
    let request = call(&bed.gateway.url("/v1/messages?beta=true"), body)
        .header("anthropic-version", "2023-06-01")
        .header(
            "anthropic-beta",
            "oauth-2025-04-20,interleaved-thinking-2025-05-14",
        );
    let (status, _, text) = whole(request).await;
    assert_eq!(status, 200, "{text}");
    let arrived = bed.arrived(0);
    // Pain P159: what the target does not know is left out.
    assert_eq!(
        arrived.text(),
        r#"{"anthropic_version":"vertex-2023-10-16","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"a","x":1.0}]}]}"#
    );
    assert_eq!(
        arrived.header("anthropic-beta"),
        Some("interleaved-thinking-2025-05-14")
    );
}

#[tokio::test]
async fn a_hundred_first_calls_ask_for_one_token() {
    let bed = bed().await;
    let calls = (0..100).map(|_| bed.chat("gemini"));
    for (status, body) in futures_util::future::join_all(calls).await {
        assert_eq!(status, 200, "{body}");
    }
    let asked = bed.tokens.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].path(), asked[0].header("content-type")),
        ("/token", Some("application/x-www-form-urlencoded"))
    );
    let form = form(&asked[0]);
    assert_eq!(
        form[0],
        (
            "grant_type".into(),
            "urn:ietf:params:oauth:grant-type:jwt-bearer".into()
        )
    );
    let claims = claims(&asked[0]);
    assert_eq!(
        claims[0],
        json!({"alg": "RS256", "typ": "JWT", "kid": "kid-1"})
    );
    assert_eq!(claims[1]["iss"], "robot@p-1.example");
    assert_eq!(
        claims[1]["scope"],
        "https://www.googleapis.com/auth/cloud-platform"
    );
    assert!(claims[1]["aud"].as_str().unwrap().ends_with("/token"));
    assert_eq!(
        claims[1]["exp"].as_u64().unwrap() - claims[1]["iat"].as_u64().unwrap(),
        3600
    );
    for request in bed.cloud.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer token-1"));
    }
}

#[tokio::test]
async fn a_clock_that_goes_wrong_is_put_right() {
    let bed = bed().await;
    // The server lives in 2033, and says so when it refuses.
    let refused = Answer::json(
        400,
        r#"{"error":"invalid_grant","error_description":"Invalid JWT"}"#,
    );
    bed.tokens
        .push(refused.header("date", "Sat, 01 Jan 2033 00:00:00 GMT"));
    let (status, body) = bed.chat("gemini").await;
    assert_eq!(status, 200, "{body}");
    let asked = bed.tokens.requests();
    assert_eq!(asked.len(), 2);
    let issued = claims(&asked[1])[1]["iat"].as_u64().unwrap();
    assert!((1_988_150_000..1_988_151_000).contains(&issued), "{issued}");
}

#[tokio::test]
async fn an_application_signs_in_at_its_tenant() {
    let bed = bed().await;
    assert_eq!(bed.chat("old").await.0, 200);
    let asked = bed.tokens.requests().remove(0);
    assert_eq!(asked.path(), "/contoso.example/oauth2/v2.0/token");
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", "app"),
        ("client_secret", "entra-secret"),
        ("scope", "https://cognitiveservices.azure.com/.default"),
    ];
    assert_eq!(
        form(&asked),
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert!(!format!("{:?}", bed.gateway.gateway).contains("secret"));
}

#[tokio::test]
async fn a_machine_asks_its_own_server() {
    let (cloud, tokens) = (Vendor::new(), token_server());
    cloud.on(answer);
    let servers = [served(&cloud).await, served(&tokens).await];
    let text = "providers: { vertex: { project: p, base_url: \"${CLOUD}/v1beta1\" } }";
    let env = [
        ("CLOUD", servers[0].url("")),
        ("GCE_METADATA_HOST", servers[1].addr().to_string()),
    ];
    let gateway = Running::start(text, &env).await;
    let (status, _, body) = post(
        &gateway.url("/v1/chat/completions"),
        chat("vertex/gemini-x", false),
    )
    .await;
    assert_eq!(status, 200, "{body}");
    let asked = tokens.requests().remove(0);
    assert_eq!(
        asked.path(),
        "/computeMetadata/v1/instance/service-accounts/default/token"
    );
    assert_eq!(
        (asked.method.as_str(), asked.header("metadata-flavor")),
        ("GET", Some("Google"))
    );
    let path =
        "/v1beta1/projects/p/locations/global/publishers/google/models/gemini-x:generateContent";
    assert_eq!(cloud.requests()[0].path(), path);
}

#[tokio::test]
async fn a_failing_token_server_is_our_fault_and_the_next_account_is_used() {
    let (cloud, tokens) = (Vendor::new(), Vendor::new());
    cloud.on(answer);
    tokens.on(|request: &Recorded| {
        Some(match request.path() {
            "/good" => Answer::json(200, r#"{"access_token":"good","expires_in":"60"}"#),
            "/refused" => Answer::json(
                400,
                r#"{"error":"invalid_grant","error_description":"Token canary-refresh has been revoked."}"#,
            ),
            "/e401" => Answer::json(401, r#"{"error":"invalid_client"}"#),
            "/e429" => Answer::status(429),
            "/e500" => Answer::status(500),
            "/html" => Answer::status(200).body("<html>"),
            _ => Answer::hang_up(),
        })
    });
    let servers = [served(&cloud).await, served(&tokens).await];
    let failing = ["refused", "e401", "e429", "e500", "html", "gone"];
    let mut text = "retry: { max_attempts: 2, base: 1ms, max: 2ms }\nproviders:\n".to_owned();
    let mut env = vec![
        ("CLOUD", servers[0].url("")),
        ("GOOD", person(&servers[1].url("/good"), "r")),
    ];
    for name in failing {
        let account = person(&servers[1].url(&format!("/{name}")), "canary-refresh");
        env.push((name, account));
        for (provider, more) in [("only", ""), ("both", ", { credentials_json: '${GOOD}' }")] {
            text.push_str(&format!(
                "  {provider}-{name}: {{ kind: vertex, project: p, base_url: '${{CLOUD}}', accounts: [{{ credentials_json: '${{{name}}}', weight: 1000 }}{more}] }}\n"
            ));
        }
    }
    let gateway = Running::start(&text, &env).await;
    for name in failing {
        let url = gateway.url("/v1/chat/completions");
        let (status, _, body) = post(&url, chat(&format!("only-{name}/claude-x"), false)).await;
        assert!(matches!(status, 502 | 503), "{name}: {status} {body}");
        assert!(
            !body.contains("canary") && !body.contains("127.0.0.1"),
            "{name}: {body}"
        );
        let (status, _, body) = post(&url, chat(&format!("both-{name}/claude-x"), false)).await;
        assert_eq!(status, 200, "{name}: {body}");
    }
    for request in cloud.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer good"));
    }
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once() {
    let bed = bed().await;
    let refused = r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}"#;
    bed.cloud.push(Answer::json(401, refused));
    let (status, body) = bed.chat("gemini").await;
    assert_eq!(status, 200, "{body}");
    let seen: Vec<_> = bed
        .cloud
        .requests()
        .iter()
        .map(|request| request.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(
        seen,
        ["Bearer token-1", "Bearer token-2"].map(|key| Some(key.to_owned()))
    );
    // The new one is refused as well: it is the account, and no third is asked for.
    bed.cloud.push(Answer::json(401, refused));
    let (status, body) = bed.chat("gemini").await;
    assert!(status == 502 && !body.contains("token-"), "{status} {body}");
    assert_eq!(
        (bed.tokens.requests().len(), bed.cloud.requests().len()),
        (2, 3)
    );
}

#[tokio::test]
async fn what_the_filter_refuses_is_not_asked_again() {
    let bed = bed().await;
    let refused = r#"{"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}}}}"#;
    bed.cloud.push(Answer::json(400, refused));
    assert_eq!(bed.chat("gpt").await, (400, refused.to_owned()));
    bed.cloud.push(Answer::json(400, refused));
    let (status, _, body) = post(&bed.gateway.url("/v1/messages"), messages("gpt", true)).await;
    assert!(
        status == 400 && body.contains("invalid_request_error"),
        "{body}"
    );
    assert_eq!(bed.cloud.requests().len(), 2);
}

#[tokio::test]
async fn azures_first_chunk_has_no_choices() {
    let bed = bed().await;
    let frames = [
        r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}"#,
        r#"{"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":null,"index":0}],"created":1,"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","object":"chat.completion.chunk"}"#,
        r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":null,"index":0}],"created":1,"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","object":"chat.completion.chunk"}"#,
        r#"{"choices":[{"content_filter_offsets":{"check_offset":0},"content_filter_results":{},"finish_reason":null,"index":0}],"created":0,"id":"","model":"","object":""}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop","index":0}],"created":1,"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","object":"chat.completion.chunk"}"#,
        "[DONE]",
    ];
    for (path, body) in [
        ("/v1/chat/completions", chat("gpt", true)),
        ("/v1/messages", messages("gpt", true)),
    ] {
        bed.cloud.push(Answer::data(frames));
        let (status, _, text) = post(&bed.gateway.url(path), body).await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("Hi") && !text.contains("\"error\""), "{text}");
        if path == "/v1/messages" {
            let start = text
                .lines()
                .find(|line| line.contains("message_start\","))
                .unwrap();
            assert!(
                !start.contains(r#""id":"""#) && !start.contains(r#""model":"""#),
                "{start}"
            );
            assert!(
                text.trim_end().ends_with(r#"{"type":"message_stop"}"#),
                "{text}"
            );
        }
    }
}

#[test]
fn recorded_calls_of_vertex_are_like_ours() {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus");
    let folder = std::env::var("TRUNKLINE_CORPUS").unwrap_or_else(|_| here.to_owned());
    let vertex = Vertex::new("vertex", "p", "l").unwrap();
    for file in ["generateContent", "streamGenerateContent", "rawPredict"] {
        let Ok(lines) = std::fs::read_to_string(format!("{folder}/vertex/{file}.jsonl")) else {
            println!("no recordings here: nothing to check");
            return;
        };
        for line in lines.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let Some(path) = case["request"]["path"].as_str() else {
                continue;
            };
            let (_, rest) = path.split_once("/publishers/").unwrap();
            let rest = rest.split("?%24alt").next().unwrap();
            let model = rest.split(['/', ':']).nth(2).unwrap();
            let call = Call::new(&Operation::Chat, model, rest.contains(":stream"));
            assert_eq!(vertex.path(&call), format!("/publishers/{rest}"));
            if file == "rawPredict" {
                let body = case["response"]["body"].as_str().unwrap();
                let request: Value =
                    serde_json::from_str(case["request"]["body"].as_str().unwrap()).unwrap();
                assert_eq!(request["anthropic_version"], "vertex-2023-10-16");
                assert!(request["model"].is_null());
                if !call.stream {
                    assert!(Anthropic.decode_response(body.as_bytes()).is_ok(), "{body}");
                }
            }
        }
    }
}
