//! Whole answers.

use std::{borrow::Cow, collections::VecDeque};

use bytes::Bytes;

use super::{
    NAME, error,
    stream::{Encoder, Reader},
    usage,
    wire::Answer,
};
use crate::{
    chat::{ChatResponse, Collector, Content, EventSink, Stop, StopReason, Usage},
    dialect::{Asked, EventEncoder, has_error},
    error::{Error, ErrorKind},
    json::{self, Json},
};

/// Reads an answer.
pub(super) fn decode(body: &[u8]) -> Result<ChatResponse, Error> {
    let broken = |why: &str| {
        Error::new(
            ErrorKind::Server,
            format!("the vendor's answer cannot be read: {why}"),
        )
    };
    if has_error(body) {
        return Err(error::reported(body));
    }
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| broken(&error.to_string()))?;
    if answer.status.as_str() == "failed" {
        return Err(error::reported(body));
    }
    if answer.output.is_none() {
        return Err(broken("it has no output"));
    }
    let mut sink = EventSink::new();
    Reader::default().finish(&answer, "", &mut sink)?;
    sink.end();
    let mut collector = Collector::new();
    while let Some(event) = sink.next_event() {
        collector.push(event);
    }
    let mut response = collector.finish();
    response.created = answer.created_at.0;
    response.service_tier = Some(answer.service_tier.as_str().to_owned()).filter(|t| !t.is_empty());
    if let Some(metadata) = answer.metadata.filter(|raw| raw.get().starts_with('{')) {
        response.extra.insert("metadata", metadata.into());
    }
    for part in &mut response.content {
        if let Content::Thinking(thinking) = part {
            let signature = super::reasoning::maker(thinking).1.map(str::to_owned);
            thinking.signature = signature;
            thinking.origin = Some(NAME);
        }
    }
    Ok(response)
}

/// Writes an answer: what its stream would have ended with.
pub(super) fn encode(response: &ChatResponse, asked: &Asked<'_>) -> Bytes {
    let mut sink = EventSink::new();
    response.replay(&mut sink);
    let created = response.created.unwrap_or(asked.created);
    let asked = Asked { created, ..*asked };
    let mut encoder = Encoder::new(&asked);
    let mut frames = VecDeque::new();
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut frames);
        frames.clear();
    }
    let metadata = response.extra.get("metadata");
    let whole = encoder.answer(response.service_tier.as_deref(), metadata);
    whole.to_string().into()
}

/// What every spelling of one answer begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) id: &'a str,
    pub(super) created: u64,
    pub(super) model: &'a str,
}

/// The rest of an answer.
#[derive(Debug, Default)]
pub(super) struct Body<'a> {
    pub(super) output: &'a [Json],
    pub(super) usage: Option<&'a Usage>,
    pub(super) error: Option<&'a Json>,
    pub(super) incomplete: Option<&'static str>,
    pub(super) tier: Option<&'a str>,
    pub(super) metadata: Option<&'a Json>,
}

impl Head<'_> {
    /// The answer as it stands.
    pub(super) fn with(&self, status: &str, body: &Body<'_>) -> Json {
        let incomplete = body.incomplete.map(|reason| {
            json::object(|o| {
                o.field("reason", reason);
            })
        });
        let reasoning = json::object(|o| {
            o.field("effort", &None::<&str>)
                .field("summary", &None::<&str>);
        });
        let text = json::object(|o| {
            let format = json::object(|o| {
                o.field("type", "text");
            });
            o.field("format", &format);
        });
        let empty = Json::empty_object();
        // Strict clients insist on every member that has a value or a null here.
        json::object(|o| {
            o.field("id", self.id)
                .field("object", "response")
                .field("created_at", &self.created)
                .field("status", status)
                .field("background", &false)
                .field("error", &body.error)
                .field("incomplete_details", &incomplete)
                .field("instructions", &None::<&str>)
                .field("max_output_tokens", &None::<u64>)
                .field("model", self.model)
                .array("output", body.output)
                .field("parallel_tool_calls", &true)
                .field("previous_response_id", &None::<&str>)
                .field("reasoning", &reasoning)
                .optional("service_tier", body.tier)
                .field("store", &false)
                .field("temperature", &None::<f64>)
                .field("text", &text)
                .field("tool_choice", "auto")
                .array("tools", [] as [Json; 0])
                .field("top_p", &None::<f64>)
                .field("truncation", "disabled")
                .field("usage", &body.usage.map(usage::write))
                .field("user", &None::<&str>)
                .field("metadata", body.metadata.unwrap_or(&empty));
        })
    }

    /// The answer that has failed.
    pub(super) fn failed(&self, error: &Json) -> Json {
        let id = id(self.id, self.created);
        let head = Head { id: &id, ..*self };
        let body = Body {
            error: Some(error),
            ..Body::default()
        };
        head.with("failed", &body)
    }
}

/// The id of an answer, with the prefix that clients know.
pub(super) fn id(id: &str, created: u64) -> Cow<'_, str> {
    if id.starts_with("resp_") {
        Cow::Borrowed(id)
    } else if id.is_empty() {
        Cow::Owned(format!("resp_{created:x}"))
    } else {
        Cow::Owned(format!("resp_{id}"))
    }
}

/// Why an answer is not complete; none if it is.
pub(super) fn incomplete(stop: &Stop) -> Option<&'static str> {
    match stop.reason {
        StopReason::EndTurn | StopReason::StopSequence | StopReason::ToolUse => None,
        // A paused turn is not done either: there is no other word for it.
        StopReason::MaxTokens | StopReason::ContextWindow | StopReason::Pause => {
            Some("max_output_tokens")
        }
        StopReason::Refusal => Some("content_filter"),
    }
}
