//! Whole answers: read from vendors, written for callers.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    NAME, error,
    request::{input, read_block, wrapped},
    stop, thinking,
    usage::{Counts, Written},
    wire::Block,
};
use crate::{
    Extra, Json,
    chat::{ChatResponse, Citation, Content, Stop, StopReason, Usage},
    dialect::{Asked, alias::alias, has_error},
    error::{Error, ErrorKind},
    json::{self, ObjectWriter, Path, Value},
};

/// Members of an answer that only this dialect has.
const OWN_MEMBERS: &[&str] = &[
    "container",
    "context_management",
    "diagnostics",
    "input_transformations",
];

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_sequence: Option<String>,
    #[serde(borrow, default)]
    stop_details: Option<&'a RawValue>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(borrow, default)]
    container: Option<&'a RawValue>,
    #[serde(borrow, default)]
    context_management: Option<&'a RawValue>,
    #[serde(borrow, default)]
    diagnostics: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_transformations: Option<&'a RawValue>,
}

/// Reads a vendor's answer.
pub(super) fn decode(body: &[u8]) -> Result<ChatResponse, Error> {
    if has_error(body) {
        return Err(error::reported(body));
    }
    let strange = |why: String| {
        Error::new(
            ErrorKind::Server,
            format!("the vendor's answer cannot be read: {why}"),
        )
    };
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|e| strange(e.to_string()))?;
    let content = blocks(answer.content).map_err(|e| strange(e.message().to_owned()))?;

    let mut response = ChatResponse {
        id: answer.id.unwrap_or_default(),
        model: answer.model.unwrap_or_default(),
        content,
        stop: stop::read(
            answer.stop_reason.as_deref().unwrap_or("end_turn"),
            answer.stop_sequence.as_deref(),
            answer.stop_details,
        ),
        usage: answer.usage.map(|counts| counts.usage()),
        service_tier: service_tier(body),
        ..ChatResponse::default()
    };
    response.stop.reason = match response.stop.reason {
        StopReason::EndTurn if response.calls_tools() => StopReason::ToolUse,
        StopReason::ToolUse if !response.calls_tools() => StopReason::EndTurn,
        reason => reason,
    };
    if let Some(words) = stop::explanation(&response.stop) {
        response.content.push(Content::Refusal(words));
    }
    for (name, raw) in OWN_MEMBERS.iter().zip([
        answer.container,
        answer.context_management,
        answer.diagnostics,
        answer.input_transformations,
    ]) {
        if let Some(raw) = raw.filter(|raw| raw.get() != "null") {
            response.extra.insert(*name, raw.into());
        }
    }
    Ok(response)
}

fn blocks(raw: &RawValue) -> Result<Vec<Content>, Error> {
    let value = Value::new(raw, Path::ROOT.member("content"));
    if value.is_null() {
        return Ok(Vec::new());
    }
    value
        .items()?
        .map(|block| read_block(&block))
        // Some relays answer with a text that is empty: that is no text.
        .filter(|part| !matches!(part, Ok(Content::Text { text, .. }) if text.is_empty()))
        .collect()
}

fn service_tier(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Top {
        usage: Tier,
    }
    #[derive(Deserialize)]
    struct Tier {
        service_tier: String,
    }
    let top: Top = serde_json::from_slice(body).ok()?;
    Some(top.usage.service_tier)
}

