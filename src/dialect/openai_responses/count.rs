//! `POST /responses/input_tokens`.

use bytes::Bytes;

use super::{OpenAiResponses, request};
use crate::{
    chat::ChatRequest,
    dialect::{Counter, counter},
    error::Error,
};

/// What the vendor counts. Other members are unknown to it there.
const COUNTED: &[&str] = &[
    "model",
    "instructions",
    "input",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "truncation",
    "conversation",
    "previous_response_id",
];

impl Counter for OpenAiResponses {
    fn question(&self, body: &Bytes, _model: &str) -> Result<Bytes, Error> {
        Ok(counter::only(body, COUNTED)?.finish().into())
    }

    fn conversation(&self, body: &[u8]) -> Result<ChatRequest, Error> {
        request::decode(body)
    }

    fn read(&self, body: &[u8]) -> Option<u64> {
        counter::number(body, "input_tokens")
    }

    fn write(&self, tokens: u64) -> Bytes {
        format!("{{\"object\":\"response.input_tokens\",\"input_tokens\":{tokens}}}").into()
    }
}
