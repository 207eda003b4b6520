//! OpenAI's Chat Completions, and what the many vendors who imitate it make of it.
//!
//! ```
//! use trunkline::{
//!     chat::{ChatRequest, Fidelity, Message},
//!     dialect::{Dialect, Target, openai_chat::OpenAiChat},
//!     dialect::Quirks,
//! };
//!
//! let request = ChatRequest::new("any", vec![Message::user("hi")]);
//! let mut report = Fidelity::new();
//! let body = OpenAiChat.encode_request(&request, &Target::new("gpt-4o", &Quirks::NONE), &mut report)?;
//! assert_eq!(body, r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#);
//! # Ok::<_, trunkline::Error>(())
//! ```
//!
//! What vendors send is read with patience (numbers as texts, whole calls in one chunk, calls without an index, usage in any of
//! five places); what callers send is read strictly and with the path of whatever is wrong; what is written is what OpenAI
//! itself would have sent.

pub(super) mod error;
pub(super) mod finish;
mod forget;
pub(super) mod model;
mod opaque;
pub(super) mod reasoning;
pub(super) mod request;
pub(super) mod response;
mod stream;
pub(super) mod usage;
pub(super) mod wire;

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    Asked, Dialect, EventDecoder, EventEncoder, Front, Observer, Target, alias::alias, unsaid,
};
use crate::{
    chat::{
        Block, ChatEvent, ChatRequest, ChatResponse, Effort, Fidelity, Loss, Note, Tool, ToolKind,
        Usage,
    },
    dialect::{Call, Quirks},
    error::Error,
    media::MediaKind,
    wire::Frame,
};

/// OpenAI's Chat Completions, both halves.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiChat;

/// The dialect's name.
const NAME: &str = "openai-chat";

/// The longest name of a tool.
const MAX_TOOL_NAME: usize = 64;

/// Is it one of OpenAI's hosted models, as far as its name tells?
pub(crate) fn is_openais(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let apart = ["codex-", "computer-use"];
    model::Model::new(name).is_openai() || apart.iter().any(|start| name.starts_with(start))
}

/// Are there calls with function tools that this model refuses in this dialect?
pub(crate) fn may_refuse_tools(model: &str) -> bool {
    model::Model::new(model).refuses_tools(Some(Effort::Low))
}

/// Does this model refuse this call's function tools here, because it would think?
pub(crate) fn refuses_tools(model: &str, request: &ChatRequest) -> bool {
    let level = request.reasoning.as_ref().and_then(request::level);
    let is_function = |tool: &Tool| matches!(tool.kind, ToolKind::Function { .. });
    model::Model::new(model).refuses_tools(level) && request.tools.iter().any(is_function)
}

impl Dialect for OpenAiChat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, _call: &Call<'_>) -> Cow<'static, str> {
        Cow::Borrowed("/chat/completions")
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
        Box::new(stream::Watcher::new())
    }

    fn usage(&self, body: &[u8]) -> Option<Usage> {
        usage::of_body(body)
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
        forget::forget(body, foreign, report)
    }

    fn needs_bytes(&self, kind: MediaKind, _url: &str, quirks: &Quirks) -> bool {
        match kind {
            MediaKind::Image => false,
            // One that takes no documents at all says so before anything is fetched.
            MediaKind::Document => quirks.files,
            MediaKind::Audio => true,
        }
    }

    fn tool_name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        alias(name, MAX_TOOL_NAME)
    }

    fn front(&self) -> Option<&'static dyn Front> {
        Some(&Self)
    }
}

impl Front for OpenAiChat {
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
        match event {
            ChatEvent::BlockStart {
                block:
                    Block::Other {
                        dialect: NAME,
                        json,
                    },
                ..
            } if stream::part_slot(json).is_none() => Some(unsaid::note(
                "response.content",
                Loss::Dropped,
                "this part has no place in an answer",
            )),
            _ => unsaid::foreign_part(event, NAME).or_else(|| unsaid::citation(event, NAME)),
        }
    }

    fn encode_error(&self, error: &Error) -> Bytes {
        error::body(error, NAME)
    }

    fn error_frame(&self, error: &Error) -> Frame {
        error::frame(error)
    }

    fn heartbeat(&self) -> Option<Bytes> {
        // One newline: a comment line. With two, some parsers see an empty event.
        Some(Bytes::from_static(b": keep-alive\n"))
    }

    fn is_usage_only(&self, frame: &Frame) -> bool {
        stream::is_usage_only(frame)
    }

    fn ask_for_usage(&self, body: &Bytes) -> Option<Bytes> {
        request::ask_for_usage(body)
    }

    fn ending(&self, last: Option<&Frame>) -> Option<Frame> {
        let done = last.is_some_and(|frame| frame.data().trim_ascii_start().starts_with(b"[DONE]"));
        (!done).then(|| Frame::new(None, "[DONE]"))
    }

    fn encode_models(&self, models: &[&str]) -> Bytes {
        response::models(models)
    }

    fn encode_model(&self, model: &str) -> Bytes {
        response::model(model).to_string().into()
    }
}
