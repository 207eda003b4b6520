//! Scripts, spelled in each dialect.

use serde_json::{Value, json};

use super::frames;
use crate::testing::{Answer, Script};

const ARGUMENTS: &str = r#"{"city":"Köln","unit":"C"}"#;

fn script() -> Script {
    Script::new()
        .thinking("They want \"weather\".")
        .text("Hello there,\nlet me look.")
        .tool_call("call_1", "weather", ARGUMENTS)
        .tool_call("call_2", "clock", "{}")
        .usage(120, 30)
        .cached(100)
}

fn openai_chunks(answer: &Answer) -> Vec<Value> {
    let mut frames = frames(&answer.content());
    assert_eq!(frames.pop().unwrap(), (None, "[DONE]".to_owned()));
    frames
        .into_iter()
        .map(|(event, data)| {
            assert_eq!(event, None);
            let chunk: Value = serde_json::from_str(&data).unwrap();
            assert_eq!(chunk["object"], "chat.completion.chunk");
            assert_eq!(chunk["model"], "gpt-4o");
            assert_eq!(chunk["id"], "chatcmpl-scripted");
            assert!(chunk["created"].is_u64());
            chunk
        })
        .collect()
}

fn anthropic_events(answer: &Answer) -> Vec<Value> {
    frames(&answer.content())
        .into_iter()
        .map(|(event, data)| {
            let data: Value = serde_json::from_str(&data).unwrap();
            assert_eq!(data["type"].as_str(), event.as_deref());
            data
        })
        .collect()
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.filter_map(Value::as_str).collect()
}

#[test]
fn openai_streams_in_the_real_order() {
    let chunks = openai_chunks(&script().openai("gpt-4o", true, true));
    let (first, rest) = chunks.split_first().unwrap();
    let (usage, rest) = rest.split_last().unwrap();
    let (finish, content) = rest.split_last().unwrap();

    assert_eq!(
        first["choices"][0]["delta"],
        json!({"role": "assistant", "content": "", "refusal": null})
    );
    let delta = |name: &'static str| {
        content
            .iter()
            .map(move |chunk| &chunk["choices"][0]["delta"][name])
    };
    assert_eq!(joined(delta("content")), "Hello there,\nlet me look.");
    assert_eq!(joined(delta("reasoning_content")), "They want \"weather\".");
    assert_eq!(delta("content").filter(|it| it.is_string()).count(), 5);

    let calls: Vec<&Value> = delta("tool_calls")
        .filter(|it| it.is_array())
        .map(|it| &it[0])
        .collect();
    for (index, id, name, arguments) in [
        (0, "call_1", "weather", ARGUMENTS),
        (1, "call_2", "clock", "{}"),
    ] {
        let own: Vec<_> = calls.iter().filter(|call| call["index"] == index).collect();
        assert_eq!(
            *own[0],
            &json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}})
        );
        assert!(own.len() >= 3, "at least two fragments");
        assert!(
            own[1..]
                .iter()
                .all(|call| call.as_object().unwrap().len() == 2)
        );
        assert_eq!(
            joined(own.iter().map(|call| &call["function"]["arguments"])),
            arguments
        );
    }

    assert_eq!(
        finish["choices"],
        json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": "tool_calls"}])
    );
    for chunk in [first, finish].into_iter().chain(content) {
        assert_eq!(chunk.get("usage"), Some(&Value::Null));
    }
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["prompt_tokens"], 120);
    assert_eq!(usage["usage"]["total_tokens"], 150);
    assert_eq!(
        usage["usage"]["prompt_tokens_details"]["cached_tokens"],
        100
    );
    assert_eq!(
        usage["usage"]["completion_tokens_details"]["reasoning_tokens"],
        3
    );
}

#[test]
fn openai_keeps_usage_to_itself_unless_asked() {
    let chunks = openai_chunks(&Script::new().text("Hi").openai("gpt-4o", true, false));
    assert_eq!(chunks.len(), 3);
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    assert_eq!(chunks[2]["choices"][0]["finish_reason"], "stop");

    let chunks = openai_chunks(
        &Script::new()
            .tool_call("c", "f", "{}")
            .openai("gpt-4o", true, false),
    );
    assert_eq!(chunks[0]["choices"][0]["delta"]["content"], Value::Null);
}

