//! Mapping cases, by their numbers, from end to end: what comes in, and all that matters of what goes out.

use std::collections::VecDeque;

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::{
    chat::{EventSink, Loss},
    dialect::{FrameError, anthropic::Anthropic, classify, openai_chat::OpenAiChat},
    error::ErrorKind,
};

const ASKED: Asked<'static> = Asked::new("m", true, 7);

/// An answer of `from`'s vendor as a caller of `to` reads it.
fn answered(from: &dyn Dialect, to: &dyn Front, body: &Value) -> Value {
    let answer = from.decode_response(body.to_string().as_bytes()).unwrap();
    serde_json::from_slice(&to.encode_response(&answer, &ASKED)).unwrap()
}

/// A request of a caller of `from` as this vendor gets it.
fn asked(from: &dyn Front, body: &Value, model: &str) -> Result<(Value, Fidelity), Error> {
    let request = from.decode_request(body.to_string().as_bytes())?;
    let mut report = Fidelity::new();
    let target = Target::new(model, &Quirks::NONE);
    let body = Gemini.encode_request(&request, &target, &mut report)?;
    Ok((serde_json::from_slice(&body).unwrap(), report))
}

/// The frames of `from`'s vendor as a caller of `to` reads them, the error they end with told as well; was there any content?
fn streamed(from: &dyn Dialect, to: &dyn Front, frames: &[&str]) -> (String, bool) {
    let (mut decoder, mut sink) = (from.decoder(), EventSink::new());
    let mut failure = None;
    for frame in frames {
        if let Err(error) = decoder.decode(&Frame::new(None, frame.to_string()), &mut sink) {
            failure = Some(error);
            break;
        }
    }
    let content = sink.has_content();
    if failure.is_none() {
        sink.end();
    }
    let (mut encoder, mut out) = (to.encoder(&ASKED), VecDeque::new());
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut out);
    }
    match failure {
        Some(FrameError::Vendor(error)) => out.push_back(to.error_frame(&error)),
        Some(error) => panic!("{error:?}"),
        None => {}
    }
    let text = out.iter().map(|frame| String::from_utf8_lossy(frame.raw()));
    (text.collect(), content)
}

/// The JSON of each frame.
fn chunks(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn call(id: &str, name: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}})
}

