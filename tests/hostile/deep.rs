//! What is nested 100,000 levels deep, or repeated without end: refused or read, on a small stack, in linear time. None of these
//! tests looks at a clock: with work that grows by the square they would not end.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use trunkline::{
    Json, ModelRequest,
    chat::{EventSink, Fidelity},
    config::Config,
    dialect::{
        Asked, Dialect, FrameError, Observed, Target, anthropic::Anthropic, bedrock::Converse,
        classify, cohere::Cohere, gemini::Gemini, openai_chat::OpenAiChat,
        openai_completions::OpenAiCompletions, openai_responses::OpenAiResponses,
    },
    provider::presets,
    request::{Operation, Payload},
    wire::{Frame, SseSplitter},
};

const DIALECTS: [&dyn Dialect; 7] = [
    &OpenAiChat,
    &OpenAiCompletions,
    &OpenAiResponses,
    &Anthropic,
    &Gemini,
    &Converse,
    &Cohere,
];

const DEEP: usize = 100_000;

/// Enough to overflow a small stack; every place with every value is many bodies.
const RATHER_DEEP: usize = 1_000;

/// Runs on a stack that recursion without end would overflow at once.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(384 << 10);
    thread.spawn(work).unwrap().join().unwrap();
}

/// `{"a":{"a":…}}` and the like: as it begins and as it ends, once for every level.
fn nest(levels: usize, open: &str, core: &str, close: &str) -> String {
    format!("{}{core}{}", open.repeat(levels), close.repeat(levels))
}

/// Values in which everything is nested, and texts that never end.
fn nests(levels: usize) -> Vec<String> {
    let nest = |open: &str, core: &str, close: &str| nest(levels, open, core, close);
    let text = |text: &str| serde_json::to_string(text).unwrap();
    let json = nest(r#"{"a":["#, "", "]}");
    vec![
        nest("[", "", "]"),
        json.clone(),
        "[".repeat(levels),
        r#"{"a":"#.repeat(levels),
        // As the arguments of calls are written.
        text(&json),
        text(&"[".repeat(levels)),
        // Blocks that hold blocks.
        nest(
            r#"[{"type":"tool_result","tool_use_id":"t","content":"#,
            r#""x""#,
            "}]",
        ),
        nest(
            r#"[{"type":"document","source":{"type":"content","content":"#,
            r#""x""#,
            "}}]",
        ),
        nest(
            r#"[{"type":"web_search_tool_result","tool_use_id":"t","content":"#,
            r#""x""#,
            "}]",
        ),
        nest(r#"[{"functionResponse":{"name":"f","parts":"#, "[]", "}}]"),
        nest(r#"[{"toolResult":{"toolUseId":"t","content":"#, "[]", "}}]"),
        // Schemas, by every word that leads down.
        nest(r#"{"type":"object","properties":{"p":"#, "{}", "}}"),
        nest(r#"{"type":"array","items":"#, "{}", "}"),
        nest(r#"{"anyOf":["#, "{}", "]}"),
        nest(r##"{"$ref":"#/$defs/x","$defs":{"x":"##, "{}", "}}"),
        format!(r#"{{{}"z":1}}"#, members(levels)),
        format!("[{}1]", "{},".repeat(levels)),
    ]
}

/// So many members of different names.
fn members(count: usize) -> String {
    (0..count).map(|n| format!(r#""member{n}":{n},"#)).collect()
}

/// Bodies of requests with the value in every place that somebody reads.
fn requests(value: &str) -> Vec<String> {
    let chat = |message: &str| {
        format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"a"}},{message}]}}"#
        )
    };
    vec![
        value.to_owned(),
        format!(r#"{{"model":"m","messages":{value}}}"#),
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"a"}}],"zzz":{value}}}"#),
        format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"a"}}],"system":{value}}}"#
        ),
        chat(&format!(r#"{{"role":"user","content":{value}}}"#)),
        chat(&format!(r#"{{"role":"user","content":"a","zzz":{value}}}"#)),
        chat(&format!(
            r#"{{"role":"assistant","tool_calls":[{{"id":"t","type":"function","function":{{"name":"f","arguments":{value}}}}}]}},{{"role":"tool","tool_call_id":"t","content":{value}}}"#
        )),
        chat(&format!(
            r#"{{"role":"assistant","content":[{{"type":"tool_use","id":"t","name":"f","input":{value}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t","content":{value}}}]}}"#
        )),
        format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"a"}}],"tools":[{{"type":"function","function":{{"name":"f","parameters":{value}}}}},{{"name":"g","input_schema":{value}}}],"response_format":{{"type":"json_schema","json_schema":{{"name":"n","schema":{value}}}}}}}"#
        ),
        format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"a"}}],"tools":[{{"name":"g","input_schema":{value}}}],"output_config":{{"format":{{"type":"json_schema","schema":{value}}}}}}}"#
        ),
        format!(r#"{{"model":"m","input":{value}}}"#),
        format!(
            r#"{{"model":"m","input":[{{"type":"message","role":"user","content":{value}}},{{"type":"function_call","call_id":"t","name":"f","arguments":{value}}},{{"type":"function_call_output","call_id":"t","output":{value}}}],"tools":[{{"type":"function","name":"f","parameters":{value}}}],"text":{{"format":{value}}}}}"#
        ),
        format!(r#"{{"contents":[{{"role":"user","parts":{value}}}],"tools":{value}}}"#),
        format!(
            r#"{{"contents":[{{"role":"user","parts":[{{"functionCall":{{"name":"f","args":{value}}}}},{{"functionResponse":{{"name":"f","response":{value}}}}}]}}],"tools":[{{"functionDeclarations":[{{"name":"f","parameters":{value},"parametersJsonSchema":{value}}}]}}],"generationConfig":{{"responseSchema":{value},"responseJsonSchema":{value}}}}}"#
        ),
    ]
}