#[test]
fn openai_whole_says_the_same() {
    let body: Value =
        serde_json::from_slice(&script().openai("gpt-4o", false, false).content()).unwrap();
    assert_eq!(body["object"], "chat.completion");
    let choice = &body["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], "Hello there,\nlet me look.");
    assert_eq!(
        choice["message"]["tool_calls"][0]["function"]["arguments"],
        ARGUMENTS
    );
    assert_eq!(choice["message"]["tool_calls"][1]["id"], "call_2");
    assert_eq!(body["usage"]["completion_tokens"], 30);
}

#[test]
fn anthropic_streams_in_the_real_order() {
    let events = anthropic_events(&script().anthropic("claude", true));
    let mut kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    kinds.dedup();
    let block = [
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
    ];
    let mut expected = vec!["message_start", "content_block_start", "ping"];
    expected.extend(&block[1..]);
    expected.extend([block; 3].iter().flatten());
    expected.extend(["message_delta", "message_stop"]);
    assert_eq!(kinds, expected);

    let message = &events[0]["message"];
    assert_eq!(
        (&message["content"], &message["stop_reason"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(message["usage"]["input_tokens"], 20);
    assert_eq!(message["usage"]["cache_read_input_tokens"], 100);
    assert_eq!(message["usage"]["output_tokens"], 1);

    let of = |index: usize, member: &'static str| {
        joined(
            events
                .iter()
                .filter(|event| event["type"] == "content_block_delta" && event["index"] == index)
                .map(|event| &event["delta"][member]),
        )
    };
    assert_eq!(of(0, "thinking"), "They want \"weather\".");
    assert!(!of(0, "signature").is_empty());
    assert_eq!(of(1, "text"), "Hello there,\nlet me look.");
    assert_eq!(of(2, "partial_json"), ARGUMENTS);
    assert_eq!(of(3, "partial_json"), "{}");

    let end = &events[events.len() - 2];
    assert_eq!(end["delta"]["stop_reason"], "tool_use");
    assert_eq!(end["usage"]["output_tokens"], 30);
}

#[test]
fn anthropic_whole_says_the_same() {
    let body: Value =
        serde_json::from_slice(&script().anthropic("claude", false).content()).unwrap();
    assert_eq!(body["type"], "message");
    assert_eq!(body["stop_reason"], "tool_use");
    let kinds: Vec<_> = body["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| &block["type"])
        .collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use", "tool_use"]);
    assert_eq!(
        body["content"][2]["input"],
        json!({"city": "Köln", "unit": "C"})
    );

    let odd = Script::new()
        .tool_call("a", "f", "{\"cut")
        .tool_call("b", "f", "[1]")
        .anthropic("claude", false);
    let body: Value = serde_json::from_slice(&odd.content()).unwrap();
    assert_eq!(
        (&body["content"][0]["input"], &body["content"][1]["input"]),
        (&json!({}), &json!({}))
    );
}

#[test]
fn the_reason_to_stop_has_its_name_in_each_dialect() {
    for (script, openai, anthropic) in [
        (Script::new().text("x"), "stop", "end_turn"),
        (
            Script::new().text("x").stop_length(),
            "length",
            "max_tokens",
        ),
        (Script::new().stop_refusal(), "content_filter", "refusal"),
    ] {
        let whole: Value =
            serde_json::from_slice(&script.openai("gpt-4o", false, false).content()).unwrap();
        assert_eq!(whole["choices"][0]["finish_reason"], openai);
        let whole: Value =
            serde_json::from_slice(&script.anthropic("claude", false).content()).unwrap();
        assert_eq!(whole["stop_reason"], anthropic);
        let events = anthropic_events(&script.anthropic("claude", true));
        assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], anthropic);
        let chunks = openai_chunks(&script.openai("gpt-4o", true, false));
        assert_eq!(
            chunks.last().unwrap()["choices"][0]["finish_reason"],
            openai
        );
    }
}

#[test]
fn errors_have_each_dialect_s_shape() {
    let error = Answer::openai_error(429, "requests", "rate_limit_exceeded", "Slow \"down\".");
    let body: Value = serde_json::from_slice(&error.content()).unwrap();
    assert_eq!(
        body,
        json!({"error": {"message": "Slow \"down\".", "type": "requests", "param": null, "code": "rate_limit_exceeded"}})
    );
    let body: Value =
        serde_json::from_slice(&Answer::openai_error(500, "server_error", "", "x").content())
            .unwrap();
    assert_eq!(body["error"]["code"], Value::Null);

    let body: Value = serde_json::from_slice(
        &Answer::anthropic_error(529, "overloaded_error", "Overloaded").content(),
    )
    .unwrap();
    assert_eq!(
        body,
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_scripted"})
    );
}

#[test]
fn converse_says_the_same_whole_and_in_events() {
    let whole: Value = serde_json::from_slice(&script().converse().content()).unwrap();
    let events: Vec<(&str, Value)> = script()
        .converse_events()
        .into_iter()
        .map(|(name, payload)| (name, serde_json::from_str(&payload).unwrap()))
        .collect();
    assert_eq!(events.first().unwrap().0, "messageStart");
    let (name, metadata) = events.last().unwrap();
    assert_eq!((*name, &metadata["usage"]), ("metadata", &whole["usage"]));
    assert_eq!(whole["usage"]["inputTokens"], 20);
    let deltas = || events.iter().map(|(_, payload)| &payload["delta"]);
    let content = &whole["output"]["message"]["content"];
    assert_eq!(
        joined(deltas().map(|delta| &delta["text"])),
        content[1]["text"].as_str().unwrap()
    );
    assert_eq!(
        joined(deltas().map(|delta| &delta["toolUse"]["input"])),
        ARGUMENTS,
        "the second call has no delta"
    );
    assert_eq!(content[2]["toolUse"]["input"]["city"], "Köln");
    assert_eq!(whole["stopReason"], "tool_use");
    let error = Answer::bedrock_error(429, "ThrottlingException", "Too many requests.");
    assert_eq!(error.content(), r#"{"message":"Too many requests."}"#);
}

#[test]
fn cohere_says_the_same_whole_and_in_frames() {
    let whole: Value = serde_json::from_slice(&script().cohere(false).content()).unwrap();
    let frames = frames(&script().cohere(true).content());
    assert_eq!(frames.last().unwrap(), &(None, "[DONE]".to_owned()));
    let events: Vec<Value> = frames[..frames.len() - 1]
        .iter()
        .map(|(event, data)| {
            let data: Value = serde_json::from_str(data).unwrap();
            assert_eq!(data["type"].as_str(), event.as_deref());
            data
        })
        .collect();
    let messages = || events.iter().map(|event| &event["delta"]["message"]);
    let message = &whole["message"];
    assert_eq!(
        joined(messages().map(|m| &m["content"]["thinking"])),
        message["content"][0]["thinking"].as_str().unwrap()
    );
    assert_eq!(
        joined(messages().map(|m| &m["tool_plan"])),
        message["tool_plan"].as_str().unwrap()
    );
    assert_eq!(
        joined(messages().map(|m| &m["tool_calls"]["function"]["arguments"])),
        format!("{ARGUMENTS}{{}}")
    );
    assert_eq!(message["tool_calls"][1]["id"], "call_2");
    assert_eq!(whole["finish_reason"], "TOOL_CALL");
    assert_eq!(events.last().unwrap()["delta"]["usage"], whole["usage"]);
    assert_eq!(whole["usage"]["tokens"]["reasoning_tokens"], 3);
    let error = Answer::cohere_error(400, "no");
    assert_eq!(error.content(), r#"{"id":"scripted","message":"no"}"#);
}

#[test]
fn a_signature_of_ones_own_is_everywhere() {
    let script = script().signature("own+/=");
    let events: Vec<String> = script
        .converse_events()
        .into_iter()
        .map(|(_, it)| it)
        .collect();
    for answer in [
        script.responses("m", false).content(),
        script.responses("m", true).content(),
        script.anthropic("m", false).content(),
        script.anthropic("m", true).content(),
        script.gemini("m", false).content(),
        script.gemini("m", true).content(),
        script.converse().content(),
        events.concat().into(),
    ] {
        let text = String::from_utf8(answer.to_vec()).unwrap();
        assert!(text.contains("\"own+/=\""), "{text}");
    }
}
