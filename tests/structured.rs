//! JSON of a schema from vendors that enforce none: real sockets, scripted vendors.

mod support;

use serde_json::{Value, json};
use support::{Running, post, served};
use trunkline::testing::{Script, Server, Vendor};

const CONFIG: &str = r#"
retry: { max_attempts: 1 }
providers:
  zai: { base_url: "${Z}", accounts: [k] }
  deepseek: { base_url: "${Z}", accounts: [k] }
  a: { kind: anthropic-compatible, base_url: "${A}", accounts: [k] }
models:
  old: [a/claude-3-5-haiku]
  thinks: [a/claude-3-7-sonnet]
  forced: [deepseek/deepseek-chat]
  asked: [zai/glm-4.6]
"#;

struct Bed {
    chat: Vendor,
    claude: Vendor,
    gateway: Running,
    _servers: [Server; 2],
}

async fn bed() -> Bed {
    let (chat, claude) = (Vendor::new(), Vendor::new());
    let servers = [served(&chat).await, served(&claude).await];
    let env = [("Z", servers[0].url("/v1")), ("A", servers[1].url("/v1"))];
    Bed {
        chat,
        claude,
        gateway: Running::start(CONFIG, &env).await,
        _servers: servers,
    }
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
}

/// The same question in three dialects.
fn ask(front: &str, model: &str, schema: &Value, stream: bool) -> (&'static str, Value) {
    match front {
        "chat" => (
            "/v1/chat/completions",
            json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "n?"}],
                "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}),
        ),
        "responses" => (
            "/v1/responses",
            json!({"model": model, "stream": stream, "input": "n?",
                "text": {"format": {"type": "json_schema", "name": "x", "schema": schema}}}),
        ),
        _ => (
            if stream {
                "/v1beta/models/old:streamGenerateContent?alt=sse"
            } else {
                "/v1beta/models/old:generateContent"
            },
            json!({"contents": [{"role": "user", "parts": [{"text": "n?"}]}],
                "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}}),
        ),
    }
}

/// The text and the finish in an answer of any of the three, whole or streamed.
fn told(body: &str) -> (String, String) {
    let mut text = String::new();
    let mut finish = String::new();
    let events: Vec<Value> = match serde_json::from_str(body) {
        Ok(whole) => vec![whole],
        Err(_) => body
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .collect(),
    };
    for event in &events {
        assert!(!event.to_string().contains("structured_output"), "{body}");
        for at in [
            "/choices/0/message/content",
            "/choices/0/delta/content",
            "/output/0/content/0/text",
            "/candidates/0/content/parts/0/text",
        ] {
            text += event.pointer(at).and_then(Value::as_str).unwrap_or("");
        }
        if event["type"] == "response.output_text.delta" {
            text += event["delta"].as_str().unwrap();
        }
        for at in [
            "/choices/0/finish_reason",
            "/status",
            "/response/status",
            "/candidates/0/finishReason",
        ] {
            if let Some(word) = event.pointer(at).and_then(Value::as_str) {
                finish = word.to_owned();
            }
        }
    }
    (text, finish)
}

#[tokio::test]
async fn an_old_claude_answers_by_a_forced_tool_and_every_caller_reads_text() {
    let bed = bed().await;
    let list = json!({"type": "array", "items": {"type": "integer"}});
    for (schema, sent, want) in [
        (schema(), r#"{"n":1}"#, r#"{"n":1}"#),
        (list, r#"{"value":[1,2]}"#, "[1,2]"),
    ] {
        for stream in [false, true] {
            let call = Script::new().tool_call("t1", "structured_output", sent);
            bed.claude.always(call.anthropic("claude", stream));
            for (front, finish) in [
                ("chat", "stop"),
                ("responses", "completed"),
                ("gemini", "STOP"),
            ] {
                let (path, body) = ask(front, "old", &schema, stream);
                let (status, headers, text) = post(&bed.gateway.url(path), body.to_string()).await;
                assert_eq!(status, 200, "{text}");
                let got = told(&text);
                assert_eq!(got, (want.to_owned(), finish.to_owned()), "{front} {text}");
                let lost = format!("{headers:?}");
                let field = match front {
                    "responses" => "text.format=",
                    "gemini" => "generationConfig.response",
                    _ => "response_format",
                };
                assert!(lost.contains(field), "{lost}");
            }
        }
    }
    for request in bed.claude.requests() {
        let sent: Value = serde_json::from_str(&request.text()).unwrap();
        assert_eq!(
            sent["tool_choice"],
            json!({"type": "tool", "name": "structured_output"})
        );
        assert_eq!(sent["tools"][0]["input_schema"]["type"], "object");
    }
}

#[tokio::test]
async fn a_model_that_thinks_is_asked_in_words() {
    let bed = bed().await;
    let answer = Script::new().thinking("hm").text(r#"{"n":1}"#);
    bed.claude.always(answer.anthropic("claude", false));
    let (path, mut body) = ask("chat", "thinks", &schema(), false);
    body["reasoning_effort"] = "high".into();
    body["max_tokens"] = 9000.into();
    let (status, _, text) = post(&bed.gateway.url(path), body.to_string()).await;
    assert_eq!((status, told(&text).0.as_str()), (200, r#"{"n":1}"#));
    let sent: Value = serde_json::from_str(&bed.claude.requests()[0].text()).unwrap();
    assert_eq!(sent["thinking"]["type"], "enabled");
    assert!(sent.get("tools").is_none() && sent.get("tool_choice").is_none());
    assert!(sent["system"].to_string().contains("JSON schema"));
}

#[tokio::test]
async fn a_vendor_of_the_callers_dialect_without_schemas() {
    let bed = bed().await;
    let by_tool = Script::new().tool_call("t1", "structured_output", r#"{"n":1}"#);
    for stream in [false, true] {
        bed.chat.push(by_tool.openai("m", stream, true));
        let (path, body) = ask("chat", "forced", &schema(), stream);
        let (status, _, text) = post(&bed.gateway.url(path), body.to_string()).await;
        assert_eq!(status, 200, "{text}");
        assert_eq!(told(&text), (r#"{"n":1}"#.to_owned(), "stop".to_owned()));
    }
    let sent: Value = serde_json::from_str(&bed.chat.requests()[0].text()).unwrap();
    assert_eq!(sent["tool_choice"]["function"]["name"], "structured_output");
    assert!(sent.get("response_format").is_none());

    // One that cannot be made to call a tool answers in its JSON mode.
    bed.chat
        .push(Script::new().text(r#"{"n":2}"#).openai("m", false, true));
    let (path, body) = ask("chat", "asked", &schema(), false);
    let (_, _, text) = post(&bed.gateway.url(path), body.to_string()).await;
    assert_eq!(told(&text).0, r#"{"n":2}"#);
    let sent: Value = serde_json::from_str(&bed.chat.requests()[2].text()).unwrap();
    assert_eq!(sent["response_format"], json!({"type": "json_object"}));
    assert!(
        sent["messages"][0]["content"]
            .to_string()
            .contains("JSON schema")
    );

    // What a vendor knows passes as it came.
    let own = r#"{ "model":"asked","messages":[{"role":"user","content":"n?"}],"response_format":{"type":"json_object"}}"#;
    bed.chat
        .push(Script::new().text("{}").openai("m", false, true));
    post(&bed.gateway.url("/v1/chat/completions"), own).await;
    assert_eq!(
        bed.chat.requests()[3].text(),
        own.replace("asked", "glm-4.6")
    );
}
