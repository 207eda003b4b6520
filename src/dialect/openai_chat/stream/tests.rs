//! The list of deviations a decoder must bear, and what clients demand of an encoder.

use std::collections::VecDeque;

use super::{Decoder, Encoder, Watcher, is_usage_only};
use crate::{
    chat::{
        Block, CallKind, ChatEvent, Citation, Collector, Content, Delta, EventSink, Stop,
        StopReason, Usage,
    },
    dialect::{Asked, EventDecoder, EventEncoder, FrameError, Observed, Observer},
    error::ErrorKind,
    json::Json,
    wire::Frame,
};

fn read(chunks: &[&str]) -> EventSink {
    let mut decoder = Decoder::default();
    let mut sink = EventSink::new();
    for chunk in chunks {
        decoder
            .decode(&Frame::new(None, chunk.to_string()), &mut sink)
            .unwrap();
    }
    sink
}

/// The answer as one line per part.
fn told(chunks: &[&str]) -> Vec<String> {
    let mut sink = read(chunks);
    sink.end();
    let mut collector = Collector::new();
    while let Some(event) = sink.next_event() {
        collector.push(event);
    }
    let answer = collector.finish();
    let mut lines: Vec<String> = answer
        .content
        .iter()
        .map(|part| match part {
            Content::Text {
                text, citations, ..
            } if citations.is_empty() => text.clone(),
            Content::Text {
                text, citations, ..
            } => format!("{text} {}", citations.len()),
            Content::Thinking(t) => format!("({}){}", t.text, t.signature.as_deref().unwrap_or("")),
            Content::ToolCall(c) => format!("{} {}{}", c.id, c.name, c.arguments),
            Content::Refusal(text) => format!("no: {text}"),
            other => format!("{other:?}"),
        })
        .collect();
    lines.push(format!("{:?}", answer.stop.reason));
    lines
}

