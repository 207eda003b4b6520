//! Streams, as stories: what a vendor sends and what it means; what happens and what a caller gets.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{Decoder, Encoder, Watcher};
use crate::{
    chat::{
        CallKind, ChatResponse, Citation, Collector, Content, EventSink, Stop, StopReason,
        Thinking, ToolCall, Usage,
    },
    dialect::{
        Asked, Dialect, EventDecoder, EventEncoder, FrameError, Observed, Observer,
        anthropic::Anthropic, openai_chat::OpenAiChat,
    },
    error::ErrorKind,
    wire::Frame,
};

fn frame(event: Value) -> Frame {
    Frame::new(event["type"].as_str(), event.to_string())
}

/// Reads events; whatever fails is in the result.
fn read(events: impl IntoIterator<Item = Value>) -> Result<ChatResponse, FrameError> {
    let mut decoder = Decoder::default();
    let mut sink = EventSink::new();
    for event in events {
        match decoder.decode(&frame(event), &mut sink) {
            Ok(()) | Err(FrameError::Unknown) => {}
            Err(error) => return Err(error),
        }
    }
    let mut collector = Collector::new();
    while let Some(event) = sink.next_event() {
        collector.push(event);
    }
    assert!(collector.has_ended());
    Ok(collector.finish())
}

fn completed() -> Value {
    json!({"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[{"type":"other"}],
        "usage":{"input_tokens":5,"output_tokens":7}}})
}

/// Writes what `tell` says, and checks the grammar that OpenAI's clients insist on.
fn written(tell: impl FnOnce(&mut EventSink)) -> Vec<Value> {
    let mut sink = EventSink::new();
    tell(&mut sink);
    sink.end();
    let mut encoder = Encoder::new(&Asked::new("caller-model", true, 1_700_000_000));
    let mut frames = VecDeque::new();
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut frames);
    }
    let events: Vec<Value> = frames
        .iter()
        .map(|frame| {
            let event: Value = serde_json::from_slice(frame.data()).unwrap();
            assert_eq!(event["type"].as_str(), frame.name());
            event
        })
        .collect();
    check_grammar(&events);
    events
}

fn check_grammar(events: &[Value]) {
    let (mut items, mut open, mut part, mut text): (
        Vec<Value>,
        Option<Value>,
        Option<u64>,
        String,
    ) = (Vec::new(), None, None, String::new());
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
        let kind = event["type"].as_str().unwrap();
        if number < 2 {
            assert_eq!(kind, ["response.created", "response.in_progress"][number]);
            assert_eq!(event["response"]["id"], events[0]["response"]["id"]);
            continue;
        }
        if number == events.len() - 1 {
            assert!(
                matches!(kind, "response.completed" | "response.incomplete"),
                "{event}"
            );
            assert!(open.is_none(), "an item is open at the end");
            assert_eq!(event["response"]["output"], json!(items));
            assert_eq!(event["response"]["id"], events[0]["response"]["id"]);
            continue;
        }
        assert_eq!(event["output_index"], items.len(), "{event}");
        match kind {
            "response.output_item.added" => {
                assert!(open.is_none(), "{event}");
                open = Some(event["item"].clone());
            }
            "response.output_item.done" => {
                let begun = open.take().unwrap_or_else(|| panic!("{event}"));
                assert!(part.is_none(), "{event}");
                for member in ["id", "type", "call_id", "name"] {
                    assert_eq!(event["item"][member], begun[member]);
                }
                items.push(event["item"].clone());
            }
            _ => {
                let item = open.as_ref().unwrap_or_else(|| panic!("{event}"));
                assert_eq!(event["item_id"], item["id"], "{event}");
                let inner = event["content_index"]
                    .as_u64()
                    .or(event["summary_index"].as_u64());
                if kind.ends_with("_part.added") {
                    assert_eq!(part.replace(inner.unwrap()), None);
                    text.clear();
                } else if kind.ends_with("_part.done") {
                    assert_eq!(part.take(), inner);
                } else if item["type"] == "message" || item["type"] == "reasoning" {
                    assert_eq!(part, inner, "{event}");
                }
                if kind.ends_with(".delta") {
                    text += event["delta"].as_str().unwrap();
                } else if kind.ends_with("text.done") {
                    assert_eq!(event["text"], text.as_str());
                }
            }
        }
    }
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().map(|event| event["type"].as_str().unwrap());
    kinds
        .map(|kind| kind.trim_start_matches("response."))
        .collect()
}

