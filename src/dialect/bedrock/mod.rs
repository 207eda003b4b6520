//! Amazon Bedrock's Converse.
//!
//! The rules that shape this folder: the model and the wish for a stream stand in the path; many makers' models are spoken to in
//! one spelling, and each refuses something else, so what a model takes is looked up by its family; turns alternate and the
//! results of all calls of a turn stand together in the next one; no text may be blank; a cache breakpoint is a block of its own;
//! and the events of a stream are named by their frame, not by their payload.
//!
//! Only the vendor half is here: nobody is served in this dialect.
//!
//! Reasoning that is signed, or encrypted, was made by Anthropic's models: no other maker signs here. Its signature is the one that
//! Anthropic's own endpoints give, and it is good at both. So signed reasoning has the origin `anthropic`, and what Anthropic's dialect
//! brings is sent to Claude here. Reasoning without a signature has the origin `bedrock-converse`, and no model takes it back.

mod answer;
mod citations;
mod count;
mod error;
mod event;
mod mend;
mod models;
mod reasoning;
mod request;
mod stop;
mod stream;
#[cfg(test)]
mod tests;
mod usage;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;
use http::response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Call, Counter, Dialect, EventDecoder, Target, alias::alias};
use crate::{
    chat::{ChatRequest, ChatResponse, Fidelity, Usage},
    error::Error,
    operation::Operation,
};

/// The dialect's name.
const NAME: &str = "bedrock-converse";

/// The most characters of a tool's name.
const MAX_TOOL_NAME: usize = 64;

/// What stands in a model's id on a path as it is: the id is one segment, whatever is in it.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Amazon Bedrock's Converse, the vendor half.
#[derive(Clone, Copy, Debug, Default)]
pub struct Converse;

impl Dialect for Converse {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self, call: &Call<'_>) -> Cow<'static, str> {
        let verb = match call.operation {
            Operation::CountTokens => "count-tokens",
            _ if call.stream => "converse-stream",
            _ => "converse",
        };
        let model = utf8_percent_encode(call.model, PLAIN);
        format!("/model/{model}/{verb}").into()
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
        Box::new(stream::Decoder::default())
    }

    fn usage(&self, body: &[u8]) -> Option<Usage> {
        usage::of_body(body)
    }

    fn classify(&self, parts: &response::Parts, body: &[u8]) -> Error {
        error::classify(parts, body)
    }

    fn mend(&self, body: &[u8], error: &Error, report: &mut Fidelity) -> Option<Bytes> {
        mend::mend(body, error, report)
    }

    fn counter(&self) -> Option<&'static dyn Counter> {
        Some(&Self)
    }

    fn tool_name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        alias(name, MAX_TOOL_NAME)
    }
}
