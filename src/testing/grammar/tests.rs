//! A grammar is worth what it refuses: answers, streams and requests that are wrong, each named by what is wrong with it. Every one
//! is made from a right one by one edit.

use super::*;

const CHAT: &str = r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}

data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":null}]}

data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"finish_reason":null}]}

data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}}

data: [DONE]

"#;

const ANTHROPIC: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":2,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":3}}

event: message_stop
data: {"type":"message_stop"}

"#;

const GEMINI: &str = r#"data: {"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"index":0}],"modelVersion":"m","responseId":"r"}

data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":3,"totalTokenCount":5},"modelVersion":"m","responseId":"r"}

"#;

const LEGACY: &str = r#"data: {"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"text":"Hi","index":0,"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":null}

data: [DONE]

"#;

/// Head and tail of an answer, between which stand its status and output.
const HEAD: &str = r#"{"id":"resp_1","object":"response","created_at":1,"error":null,"incomplete_details":null,"instructions":null,"model":"m","parallel_tool_calls":true,"tool_choice":"auto","tools":[],"temperature":null,"top_p":null,"metadata":{}"#;

const MESSAGE: &str = r#"{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","annotations":[],"text":"Hi"}]}"#;

fn responses() -> String {
    let events = [
        ("response.created", format!(r#""response":{HEAD},"status":"in_progress","output":[]}}"#)),
        ("response.output_item.added", r#""output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}"#.to_owned()),
        ("response.content_part.added", r#""item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],"text":""}"#.to_owned()),
        ("response.output_text.delta", r#""item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hi""#.to_owned()),
        ("response.output_text.done", r#""item_id":"msg_1","output_index":0,"content_index":0,"text":"Hi""#.to_owned()),
        ("response.content_part.done", r#""item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],"text":"Hi"}"#.to_owned()),
        ("response.output_item.done", format!(r#""output_index":0,"item":{MESSAGE}"#)),
        ("response.completed", format!(r#""response":{HEAD},"status":"completed","output":[{MESSAGE}]}}"#)),
    ];
    let frames = events.iter().enumerate().map(|(number, (kind, rest))| {
        format!(
            "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{number},{rest}}}\n\n"
        )
    });
    frames.collect()
}

/// The frame numbered `at` left out.
fn without(stream: &str, at: usize) -> String {
    let frames = stream.split_inclusive("\n\n").enumerate();
    frames
        .filter(|(n, _)| *n != at)
        .map(|(_, frame)| frame)
        .collect()
}

fn assert_found(found: Option<Vec<Violation>>, wanted: &str) {
    let found: Vec<String> = found.unwrap().iter().map(ToString::to_string).collect();
    assert!(
        found.iter().any(|f| f.contains(wanted)),
        "{wanted}: {found:#?}"
    );
}

#[test]
fn right_streams_are_right() {
    for (dialect, stream) in [
        ("openai-chat", CHAT),
        ("anthropic", ANTHROPIC),
        ("gemini", GEMINI),
        ("openai-responses", &responses()),
    ] {
        assert_eq!(
            check_stream(dialect, stream.as_bytes()),
            Some(vec![]),
            "{dialect}"
        );
        // A heartbeat, where clients bear one.
        let beaten = format!(": keep-alive\n\n{stream}");
        let found = check_stream(dialect, beaten.as_bytes()).unwrap();
        assert_eq!(found.is_empty(), dialect != "gemini", "{found:?}");
        // The same twice has two endings.
        let twice = stream.repeat(2);
        assert_found(check_stream(dialect, twice.as_bytes()), "something follows");
        let cut = stream.trim_end();
        assert_found(
            check_stream(dialect, cut.as_bytes()),
            "no blank line ends it",
        );
        for at in 0..stream.matches("\n\n").count() {
            // Without its text a chunk is missed by nobody, nor are usage and the second half of a call.
            let spare = matches!((dialect, at), ("openai-chat", 1 | 3 | 5) | ("gemini", 0));
            let found = check_stream(dialect, without(stream, at).as_bytes()).unwrap();
            assert_eq!(
                found.is_empty(),
                spare,
                "{dialect} without frame {at}: {found:?}"
            );
        }
    }
}

#[test]
fn wrong_streams_are_named() {
    let responses = responses();
    for (dialect, stream, right, wrong, wanted) in [
        (
            "openai-chat",
            CHAT,
            r#""role":"assistant","#,
            "",
            "the first delta has no role",
        ),
        (
            "openai-chat",
            CHAT,
            r#"{"content":"Hi"}"#,
            r#"{"role":"assistant","content":"Hi"}"#,
            "the role is there twice",
        ),
        (
            "openai-chat",
            CHAT,
            r#"{"content":"Hi"}"#,
            r#"{"content":""}"#,
            "an empty text",
        ),
        (
            "openai-chat",
            CHAT,
            r#"[{"index":0,"id":"a""#,
            r#"[{"index":1,"id":"a""#,
            "index 1 after 0 calls",
        ),
        (
            "openai-chat",
            CHAT,
            r#"{"index":0,"function":{"#,
            r#"{"index":0,"id":"a","function":{"#,
            "unknown member `id`",
        ),
        (
            "openai-chat",
            CHAT,
            r#""finish_reason":"tool_calls""#,
            r#""finish_reason":"stop""#,
            "but a tool is called",
        ),
        (
            "openai-chat",
            CHAT,
            r#""finish_reason":"tool_calls""#,
            r#""finish_reason":"tool_use""#,
            "must be null or one of",
        ),
        (
            "openai-chat",
            CHAT,
            r#""total_tokens":5"#,
            r#""total_tokens":6"#,
            "total_tokens is not the sum",
        ),
        (
            "openai-chat",
            CHAT,
            r#""choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}"#,
            r#""choices":[]"#,
            "says nothing",
        ),
        (
            "openai-chat",
            CHAT,
            "data: [DONE]\n\n",
            "",
            "the stream has no ending",
        ),
        (
            "openai-chat",
            CHAT,
            r#"data: {"id":"c","#,
            r#"data: {"id":"d","#,
            "is another than before",
        ),
        (
            "openai-chat",
            CHAT,
            "data: [DONE]",
            "event: end\ndata: [DONE]",
            "no names here",
        ),
        (
            "anthropic",
            ANTHROPIC,
            "event: message_stop\n",
            "",
            "the event's name is not its type",
        ),
        (
            "anthropic",
            ANTHROPIC,
            r#""index":0,"content_block""#,
            r#""index":1,"content_block""#,
            "`index` is not that",
        ),
        (
            "anthropic",
            ANTHROPIC,
            r#""index":0,"delta""#,
            r#""index":1,"delta""#,
            "of the open block",
        ),
        (
            "anthropic",
            ANTHROPIC,
            r#"{"type":"text_delta","text":"Hi"}"#,
            r#"{"type":"thinking_delta","thinking":"Hi"}"#,
            "another kind of block",
        ),
        (
            "anthropic",
            ANTHROPIC,
            r#"{"type":"text_delta","text":"Hi"}"#,
            r#"{"type":"text_delta","text":""}"#,
            "not empty",
        ),
        (
            "anthropic",
            ANTHROPIC,
            r#""stop_reason":"end_turn""#,
            r#""stop_reason":"tool_use""#,
            "nothing is called",
        ),
        (
            "anthropic",
            ANTHROPIC,
            r#""stop_reason":"end_turn""#,
            r#""stop_reason":"stop_sequence""#,
            "contradict",
        ),
        (
            "anthropic",
            ANTHROPIC,
            r#""usage":{"output_tokens":3}"#,
            r#""usage":{}"#,
            "`output_tokens` is missing",
        ),
        (
            "anthropic",
            ANTHROPIC,
            r#"{"type":"text","text":""}"#,
            r#"{"type":"text","text":"H"}"#,
            "must be ``",
        ),
        (
            "gemini",
            GEMINI,
            r#""finishReason":"STOP","#,
            "",
            "the stream has no ending",
        ),
        (
            "openai-completions",
            LEGACY,
            r#""finish_reason":"stop""#,
            r#""finish_reason":"tool_calls""#,
            "must be null or one of",
        ),
        (
            "openai-completions",
            LEGACY,
            r#""finish_reason":"stop""#,
            r#""finish_reason":null"#,
            "before any finish_reason",
        ),
        (
            "openai-completions",
            LEGACY,
            r#""object":"text_completion""#,
            r#""object":"chat.completion.chunk""#,
            "must be `text_completion`",
        ),
        (
            "openai-completions",
            LEGACY,
            r#""text":"Hi""#,
            r#""text":"""#,
            "an empty text",
        ),
        (
            "openai-completions",
            LEGACY,
            r#"data: {"id":"c","#,
            r#"data: {"id":"d","#,
            "is another than before",
        ),
        (
            "gemini",
            GEMINI,
            r#""totalTokenCount":5"#,
            r#""totalTokenCount":4"#,
            "totalTokenCount is not the sum",
        ),
        (
            "gemini",
            GEMINI,
            r#"{"text":"Hi"}"#,
            r#"{"text":"Hi","functionCall":{"name":"f"}}"#,
            "holds two things",
        ),
        (
            "gemini",
            GEMINI,
            r#"{"text":"Hi"}"#,
            r#"{"thought":true}"#,
            "holds nothing",
        ),
        (
            "gemini",
            GEMINI,
            "data: {",
            "event: chunk\ndata: {",
            "must be one line",
        ),
        (
            "gemini",
            GEMINI,
            r#""responseId":"r""#,
            r#""responseId":"s""#,
            "is another than before",
        ),
        (
            "openai-responses",
            &responses,
            r#""sequence_number":3"#,
            r#""sequence_number":4"#,
            "`sequence_number` is not that",
        ),
        (
            "openai-responses",
            &responses,
            r#""delta":"Hi""#,
            r#""delta":"Ho""#,
            "of the deltas",
        ),
        (
            "openai-responses",
            &responses,
            "event: response.completed\n",
            "",
            "the event's name is not its type",
        ),
        (
            "openai-responses",
            &responses,
            r#""status":"completed","output":["#,
            r#""status":"completed","output":[ "#,
            "",
        ),
        (
            "openai-responses",
            &responses,
            r#""item_id":"msg_1","output_index":0,"content_index":0,"text""#,
            r#""item_id":"msg_2","output_index":0,"content_index":0,"text""#,
            "of the open item",
        ),
        (
            "openai-responses",
            &responses,
            r#"added","sequence_number":1,"output_index":0"#,
            r#"added","sequence_number":1,"output_index":1"#,
            "`output_index` is not that",
        ),
        (
            "openai-responses",
            &responses,
            r#""status":"completed","output""#,
            r#""status":"incomplete","output""#,
            "not that of the event",
        ),
    ] {
        assert!(stream.contains(right), "{right}");
        let edited = stream.replacen(right, wrong, 1);
        if wanted.is_empty() {
            assert_eq!(check_stream(dialect, edited.as_bytes()), Some(vec![]));
        } else {
            assert_found(check_stream(dialect, edited.as_bytes()), wanted);
        }
    }
}

#[test]
fn errors_end_streams() {
    let half = |stream: &str| stream.split_inclusive("\n\n").take(2).collect::<String>();
    for (dialect, stream, error) in [
        (
            "openai-chat",
            CHAT,
            "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\"}}\n\n",
        ),
        (
            "anthropic",
            ANTHROPIC,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}\n\n",
        ),
        (
            "openai-responses",
            &responses(),
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":2,\"error\":{\"code\":\"x\",\"message\":\"x\"}}\n\n",
        ),
        (
            "gemini",
            &GEMINI.replacen("finishReason\":\"STOP\",\"", "", 1),
            "data: {\"error\":{\"code\":500,\"message\":\"x\",\"status\":\"INTERNAL\"}}\n\n",
        ),
    ] {
        let broken = half(stream) + error;
        assert_eq!(
            check_stream(dialect, broken.as_bytes()),
            Some(vec![]),
            "{dialect}"
        );
        let more = broken.clone() + error;
        assert_found(check_stream(dialect, more.as_bytes()), "something follows");
    }
}

#[test]
fn wrong_bodies_are_named() {
    let chat = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}]}"#;
    let anthropic = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"a","name":"f","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":2,"output_tokens":1}}"#;
    for (dialect, body, right, wrong, wanted) in [
        ("openai-chat", chat, "", "", ""),
        (
            "openai-chat",
            chat,
            r#""id":"b""#,
            r#""id":"a""#,
            "the id `a` is there twice",
        ),
        (
            "openai-chat",
            chat,
            r#""arguments":"{}""#,
            r#""arguments":{}"#,
            "must be a text, not {}",
        ),
        (
            "openai-chat",
            chat,
            r#""created":1"#,
            r#""created":1.5"#,
            "created: must be a count",
        ),
        (
            "openai-chat",
            chat,
            r#""refusal":null,"#,
            "",
            "`refusal` is missing",
        ),
        ("anthropic", anthropic, "", "", ""),
        (
            "anthropic",
            anthropic,
            r#""input":{}"#,
            r#""input":"{}""#,
            "must be an object",
        ),
        (
            "anthropic",
            anthropic,
            r#""stop_reason":"tool_use""#,
            r#""stop_reason":"end_turn""#,
            "but a tool is called",
        ),
    ] {
        let edited = body.replacen(right, wrong, 1);
        match wanted {
            "" => assert_eq!(check_reply(dialect, edited.as_bytes()), Some(vec![])),
            wanted => assert_found(check_reply(dialect, edited.as_bytes()), wanted),
        }
    }
}

#[test]
fn wrong_requests_are_named() {
    let chat = r#"{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"y"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}"#;
    let responses = r#"{"model":"m","input":[{"role":"user","content":"x"},{"type":"function_call","call_id":"a","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"a","output":"y"}],"tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":false}],"max_output_tokens":16}"#;
    let anthropic = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"y"},{"type":"text","text":"z"}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}"#;
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"x"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}}]}]}"#;
    let converse = r#"{"messages":[{"role":"user","content":[{"text":"x"},{"document":{"format":"pdf","name":"d","source":{"bytes":"AA=="}}}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"f","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"y"}]}}]}],"inferenceConfig":{"temperature":1},"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"any":{}}}}"#;
    let cohere = r#"{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"y"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"REQUIRED","p":1}"#;
    let legacy = r#"{"model":"m","prompt":"x"}"#;
    for (dialect, body, right, wrong, wanted) in [
        ("openai-chat", chat, "", "", ""),
        (
            "openai-chat",
            chat,
            r#""tool_call_id":"a""#,
            r#""tool_call_id":"b""#,
            "no call `b` waits for it",
        ),
        (
            "openai-chat",
            chat,
            r#"{"role":"tool","tool_call_id":"a","content":"y"}"#,
            r#"{"role":"user","content":"y"}"#,
            "have no results before it",
        ),
        (
            "openai-chat",
            chat,
            r#""model":"m","#,
            r#""model":"m","top_k":3,"#,
            "unknown member `top_k`",
        ),
        (
            "openai-chat",
            chat,
            r#"{"type":"object"}"#,
            "{}",
            "the schema's type is not `object`",
        ),
        ("openai-responses", responses, "", "", ""),
        (
            "openai-responses",
            responses,
            r#"tokens":16"#,
            r#"tokens":15"#,
            "fewer than 16 tokens",
        ),
        (
            "openai-responses",
            responses,
            r#","strict":false"#,
            "",
            "`strict` is missing",
        ),
        (
            "openai-responses",
            responses,
            r#""call_id":"a","output""#,
            r#""call_id":"b","output""#,
            "no call `b` waits for it",
        ),
        (
            "openai-responses",
            responses,
            r#""type":"function_call","#,
            r#""type":"function_call","id":"toolu_1","#,
            "another prefix",
        ),
        ("anthropic", anthropic, "", "", ""),
        (
            "anthropic",
            anthropic,
            r#""max_tokens":9,"#,
            "",
            "`max_tokens` is missing",
        ),
        (
            "anthropic",
            anthropic,
            r#""tool_use_id":"a""#,
            r#""tool_use_id":"b""#,
            "a result of no call",
        ),
        (
            "anthropic",
            anthropic,
            r#"{"type":"tool_result","tool_use_id":"a","content":"y"},{"type":"text","text":"z"}"#,
            r#"{"type":"text","text":"z"},{"type":"tool_result","tool_use_id":"a","content":"y"}"#,
            "a result after something else",
        ),
        (
            "anthropic",
            anthropic,
            r#""text":"z""#,
            r#""text":"""#,
            "not empty",
        ),
        (
            "anthropic",
            anthropic,
            r#","tools":[{"name":"f","input_schema":{"type":"object"}}]"#,
            "",
            "tools were used and none is declared",
        ),
        (
            "anthropic",
            anthropic,
            r#""role":"user","content":"x""#,
            r#""role":"assistant","content":"x""#,
            "the first turn is not the user's",
        ),
        ("gemini", gemini, "", "", ""),
        (
            "gemini",
            gemini,
            r#"{"type":"string"}"#,
            r#"{"type":"string","const":"b"}"#,
            "`const` is not taken",
        ),
        (
            "gemini",
            gemini,
            r#""required":["a"]"#,
            r#""required":["b"]"#,
            "a required property is not there",
        ),
        (
            "gemini",
            gemini,
            r#""functionResponse":{"name":"f""#,
            r#""functionResponse":{"name":"g""#,
            "not those of the calls",
        ),
        (
            "gemini",
            gemini,
            r#""role":"model""#,
            r#""role":"assistant""#,
            "must be one of user, model",
        ),
        ("bedrock-converse", converse, r#""#, r#""#, ""),
        (
            "bedrock-converse",
            converse,
            r#""role":"assistant""#,
            r#""role":"user""#,
            "two turns of the same role",
        ),
        (
            "bedrock-converse",
            converse,
            r#""toolResult":{"toolUseId":"a""#,
            r#""toolResult":{"toolUseId":"b""#,
            "a result of no call",
        ),
        (
            "bedrock-converse",
            converse,
            r#"{"text":"x"}"#,
            r#"{"text":" "}"#,
            "a blank text",
        ),
        (
            "bedrock-converse",
            converse,
            r#"{"text":"x"},"#,
            r#""#,
            "a document without a text",
        ),
        (
            "bedrock-converse",
            converse,
            r#""name":"d""#,
            r#""name":"d.pdf""#,
            "characters that are not taken",
        ),
        (
            "bedrock-converse",
            converse,
            r#""tools":["#,
            r#""tools":[{"cachePoint":{"type":"default"}},"#,
            "before everything",
        ),
        (
            "bedrock-converse",
            converse,
            r#""toolChoice":{"any":{}}"#,
            r#""toolChoice":{"none":{}}"#,
            "unknown member `none`",
        ),
        (
            "bedrock-converse",
            converse,
            r#""temperature":1"#,
            r#""temperature":2"#,
            "not within 0 and 1",
        ),
        (
            "bedrock-converse",
            converse,
            r#""toolUseId":"a","name""#,
            r#""toolUseId":"a/b","name""#,
            "characters that are not taken",
        ),
        ("cohere", cohere, r#""#, r#""#, ""),
        (
            "cohere",
            cohere,
            r#""tool_choice":"REQUIRED""#,
            r#""tool_choice":"required""#,
            "must be one of REQUIRED, NONE",
        ),
        (
            "cohere",
            cohere,
            r#""tool_call_id":"a""#,
            r#""tool_call_id":"b""#,
            "no call `b` waits for it",
        ),
        (
            "cohere",
            cohere,
            r#""p":1"#,
            r#""top_p":1"#,
            "unknown member `top_p`",
        ),
        ("openai-completions", legacy, r#""#, r#""#, ""),
        (
            "openai-completions",
            legacy,
            r#""prompt":"x""#,
            r#""messages":[]"#,
            "`prompt` is missing",
        ),
    ] {
        assert!(body.contains(right), "{right}");
        let edited = body.replacen(right, wrong, 1);
        match wanted {
            "" => assert_eq!(check_request(dialect, edited.as_bytes()), Some(vec![])),
            wanted => assert_found(check_request(dialect, edited.as_bytes()), wanted),
        }
    }
}