/// Bodies of answers, and the data of events, with the value in every place that somebody reads.
fn answers(value: &str) -> Vec<String> {
    vec![
        value.to_owned(),
        format!(r#"{{"error":{value}}}"#),
        format!(r#"{{"error":{{"message":{value},"code":{value},"details":{value}}}}}"#),
        format!(
            r#"{{"id":"i","model":"m","usage":{value},"choices":[{{"message":{{"role":"assistant","content":{value}}}}}],"x":{value}}}"#
        ),
        format!(
            r#"{{"id":"i","choices":[{{"index":0,"delta":{{"content":"a","tool_calls":[{{"index":0,"id":"t","function":{{"name":"f","arguments":{value}}}}}]}},"message":{{"content":null,"tool_calls":[{{"id":"t","type":"function","function":{{"name":"f","arguments":{value}}}}}]}},"logprobs":{value}}}]}}"#
        ),
        format!(
            r#"{{"id":"i","type":"message","role":"assistant","stop_reason":"end_turn","content":{value},"usage":{value}}}"#
        ),
        format!(
            r#"{{"id":"i","type":"message","role":"assistant","stop_reason":"tool_use","content":[{{"type":"tool_use","id":"t","name":"f","input":{value}}},{{"type":"text","text":"a","citations":{value}}}]}}"#
        ),
        format!(r#"{{"type":"message_start","message":{{"id":"i","usage":{value}}}}}"#),
        format!(
            r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"web_search_tool_result","tool_use_id":"t","content":{value}}}}}"#
        ),
        format!(r#"{{"type":"content_block_delta","index":0,"delta":{value}}}"#),
        format!(r#"{{"id":"r","object":"response","status":"completed","output":{value}}}"#),
        format!(
            r#"{{"type":"response.completed","response":{{"id":"r","status":"completed","output":[{{"type":"message","content":{value}}},{{"type":"function_call","call_id":"t","name":"f","arguments":{value}}}],"usage":{value}}}}}"#
        ),
        format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{value}}}"#),
        format!(
            r#"{{"candidates":[{{"content":{{"role":"model","parts":{value}}},"groundingMetadata":{value},"finishReason":"STOP"}}],"usageMetadata":{value}}}"#
        ),
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"f","args":{value},"partialArgs":{value}}}}}]}}}}]}}"#
        ),
        format!(
            r#"{{"output":{{"message":{{"role":"assistant","content":{value}}}}},"stopReason":"end_turn","usage":{value},"trace":{value}}}"#
        ),
        format!(
            r#"{{"output":{{"message":{{"role":"assistant","content":[{{"toolUse":{{"toolUseId":"t","name":"f","input":{value}}}}}]}}}},"stopReason":"tool_use"}}"#
        ),
        format!(
            r#"{{"message":{{"role":"assistant","content":{value},"tool_calls":{value}}},"usage":{value}}}"#
        ),
    ]
}

#[test]
fn requests_of_any_depth_are_read_or_refused() {
    on_a_small_stack(|| {
        let quirks = &presets().first().unwrap().quirks;
        for value in nests(RATHER_DEEP) {
            for body in requests(&value) {
                for front in DIALECTS {
                    request(front, &body, quirks);
                }
            }
        }
    });
}

fn request(front: &'static dyn Dialect, body: &str, quirks: &trunkline::dialect::Quirks) {
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    if let Ok(payload) = Payload::json(front, bytes.clone()) {
        let _ = payload.renamed("another");
        let request = ModelRequest::new("m", Operation::Chat, payload);
        let _ = request.payload.chat();
    }
    let Some(half) = front.front() else { return };
    if let Some(counter) = front.counter() {
        let _ = counter.conversation(body.as_bytes());
    }
    match half.decode_request(&bytes) {
        Ok(chat) => {
            // One after another, lest every body is written seven times.
            for vendor in DIALECTS.into_iter().skip(body.len() % 7).take(1) {
                let target = Target::new("claude-opus-4-5", quirks);
                let _ = vendor.encode_request(&chat, &target, &mut Fidelity::new());
            }
        }
        Err(error) => {
            let message = error.message();
            assert!(message.len() < 1_000, "{} characters", message.len());
            let told = half.encode_error(&error);
            assert!(told.len() < 4_000, "{} bytes", told.len());
        }
    }
}