#[test]
fn e1_e2_e3_e4_e33_what_callers_read_of_answers_without_a_word() {
    // The answer; finish, refusal and usage (prompt, completion, reasoning, total) for OpenAI's callers; stop for Anthropic's.
    for (body, finish, refusal, usage, stop) in [
        (
            json!({"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}],
                "usageMetadata": {"promptTokenCount": 15, "thoughtsTokenCount": 2, "totalTokenCount": 17}}),
            "length",
            Value::Null,
            Some([15, 2, 2, 17]),
            "max_tokens",
        ),
        (
            json!({"candidates": [{"content": {}, "finishReason": "SAFETY", "safetyRatings": [{"category": "C", "probability": "HIGH", "blocked": true}]}]}),
            "content_filter",
            Value::Null,
            None,
            "refusal",
        ),
        (
            json!({"candidates": [{"finishReason": "MODEL_ARMOR", "finishMessage": "It violated."}],
                "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 6, "totalTokenCount": 10}}),
            "content_filter",
            json!("It violated."),
            Some([4, 6, 0, 10]),
            "refusal",
        ),
        (
            json!({"promptFeedback": {"blockReason": "MODEL_ARMOR"}, "usageMetadata": {"trafficType": "ON_DEMAND"}}),
            "content_filter",
            Value::Null,
            None,
            "refusal",
        ),
        (
            json!({"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 30, "thoughtsTokenCount": 20, "totalTokenCount": 40}}),
            "stop",
            Value::Null,
            Some([10, 30, 20, 40]),
            "end_turn",
        ),
    ] {
        let answer = answered(&Gemini, &OpenAiChat, &body);
        assert_eq!(answer["choices"].as_array().unwrap().len(), 1, "{answer}");
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], finish, "{answer}");
        assert_eq!(choice["message"]["refusal"], refusal, "{answer}");
        let content = &choice["message"]["content"];
        assert!(content.is_null() || content == "", "{answer}");
        let count = |path: &str| {
            answer["usage"]
                .pointer(path)
                .map_or(0, |n| n.as_u64().unwrap())
        };
        let found = answer["usage"].is_object().then(|| {
            [
                count("/prompt_tokens"),
                count("/completion_tokens"),
                count("/completion_tokens_details/reasoning_tokens"),
                count("/total_tokens"),
            ]
        });
        assert_eq!(found, usage, "{answer}");
        let answer = answered(&Gemini, &Anthropic, &body);
        assert_eq!(answer["stop_reason"], stop, "{answer}");
        if let Some([prompt, output, ..]) = usage {
            assert_eq!(answer["usage"]["input_tokens"], prompt, "{answer}");
            assert_eq!(answer["usage"]["output_tokens"], output, "{answer}");
        }
    }
}

#[test]
fn e5_a_blocked_prompt_streamed() {
    let body = r#"{"promptFeedback":{"blockReason":"MODEL_ARMOR"},"usageMetadata":{"trafficType":"ON_DEMAND"}}"#;
    let (text, _) = streamed(&Gemini, &OpenAiChat, &[body]);
    let told = chunks(&text);
    assert_eq!(told[0]["choices"][0]["delta"]["role"], "assistant");
    let last = told.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "content_filter");
    assert!(told.iter().all(|chunk| chunk["usage"].is_null()), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let (text, _) = streamed(&Gemini, &Anthropic, &[body]);
    let events: Vec<Value> = chunks(&text);
    let kinds: Vec<_> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["message_start", "message_delta", "message_stop"]);
    assert_eq!(events[1]["delta"]["stop_reason"], "refusal");
}

#[test]
fn e6_an_empty_list_in_a_stream_is_passed_over() {
    let frames = [
        r#"{"candidates":[],"usageMetadata":{"promptTokenCount":3}}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4}}"#,
    ];
    assert!(!streamed(&Gemini, &OpenAiChat, &frames[..1]).1);
    let (text, _) = streamed(&Gemini, &OpenAiChat, &frames);
    assert_eq!(text.matches(r#""content":"hi""#).count(), 1, "{text}");
    assert!(text.contains(r#""finish_reason":"stop""#), "{text}");
}

#[test]
fn e7_e8_e9_e10_calls_without_ids_come_back_in_their_order() {
    let parts =
        json!([{"functionCall": {"name": "f", "args": {"n": 1}}}, {"functionCall": {"name": "f"}}]);
    let body = json!({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]});
    let message = answered(&Gemini, &OpenAiChat, &body)["choices"][0]["message"].clone();
    let ids = [0, 1].map(|n| message["tool_calls"][n]["id"].clone());
    assert!(ids[0].as_str() != Some("") && ids[0] != ids[1], "{message}");
    // The caller answers the second one first.
    let next = json!({"model": "m", "messages": [
        {"role": "user", "content": "go"}, message,
        {"role": "tool", "tool_call_id": ids[1], "content": "two"},
        {"role": "tool", "tool_call_id": ids[0], "content": "one"},
    ]});
    let (next, _) = asked(&OpenAiChat, &next, "gemini-2.5-flash").unwrap();
    assert_eq!(
        next["contents"],
        json!([
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"n": 1}}}, {"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "f", "response": {"output": "one"}}},
                {"functionResponse": {"name": "f", "response": {"output": "two"}}},
            ]},
        ])
    );
    // In two frames, each with a call, and a last one with nothing.
    let (text, _) = streamed(
        &Gemini,
        &OpenAiChat,
        &[
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"n":1}}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}"#,
        ],
    );
    let mut arguments = [String::new(), String::new()];
    let mut ids = Vec::new();
    for chunk in chunks(&text) {
        let call = &chunk["choices"][0]["delta"]["tool_calls"][0];
        if let Some(index) = call["index"].as_u64() {
            ids.extend(call["id"].as_str().map(str::to_owned));
            let more = call["function"]["arguments"].as_str().unwrap_or_default();
            arguments[usize::try_from(index).unwrap()].push_str(more);
        }
    }
    assert_eq!(arguments, [r#"{"n":1}"#, "{}"], "{text}");
    assert!(ids.len() == 2 && ids[0] != ids[1], "{text}");
    assert!(text.contains(r#""finish_reason":"tool_calls""#), "{text}");
}

#[test]
fn e12_a_result_without_a_call_is_refused_in_both_dialects() {
    let openai = json!({"model": "m", "messages": [
        {"role": "user", "content": "go"}, {"role": "tool", "tool_call_id": "x", "content": "1"}]});
    let anthropic = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "1"}]}]});
    for (front, body) in [
        (&OpenAiChat as &dyn Front, openai),
        (&Anthropic as &dyn Front, anthropic),
    ] {
        let error = asked(front, &body, "gemini-2.5-flash").unwrap_err();
        assert_eq!(
            (error.kind(), error.status().as_u16()),
            (ErrorKind::InvalidRequest, 400)
        );
        let text = String::from_utf8(front.encode_error(&error).to_vec()).unwrap();
        assert!(
            text.contains("invalid_request_error") && text.contains("`x`"),
            "{text}"
        );
    }
}

