//! A script as Anthropic's Messages spell it.

use serde_json::{Value, value::RawValue};

use super::{
    Answer,
    script::{Part, Script, Stop, Tokens, fragments, quote, words},
};

const ID: &str = "msg_scripted";
const REQUEST_ID: (&str, &str) = ("request-id", "req_scripted");
/// Opaque to every caller, as the real ones are.
const SIGNATURE: &str = "c2NyaXB0ZWQgc2lnbmF0dXJl";

pub(super) fn error(status: u16, r#type: &str, message: &str) -> Answer {
    let (r#type, message, request) = (quote(r#type), quote(message), quote(REQUEST_ID.1));
    let body = format!(
        r#"{{"type":"error","error":{{"type":{type},"message":{message}}},"request_id":{request}}}"#
    );
    Answer::json(status, body).header(REQUEST_ID.0, REQUEST_ID.1)
}

pub(super) fn whole(script: &Script, model: &str) -> Answer {
    let blocks: Vec<String> = script
        .parts
        .iter()
        .map(|part| block(script, part))
        .collect();
    let body = message(
        script,
        model,
        &blocks.join(","),
        &stop(script),
        &usage(&script.tokens(), None),
    );
    Answer::json(200, body).header(REQUEST_ID.0, REQUEST_ID.1)
}

pub(super) fn stream(script: &Script, model: &str) -> Answer {
    let tokens = script.tokens();
    let nothing = r#""stop_reason":null,"stop_sequence":null,"stop_details":null"#;
    let opening = message(
        script,
        model,
        "",
        nothing,
        &usage(&tokens, Some(tokens.output.min(1))),
    );
    let mut frames = vec![event("message_start", &format!(r#","message":{opening}"#))];

    for (index, part) in script.parts.iter().enumerate() {
        let at = format!(r#","index":{index}"#);
        frames.push(event(
            "content_block_start",
            &format!(r#"{at},"content_block":{}"#, empty_block(part)),
        ));
        if index == 0 {
            frames.push(event("ping", ""));
        }
        for delta in deltas(script, part) {
            frames.push(event(
                "content_block_delta",
                &format!(r#"{at},"delta":{delta}"#),
            ));
        }
        frames.push(event("content_block_stop", &at));
    }

    frames.push(event(
        "message_delta",
        &format!(
            r#","delta":{{{}}},"usage":{}"#,
            stop(script),
            usage(&tokens, None)
        ),
    ));
    frames.push(event("message_stop", ""));
    Answer::sse(frames).header(REQUEST_ID.0, REQUEST_ID.1)
}

fn event(name: &str, members: &str) -> String {
    format!("event: {name}\ndata: {{\"type\":\"{name}\"{members}}}\n\n")
}

fn message(script: &Script, model: &str, blocks: &str, stop: &str, usage: &str) -> String {
    format!(
        r#"{{"model":{},"id":{},"type":"message","role":"assistant","content":[{blocks}],{stop},"usage":{usage}}}"#,
        quote(model),
        quote(script.id_or(ID))
    )
}

fn block(script: &Script, part: &Part) -> String {
    match part {
        Part::Text(text) => format!(r#"{{"type":"text","text":{}}}"#, quote(text)),
        Part::Thinking(text) => format!(
            r#"{{"type":"thinking","thinking":{},"signature":{}}}"#,
            quote(text),
            script.signature_or(SIGNATURE)
        ),
        Part::ToolCall {
            id,
            name,
            arguments,
        } => tool_use(id, name, object_or_empty(arguments)),
    }
}

fn empty_block(part: &Part) -> String {
    match part {
        Part::Text(_) => r#"{"type":"text","text":""}"#.to_owned(),
        Part::Thinking(_) => r#"{"type":"thinking","thinking":"","signature":""}"#.to_owned(),
        Part::ToolCall { id, name, .. } => tool_use(id, name, "{}"),
    }
}

fn tool_use(id: &str, name: &str, input: &str) -> String {
    format!(
        r#"{{"type":"tool_use","id":{},"name":{},"input":{input}}}"#,
        quote(id),
        quote(name)
    )
}

fn deltas(script: &Script, part: &Part) -> Vec<String> {
    match part {
        Part::Text(text) => words(text)
            .iter()
            .map(|word| format!(r#"{{"type":"text_delta","text":{}}}"#, quote(word)))
            .collect(),
        Part::Thinking(text) => words(text)
            .iter()
            .map(|word| format!(r#"{{"type":"thinking_delta","thinking":{}}}"#, quote(word)))
            .chain([format!(
                r#"{{"type":"signature_delta","signature":{}}}"#,
                script.signature_or(SIGNATURE)
            )])
            .collect(),
        // The first piece is an empty one, as from the real endpoint.
        Part::ToolCall { arguments, .. } => std::iter::once(String::new())
            .chain(fragments(arguments))
            .map(|fragment| {
                format!(
                    r#"{{"type":"input_json_delta","partial_json":{}}}"#,
                    quote(&fragment)
                )
            })
            .collect(),
    }
}

/// The text as it is, if it is one JSON object.
fn object_or_empty(json: &str) -> &str {
    match serde_json::from_str::<&RawValue>(json) {
        Ok(raw)
            if serde_json::from_str::<Value>(raw.get()).is_ok_and(|value| value.is_object()) =>
        {
            raw.get()
        }
        _ => "{}",
    }
}

fn stop(script: &Script) -> String {
    let (reason, details) = match script.stop {
        Stop::Natural if script.has_tool_calls() => ("tool_use", "null"),
        Stop::Natural => ("end_turn", "null"),
        Stop::Length => ("max_tokens", "null"),
        Stop::Refusal => (
            "refusal",
            r#"{"type":"refusal","category":null,"explanation":null}"#,
        ),
    };
    format!(r#""stop_reason":"{reason}","stop_sequence":null,"stop_details":{details}"#)
}

/// The usage so far: `output` is given while the message has only begun.
fn usage(tokens: &Tokens, output: Option<u64>) -> String {
    // Here the cached input is counted apart.
    let details = match output {
        None if tokens.thinking > 0 => {
            format!(
                r#","output_tokens_details":{{"thinking_tokens":{}}}"#,
                tokens.thinking
            )
        }
        _ => String::new(),
    };
    format!(
        r#"{{"input_tokens":{},"cache_creation_input_tokens":0,"cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0}},"output_tokens":{}{details},"service_tier":"standard"}}"#,
        tokens.input - tokens.cached,
        tokens.cached,
        output.unwrap_or(tokens.output)
    )
}
