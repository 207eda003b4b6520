//! A script as Amazon Bedrock's Converse spells it.

use super::{
    Answer,
    script::{Part, Script, Stop, Tokens, fragments, quote, words},
};

const REQUEST_ID: (&str, &str) = ("x-amzn-requestid", "scripted");
/// Opaque to every caller, as the real ones are.
const SIGNATURE: &str = "c2NyaXB0ZWQgc2lnbmF0dXJl";

pub(super) fn whole(script: &Script) -> Answer {
    let blocks: Vec<String> = script
        .parts
        .iter()
        .map(|part| block(script, part))
        .collect();
    let body = format!(
        r#"{{"metrics":{{"latencyMs":1}},"output":{{"message":{{"content":[{}],"role":"assistant"}}}},"stopReason":"{}","usage":{}}}"#,
        blocks.join(","),
        stop(script),
        usage(&script.tokens())
    );
    Answer::json(200, body).header(REQUEST_ID.0, script.id_or(REQUEST_ID.1))
}

/// The events of a stream: type and payload.
pub(super) fn events(script: &Script) -> Vec<(&'static str, String)> {
    let mut events = vec![("messageStart", r#"{"role":"assistant"}"#.to_owned())];
    for (index, part) in script.parts.iter().enumerate() {
        let at = format!(r#""contentBlockIndex":{index}"#);
        // Only a call has a start of its own.
        if let Part::ToolCall { id, name, .. } = part {
            let start = format!(
                r#"{{{at},"start":{{"toolUse":{{"name":{},"toolUseId":{}}}}}}}"#,
                quote(name),
                quote(id)
            );
            events.push(("contentBlockStart", start));
        }
        for delta in deltas(script, part) {
            let delta = format!(r#"{{{at},"delta":{delta}}}"#);
            events.push(("contentBlockDelta", delta));
        }
        events.push(("contentBlockStop", format!("{{{at}}}")));
    }
    events.push((
        "messageStop",
        format!(r#"{{"stopReason":"{}"}}"#, stop(script)),
    ));
    let usage = usage(&script.tokens());
    events.push((
        "metadata",
        format!(r#"{{"metrics":{{"latencyMs":1}},"usage":{usage}}}"#),
    ));
    events
}

fn block(script: &Script, part: &Part) -> String {
    match part {
        Part::Text(text) => format!(r#"{{"text":{}}}"#, quote(text)),
        Part::Thinking(text) => format!(
            r#"{{"reasoningContent":{{"reasoningText":{{"signature":{},"text":{}}}}}}}"#,
            script.signature_or(SIGNATURE),
            quote(text)
        ),
        Part::ToolCall {
            id,
            name,
            arguments,
        } => {
            let input = match serde_json::from_str::<serde_json::Value>(arguments) {
                Ok(value) if value.is_object() => arguments,
                _ => "{}",
            };
            format!(
                r#"{{"toolUse":{{"input":{input},"name":{},"toolUseId":{}}}}}"#,
                quote(name),
                quote(id)
            )
        }
    }
}

fn deltas(script: &Script, part: &Part) -> Vec<String> {
    let thought =
        |name: &str, value: &str| format!(r#"{{"reasoningContent":{{"{name}":{value}}}}}"#);
    match part {
        Part::Text(text) => words(text)
            .iter()
            .map(|word| format!(r#"{{"text":{}}}"#, quote(word)))
            .collect(),
        Part::Thinking(text) => words(text)
            .iter()
            .map(|word| thought("text", &quote(word)))
            .chain([thought("signature", &script.signature_or(SIGNATURE))])
            .collect(),
        // A call without arguments has no delta at all.
        Part::ToolCall { arguments, .. } if arguments == "{}" => Vec::new(),
        Part::ToolCall { arguments, .. } => fragments(arguments)
            .iter()
            .map(|fragment| format!(r#"{{"toolUse":{{"input":{}}}}}"#, quote(fragment)))
            .collect(),
    }
}

fn stop(script: &Script) -> &'static str {
    match script.stop {
        Stop::Natural if script.has_tool_calls() => "tool_use",
        Stop::Natural => "end_turn",
        Stop::Length => "max_tokens",
        Stop::Refusal => "content_filtered",
    }
}

/// What was read from a cache is counted apart.
fn usage(tokens: &Tokens) -> String {
    format!(
        r#"{{"cacheReadInputTokens":{},"cacheWriteInputTokens":0,"inputTokens":{},"outputTokens":{},"totalTokens":{}}}"#,
        tokens.cached,
        tokens.input - tokens.cached,
        tokens.output,
        tokens.input.saturating_add(tokens.output)
    )
}