#[test]
fn case_96_a_text_is_told_in_openais_order() {
    let events = written(|out| {
        out.start("chatcmpl-1", "gpt-4o");
        out.text("Hel");
        out.text("lo");
        out.usage(&Usage {
            input: Some(3),
            output: Some(2),
            ..Usage::default()
        });
        out.stop(Stop::new(StopReason::EndTurn));
    });
    assert_eq!(
        kinds(&events),
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed"
        ]
    );
    let last = &events[9]["response"];
    assert_eq!(last["id"], "resp_chatcmpl-1");
    assert_eq!(last["model"], "caller-model");
    assert_eq!(last["status"], "completed");
    assert_eq!(last["usage"]["total_tokens"], 5);
    assert_eq!(last["output"][0]["content"][0]["text"], "Hello");
}

#[test]
fn case_95_thinking_text_and_a_call_are_three_items() {
    let events = written(|out| {
        out.start("msg_1", "claude");
        out.thinking("hm");
        out.signature("sig");
        out.text("So:");
        out.tool_call(0, "toolu_1", "f", CallKind::Function);
        out.tool_arguments(0, "{\"a\":");
        out.tool_arguments(0, "1}");
        out.stop(Stop::new(StopReason::ToolUse));
    });
    let output = events.last().unwrap()["response"]["output"]
        .as_array()
        .unwrap();
    let types: Vec<&str> = output
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["reasoning", "message", "function_call"]);
    let ids: Vec<&str> = output
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect();
    assert!(ids[0].starts_with("rs_") && ids[1].starts_with("msg_") && ids[2].starts_with("fc_"));
    assert!(ids.iter().all(|id| id.len() < 64));
    assert_eq!(output[0]["summary"][0]["text"], "hm");
    // It comes back to its maker.
    let body = json!({"model":"m","input":[output[0], output[2],
        {"type":"function_call_output","call_id":"toolu_1","output":"ok"}]});
    let request = super::super::OpenAiResponses
        .front()
        .unwrap()
        .decode_request(body.to_string().as_bytes())
        .unwrap();
    assert_eq!(
        request.messages[0].content,
        [
            Content::Thinking(Thinking {
                text: "hm".into(),
                signature: Some("sig".into()),
                redacted: None,
                origin: Some("anthropic"),
            }),
            Content::ToolCall(ToolCall::new("toolu_1", "f", "{\"a\":1}")),
        ]
    );
}

#[test]
fn case_97_a_cut_answer_is_incomplete() {
    let events = written(|out| {
        out.text("Once upon");
        out.stop(Stop::new(StopReason::MaxTokens));
    });
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["status"], "incomplete");
    assert_eq!(
        last["response"]["incomplete_details"]["reason"],
        "max_output_tokens"
    );
    assert_eq!(last["response"]["output"][0]["status"], "incomplete");
}

