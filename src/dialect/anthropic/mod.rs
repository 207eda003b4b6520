//! Anthropic's Messages.
//!
//! The rules that shape this folder: every answer to a tool call stands first in the user turn after it, one per call;
//! thinking goes back only to who signed it; each generation of models takes other settings; and clients need
//! `event:` names, a `message_start` before anything else and token counts in `message_delta`.

mod count;
mod error;
mod mend;
mod models;
mod opaque;
mod request;
mod response;
mod schema;
mod stop;
mod stream;
mod thinking;
mod usage;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{
    Asked, Counter, Dialect, EventDecoder, EventEncoder, Front, Observer, Target, alias::alias,
    unsaid,
};
use crate::{
    chat::{ChatEvent, ChatRequest, ChatResponse, Fidelity, Note, Usage},
    dialect::Call,
    error::Error,
    json,
    operation::Operation,
    wire::Frame,
};

/// What Bedrock's Converse, which serves the same models, has in common with this dialect.
pub(in crate::dialect) mod shared {
    pub(in crate::dialect) use super::{
        models::{Abilities, abilities},
        request::{
            Plan, allowed, free_text, input, names_in_history, note_schema, object_schema, plan,
            wrapped,
        },
        schema::normalise,
    };
}

/// The dialect's name.
const NAME: &str = "anthropic";

/// The most characters of a tool's name.
const MAX_TOOL_NAME: usize = 128;

/// The version sent if the caller named none.
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// Anthropic's Messages, both halves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anthropic;

impl Dialect for Anthropic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, call: &Call<'_>) -> Cow<'static, str> {
        Cow::Borrowed(match call.operation {
            Operation::CountTokens => "/messages/count_tokens",
            _ => "/messages",
        })
    }

    fn headers(&self, headers: &mut HeaderMap) {
        // The caller's version is part of what its body means.
        headers.entry("anthropic-version").or_insert(VERSION);
    }

    fn encode_request(
        &self,
        request: &ChatRequest,
        target: &Target<'_>,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        request::encode(request, target, report)
    }

    fn decode_response(&self, body: &[u8]) -> Result<ChatResponse, Error> {
        response::decode(body)
    }

    fn decoder(&self) -> Box<dyn EventDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn observer(&self) -> Box<dyn Observer> {
        Box::new(stream::Watcher::default())
    }

    fn usage(&self, body: &[u8]) -> Option<Usage> {
        usage::of_response(body)
    }

    fn mend(&self, body: &[u8], error: &Error, report: &mut Fidelity) -> Option<Bytes> {
        mend::mend(body, error, report)
    }

    fn opaque_values(&self, json: &[u8]) -> Vec<usize> {
        opaque::values(json)
    }

    fn forget(
        &self,
        body: &[u8],
        _model: &str,
        foreign: &dyn Fn(&str) -> bool,
        report: &mut Fidelity,
    ) -> Option<Bytes> {
        mend::forget(body, foreign, report)
    }

    fn tool_name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        alias(name, MAX_TOOL_NAME)
    }

    fn counter(&self) -> Option<&'static dyn Counter> {
        Some(&Self)
    }

    fn front(&self) -> Option<&'static dyn Front> {
        Some(&Self)
    }
}

impl Front for Anthropic {
    fn decode_request(&self, body: &[u8]) -> Result<ChatRequest, Error> {
        request::decode(body)
    }

    fn encode_response(&self, response: &ChatResponse, asked: &Asked<'_>) -> Bytes {
        response::encode(response, asked)
    }

    fn encoder(&self, asked: &Asked<'_>) -> Box<dyn EventEncoder> {
        Box::new(stream::Encoder::new(asked))
    }

    fn unsaid(&self, event: &ChatEvent) -> Option<Note> {
        unsaid::foreign_part(event, NAME)
            .or_else(|| unsaid::citation(event, NAME))
            .or_else(|| unsaid::logprobs(event))
    }

    fn encode_error(&self, error: &Error) -> Bytes {
        error::body(error)
    }

    fn error_status(&self, error: &Error) -> StatusCode {
        error::status(error)
    }

    fn error_frame(&self, error: &Error) -> Frame {
        error::frame(error)
    }

    fn heartbeat(&self) -> Option<Bytes> {
        Some(Bytes::from_static(
            b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
        ))
    }

    fn passed(&self, frame: Frame) -> Option<Frame> {
        let is_bad = match frame.name() {
            // A sign of life that cannot be read is no reason to give up the answer.
            Some("ping") => !crate::json::is_object(frame.data()),
            _ => frame.has_data() && frame.data().is_empty(),
        };
        (!is_bad).then_some(frame)
    }

    fn ending(&self, last: Option<&Frame>) -> Option<Frame> {
        let name = last.and_then(Frame::name);
        (name != Some("message_stop"))
            .then(|| Frame::new(Some("message_stop"), r#"{"type":"message_stop"}"#))
    }

    fn encode_models(&self, models: &[&str]) -> Bytes {
        let mut out = json::ObjectWriter::new();
        out.array("data", models.iter().map(|id| wire::Model::new(id)))
            .field("has_more", &false)
            .field("first_id", &models.first())
            .field("last_id", &models.last());
        out.finish().into()
    }

    fn encode_model(&self, model: &str) -> Bytes {
        // A struct of strings: this cannot fail.
        serde_json::to_vec(&wire::Model::new(model))
            .unwrap_or_default()
            .into()
    }
}

#[cfg(test)]
mod tests;
