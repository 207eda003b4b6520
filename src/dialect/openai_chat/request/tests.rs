//! What callers say, read; and what vendors are told, to the byte.

use proptest::prelude::*;

use super::{decode, encode};
use crate::{
    chat::*,
    dialect::Target,
    dialect::{Quirks, ReasoningField, ToolIds},
    error::ErrorKind,
    json::Json,
};

const OPENAI: Quirks = Quirks {
    max_completion_tokens: true,
    files: true,
    ..Quirks::NONE
};
const MISTRAL: Quirks = Quirks {
    strict: true,
    tool_ids: ToolIds::NineAlphanumeric,
    stream_options: false,
    required: "any",
    ..Quirks::NONE
};

fn written(request: &ChatRequest, model: &str, quirks: &Quirks) -> (String, Vec<String>) {
    let mut report = Fidelity::new();
    let body = encode(request, &Target::new(model, quirks), &mut report).unwrap();
    let mut again = Fidelity::new();
    assert_eq!(
        body,
        encode(request, &Target::new(model, quirks), &mut again).unwrap()
    );
    let notes = report
        .notes()
        .iter()
        .map(|n| format!("{:?} {}", n.loss, n.path))
        .collect();
    (String::from_utf8(body.to_vec()).unwrap(), notes)
}

/// A request as Anthropic's front reads it.
fn foreign(messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        dialect: Some("anthropic"),
        ..ChatRequest::new("alias", messages)
    }
}

fn user() -> Vec<Message> {
    vec![Message::user("hi")]
}

fn schema() -> Json {
    Json::parse(r#"{"type":"object","properties":{"b":{"type":"string"},"a":{"default":1.0}}}"#)
        .unwrap()
}

fn has(text: &str, part: &str) {
    assert!(text.contains(part), "{part} is not in {text}");
}

fn hasnt(text: &str, part: &str) {
    assert!(!text.contains(part), "{part} is in {text}");
}

#[test]
fn every_field_of_a_caller_goes_out_as_it_came() {
    let body = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}},{"type":"image_url","image_url":{"url":"https://a/b.png"}},{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}},{"type":"file","file":{"file_data":"data:application/pdf;base64,AA==","filename":"f.pdf"}},{"type":"file","file":{"file_id":"file-1"}},{"type":"video_url","video_url":{"url":"https://v"}}],"name":"ann"},{"role":"assistant","content":null,"tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{\"b\":1.0,\"a\":12345678901234567890}"}},{"id":"y","type":"custom","custom":{"name":"sh","input":"ls"}}]},{"role":"tool","tool_call_id":"y","content":"one"},{"role":"tool","tool_call_id":"x","content":"two"}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"z":1.0,"a":[ ]},"strict":true}},{"type":"custom","custom":{"name":"sh","format":{"type":"text"}}},{"type":"openrouter:web_search","parameters":{}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":true,"max_completion_tokens":9,"reasoning_effort":"high","temperature":0.5,"top_p":0.9,"top_k":3,"frequency_penalty":0.1,"presence_penalty":-0.1,"seed":-4,"stop":["a"],"n":2,"logprobs":true,"top_logprobs":2,"response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":{"q":1e2},"strict":true}},"user":"u","service_tier":"flex","prompt_cache_key":"k","stream":true,"stream_options":{"include_usage":true},"logit_bias":{"1":2},"metadata":{"a":"b"}}"#;
    let request = decode(body.as_bytes()).unwrap();
    let (out, notes) = written(&request, "m", &OPENAI);
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&out), value(body));
    assert!(notes.is_empty(), "{notes:?}");
    // Numbers and the order of members are kept, not only the value.
    has(&out, r#"{\"b\":1.0,\"a\":12345678901234567890}"#);
    has(&out, r#""parameters":{"z":1.0,"a":[ ]}"#);
}

#[test]
fn what_is_wrong_is_named() {
    for (body, param) in [
        (r#"{"messages":[]}"#, "model"),
        (r#"{"model":"m"}"#, "messages"),
        (r#"{"model":"m","messages":{}}"#, "messages"),
        (r#"{"model":"m","messages":[]}"#, "messages"),
        (r#"{"model":"m","messages":[7]}"#, "messages[0]"),
        (
            r#"{"model":"m","messages":[{"role":"boss","content":""}]}"#,
            "messages[0].role",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user"}]}"#,
            "messages[0].content",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":7}]}"#,
            "messages[0].content",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"hologram"}]}]}"#,
            "messages[0].content[0].type",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":1}}]}]}"#,
            "messages[0].content[0].image_url.url",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}}]}]}"#,
            "messages[0].content[0].image_url.url",
        ),
        (
            r#"{"model":"m","messages":[{"role":"tool","content":""}]}"#,
            "messages[0].tool_call_id",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":"a"}],"temperature":"hot"}"#,
            "temperature",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function"}]}"#,
            "tools[0].function",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":"a"}],"tool_choice":"maybe"}"#,
            "tool_choice",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":"a"}],"response_format":{"type":"xml"}}"#,
            "response_format.type",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":-1}"#,
            "max_tokens",
        ),
    ] {
        let error = decode(body.as_bytes()).unwrap_err();
        assert_eq!(
            (error.kind(), error.param()),
            (ErrorKind::InvalidRequest, Some(param)),
            "{body}"
        );
    }
}

