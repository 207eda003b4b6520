//! The gateway as its callers see it: real sockets on both sides, scripted vendors.

mod support;

use std::time::Duration;

use tokio::time::Instant;

use support::{Running, chat, messages, post, served};
use trunkline::testing::{Answer, Script, Vendor};

/// One pool over two OpenAI-like accounts at two addresses, and one Anthropic-like vendor.
const CONFIG: &str = r#"
timeouts: { connect: 1s, first_token: 2s, idle: 1s, total: 20s }
retry: { max_attempts: 4, base: 1ms, max: 50ms }
providers:
  alpha:
    kind: openai-compatible
    base_url: ${ALPHA}
    accounts: [{ name: alpha-1, api_key: key-alpha }]
  beta:
    kind: openai-compatible
    base_url: ${BETA}
    accounts: [{ name: beta-1, api_key: key-beta }]
  gamma:
    kind: anthropic-compatible
    base_url: ${GAMMA}
    accounts: [{ name: gamma-1, api_key: key-gamma }]
models:
  one: [alpha/alpha-model]
  two: { deployments: [alpha/alpha-model, beta/beta-model], balance: round-robin }
  claude: [gamma/gamma-model]
  chained: { deployments: [alpha/alpha-model], fallbacks: [claude] }
"#;

struct Bed {
    alpha: Vendor,
    beta: Vendor,
    gamma: Vendor,
    gateway: Running,
    _servers: [trunkline::testing::Server; 3],
}

async fn bed() -> Bed {
    let (alpha, beta, gamma) = (Vendor::new(), Vendor::new(), Vendor::new());
    let servers = [
        served(&alpha).await,
        served(&beta).await,
        served(&gamma).await,
    ];
    let env = [
        ("ALPHA", servers[0].url("/v1")),
        ("BETA", servers[1].url("/v1")),
        ("GAMMA", servers[2].url("/v1")),
    ];
    Bed {
        gateway: Running::start(CONFIG, &env).await,
        alpha,
        beta,
        gamma,
        _servers: servers,
    }
}

impl Bed {
    async fn chat(&self, model: &str, stream: bool) -> (u16, http::HeaderMap, String) {
        post(
            &self.gateway.url("/v1/chat/completions"),
            chat(model, stream),
        )
        .await
    }

    async fn messages(&self, model: &str, stream: bool) -> (u16, http::HeaderMap, String) {
        post(&self.gateway.url("/v1/messages"), messages(model, stream)).await
    }
}

fn hello() -> Script {
    Script::new().text("Hello there.").usage(10, 3)
}

#[tokio::test]
async fn the_same_dialect_passes_byte_for_byte_but_for_the_models_name() {
    let bed = bed().await;
    let odd = "{ \"messages\" : [{\"role\":\"user\",\"content\":\"caf\\u00e9\"}],\n \"model\":\"one\", \"new_member\":{\"z\":1.0,\"a\":12345678901234567890} }";
    let answer = r#"{"id":"x",  "choices":[{"index":0,"message":{"role":"assistant","content":"\u00e9"},"finish_reason":"stop"}],"novel":[1 , 2]}"#;
    bed.alpha.always(Answer::json(200, answer));
    let (status, headers, body) = post(&bed.gateway.url("/v1/chat/completions"), odd).await;
    assert_eq!((status, body.as_str()), (200, answer));
    assert_eq!(headers["x-trunkline-provider"], "alpha");
    assert_eq!(headers["x-trunkline-account"], "alpha-1");
    assert_eq!(headers["x-trunkline-model"], "alpha-model");
    assert_eq!(headers["x-trunkline-attempts"], "1");
    let asked = &bed.alpha.requests()[0];
    assert_eq!(asked.text(), odd.replace("\"one\"", "\"alpha-model\""));
    assert_eq!(asked.header("authorization"), Some("Bearer key-alpha"));
}

