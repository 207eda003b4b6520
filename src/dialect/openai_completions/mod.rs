//! OpenAI's Completions, the API before Chat: a prompt in, its continuation out.
//!
//! Callers of it are served by any vendor: the prompt becomes a user's turn. A vendor that has the endpoint for the model gets the
//! caller's bytes ([`Quirks::completions`](crate::dialect::Quirks)), so base models still continue a text.
//!
//! ```
//! use trunkline::dialect::{Dialect, openai_completions::OpenAiCompletions};
//!
//! let front = OpenAiCompletions.front().ok_or("it serves callers")?;
//! let chat = front.decode_request(br#"{"model":"m","prompt":"Once upon","max_tokens":9}"#)?;
//! assert_eq!(chat.messages.len(), 1);
//! # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
//! ```

mod request;
mod response;
mod stream;

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    Asked, Call, Conversation, Dialect, EventDecoder, EventEncoder, Front, Target,
    openai_chat::{self, OpenAiChat},
    unsaid,
};
use crate::{
    chat::{Block, ChatEvent, ChatRequest, ChatResponse, Delta, Fidelity, Loss, Note, Usage},
    error::Error,
    wire::Frame,
};

/// OpenAI's Completions, both halves.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiCompletions;

/// The dialect's name.
const NAME: &str = "openai-completions";

impl Dialect for OpenAiCompletions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, _call: &Call<'_>) -> Cow<'static, str> {
        Cow::Borrowed("/completions")
    }

    fn encode_request(
        &self,
        request: &ChatRequest,
        target: &Target<'_>,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        request::encode(request, target, report)
    }

    // Answers differ from those of Chat in one member, which its reader knows too.

    fn decode_response(&self, body: &[u8]) -> Result<ChatResponse, Error> {
        OpenAiChat.decode_response(body)
    }

    fn decoder(&self) -> Box<dyn EventDecoder> {
        OpenAiChat.decoder()
    }

    fn usage(&self, body: &[u8]) -> Option<Usage> {
        OpenAiChat.usage(body)
    }

    fn front(&self) -> Option<&'static dyn Front> {
        Some(&Self)
    }
}

impl Front for OpenAiCompletions {
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
        let (path, why) = match event {
            ChatEvent::BlockStart { block, .. } => match block {
                Block::Text | Block::Refusal => return None,
                Block::Thinking | Block::RedactedThinking { .. } => {
                    ("response.thinking", "completions tell no reasoning")
                }
                Block::ToolCall { .. } => ("response.tool_calls", "completions call no tools"),
                _ => ("response.content", "completions are text"),
            },
            ChatEvent::Delta {
                delta: Delta::Citation(_),
                ..
            } => ("response.citations", "completions name no sources"),
            ChatEvent::Logprobs(chat) if response::logprobs(chat, 0).is_none() => {
                ("response.logprobs", "they cannot be told in this shape")
            }
            _ => return None,
        };
        Some(unsaid::note(path, Loss::Dropped, why))
    }

    fn encode_error(&self, error: &Error) -> Bytes {
        openai_chat::error::body(error, NAME)
    }

    fn error_frame(&self, error: &Error) -> Frame {
        OpenAiChat.error_frame(error)
    }

    fn heartbeat(&self) -> Option<Bytes> {
        OpenAiChat.heartbeat()
    }

    fn is_usage_only(&self, frame: &Frame) -> bool {
        OpenAiChat.is_usage_only(frame)
    }

    fn ask_for_usage(&self, body: &Bytes) -> Option<Bytes> {
        OpenAiChat.ask_for_usage(body)
    }

    fn ending(&self, last: Option<&Frame>) -> Option<Frame> {
        OpenAiChat.ending(last)
    }

    fn conversation(&self) -> Conversation {
        Conversation::Unchecked
    }

    fn encode_models(&self, models: &[&str]) -> Bytes {
        OpenAiChat.encode_models(models)
    }

    fn encode_model(&self, model: &str) -> Bytes {
        OpenAiChat.encode_model(model)
    }
}

#[cfg(test)]
mod tests;
