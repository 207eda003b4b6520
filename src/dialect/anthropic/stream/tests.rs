//! Streams as stories: frames in, events out, and the other way round.

use std::collections::VecDeque;

use super::{Decoder, Encoder, Watcher};
use crate::{
    chat::{Block, CallKind, ChatEvent, Citation, Delta, EventSink, Stop, StopReason, Usage},
    dialect::{Asked, EventDecoder, EventEncoder, FrameError, Observed, Observer},
    error::ErrorKind,
    wire::Frame,
};

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"usage":{"input_tokens":43,"output_tokens":1}}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

fn begin(index: usize, block: &str) -> String {
    format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#)
}

fn delta(index: usize, delta: &str) -> String {
    format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#)
}

fn text(index: usize, text: &str) -> String {
    delta(
        index,
        &format!(r#"{{"type":"text_delta","text":"{text}"}}"#),
    )
}

fn end(index: usize) -> String {
    format!(r#"{{"type":"content_block_stop","index":{index}}}"#)
}

fn done(reason: &str) -> String {
    format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}","stop_sequence":null}},"usage":{{"input_tokens":61,"output_tokens":9}}}}"#
    )
}

/// What the frames mean, one line for each event; with names, and without.
fn story(frames: &[&str]) -> Vec<String> {
    let named = tell(frames, true);
    assert_eq!(
        named,
        tell(frames, false),
        "names of frames must not matter"
    );
    named
}

fn tell(frames: &[&str], named: bool) -> Vec<String> {
    let mut decoder = Decoder::default();
    let mut sink = EventSink::new();
    let mut lines = Vec::new();
    for data in frames {
        let kind = serde_json::from_str::<serde_json::Value>(data)
            .ok()
            .and_then(|v| v["type"].as_str().map(str::to_owned));
        let frame = Frame::new(kind.as_deref().filter(|_| named), (*data).to_owned());
        match decoder.decode(&frame, &mut sink) {
            Ok(()) => {}
            Err(FrameError::Unknown) => lines.push("unknown".into()),
            Err(FrameError::Malformed(why)) => lines.push(format!("malformed: {why}")),
            Err(FrameError::Vendor(error)) => lines.push(format!(
                "{} {:?}",
                error.kind(),
                error.vendor_status().map(|s| s.as_u16())
            )),
        }
        while let Some(event) = sink.next_event() {
            lines.push(line(event));
        }
    }
    lines
}

fn line(event: ChatEvent) -> String {
    match event {
        ChatEvent::Start { id, model } => format!("start {id} {model}"),
        ChatEvent::BlockStart { index, block } => match block {
            Block::ToolCall { id, name, .. } => format!("{index} call {id} {name}"),
            Block::Other { json, .. } => format!("{index} other {json}"),
            Block::RedactedThinking { data } => format!("{index} redacted {data}"),
            other => format!("{index} {other:?}"),
        },
        ChatEvent::Delta { index, delta } => match delta {
            Delta::Text(t) | Delta::Arguments(t) => format!("{index} + {t}"),
            Delta::Signature(s) => format!("{index} signed {s}"),
            Delta::Citation(c) => format!("{index} cited {}", c.url.unwrap_or_default()),
        },
        ChatEvent::BlockStop { index } => format!("{index} ."),
        ChatEvent::Usage(u) => format!("usage {:?}/{:?}", u.total_input(), u.total_output()),
        ChatEvent::Stop(stop) => format!("{:?}", stop.reason),
        other => format!("{other:?}"),
    }
}

