//! Callers of the API before Chat: over vendors that have it, and over vendors that do not.

mod support;

use support::{Running, post, served};
use trunkline::testing::{Answer, Script, Vendor};

const PROMPT: &str = r#""prompt":"Once upon","max_tokens":9"#;

#[tokio::test]
async fn a_chat_vendor_stands_in_and_a_native_one_gets_the_bytes() {
    let [claude, ollama] = std::array::from_fn(|_| Vendor::new());
    claude.on(|request| {
        let stream = request.field("/stream").as_deref() == Some("true");
        let script = Script::new().text(" a time").usage(2, 3).stop_length();
        Some(script.anthropic("claude-sonnet-4-5", stream))
    });
    ollama.always(Answer::data([
        r#"{"id":"cmpl-1","object":"text_completion","choices":[{"text":" a time","index":0,"finish_reason":"stop","logprobs":null}]}"#,
        "[DONE]",
    ]));
    let servers = [served(&claude).await, served(&ollama).await];
    let text = r#"
providers:
  a: { kind: anthropic-compatible, base_url: "${A}", accounts: [key] }
  ollama: { base_url: "${O}" }
models:
  chat-only: [a/claude-sonnet-4-5]
  native: [ollama/base]
  both: [a/claude-sonnet-4-5, ollama/base]
"#;
    let gateway = Running::start(
        text,
        &[("A", servers[0].url("/v1")), ("O", servers[1].url("/v1"))],
    )
    .await;
    let url = gateway.url("/v1/completions");

    let (status, _, body) = post(&url, format!(r#"{{"model":"chat-only",{PROMPT}}}"#)).await;
    assert_eq!(status, 200, "{body}");
    let whole: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(whole["object"], "text_completion");
    assert_eq!(whole["choices"][0]["text"], " a time");
    assert_eq!(whole["choices"][0]["finish_reason"], "length");
    assert_eq!(whole["usage"]["total_tokens"], 5);
    assert_eq!(
        claude.requests()[0]
            .string("/messages/0/content/0/text")
            .as_deref(),
        Some("Once upon")
    );

    // Usage in the stream is for those who ask for it, as in Chat (pain P38).
    for (options, usages) in [("", 0), (r#","stream_options":{"include_usage":true}"#, 1)] {
        let body = format!(r#"{{"model":"chat-only",{PROMPT},"stream":true{options}}}"#);
        let (status, _, body) = post(&url, body).await;
        assert_eq!(status, 200, "{body}");
        assert!(
            body.contains(r#""text":" a""#) && body.contains("[DONE]"),
            "{body}"
        );
        assert_eq!(
            body.matches(r#""total_tokens":5"#).count(),
            usages,
            "{body}"
        );
    }

    // Natively, every byte but the model's name passes.
    let asked = format!(r#"{{"model":"native", {PROMPT},"stream":true,"suffix":"end"}}"#);
    let (status, _, body) = post(&url, asked.clone()).await;
    assert_eq!(status, 200, "{body}");
    let sent = &ollama.requests()[0];
    assert_eq!(sent.path(), "/v1/completions");
    let sent = sent
        .text()
        .replace(r#""stream_options":{"include_usage":true},"#, "");
    assert_eq!(sent, asked.replace("native", "base"));

    // What only a native vendor can do goes there, and is refused by name where there is none.
    let (status, _, body) = post(&url, asked.replace("native", "both")).await;
    assert_eq!(status, 200, "{body}");
    let (status, _, body) = post(&url, asked.replace("native", "chat-only")).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains(r#""param":"suffix""#), "{body}");
    let (status, _, body) = post(&url, r#"{"model":"chat-only"}"#).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains(r#""param":"prompt""#), "{body}");
}
