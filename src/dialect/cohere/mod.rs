//! Cohere's Chat, version 2: the vendor half.
//!
//! Its tools are OpenAI's, its content parts nearly so; what differs is small and everywhere: `p` and `k`, a `tool_plan` in place of
//! text before a call, citations as ranges, words in capitals for why an answer ended.
//!
//! ```
//! use trunkline::{
//!     chat::{ChatRequest, Fidelity, Message},
//!     dialect::{Dialect, Quirks, Target, cohere::Cohere},
//! };
//!
//! let request = ChatRequest::new("any", vec![Message::user("hi")]);
//! let body = Cohere.encode_request(&request, &Target::new("command-a", &Quirks::NONE), &mut Fidelity::new())?;
//! assert_eq!(body, r#"{"model":"command-a","messages":[{"role":"user","content":"hi"}],"stream":false}"#);
//! # Ok::<_, trunkline::Error>(())
//! ```

mod answer;
mod request;
mod wire;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;
use http::{StatusCode, response};

use super::{Call, Dialect, EventDecoder, Target, alias::alias, classify};
use crate::{
    chat::{ChatRequest, ChatResponse, Fidelity},
    error::Error,
};

/// Cohere's Chat, version 2.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cohere;

/// The dialect's name.
const NAME: &str = "cohere";

/// The longest name of a tool.
const MAX_TOOL_NAME: usize = 64;

impl Dialect for Cohere {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, _call: &Call<'_>) -> Cow<'static, str> {
        Cow::Borrowed("/chat")
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
        answer::decode(body)
    }

    fn decoder(&self) -> Box<dyn EventDecoder> {
        Box::new(answer::Decoder::default())
    }

    fn classify(&self, parts: &response::Parts, body: &[u8]) -> Error {
        // This vendor's word for a token it does not accept; elsewhere it is one for "no capacity".
        let status = match parts.status.as_u16() {
            498 => StatusCode::UNAUTHORIZED,
            _ => parts.status,
        };
        classify(NAME, status, &parts.headers, body)
    }

    fn tool_name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        alias(name, MAX_TOOL_NAME)
    }
}