#[test]
fn e16_e17_every_step_has_one_signature() {
    let mut signed = call("c3", "f");
    signed["extra_content"] = json!({"google": {"thought_signature": "REAL"}});
    let tool = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "1"});
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [call("c1", "f"), call("c2", "g")]}, tool("c1"), tool("c2"),
        {"role": "assistant", "content": null, "tool_calls": [signed, call("c4", "g")]}, tool("c3"), tool("c4"),
        {"role": "assistant", "content": "then", "tool_calls": [call("c5", "f")]}, tool("c5"),
    ]});
    let signatures = |model: &str| -> Vec<Value> {
        let (body, _) = asked(&OpenAiChat, &body, model).unwrap();
        let turns = body["contents"].as_array().unwrap();
        let parts = turns
            .iter()
            .flat_map(|turn| turn["parts"].as_array().unwrap());
        parts
            .filter(|part| part["functionCall"].is_object())
            .map(|part| part["thoughtSignature"].clone())
            .collect()
    };
    let (skip, none) = (json!(signature::SKIP), Value::Null);
    let real = json!("REAL");
    assert_eq!(
        signatures("gemini-3-flash-preview"),
        [&skip, &none, &real, &none, &skip].map(Value::clone)
    );
    assert_eq!(
        signatures("gemini-2.5-flash"),
        [&none, &none, &real, &none, &none].map(Value::clone)
    );
}

#[test]
fn e18_a_signature_goes_back_as_the_caller_spells_it() {
    let body = json!({"candidates": [{"content": {"parts": [
        {"functionCall": {"name": "f", "id": "c", "args": {}}, "thoughtSignature": "a+/b/w=="}]}, "finishReason": "STOP"}]});
    let mut message = answered(&Gemini, &OpenAiChat, &body)["choices"][0]["message"].clone();
    let place = "/tool_calls/0/extra_content/google/thought_signature";
    assert_eq!(message.pointer(place), Some(&json!("a+/b/w==")));
    for spelled in ["a+/b/w==", "a-_b_w"] {
        *message.pointer_mut(place).unwrap() = spelled.into();
        let next = json!({"model": "m", "messages": [
            {"role": "user", "content": "go"}, message, {"role": "tool", "tool_call_id": "c", "content": "1"}]});
        let (next, _) = asked(&OpenAiChat, &next, "gemini-3-flash-preview").unwrap();
        assert_eq!(next["contents"][1]["parts"][0]["thoughtSignature"], spelled);
    }
}

#[test]
fn e23_an_address_the_vendor_may_not_read_is_the_callers_fault() {
    let refused = r#"{"error":{"code":400,"message":"Cannot fetch content from the provided URL. Please ensure the URL is valid and accessible by Vertex AI. Vertex AI respects robots.txt rules, so confirm the URL is allowed to be crawled. Status: URL_ROBOTED-ROBOTED_DENIED","status":"INVALID_ARGUMENT"}}"#;
    let status = StatusCode::BAD_REQUEST;
    let error = classify(NAME, status, &HeaderMap::new(), refused.as_bytes());
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.is_caller_fault() && error.message().contains("URL_ROBOTED"));
    // Where media are fetched here, they are in time: addresses of others are never left to the vendor.
    let needs = |url: &str| Gemini.needs_bytes(MediaKind::Image, url, &Quirks::NONE);
    assert!(needs("https://h.example/x.png") && !needs("https://youtu.be/x"));
}

