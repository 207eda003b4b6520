//! OpenAI's Responses, and what the vendors who imitate it make of it.
//!
//! ```
//! use trunkline::{
//!     chat::{ChatRequest, Fidelity, Message},
//!     dialect::{Dialect, Target, openai_responses::OpenAiResponses},
//!     dialect::Quirks,
//! };
//!
//! let request = ChatRequest::new("any", vec![Message::system("Be brief."), Message::user("hi")]);
//! let mut report = Fidelity::new();
//! let body = OpenAiResponses.encode_request(&request, &Target::new("gpt-4o", &Quirks::NONE), &mut report)?;
//! assert_eq!(
//!     body,
//!     r#"{"model":"gpt-4o","instructions":"Be brief.","input":[{"role":"user","content":"hi"}],"store":false}"#
//! );
//! # Ok::<_, trunkline::Error>(())
//! ```
//!
//! Nothing is stored here, nor at a vendor on behalf of a translation: every request carries its whole conversation. What a caller
//! keeps at a vendor (`previous_response_id`, item references, prompts, conversations) can therefore only be passed through to a
//! vendor of this dialect.
//!
//! Answers written for callers hold every event that OpenAI's own clients wait for, in OpenAI's order. What they echo of the request
//! is the model's name alone.

mod count;
mod error;
mod mend;
mod reasoning;
mod request;
mod response;
mod stream;
mod usage;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    Asked, Conversation, Counter, Dialect, EventDecoder, EventEncoder, Front, Observer, Target,
    alias::alias, openai_chat, unsaid,
};
use crate::{
    chat::{ChatEvent, ChatRequest, ChatResponse, Fidelity, Note, Usage},
    dialect::Call,
    error::Error,
    operation::Operation,
    wire::Frame,
};

/// OpenAI's Responses, both halves.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiResponses;

/// The dialect's name.
const NAME: &str = "openai-responses";

/// The longest name of a tool.
const MAX_TOOL_NAME: usize = 64;

/// The longest id of a call.
const MAX_CALL_ID: usize = 64;

/// What stands between a namespace and a tool's name where the two are one name. No vendor has it in names of its own.
const NAMESPACE: &str = "::";

impl Dialect for OpenAiResponses {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, call: &Call<'_>) -> Cow<'static, str> {
        Cow::Borrowed(match call.operation {
            Operation::CountTokens => "/responses/input_tokens",
            _ => "/responses",
        })
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
        reasoning::opaque_values(json)
    }

    fn mend(&self, body: &[u8], error: &Error, report: &mut Fidelity) -> Option<Bytes> {
        mend::mend(body, error, report)
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

impl Front for OpenAiResponses {
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
        unsaid::foreign_part(event, NAME).or_else(|| unsaid::citation(event, NAME))
    }

    fn encode_error(&self, error: &Error) -> Bytes {
        openai_chat::error::body(error, NAME)
    }

    fn error_frame(&self, error: &Error) -> Frame {
        error::frame(error, 0)
    }

    fn last_words(&self, error: &Error, first: Option<&Frame>, sent: u64) -> Bytes {
        error::last_words(error, first, sent)
    }

    fn heartbeat(&self) -> Option<Bytes> {
        // One newline: a comment line. With two, some parsers see an empty event.
        Some(Bytes::from_static(b": keep-alive\n"))
    }

    fn passed(&self, frame: Frame) -> Option<Frame> {
        stream::is_of_the_dialect(&frame).then_some(frame)
    }

    fn ending(&self, _last: Option<&Frame>) -> Option<Frame> {
        // The last event holds the whole answer, which cannot be made up; a stream without it has failed before it comes here.
        None
    }

    fn conversation(&self) -> Conversation {
        Conversation::Input
    }

    fn encode_models(&self, models: &[&str]) -> Bytes {
        openai_chat::response::models(models)
    }

    fn encode_model(&self, model: &str) -> Bytes {
        openai_chat::response::model(model).to_string().into()
    }
}