#[test]
fn every_kind_of_block_is_grammatical() {
    let events = written(|out| {
        out.redacted_thinking("data");
        out.text("one");
        out.citation(Citation {
            url: Some("https://a.example".into()),
            ..Citation::default()
        });
        out.citation(Citation::default());
        out.close_block();
        out.text("two");
        out.refusal("no");
        out.tool_call(1, "c1", "space::short", CallKind::Function);
        out.tool_call(2, "c2", "patch", CallKind::Custom);
        out.tool_arguments(2, "*** Begin");
        out.tool_end(1);
        out.tool_end(2);
        out.other(
            "openai-responses",
            crate::Json::parse(r#"{"type":"web_search_call","id":"ws_1"}"#).unwrap(),
        );
        out.other("gemini", crate::Json::empty_object());
    });
    let output = events.last().unwrap()["response"]["output"]
        .as_array()
        .unwrap();
    assert_eq!(output.len(), 5, "{output:#?}");
    assert_eq!(output[0]["summary"], json!([]));
    assert_eq!(output[1]["content"].as_array().unwrap().len(), 3);
    assert_eq!(
        output[1]["content"][0]["annotations"][0]["url"],
        "https://a.example"
    );
    assert_eq!(
        output[1]["content"][2],
        json!({"type":"refusal","refusal":"no"})
    );
    // Mapping case 49.
    assert_eq!(output[2]["namespace"], "space");
    assert_eq!(output[2]["name"], "short");
    assert_eq!(output[2]["arguments"], "{}");
    // Mapping case 48.
    assert_eq!(output[3]["type"], "custom_tool_call");
    assert_eq!(output[3]["input"], "*** Begin");
    assert_eq!(output[4]["id"], "ws_1");
}

#[test]
fn an_answer_of_nothing_is_an_answer() {
    let events = written(|_| {});
    assert_eq!(kinds(&events), ["created", "in_progress", "completed"]);
    let refused = written(|out| {
        out.stop(Stop {
            details: Some(crate::Json::parse(r#"{"explanation":"I must not."}"#).unwrap()),
            ..Stop::new(StopReason::Refusal)
        });
    });
    let last = &refused.last().unwrap()["response"];
    assert_eq!(last["incomplete_details"]["reason"], "content_filter");
    assert_eq!(last["output"][0]["content"][0]["refusal"], "I must not.");
}

#[test]
fn case_99_ids_that_change_with_every_event() {
    let answer = read([
        json!({"type":"response.created","response":{"id":"resp_1","model":"gpt"}}),
        json!({"type":"response.output_item.added","output_index":0,"item":{"id":"a","type":"message"}}),
        json!({"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"b","delta":"Hel"}),
        json!({"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"c","delta":"lo"}),
        json!({"type":"response.output_text.done","output_index":0,"content_index":0,"item_id":"d","text":"Hello"}),
        json!({"type":"response.output_item.done","output_index":0,"item":{"id":"e","type":"message","content":[{"type":"output_text","text":"Hello"}]}}),
        json!({"type":"response.output_item.added","output_index":1,"item":{"id":"f","type":"function_call","call_id":"x","name":"g","arguments":""}}),
        json!({"type":"response.function_call_arguments.delta","output_index":1,"item_id":"h","delta":"{}"}),
        json!({"type":"response.output_item.done","output_index":1,"item":{"id":"i","type":"function_call","call_id":"x","name":"g","arguments":"{}"}}),
        completed(),
    ])
    .unwrap();
    assert_eq!(
        answer.content,
        [
            Content::text("Hello"),
            Content::ToolCall(ToolCall::new("x", "g", "{}"))
        ]
    );
    assert_eq!(
        (answer.id.as_str(), answer.model.as_str()),
        ("resp_1", "gpt")
    );
    assert_eq!(answer.stop.reason, StopReason::ToolUse);
    assert_eq!(answer.usage.unwrap().total(), Some(12));
}

#[test]
fn case_100_items_that_are_only_done() {
    let call =
        json!({"id":"fc_1","type":"function_call","call_id":"c","name":"f","arguments":{"a":1}});
    let text = json!({"id":"msg_1","type":"message","content":[{"type":"output_text","text":"Hi","annotations":[{"type":"url_citation","url":"u"}]}]});
    let custom =
        json!({"id":"ctc_1","type":"custom_tool_call","call_id":"d","name":"p","input":"raw"});
    let done = |at: usize, item: &Value| json!({"type":"response.output_item.done","output_index":at,"item":item});
    let streamed = read([
        done(0, &text),
        done(1, &call),
        done(2, &custom),
        completed(),
    ])
    .unwrap();
    // Or not even that.
    let summed = read([
        json!({"type":"response.completed","response":{"status":"completed","output":[text, call, custom]}}),
    ])
    .unwrap();
    for answer in [streamed, summed] {
        assert_eq!(answer.text(), "Hi");
        let Content::Text { citations, .. } = &answer.content[0] else {
            panic!()
        };
        assert_eq!(citations[0].url.as_deref(), Some("u"));
        assert_eq!(
            answer.content[1],
            Content::ToolCall(ToolCall::new("c", "f", r#"{"a":1}"#))
        );
        let Content::ToolCall(custom) = &answer.content[2] else {
            panic!()
        };
        assert_eq!(
            (custom.kind, custom.arguments.as_str()),
            (CallKind::Custom, "raw")
        );
    }
}

#[test]
fn case_101_a_failure_is_an_error_of_its_kind() {
    for event in [
        json!({"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"try again in 2s"}}}),
        json!({"type":"error","error":{"type":"tokens","code":"rate_limit_exceeded","message":"no"}}),
        json!({"type":"error","code":"rate_limit_exceeded","message":"no","param":null}),
    ] {
        let Err(FrameError::Vendor(error)) = read([event]) else {
            panic!()
        };
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(error.status(), 429);
    }
}

#[test]
fn case_102_reasoning_goes_to_callers_of_other_dialects_and_back() {
    let events = [
        json!({"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"half"}}),
        json!({"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"one"}),
        json!({"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":1,"delta":"two"}),
        json!({"type":"response.output_item.done","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"gAAA"}}),
        json!({"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Hi"}),
        completed(),
    ];
    let answer = read(events).unwrap();
    let Content::Thinking(thinking) = &answer.content[0] else {
        panic!()
    };
    assert_eq!(thinking.text, "one\n\ntwo");
    assert_eq!(
        thinking.signature.as_deref(),
        Some("tl1.openai-responses.gAAA")
    );

    let asked = Asked::new("m", true, 0);
    let front = Anthropic.front().unwrap();
    let body: Value = serde_json::from_slice(&front.encode_response(&answer, &asked)).unwrap();
    let turn = json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":body["content"]},{"role":"user","content":"go on"}]});
    let back = front.decode_request(turn.to_string().as_bytes()).unwrap();
    let Content::Thinking(restored) = &back.messages[1].content[0] else {
        panic!()
    };
    assert_eq!(
        (restored.signature.as_deref(), restored.origin),
        (Some("gAAA"), Some("openai-responses"))
    );

    let front = OpenAiChat.front().unwrap();
    let body: Value = serde_json::from_slice(&front.encode_response(&answer, &asked)).unwrap();
    let detail = &body["choices"][0]["message"]["reasoning_details"][0];
    assert_eq!(detail["format"], "openai-responses-v1");
    assert_eq!(detail["data"], "gAAA");
}

#[test]
fn vendors_that_number_nothing_and_say_the_same_twice() {
    let answer = read([
        json!({"type":"response.output_item.added","item":{"type":"reasoning"}}),
        json!({"type":"response.reasoning_text.delta","delta":"hm"}),
        json!({"type":"response.reasoning_summary_text.delta","delta":"hm"}),
        json!({"type":"response.output_item.done","item":{"type":"reasoning","content":[{"type":"reasoning_text","text":"hm"}]}}),
        json!({"type":"response.output_item.added","item":{"type":"message"}}),
        json!({"type":"response.output_text.delta","delta":"Hi"}),
        json!({"type":"response.output_item.done","item":{"type":"message","content":[{"type":"output_text","text":"Hi"}]}}),
        json!({"type":"response.vendor_private","x":1}),
        completed(),
    ])
    .unwrap();
    let Content::Thinking(thinking) = &answer.content[0] else {
        panic!()
    };
    assert_eq!(thinking.text, "hm");
    assert_eq!(answer.text(), "Hi");
}

#[test]
fn unknown_broken_and_foreign_frames() {
    let mut decoder = Decoder::default();
    let mut sink = EventSink::new();
    let mut decode = |data: &'static str| decoder.decode(&Frame::new(None, data), &mut sink);
    assert!(matches!(
        decode(r#"{"type":"response.novel"}"#),
        Err(FrameError::Unknown)
    ));
    assert!(matches!(decode("{"), Err(FrameError::Malformed(_))));
    assert!(decode("[DONE]").is_ok());
    assert!(decode(r#"{"type":"response.web_search_call.searching"}"#).is_ok());
    assert!(matches!(
        decode(r#"{"type":"error","message":"x"}"#),
        Err(FrameError::Vendor(_))
    ));
}

#[test]
fn what_is_seen_in_passing() {
    let mut watcher = Watcher::default();
    let mut seen = Observed::default();
    let mut watch = |name: Option<&str>, data: String| {
        watcher
            .observe(&Frame::new(name, data), &mut seen)
            .map(|()| seen)
    };
    let delta =
        json!({"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a"});
    assert!(
        !watch(
            None,
            json!({"type":"response.created","response":{}}).to_string()
        )
        .unwrap()
        .content
    );
    assert!(watch(None, delta.to_string()).unwrap().content);
    // Not even read: it is none. Only one that is no JSON is noticed.
    assert!(watch(Some("response.output_text.delta"), r#"{"delta":[]}"#.into()).is_ok());
    for broken in ["{", "{!}"] {
        assert!(watch(Some("response.output_text.delta"), broken.into()).is_err());
    }
    // What a text says decides nothing.
    let odd =
        json!({"delta":"\"type\":\"response.completed\"","type":"response.output_text.delta"});
    assert!(!watch(None, odd.to_string()).unwrap().ended);
    let end = watch(Some("response.completed"), completed().to_string()).unwrap();
    assert!(end.ended && end.stopped);
    assert_eq!(end.usage.unwrap().total(), Some(12));
}
