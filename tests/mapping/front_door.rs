//! What only the whole stack does: real sockets on both sides, scripted vendors.

use std::{cell::RefCell, fs, io::Write, sync::Once, time::Duration};

use serde_json::Value;
use trunkline::testing::{Answer, Script, Server, Vendor};

use crate::{
    running::{Running, chat, messages, post, served},
    support::{MODEL, goldens},
};

/// Two Anthropic-like vendors with an organisation each, and an OpenAI-like one.
const CONFIG: &str = r#"
timeouts: { connect: 1s, first_token: 5s, idle: 30s, total: 60s }
retry: { max_attempts: 3, base: 1ms, max: 5ms }
providers:
  alpha:
    kind: openai-compatible
    base_url: ${ALPHA}
    accounts: [{ name: alpha-1, api_key: key-alpha }]
  gamma:
    kind: anthropic-compatible
    base_url: ${GAMMA}
    accounts: [{ name: gamma-1, api_key: key-gamma }]
  delta:
    kind: anthropic-compatible
    base_url: ${DELTA}
    accounts: [{ name: delta-1, api_key: key-delta }]
models:
  the-model: [alpha/alpha-model]
  claude: [gamma/gamma-model]
  other-claude: [delta/delta-model]
  claude-anywhere: { deployments: [gamma/gamma-model], fallbacks: [other-claude] }
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
    Bed {
        gateway: Running::start(CONFIG, &env).await,
        alpha,
        gamma,
        delta,
        _servers: servers,
    }
}

impl Bed {
    fn url(&self, path: &str) -> String {
        self.gateway.url(path)
    }

    async fn chat(&self, model: &str, stream: bool) -> (u16, http::HeaderMap, String) {
        post(&self.url("/v1/chat/completions"), chat(model, stream)).await
    }

    async fn messages(&self, model: &str, stream: bool) -> (u16, http::HeaderMap, String) {
        post(&self.url("/v1/messages"), messages(model, stream)).await
    }

    /// What arrives of a stream, which may be cut.
    async fn raw(&self, path: &str, body: String) -> String {
        let mut response = reqwest::Client::new()
            .post(self.url(path))
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .expect("an answer");
        let mut raw = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            raw.extend_from_slice(&chunk);
        }
        String::from_utf8(raw).expect("text")
    }
}

fn hello() -> Script {
    Script::new().text("Hello there.").usage(10, 3)
}