#[test]
fn e24_e25_e31_the_smaller_repairs_of_requests() {
    let user = |text: &str| json!({"role": "user", "content": text});
    let system = json!({"role": "system", "content": "s"});
    let (body, report) = asked(
        &OpenAiChat,
        &json!({"model": "m", "messages": [user("a"), system, user("b")], "tool_choice": "none",
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]}),
        "gemini-2.5-flash",
    )
    .unwrap();
    assert_eq!(
        body,
        json!({
            "systemInstruction": {"parts": [{"text": "s"}]},
            "contents": [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}],
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "NONE"}},
        })
    );
    let notes: Vec<_> = report
        .notes()
        .iter()
        .map(|note| (&*note.path, note.loss))
        .collect();
    assert_eq!(notes, [("messages[1]", Loss::Changed)]);
    let system = json!({"model": "m", "max_tokens": 9, "system": "s", "messages": []});
    assert!(asked(&Anthropic, &system, "gemini-2.5-flash").is_err());
}

#[test]
fn e32_of_several_answers_the_first_is_told() {
    let own = json!({"contents": [{"parts": [{"text": "a"}]}], "generationConfig": {"candidateCount": 2}});
    let (body, report) = asked(&Gemini, &own, "gemini-2.5-flash").unwrap();
    assert_eq!(body["generationConfig"], json!({"candidateCount": 2}));
    assert!(report.is_exact());
    for n in [1, 2] {
        let other = json!({"model": "m", "n": n, "messages": [{"role": "user", "content": "a"}]});
        match asked(&OpenAiChat, &other, "gemini-2.5-flash") {
            Ok((body, _)) => assert!(n == 1 && body["generationConfig"].is_null()),
            Err(error) => assert_eq!((n, error.param()), (2, Some("n"))),
        }
    }
    let counts =
        r#""usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4,"totalTokenCount":7}"#;
    let frames = [
        r#"{"candidates":[{"index":1,"content":{"parts":[{"text":"other"}]},"finishReason":"MAX_TOKENS"}]}"#.to_owned(),
        format!(r#"{{"candidates":[{{"index":0,"content":{{"parts":[{{"text":"one"}}]}},"finishReason":"STOP"}}],{counts}}}"#),
    ];
    let frames = frames.each_ref().map(String::as_str);
    let (text, _) = streamed(&Gemini, &Anthropic, &frames);
    assert!(text.contains("one") && !text.contains("other"), "{text}");
    assert_eq!(
        text.matches(r#""stop_reason":"end_turn""#).count(),
        1,
        "{text}"
    );
    let told = chunks(&text);
    let last = told.iter().find(|event| event["type"] == "message_delta");
    assert_eq!(last.unwrap()["usage"]["output_tokens"], 4, "{text}");
}

#[test]
fn e34_an_error_in_the_stream_in_every_dialect() {
    let said = r#"{"candidates":[{"content":{"parts":[{"text":"Hel"}]}}]}"#;
    let failed = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#;
    for (front, mark) in [
        (&OpenAiChat as &dyn Front, r#"data: {"error":{"#),
        (&Anthropic, r#""type":"overloaded_error""#),
        (&Gemini, r#""status":"UNAVAILABLE""#),
    ] {
        // Nothing was said: somebody else may be asked.
        assert!(!streamed(&Gemini, front, &[failed]).1);
        let (text, content) = streamed(&Gemini, front, &[said, failed]);
        assert!(content && text.contains("Hel"), "{text}");
        let last = text.trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.contains(mark), "{text}");
        for end in [
            "[DONE]",
            "message_stop",
            "finishReason",
            r#""finish_reason":"st"#,
        ] {
            assert!(!text.contains(end), "{text}");
        }
    }
}

#[test]
fn e35_e36_another_vendors_stream_for_googles_clients() {
    let chunk = |delta: &str, finish: &str| {
        format!(
            r#"{{"id":"x","object":"chat.completion.chunk","model":"o","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
        )
    };
    let frames = [
        chunk(r#"{"role":"assistant","content":""}"#, "null"),
        chunk(
            r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#,
            "null",
        ),
        chunk(
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"ci"}}]}"#,
            "null",
        ),
        chunk(
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"ty\":\"P\"}"}}]}"#,
            "null",
        ),
        chunk("{}", r#""tool_calls""#),
        "[DONE]".to_owned(),
    ];
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let (text, _) = streamed(&OpenAiChat, &Gemini, &frames);
    let lines = text.lines().filter(|line| !line.is_empty());
    assert!(
        lines.clone().all(|line| line.starts_with("data: {")),
        "{text}"
    );
    let told = chunks(&text);
    let parts: Vec<&Value> = told
        .iter()
        .filter_map(|chunk| chunk.pointer("/candidates/0/content/parts/0"))
        .filter(|part| part["text"] != "")
        .collect();
    assert_eq!(
        parts,
        [&json!({"functionCall": {"id": "c", "name": "f", "args": {"city": "P"}}})]
    );
    assert_eq!(
        told.last().unwrap()["candidates"][0]["finishReason"],
        "STOP"
    );
}