#[test]
fn functions_of_the_time_before_are_paired() {
    // Mapping case 25.
    let request = decode(br#"{"model":"m","messages":[{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"r"},{"role":"assistant","function_call":{"name":"f","arguments":""}},{"role":"function","name":"f","content":"s"}],"functions":[{"name":"f","parameters":{}}],"function_call":{"name":"f"}}"#).unwrap();
    let (out, _) = written(&request, "m", &OPENAI);
    assert_eq!(
        out,
        r#"{"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"call_fn_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_fn_1","content":"r"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_fn_2","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_fn_2","content":"s"}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":{"type":"function","function":{"name":"f"}}}"#
    );
}

#[test]
fn extensions_are_read() {
    let request = decode(br#"{"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}]},{"role":"user","content":"u","cache_control":{"type":"ephemeral"}},{"role":"assistant","content":"a","reasoning_content":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"s","format":"anthropic-claude-v1"},{"type":"reasoning.encrypted","data":"d"}]},{"role":"assistant","content":"b","reasoning":"own"},{"role":"user","content":"c"}],"thinking":{"type":"enabled","budget_tokens":2000},"top_k":4,"odd":1}"#).unwrap();
    let cache = |at: usize| match &request.messages[at].content[0] {
        Content::Text { cache, .. } => cache.clone().unwrap().ttl,
        other => panic!("{other:?}"),
    };
    assert_eq!((cache(0), cache(1)), (Some("1h".into()), None));
    let thought = |at: usize, j: usize| match &request.messages[at].content[j] {
        Content::Thinking(thinking) => thinking.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(thought(2, 0).signature.as_deref(), Some("s"));
    assert_eq!(thought(2, 0).origin, Some("anthropic"));
    assert_eq!(thought(2, 1).redacted.as_deref(), Some("d"));
    assert_eq!(
        (thought(3, 0).text.as_str(), thought(3, 0).origin),
        ("own", Some("openai-chat"))
    );
    let reasoning = request.reasoning.clone().unwrap();
    assert_eq!(
        (reasoning.enabled, reasoning.budget),
        (Some(true), Some(2000))
    );
    assert_eq!(request.extra.get("odd").unwrap().as_str(), "1");
    assert_eq!(request.top_k, Some(4));
    assert!(!request.include_usage);
}

#[test]
fn system_blocks_attribution_and_cache_marks() {
    // Mapping case 28.
    let mut marked = Content::text("two");
    if let Content::Text { cache, .. } = &mut marked {
        *cache = Some(CacheMarker::new(Some("1h".into())));
    }
    let system = vec![
        Content::text("x-anthropic-billing-header: cc"),
        Content::text("one"),
        marked,
    ];
    let request = foreign(vec![
        Message::new(Role::System, system),
        Message::user("hi"),
    ]);
    let (out, notes) = written(&request, "gpt-5.6", &OPENAI);
    has(
        &out,
        r#""content":[{"type":"text","text":"one"},{"type":"text","text":"two","prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}}]"#,
    );
    assert_eq!(notes, ["Dropped system[0]"]);
    let plain = Quirks {
        content_parts: false,
        ..Quirks::NONE
    };
    let (out, notes) = written(&request, "llama", &plain);
    has(&out, r#"{"role":"system","content":"one\n\ntwo"}"#);
    assert_eq!(notes, ["Dropped system[0]", "Dropped cache_control"]);
}

fn image() -> Content {
    Content::Image(Media::new(Source::Base64 {
        media_type: "image/png".into(),
        data: "AA==".into(),
    }))
}

#[test]
fn tool_results_come_first_and_their_media_after_all_of_them() {
    // Mapping cases 29 and 30.
    let failed = ToolResult {
        is_error: true,
        ..ToolResult::new("t1", vec![Content::text("oops")])
    };
    let shown = ToolResult::new("t2", vec![Content::text("see"), image()]);
    let calls = ["t1", "t2", "t3"].map(|id| Content::ToolCall(ToolCall::new(id, "f", "{}")));
    let request = foreign(vec![
        Message::new(Role::Assistant, calls.to_vec()),
        Message::new(Role::Tool, vec![Content::ToolResult(shown)]),
        Message::new(
            Role::Tool,
            vec![
                Content::ToolResult(failed),
                Content::ToolResult(ToolResult::new("t3", vec![])),
            ],
        ),
        Message::user("x"),
    ]);
    let plain = Quirks {
        content_parts: false,
        ..Quirks::NONE
    };
    let (out, _) = written(&request, "m", &plain);
    has(
        &out,
        r#"},{"role":"tool","tool_call_id":"t2","content":"see\n[image: see the next user message]"},{"role":"tool","tool_call_id":"t1","content":"[tool error] oops"},{"role":"tool","tool_call_id":"t3","content":""},{"role":"user","content":[{"type":"text","text":"[image from the tool result t2]"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]},{"role":"user","content":"x"}]}"#,
    );
}

#[test]
fn documents() {
    let pdf = |source| {
        Message::new(
            Role::User,
            vec![Content::Document(Media {
                title: Some("t".into()),
                ..Media::new(source)
            })],
        )
    };
    let base64 = Source::Base64 {
        media_type: "application/pdf".into(),
        data: "AA==".into(),
    };
    let (out, _) = written(&foreign(vec![pdf(base64.clone())]), "m", &OPENAI);
    has(
        &out,
        r#"{"type":"file","file":{"file_data":"data:application/pdf;base64,AA==","filename":"t"}}"#,
    );
    let (out, _) = written(
        &foreign(vec![pdf(Source::Text("body".into()))]),
        "m",
        &Quirks::NONE,
    );
    has(&out, r#"{"role":"user","content":"t\n\nbody"}"#);
    for source in [
        base64,
        Source::File("f".into()),
        Source::Url("https://a".into()),
    ] {
        let request = foreign(vec![pdf(source)]);
        let error = encode(
            &request,
            &Target::new("m", &Quirks::NONE),
            &mut Fidelity::new(),
        )
        .unwrap_err();
        assert_eq!(
            (error.kind(), error.param()),
            (ErrorKind::Unsupported, Some("messages[0].content[0]"))
        );
    }
}

fn turn_with_thoughts() -> ChatRequest {
    let thought = |text: &str, origin| {
        Content::Thinking(Thinking {
            text: text.into(),
            signature: (origin == "anthropic").then(|| "s".into()),
            redacted: None,
            origin: Some(origin),
        })
    };
    let turn = vec![
        thought("claude", "anthropic"),
        thought("own", "openai-chat"),
        Content::ToolCall(ToolCall::new("call:a", "f", "")),
    ];
    let result = Content::ToolResult(ToolResult::new("call:a", vec![]));
    foreign(vec![
        Message::new(Role::Assistant, turn),
        Message::new(Role::Tool, vec![result]),
    ])
}

#[test]
fn reasoning_goes_back_to_whoever_made_it() {
    // Mapping cases 31 and 32.
    let with = |reasoning| Quirks {
        reasoning,
        ..Quirks::NONE
    };
    let mut request = turn_with_thoughts();
    let (out, notes) = written(&request, "m", &with(ReasoningField::ContentRequired));
    has(
        &out,
        r#""content":null,"reasoning_content":"own","tool_calls""#,
    );
    assert_eq!(notes, ["Dropped messages[0].content[0]"]);
    let (out, _) = written(&request, "m", &with(ReasoningField::Reasoning));
    has(&out, r#""reasoning":"own""#);
    let (out, notes) = written(&request, "m", &with(ReasoningField::Details));
    has(
        &out,
        r#""reasoning":"own","reasoning_details":[{"type":"reasoning.text","text":"claude","signature":"s","format":"anthropic-claude-v1","index":0}]"#,
    );
    assert!(notes.is_empty());
    hasnt(
        &written(&request, "m", &with(ReasoningField::None)).0,
        "own",
    );
    request.messages[0].content.drain(..2);
    has(
        &written(&request, "m", &with(ReasoningField::ContentRequired)).0,
        r#""reasoning_content":"""#,
    );
    hasnt(
        &written(&request, "m", &with(ReasoningField::Content)).0,
        "reasoning_content",
    );
}

#[test]
fn a_vendor_that_refuses_what_it_does_not_know() {
    // Mapping cases 33 and 23.
    let mut request = turn_with_thoughts();
    request.messages.push(Message {
        name: Some("ann".into()),
        ..Message::user("x")
    });
    request.user = Some("u".into());
    request.stream = true;
    request.tool_choice = Some(ToolChoice::Required);
    let (out, _) = written(&request, "mistral-large", &MISTRAL);
    for absent in [
        "reasoning",
        "name\":\"ann",
        "tools\":",
        "user\":",
        "stream_options",
        "tool_choice",
    ] {
        hasnt(&out, absent);
    }
    let ids: Vec<&str> = out
        .split("id\":\"")
        .skip(1)
        .map(|rest| &rest[..9])
        .collect();
    assert_eq!((ids.len(), ids[0]), (2, ids[1]));
    assert!(ids[0].bytes().all(|b| b.is_ascii_alphanumeric()));
    let (out, _) = written(&request, "m", &Quirks::NONE);
    let id = out
        .split("\"id\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    has(&out, &format!(r#""tool_call_id":"{id}""#));
}

#[test]
fn long_names_are_the_same_everywhere() {
    // Mapping case 34.
    let long = "n".repeat(80);
    let mut request = foreign(vec![Message::new(
        Role::Assistant,
        vec![Content::ToolCall(ToolCall::new("x", &long, "{}"))],
    )]);
    request.tools = vec![Tool::function(&long, "d", schema())];
    request.tool_choice = Some(ToolChoice::Tool { name: long.clone() });
    let (out, _) = written(&request, "m", &OPENAI);
    let names: Vec<&str> = out
        .split("name\":\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(names.len(), 3);
    assert!(
        names
            .iter()
            .all(|name| *name == names[0] && name.len() <= 64)
    );
}

fn hosted() -> Tool {
    Tool {
        kind: ToolKind::Hosted {
            dialect: "anthropic",
            json: Json::empty_object(),
        },
        ..Tool::function("web_search", "", Json::null())
    }
}

#[test]
fn hosted_tools_are_never_functions() {
    // Mapping case 35.
    let mut request = foreign(user());
    request.tools = vec![hosted()];
    request.tool_choice = Some(ToolChoice::Required);
    let (out, notes) = written(&request, "gpt-4o", &OPENAI);
    assert_eq!(
        out,
        r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#
    );
    assert_eq!(notes, ["Dropped tools[0]", "Dropped tool_choice"]);
}

#[test]
fn choices_among_tools() {
    // Mapping case 36.
    let mut request = foreign(user());
    request.tools = vec![
        Tool::function("x", "", schema()),
        Tool::function("y", "", schema()),
    ];
    request.tool_choice = Some(ToolChoice::Required);
    request.parallel_tool_calls = Some(false);
    let (out, _) = written(&request, "m", &OPENAI);
    has(
        &out,
        r#""tool_choice":"required","parallel_tool_calls":false"#,
    );
    has(
        &written(&request, "m", &MISTRAL).0,
        r#""tool_choice":"any""#,
    );
    request.tool_choice = Some(ToolChoice::Allowed {
        required: true,
        names: vec!["x".into()],
    });
    let (out, _) = written(&request, "gpt-4o", &OPENAI);
    has(
        &out,
        r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"x"}}]}}"#,
    );
    let (out, _) = written(&request, "llama", &Quirks::NONE);
    has(&out, r#""tool_choice":"required""#);
    hasnt(&out, r#""name":"y""#);
}

#[test]
fn tools_and_thinking_on_newer_models() {
    // Mapping case 37.
    let mut request = foreign(user());
    request.tools = vec![Tool::function("x", "", schema())];
    let (out, notes) = written(&request, "gpt-5.6", &OPENAI);
    has(&out, r#""reasoning_effort":"none""#);
    assert_eq!(notes, ["Changed reasoning_effort"]);
    hasnt(&written(&request, "gpt-5.4", &OPENAI).0, "reasoning_effort");
    request.reasoning = Some(Reasoning {
        effort: Some(Effort::High),
        ..Reasoning::default()
    });
    has(
        &written(&request, "gpt-5.4", &OPENAI).0,
        r#""reasoning_effort":"none""#,
    );
    has(
        &written(&request, "gpt-5.1", &OPENAI).0,
        r#""reasoning_effort":"high""#,
    );
}

#[test]
fn how_hard_to_think() {
    let with = |reasoning: Reasoning, model: &str, quirks: &Quirks| {
        let request = ChatRequest {
            reasoning: Some(reasoning),
            ..foreign(user())
        };
        written(&request, model, quirks)
    };
    let budget = |budget| Reasoning {
        budget: Some(budget),
        enabled: Some(true),
        ..Reasoning::default()
    };
    let on = || Reasoning {
        enabled: Some(true),
        ..Reasoning::default()
    };
    let off = || Reasoning {
        enabled: Some(false),
        ..Reasoning::default()
    };
    has(
        &with(budget(2048), "gpt-5", &OPENAI).0,
        r#""reasoning_effort":"medium""#,
    );
    has(&with(on(), "o3", &OPENAI).0, r#""reasoning_effort":"high""#);
    let (out, notes) = with(off(), "gpt-5", &OPENAI);
    has(&out, r#""reasoning_effort":"minimal""#);
    assert_eq!(notes, ["Changed reasoning_effort"]);
    // Mapping case 111: a model that does not think is not told to.
    let (out, notes) = with(on(), "gpt-4o", &OPENAI);
    hasnt(&out, "reasoning");
    assert_eq!(notes, ["Dropped reasoning_effort"]);
    has(
        &with(off(), "deepseek-chat", &OPENAI).0,
        r#""thinking":{"type":"disabled"}"#,
    );
    let router = Quirks {
        reasoning: ReasoningField::Details,
        ..Quirks::NONE
    };
    has(
        &with(budget(5), "a/b", &router).0,
        r#""reasoning":{"max_tokens":5}"#,
    );
}

#[test]
fn limits_and_sampling() {
    // Mapping cases 38 and 39.
    let mut request = foreign(user());
    request.max_tokens = Some(0);
    request.stop = ["a", "b", "", "c", "d", "e"].map(String::from).to_vec();
    request.top_k = Some(3);
    request.temperature = Some(0.5);
    request.service_tier = Some("standard_only".into());
    request.user = Some(r#"{"session_id":"s-1"}"#.into());
    request.extra.insert("container", Json::null());
    let (out, notes) = written(&request, "gpt-4o", &OPENAI);
    has(
        &out,
        r#""max_completion_tokens":1,"temperature":0.5,"stop":["a","b","c","d"]"#,
    );
    has(
        &out,
        r#""prompt_cache_key":"s-1","service_tier":"default"}"#,
    );
    assert_eq!(
        notes,
        [
            "Changed max_tokens",
            "Dropped top_k",
            "Changed stop",
            "Changed user",
            "Dropped container"
        ]
    );
    has(
        &written(&request, "m", &Quirks::NONE).0,
        r#""max_tokens":1"#,
    );
    hasnt(&written(&request, "gpt-5", &OPENAI).0, "temperature");
    request.max_tokens = Some(99);
    let target = Target::new("m", &Quirks::NONE).with_max_output(Some(50));
    let body = encode(&request, &target, &mut Fidelity::new()).unwrap();
    has(std::str::from_utf8(&body).unwrap(), r#""max_tokens":50"#);
}

#[test]
fn shapes_of_answers() {
    let with = |schema: &str| {
        let mut request = foreign(user());
        request.response_format = Some(ResponseFormat::JsonSchema {
            name: None,
            description: None,
            schema: Json::parse(schema).unwrap(),
            strict: None,
        });
        written(&request, "m", &OPENAI).0
    };
    has(
        &with(r#"{"type":"object","properties":{"a":{}}}"#),
        r#""strict":false"#,
    );
    has(
        &with(
            r#"{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false}"#,
        ),
        r#""name":"structured_output","schema":{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false},"strict":true"#,
    );
}

#[test]
fn text_after_a_call_stands_before_it() {
    let turn = vec![
        Content::ToolCall(ToolCall::new("x", "f", "{}")),
        Content::text("after"),
    ];
    let (out, notes) = written(
        &foreign(vec![
            Message::new(Role::Assistant, turn),
            Message::new(
                Role::Tool,
                vec![Content::ToolResult(ToolResult::new("x", vec![]))],
            ),
        ]),
        "m",
        &OPENAI,
    );
    has(
        &out,
        r#"{"role":"assistant","content":"after","tool_calls""#,
    );
    assert_eq!(notes, ["Changed messages[0].content[1]"]);
}

prop_compose! {
    fn messages()(turns in prop::collection::vec((0..4_u8, "\\PC{0,8}", "[a-zA-Z0-9_-]{1,12}", prop::collection::vec("\\PC{1,5}", 0..3)), 1..6)) -> Vec<serde_json::Value> {
        use serde_json::json;
        turns.into_iter().map(|(kind, text, id, more)| match kind {
            0 => json!({"role":"system","content":text}),
            1 if more.len() > 1 => json!({"role":"user","content":more.iter().map(|t| json!({"type":"text","text":t})).collect::<Vec<_>>()}),
            1 => json!({"role":"user","content":text,"name":id}),
            2 if more.is_empty() => json!({"role":"assistant","content":text}),
            2 => json!({"role":"assistant","content":if text.is_empty() { json!(null) } else { json!(text) },"tool_calls":more.iter().map(|t| json!({"id":id,"type":"function","function":{"name":id,"arguments":json!({"t":t}).to_string()}})).collect::<Vec<_>>()}),
            _ => json!({"role":"tool","tool_call_id":id,"content":text}),
        }).collect()
    }
}

proptest! {
    #[test]
    fn what_a_caller_says_keeps_its_meaning(messages in messages(), tools in prop::collection::vec("[a-z]{1,9}", 1..3)) {
        let body = serde_json::json!({
            "model": "m",
            "messages": messages,
            "tools": tools.iter().map(|name| serde_json::json!({"type":"function","function":{"name":name,"parameters":{"type":"object"}}})).collect::<Vec<_>>(),
        });
        let request = decode(body.to_string().as_bytes()).unwrap();
        let (out, notes) = written(&request, "m", &OPENAI);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), body);
        prop_assert!(notes.is_empty());
        prop_assert_eq!(decode(out.as_bytes()).unwrap(), request);
    }
}