#[tokio::test]
async fn a_stream_of_the_same_dialect_passes_frame_by_frame() {
    let bed = bed().await;
    let answer = hello().openai("alpha-model", true, true);
    let sent = String::from_utf8(answer.content().to_vec()).unwrap();
    // Cut anywhere, even inside a character.
    bed.alpha.always(answer.chunks_of(7));
    let asked = r#"{"model":"one","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;
    let (status, headers, body) = post(&bed.gateway.url("/v1/chat/completions"), asked).await;
    assert_eq!(status, 200);
    assert!(
        headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/event-stream")
    );
    assert_eq!(body, sent);
}

#[tokio::test]
async fn usage_is_asked_for_and_kept_from_who_did_not_ask() {
    let bed = bed().await;
    bed.alpha.always(hello().openai("alpha-model", true, true));
    let (_, _, body) = bed.chat("one", true).await;
    assert_eq!(
        bed.alpha.requests()[0]
            .field("/stream_options/include_usage")
            .as_deref(),
        Some("true")
    );
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    assert!(!body.contains("\"choices\":[]"), "{body}");
}

#[tokio::test]
async fn every_front_meets_every_vendor() {
    let bed = bed().await;
    bed.alpha
        .always(hello().openai("alpha-model", false, false));
    bed.gamma.always(hello().anthropic("gamma-model", false));
    for (status, _, body) in [
        bed.chat("one", false).await,
        bed.chat("claude", false).await,
        bed.messages("one", false).await,
        bed.messages("claude", false).await,
    ] {
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("Hello there."), "{body}");
    }
    bed.alpha.always(hello().openai("alpha-model", true, true));
    bed.gamma.always(hello().anthropic("gamma-model", true));
    for (status, _, body) in [bed.chat("one", true).await, bed.chat("claude", true).await] {
        assert_eq!(status, 200, "{body}");
        assert_eq!(body.matches("data: [DONE]").count(), 1, "{body}");
    }
    for (status, _, body) in [
        bed.messages("one", true).await,
        bed.messages("claude", true).await,
    ] {
        assert_eq!(status, 200, "{body}");
        assert_eq!(body.matches("event: message_start").count(), 1, "{body}");
        assert_eq!(body.matches("event: message_stop").count(), 1, "{body}");
        assert!(!body.contains("[DONE]"));
    }
}