#[test]
fn e37_e38_refusals_of_keys_and_of_haste() {
    let error = |status: u16, message: &str, name: &str, details: Value| {
        let body = json!({"error": {"code": status, "message": message, "status": name, "details": details}});
        let status = StatusCode::from_u16(status).unwrap();
        classify(NAME, status, &HeaderMap::new(), body.to_string().as_bytes())
    };
    let dead = error(
        400,
        "API key not valid: AIza1",
        "INVALID_ARGUMENT",
        json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]),
    );
    assert_eq!(dead.kind(), ErrorKind::Authentication);
    let hasty = error(
        429,
        "You exceeded your current quota.",
        "RESOURCE_EXHAUSTED",
        json!([
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"},
        ]),
    );
    assert_eq!(hasty.kind(), ErrorKind::RateLimited);
    assert_eq!(
        hasty.retry_after().map(|wait| wait.as_millis()),
        Some(34_070)
    );
    for front in [&OpenAiChat as &dyn Front, &Anthropic, &Gemini] {
        let text = String::from_utf8(front.encode_error(&dead).to_vec()).unwrap();
        assert!(!text.contains("AIza1"), "{text}");
        assert_eq!(front.error_status(&hasty), 429);
    }
    // For Google's own clients the wait stands in the body, whoever refused.
    let mut other = Error::new(ErrorKind::RateLimited, "slow down");
    other = other.with_retry_after(hasty.retry_after().unwrap());
    let text = String::from_utf8(Front::encode_error(&Gemini, &other).to_vec()).unwrap();
    assert!(text.contains(r#""retryDelay":"35s""#), "{text}");
}

#[test]
fn e63_a_call_with_an_empty_id_gets_one_that_comes_back() {
    let body = json!({"id": "x", "object": "chat.completion", "model": "gemini-2.5-flash", "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": null, "tool_calls": [
            {"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}}]});
    let answer = answered(&OpenAiChat, &Anthropic, &body);
    let ids = [0, 1].map(|n| answer["content"][n]["id"].as_str().unwrap().to_owned());
    assert!(
        !ids[0].is_empty() && !ids[1].is_empty() && ids[0] != ids[1],
        "{answer}"
    );
    let result = |id: &String, text: &str| json!({"type": "tool_result", "tool_use_id": id, "content": text});
    let next = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "go"}, {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": [result(&ids[1], "two"), result(&ids[0], "one")]}]});
    let (written, _) = asked(&Anthropic, &next, "gemini-2.5-flash").unwrap();
    let results = &written["contents"][2]["parts"];
    assert_eq!(
        (
            &results[0]["functionResponse"]["name"],
            &results[1]["functionResponse"]["name"]
        ),
        (&json!("f"), &json!("g"))
    );
    let request = Front::decode_request(&Anthropic, next.to_string().as_bytes()).unwrap();
    let target = Target::new("gemini-2.5-flash", &Quirks::NONE);
    let written = OpenAiChat
        .encode_request(&request, &target, &mut Fidelity::new())
        .unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    let messages = &written["messages"];
    for (call, result, text) in [(0, 3, "one"), (1, 2, "two")] {
        let id = &messages[1]["tool_calls"][call]["id"];
        assert!(
            id != "" && *id == messages[result]["tool_call_id"],
            "{written}"
        );
        assert_eq!(messages[result]["content"], text);
    }
    // The same where the caller's dialect is the vendor's, and in a stream.
    let frame = json!({"id": "x", "object": "chat.completion.chunk", "model": "m", "choices": [{"index": 0, "finish_reason": "tool_calls",
        "delta": {"role": "assistant", "tool_calls": [{"index": 0, "id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}}]})
    .to_string();
    for (front, empty) in [
        (&Anthropic as &dyn Front, r#""id":"","#),
        (&Gemini, r#""id":"""#),
    ] {
        let (text, _) = streamed(&OpenAiChat, front, &[&frame]);
        assert!(!text.contains(empty), "{text}");
    }
}
