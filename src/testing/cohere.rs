//! A script as Cohere's Chat, version 2, spells it.

use super::{
    Answer,
    script::{Part, Script, Stop, Tokens, fragments, quote, words},
};

const ID: &str = "scripted";

pub(super) fn error(status: u16, message: &str) -> Answer {
    let body = format!(r#"{{"id":"{ID}","message":{}}}"#, quote(message));
    Answer::json(status, body)
}

pub(super) fn whole(script: &Script) -> Answer {
    let mut content = Vec::new();
    let (mut plan, mut calls) = (String::new(), Vec::new());
    for part in &script.parts {
        match part {
            // Beside calls, text is a plan.
            Part::Text(text) if script.has_tool_calls() => plan.push_str(text),
            Part::Text(text) => content.push(block("text", text)),
            Part::Thinking(text) => content.push(block("thinking", text)),
            Part::ToolCall {
                id,
                name,
                arguments,
            } => calls.push(call(id, name, arguments)),
        }
    }
    let mut members = vec![r#""role":"assistant""#.to_owned()];
    for (name, list) in [("content", content), ("tool_calls", calls)] {
        if !list.is_empty() {
            members.push(format!(r#""{name}":[{}]"#, list.join(",")));
        }
    }
    if !plan.is_empty() {
        members.push(format!(r#""tool_plan":{}"#, quote(&plan)));
    }
    let body = format!(
        r#"{{"id":{},"finish_reason":"{}","message":{{{}}},"usage":{}}}"#,
        quote(script.id_or(ID)),
        finish_reason(script),
        members.join(","),
        usage(&script.tokens())
    );
    Answer::json(200, body)
}

pub(super) fn stream(script: &Script) -> Answer {
    let mut frames = vec![event(
        "message-start",
        &format!(
            r#""id":{},"delta":{{"message":{{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}}"#,
            quote(script.id_or(ID))
        ),
    )];
    // Blocks and calls are numbered apart.
    let (mut block, mut call) = (0, 0);
    for part in &script.parts {
        match part {
            Part::Text(text) if script.has_tool_calls() => frames.extend(
                words(text)
                    .iter()
                    .map(|word| plan(&format!(r#"{{"tool_plan":{}}}"#, quote(word)))),
            ),
            Part::Text(text) => said(&mut frames, "text", text, &mut block),
            Part::Thinking(text) => said(&mut frames, "thinking", text, &mut block),
            Part::ToolCall {
                id,
                name,
                arguments,
            } => {
                called(&mut frames, (id, name, arguments), call);
                call += 1;
            }
        }
    }
    frames.push(event(
        "message-end",
        &format!(
            r#""delta":{{"finish_reason":"{}","usage":{}}}"#,
            finish_reason(script),
            usage(&script.tokens())
        ),
    ));
    frames.push("data: [DONE]\n\n".to_owned());
    Answer::sse(frames)
}

/// The frames of a block.
fn said(frames: &mut Vec<String>, kind: &str, text: &str, block: &mut usize) {
    let at = *block;
    *block += 1;
    let content = |members: &str| {
        format!(r#""index":{at},"delta":{{"message":{{"content":{{{members}}}}}}}"#)
    };
    let begun = content(&format!(r#""type":"{kind}","{kind}":"""#));
    frames.push(event("content-start", &begun));
    for word in words(text) {
        let more = content(&format!(r#""{kind}":{}"#, quote(word)));
        frames.push(event("content-delta", &more));
    }
    frames.push(event("content-end", &format!(r#""index":{at}"#)));
}

/// The frames of a call.
fn called(frames: &mut Vec<String>, (id, name, arguments): (&str, &str, &str), at: usize) {
    let calls =
        |call: &str| format!(r#""index":{at},"delta":{{"message":{{"tool_calls":{call}}}}}"#);
    frames.push(event("tool-call-start", &calls(&call(id, name, ""))));
    for fragment in fragments(arguments) {
        let more = format!(r#"{{"function":{{"arguments":{}}}}}"#, quote(&fragment));
        frames.push(event("tool-call-delta", &calls(&more)));
    }
    frames.push(event("tool-call-end", &format!(r#""index":{at}"#)));
}

fn plan(message: &str) -> String {
    event(
        "tool-plan-delta",
        &format!(r#""delta":{{"message":{message}}}"#),
    )
}

fn event(name: &str, members: &str) -> String {
    format!("event: {name}\ndata: {{\"type\":\"{name}\",{members}}}\n\n")
}

fn block(kind: &str, text: &str) -> String {
    format!(r#"{{"type":"{kind}","{kind}":{}}}"#, quote(text))
}

fn call(id: &str, name: &str, arguments: &str) -> String {
    format!(
        r#"{{"id":{},"type":"function","function":{{"name":{},"arguments":{}}}}}"#,
        quote(id),
        quote(name),
        quote(arguments)
    )
}

fn finish_reason(script: &Script) -> &'static str {
    match script.stop {
        Stop::Natural if script.has_tool_calls() => "TOOL_CALL",
        Stop::Natural => "COMPLETE",
        Stop::Length => "MAX_TOKENS",
        Stop::Refusal => "ERROR_TOXIC",
    }
}

fn usage(tokens: &Tokens) -> String {
    let thinking = match tokens.thinking {
        0 => String::new(),
        count => format!(r#","reasoning_tokens":{count}"#),
    };
    let units = format!(
        r#""input_tokens":{},"output_tokens":{}"#,
        tokens.input, tokens.output
    );
    format!(
        r#"{{"billed_units":{{{units}}},"tokens":{{{units}{thinking}}},"cached_tokens":{}}}"#,
        tokens.cached
    )
}