fn delta(members: &str) -> String {
    format!(r#"{{"id":"r","model":"m","choices":[{{"index":0,"delta":{{{members}}}}}]}}"#)
}

fn calls(list: &[&str]) -> Vec<String> {
    let chunks: Vec<String> = list
        .iter()
        .map(|c| delta(&format!(r#""tool_calls":[{c}]"#)))
        .collect();
    told(&chunks.iter().map(String::as_str).collect::<Vec<_>>())
}

fn fails(frame: &Frame) -> FrameError {
    Decoder::default()
        .decode(frame, &mut EventSink::new())
        .unwrap_err()
}

#[test]
fn openais_own_order() {
    // Mapping case 68.
    let mut sink = read(&[
        r#"{"id":"r","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        r#"{"id":"r","model":"m","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}"#,
        r#"{"id":"r","model":"m","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}"#,
        r#"{"id":"r","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"id":"r","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
        "[DONE]  ",
        r#"{"error":"after the end nobody listens"}"#,
    ]);
    assert!(sink.has_ended() && sink.has_stopped());
    let events: Vec<ChatEvent> = std::iter::from_fn(|| sink.next_event()).collect();
    assert_eq!(
        events[0],
        ChatEvent::Start {
            id: "r".into(),
            model: "m".into()
        }
    );
    let text = |t: &str| ChatEvent::Delta {
        index: 0,
        delta: Delta::Text(t.into()),
    };
    assert_eq!(
        events[1..4],
        [
            ChatEvent::BlockStart {
                index: 0,
                block: Block::Text
            },
            text("Hel"),
            text("lo")
        ]
    );
    assert_eq!(
        events[6..],
        [ChatEvent::Stop(Stop::default()), ChatEvent::End]
    );
}

#[test]
fn calls_without_an_index() {
    // Checklist 1, mapping case 75.
    assert_eq!(
        calls(&[
            r#"{"id":"x","function":{"name":"f","arguments":"{\"a\""}}"#,
            r#"{"id":"x","function":{"arguments":":1}"}}"#,
            r#"{"id":"y","function":{"name":"f","arguments":"{}"}}"#,
        ]),
        [r#"x f{"a":1}"#, "y f{}", "ToolUse"]
    );
    assert_eq!(
        calls(&[
            r#"{"function":{"name":"f","arguments":"{"}}"#,
            r#"{"function":{"arguments":"}"}}"#
        ])[1],
        "ToolUse"
    );
}

#[test]
fn indexes_that_do_not_begin_at_zero_or_repeat() {
    // Checklist 2 and 3, mapping case 76.
    assert_eq!(
        calls(&[
            r#"{"index":1,"id":"x","function":{"name":"f","arguments":""}}"#,
            r#"{"index":1,"function":{"arguments":"{}"}}"#,
            r#"{"index":5,"id":"y","function":{"name":"g","arguments":"{}"}}"#,
        ]),
        ["x f{}", "y g{}", "ToolUse"]
    );
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}"#,
            r#"{"index":0,"id":"y","function":{"name":"f","arguments":"{}"}}"#,
        ]),
        ["x f{}", "y f{}", "ToolUse"]
    );
    // Gemini's: no ids either. They get some, distinct and the same every time.
    let nameless = [
        r#"{"index":0,"id":"","function":{"name":"f","arguments":"{}"}},{"index":0,"id":"","function":{"name":"f","arguments":"{\"a\":1}"}}"#,
    ];
    let found = calls(&nameless);
    assert_eq!(found, calls(&nameless));
    assert!(
        found[0].starts_with("call_") && found[0].ends_with("_0 f{}"),
        "{found:?}"
    );
    assert!(found[1].ends_with(r#"_1 f{"a":1}"#), "{found:?}");
}

#[test]
fn ids_that_change_with_every_piece() {
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"x1","function":{"name":"f","arguments":"{\"a\":"}}"#,
            r#"{"index":0,"id":"x2","function":{"name":"","arguments":"1}"}}"#,
        ]),
        [r#"x1 f{"a":1}"#, "ToolUse"]
    );
}

#[test]
fn interleaved_calls() {
    // Mapping case 74.
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\""}},{"index":1,"id":"y","function":{"name":"g","arguments":"{\"b\""}}"#,
            r#"{"index":0,"function":{"arguments":":1}"}}"#,
            r#"{"index":1,"function":{"arguments":":2}"}}"#,
        ]),
        [r#"x f{"a":1}"#, r#"y g{"b":2}"#, "ToolUse"]
    );
}

#[test]
fn arguments_of_every_kind() {
    // Checklist 4, mapping case 78.
    for (arguments, text) in [
        (r#"{"a":1.0}"#, r#"{"a":1.0}"#),
        ("null", "{}"),
        (r#""""#, "{}"),
        (r#""null""#, "{}"),
        (r#""{\"a\":1}""#, r#"{"a":1}"#),
    ] {
        let call =
            format!(r#"{{"index":0,"id":"x","function":{{"name":"f","arguments":{arguments}}}}}"#);
        assert_eq!(
            calls(&[&call]),
            [format!("x f{text}"), "ToolUse".into()],
            "{arguments}"
        );
    }
}

#[test]
fn names_repeated_and_names_that_come_late() {
    // Checklist 5, mapping case 77.
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\":"}}"#,
            r#"{"index":0,"id":"x","function":{"name":"f","arguments":"1"}}"#,
            r#"{"index":0,"function":{"name":"","arguments":"}"}}"#,
        ]),
        [r#"x f{"a":1}"#, "ToolUse"]
    );
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"x","function":{"arguments":"{\"a\":"}}"#,
            r#"{"index":0,"function":{"name":"f","arguments":"1}"}}"#,
        ]),
        [r#"x f{"a":1}"#, "ToolUse"]
    );
}

