//! What `InvokeModelWithResponseStream` wraps: the model's own events, in base64, in JSON, in messages named `chunk`.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use memchr::memmem;
use serde::Deserialize;

use super::message::{Kind, Message, MessageError};
use crate::{
    json::{ObjectWriter, Value, object},
    wire::Frame,
};

/// What Bedrock adds to the last event.
const METRICS: &str = "amazon-bedrock-invocationMetrics";

/// Anthropic's words for the exceptions of a stream; any other is its `api_error`.
const ERRORS: &[(&str, &str)] = &[
    ("modelTimeoutException", "timeout_error"),
    ("serviceUnavailableException", "overloaded_error"),
    ("throttlingException", "rate_limit_error"),
    ("validationException", "invalid_request_error"),
];

/// The model's own event, as Anthropic would have sent it; nothing for messages that carry none.
pub(super) fn unwrap(message: Message) -> Result<Option<Frame>, MessageError> {
    if message.kind == Kind::Exception {
        return Ok(Some(exception(&message)));
    }
    if message.name.as_deref() != Some("chunk") {
        return Ok(None);
    }
    #[derive(Deserialize)]
    struct Chunk<'a> {
        #[serde(borrow)]
        bytes: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<Cow<'a, str>>,
    }
    let chunk: Chunk<'_> = serde_json::from_slice(&message.payload)
        .map_err(|_| MessageError::Malformed("a chunk has no `bytes`"))?;
    let event = STANDARD
        .decode(chunk.bytes.as_bytes())
        .map_err(|_| MessageError::Malformed("a chunk's `bytes` are not base64"))?;
    let kind = serde_json::from_slice::<Event<'_>>(&event)
        .map_err(|_| MessageError::Malformed("a chunk holds no JSON object"))?
        .kind
        .map(Cow::into_owned);
    let event = match memmem::find(&event, METRICS.as_bytes()) {
        Some(_) => without_metrics(&event).unwrap_or(event),
        None => event,
    };
    Ok(Some(Frame::new(kind.as_deref(), event)))
}

/// None if there is nothing to leave out: the model may speak of it, too.
fn without_metrics(event: &[u8]) -> Option<Vec<u8>> {
    let members = Value::root(event).ok()?.object().ok()?.into_extra();
    members.get(METRICS)?;
    let mut out = ObjectWriter::new();
    for (name, value) in members.iter().filter(|(name, _)| *name != METRICS) {
        out.field(name, value);
    }
    Some(out.finish())
}

fn exception(message: &Message) -> Frame {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Payload {
        #[serde(alias = "Message")]
        message: Option<String>,
        original_message: Option<String>,
        original_status_code: Option<u16>,
    }
    let name = message.name.as_deref().unwrap_or_default();
    let said: Payload = serde_json::from_slice(&message.payload).unwrap_or_default();
    let known = ERRORS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, kind)| *kind);
    // A failure of the model keeps the status it had.
    let kind = known.unwrap_or(match said.original_status_code {
        Some(400) => "invalid_request_error",
        Some(408 | 504) => "timeout_error",
        Some(429) => "rate_limit_error",
        Some(503 | 529) => "overloaded_error",
        _ => "api_error",
    });
    let text = said.message.or(said.original_message).unwrap_or_default();
    let text = match text.as_str() {
        "" => format!("the vendor reported {name}"),
        _ => text,
    };
    let error = object(|out| {
        out.field("type", kind).field("message", &text);
    });
    let body = object(|out| {
        out.field("type", "error").field("error", &error);
    });
    Frame::new(Some("error"), body.as_str().as_bytes().to_vec())
}
