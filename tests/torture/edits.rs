//! Frames that are put into streams: noise, failures, what cannot be read.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;

use serde_json::Value;

use crate::{
    frames::{Frames, message},
    pairs::Kind,
};

/// Frames that say nothing: comments, pings, kinds that nobody knows.
pub fn noises(kind: &Kind) -> Vec<Bytes> {
    let mut noises: Vec<Bytes> = match kind.name {
        "openai" | "deepseek" => vec![
            // Azure's first chunk, and its last.
            "data: {\"id\":\"\",\"object\":\"\",\"created\":0,\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\n".into(),
        ],
        "responses" => vec![
            "event: keepalive\ndata: {\"type\":\"keepalive\",\"sequence_number\":3}\n\n".into(),
        ],
        "anthropic" => vec![
            "event: ping\ndata: {\"type\":\"ping\"}\n\n".into(),
            "event: novelty\ndata: {\"type\":\"novelty\",\"x\":[1]}\n\n".into(),
        ],
        "cohere" => vec!["event: debug\ndata: {\"type\":\"debug\",\"prompt\":\"x\"}\n\n".into()],
        "converse" => vec![message("novelty", "{\"x\":[1]}")],
        "claude-on-bedrock" => vec![
            chunk("{\"type\":\"ping\"}"),
            chunk("{\"type\":\"novelty\",\"x\":[1]}"),
            message("novelty", "{\"x\":[1]}"),
        ],
        _ => Vec::new(),
    };
    if !kind.binary {
        noises.extend(
            [
                ": ping\n\n",
                ":\n",
                "event: silence\n\n",
                "data:\n\n",
                ": a\r\r",
            ]
            .map(Bytes::from),
        );
    }
    noises
}