thread_local! {
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The log of everything that happens on this thread: all of a test does.
#[derive(Clone, Copy)]
struct Log;

impl Log {
    fn start() -> Self {
        static ONCE: Once = Once::new();
        // One for all threads: one for each would miss what another thread has met first.
        ONCE.call_once(|| {
            tracing_subscriber::fmt()
                .with_ansi(false)
                .with_writer(|| Self)
                .init();
        });
        LOGGED.take();
        Self
    }

    fn text(self) -> String {
        LOGGED.with_borrow(|bytes| String::from_utf8(bytes.clone()).unwrap())
    }

    /// Waits for a line that says all of this.
    async fn wait_for(self, words: &[&str]) {
        for _ in 0..1_000 {
            let said = |line: &str| words.iter().all(|word| line.contains(word));
            if self.text().lines().any(said) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{words:?} is not in {}", self.text());
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn case_034_a_call_comes_back_under_the_callers_name() {
    let bed = bed().await;
    let body = fs::read_to_string(goldens().join("034-long-tool-name/in.json")).unwrap();
    let asked: Value = serde_json::from_str(&body).unwrap();
    let long = asked["tools"][0]["name"].as_str().unwrap();
    bed.alpha.on(|request| {
        let there = request.string("/tools/0/function/name")?;
        let script = Script::new().tool_call("call_1", there, r#"{"q":"x"}"#);
        let stream = request.field("/stream").as_deref() == Some("true");
        Some(script.openai("alpha-model", stream, stream))
    });
    for stream in [false, true] {
        let body = body.replacen('{', &format!("{{\"stream\":{stream},"), 1);
        let (status, _, answer) = post(&bed.url("/v1/messages"), body).await;
        assert_eq!(status, 200, "{answer}");
        let name = format!(r#""name":"{long}""#);
        assert!(answer.contains(&name), "stream={stream}: {answer}");
    }
    for asked in bed.alpha.requests() {
        let there = asked.string("/tools/0/function/name").unwrap();
        assert!(there.len() <= 64, "{there}");
    }
}

#[tokio::test]
async fn case_039_nothing_is_said_where_nothing_was_asked_for() {
    let bed = bed().await;
    for (stream, streams) in [(false, false), (true, true), (false, true), (true, false)] {
        bed.alpha
            .push(hello().stop_length().openai("alpha-model", streams, true));
        let body = messages(MODEL, stream).replace(r#""max_tokens":100"#, r#""max_tokens":0"#);
        let (status, _, answer) = post(&bed.url("/v1/messages"), body).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains(r#""content":[]"#), "{answer}");
        assert!(answer.contains(r#""stop_reason":"max_tokens""#), "{answer}");
        assert!(answer.contains(r#""input_tokens":10"#), "{answer}");
        assert!(
            !answer.contains("Hello") && !answer.contains("content_block_start"),
            "{answer}"
        );
        assert_eq!(answer.contains("event: message_stop"), stream, "{answer}");
    }
    let asked = &bed.alpha.requests()[0];
    assert_eq!(asked.field("/max_tokens").as_deref(), Some("1"));
}

#[tokio::test]
async fn case_053_anthropic_passes_untouched() {
    let bed = bed().await;
    bed.gamma.always(hello().anthropic("gamma-model", false));
    let body = "{ \"model\" : \"claude\",\t\"max_tokens\":5 ,\n\"messages\":[ {\"role\":\"user\",\"content\":\"caf\\u00e9 \\/\"} ],\"novel_beta\":{\"z\":1.0,\"a\":12345678901234567890},\"thinking\":{\"type\":\"between_tools\"}}\n";
    let response = reqwest::Client::new()
        .post(bed.url("/v1/messages?beta=true"))
        .header("content-type", "application/json")
        .header("anthropic-version", "2026-10-21")
        .header("anthropic-beta", "novel-2026-11-01,other")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let asked = &bed.gamma.requests()[0];
    assert_eq!(asked.text(), body.replace("\"claude\"", "\"gamma-model\""));
    assert_eq!(asked.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(
        asked.header("anthropic-beta"),
        Some("novel-2026-11-01,other")
    );
}

#[tokio::test]
async fn case_053_headers_reach_their_own_dialect_only() {
    let bed = bed().await;
    bed.alpha
        .always(hello().openai("alpha-model", false, false));
    bed.gamma.always(hello().anthropic("gamma-model", false));
    // Who asks, whom, and which version arrives there: the caller's with its own words, that of the words where they are written here.
    for (path, model, alphas, version) in [
        ("/v1/chat/completions", "the-model", true, None),
        ("/v1/messages", "the-model", true, None),
        ("/v1/embeddings", "the-model", true, None),
        ("/v1/the-model/anything", "the-model", true, None),
        ("/v1/messages", "claude", false, Some("2026-10-21")),
        ("/v1/claude/anything", "claude", false, Some("2026-10-21")),
        ("/v1/chat/completions", "claude", false, Some("2023-06-01")),
        ("/v1/responses", "claude", false, Some("2023-06-01")),
    ] {
        let body = match path {
            "/v1/messages" => messages(model, false),
            "/v1/responses" => format!(r#"{{"model":"{model}","input":"hi"}}"#),
            "/v1/embeddings" => format!(r#"{{"model":"{model}","input":"hi"}}"#),
            _ => chat(model, false),
        };
        let response = reqwest::Client::new()
            .post(bed.url(path))
            .header("content-type", "application/json")
            .header("anthropic-version", "2026-10-21")
            .header("anthropic-beta", "novel-2026-11-01")
            .header("openai-beta", "assistants=v2")
            .body(body)
            .send()
            .await
            .unwrap();
        // Only the request matters: not all of the scripted answers fit.
        drop(response);
        let vendor = if alphas { &bed.alpha } else { &bed.gamma };
        let asked = vendor.requests().pop().expect(path);
        assert_eq!(asked.header("anthropic-version"), version, "{path} {model}");
        let own = version == Some("2026-10-21");
        assert_eq!(
            asked.header("anthropic-beta").is_some(),
            own,
            "{path} {model}"
        );
        let openai = alphas && path != "/v1/messages";
        assert_eq!(
            asked.header("openai-beta").is_some(),
            openai,
            "{path} {model}"
        );
    }
}

#[tokio::test]
async fn case_014_a_version_without_sampling() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    vendor.always(hello().anthropic("claude-sonnet-4-5", false));
    let config = "providers:\n  a: { kind: anthropic-compatible, base_url: \"${A}\", headers: { anthropic-version: 2026-10-21 }, accounts: [k] }\nmodels: { m: [a/claude-sonnet-4-5] }\n";
    let gateway = Running::start(config, &[("A", server.url("/v1"))]).await;
    let body = r#"{"model":"m","temperature":0.2,"top_p":0.5,"messages":[{"role":"user","content":"hi"}]}"#;
    let (status, headers, text) = post(&gateway.url("/v1/chat/completions"), body).await;
    assert_eq!(status, 200, "{text}");
    let lossy = headers["x-trunkline-lossy"].to_str().unwrap();
    assert!(
        lossy.contains("temperature=dropped") && lossy.contains("top_p=dropped"),
        "{lossy}"
    );
    let asked = vendor.requests().pop().unwrap();
    assert_eq!(asked.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(
        (asked.field("/temperature"), asked.field("/top_p")),
        (None, None)
    );
}

#[tokio::test]
async fn case_065_an_error_under_a_200_is_an_error() {
    let bed = bed().await;
    let body = fs::read(goldens().join("065-error-in-200/in.json")).unwrap();
    bed.alpha.always(Answer::json(200, body));
    for stream in [false, true] {
        let (status, _, answer) = bed.messages(MODEL, stream).await;
        assert_eq!(status, 502, "{answer}");
        assert_eq!(
            answer,
            r#"{"type":"error","error":{"type":"api_error","message":"Provider returned error"}}"#
        );
    }
}

#[tokio::test]
async fn case_081_an_early_end_is_an_error() {
    let log = Log::start();
    let bed = bed().await;
    let cut = Answer::data([
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}],"usage":{"prompt_tokens":77,"completion_tokens":1,"total_tokens":78}}"#,
    ]);
    bed.alpha.push(cut);
    let raw = bed.raw("/v1/messages", messages(MODEL, true)).await;
    assert!(raw.contains("\"text\":\"Hi\""), "{raw}");
    let last = raw.trim_end().rsplit("\n\n").next().unwrap();
    assert!(
        last.starts_with(
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\""
        ),
        "{raw}"
    );
    assert!(!raw.contains("message_stop"), "{raw}");
    log.wait_for(&["ending=\"broken\"", "input_tokens=77"])
        .await;
    assert_eq!(bed.alpha.requests().len(), 1, "not after content");

    // Before content it is tried again.
    bed.alpha.push(Answer::data([
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
    ]));
    bed.alpha.push(hello().openai("alpha-model", true, true));
    let (status, _, answer) = bed.messages(MODEL, true).await;
    assert_eq!(status, 200);
    assert!(answer.contains("event: message_stop"), "{answer}");
}

#[tokio::test]
async fn case_082_an_error_midway_keeps_its_type() {
    let bed = bed().await;
    let said = fs::read(goldens().join("082-error-midway/in.sse")).unwrap();
    for (error, kind) in [
        (None, "overloaded_error"),
        (
            Some(
                r#"{"error":{"message":"Rate limit","type":"tokens","code":"rate_limit_exceeded"}}"#,
            ),
            "rate_limit_error",
        ),
        (
            Some(r#"{"error":{"message":"oops","type":"server_error"}}"#),
            "api_error",
        ),
        // A fault of our own account is not for callers.
        (
            Some(
                r#"{"error":{"message":"Incorrect API key provided: key-alpha","code":"invalid_api_key"}}"#,
            ),
            "api_error",
        ),
    ] {
        let said = String::from_utf8(said.clone()).unwrap();
        let (head, last) = said.trim_end().rsplit_once("data: ").unwrap();
        let last = error.unwrap_or(last);
        bed.alpha
            .push(Answer::sse([format!("{head}data: {last}\n\n")]));
        let raw = bed.raw("/v1/messages", messages(MODEL, true)).await;
        assert!(raw.contains("\"text\":\"Hi\""), "{raw}");
        let told =
            format!("event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\"");
        assert!(raw.contains(&told), "{kind}: {raw}");
        assert!(!raw.contains("message_stop"), "{raw}");
        assert!(!raw.contains("Incorrect"), "{raw}");
    }
}

#[tokio::test]
async fn case_082_a_fault_of_our_account_is_not_shown_midway_either() {
    let bed = bed().await;
    let said = fs::read_to_string(goldens().join("090-overloaded-midway/in.sse")).unwrap();
    let said = said
        .replace("overloaded_error", "authentication_error")
        .replace("Overloaded", "invalid x-api-key: key-gamma");
    for (path, body) in [
        ("/v1/messages", messages("claude", true)),
        ("/v1/chat/completions", chat("claude", true)),
    ] {
        bed.gamma.push(Answer::sse([said.clone()]));
        let raw = bed.raw(path, body).await;
        assert!(raw.contains("Hi") && raw.contains("\"error\":{"), "{raw}");
        assert!(!raw.contains("x-api-key"), "{raw}");
        assert!(!raw.contains("authentication_error"), "{raw}");
        bed.gateway.gateway.pools().reset("gamma", "gamma-1");
    }
}

#[tokio::test]
async fn case_083_odd_framing_changes_nothing() {
    let bed = bed().await;
    let bytes = fs::read(goldens().join("083-odd-framing/in.sse")).unwrap();
    let wanted = fs::read_to_string(goldens().join("083-odd-framing/out.sse")).unwrap();
    for size in [1, 3, 7, 1_000] {
        bed.alpha.push(Answer::sse([bytes.clone()]).chunks_of(size));
        let (status, _, answer) = bed.messages(MODEL, true).await;
        assert_eq!(status, 200);
        assert_eq!(answer.trim_end(), wanted.trim_end(), "{size} bytes at once");
    }
}

#[tokio::test]
async fn case_084_the_last_word_ends_the_stream() {
    let bed = bed().await;
    for front in ["/v1/messages", "/v1/chat/completions"] {
        bed.alpha
            .push(hello().openai("alpha-model", true, true).stall_after(99));
        let body = match front {
            "/v1/messages" => messages(MODEL, true),
            _ => chat(MODEL, true),
        };
        let url = bed.url(front);
        let call = post(&url, body);
        // Far below the idle timeout, which would end it too.
        let (status, _, answer) = tokio::time::timeout(Duration::from_secs(10), call)
            .await
            .expect("it does not wait for the vendor to hang up");
        assert_eq!(status, 200);
        assert!(
            answer.contains("message_stop") || answer.ends_with("data: [DONE]\n\n"),
            "{answer}"
        );
        tokio::time::timeout(Duration::from_secs(10), bed.alpha.wait_for_idle())
            .await
            .expect("the vendor is let go");
    }
}

#[tokio::test]
async fn case_090_an_overload_midway_is_told_in_openais_words() {
    let bed = bed().await;
    let said = fs::read(goldens().join("090-overloaded-midway/in.sse")).unwrap();
    bed.gamma.push(Answer::sse([said]));
    let raw = bed.raw("/v1/chat/completions", chat("claude", true)).await;
    assert!(raw.contains(r#""content":"Hi""#), "{raw}");
    let last = raw.trim_end().rsplit("\n\n").next().unwrap();
    assert_eq!(
        last,
        r#"data: {"error":{"message":"Overloaded","type":"service_unavailable_error","param":null,"code":"server_is_overloaded"}}"#
    );
    assert!(
        !raw.contains("[DONE]") && !raw.contains(r#""finish_reason":""#),
        "{raw}"
    );
}

#[tokio::test]
async fn case_091_an_answer_that_begins_anew_is_broken() {
    let bed = bed().await;
    let said = fs::read(goldens().join("091-restart-after-content/in.sse")).unwrap();
    bed.gamma.push(Answer::sse([said]));
    let raw = bed.raw("/v1/chat/completions", chat("claude", true)).await;
    assert!(raw.contains("\"content\":\"Hel\""), "{raw}");
    assert!(raw.contains("data: {\"error\":"), "{raw}");
    assert!(!raw.contains("[DONE]"), "{raw}");
}

#[tokio::test]
async fn case_094_usage_only_where_it_was_asked_for() {
    let bed = bed().await;
    bed.gamma.always(hello().anthropic("gamma-model", true));
    bed.alpha.always(hello().openai("alpha-model", true, true));
    for model in ["claude", MODEL] {
        let (_, _, answer) = bed.chat(model, true).await;
        assert!(!answer.contains("\"choices\":[]"), "{answer}");
        assert!(answer.ends_with("data: [DONE]\n\n"), "{answer}");
        let asks =
            chat(model, true).replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1);
        let (_, _, answer) = post(&bed.url("/v1/chat/completions"), asks).await;
        assert!(answer.contains("\"choices\":[]"), "{answer}");
        assert!(answer.contains("\"total_tokens\":13"), "{answer}");
    }
}

#[tokio::test]
async fn case_103_a_caller_who_leaves_has_used_what_was_used() {
    let log = Log::start();
    let bed = bed().await;
    bed.gamma.push(
        hello()
            .usage(4_321, 3)
            .anthropic("gamma-model", true)
            .stall_after(4),
    );
    let mut response = reqwest::Client::new()
        .post(bed.url("/v1/chat/completions"))
        .header("content-type", "application/json")
        .body(chat("claude", true))
        .send()
        .await
        .unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    tokio::time::timeout(Duration::from_secs(10), bed.gamma.wait_for_aborted(1))
        .await
        .expect("the vendor is let go");
    log.wait_for(&["ending=\"cancelled\"", "input_tokens=4321"])
        .await;
}

const BOUND: &str = "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation.";

fn thoughtful(model: &str, binding: &str) -> String {
    format!(
        r#"{{"model":"{model}","max_tokens":2000,{binding}"messages":[{{"role":"user","content":"hi"}},{{"role":"assistant","content":[{{"type":"thinking","thinking":"hm","signature":"EqQB"}},{{"type":"text","text":"yo"}}]}},{{"role":"user","content":"go"}}]}}"#
    )
}

/// The other organisation refuses the thinking of the first: it is asked once more without.
#[tokio::test]
async fn case_106_thinking_does_not_hinder_a_failover() {
    let bed = bed().await;
    bed.gamma
        .always(Answer::anthropic_error(529, "overloaded_error", "busy"));
    bed.delta
        .push(Answer::anthropic_error(400, "invalid_request_error", BOUND));
    bed.delta.push(hello().anthropic("delta-model", false));
    let body = thoughtful("claude-anywhere", "");
    let (status, headers, answer) = post(&bed.url("/v1/messages"), body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(headers["x-trunkline-account"], "delta-1");
    let asked = bed.delta.requests();
    assert!(asked[0].text().contains("EqQB"));
    assert!(!asked[1].text().contains("thinking"));
}

#[tokio::test]
async fn case_108_refused_thinking_is_left_out_once() {
    let bed = bed().await;
    let refusal = || Answer::anthropic_error(400, "invalid_request_error", BOUND);
    bed.gamma.push(refusal());
    bed.gamma.push(hello().anthropic("gamma-model", false));
    let url = bed.url("/v1/messages");
    let (status, _, answer) = post(&url, thoughtful("claude", "")).await;
    assert_eq!(status, 200, "{answer}");
    let asked = bed.gamma.requests();
    assert_eq!(asked.len(), 2);
    let without = r#"{"type":"thinking","thinking":"hm","signature":"EqQB"},"#;
    assert_eq!(asked[1].text(), asked[0].text().replace(without, ""));

    // A second refusal is the caller's to know, as the vendor spells it.
    bed.gamma.push(refusal());
    bed.gamma.push(refusal());
    let (status, _, answer) = post(&url, thoughtful("claude", "")).await;
    assert_eq!(status, 400);
    assert!(answer.contains("bound to a different"), "{answer}");
    assert_eq!(bed.gamma.requests().len(), 4);

    // So is the first one, if the caller wants it so, or if there is no thinking to be left out.
    let wish =
        r#""thinking":{"type":"adaptive","block_binding":{"prefix_mismatch_behavior":"error"}},"#;
    for body in [thoughtful("claude", wish), messages("claude", false)] {
        let before = bed.gamma.requests().len();
        bed.gamma.push(refusal());
        let (status, _, answer) = post(&url, body).await;
        assert_eq!(status, 400, "{answer}");
        assert_eq!(bed.gamma.requests().len(), before + 1);
    }
}

/// The thinking of a caller who speaks OpenAI's dialect goes the same way.
#[tokio::test]
async fn case_108_refused_thinking_of_openais_callers() {
    let bed = bed().await;
    bed.gamma
        .push(Answer::anthropic_error(400, "invalid_request_error", BOUND));
    bed.gamma.push(hello().anthropic("gamma-model", false));
    let body = r#"{"model":"claude","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yo","reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"EqQB","format":"anthropic-claude-v1","index":0}]},{"role":"user","content":"go"}]}"#;
    let (status, _, answer) = post(&bed.url("/v1/chat/completions"), body).await;
    assert_eq!(status, 200, "{answer}");
    let asked = bed.gamma.requests();
    assert!(asked[0].text().contains("EqQB"));
    assert!(!asked[1].text().contains("EqQB"));
}

#[tokio::test]
async fn case_111_claude_code_meets_another_vendor() {
    let bed = bed().await;
    bed.alpha.always(hello().openai("alpha-model", true, true));
    let body = fs::read_to_string(goldens().join("111-claude-code/in.json")).unwrap();
    let response = reqwest::Client::new()
        .post(bed.url("/v1/messages?beta=true"))
        .header("content-type", "application/json")
        .header("anthropic-version", "2023-06-01")
        .header(
            "anthropic-beta",
            "claude-code-20250219,context-management-2025-06-27",
        )
        .header("anthropic-dangerous-direct-browser-access", "true")
        .header("authorization", "Bearer virtual-key")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .contains("event: message_stop")
    );
    let asked = &bed.alpha.requests()[0];
    let foreign = |name: &&http::HeaderName| name.as_str().starts_with("anthropic-");
    assert_eq!(asked.headers.keys().find(foreign), None);
    assert_eq!(asked.header("authorization"), Some("Bearer key-alpha"));
    assert!(!asked.text().contains("context_management"));
}

#[tokio::test]
async fn case_112_tokens_are_counted_whoever_serves() {
    let bed = bed().await;
    for model in [MODEL, "claude"] {
        let url = bed.url("/v1/messages/count_tokens");
        let (status, _, answer) = post(&url, messages(model, false)).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer.starts_with(r#"{"input_tokens":"#), "{answer}");
    }
    assert!(bed.alpha.requests().is_empty(), "it has no such thing");
}

#[tokio::test]
async fn case_113_somebody_is_there() {
    let bed = bed().await;
    for path in ["/", "/api/hello"] {
        let response = reqwest::Client::new().head(bed.url(path)).send().await;
        assert_eq!(response.unwrap().status(), 204, "{path}");
    }
    for vendor in [&bed.alpha, &bed.gamma, &bed.delta] {
        assert!(vendor.requests().is_empty());
    }
}

#[tokio::test]
async fn case_115_one_key_in_two_headers() {
    let log = Log::start();
    let bed = bed().await;
    bed.alpha
        .always(hello().openai("alpha-model", false, false));
    bed.gamma.always(hello().anthropic("gamma-model", false));
    let caller = |text: &str| -> Vec<String> {
        let callers = text.lines().filter_map(|line| line.split("caller=").nth(1));
        let name = |rest: &str| rest.split(' ').next().unwrap_or_default().to_owned();
        callers.map(name).collect()
    };
    for (path, body) in [
        ("/v1/messages", messages("claude", false)),
        ("/v1/chat/completions", chat(MODEL, false)),
    ] {
        let before = caller(&log.text()).len();
        for headers in [
            vec![("x-api-key", "virtual")],
            vec![("authorization", "Bearer virtual")],
            vec![
                ("authorization", "Bearer another"),
                ("x-api-key", "virtual"),
            ],
        ] {
            let mut request = reqwest::Client::new()
                .post(bed.url(path))
                .header("content-type", "application/json")
                .body(body.clone());
            for (name, value) in headers {
                request = request.header(name, value);
            }
            assert_eq!(request.send().await.unwrap().status(), 200);
        }
        let callers = caller(&log.text());
        assert_eq!(callers.len(), before + 3, "{}", log.text());
        assert!(
            callers.iter().all(|known| *known == callers[0]),
            "{callers:?}"
        );
    }
    for asked in bed.alpha.requests().iter().chain(&bed.gamma.requests()) {
        for value in asked.headers.values() {
            let value = value.to_str().unwrap();
            assert!(
                !value.contains("virtual") && !value.contains("another"),
                "{value}"
            );
        }
    }
}

#[tokio::test]
async fn case_117_repeats_are_logged_and_useless_ones_advised_against() {
    let log = Log::start();
    let bed = bed().await;
    bed.alpha.push(Answer::openai_error(
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota",
    ));
    let response = reqwest::Client::new()
        .post(bed.url("/v1/chat/completions"))
        .header("content-type", "application/json")
        .header("x-stainless-retry-count", "2")
        .body(chat(MODEL, false))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["x-should-retry"], "false");
    log.wait_for(&["failed", "repeats=2"]).await;
}