#[test]
fn custom_calls_and_legacy_calls() {
    // Checklist 18.
    assert_eq!(
        calls(&[
            r#"{"index":0,"id":"x","type":"custom","custom":{"name":"sh","input":"ls"}}"#,
            r#"{"index":0,"custom":{"input":" -l"}},{"index":1,"id":"y","function":{"name":"f","arguments":"{}"}}"#,
        ]),
        ["x shls -l", "y f{}", "ToolUse"]
    );
    let legacy = told(&[
        &delta(r#""function_call":{"name":"f","arguments":"{"}"#),
        &delta(r#""function_call":{"arguments":"}"}"#),
        r#"{"choices":[{"delta":{},"finish_reason":"function_call"}]}"#,
    ]);
    assert!(
        legacy[0].starts_with("call_") && legacy[0].ends_with(" f{}"),
        "{legacy:?}"
    );
    assert_eq!(legacy[1], "ToolUse");
}

#[test]
fn content_of_every_kind() {
    // Checklist 6 and 7, mapping cases 64 and 70.
    assert_eq!(
        told(&[
            &delta(r#""role":null,"content":null,"refusal":null"#),
            &delta(r#""role":"assistant","content":"""#),
            &delta(
                r#""content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"},"b"]"#
            ),
            r#"{"choices":[{"index":0,"delta":{"content":"c"},"finish_reason":"stop"}]}"#,
        ]),
        ["(hm)", "abc", "EndTurn"]
    );
    assert_eq!(
        told(&[
            &delta(r#""refusal":"never""#),
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#
        ]),
        ["no: never", "Refusal"]
    );
    assert_eq!(
        told(&[&delta(
            r#""content":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm","signature":"s"}]}]"#
        )])[0],
        "(hm)s"
    );
}

#[test]
fn reasoning_under_every_name() {
    // Checklist 17.
    for members in [
        r#""reasoning_content":"hm""#,
        r#""reasoning":"hm""#,
        r#""reasoning":"hm","reasoning_content":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm"}]"#,
        r#""content":"<think>hm</think>""#,
    ] {
        assert_eq!(
            told(&[&delta(members), &delta(r#""content":"a""#)]),
            ["(hm)", "a", "EndTurn"],
            "{members}"
        );
    }
    // Two signed blocks stay two.
    assert_eq!(
        told(&[
            &delta(r#""reasoning_details":[{"type":"reasoning.text","text":"a"}]"#),
            &delta(
                r#""reasoning_details":[{"type":"reasoning.text","signature":"1","format":"anthropic-claude-v1"}]"#
            ),
            &delta(r#""reasoning_details":[{"type":"reasoning.text","text":"b","signature":"2"}]"#),
        ]),
        ["(a)1", "(b)2", "EndTurn"]
    );
}

#[test]
fn finish_reasons() {
    // Checklist 8 and 9, mapping cases 61, 62 and 79.
    let finish = |word: &str| {
        format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":{word}}}]}}"#)
    };
    let call =
        delta(r#""tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}]"#);
    assert_eq!(told(&[&call, &finish(r#""stop""#)])[1], "ToolUse");
    assert_eq!(told(&[&call, &finish(r#""length""#)])[1], "MaxTokens");
    assert_eq!(
        told(&[&delta(r#""content":"a""#), &finish(r#""tool_calls""#)])[1],
        "EndTurn"
    );
    assert_eq!(
        told(&[
            &finish(r#""length""#),
            &finish(r#""stop""#),
            &finish(r#""""#)
        ])[0],
        "MaxTokens"
    );
    assert!(!read(&[&finish("null"), &finish(r#""""#)]).has_stopped());
    let FrameError::Vendor(error) = fails(&Frame::new(None, finish(r#""network_error""#))) else {
        panic!("not the vendor's");
    };
    assert_eq!(error.kind(), ErrorKind::Server);
}

#[test]
fn usage_in_every_place() {
    // Checklist 10 and 16, mapping case 71.
    for chunk in [
        r#"{"choices":[],"usage":{"prompt_tokens":3,"prompt_tokens_details":null}}"#,
        r#"{"choices":null,"usage":{"prompt_tokens":3.0}}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":"3"}}"#,
        r#"{"choices":[{"index":0,"delta":{},"usage":{"prompt_tokens":3}}]}"#,
        r#"{"choices":[{"index":0,"delta":{}}],"x_groq":{"usage":{"prompt_tokens":3}}}"#,
    ] {
        let sink = read(&[chunk, chunk]);
        assert_eq!(sink.known_usage().unwrap().input, Some(3), "{chunk}");
    }
    assert!(read(&[&delta(r#""content":"a""#)]).known_usage().is_none());
}

#[test]
fn nothing_begins_before_a_real_chunk() {
    // Checklist 11 and 12, mapping case 69.
    let mut sink = read(&[
        r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}"#,
    ]);
    assert!(sink.next_event().is_none());
    let mut sink = read(&[
        r#"{"choices":[],"id":"","model":""}"#,
        &delta(r#""content":"a""#),
        r#"{"id":"other","choices":[{"delta":{"content":"b"}}]}"#,
    ]);
    assert_eq!(
        sink.next_event(),
        Some(ChatEvent::Start {
            id: "r".into(),
            model: "m".into()
        })
    );
}

#[test]
fn errors_of_every_shape() {
    // Checklist 15, mapping cases 65 and 82.
    for (data, kind) in [
        (
            r#"{"error":{"code":429,"message":"slow"}}"#,
            ErrorKind::RateLimited,
        ),
        (
            r#"{"error":{"code":502,"message":"bad"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#,
            ErrorKind::Server,
        ),
        (r#"{"error":"text"}"#, ErrorKind::Server),
        (
            r#"{"object":"error","message":"no","code":400}"#,
            ErrorKind::InvalidRequest,
        ),
        (
            r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
            ErrorKind::Overloaded,
        ),
        (r#"{"detail":"gone"}"#, ErrorKind::Server),
        (
            r#"{"base_resp":{"status_code":1008,"status_msg":"no money"}}"#,
            ErrorKind::QuotaExhausted,
        ),
        (
            r#"{"choices":[],"x_groq":{"error":"over capacity"}}"#,
            ErrorKind::Server,
        ),
    ] {
        match fails(&Frame::new(None, data.to_owned())) {
            FrameError::Vendor(error) => assert_eq!(error.kind(), kind, "{data}"),
            other => panic!("{data}: {other:?}"),
        }
    }
    assert!(matches!(
        fails(&Frame::new(Some("error"), "overloaded")),
        FrameError::Vendor(_)
    ));
    assert!(matches!(
        fails(&Frame::new(None, "<html>")),
        FrameError::Malformed(_)
    ));
    assert!(matches!(
        fails(&Frame::new(None, r#"{"ping":1}"#)),
        FrameError::Unknown
    ));
    // Nulls are no errors.
    read(&[r#"{"error":null,"choices":[{"delta":{"content":"a"}}]}"#]);
}

#[test]
fn perplexitys_sources_and_last_word() {
    let sink = read(&[
        r#"{"citations":["https://a"],"choices":[{"index":0,"delta":{"content":"x"}}]}"#,
        r#"{"object":"chat.completion.done","search_results":[{"url":"https://a","title":"A"}],"choices":[{"index":0,"finish_reason":"stop","message":{"content":"x"},"delta":{"content":""}}]}"#,
    ]);
    assert!(sink.has_ended());
    assert_eq!(
        told(&[
            r#"{"citations":["https://a","https://b"],"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#
        ])[0],
        "x 2"
    );
    assert_eq!(
        told(&[&delta(
            r#""content":"x","annotations":[{"type":"url_citation","url_citation":{"url":"https://a"}},{"type":"file"}]"#
        )])[0],
        "x 1"
    );
}

#[test]
fn other_choices_are_not_mixed_in() {
    assert_eq!(
        told(&[
            r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"},"finish_reason":"length"}]}"#
        ]),
        ["a", "EndTurn"]
    );
}

#[test]
fn watching_sees_what_reading_sees() {
    let mut watcher = Watcher::new();
    let mut seen = Observed::default();
    let mut watch = |data: &str| {
        watcher
            .observe(&Frame::new(None, data.to_owned()), &mut seen)
            .unwrap();
        seen
    };
    assert!(!watch(&delta(r#""role":"assistant","content":"""#)).content);
    assert!(watch(&delta(r#""content":"a""#)).content);
    // A plain chunk is not read: what is no chunk goes unseen.
    watch(
        r#"{"choices":[{"delta":{"content":"\"finish_reason\": \"stop\""},"finish_reason": null}],"usage": null,"choices":0}"#,
    );
    assert!(!watch(r#"{"choices":[{"delta":{"content":"x"}}]}"#).stopped);
    assert_eq!(
        watch(r#"{"choices":[{"delta":{}}],"usage":{"prompt_tokens":2}}"#)
            .usage
            .unwrap()
            .input,
        Some(2)
    );
    assert!(watch(r#"{"choices":[{"delta":{},"finish_reason": "stop"}]}"#).stopped);
    assert!(watch("[DONE]").ended);
    let mut watcher = Watcher::new();
    let mut seen = Observed {
        content: true,
        ..Observed::default()
    };
    for error in [
        r#"{"error":{"message":"no"}}"#,
        r#"{"error":{"message":"no"},"choices":[{"delta":{}}]}"#,
    ] {
        assert!(matches!(
            watcher.observe(&Frame::new(None, error), &mut seen),
            Err(FrameError::Vendor(_))
        ));
    }
}

#[test]
fn the_usage_chunk_is_known() {
    // Mapping case 54.
    let is = |data: &str| is_usage_only(&Frame::new(None, data.to_owned()));
    assert!(is(
        r#"{"id":"r","choices": [ ],"usage":{"prompt_tokens":1}}"#
    ));
    assert!(!is(r#"{"choices":[],"usage":null}"#));
    assert!(!is(r#"{"choices":[],"prompt_filter_results":[]}"#));
    assert!(!is(
        r#"{"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}"#
    ));
    assert!(!is("[DONE]"));
}

fn write(include_usage: bool, events: impl FnOnce(&mut EventSink)) -> Vec<String> {
    let mut sink = EventSink::new();
    events(&mut sink);
    let mut encoder = Encoder::new(&Asked::new("gpt", include_usage, 7));
    let mut frames = VecDeque::new();
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut frames);
    }
    let head =
        r#"{"id":"r","object":"chat.completion.chunk","created":7,"model":"gpt","choices":["#;
    frames
        .iter()
        .map(|frame| {
            let text = String::from_utf8(frame.data().to_vec()).unwrap();
            assert!(
                text == "[DONE]" || serde_json::from_str::<serde_json::Value>(&text).is_ok(),
                "{text}"
            );
            let rest = text.strip_prefix(head).unwrap_or(&text);
            rest.replace(r#","logprobs":null"#, "")
                .replace(r#","finish_reason":null}]"#, "")
        })
        .collect()
}

const ROLE: &str = r#"{"index":0,"delta":{"role":"assistant","content":"","refusal":null}}"#;

#[test]
fn chunks_in_openais_order() {
    // Mapping cases 86, 87 and 88.
    let chunks = write(true, |out| {
        out.start("r", "vendor-model");
        out.text("a");
        out.tool_call(4, "x", "f", CallKind::Function);
        out.tool_end(4);
        out.tool_call(9, "y", "sh", CallKind::Custom);
        out.tool_arguments(9, "ls");
        out.usage(&Usage {
            input: Some(43),
            ..Usage::default()
        });
        out.usage(&Usage {
            input: Some(61),
            output: Some(2),
            ..Usage::default()
        });
        out.stop(Stop::new(StopReason::ToolUse));
        out.end();
    });
    assert_eq!(chunks[0], ROLE.replace("}}", "},\"usage\":null}"));
    assert_eq!(
        chunks[1..],
        [
            r#"{"index":0,"delta":{"content":"a"},"usage":null}"#,
            r#"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}}]},"usage":null}"#,
            r#"{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"usage":null}"#,
            r#"{"index":0,"delta":{"tool_calls":[{"index":1,"id":"y","type":"custom","custom":{"name":"sh","input":""}}]},"usage":null}"#,
            r#"{"index":0,"delta":{"tool_calls":[{"index":1,"custom":{"input":"ls"}}]},"usage":null}"#,
            r#"{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null}"#,
            r#"],"usage":{"prompt_tokens":61,"completion_tokens":2,"total_tokens":63}}"#,
            "[DONE]",
        ]
    );
}

#[test]
fn no_usage_unless_asked() {
    // Mapping case 94.
    let chunks = write(false, |out| {
        out.start("r", "m");
        out.text("a");
        out.usage(&Usage {
            input: Some(43),
            ..Usage::default()
        });
        out.end();
    });
    assert_eq!(
        chunks,
        [
            ROLE,
            r#"{"index":0,"delta":{"content":"a"}}"#,
            r#"{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            "[DONE]"
        ]
    );
}

#[test]
fn thinking_its_signature_and_sources() {
    let chunks = write(false, |out| {
        out.start("r", "m");
        out.thinking("h");
        out.thinking("m");
        out.signature("s");
        out.redacted_thinking("d");
        out.thinking("foreign");
        out.signature("tl1.openai-chat");
        out.text("é!");
        out.citation(Citation {
            url: Some("https://a".into()),
            ..Citation::default()
        });
        out.logprobs(Json::parse(r#"{"content":[]}"#).unwrap());
        out.end();
    });
    assert_eq!(
        chunks[1..8],
        [
            r#"{"index":0,"delta":{"reasoning_content":"h"}}"#,
            r#"{"index":0,"delta":{"reasoning_content":"m"}}"#,
            r#"{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"s","format":"anthropic-claude-v1","index":0}]}}"#,
            r#"{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":"d","format":"anthropic-claude-v1","index":1}]}}"#,
            r#"{"index":0,"delta":{"reasoning_content":"foreign"}}"#,
            r#"{"index":0,"delta":{"content":"é!"}}"#,
            r#"{"index":0,"delta":{"annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":2,"title":"https://a","url":"https://a"}}]}}"#,
        ]
    );
    assert_eq!(
        chunks[8],
        r#"{"index":0,"delta":{},"logprobs":{"content":[]}}"#
    );
}

#[test]
fn a_refusal_without_words_tells_why() {
    // Mapping case 92.
    let chunks = write(false, |out| {
        out.start("r", "m");
        let mut stop = Stop::new(StopReason::Refusal);
        stop.details = Some(Json::parse(r#"{"type":"refusal","explanation":"no}"}"#).unwrap());
        stop.native = Some("odd\"}".into());
        out.stop(stop);
        out.end();
    });
    assert_eq!(chunks[1], r#"{"index":0,"delta":{"refusal":"no}"}}"#);
    assert_eq!(
        chunks[2],
        r#"{"index":0,"delta":{},"finish_reason":"content_filter","native_finish_reason":"odd\"}"}]}"#
    );
}

#[test]
fn an_id_is_never_empty() {
    let mut encoder = Encoder::new(&Asked::new("gpt", false, 255));
    let mut frames = VecDeque::new();
    encoder.encode(
        ChatEvent::Start {
            id: String::new(),
            model: String::new(),
        },
        &mut frames,
    );
    assert!(frames[0].data().starts_with(br#"{"id":"chatcmpl-ff","#));
}
