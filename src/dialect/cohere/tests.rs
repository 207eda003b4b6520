use serde_json::{Value, json};

use super::Cohere;
use crate::{
    chat::{
        ChatRequest, ChatResponse, Collector, Content, EventSink, Fidelity, Message, Role,
        StopReason,
    },
    dialect::{
        Dialect, FrameError, Front, Quirks, Target, anthropic::Anthropic, openai_chat::OpenAiChat,
    },
    error::{Error, ErrorKind},
    testing::Script,
    wire::{Frame, SseSplitter},
};

/// A request in OpenAI's words, in this vendor's, with the paths the report names.
fn written(model: &str, body: Value) -> Result<(Value, Vec<String>), Error> {
    let mut body = body;
    body["model"] = json!("any");
    let chat = Front::decode_request(&OpenAiChat, body.to_string().as_bytes())?;
    let mut report = Fidelity::new();
    let target = Target::new(model, &Quirks::NONE);
    let bytes = Cohere.encode_request(&chat, &target, &mut report)?;
    assert_eq!(
        bytes,
        Cohere.encode_request(&chat, &target, &mut Fidelity::new())?
    );
    let notes = report
        .notes()
        .iter()
        .map(|note| note.path.clone())
        .collect();
    Ok((serde_json::from_slice(&bytes).expect("JSON"), notes))
}

#[test]
fn a_turn_with_tools_in_the_vendors_words() {
    let schema = json!({"type": "object", "properties": {"x": {"type": "integer"}}});
    let (body, notes) = written(
        "command-a-03-2025",
        json!({
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBOR", "detail": "low"}}]},
                {"role": "assistant", "content": "I will add.", "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{\"x\":1}"}}]},
                {"role": "tool", "tool_call_id": "call_1", "content": "3"}],
            "tools": [
                {"type": "function", "function": {"name": "add", "description": "Adds", "parameters": schema, "strict": true}},
                {"type": "function", "function": {"name": "other"}}],
            "tool_choice": {"type": "function", "function": {"name": "add"}},
            "temperature": 1.5, "top_p": 0.9, "top_k": 4, "seed": 7, "stop": ["a", "b", "c", "d", "e", "f"],
            "max_completion_tokens": 9, "logit_bias": {"1": 1}, "user": "u", "parallel_tool_calls": false,
            "safety_mode": "OFF", "stream": true
        }),
    )
    .unwrap();
    assert_eq!(
        body,
        json!({
            "model": "command-a-03-2025",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBOR", "detail": "low"}}]},
                {"role": "assistant", "tool_plan": "I will add.", "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{\"x\":1}"}}]},
                {"role": "tool", "tool_call_id": "call_1", "content": "3"}],
            "stream": true,
            "tools": [{"type": "function", "function": {"name": "add", "description": "Adds", "parameters": schema}}],
            "strict_tools": true, "tool_choice": "REQUIRED",
            "max_tokens": 9, "stop_sequences": ["a", "b", "c", "d", "e"],
            "temperature": 1.0, "p": 0.9, "k": 4, "seed": 7, "safety_mode": "OFF"
        })
    );
    for path in [
        "tool_choice",
        "stop",
        "temperature",
        "user",
        "logit_bias",
        "parallel_tool_calls",
    ] {
        assert!(notes.iter().any(|note| note == path), "{path}: {notes:?}");
    }
}

