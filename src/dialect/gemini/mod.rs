//! Google's Gemini: `generateContent` and `streamGenerateContent`.
//!
//! The rules that shape this folder: the model and the wish for a stream stand in the path, not in the body; a frame of a stream is
//! a whole answer with the new parts only, and nothing marks the end but `finishReason` and the end of the body; a signature may
//! stand on any part and has to come back on the same one; results of tools are paired by name and order, ids are optional; and
//! clients of this dialect break on comments, on `event:` lines and on `[DONE]`.

mod answer;
mod count;
mod error;
mod finish;
mod mend;
mod models;
mod opaque;
mod partial;
mod parts;
mod request;
mod response;
mod schema;
mod schema_read;
pub(crate) mod signature;
mod stream;
mod usage;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    Asked, Conversation, Counter, Dialect, EventDecoder, EventEncoder, Front, Observer, Quirks,
    Target, alias::alias, unsaid,
};
use crate::{
    chat::{Block, ChatEvent, ChatRequest, ChatResponse, Fidelity, Note, Usage},
    dialect::Call,
    error::Error,
    media::MediaKind,
    operation::Operation,
    wire::Frame,
};

/// The dialect's name.
pub(crate) const NAME: &str = "gemini";

/// The most characters of a tool's name, on every platform and with every model.
const MAX_TOOL_NAME: usize = 64;

/// What stands in a model's name on a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'@');

/// Google's Gemini, both halves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gemini;

impl Dialect for Gemini {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, call: &Call<'_>) -> Cow<'static, str> {
        let (folder, model) = match call.model.split_once('/') {
            Some((folder @ ("models" | "tunedModels"), model)) => (folder, model),
            _ => ("models", call.model),
        };
        let verb = match call.operation {
            Operation::CountTokens => "countTokens",
            _ if call.stream => "streamGenerateContent?alt=sse",
            _ => "generateContent",
        };
        let model = utf8_percent_encode(model, PLAIN);
        format!("/{folder}/{model}:{verb}").into()
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
        usage::of_body(body)
    }

    fn opaque_values(&self, json: &[u8]) -> Vec<usize> {
        opaque::values(json)
    }

    fn mend(&self, body: &[u8], error: &Error, report: &mut Fidelity) -> Option<Bytes> {
        mend::mend(body, error, report)
    }

    fn forget(
        &self,
        body: &[u8],
        model: &str,
        foreign: &dyn Fn(&str) -> bool,
        report: &mut Fidelity,
    ) -> Option<Bytes> {
        mend::forget(body, model, foreign, report)
    }

    fn tool_name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        tool_name(name)
    }

    fn needs_bytes(&self, _kind: MediaKind, url: &str, _quirks: &Quirks) -> bool {
        !request::is_googles(url)
    }

    fn counter(&self) -> Option<&'static dyn Counter> {
        Some(&Self)
    }

    fn front(&self) -> Option<&'static dyn Front> {
        Some(&Self)
    }
}

impl Front for Gemini {
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
        let image = matches!(
            event,
            ChatEvent::BlockStart {
                block: Block::Other { dialect: answer::IMAGES_DIALECT, json },
                ..
            } if parts::inline_image(json).is_some()
        );
        if image {
            return None;
        }
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
        // Clients of this dialect take a comment for a broken answer.
        None
    }

    fn passed(&self, frame: Frame) -> Option<Frame> {
        stream::passed(frame)
    }

    fn ending(&self, _last: Option<&Frame>) -> Option<Frame> {
        None
    }

    fn conversation(&self) -> Conversation {
        Conversation::Unchecked
    }

    fn encode_models(&self, models: &[&str]) -> Bytes {
        response::models(models)
    }

    fn encode_model(&self, model: &str) -> Bytes {
        response::model(model).to_string().into()
    }
}

/// A name the vendor takes: it begins with a letter or `_`.
fn tool_name(name: &str) -> Cow<'_, str> {
    let begins = |name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    if name.len() <= MAX_TOOL_NAME && begins(name) && name.chars().all(legal) {
        return Cow::Borrowed(name);
    }
    let alias = alias(name, MAX_TOOL_NAME - 1);
    if begins(&alias) {
        Cow::Owned(alias.into_owned())
    } else {
        Cow::Owned(format!("_{alias}"))
    }
}

#[cfg(test)]
mod edge_tests;
#[cfg(test)]
mod tests;