#[test]
fn answers_of_any_depth_are_read_or_refused() {
    on_a_small_stack(|| {
        for value in nests(RATHER_DEEP) {
            for body in answers(&value) {
                for vendor in DIALECTS {
                    answer(vendor, &body);
                }
                let text = body.replace('\n', "");
                let mut splitter = SseSplitter::new();
                splitter.push(Bytes::from(format!("data: {text}\n\n")));
                assert!(splitter.next_frame().unwrap().is_some());
            }
        }
    });
}

fn answer(vendor: &'static dyn Dialect, body: &str) {
    for status in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        let _ = classify("x", status, &HeaderMap::new(), body.as_bytes());
    }
    let _ = vendor.usage(body.as_bytes());
    if let Some(counter) = vendor.counter() {
        let _ = counter.read(body.as_bytes());
    }
    if let Ok(chat) = vendor.decode_response(body.as_bytes()) {
        for front in DIALECTS.into_iter().skip(body.len() % 7).take(1) {
            let Some(front) = front.front() else { continue };
            let _ = front.encode_response(&chat, &Asked::new("m", true, 0));
        }
    }
    let names = [None, Some("content_block_start"), Some("contentBlockDelta")];
    for name in names {
        let frame = Frame::new(name, body.to_owned());
        let mut seen = Observed::default();
        let _ = vendor.observer().observe(&frame, &mut seen);
        let (mut decoder, mut sink) = (vendor.decoder(), EventSink::new());
        match decoder.decode(&frame, &mut sink) {
            Ok(()) | Err(FrameError::Unknown) => while sink.next_event().is_some() {},
            Err(_) => {}
        }
    }
}

#[test]
fn depth_costs_no_more_than_length() {
    // At 100,000 levels, work for each level that looks at all levels below would take hours.
    on_a_small_stack(|| {
        let quirks = &presets().first().unwrap().quirks;
        for (place, value) in nests(DEEP).into_iter().enumerate() {
            // Each in one place for every dialect.
            let (asked, told) = (requests(&value), answers(&value));
            let dialect = DIALECTS[place % DIALECTS.len()];
            request(dialect, &asked[place % asked.len()], quirks);
            answer(dialect, &told[place % told.len()]);
        }
        let block = r#"[{"type":"tool_result","tool_use_id":"t","content":"#;
        let blocks = nest(DEEP, block, "[]", "}]");
        let body = format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":{blocks}}}]}}"#
        );
        let front = Anthropic.front().unwrap();
        let error = front.decode_request(body.as_bytes()).unwrap_err();
        assert!(error.message().contains("nested too deeply"), "{error}");
    });
}

#[test]
fn many_members_cost_each_its_own_reading_only() {
    // Two million: looked for one by one, they would take hours.
    let many = members(2_000_000);
    let body = format!(
        r#"{{{many}"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"a"}}]}}"#
    );
    let chat = OpenAiChat.front().unwrap();
    let request = chat.decode_request(body.as_bytes()).unwrap();
    assert_eq!(request.extra.iter().count(), 2_000_000);
    let answer = format!(r#"{{{many}"choices":[{{"message":{{"content":"a"}}}}]}}"#);
    assert!(OpenAiChat.decode_response(answer.as_bytes()).is_ok());
}

#[test]
fn json_of_any_depth_is_kept_as_it_came() {
    on_a_small_stack(|| {
        let deep = nest(DEEP, r#"{"a":["#, "1", "]}");
        let json = Json::parse(&deep).unwrap();
        assert_eq!(serde_json::to_string(&json).unwrap(), deep);
        assert!(Json::parse(&deep[1..]).is_err());
    });
}

#[test]
fn a_file_of_any_depth_is_refused_where_it_is_wrong() {
    on_a_small_stack(|| {
        let long = "x".repeat(1 << 20);
        let tenfold = |from: usize| {
            let name = |n: usize| format!("*a{n}");
            let each = [(); 10].map(|()| name(from)).join(", ");
            format!("a{}: &a{} [{each}]\n", from + 1, from + 1)
        };
        let bomb: String = (0..9).map(tenfold).collect();
        for text in [
            "[".repeat(DEEP),
            "{".repeat(DEEP),
            "{a: ".repeat(DEEP),
            "- ".repeat(DEEP),
            "? ".repeat(DEEP),
            (0..2_000)
                .map(|n| format!("{}a:\n", " ".repeat(n)))
                .collect(),
            format!("a0: &a0 x\n{bomb}"),
            // One long text a hundred thousand times.
            format!("a: &a {long}\nb: [{}]\n", "*a,".repeat(DEEP)),
            format!("a: &a {{b: *a}}\n{}", "c: *a\n".repeat(DEEP)),
            "*".repeat(DEEP),
            "&a ".repeat(DEEP),
            "!".repeat(DEEP),
            format!("a: \"{}", "\\".repeat(DEEP)),
            format!("a: |\n{}", " \n".repeat(DEEP)),
            "%".repeat(DEEP),
            "---\n".repeat(DEEP),
            format!("models: {{{}}}", "a: b,".repeat(DEEP)),
        ] {
            let problems = Config::from_yaml(&text, &|_| None).unwrap_err();
            assert!(!problems.to_string().is_empty());
        }
    });
}