#[test]
fn choices_formats_and_thinking() {
    let ask = |model: &str, more: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": "hi"}]});
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        written(model, body).unwrap()
    };
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    for (choice, want) in [
        ("auto", Value::Null),
        ("none", json!("NONE")),
        ("required", json!("REQUIRED")),
    ] {
        let (body, notes) = ask("command-a", json!({"tools": tools, "tool_choice": choice}));
        assert_eq!(body["tool_choice"], want, "{choice}");
        assert!(notes.is_empty(), "{notes:?}");
    }
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}});
    let (body, _) = ask("command-a", json!({"response_format": format}));
    assert_eq!(
        body["response_format"],
        json!({"type": "json_object", "json_schema": {"type": "object"}})
    );
    let (body, notes) = ask(
        "command-a",
        json!({"response_format": format, "tools": tools}),
    );
    assert!(body.get("response_format").is_none());
    assert_eq!(notes, ["response_format"]);

    let (body, notes) = ask("command-a", json!({"reasoning_effort": "high"}));
    assert!(body.get("thinking").is_none());
    assert_eq!(notes, ["reasoning"]);
    let model = "command-a-reasoning-08-2025";
    for (asked, want) in [
        (
            json!({"reasoning_effort": "none"}),
            json!({"type": "disabled"}),
        ),
        (
            json!({"reasoning": {"max_tokens": 500}}),
            json!({"type": "enabled", "token_budget": 500}),
        ),
        (
            json!({"reasoning_effort": "low"}),
            json!({"type": "enabled"}),
        ),
    ] {
        assert_eq!(ask(model, asked).0["thinking"], want);
    }
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let user = |part: Value| json!({"messages": [{"role": "user", "content": [part]}]});
    for (body, kind, param) in [
        (
            json!({"messages": []}),
            ErrorKind::InvalidRequest,
            "messages",
        ),
        (
            json!({"n": 2, "messages": [{"role": "user", "content": "a"}]}),
            ErrorKind::Unsupported,
            "n",
        ),
        (
            user(json!({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}})),
            ErrorKind::Unsupported,
            "messages[0].content[0]",
        ),
        (
            user(
                json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}}),
            ),
            ErrorKind::Unsupported,
            "messages[0].content[0]",
        ),
        (
            json!({"messages": [{"role": "user", "content": "a"}, {"role": "tool", "tool_call_id": "x", "content": "1"}]}),
            ErrorKind::InvalidRequest,
            "messages[1].content[0]",
        ),
    ] {
        let error = written("command-a", body.clone()).unwrap_err();
        assert_eq!(
            (error.kind(), error.param()),
            (kind, Some(param)),
            "{body}: {error}"
        );
    }
}