#[tokio::test]
async fn what_a_vendor_says_before_content_can_still_be_mended() {
    let bed = bed().await;
    bed.beta.always(hello().openai("beta-model", true, true));
    let role = r#"{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
    let failures = [
        Answer::openai_error(500, "server_error", "oops", "oops"),
        Answer::openai_error(429, "requests", "rate_limit_exceeded", "slow")
            .header("retry-after", "0"),
        Answer::status(200),
        Answer::status(200)
            .header("content-type", "text/html")
            .body("<html>hi</html>"),
        Answer::json(200, r#"{"error":{"code":502,"message":"upstream"}}"#),
        Answer::data([
            role,
            r#"{"error":{"message":"overloaded","type":"server_error"}}"#,
        ]),
        Answer::data([role]),
        Answer::data([role, "{not json"]),
        Answer::hang_up(),
        Answer::reset(),
        hello().openai("alpha-model", true, true).cut_after(20),
    ];
    for failure in failures {
        let told = format!("{failure:?}");
        bed.gateway.gateway.pools().reset("alpha", "alpha-1");
        bed.alpha.push(failure);
        // Round robin: of two calls one begins at alpha.
        for _ in 0..2 {
            let (status, _, body) = bed.chat("two", true).await;
            assert_eq!(status, 200, "{told}: {body}");
            assert_eq!(
                body.matches("\"role\":\"assistant\"").count(),
                1,
                "{told}: {body}"
            );
            assert!(body.contains("Hello"), "{told}: {body}");
            if bed.alpha.requests().len() > bed.beta.requests().len() {
                break;
            }
        }
        // Whatever is left of the script is used up.
        bed.alpha.always(hello().openai("alpha-model", true, true));
    }
}

#[tokio::test]
async fn what_breaks_after_content_is_told_and_the_connection_is_cut() {
    let bed = bed().await;
    let half = hello().openai("alpha-model", true, true).end_early_after(2);
    bed.alpha.always(half);
    let raw = raw_post(&bed, "/v1/chat/completions", &chat("one", true)).await;
    assert!(raw.contains("Hello"), "{raw}");
    assert!(raw.contains(r#"data: {"error":"#), "{raw}");
    assert!(!raw.contains("[DONE]"), "{raw}");
    assert!(
        !raw.ends_with("0\r\n\r\n"),
        "a clean end would pass for success: {raw}"
    );

    bed.gamma
        .always(hello().anthropic("gamma-model", true).cut_after(900));
    let raw = raw_post(&bed, "/v1/messages", &messages("claude", true)).await;
    assert!(raw.contains("event: error"), "{raw}");
    assert!(!raw.contains("message_stop"), "{raw}");
    assert!(!raw.ends_with("0\r\n\r\n"), "{raw}");
    assert_eq!(
        bed.alpha.requests().len(),
        1,
        "nothing is tried again after content"
    );
}

/// The answer as bytes on the wire, to the end of the connection.
async fn raw_post(bed: &Bed, path: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(bed.gateway.address)
        .await
        .unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut raw = Vec::new();
    // A cut connection may end in a reset: what was read before it counts.
    let _ = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut raw))
        .await
        .expect("the gateway ends it");
    String::from_utf8_lossy(&raw).into_owned()
}

#[tokio::test]
async fn a_thousand_calls_over_a_limited_a_dying_and_a_healthy_account() {
    let (limited, dying, healthy) = (Vendor::new(), Vendor::new(), Vendor::new());
    let servers = [
        served(&limited).await,
        served(&dying).await,
        served(&healthy).await,
    ];
    limited.always(
        Answer::openai_error(429, "requests", "rate_limit_exceeded", "slow down")
            .header("retry-after", "60"),
    );
    dying.always(Answer::hang_up());
    healthy.always(hello().openai("m", true, true));
    let env = [
        ("LIMITED", servers[0].url("/v1")),
        ("DYING", servers[1].url("/v1")),
        ("HEALTHY", servers[2].url("/v1")),
    ];
    let text = r#"
providers:
  limited: { kind: openai-compatible, base_url: "${LIMITED}", accounts: [k] }
  dying: { kind: openai-compatible, base_url: "${DYING}", accounts: [k] }
  healthy: { kind: openai-compatible, base_url: "${HEALTHY}", accounts: [k] }
models: { m: [limited/m, dying/m, healthy/m] }
"#;
    let gateway = Running::start(text, &env).await;
    let client = reqwest::Client::new();
    let mut failures = 0;
    for _ in 0..20 {
        let calls = (0..50).map(|_| {
            let request = client
                .post(gateway.url("/v1/chat/completions"))
                .header("content-type", "application/json")
                .body(chat("m", true));
            async move {
                let response = request.send().await.expect("an answer");
                let good = response.status().is_success();
                good && response
                    .text()
                    .await
                    .is_ok_and(|body| body.ends_with("data: [DONE]\n\n"))
            }
        });
        failures += futures_util::future::join_all(calls)
            .await
            .into_iter()
            .filter(|good| !good)
            .count();
    }
    assert_eq!(failures, 0);
    // Calls that were under way when the first 429 came are no breach; none after that is sent before its time.
    assert!(
        limited.requests().len() <= 50,
        "{}",
        limited.requests().len()
    );
    assert_eq!(healthy.requests().len(), 1_000);
    assert_eq!(gateway.in_flight(), 0);
}

#[tokio::test]
async fn a_caller_who_leaves_frees_the_vendor_within_a_second() {
    let bed = bed().await;
    for (front, stream) in [
        ("/v1/chat/completions", true),
        ("/v1/messages", true),
        ("/v1/chat/completions", false),
    ] {
        let before = bed.alpha.aborted();
        // Content, then nothing more; or no answer at all.
        bed.alpha.push(match stream {
            true => hello().openai("alpha-model", true, true).stall_after(3),
            false => Answer::silence(),
        });
        let body = match front {
            "/v1/messages" => messages("one", stream),
            _ => chat("one", stream),
        };
        let asked = bed.alpha.requests().len();
        let call = tokio::spawn({
            let url = bed.gateway.url(front);
            async move { post(&url, body).await }
        });
        bed.alpha.wait_for_requests(asked + 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        call.abort();
        let left = Instant::now();
        tokio::time::timeout(
            Duration::from_secs(1),
            bed.alpha.wait_for_aborted(before + 1),
        )
        .await
        .unwrap_or_else(|_| panic!("{front} stream={stream}: the vendor was still being asked"));
        assert!(left.elapsed() < Duration::from_secs(1));
        let mut tries = 0;
        while bed.gateway.in_flight() > 0 && tries < 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            tries += 1;
        }
        assert_eq!(bed.gateway.in_flight(), 0, "{front} stream={stream}");
    }
}

#[tokio::test]
async fn bad_requests_are_refused_in_the_callers_dialect_without_a_call() {
    let bed = bed().await;
    let client = reqwest::Client::new();
    let long = "x".repeat(33 << 20);
    let cases: Vec<(&str, &str, &str, String, u16, &str)> = vec![
        (
            "POST",
            "/v1/chat/completions",
            "application/json",
            "{".into(),
            400,
            "JSON",
        ),
        (
            "POST",
            "/v1/chat/completions",
            "application/json",
            "[]".into(),
            400,
            "object",
        ),
        (
            "POST",
            "/v1/chat/completions",
            "application/json",
            r#"{"messages":[{}]}"#.into(),
            400,
            "model",
        ),
        (
            "POST",
            "/v1/chat/completions",
            "application/json",
            r#"{"model":5,"messages":[{}]}"#.into(),
            400,
            "model",
        ),
        (
            "POST",
            "/v1/chat/completions",
            "application/json",
            r#"{"model":"one"}"#.into(),
            400,
            "messages",
        ),
        (
            "POST",
            "/v1/chat/completions",
            "application/json",
            r#"{"model":"one","messages":"hi"}"#.into(),
            400,
            "messages",
        ),
        (
            "POST",
            "/v1/chat/completions",
            "application/json",
            chat("nobody", false),
            404,
            "nobody",
        ),
        (
            "POST",
            "/v1/chat/completions",
            "text/plain",
            chat("one", false),
            415,
            "application/json",
        ),
        (
            "POST",
            "/v1/chat/completions",
            "application/json",
            long.clone(),
            413,
            "limit",
        ),
        (
            "GET",
            "/v1/chat/completions",
            "application/json",
            String::new(),
            405,
            "POST",
        ),
        (
            "POST",
            "/v1/nothing",
            "application/json",
            "{}".into(),
            404,
            "endpoint",
        ),
        (
            "POST",
            "/v1/messages",
            "application/json",
            "{".into(),
            400,
            "JSON",
        ),
        (
            "POST",
            "/v1/messages",
            "application/json",
            r#"{"model":"claude","max_tokens":5}"#.into(),
            400,
            "messages",
        ),
        (
            "POST",
            "/v1/messages",
            "application/json",
            messages("nobody", true),
            404,
            "nobody",
        ),
        // Only a translation reads this far.
        (
            "POST",
            "/v1/chat/completions",
            "application/json",
            r#"{"model":"claude","messages":[{"role":"king","content":"x"}]}"#.into(),
            400,
            "role",
        ),
        (
            "POST",
            "/v1/messages",
            "application/json",
            r#"{"model":"one","messages":[{"role":"user","content":"x"}]}"#.into(),
            400,
            "max_tokens",
        ),
    ];
    for (method, path, kind, body, status, word) in cases {
        let request = client
            .request(method.parse().unwrap(), bed.gateway.url(path))
            .header("content-type", kind)
            .body(body);
        let response = request.send().await.expect("an answer");
        let seen = response.status().as_u16();
        let text = response.text().await.unwrap();
        assert_eq!(seen, status, "{method} {path}: {text}");
        assert!(text.contains(word), "{method} {path}: {text}");
        let anthropic = path == "/v1/messages";
        assert_eq!(text.starts_with(r#"{"type":"error""#), anthropic, "{text}");
        assert!(text.contains("\"error\":"), "{text}");
    }
    for vendor in [&bed.alpha, &bed.beta, &bed.gamma] {
        assert!(vendor.requests().is_empty());
    }
}

#[tokio::test]
async fn a_chain_leads_to_another_dialect() {
    let bed = bed().await;
    bed.alpha.always(Answer::openai_error(
        503,
        "server_error",
        "server_is_overloaded",
        "busy",
    ));
    bed.gamma.always(hello().anthropic("gamma-model", false));
    let (status, headers, body) = bed.chat("chained", false).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(headers["x-trunkline-provider"], "gamma");
    assert!(body.contains("Hello there."));
    let asked = &bed.gamma.requests()[0];
    assert_eq!(asked.string("/model").as_deref(), Some("gamma-model"));
    assert_eq!(asked.header("x-api-key"), Some("key-gamma"));
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn what_a_translation_could_not_carry_is_told() {
    let bed = bed().await;
    bed.gamma.always(hello().anthropic("gamma-model", false));
    let asked =
        r#"{"model":"claude","seed":7,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
    let (status, headers, body) = post(&bed.gateway.url("/v1/chat/completions"), asked).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(headers["x-trunkline-lossy"], "seed=dropped");
    bed.alpha
        .always(hello().openai("alpha-model", false, false));
    let (_, headers, _) = bed.chat("one", false).await;
    assert!(!headers.contains_key("x-trunkline-lossy"));
}

#[tokio::test]
async fn a_fault_of_our_account_is_ours_and_shows_no_key() {
    let bed = bed().await;
    bed.alpha.always(Answer::openai_error(
        401,
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided: key-alpha",
    ));
    let (status, headers, body) = bed.chat("one", false).await;
    assert_eq!(status, 502, "{body}");
    assert_eq!(headers["x-should-retry"], "false");
    assert!(!body.contains("key-alpha"), "{body}");
    assert!(!body.contains("127.0.0.1"), "{body}");
}

#[tokio::test]
async fn when_all_are_out_the_caller_is_told_until_when() {
    let bed = bed().await;
    bed.alpha.always(
        Answer::openai_error(429, "requests", "rate_limit_exceeded", "slow down")
            .header("retry-after", "30"),
    );
    let (status, headers, body) = bed.chat("one", false).await;
    assert_eq!(status, 429, "{body}");
    assert!(body.contains("slow down"), "the vendor's own words: {body}");
    assert_eq!(headers["retry-after"], "30");
    let (status, headers, _) = bed.messages("one", false).await;
    assert_eq!(status, 429);
    let after: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((28..=30).contains(&after), "{after}");
    assert_eq!(bed.alpha.requests().len(), 1, "not called before its time");
}

#[tokio::test]
async fn headers_go_out_with_the_first_heartbeat_and_failures_are_told_in_the_stream() {
    let slow = Vendor::new();
    let server = served(&slow).await;
    let text = r#"
server: { heartbeat: 50ms }
retry: { max_attempts: 1 }
providers: { slow: { kind: anthropic-compatible, base_url: "${SLOW}", accounts: [k] } }
models: { m: [slow/m] }
"#;
    let gateway = Running::start(text, &[("SLOW", server.url("/v1"))]).await;
    slow.push(
        hello()
            .anthropic("m", true)
            .delay(Duration::from_millis(300)),
    );
    let (status, _, body) = post(&gateway.url("/v1/messages"), messages("m", true)).await;
    assert_eq!(status, 200);
    let ping = body.find("event: ping").expect("a heartbeat");
    assert!(ping < body.find("message_start").unwrap(), "{body}");
    assert!(body.matches("event: ping").count() >= 3, "{body}");

    slow.push(
        hello()
            .anthropic("m", true)
            .delay(Duration::from_millis(300)),
    );
    let (_, _, body) = post(&gateway.url("/v1/chat/completions"), chat("m", true)).await;
    assert!(body.starts_with(':'), "{body}");
    assert!(
        !body.contains("\n\n:") || !body.contains(":\n\n"),
        "a heartbeat is one line: {body}"
    );
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");

    slow.push(
        Answer::anthropic_error(500, "api_error", "broken").delay(Duration::from_millis(120)),
    );
    let response = reqwest::Client::new()
        .post(gateway.url("/v1/messages"))
        .header("content-type", "application/json")
        .body(messages("m", true))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err(), "the connection is cut");
}

#[tokio::test]
async fn silence_is_timed_out() {
    let bed = bed().await;
    bed.alpha.push(Answer::silence());
    let begun = Instant::now();
    let (status, _, body) = bed.chat("one", true).await;
    assert_eq!(status, 504, "{body}");
    assert!(body.contains("first_token_timeout"), "{body}");
    assert!(
        (1900..6000).contains(&begun.elapsed().as_millis()),
        "{:?}",
        begun.elapsed()
    );
    bed.alpha
        .push(hello().openai("alpha-model", true, true).stall_after(3));
    let raw = raw_post(&bed, "/v1/chat/completions", &chat("one", true)).await;
    assert!(raw.contains("idle_timeout"), "{raw}");
}

#[tokio::test]
async fn any_endpoint_of_an_account_can_be_reached() {
    let bed = bed().await;
    bed.alpha
        .push(Answer::json(200, r#"{"object":"list","data":[]}"#));
    let asked = r#"{"input":"x","model":"one"}"#;
    let (status, headers, body) =
        post(&bed.gateway.url("/v1/one/embeddings?key=secret&a=b"), asked).await;
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"object":"list","data":[]}"#)
    );
    assert_eq!(headers["x-trunkline-account"], "alpha-1");
    let seen = &bed.alpha.requests()[0];
    assert_eq!(seen.path_and_query(), "/v1/embeddings?a=b");
    assert_eq!(seen.text(), r#"{"input":"x","model":"alpha-model"}"#);
    assert_eq!(seen.header("authorization"), Some("Bearer key-alpha"));
    assert_eq!(bed.gateway.in_flight(), 0);
}

#[tokio::test]
async fn models_are_listed_in_the_dialect_of_the_asker() {
    let bed = bed().await;
    let client = reqwest::Client::new();
    let get = |path: &str, anthropic: bool| {
        let mut request = client.get(bed.gateway.url(path));
        if anthropic {
            request = request.header("anthropic-version", "2023-06-01");
        }
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    let openai = get("/v1/models", false).await;
    assert!(
        openai.contains(r#""object":"list""#) && openai.contains(r#""id":"chained""#),
        "{openai}"
    );
    let anthropic = get("/v1/models", true).await;
    assert!(
        anthropic.contains(r#""has_more":false"#) && anthropic.contains(r#""type":"model""#),
        "{anthropic}"
    );
    assert!(get("/v1/models/one", false).await.contains(r#""id":"one""#));
    assert!(
        get("/v1/models/nobody", false)
            .await
            .contains("model_not_found")
    );
    let (status, _, _) = post(
        &bed.gateway.url("/v1/models/one/chat/completions"),
        r#"{"messages":[{"role":"user","content":"x"}]}"#,
    )
    .await;
    assert_eq!(status, 404, "the script is empty, but alpha was asked");
    assert_eq!(
        bed.alpha.requests()[0].string("/model").as_deref(),
        Some("alpha-model")
    );
}
