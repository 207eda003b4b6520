//! Frames that are put into streams: noise, failures, what cannot be read.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;

use crate::{frames::message, pairs::Kind};

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
