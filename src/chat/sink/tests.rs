use super::*;

/// The events as one line each, so that a test reads as a story.
fn story(sink: &mut EventSink) -> Vec<String> {
    std::iter::from_fn(|| sink.next_event())
        .map(|event| match event {
            ChatEvent::Start { id, .. } => format!("start {id}"),
            ChatEvent::BlockStart { index, block } => match block {
                Block::ToolCall { id, name, .. } => format!("{index} call {id} {name}"),
                Block::Text => format!("{index} text"),
                Block::Thinking => format!("{index} thinking"),
                other => format!("{index} {other:?}"),
            },
            ChatEvent::Delta { index, delta } => match delta {
                Delta::Text(text) | Delta::Arguments(text) => format!("{index} + {text}"),
                Delta::Signature(text) => format!("{index} signed {text}"),
                Delta::Citation(_) => format!("{index} cited"),
            },
            ChatEvent::BlockStop { index } => format!("{index} ."),
            ChatEvent::Stop(stop) => format!("{:?}", stop.reason),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn interleaved_calls_become_sequential_blocks() {
    let mut sink = EventSink::new();
    sink.start("r", "m");
    sink.tool_call(0, "a", "f", CallKind::Function);
    sink.tool_arguments(0, r#"{"x""#);
    sink.tool_call(1, "b", "g", CallKind::Function);
    sink.tool_arguments(1, r#"{"y""#);
    sink.tool_arguments(0, ":1}");
    sink.tool_arguments(1, ":2}");
    sink.stop(Stop::new(StopReason::EndTurn));
    sink.end();
    assert_eq!(
        story(&mut sink),
        [
            "start r",
            "0 call a f",
            r#"0 + {"x""#,
            "0 + :1}",
            "0 .",
            "1 call b g",
            r#"1 + {"y""#,
            "1 + :2}",
            "1 .",
            "ToolUse",
            "End"
        ]
    );
}

#[test]
fn a_whole_call_is_closed_for_the_next_which_then_streams_live() {
    let mut sink = EventSink::new();
    sink.tool_call(0, "a", "f", CallKind::Function);
    sink.tool_arguments(0, "{}");
    sink.tool_call(1, "b", "g", CallKind::Function);
    sink.tool_arguments(1, "{");
    assert_eq!(
        story(&mut sink),
        [
            "start ",
            "0 call a f",
            "0 + {}",
            "0 .",
            "1 call b g",
            "1 + {"
        ]
    );
}

#[test]
fn a_call_without_a_name_waits_for_it() {
    let mut sink = EventSink::new();
    sink.tool_call(0, "a", "", CallKind::Function);
    sink.tool_arguments(0, r#"{"q":"#);
    assert!(story(&mut sink).is_empty());
    sink.tool_call(0, "", "f", CallKind::Function);
    sink.tool_call(0, "other", "again", CallKind::Function);
    sink.tool_arguments(0, "1}");
    sink.end();
    assert_eq!(
        story(&mut sink),
        [
            "start ",
            "0 call a f",
            r#"0 + {"q":"#,
            "0 + 1}",
            "0 .",
            "ToolUse",
            "End"
        ]
    );
}

#[test]
fn no_arguments_are_an_empty_object_exactly_once() {
    let mut sink = EventSink::new();
    sink.tool_call(3, "a", "f", CallKind::Function);
    sink.tool_arguments(3, "");
    sink.tool_end(3);
    sink.end();
    sink.end();
    assert_eq!(
        story(&mut sink),
        ["start ", "0 call a f", "0 + {}", "0 .", "ToolUse", "End"]
    );
}

#[test]
fn kinds_change_blocks_and_signatures_stay_with_theirs() {
    let mut sink = EventSink::new();
    sink.start("r", "m");
    sink.start("r", "m");
    sink.thinking("hm");
    sink.signature("s");
    sink.text("");
    sink.text("a");
    sink.text("b");
    sink.stop(Stop::new(StopReason::ToolUse));
    sink.end();
    assert_eq!(
        story(&mut sink),
        [
            "start r",
            "0 thinking",
            "0 + hm",
            "0 signed s",
            "0 .",
            "1 text",
            "1 + a",
            "1 + b",
            "1 .",
            "EndTurn",
            "End"
        ]
    );
}

#[test]
fn text_inside_an_unfinished_call_comes_after_it() {
    let mut sink = EventSink::new();
    sink.tool_call(0, "a", "f", CallKind::Function);
    sink.tool_arguments(0, "{");
    sink.text("note");
    sink.tool_arguments(0, "}");
    sink.end();
    assert_eq!(
        story(&mut sink),
        [
            "start ",
            "0 call a f",
            "0 + {",
            "0 + }",
            "0 .",
            "1 text",
            "1 + note",
            "1 .",
            "ToolUse",
            "End"
        ]
    );
}

#[test]
fn length_stays_length_even_with_calls() {
    let mut sink = EventSink::new();
    sink.tool_call(0, "a", "f", CallKind::Function);
    sink.tool_arguments(0, r#"{"cut"#);
    sink.stop(Stop::new(StopReason::MaxTokens));
    sink.end();
    assert_eq!(story(&mut sink).iter().rev().nth(1).unwrap(), "MaxTokens");
}

#[test]
fn calls_of_one_id_are_told_apart() {
    let mut sink = EventSink::new();
    for key in 0..3 {
        sink.tool_call(key, "a", "f", CallKind::Function);
        sink.tool_end(key);
    }
    sink.tool_call(3, "", "f", CallKind::Function);
    sink.end();
    let calls: Vec<String> = story(&mut sink)
        .into_iter()
        .filter(|event| event.contains("call"))
        .collect();
    assert_eq!(
        calls,
        ["0 call a f", "1 call a_2 f", "2 call a_3 f", "3 call  f"]
    );
}

#[test]
fn the_end_is_the_end_whatever_is_said_afterwards() {
    let mut sink = EventSink::new();
    sink.text("Hi");
    sink.end();
    sink.start("late", "late");
    sink.text("late");
    sink.refusal("late");
    sink.thinking("late");
    sink.signature("late");
    sink.redacted_thinking("late");
    sink.citation(Citation::default());
    sink.tool_call(0, "late", "late", CallKind::Function);
    sink.tool_arguments(0, "{}");
    sink.tool_end(0);
    sink.logprobs(Json::empty_object());
    let cost = Usage {
        output: Some(4),
        ..Usage::default()
    };
    sink.usage(&cost);
    sink.stop(Stop::new(StopReason::MaxTokens));
    sink.end();
    assert_eq!(
        story(&mut sink),
        ["start ", "0 text", "0 + Hi", "0 .", "EndTurn", "End"]
    );
    // It is still paid for.
    assert_eq!(sink.known_usage(), Some(&cost));
}