/// An event of Claude's as Bedrock wraps it.
pub fn chunk(event: &str) -> Bytes {
    let bytes = STANDARD.encode(event);
    message("chunk", &format!(r#"{{"bytes":"{bytes}"}}"#))
}

/// The words of every failure below.
pub const BUSY: &str = "Too busy just now.";

/// The vendor is overloaded, told inside a stream.
pub fn overloaded(kind: &Kind) -> Bytes {
    match kind.name {
        "openai" | "deepseek" => format!("data: {{\"error\":{{\"message\":\"{BUSY}\",\"type\":\"server_error\",\"param\":null,\"code\":\"server_is_overloaded\"}}}}\n\n"),
        "responses" => format!("event: error\ndata: {{\"type\":\"error\",\"code\":\"server_is_overloaded\",\"message\":\"{BUSY}\",\"param\":null,\"sequence_number\":9}}\n\n"),
        "anthropic" => format!("event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"overloaded_error\",\"message\":\"{BUSY}\"}}}}\n\n"),
        "gemini" => format!("data: {{\"error\":{{\"code\":503,\"message\":\"{BUSY}\",\"status\":\"UNAVAILABLE\"}}}}\r\n\r\n"),
        "cohere" => format!("event: message-end\ndata: {{\"type\":\"message-end\",\"delta\":{{\"finish_reason\":\"ERROR\",\"error\":\"{BUSY}\"}}}}\n\n"),
        _ => return message("serviceUnavailableException", &format!("{{\"message\":\"{BUSY}\"}}")),
    }
    .into()
}

/// Events that claim to be content and cannot be read.
pub fn unreadable(kind: &Kind) -> Vec<Bytes> {
    match kind.name {
        "openai" | "deepseek" => vec![
            "data: {not json\n\n".into(),
            "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\n\n".into(),
        ],
        "responses" => vec![
            "data: {not json\n\n".into(),
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"half\n\n".into(),
        ],
        "anthropic" => vec![
            "data: {not json\n\n".into(),
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_del\n\n".into(),
        ],
        "gemini" => vec![
            "data: {not json\r\n\r\n".into(),
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"half\r\n\r\n".into(),
        ],
        "cohere" => vec![
            "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"mess\n\n".into(),
        ],
        "converse" => vec![message("contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"te")],
        _ => vec![
            chunk("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_del"),
            message("chunk", "{\"bytes\":\"%%%\"}"),
        ],
    }
}

/// A stream with calls, in other forms that vendors write.
pub fn tool_forms(frames: Frames) -> Vec<(&'static str, Frames)> {
    let replaced = |from: &'static str, to: &'static str| {
        frames.clone().map(move |frame| frame.replace(from, to))
    };
    match frames.kind.name {
        "openai" | "deepseek" => {
            let null = |frame: &str| {
                frame.replace(
                    "\"delta\":{\"content\":\"",
                    "\"delta\":{\"tool_calls\":null,\"content\":\"",
                )
            };
            let empty = |frame: &str| {
                frame.replace(
                    "\"delta\":{\"content\":\"",
                    "\"delta\":{\"tool_calls\":[],\"content\":\"",
                )
            };
            vec![
                (
                    "it just stopped",
                    replaced(
                        "\"finish_reason\":\"tool_calls\"",
                        "\"finish_reason\":\"stop\"",
                    ),
                ),
                ("text beside no calls", frames.clone().map(empty)),
                ("text beside null", frames.clone().map(null)),
                ("all in the first piece", openai_at_once(&frames)),
            ]
        }
        "responses" => {
            let no_deltas = frames
                .clone()
                .without("\"type\":\"response.function_call_arguments.delta\"");
            let items_only = no_deltas
                .clone()
                .without("\"type\":\"response.function_call_arguments.done\"");
            vec![
                ("only when it is done", no_deltas),
                ("only in the item", items_only),
            ]
        }
        "anthropic" | "claude-on-bedrock" => vec![(
            "it just stopped",
            replaced(
                "\"stop_reason\":\"tool_use\"",
                "\"stop_reason\":\"end_turn\"",
            ),
        )],
        "converse" => vec![("it just stopped", replaced("\"tool_use\"", "\"end_turn\""))],
        "cohere" => vec![("it just stopped", replaced("TOOL_CALL", "COMPLETE"))],
        _ => Vec::new(),
    }
}

/// A stream that stops for calls which it does not hold.
pub fn stopped_for_tools(frames: Frames) -> Option<Frames> {
    let (from, to) = match frames.kind.name {
        "openai" | "deepseek" => (
            "\"finish_reason\":\"stop\"",
            "\"finish_reason\":\"tool_calls\"",
        ),
        "anthropic" | "claude-on-bedrock" => (
            "\"stop_reason\":\"end_turn\"",
            "\"stop_reason\":\"tool_use\"",
        ),
        "converse" => ("end_turn", "tool_use"),
        "cohere" => ("COMPLETE", "TOOL_CALL"),
        // There is no such word.
        _ => return None,
    };
    Some(frames.map(|frame| frame.replace(from, to)))
}

/// Each call in one piece, as servers that parse the model's text send it.
fn openai_at_once(frames: &Frames) -> Frames {
    let mut at_once = frames.clone();
    at_once.list.clear();
    let mut open: Option<Value> = None;
    let arguments = "/choices/0/delta/tool_calls/0/function/arguments";
    let frame = |value: &Value| Bytes::from(format!("data: {value}\n\n"));
    for (raw, value) in frames.list.iter().zip(frames.data()) {
        let more = value.pointer(arguments).and_then(Value::as_str);
        match (more, &mut open) {
            (Some(""), _) => {
                at_once.list.extend(open.replace(value).iter().map(frame));
            }
            (Some(more), Some(open)) => {
                if let Some(Value::String(text)) = open.pointer_mut(arguments) {
                    text.push_str(more);
                }
            }
            _ => {
                at_once.list.extend(open.take().iter().map(frame));
                at_once.list.push(raw.clone());
            }
        }
    }
    at_once.then("data: [DONE]\n\n")
}

/// The same stream with its usage in other places.
pub fn usage_forms(frames: Frames) -> Vec<(&'static str, Frames)> {
    if !matches!(frames.kind.name, "openai" | "deepseek") {
        return match frames.kind.name {
            // What was counted at the begin is told again, without what does not change; or not at all.
            "anthropic" | "claude-on-bedrock" => vec![(
                "only the output in the end",
                frames.map(|frame| {
                    let Some(at) = frame
                        .find("\"usage\":{")
                        .filter(|_| frame.contains("message_delta"))
                    else {
                        return frame.to_owned();
                    };
                    let end = if frame.ends_with("\n\n") {
                        "}\n\n"
                    } else {
                        "}"
                    };
                    format!("{}\"usage\":{{\"output_tokens\":30}}{end}", &frame[..at])
                }),
            )],
            _ => Vec::new(),
        };
    }
    let with_choice = |delta: &'static str| {
        frames.clone().map(move |frame| {
            let choice =
                format!("\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]");
            frame.replace("\"choices\":[]", &choice)
        })
    };
    let at = frames.find("\"choices\":[]").expect("a chunk of usage");
    let usage = frames.list[at].clone();
    let text = String::from_utf8(usage.to_vec()).expect("text");
    let (_, counts) = text.split_once("\"usage\":").expect("usage");
    let counts = counts.trim_end().trim_end_matches('}').to_owned() + "}}";
    let mut with_finish = frames.clone();
    with_finish.list.remove(at);
    let with_finish = with_finish.map(move |frame| match frame.contains("\"finish_reason\":\"") {
        true => frame.replace(
            "\"usage\":null",
            &format!("\"usage\":{}", counts.trim_end()),
        ),
        false => frame.to_owned(),
    });
    let null = text
        .split_once("\"usage\":")
        .map(|(head, _)| format!("{head}\"usage\":null}}\n\n"));
    let null_after = frames.clone().with(at + 1, null.expect("usage"));
    let everywhere = frames.clone().with(2, usage.clone()).with(1, usage);
    vec![
        ("beside an empty delta", with_choice("{}")),
        ("beside an empty text", with_choice("{\"content\":\"\"}")),
        ("with the reason", with_finish),
        ("and null behind it", null_after),
        ("several times", everywhere),
    ]
}
