//! The vendor that answers by itself.

use std::time::Duration;

use http::{Method, Request};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt;

use super::{bytes_of, frames, json_of, post, send};
use crate::{
    Body,
    testing::{Demo, Vendor},
};

const OPENAI: &str = "/v1/chat/completions";
const ANTHROPIC: &str = "/v1/messages";

async fn ask(path: &str, body: Value) -> Value {
    let response = post(&Vendor::echo(), path, &body.to_string())
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    json_of(response).await
}

#[tokio::test]
async fn it_quotes_the_last_user_text_in_the_dialect_of_the_path() {
    let messages = json!([{"role": "user", "content": [{"type": "text", "text": "Grüße"}]}]);
    let body = ask(OPENAI, json!({"model": "m1", "messages": messages})).await;
    let text = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("Grüße") && text.contains("m1"), "{text}");
    assert_eq!(body["model"], "m1");
    assert!(body["usage"]["prompt_tokens"].as_u64().unwrap() > 0);

    let body = ask(
        ANTHROPIC,
        json!({"model": "m1", "max_tokens": 99, "messages": messages}),
    )
    .await;
    assert!(
        body["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("Grüße")
    );
    assert_eq!(body["stop_reason"], "end_turn");
}

#[tokio::test(start_paused = true)]
async fn it_streams_at_its_pace_with_usage_only_if_asked() {
    let vendor = Vendor::from(Demo::new().pace(Duration::from_millis(15)));
    let start = Instant::now();
    let mut body =
        json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let stream = bytes_of(post(&vendor, OPENAI, &body.to_string()).await.unwrap()).await;
    let count = u32::try_from(frames(&stream).len()).unwrap();
    assert_eq!(start.elapsed(), (count - 1) * Duration::from_millis(15));
    assert!(!String::from_utf8_lossy(&stream).contains("usage"));

    body["stream_options"] = json!({"include_usage": true});
    let stream = bytes_of(post(&vendor, OPENAI, &body.to_string()).await.unwrap()).await;
    assert!(
        frames(&stream)[frames(&stream).len() - 2]
            .1
            .contains("prompt_tokens")
    );

    body["max_tokens"] = json!(50);
    let stream = bytes_of(post(&vendor, ANTHROPIC, &body.to_string()).await.unwrap()).await;
    assert_eq!(
        frames(&stream).last().unwrap().0.as_deref(),
        Some("message_stop")
    );
}

#[tokio::test]
async fn it_calls_the_tool_that_is_named_and_then_reads_its_result() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}});
    let tools = json!([
        {"type": "function", "function": {"name": "clock"}},
        {"type": "function", "function": {"name": "weather", "parameters": schema}},
    ]);
    let mut messages = json!([{"role": "user", "content": "Use weather please"}]);
    let body = ask(
        OPENAI,
        json!({"model": "m", "tools": tools, "messages": messages}),
    )
    .await;
    let call = &body["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["name"], "weather");
    let arguments: Value =
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"city": "demo", "days": 1}));

    messages.as_array_mut().unwrap().extend([
        body["choices"][0]["message"].clone(),
        json!({"role": "tool", "tool_call_id": call["id"], "content": "sunny, says weather"}),
    ]);
    let body = ask(
        OPENAI,
        json!({"model": "m", "tools": tools, "messages": messages}),
    )
    .await;
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert!(
        body["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .contains("sunny")
    );
}

#[tokio::test]
async fn it_heeds_the_tool_choice() {
    let tools = json!([{"name": "clock", "input_schema": {"type": "object"}}, {"name": "weather", "input_schema": {}}]);
    let request = |choice: Value, text: &str| {
        json!({"model": "m", "max_tokens": 99, "tools": tools, "tool_choice": choice,
            "messages": [{"role": "user", "content": text}]})
    };
    for (choice, text, expected) in [
        (json!({"type": "auto"}), "hello", None),
        (
            json!({"type": "auto"}),
            "what does the clock say",
            Some("clock"),
        ),
        (json!({"type": "any"}), "hello", Some("clock")),
        (
            json!({"type": "tool", "name": "weather"}),
            "the clock",
            Some("weather"),
        ),
        (json!({"type": "none"}), "the clock", None),
    ] {
        let body = ask(ANTHROPIC, request(choice, text)).await;
        assert_eq!(body["content"][1]["name"].as_str(), expected, "{text}");
    }
}

#[tokio::test]
async fn it_stops_at_max_tokens() {
    let messages = json!([{"role": "user", "content": "hello"}]);
    let body = ask(
        OPENAI,
        json!({"model": "m", "max_completion_tokens": 2, "messages": messages}),
    )
    .await;
    assert_eq!(body["choices"][0]["message"]["content"], "Hello from");
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    assert_eq!(body["usage"]["completion_tokens"], 2);
}

#[tokio::test]
async fn it_refuses_what_a_vendor_would_in_the_dialect_of_the_path() {
    let vendor = Vendor::echo();
    for (path, body, status) in [
        (OPENAI, "not json", 400),
        (OPENAI, r#"{"messages":[]}"#, 400),
        (ANTHROPIC, "[]", 400),
        (
            ANTHROPIC,
            r#"{"messages":[{"role":"user","content":"x"}]}"#,
            400,
        ),
        ("/v1/nowhere", "{}", 404),
    ] {
        let response = post(&vendor, path, body).await.unwrap();
        assert_eq!(response.status(), status, "{path} {body}");
        let error = json_of(response).await;
        assert!(error["error"]["message"].is_string());
        assert_eq!(error["type"] == "error", path == ANTHROPIC);
    }
}

#[tokio::test]
async fn it_lists_models_and_counts_tokens() {
    let vendor = Vendor::from(Demo::new().models(["a", "org/b"]));
    let list = json_of(send(&vendor, Method::GET, "/v1/models", "").await.unwrap()).await;
    assert_eq!(
        (&list["object"], &list["data"][1]["id"]),
        (&json!("list"), &json!("org/b"))
    );
    let one = json_of(
        send(&vendor, Method::GET, "/v1/models/org/b", "")
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(one["object"], "model");
    let none = send(&vendor, Method::GET, "/v1/models/c", "")
        .await
        .unwrap();
    assert_eq!(none.status(), 404);

    let request = Request::get("/v1/models").header("anthropic-version", "2023-06-01");
    let response = vendor
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let list = json_of(response).await;
    assert_eq!(
        (&list["first_id"], &list["last_id"]),
        (&json!("a"), &json!("org/b"))
    );
    assert_eq!(list["data"][0]["type"], "model");

    let body = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
    let count = json_of(
        post(&vendor, "/v1/messages/count_tokens", body)
            .await
            .unwrap(),
    )
    .await;
    assert!(count["input_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn it_makes_vectors() {
    let body = ask(
        "/v1/embeddings",
        json!({"model": "m", "input": ["one two", "x"]}),
    )
    .await;
    assert_eq!(body["data"][1]["embedding"].as_array().unwrap().len(), 8);
    assert_ne!(body["data"][0]["embedding"], body["data"][1]["embedding"]);
    assert_eq!(body["usage"]["prompt_tokens"], 3);
    let empty = post(&Vendor::echo(), "/v1/embeddings", r#"{"input":[]}"#).await;
    assert_eq!(empty.unwrap().status(), 400);
}