/// Writes an answer for a caller.
pub(super) fn encode(response: &ChatResponse, asked: &Asked<'_>) -> Bytes {
    let id = message_id(&response.id, asked.created);
    let mut refusal = String::new();
    let mut content = Vec::new();
    for part in &response.content {
        match part {
            Content::Refusal(words) => refusal.push_str(words),
            part => content.extend(written(part, &response.stop, &id, content.len())),
        }
    }
    let model = match asked.model {
        "" => response.model.as_str(),
        model => model,
    };
    let usage = response.usage.unwrap_or_default();
    let mut out = ObjectWriter::new();
    out.field("id", &id)
        .field("type", "message")
        .field("role", "assistant")
        .field("model", model)
        .field("content", &content)
        .field(
            "stop_reason",
            stop::name(&response.stop, !refusal.is_empty()),
        )
        .field("stop_sequence", &response.stop.sequence)
        .optional("stop_details", stop::details(&response.stop, &refusal))
        .field(
            "usage",
            &Written::new(&usage, response.service_tier.as_deref()),
        );
    own_members(&response.extra, &mut out);
    out.finish().into()
}

fn own_members(extra: &Extra, out: &mut ObjectWriter) {
    for name in OWN_MEMBERS {
        out.optional(name, extra.get(name));
    }
}

fn written<'a>(part: &'a Content, stop: &Stop, message: &str, index: usize) -> Option<Block<'a>> {
    Some(match part {
        Content::Text { text, .. } if text.is_empty() => return None,
        Content::Text {
            text, citations, ..
        } => Block::Text {
            text: text.as_str().into(),
            citations: citations.iter().filter_map(citation).collect(),
            cache_control: None,
        },
        Content::Thinking(thinking) => match &thinking.redacted {
            Some(data) => Block::RedactedThinking { data },
            None => Block::Thinking {
                thinking: &thinking.text,
                signature: thinking::signature(thinking.signature.as_deref(), thinking.origin),
            },
        },
        Content::ToolCall(call) => Block::ToolUse {
            id: call_id(&call.id, message, index),
            name: call.name.as_str().into(),
            input: input(call).unwrap_or_else(|| match stop.reason {
                // Cut off in the middle: what there is means nothing.
                StopReason::MaxTokens | StopReason::ContextWindow => Json::empty_object(),
                _ => wrapped(&call.arguments),
            }),
            cache_control: None,
        },
        Content::Other { dialect, json } if *dialect == NAME => Block::Raw(json),
        _ => return None,
    })
}

/// A citation as this dialect writes it: the vendor's own, or one of a web page.
pub(super) fn citation(citation: &Citation) -> Option<Cow<'_, Json>> {
    match &citation.raw {
        Some((NAME, json)) => Some(Cow::Borrowed(json)),
        _ => {
            let url = citation.url.as_deref()?;
            Some(Cow::Owned(json::object(|o| {
                o.field("type", "web_search_result_location")
                    .field("url", url)
                    .field("title", &citation.title)
                    .field(
                        "cited_text",
                        citation.cited_text.as_deref().unwrap_or_default(),
                    )
                    // SDKs want the member; empty, it tells us later that no vendor made it.
                    .field("encrypted_index", "");
            })))
        }
    }
}

/// An id of the form callers know. A vendor that gives none gets one that no other answer of this process has.
pub(super) fn message_id(id: &str, created: u64) -> String {
    static ANSWERS: AtomicU64 = AtomicU64::new(0);
    const LONGEST: usize = 64;
    if id.is_empty() {
        let n = ANSWERS.fetch_add(1, Ordering::Relaxed);
        return format!("msg_{created:x}_{n:x}");
    }
    if id.starts_with("msg_") {
        return id.to_owned();
    }
    format!("msg_{}", alias(id, LONGEST))
}

/// The id of a call; some vendors give none.
pub(super) fn call_id<'a>(id: &'a str, message: &str, index: usize) -> Cow<'a, str> {
    if id.is_empty() {
        let message = message.strip_prefix("msg_").unwrap_or(message);
        Cow::Owned(format!("toolu_{message}_{index}"))
    } else {
        Cow::Borrowed(id)
    }
}

/// What `message_start` and `message_delta` say of the cost.
pub(super) fn written_usage(usage: Option<&Usage>) -> Written<'static> {
    Written::new(&usage.copied().unwrap_or_default(), None)
}

#[cfg(test)]
mod tests;