#[test]
fn pictures_in_results_follow_in_the_users_name() {
    let body = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t:1", "name": "see", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t:1", "is_error": true, "content": [
            {"type": "text", "text": "here"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBOR"}}]}]}]});
    let chat = Front::decode_request(&Anthropic, body.to_string().as_bytes()).unwrap();
    let mut report = Fidelity::new();
    let bytes = Cohere
        .encode_request(
            &chat,
            &Target::new("command-a-vision", &Quirks::NONE),
            &mut report,
        )
        .unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(
        messages[2]["tool_call_id"],
        messages[1]["tool_calls"][0]["id"]
    );
    assert_eq!(messages[2]["content"], "Error: here");
    assert_eq!(
        messages[3]["content"][0]["image_url"]["url"],
        "data:image/png;base64,iVBOR"
    );
}

fn streamed(frames: &[(&str, &str)]) -> Result<ChatResponse, FrameError> {
    let mut decoder = Cohere.decoder();
    let mut sink = EventSink::new();
    for (name, data) in frames {
        let name = Some(*name).filter(|name| !name.is_empty());
        decoder.decode(&Frame::new(name, data.as_bytes().to_vec()), &mut sink)?;
    }
    assert!(sink.has_ended());
    let mut collector = Collector::new();
    while let Some(event) = sink.next_event() {
        collector.push(event);
    }
    Ok(collector.finish())
}

#[test]
fn whole_and_streamed_answers_are_the_same() {
    let usage = r#"{"billed_units":{"input_tokens":125,"output_tokens":24},"cached_tokens":992,"tokens":{"input_tokens":1600,"output_tokens":56}}"#;
    let whole = format!(
        r#"{{"id":"i","finish_reason":"TOOL_CALL","message":{{"role":"assistant","tool_plan":"I will add.","tool_calls":[{{"id":"c1","type":"function","function":{{"name":"add","arguments":"{{\"x\":1}}"}}}},{{"id":"c2","type":"function","function":{{"name":"now","arguments":"null"}}}}]}},"usage":{usage}}}"#
    );
    let whole = Cohere.decode_response(whole.as_bytes()).unwrap();
    let end = format!(
        r#"{{"type":"message-end","delta":{{"finish_reason":"TOOL_CALL","usage":{usage}}}}}"#
    );
    let streamed = streamed(&[
        ("message-start", r#"{"type":"message-start","id":"i","delta":{"message":{"role":"assistant","content":[],"citations":[],"tool_calls":[],"tool_plan":""}}}"#),
        ("tool-plan-delta", r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will"}}}"#),
        ("tool-plan-delta", r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":" add."}}}"#),
        ("tool-call-start", r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"c1","type":"function","function":{"name":"add","arguments":""}}}}}"#),
        ("tool-call-delta", r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"x\":1}"}}}}}"#),
        ("tool-call-end", r#"{"type":"tool-call-end","index":0}"#),
        ("tool-call-start", r#"{"type":"tool-call-start","index":1,"delta":{"message":{"tool_calls":{"id":"c2","type":"function","function":{"name":"now","arguments":""}}}}}"#),
        ("tool-call-delta", r#"{"type":"tool-call-delta","index":1,"delta":{"message":{"tool_calls":{"function":{"arguments":"null"}}}}}"#),
        ("tool-call-end", r#"{"type":"tool-call-end","index":1}"#),
        ("message-end", &end),
        ("", "[DONE]"),
    ])
    .unwrap();
    assert_eq!(streamed.content, whole.content);
    assert_eq!(streamed.usage, whole.usage);
    assert_eq!(whole.usage.unwrap().total_input(), Some(1600));
    assert_eq!(whole.usage.unwrap().cache_read, Some(992));
    assert_eq!(whole.stop.reason, StopReason::ToolUse);
    let Content::ToolCall(call) = &whole.content[2] else {
        panic!("{:?}", whole.content);
    };
    assert_eq!(call.arguments, "{}");
}

#[test]
fn sources_and_thoughts() {
    let answer = streamed(&[
        ("message-start", r#"{"id":"i","type":"message-start","delta":{}}"#),
        ("content-start", r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}"#),
        ("content-delta", r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"Hm."}}}}"#),
        ("content-end", r#"{"type":"content-end","index":0}"#),
        ("content-start", r#"{"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":""}}}}"#),
        ("content-delta", r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"Dock Seven."}}}}"#),
        ("citation-start", r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":10,"text":"Dock Seven","sources":[{"id":"r1","type":"document","document":{"id":"r1","title":"Docks","url":"https://d.example"}}]}}}}"#),
        ("citation-end", r#"{"type":"citation-end","index":0}"#),
        ("content-end", r#"{"type":"content-end","index":1}"#),
        ("message-end", r#"{"type":"message-end","delta":{"finish_reason":"MAX_TOKENS","usage":{"billed_units":{"input_tokens":2,"output_tokens":3}}}}"#),
        ("", "[DONE]"),
    ])
    .unwrap();
    let [
        Content::Thinking(thought),
        Content::Text {
            text, citations, ..
        },
    ] = answer.content.as_slice()
    else {
        panic!("{:?}", answer.content);
    };
    assert_eq!(
        (thought.text.as_str(), text.as_str()),
        ("Hm.", "Dock Seven.")
    );
    assert_eq!(citations[0].url.as_deref(), Some("https://d.example"));
    assert_eq!(citations[0].range, Some((0, 10)));
    assert_eq!(answer.stop.reason, StopReason::MaxTokens);
    assert_eq!(answer.usage.unwrap().total(), Some(5));
}

#[test]
fn failures_are_never_answers() {
    for data in [
        r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"upstream broke"}}"#,
        r#"{"type":"message-end","delta":{"finish_reason":"TIMEOUT"}}"#,
        r#"{"id":"x","message":"internal server error"}"#,
    ] {
        let result = streamed(&[("", data)]);
        assert!(matches!(result, Err(FrameError::Vendor(_))), "{data}");
    }
    assert!(matches!(
        streamed(&[("", "{")]),
        Err(FrameError::Malformed(_))
    ));
    assert!(matches!(
        streamed(&[("news", r#"{"type":"news"}"#)]),
        Err(FrameError::Unknown)
    ));
    assert!(Cohere.decode_response(br#"{"id":"x"}"#).is_err());

    let of = |status: u16, body: &str| {
        let response = http::Response::builder().status(status).body(());
        let (parts, ()) = response.expect("a head").into_parts();
        Cohere.classify(&parts, body.as_bytes()).kind()
    };
    for (status, body, kind) in [
        (
            401,
            r#"{"id":"i","message":"Incorrect API key provided"}"#,
            ErrorKind::Authentication,
        ),
        (
            498,
            r#"{"id":"i","message":"invalid token"}"#,
            ErrorKind::Authentication,
        ),
        (
            429,
            r#"{"id":"i","message":"You are using a Trial key, which is limited to 10 API calls / minute."}"#,
            ErrorKind::RateLimited,
        ),
        (
            400,
            r#"{"id":"i","error_type":"TOO_MANY_TOKENS","message":"too many tokens: size limit exceeded by 25836 tokens. Try using shorter or fewer inputs."}"#,
            ErrorKind::ContextLength,
        ),
        (
            404,
            r#"{"id":"i","message":"model 'x' not found, make sure the correct model ID was used"}"#,
            ErrorKind::Unsupported,
        ),
    ] {
        assert_eq!(of(status, body), kind, "{status} {body}");
    }
}

#[test]
fn thoughts_go_back_to_a_model_that_thinks() {
    let script = Script::new()
        .thinking("Hm, hm.")
        .tool_call("c", "f", r#"{"a":1}"#);
    let mut splitter = SseSplitter::new();
    splitter.push(script.cohere(true).content());
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = splitter.next_frame() {
        let name = frame.name().unwrap_or_default().to_owned();
        frames.push((name, String::from_utf8_lossy(frame.data()).into_owned()));
    }
    let frames: Vec<(&str, &str)> = frames.iter().map(|(n, d)| (&**n, &**d)).collect();
    let answers = [
        Cohere
            .decode_response(&script.cohere(false).content())
            .unwrap(),
        streamed(&frames).unwrap(),
    ];
    let thought = json!([{"type": "thinking", "thinking": "Hm, hm."}]);
    for answer in answers {
        // Callers of Anthropic's dialect send it back as it came; those of OpenAI's Chat in words that do not say whose they were.
        let content = answer.content.clone();
        let Some(Content::Thinking(own)) = content.first() else {
            panic!("{content:?}");
        };
        let told = own.told_signature().into_owned();
        assert_eq!(told, "tl1.cohere");
        for (origin, model, goes) in [
            ("cohere", "command-a-reasoning-08-2025", true),
            ("openai-chat", "command-a-reasoning-08-2025", true),
            ("openai-chat", "command-a-03-2025", false),
            ("gemini", "command-a-reasoning-08-2025", false),
        ] {
            let mut content = content.clone();
            if let Some(Content::Thinking(own)) = content.first_mut() {
                own.origin = Some(origin);
                own.signature = None;
            }
            let turns = vec![Message::user("hi"), Message::new(Role::Assistant, content)];
            let request = ChatRequest::new("any", turns);
            let target = Target::new(model, &Quirks::NONE);
            let body = Cohere.encode_request(&request, &target, &mut Fidelity::new());
            let body: Value = serde_json::from_slice(&body.unwrap()).unwrap();
            let sent = &body["messages"][1]["content"];
            assert_eq!(*sent == thought, goes, "{origin} {model} {sent}");
        }
    }
}