#[test]
fn cases_85_88_89_a_plain_answer() {
    let ping = r#"{"type":"ping"}"#;
    assert_eq!(
        story(&[
            START,
            ping,
            &begin(0, r#"{"type":"text","text":""}"#),
            &text(0, "Hel"),
            ping,
            &text(0, "lo"),
            &end(0),
            &done("max_tokens"),
            &done("end_turn"),
            STOP,
        ]),
        [
            "start msg_1 claude",
            "usage Some(43)/Some(1)",
            "0 Text",
            "0 + Hel",
            "0 + lo",
            "0 .",
            "usage Some(61)/Some(9)",
            "usage Some(61)/Some(9)",
            "EndTurn",
            "End"
        ]
    );
}

#[test]
fn cases_86_87_thinking_text_and_calls() {
    assert_eq!(
        story(&[
            START,
            &begin(0, r#"{"type":"thinking","thinking":"","signature":""}"#),
            &delta(0, r#"{"type":"thinking_delta","thinking":"hm"}"#),
            &delta(0, r#"{"type":"signature_delta","signature":"s"}"#),
            &end(0),
            &begin(1, r#"{"type":"redacted_thinking","data":"xx"}"#),
            &end(1),
            &begin(2, r#"{"type":"tool_use","id":"a","name":"f","input":{}}"#),
            &delta(2, r#"{"type":"input_json_delta","partial_json":""}"#),
            &end(2),
            &begin(
                3,
                r#"{"type":"tool_use","id":"b","name":"g","input":{"x":1}}"#
            ),
            &end(3),
            &done("tool_use"),
            STOP,
        ])[2..],
        [
            "0 Thinking",
            "0 + hm",
            "0 signed s",
            "0 .",
            "1 redacted xx",
            "1 .",
            "2 call a f",
            "2 + {}",
            "2 .",
            "3 call b g",
            r#"3 + {"x":1}"#,
            "usage Some(61)/Some(9)",
            "3 .",
            "ToolUse",
            "End"
        ]
    );
}

#[test]
fn case_59_the_vendors_own_tools_stay_its_own() {
    let lines = story(&[
        START,
        &begin(
            0,
            r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#,
        ),
        &delta(
            0,
            r#"{"type":"input_json_delta","partial_json":"{\"query\":"}"#,
        ),
        &delta(0, r#"{"type":"input_json_delta","partial_json":"\"x\"}"}"#),
        &end(0),
        &begin(
            1,
            r#"{"type":"web_search_tool_result","tool_use_id":"s","content":[]}"#,
        ),
        &end(1),
        &begin(2, r#"{"type":"text","text":"","citations":[]}"#),
        &delta(
            2,
            r#"{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"u"}}"#,
        ),
        &text(2, "a"),
        &end(2),
        &done("end_turn"),
        STOP,
    ]);
    assert_eq!(
        lines[2..9],
        [
            r#"0 other {"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"x"}}"#,
            "0 .",
            r#"1 other {"type":"web_search_tool_result","tool_use_id":"s","content":[]}"#,
            "1 .",
            "2 Text",
            "2 cited u",
            "2 + a"
        ]
    );
    assert!(lines.contains(&"EndTurn".to_owned()));
}

#[test]
fn case_90_errors_in_the_stream() {
    for (kind, line) in [
        ("overloaded_error", "overloaded Some(529)"),
        ("rate_limit_error", "rate_limited Some(429)"),
        ("api_error", "server Some(500)"),
    ] {
        let data = format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"m"}}}}"#);
        assert_eq!(story(&[START, &data]).last().unwrap(), line);
    }
    // A relay that forgets the type.
    let lines = story(&[r#"{"error":{"type":"overloaded_error","message":"m"}}"#]);
    assert_eq!(lines, ["overloaded Some(529)"]);
}

#[test]
fn case_91_a_second_start() {
    let lines = story(&[START, START]);
    assert_eq!(lines.iter().filter(|l| l.starts_with("start")).count(), 1);
    let block = begin(0, r#"{"type":"text","text":""}"#);
    let lines = story(&[START, &block, &text(0, "a"), START]);
    assert!(
        lines
            .last()
            .unwrap()
            .starts_with("malformed: the answer begins anew")
    );
}

#[test]
fn case_92_a_refusal_without_blocks() {
    let refusal = r#"{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"no"}},"usage":{"output_tokens":0}}"#;
    assert_eq!(
        story(&[START, refusal, STOP])[3..],
        ["0 Refusal", "0 + no", "0 .", "Refusal", "End"]
    );
}

#[test]
fn case_93_what_nobody_knows() {
    assert_eq!(
        story(&[
            r#"{"type":"novelty"}"#,
            &delta(0, r#"{"type":"novel_delta"}"#)
        ]),
        ["unknown", "unknown"]
    );
    assert!(story(&["{"])[0].starts_with("malformed"));
}

#[test]
fn a_foreign_end_marker_ends_what_has_stopped() {
    let block = begin(0, r#"{"type":"text","text":"a"}"#);
    assert_eq!(
        story(&[START, &block, &done("end_turn"), "[DONE]"])
            .last()
            .unwrap(),
        "End"
    );
    assert!(!story(&[START, &block, "[DONE]"]).contains(&"End".to_owned()));
}

fn write(events: Vec<ChatEvent>) -> Vec<String> {
    let mut encoder = Encoder::new(&Asked::new("m", true, 7));
    let mut frames = VecDeque::new();
    for event in events {
        encoder.encode(event, &mut frames);
    }
    frames
        .iter()
        .map(|frame| {
            let data = String::from_utf8(frame.data().to_vec()).unwrap();
            let typed = format!(r#"{{"type":"{}""#, frame.name().unwrap());
            assert!(data.starts_with(&typed), "name and type differ: {data}");
            data
        })
        .collect()
}

fn events(tell: impl FnOnce(&mut EventSink)) -> Vec<ChatEvent> {
    let mut sink = EventSink::new();
    tell(&mut sink);
    std::iter::from_fn(|| sink.next_event()).collect()
}

#[test]
fn cases_68_80_an_answer_is_written() {
    let written = write(events(|out| {
        out.start("chatcmpl-1", "gpt");
        out.thinking("hm");
        out.text("a");
        out.citation(Citation::default());
        out.tool_call(0, "t", "f", CallKind::Function);
        out.tool_arguments(0, r#"{"x":1}"#);
        out.usage(&Usage {
            input: Some(5),
            output: Some(2),
            reasoning: Some(3),
            ..Usage::default()
        });
        // Case 79: the vendor says `stop`, and there is a call.
        out.stop(Stop::new(StopReason::EndTurn));
        out.end();
    }));
    assert_eq!(
        written,
        [
            r#"{"type":"message_start","message":{"id":"msg_chatcmpl-1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"tl1.openai-chat"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"x\":1}"}}"#,
            r#"{"type":"content_block_stop","index":2}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":5,"output_tokens":5,"output_tokens_details":{"thinking_tokens":3}}}"#,
            r#"{"type":"message_stop"}"#,
        ]
    );
}

#[test]
fn cases_69_72_an_answer_of_nothing_is_still_well_formed() {
    let written = write(events(EventSink::end));
    assert_eq!(written.len(), 3);
    assert!(written[0].contains(r#""message":{"id":"msg_7_"#));
    assert!(written[1].contains(r#""usage":{"input_tokens":0,"output_tokens":0}"#));
}

#[test]
fn refusals_and_foreign_blocks_leave_no_gap() {
    let written = write(events(|out| {
        out.start("msg_9", "gpt");
        out.refusal("I can");
        out.refusal("not");
        out.other("openai-chat", crate::Json::empty_object());
        out.text("a");
        out.stop(Stop::new(StopReason::Refusal));
        out.end();
    }));
    assert!(written[0].contains(r#""id":"msg_9""#));
    assert!(
        written[1].starts_with(
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text""#
        )
    );
    assert_eq!(written.len(), 6);
    assert!(written[4].contains(r#""stop_reason":"refusal","stop_sequence":null,"stop_details":{"type":"refusal","category":null,"explanation":"I cannot"}"#));
}

#[test]
fn free_text_calls_are_wrapped_piece_by_piece() {
    let written = write(events(|out| {
        out.tool_call(0, "", "patch", CallKind::Custom);
        out.tool_arguments(0, "*** \"a\"\n");
        out.tool_arguments(0, "end");
        out.end();
    }));
    let arguments: String = written
        .iter()
        .filter_map(|data| {
            let value: serde_json::Value = serde_json::from_str(data).unwrap();
            value["delta"]["partial_json"].as_str().map(str::to_owned)
        })
        .collect();
    assert_eq!(arguments, r#"{"content":"*** \"a\"\nend"}"#);
    assert!(written[1].contains(r#""id":"toolu_7_"#));
}

#[test]
fn the_observer_sees_what_the_decoder_reads() {
    let text_start = begin(0, r#"{"type":"text","text":""}"#);
    let frames = [
        START.to_owned(),
        r#"{"type":"ping"}"#.to_owned(),
        text_start,
        text(0, ""),
        text(0, "a \\\"content_block_delta\\\" b"),
        end(0),
        begin(1, r#"{"type":"tool_use","id":"a","name":"f","input":{}}"#),
        end(1),
        done("tool_use"),
        STOP.to_owned(),
    ];
    for named in [true, false] {
        let (mut watcher, mut seen) = (Watcher::default(), Observed::default());
        let mut log = Vec::new();
        for data in &frames {
            let value: serde_json::Value = serde_json::from_str(data).unwrap();
            let name = value["type"].as_str().filter(|_| named);
            watcher
                .observe(&Frame::new(name, data.clone()), &mut seen)
                .unwrap();
            log.push((seen.content, seen.stopped, seen.ended));
        }
        let expected = |i: usize| (i >= 4, i >= 8, i >= 9);
        assert_eq!(log, (0..frames.len()).map(expected).collect::<Vec<_>>());
        assert_eq!(seen.usage.unwrap().input, Some(61));
    }
}

#[test]
fn a_call_is_content_from_its_start_and_an_error_is_an_error() {
    let (mut watcher, mut seen) = (Watcher::default(), Observed::default());
    let call = begin(0, r#"{"type":"tool_use","id":"a","name":"f","input":{}}"#);
    watcher
        .observe(&Frame::new(Some("content_block_start"), call), &mut seen)
        .unwrap();
    assert!(seen.content);
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#;
    let failed = watcher.observe(&Frame::new(None, error), &mut seen);
    assert!(matches!(failed, Err(FrameError::Vendor(e)) if e.kind() == ErrorKind::Overloaded));
}
