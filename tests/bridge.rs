//! OpenAI's models over Responses where Chat Completions would refuse them: real sockets, scripted vendors.

mod support;

use serde_json::{Value, json};
use support::{Running, post, served};
use trunkline::testing::{Script, Server, Vendor};

const CONFIG: &str = r#"
retry: { max_attempts: 1 }
providers:
  openai: { base_url: "${V}", accounts: [k] }
  plain: { kind: openai-compatible, base_url: "${V}", accounts: [k] }
  bridged: { kind: openai-compatible, bridge: true, base_url: "${V}", accounts: [k] }
models:
  new: [openai/gpt-5.6]
  code: [openai/gpt-5.3-codex]
  old: [openai/gpt-4o]
  plain: [plain/gpt-5.6]
  bridged: [bridged/gpt-5.6]
"#;

async fn bed() -> (Vendor, Server, Running) {
    let vendor = Vendor::new();
    vendor.on(|request| {
        let stream = request.field("/stream").as_deref() == Some("true");
        let script = Script::new().thinking("hm").text("Hi.").usage(10, 3);
        let script = script.tool_call("call_abc1", "f", r#"{"a":1}"#);
        Some(match request.path().ends_with("/responses") {
            true => script.responses("up", stream),
            false => script.openai("up", stream, true),
        })
    });
    let server = served(&vendor).await;
    let gateway = Running::start(CONFIG, &[("V", server.url("/v1"))]).await;
    (vendor, server, gateway)
}

fn ask(model: &str, stream: bool) -> Value {
    json!({
        "model": model, "stream": stream, "reasoning_effort": "high",
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    })
}

#[tokio::test]
async fn tools_and_reasoning_go_over_responses_and_come_back_as_chat() {
    let (vendor, _server, gateway) = bed().await;
    let url = gateway.url("/v1/chat/completions");
    for stream in [false, true] {
        let (status, _, body) = post(&url, ask("new", stream).to_string()).await;
        assert_eq!(status, 200, "{body}");
        if stream {
            assert!(body.contains("chat.completion.chunk"), "{body}");
            assert!(body.contains(r#""finish_reason":"tool_calls""#), "{body}");
            assert!(body.trim_end().ends_with("data: [DONE]"), "{body}");
            assert!(body.contains(r#""id":"call_abc1""#), "{body}");
        } else {
            let answer: Value = serde_json::from_str(&body).unwrap();
            let message = &answer["choices"][0]["message"];
            assert_eq!(message["content"], "Hi.");
            assert_eq!(
                message["tool_calls"][0]["function"]["arguments"],
                r#"{"a":1}"#
            );
            assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
            assert_eq!(answer["usage"]["prompt_tokens"], 10);
        }
    }
    for request in vendor.requests() {
        assert_eq!(request.path(), "/v1/responses");
        let sent: Value = serde_json::from_str(&request.text()).unwrap();
        assert_eq!(sent["reasoning"]["effort"], "high");
        assert_eq!(sent["tools"][0]["name"], "f");
        assert_eq!(sent["store"], false);
    }
}

#[tokio::test]
async fn only_those_calls_take_the_bridge_and_an_operator_has_the_last_word() {
    let (vendor, _server, gateway) = bed().await;
    let chat = gateway.url("/v1/chat/completions");
    for (model, want) in [
        ("new", "/v1/responses"),
        ("code", "/v1/responses"),
        ("old", "/v1/chat/completions"),
        ("plain", "/v1/chat/completions"),
        ("bridged", "/v1/responses"),
    ] {
        let (status, _, body) = post(&chat, ask(model, false).to_string()).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(vendor.requests().last().unwrap().path(), want, "{model}");
    }
    // Claude Code thinks, and has tools.
    let body = json!({
        "model": "new", "max_tokens": 100, "thinking": {"type": "adaptive"},
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    });
    let (status, _, answer) = post(&gateway.url("/v1/messages"), body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(r#""type":"tool_use""#), "{answer}");
    assert_eq!(vendor.requests().last().unwrap().path(), "/v1/responses");
    // A caller of Responses gets there untouched.
    let own = r#"{"input": "hi",  "model":"code"}"#;
    post(&gateway.url("/v1/responses"), own).await;
    let last = vendor.requests().pop().unwrap();
    assert_eq!(last.text(), own.replace("code", "gpt-5.3-codex"));
}
