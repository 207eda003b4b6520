//! Whole answers, read.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{NAME, citations, reasoning, stop, usage::Counts};
use crate::{
    Json,
    chat::{ChatResponse, Content, StopReason, ToolCall},
    error::{Error, ErrorKind},
    json,
};

/// The dialect in whose words images of an answer are carried: it is the one whose callers have a place for them.
pub(super) const IMAGES_DIALECT: &str = "openai-chat";

/// The kind of call that the vendor answers itself.
pub(super) const HOSTED: &str = "server_tool_use";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    output: Output<'a>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(borrow, default)]
    additional_model_response_fields: Option<&'a RawValue>,
    #[serde(borrow, default)]
    trace: Option<&'a RawValue>,
    #[serde(default)]
    service_tier: Option<Tier>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Tier {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_use: Option<ToolUse<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Reasoning<'a>>,
    #[serde(borrow, default)]
    citations_content: Option<Cited<'a>>,
    #[serde(borrow, default)]
    image: Option<Image<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse<'a> {
    #[serde(borrow, default)]
    tool_use_id: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow, default)]
    reasoning_text: Option<ReasoningText<'a>>,
    #[serde(borrow, default)]
    redacted_content: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ReasoningText<'a> {
    #[serde(borrow, default)]
    text: Cow<'a, str>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Cited<'a> {
    #[serde(borrow, default)]
    content: Vec<Words<'a>>,
    #[serde(borrow, default)]
    citations: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Words<'a> {
    #[serde(borrow, default)]
    text: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Image<'a> {
    #[serde(borrow, default)]
    format: Cow<'a, str>,
    #[serde(borrow, default)]
    source: Option<Bytes<'a>>,
}

#[derive(Deserialize)]
struct Bytes<'a> {
    #[serde(borrow, default)]
    bytes: Option<Cow<'a, str>>,
}

/// Reads a vendor's answer.
pub(super) fn decode(body: &[u8]) -> Result<ChatResponse, Error> {
    let strange = |why: serde_json::Error| {
        let message = format!("the vendor's answer cannot be read: {why}");
        Error::new(ErrorKind::Server, message)
    };
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(strange)?;
    let mut content = Vec::new();
    for raw in &answer.output.message.content {
        let block: Block<'_> = serde_json::from_str(raw.get()).map_err(strange)?;
        read(block, raw, &mut content);
    }
    let fields = answer.additional_model_response_fields;
    let word = answer.stop_reason.as_deref().unwrap_or("end_turn");
    let sequence = fields.and_then(stop_sequence);
    let mut response = ChatResponse {
        stop: stop::read(word, sequence.as_deref(), !content.is_empty())?,
        content,
        usage: answer.usage.map(|counts| counts.usage()),
        service_tier: answer.service_tier.map(|tier| tier.kind),
        ..ChatResponse::default()
    };
    response.stop.reason = match response.stop.reason {
        StopReason::EndTurn if response.calls_tools() => StopReason::ToolUse,
        StopReason::ToolUse if !response.calls_tools() => StopReason::EndTurn,
        reason => reason,
    };
    for (name, raw) in [
        ("additionalModelResponseFields", fields),
        ("trace", answer.trace),
    ] {
        if let Some(raw) = raw.filter(|raw| raw.get() != "null") {
            response.extra.insert(name, raw.into());
        }
    }
    Ok(response)
}

fn read(block: Block<'_>, raw: &RawValue, content: &mut Vec<Content>) {
    if let Some(text) = block.text {
        if !text.is_empty() {
            content.push(Content::text(text));
        }
    } else if let Some(cited) = block.citations_content {
        let text: String = cited.content.iter().map(|words| &*words.text).collect();
        let found = cited.citations.into_iter().map(citations::read);
        match content.last_mut() {
            // Sources of what was said before.
            Some(Content::Text { citations, .. }) if text.is_empty() => citations.extend(found),
            _ => content.push(Content::Text {
                text,
                citations: found.collect(),
                cache: None,
            }),
        }
    } else if let Some(reasoning) = block.reasoning_content {
        if let Some(data) = reasoning.redacted_content {
            content.push(Content::Thinking(reasoning::redacted(&data)));
        }
        if let Some(text) = reasoning.reasoning_text {
            let thinking = reasoning::plain(&text.text, text.signature.as_deref());
            content.push(Content::Thinking(thinking));
        }
    } else if let Some(call) = block
        .tool_use
        .filter(|call| call.kind.as_deref() != Some(HOSTED))
    {
        let input = call.input.map(RawValue::get).filter(|it| *it != "null");
        content.push(Content::ToolCall(ToolCall::new(
            call.tool_use_id,
            call.name,
            input.unwrap_or("{}"),
        )));
    } else if let Some(image) = block.image
        && let Some(bytes) = image.source.and_then(|source| source.bytes)
    {
        content.push(Content::Other {
            dialect: IMAGES_DIALECT,
            json: image_part(&image.format, &bytes),
        });
    } else {
        content.push(Content::Other {
            dialect: NAME,
            json: raw.into(),
        });
    }
}

/// An image of the answer as callers know it.
pub(super) fn image_part(format: &str, bytes: &str) -> Json {
    let url = json::object(|o| {
        o.field("url", &format!("data:image/{format};base64,{bytes}"));
    });
    json::object(|o| {
        o.field("type", "image_url").field("image_url", &url);
    })
}

/// The stop text that was hit, where Claude tells it.
pub(super) fn stop_sequence(fields: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Fields {
        stop_sequence: Option<String>,
        /// It is here in a stream.
        delta: Option<Box<Fields>>,
    }
    let fields: Fields = serde_json::from_str(fields.get()).ok()?;
    fields.stop_sequence.or_else(|| fields.delta?.stop_sequence)
}
